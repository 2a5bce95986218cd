"""Files that are whole or not there, stable JSON, hashes, and arrays that grow on disk."""

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spare white space: equal values give equal text. NaN raises ValueError."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def json_line(value: Any) -> bytes:
    return f"{canonical_json(value)}\n".encode("utf-8", "surrogatepass")


def read_json_lines(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        for line in file:
            yield json.loads(line.decode("utf-8", "surrogatepass"))


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


def replace_file(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Replaces a file in one step: a reader, or a crash at any moment, sees the old content or the new.

    The new file has the permissions `mode`, less the umask, from its first byte on.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:  # noqa: PTH123 - Path.open has none
            file.write(data)
        sync_file(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def map_array(path: Path) -> NDArray[Any]:
    """A .npy file as an array that is read from disk where it is touched. Raises OSError or ValueError."""
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))  # slices of a memmap would each cost a microsecond


def save_array(path: Path, array: NDArray[Any]) -> None:
    """As numpy.save, which says nothing when the disk is full as it writes the last bytes. Raises OSError."""
    with GrowingArray(path, array.dtype, array.shape[1:]) as file:
        file.append(array)


class GrowingArray:
    """A new .npy file that takes rows until it is closed; only what is appended at once is in memory.

    Use as a context manager. Numpy leaves room in a file's head for the number of rows, which is known at the end.
    """

    def __init__(self, path: Path, dtype: DTypeLike, shape: tuple[int, ...] = ()) -> None:
        """`shape` is that of one row."""
        self.dtype = np.dtype(dtype)
        self.rows = 0
        self._shape = shape
        self._file = path.open("w+b")
        self._write_head()

    def append(self, rows: NDArray[Any]) -> None:
        """Adds rows of shape (n, *shape). Raises ValueError for another shape."""
        if rows.shape[1:] != self._shape:
            raise ValueError(f"rows of shape {rows.shape[1:]}, wanted {self._shape}")
        self._file.write(np.ascontiguousarray(rows, dtype=self.dtype).tobytes())
        self.rows += len(rows)

    def _write_head(self) -> None:
        description = np.lib.format.dtype_to_descr(self.dtype)
        head = {"descr": description, "fortran_order": False, "shape": (self.rows, *self._shape)}
        self._file.seek(0)
        np.lib.format.write_array_header_1_0(self._file, head)

    def __enter__(self) -> "GrowingArray":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        with self._file:
            if kind is None:
                self._write_head()
