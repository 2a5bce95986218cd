"""Atomic replacement of files, canonical JSON, hashes, and the time as it is stored."""

import hashlib
import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no white space between tokens: equal values give equal text. Raises ValueError for NaN."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def json_bytes(value: Any) -> bytes:
    """`canonical_json` in UTF-8, lone surrogates included."""
    return canonical_json(value).encode("utf-8", "surrogatepass")


def json_line(value: Any) -> bytes:
    return json_bytes(value) + b"\n"


def from_json(data: bytes) -> Any:
    """The inverse of `json_line`; accepts any JSON. Raises ValueError."""
    try:
        return json.loads(data.decode("utf-8", "surrogatepass"))
    except RecursionError:
        raise ValueError("it is nested too deeply (recursion)") from None


def sha256_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_json(value: Any) -> str:
    """Equal values give equal digests."""
    return sha256_bytes(json_bytes(value))


def sha256_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def same_content(first: Path, second: Path) -> bool:
    """Compares two files by size and SHA-256, in bounded memory. Raises OSError."""
    return first.stat().st_size == second.stat().st_size and sha256_file(first) == sha256_file(second)


def now() -> str:
    """In ISO form, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def sync_folder(folder: Path) -> None:
    """Makes new names in the folder survive a power failure. Does nothing on Windows, where folders cannot be opened."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Waits until a file's content is on disk."""
    with path.open("r+b") as file:  # Windows flushes only files that are open for writing
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Replaces a file in one step: readers see, and a crash leaves, either the old content or the new.

    The new file is created with the permissions `mode`, less the umask. Raises OSError.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:  # noqa: PTH123 - Path.open has no opener
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
