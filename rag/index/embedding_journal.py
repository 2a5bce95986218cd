"""A journal of vectors, so that an interrupted build does not have to compute them again."""

import errno
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.errors import IndexBroken
from rag.storage.files import json_line

CHECKED_AT_ONCE = 1024  # records


class EmbeddingJournal:
    """An append-only file of vectors by the key of their text.

    It survives a killed process: each record holds a checksum, and incomplete records are ignored. Vectors of another model or
    dimension are discarded when the journal is opened.
    """

    def __init__(self, path: Path, *, model: str, dim: int) -> None:
        """`model` is the model's digest."""
        self._path = path
        self._record = np.dtype([("key", "V16"), ("vector", "<f4", (dim,)), ("check", "V8")])
        header = json_line({"dim": dim, "model": model})
        if not path.exists() or not _begins(path, header):
            path.write_bytes(header)
        self._start = len(header)
        self._numbers = self._read()
        self._file = path.open("r+b", buffering=0)
        self._count = (path.stat().st_size - self._start) // self._record.itemsize
        self._file.truncate(self._start + self._count * self._record.itemsize)
        self._file.seek(0, 2)

    def __contains__(self, key: bytes) -> bool:
        return key in self._numbers

    def add(self, keys: Sequence[bytes], vectors: NDArray[np.float32]) -> None:
        """Appends vectors of shape (len(keys), dim). Once it returns, they survive a kill of the process. Raises OSError."""
        records = np.zeros(len(keys), dtype=self._record)
        records["key"] = np.frombuffer(b"".join(keys), dtype="V16")
        records["vector"] = vectors
        records["check"] = np.frombuffer(b"".join(map(_check, keys, records["vector"])), dtype="V8")
        data = records.tobytes()
        if self._file.write(data) != len(data):  # an unbuffered write to a full disk is short, not an error
            raise OSError(errno.ENOSPC, "No space left on device", str(self._path))
        self._numbers |= {key: number for number, key in enumerate(keys, start=self._count)}
        self._count += len(keys)

    def vector(self, key: bytes) -> NDArray[np.float32]:
        """The vector of a key. Raises KeyError, or IndexBroken if the record has changed since the journal was opened."""
        self._file.seek(self._start + self._numbers[key] * self._record.itemsize)
        record = np.frombuffer(self._file.read(self._record.itemsize), dtype=self._record)[0]
        vector: NDArray[np.float32] = record["vector"]
        if record["key"].tobytes() != key or record["check"].tobytes() != _check(key, vector):
            raise IndexBroken(f"{self._path} was changed by another program during the build; run `rag build` again")
        return vector

    def close(self) -> None:
        self._file.close()

    def _read(self) -> dict[bytes, int]:
        numbers: dict[bytes, int] = {}
        with self._path.open("rb") as file:
            file.seek(self._start)
            number = 0
            while data := file.read(CHECKED_AT_ONCE * self._record.itemsize):
                whole = len(data) // self._record.itemsize * self._record.itemsize
                for record in np.frombuffer(data[:whole], dtype=self._record):
                    if _check(record["key"].tobytes(), record["vector"]) == record["check"].tobytes():
                        numbers[record["key"].tobytes()] = number
                    number += 1
        return numbers


def _begins(path: Path, header: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(header)) == header


def _check(key: bytes, vector: NDArray[np.float32]) -> bytes:
    return hashlib.blake2b(key + vector.tobytes(), digest_size=8).digest()
