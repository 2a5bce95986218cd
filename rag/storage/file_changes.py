"""Changes to several files of a folder, all or none.

Files that are replaced or removed are first moved to a hidden subfolder; it is on the same disk, so moving them back needs no
space. If the process dies, `finish_interrupted` moves them back, or deletes them if all changes had been made.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rag.storage.files import sync_file, sync_folder

_PREFIX = ".changing-"
_LOCK, _NEW, _OLD, _DONE = "lock", "new", "old", "done"


def change_files(folder: Path, changes: Mapping[str, Path | None]) -> None:
    """Replaces each named file of the folder with a copy of the given file, or removes it if None is given.

    Copies have new permissions and times. Raises OSError if anything fails; then nothing has changed.
    """
    if not changes:
        return
    from filelock import FileLock  # imports asyncio, which commands that change nothing do not need

    staging = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
    with FileLock(staging / _LOCK):
        placed: list[Path] = []
        try:
            for name, source in changes.items():
                if source is not None:
                    _copy(source, staging / _NEW / name)
            for name, source in changes.items():
                if os.path.lexists(folder / name):
                    _move(folder / name, staging / _OLD / name)
                if source is not None:
                    _move(staging / _NEW / name, folder / name)
                    placed.append(folder / name)
            for parent in sorted({(folder / name).parent for name in changes}):
                sync_folder(parent)
            (staging / _DONE).touch()
        except BaseException:
            for path in placed:
                path.unlink()
            _move_back(folder, staging)
            shutil.rmtree(staging, ignore_errors=True)
            raise
        shutil.rmtree(staging / _OLD, ignore_errors=True)
    shutil.rmtree(staging, ignore_errors=True)


def finish_interrupted(folder: Path) -> None:
    """Undoes changes whose process died midway; if all of them had been made, deletes the replaced files.

    Files that were added under new names stay. Changes that are still being made are left alone. Raises OSError.
    """
    from filelock import FileLock, Timeout

    for staging in sorted(folder.glob(f"{_PREFIX}*")):
        try:
            with FileLock(staging / _LOCK, timeout=0):
                if (staging / _DONE).exists():
                    shutil.rmtree(staging / _OLD, ignore_errors=True)
                else:
                    _move_back(folder, staging)
        except Timeout:
            continue
        shutil.rmtree(staging, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as original, target.open("xb") as copy:
        shutil.copyfileobj(original, copy)
    sync_file(target)


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)


def _move_back(folder: Path, staging: Path) -> None:
    for parent, _, names in os.walk(staging / _OLD):
        for name in names:
            path = Path(parent, name)
            path.replace(folder / path.relative_to(staging / _OLD))
