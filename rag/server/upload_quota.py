"""Which uploads are accepted: from whom, how much in an hour, and how much in total."""

import time
from contextlib import suppress
from pathlib import Path

from rag.accounts.users import User
from rag.config import ServerSettings
from rag.server.limits import Rate
from rag.server.problems import Problem

MEASURE_SECONDS = 10.0  # between two looks at the disk; later uploads count with their Content-Length


class Quota:
    """Limits over time. Those of a single request and file are checked by RequestChecks and by gradio."""

    def __init__(self, settings: ServerSettings) -> None:
        self._kept = settings.uploads_kept
        self._an_hour = Rate(settings.uploads_an_hour, 3600)
        self._on_disk, self._measured = 0, -MEASURE_SECONDS

    def check(self, user: User, length: int) -> None:
        """Raises Problem unless this user may upload `length` bytes now."""
        if not user.may_curate:
            raise Problem(403, "not_a_curator", "only curators may add files")
        if time.monotonic() - self._measured >= MEASURE_SECONDS:
            self._on_disk, self._measured = _bytes_below(_upload_folder()), time.monotonic()
        if self._on_disk + length > self._kept:
            raise Problem(507, "uploads_full", f"more than {self._kept} bytes of uploads are waiting on disk; try again later")
        if wait := self._an_hour.take(user.name, length):
            seconds = {"Retry-After": str(wait)}
            raise Problem(429, "too_many_uploads", f"too many uploads in an hour; try again in {wait} seconds", headers=seconds)
        self._on_disk += length


def _upload_folder() -> Path:
    from gradio.utils import get_upload_folder

    return Path(get_upload_folder())


def _bytes_below(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*") if folder.is_dir() else ():
        with suppress(OSError):  # it was removed in the meantime
            total += path.lstat().st_size
    return total
