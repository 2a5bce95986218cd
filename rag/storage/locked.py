"""Updates of a file that other threads and processes may update at the same time."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from rag.storage.files import replace_file

Content = TypeVar("Content", bound=bytes | None)


def update_file(path: Path, change: Callable[[bytes | None], Content], *, mode: int = 0o600, lock: Path | None = None) -> Content:
    """Replaces a file's content by `change(content)` under a lock, so that no update is lost; returns the new content.

    `change` gets None if the file does not exist; if it returns None, the file is removed or not created. If it raises,
    nothing changes. Readers need no lock: they see the old content or the new. The lock file is `.NAME.lock` in the same
    folder unless `lock` names another, for all files of the folder; it is kept. Folders are created, and what killed
    processes left is deleted. Not reentrant: `change` must not update a file under the same lock. Raises OSError.
    """
    from filelock import FileLock  # imports asyncio, which commands that change nothing do not need

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock or path.with_name(f".{path.name}.lock"), mode=0o600):
        _sweep(path.parent, "" if lock else path.name)
        try:
            present = path.read_bytes()
        except FileNotFoundError:
            present = None
        content = change(present)
        if content is None:
            path.unlink(missing_ok=True)
        elif content != present:
            replace_file(path, content, mode=mode)
        return content


def _sweep(folder: Path, name: str) -> None:
    """Deletes unfinished files for `name`, or for all names if it is empty: under the lock, only killed processes leave any."""
    for left in folder.glob(f".{name}*.tmp"):
        left.unlink(missing_ok=True)
