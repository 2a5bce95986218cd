"""The latest search for conflicts, shared by page, API and assistants: one at a time, and kept until the documents change."""

import threading
from collections.abc import Sequence

from rag.conflicts.finding import Findings, find_conflicts
from rag.conversation import Chat
from rag.errors import ServerBusy
from rag.index.builds import Report

RETRY_AFTER = 60  # seconds to wait before trying again while another search runs
_one_at_a_time = threading.Lock()
_latest: dict[tuple[str, str, tuple[str, ...]], Findings] = {}


def checked_conflicts(chat: Chat, only: Sequence[str] | None = None, progress: Report = lambda *_: None) -> Findings:
    """The conflicts of the live index. Raises ServerBusy while another search runs."""
    chat = chat.current()
    index, folder = chat.index(), chat.settings.index
    asked = (str(folder), index.digest, tuple(only or ()))
    if (known := _latest.get(asked)) is not None:
        return known
    if any(digest != index.digest for _, digest, _ in list(_latest)):
        forget_conflicts()
    if not _one_at_a_time.acquire(blocking=False):
        raise ServerBusy("another search for conflicts is running", RETRY_AFTER)
    try:
        findings = find_conflicts(index, chat.embedder, folder, only=only, progress=progress)
        _latest.clear()
        _latest[asked] = findings
        return findings
    finally:
        _one_at_a_time.release()


def forget_conflicts() -> None:
    """Drops the latest conflicts, which quote documents as they were."""
    _latest.clear()
