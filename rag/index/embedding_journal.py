"""Vectors of a build that has not been committed yet: an interrupted build need not make them again."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.errors import IndexBroken
from rag.storage.files import json_line

CHECKED_AT_ONCE = 1024  # records


class EmbeddingJournal:
    """A file to which vectors are appended, each found by the key of its text.

    It survives the death of its process: what was written is there, and a record that was torn is passed over, because
    each holds a hash of itself. Vectors of another model are thrown away when it is opened.
    """

    def __init__(self, path: Path, *, model: str, dim: int) -> None:
        """`model` is the digest of the model."""
        self._path = path
        self._record = np.dtype([("key", "V16"), ("vector", "<f4", (dim,)), ("check", "V8")])
        head = json_line({"dim": dim, "model": model})
        if not path.exists() or not _begins(path, head):
            path.write_bytes(head)
        self._start = len(head)
        self._places = self._read()
        self._file = path.open("r+b", buffering=0)
        self._count = (path.stat().st_size - self._start) // self._record.itemsize
        self._file.truncate(self._start + self._count * self._record.itemsize)
        self._file.seek(0, 2)

    def __contains__(self, key: bytes) -> bool:
        return key in self._places

    def add(self, keys: Sequence[bytes], vectors: NDArray[np.float32]) -> None:
        """Appends vectors of shape (len(keys), dim); they are safe from a kill when this returns."""
        records = np.zeros(len(keys), dtype=self._record)
        records["key"] = np.frombuffer(b"".join(keys), dtype="V16")
        records["vector"] = vectors
        records["check"] = np.frombuffer(b"".join(map(_check, keys, records["vector"])), dtype="V8")
        data = records.tobytes()
        if self._file.write(data) != len(data):  # cut short by a full disk: writing the rest says so
            raise OSError(28, "No space left on device", str(self._path))
        self._places |= {key: self._count + place for place, key in enumerate(keys)}
        self._count += len(keys)

    def vector(self, key: bytes) -> NDArray[np.float32]:
        """Raises IndexBroken where the record is no longer what was written."""
        self._file.seek(self._start + self._places[key] * self._record.itemsize)
        record = np.frombuffer(self._file.read(self._record.itemsize), dtype=self._record)[0]
        vector: NDArray[np.float32] = record["vector"]
        if record["key"].tobytes() != key or record["check"].tobytes() != _check(key, vector):
            raise IndexBroken(f"{self._path} was changed by something else while it was being used; run `rag build` again")
        return vector

    def close(self) -> None:
        self._file.close()

    def _read(self) -> dict[bytes, int]:
        places: dict[bytes, int] = {}
        with self._path.open("rb") as file:
            file.seek(self._start)
            place = 0
            while data := file.read(CHECKED_AT_ONCE * self._record.itemsize):
                whole = len(data) // self._record.itemsize * self._record.itemsize
                for record in np.frombuffer(data[:whole], dtype=self._record):
                    if _check(record["key"].tobytes(), record["vector"]) == record["check"].tobytes():
                        places[record["key"].tobytes()] = place
                    place += 1
        return places


def _begins(path: Path, head: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(head)) == head


def _check(key: bytes, vector: NDArray[np.float32]) -> bytes:
    return hashlib.blake2b(key + vector.tobytes(), digest_size=8).digest()
