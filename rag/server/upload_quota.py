"""Uploads that wait to be added: in a private folder, from whom, how much in an hour, how much in total, and for how long."""

import atexit
import os
import re
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from rag.accounts.users import User
from rag.config import ServerSettings
from rag.server.limits import Rate
from rag.server.problems import Problem

MEASURE_SECONDS = 10.0  # between two looks at the disk; later uploads count with their Content-Length
KEPT_SECONDS = 3600.0  # the page adds a file right after its upload; what is older was broken off or abandoned
_FOLDER = re.compile(r"rag-uploads-(\d+)-.*")  # with the process that made it


def private_uploads() -> Path:
    """Makes a folder for the uploads of this process that no other user of this machine can read or replace, and has gradio
    use it unless GRADIO_TEMP_DIR names one. Folders of processes that no longer run are deleted. Idempotent.
    """
    if (given := os.environ.get("GRADIO_TEMP_DIR")) is not None:
        return Path(given)
    for folder in Path(tempfile.gettempdir()).glob("rag-uploads-*"):
        match = _FOLDER.fullmatch(folder.name)
        if match and not _runs(int(match[1])):
            shutil.rmtree(folder, ignore_errors=True)  # another user's cannot be deleted
    made = tempfile.mkdtemp(prefix=f"rag-uploads-{os.getpid()}-")  # readable by this user only
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    os.environ["GRADIO_TEMP_DIR"] = made
    return Path(made)


def _runs(process: int) -> bool:
    if os.name == "nt":  # there a signal ends the process, whatever its number
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to somebody else
        return True
    return True


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
            self._on_disk, self._measured = _swept(_upload_folder()), time.monotonic()
        if self._on_disk + length > self._kept:
            raise Problem(507, "uploads_full", f"more than {self._kept} bytes of uploads are waiting on disk; try again later")
        if wait := self._an_hour.take(user.name, length):
            seconds = {"Retry-After": str(wait)}
            raise Problem(429, "too_many_uploads", f"too many uploads in an hour; try again in {wait} seconds", headers=seconds)
        self._on_disk += length


def _upload_folder() -> Path:
    from gradio.utils import get_upload_folder

    return Path(get_upload_folder())


def _swept(folder: Path) -> int:
    """Deletes files that have been there too long; returns the bytes of those that are left."""
    total, oldest = 0, time.time() - KEPT_SECONDS
    for path in folder.rglob("*") if folder.is_dir() else ():
        with suppress(OSError):  # it was removed in the meantime
            status = path.lstat()
            if not path.is_dir() and status.st_mtime < oldest:
                path.unlink()
            else:
                total += status.st_size
    return total
