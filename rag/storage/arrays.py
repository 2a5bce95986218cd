"""Arrays on disk: read where they are touched, or growing row by row."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

# numpy parses a file's header with `ast`, which in CPython 3.11 raises SystemError if two threads do so at once.
_PARSING = threading.Lock()


def map_array(path: Path) -> NDArray[Any]:
    """A .npy file as an array that is read from disk where it is touched. Raises OSError or ValueError."""
    with _PARSING:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    return np.asarray(array)  # slices of a memmap would each cost a microsecond


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
