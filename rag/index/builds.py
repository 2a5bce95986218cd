"""The builds in an index folder: which one is live, which one was live before, and the lock that keeps two builders apart.

CURRENT            names the live build; replacing this small file is the commit
FORMER             names the build that was live before, if it is kept
builds/<name>/     one folder for each build; `.staging-…` is one that is being written
builder.lock       held by the builder; builder.json says which process that is and how far it has got
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

from pydantic import TypeAdapter

from rag.errors import BuildLocked, IndexBroken, IndexMissing
from rag.storage.files import canonical_json, now, replace_file, sync_file, sync_folder

Report = Callable[[str, int, int], None]
"""Called with the name of the current step, how much of it is done, and the total."""

CURRENT = "CURRENT"
FORMER = "FORMER"
SHORTEST_WAIT = 0.5  # seconds for the lock, because `builder_of` takes it for a moment
NOTE_EVERY = 0.5  # seconds between two notes of the builder's progress


@dataclass(frozen=True)
class Builder:
    """The process that is building an index, as far as its note says; the step is None before the first one."""

    pid: int | None = None
    since: str | None = None
    what: str | None = None
    done: int | None = None
    total: int | None = None

    def values(self) -> dict[str, Any]:
        """What is known, as JSON values."""
        return {name: value for name, value in asdict(self).items() if value is not None}


_BUILDER = TypeAdapter(Builder)


def live_build(index: Path) -> Path:
    """The folder of the live build. Raises IndexMissing, or IndexBroken if CURRENT does not name a build."""
    folder = _named_build(index, CURRENT)
    if folder is None:
        raise IndexMissing(f"there is no index in {index}; run `rag build` to make one")
    return folder


def previous_build(index: Path) -> Path | None:
    """The folder of the build that was live before, None if it is not kept. Raises IndexBroken."""
    folder = _named_build(index, FORMER)
    return None if folder is None or folder == live_build(index) else folder


def _named_build(index: Path, pointer: str) -> Path | None:
    try:
        name = (index / pointer).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise IndexBroken(f"{index / pointer} cannot be read ({error}); fix that, or name another folder with --index") from error
    folder = index / "builds" / name
    if not name or "/" in name or "\\" in name or name.startswith(".") or not (folder / "manifest.json").is_file():
        raise IndexBroken(f"{index / pointer} does not name a build; run `rag build` to rebuild the index")
    return folder


def new_staging(index: Path) -> Path:
    """An empty folder on the same disk as the builds, for writing the next one."""
    builds = index / "builds"
    builds.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=".staging-", dir=builds))


def commit_build(index: Path, staging: Path, name: str, *, previous: Path | None) -> Path:
    """Makes the files in `staging` the live build, called `name` (or `name-2`, …), at the moment when CURRENT is replaced.

    `previous` is kept for `roll_back`; all other builds are removed, but processes that have one open can go on reading it.
    """
    builds = index / "builds"
    taken = {folder.name for folder in builds.iterdir()}
    free = next(candidate for number in count(1) if (candidate := name if number == 1 else f"{name}-{number}") not in taken)
    for file in staging.iterdir():
        sync_file(file)
    sync_folder(staging)
    staging.replace(builds / free)
    sync_folder(builds)
    keep_previous(index, previous)
    replace_file(index / CURRENT, f"{free}\n".encode())
    sweep_builds(index)
    return builds / free


def keep_previous(index: Path, previous: Path | None) -> None:
    """Records the build that `rag rollback` returns to, or that there is none."""
    if previous is None:
        (index / FORMER).unlink(missing_ok=True)
    elif not (index / FORMER).is_file() or (index / FORMER).read_bytes() != f"{previous.name}\n".encode():
        replace_file(index / FORMER, f"{previous.name}\n".encode())


def roll_back(index: Path, previous: Path) -> None:
    """Makes the previous build live, and the live one the previous."""
    live = live_build(index)
    replace_file(index / CURRENT, f"{previous.name}\n".encode())
    keep_previous(index, live)


def sweep_builds(index: Path, *, unfinished: bool = False) -> None:
    """Removes what `orphans` lists; with `unfinished`, only what killed builders left."""
    for path in orphans(index):
        if unfinished and not path.name.startswith("."):
            continue
        if path.is_dir():
            # Windows cannot remove files that are open; the next sweep removes them.
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def orphans(index: Path) -> list[Path]:
    """Folders of builds that are neither live nor previous, and files that killed builders left."""
    kept = set()
    for pointer in (CURRENT, FORMER):
        with suppress(IndexBroken):
            kept.add(_named_build(index, pointer))
    builds = (index / "builds").iterdir() if (index / "builds").is_dir() else ()
    return sorted(folder for folder in builds if folder.is_dir() and folder not in kept) + sorted(index.glob(".*.tmp"))


def builder_of(index: Path) -> Builder | None:
    """The process that is building this index now, None if there is none."""
    if not (index / "builder.json").exists():  # a running build has this note; a killed one may have left it
        return None
    from filelock import FileLock, Timeout

    try:
        with FileLock(index / "builder.lock", timeout=0):
            return None
    except Timeout:
        return _noted_builder(index)


def _noted_builder(index: Path) -> Builder:
    try:
        return _BUILDER.validate_json((index / "builder.json").read_bytes())
    except (OSError, ValueError):  # it is being rewritten
        return Builder()


def describe_builder(builder: Builder) -> str:
    """For example " (process 12, since 2026-01-01T12:00:00+00:00, embedding 3 of 9)"; empty if nothing is known."""
    known = [f"process {builder.pid}, since {builder.since}"] if builder.pid is not None else []
    known += [f"{builder.what} {builder.done} of {builder.total}"] if builder.what is not None else []
    return f" ({', '.join(known)})" if known else ""


@contextmanager
def build_lock(index: Path, *, wait: bool = False) -> Iterator[Report]:
    """Holds the builder's lock, which the operating system frees when the process ends, even if it is killed.

    Yields a function that records the progress for `builder_of`. Raises BuildLocked while another process holds the lock,
    unless `wait`.
    """
    from filelock import FileLock, Timeout

    index.mkdir(parents=True, exist_ok=True)
    lock = FileLock(index / "builder.lock")
    try:
        lock.acquire(timeout=-1 if wait else SHORTEST_WAIT)
    except Timeout:
        who = describe_builder(_noted_builder(index))
        raise BuildLocked(f"another build of {index} is running{who}; wait until it ends, or use --wait") from None
    try:
        with _note(index / "builder.json") as note:
            yield note
    finally:
        lock.release()


@contextmanager
def _note(path: Path) -> Iterator[Report]:
    builder = Builder(os.getpid(), now())
    path.write_text(canonical_json(builder.values()), encoding="utf-8")
    noted = monotonic()

    def note(what: str, done: int, total: int) -> None:
        nonlocal noted
        if monotonic() - noted > NOTE_EVERY:
            noted = monotonic()
            updated = replace(builder, what=what, done=done, total=total)
            path.write_text(canonical_json(updated.values()), encoding="utf-8")

    try:
        yield note
    finally:
        path.unlink(missing_ok=True)
