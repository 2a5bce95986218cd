"""NumPy arrays on disk: memory-mapped for reading, or written row by row."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

# NumPy parses the header with `ast`, which in CPython 3.11 raises SystemError if two threads do so at once.
_PARSING = threading.Lock()


def map_array(path: Path) -> NDArray[Any]:
    """A .npy file as a memory-mapped, read-only array. Raises OSError or ValueError."""
    with _PARSING:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    return np.asarray(array)  # each slice of a memmap object would cost a microsecond more


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Like numpy.save, but raises OSError if the disk is full when the last bytes are flushed, which numpy.save ignores."""
    with GrowingArray(path, array.dtype, array.shape[1:]) as file:
        file.append(array)


class GrowingArray:
    """A new .npy file to which rows are appended; only the rows of one call are in memory.

    Use as a context manager. The header is written again at the end, when the number of rows is known: NumPy pads headers
    so that it still fits.
    """

    def __init__(self, path: Path, dtype: DTypeLike, shape: tuple[int, ...] = ()) -> None:
        """`shape` is the shape of one row."""
        self.dtype = np.dtype(dtype)
        self.rows = 0
        self._shape = shape
        self._file = path.open("w+b")
        self._write_header()

    def append(self, rows: NDArray[Any]) -> None:
        """Appends rows of shape (n, *shape). Raises ValueError for any other shape."""
        if rows.shape[1:] != self._shape:
            raise ValueError(f"rows of shape {rows.shape[1:]}, wanted {self._shape}")
        self._file.write(np.ascontiguousarray(rows, dtype=self.dtype).tobytes())
        self.rows += len(rows)

    def _write_header(self) -> None:
        description = np.lib.format.dtype_to_descr(self.dtype)
        header = {"descr": description, "fortran_order": False, "shape": (self.rows, *self._shape)}
        self._file.seek(0)
        np.lib.format.write_array_header_1_0(self._file, header)

    def __enter__(self) -> "GrowingArray":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        with self._file:
            if kind is None:
                self._write_header()
