"""The builds in an index folder: which one is live, which one was before, and the lock that keeps two builders apart.

CURRENT            names the live build; replacing this one small file is the commit
FORMER             names the build that was live before, if it is kept
builds/<name>/     one build each; `.staging-…` is one that is being written
builder.lock       held by the builder; builder.json says who that is and how far it is
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

from rag.errors import BuildLocked, IndexBroken, IndexMissing
from rag.storage.files import canonical_json, replace_file, sync_file, sync_folder

Report = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""

CURRENT, FORMER = "CURRENT", "FORMER"
PROBED = 0.5  # seconds to wait for the lock at least: `builder_of` holds it for a moment
REPORT_EVERY = 0.5  # seconds between two notes of how far the builder is


def live_build(index: Path) -> Path:
    """The folder of the live build. Raises IndexMissing or, when CURRENT names no build, IndexBroken."""
    folder = _named_build(index, CURRENT)
    if folder is None:
        raise IndexMissing(f"there is no index in {index}; run `rag build` to make one")
    return folder


def previous_build(index: Path) -> Path | None:
    """The folder of the build that was live before the present one; None if it is not kept. Raises IndexBroken."""
    folder = _named_build(index, FORMER)
    return None if folder is None or folder == live_build(index) else folder


def _named_build(index: Path, pointer: str) -> Path | None:
    try:
        name = (index / pointer).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise IndexBroken(
            f"{index / pointer} cannot be read ({error}); mend that, or name another folder with --index"
        ) from error
    folder = index / "builds" / name
    if not name or "/" in name or "\\" in name or name.startswith(".") or not (folder / "manifest.json").is_file():
        raise IndexBroken(f"{index / pointer} names no build; run `rag build` to make the index anew")
    return folder


def new_staging(index: Path) -> Path:
    """An empty folder on the same disk as the builds, to write the next one in."""
    builds = index / "builds"
    builds.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=".staging-", dir=builds))


def commit_build(index: Path, staging: Path, name: str, *, previous: Path | None) -> Path:
    """Makes the files in `staging` the live build called `name`, or `name-2`, …; replacing CURRENT is the moment that counts.

    `previous` is kept for `roll_back`; every other build is removed. Readers hold theirs open.
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
    """Names the build that `roll_back` goes back to, or none."""
    if previous is None:
        (index / FORMER).unlink(missing_ok=True)
    elif not (index / FORMER).is_file() or (index / FORMER).read_bytes() != f"{previous.name}\n".encode():
        replace_file(index / FORMER, f"{previous.name}\n".encode())


def roll_back(index: Path, previous: Path) -> None:
    """Makes the former build live, and what was live the former."""
    live = live_build(index)
    replace_file(index / CURRENT, f"{previous.name}\n".encode())
    keep_previous(index, live)


def sweep_builds(index: Path, *, unfinished: bool = False) -> None:
    """Removes all builds but the live and the former one, and what killed builders left; only the latter if `unfinished`."""
    for left in orphans(index):
        if unfinished and not left.name.startswith("."):
            continue
        if left.is_dir():
            # What cannot be removed now, because a reader on Windows has it open, is removed next time.
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def orphans(index: Path) -> list[Path]:
    """What no build needs: folders of builds that are neither live nor former, and files that killed builders left."""
    kept = set()
    for pointer in (CURRENT, FORMER):
        with suppress(IndexBroken):
            kept.add(_named_build(index, pointer))
    builds = (index / "builds").iterdir() if (index / "builds").is_dir() else ()
    return sorted(folder for folder in builds if folder.is_dir() and folder not in kept) + sorted(index.glob(".*.tmp"))


def builder_of(index: Path) -> dict[str, Any] | None:
    """Who builds this index now: {"pid", "since", "what", "done", "total"}, the last three once it has begun; None if nobody."""
    if not (index / "builder.json").exists():  # the note that a builder holds, or that a killed one left
        return None
    from filelock import FileLock, Timeout

    try:
        with FileLock(index / "builder.lock", timeout=0):
            return None
    except Timeout:
        return _holder(index)


def _holder(index: Path) -> dict[str, Any]:
    try:
        held = json.loads((index / "builder.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def describe_builder(held: dict[str, Any]) -> str:
    """(process 12, since 2026-01-01T12:00:00+00:00, embedding 3 of 9), as far as it is known."""
    known = [f"process {held['pid']}, since {held['since']}"] if {"pid", "since"} <= held.keys() else []
    known += [f"{held['what']} {held['done']} of {held['total']}"] if {"what", "done", "total"} <= held.keys() else []
    return f" ({', '.join(known)})" if known else ""


@contextmanager
def build_lock(index: Path, *, wait: bool = False) -> Iterator[Report]:
    """Holds the builder's lock; the operating system frees it when the process ends, however it ends.

    Gives a function that leaves a note of how far the build is, for `builder_of`. Raises BuildLocked when another
    holds it, unless told to wait.
    """
    from filelock import FileLock, Timeout

    index.mkdir(parents=True, exist_ok=True)
    lock = FileLock(index / "builder.lock")
    try:
        lock.acquire(timeout=-1 if wait else PROBED)
    except Timeout:
        who = describe_builder(_holder(index))
        raise BuildLocked(f"another build of {index} is running{who}; wait until it ends, or say --wait") from None
    try:
        with _note(index / "builder.json") as report:
            yield report
    finally:
        lock.release()


@contextmanager
def _note(path: Path) -> Iterator[Report]:
    about = {"pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
    path.write_text(canonical_json(about), encoding="utf-8")
    noted = monotonic()

    def report(what: str, done: int, total: int) -> None:
        nonlocal noted
        if monotonic() - noted > REPORT_EVERY:
            noted = monotonic()
            path.write_text(canonical_json(about | {"what": what, "done": done, "total": total}), encoding="utf-8")

    try:
        yield report
    finally:
        path.unlink(missing_ok=True)
