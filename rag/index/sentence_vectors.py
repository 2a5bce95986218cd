"""Vectors of single sentences and the pairs of similar ones, kept next to the builds so that only new sentences are embedded.

sentences/<document>.npy   key and vector of each sentence of a document; the name is a digest of document, model and settings
sentences/compared.npy     the sentences compared so far, each with the number of similar ones
sentences/near.npy         the pairs of similar sentences, by key

Every build removes what belongs to no document of the index any longer. All of it can be computed again. Builds and searches
for conflicts may run at the same time: whoever changes files holds sentences.lock, next to the folder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag.index.entries import Entry
from rag.index.manifest import FORMAT, Manifest
from rag.numeric import Vectors
from rag.storage.arrays import map_array, save_array
from rag.storage.files import sha256_json

if TYPE_CHECKING:
    from filelock import FileLock

FOLDER = "sentences"
LOCK = "sentences.lock"
MOST_NEAR = 64  # similar sentences; one that has more is a pattern, such as the lines of a log, and says nothing by itself
_COMPARED, _NEAR = "compared.npy", "near.npy"
_COMPARED_ROW = np.dtype([("key", "V16"), ("near", "<i4")])
_PAIR = np.dtype([("first", "V16"), ("second", "V16")])


@dataclass(frozen=True)
class Compared:
    """`near` is the number of similar sentences of each sentence compared; `pairs` are those of which neither has too many."""

    near: dict[bytes, int]
    pairs: list[tuple[bytes, bytes]]


class SentenceVectors:
    """The vectors kept for the documents of one build."""

    def __init__(self, index: Path, manifest: Manifest) -> None:
        self._folder = index / FOLDER
        self._manifest = manifest

    def load(self, entry: Entry, keys: Sequence[bytes]) -> Vectors | None:
        """The vectors of a document's sentences, None unless those of exactly these `keys` are kept."""
        stored = _read(self._path(entry))
        if stored is None or stored["key"].tolist() != list(keys):
            return None
        vectors: Vectors = np.ascontiguousarray(stored["vector"])
        return vectors

    def save(self, entry: Entry, keys: Sequence[bytes], vectors: Vectors) -> None:
        rows = np.zeros(len(keys), dtype=[("key", "V16"), ("vector", "<f4", (vectors.shape[1],))])
        rows["key"] = np.frombuffer(b"".join(keys), dtype="V16")
        rows["vector"] = vectors
        with self._lock:
            _write(self._path(entry), rows)

    def compared(self) -> Compared:
        with self._lock:
            counts, pairs = _read(self._folder / _COMPARED), _read(self._folder / _NEAR)
        if counts is None or pairs is None:
            return Compared({}, [])
        near = {row["key"].tobytes(): int(row["near"]) for row in counts}
        known = ((row["first"].tobytes(), row["second"].tobytes()) for row in pairs)
        return Compared(near, [pair for pair in known if pair[0] in near and pair[1] in near])

    def save_compared(self, compared: Compared) -> None:
        pairs = np.array(sorted(compared.pairs), dtype=_PAIR)
        near = np.array(sorted(compared.near.items()), dtype=_COMPARED_ROW)
        with self._lock:
            _write(self._folder / _NEAR, pairs)
            _write(self._folder / _COMPARED, near)

    def sweep(self) -> None:
        """Removes what belongs to no document of the build."""
        if not self._folder.is_dir():
            return
        with self._lock:
            self._remove_stale()

    def _remove_stale(self) -> None:
        kept = {self._path(entry) for entry in self._manifest.corpus.documents}
        compared = self.compared()
        for path in sorted(self._folder.iterdir()):
            if path not in kept and path.name not in (_COMPARED, _NEAR):
                path.unlink(missing_ok=True)
        live = {key for path in kept if (stored := _read(path)) is not None for key in stored["key"].tolist()}
        if compared.near.keys() <= live:
            return
        for name in (_COMPARED, _NEAR):
            (self._folder / name).unlink(missing_ok=True)
        if all(count <= MOST_NEAR for count in compared.near.values()):  # else not all pairs are known
            self.save_compared(_without(compared, live))

    @cached_property
    def _lock(self) -> "FileLock":
        """Reentrant."""
        from filelock import FileLock  # imports asyncio, which commands that change nothing do not need

        return FileLock(self._folder.with_name(LOCK))

    def _path(self, entry: Entry) -> Path:
        contents = self._manifest.contents
        made_from = [FORMAT, contents.model.digest, contents.settings.model_dump(), entry.id, entry.digest]
        return self._folder / f"{sha256_json(made_from)[:32]}.npy"


def _without(compared: Compared, live: set[bytes]) -> Compared:
    pairs = [pair for pair in compared.pairs if pair[0] in live and pair[1] in live]
    near = {key: 0 for key in compared.near if key in live}
    for pair in pairs:
        for key in pair:
            near[key] += 1
    return Compared(near, pairs)


def _read(path: Path) -> NDArray[Any] | None:
    try:
        return map_array(path)
    except (OSError, ValueError):  # not there, or damaged: it is computed again
        return None


def _write(path: Path, rows: NDArray[Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    partial = path.with_suffix(".partial")
    save_array(partial, rows)
    partial.replace(path)
