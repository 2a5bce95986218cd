"""Files that are whole or not there, stable JSON, hashes, and the lock that keeps two builders apart."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rag.errors import BuildLocked, IndexBroken, IndexMissing


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spare white space: equal values give equal text. NaN raises ValueError."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def sha256_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Makes new names in the folder survive a power failure; nothing to do where folders cannot be opened (Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Waits until a file's content is on disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """Replaces a file in one step: a reader, or a crash at any moment, sees the old content or the new."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        sync_file(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def json_lines(values: Iterable[Any]) -> bytes:
    return "".join(canonical_json(value) + "\n" for value in values).encode("utf-8", "surrogatepass")


def read_json_lines(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8", errors="surrogatepass", newline="\n") as file:
        for line in file:
            yield json.loads(line)


def live_build(index: Path) -> Path:
    """The folder of the live build. Raises IndexMissing or, when CURRENT names no build, IndexBroken."""
    try:
        name = (index / "CURRENT").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise IndexMissing(f"there is no index in {index}; run `rag build` to make one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise IndexBroken(f"{index / 'CURRENT'} cannot be read ({error}); name another folder with --index") from error
    folder = index / "builds" / name
    if not name or "/" in name or "\\" in name or name.startswith(".") or not (folder / "manifest.json").is_file():
        raise IndexBroken(f"{index / 'CURRENT'} names no build; run `rag build` to make the index anew")
    return folder


def new_staging(index: Path) -> Path:
    """An empty folder on the same disk as the builds, to write the next one in."""
    builds = index / "builds"
    builds.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=".staging-", dir=builds))


def commit_build(index: Path, staging: Path, name: str) -> Path:
    """Makes the files in `staging` the live build called `name`, or `name-2`, …; replacing CURRENT is the moment that counts.

    Nothing of former builds is left, so neither is a removed document; readers hold theirs in memory.
    """
    builds = index / "builds"
    taken = {folder.name for folder in builds.iterdir()}
    free = next(candidate for number in count(1) if (candidate := name if number == 1 else f"{name}-{number}") not in taken)
    for file in staging.iterdir():
        sync_file(file)
    sync_folder(staging)
    staging.replace(builds / free)
    sync_folder(builds)
    replace_file(index / "CURRENT", f"{free}\n".encode())
    sweep_builds(index)
    return builds / free


def sweep_builds(index: Path) -> None:
    """Removes all builds but the live one, and what killed builders left. What cannot be removed now is next time."""
    live = live_build(index).name
    for folder in (index / "builds").iterdir():
        if folder.name != live and folder.is_dir():
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def build_lock(index: Path) -> Iterator[None]:
    """Holds the builder's lock; the operating system frees it when the process ends, however it ends.

    Raises BuildLocked at once when another process holds it.
    """
    index.mkdir(parents=True, exist_ok=True)
    holder = index / "builder.json"
    lock = FileLock(index / "builder.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise BuildLocked(f"another build of {index} is running{_held_by(holder)}; wait until it ends") from None
    try:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        holder.write_text(canonical_json({"pid": os.getpid(), "since": now}), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _held_by(holder: Path) -> str:
    try:
        held = json.loads(holder.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return f" (process {held['pid']}, since {held['since']})"
