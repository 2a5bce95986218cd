"""Files of lines with random access: next to each is a table with the offset and a checksum of every line."""

import hashlib
import mmap
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from rag.errors import IndexBroken
from rag.storage.arrays import GrowingArray, map_array

TABLE = np.dtype([("start", "<u8"), ("check", "V8")])
COPIED_AT_ONCE = 2**20  # bytes


def table_of(name: str) -> str:
    """The name of the table of a file of lines."""
    return name.replace(".jsonl", "_lines.npy")


class LineWriter:
    """A new file of lines and its table. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        self._open = ExitStack()
        self._file = self._open.enter_context(path.open("wb"))
        self._table = self._open.enter_context(GrowingArray(path.with_name(table_of(path.name)), TABLE))
        self._end = 0

    def write(self, lines: Sequence[bytes]) -> None:
        """Appends lines; each must end with its line break."""
        lengths = np.array([len(line) for line in lines], dtype=np.int64)
        self._enter(lengths, np.frombuffer(b"".join(map(_check, lines)), dtype="V8"))
        self._file.writelines(lines)

    def copy(self, lines: "Lines", first: int, last: int) -> None:
        """Appends the lines from `first` up to `last` (exclusive) of another file unchanged."""
        self._enter(np.diff(lines.starts(first, last)), lines.checks(first, last))
        self._file.writelines(lines.blocks(first, last))

    def _enter(self, lengths: NDArray[np.int64], checks: NDArray[np.void]) -> None:
        rows = np.empty(len(lengths), dtype=TABLE)
        rows["start"] = self._end + np.cumsum(lengths) - lengths
        rows["check"] = checks
        self._table.append(rows)
        self._end += int(lengths.sum())

    def __enter__(self) -> "LineWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._open.__exit__(kind, error, traceback)


class Lines:
    """The lines of a file written by LineWriter. The file is memory-mapped, so it stays readable after it has been removed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            size = file.seek(0, 2)
            self._data: mmap.mmap | bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        self._table = map_array(path.with_name(table_of(path.name)))

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, number: int) -> bytes:
        """The line with this number, from 0. Raises IndexBroken if it is damaged."""
        start, end = self.starts(number, number + 1).tolist()
        line = self._data[start:end]
        if _check(line) != self._table["check"][number].tobytes():
            raise self._damaged(number)
        return line

    def numbers_containing(self, pattern: bytes) -> list[int]:
        """The numbers of the lines that contain these bytes, ascending. The checksums of the lines are not compared.

        Raises IndexBroken if the table contradicts the file.
        """
        numbers: list[int] = []
        position = self._data.find(pattern)
        while position >= 0:
            number = max(0, int(np.searchsorted(self._table["start"], position, side="right")) - 1)
            start, end = self.starts(number, number + 1).tolist()
            if not start <= position < end:
                raise self._damaged(number)
            numbers.append(number)
            position = self._data.find(pattern, end)
        return numbers

    def _damaged(self, number: int) -> IndexBroken:
        return IndexBroken(f"{self._path} is damaged in line {number + 1}; run `rag build` to rebuild the index")

    def starts(self, first: int, last: int) -> NDArray[np.int64]:
        """The offsets of the lines from `first` up to `last` (exclusive), and the end of the last one."""
        starts = self._table["start"][first : last + 1].astype(np.int64)
        return starts if last < len(self) else np.append(starts, len(self._data))

    def checks(self, first: int, last: int) -> NDArray[np.void]:
        checks: NDArray[np.void] = self._table["check"][first:last]
        return checks

    def blocks(self, first: int, last: int) -> Iterator[bytes]:
        """Yields the bytes of these lines, unchecked, in pieces of bounded size."""
        begin, *_, end = self.starts(first, last).tolist() if last > first else (0, 0)
        for start in range(begin, end, COPIED_AT_ONCE):
            yield self._data[start : min(end, start + COPIED_AT_ONCE)]


def _check(line: bytes) -> bytes:
    return hashlib.blake2b(line, digest_size=8).digest()
