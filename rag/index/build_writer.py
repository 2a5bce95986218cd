"""Writes a build document by document, so that memory does not grow with the texts."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from rag.config import DenseSettings
from rag.index.abbreviations import abbreviations_line
from rag.index.build_files import (
    ABBREVIATIONS,
    ASKING,
    DENSE,
    DOCUMENTS,
    IDS,
    KEYS,
    MOMENTS,
    PASSAGES,
    PHRASES,
    TABULAR,
    VECTORS,
)
from rag.index.builds import Report
from rag.index.dense import factory_for, write_dense
from rag.index.entries import Entry
from rag.index.given_vectors import GivenVectors
from rag.index.line_table import Lines, LineWriter
from rag.index.manifest import Manifest, Nearest, is_listed
from rag.index.missing_vectors import MissingVectors
from rag.index.phrases import phrases_line
from rag.index.stored_entries import import_pyarrow
from rag.index.stored_records import document_line, has_rows, passage_line, under_question
from rag.index.term_counts import TermCounts
from rag.models.embedder import Embedder
from rag.numeric import Vectors
from rag.records import Document, Passage
from rag.storage.arrays import GrowingArray, map_array
from rag.text.passages import embedded_text

MARKS: dict[str, Callable[[Passage], bool]] = {ASKING: under_question, TABULAR: has_rows}  # files of rows of certain passages
COPIED_AT_ONCE = 1024  # vectors; 1.5 MB at 384 dimensions


class PreviousBuild:
    """An undamaged build, from which an update copies what has not changed."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self.documents, self.passages = Lines(folder / DOCUMENTS), Lines(folder / PASSAGES)
        self.keys: NDArray[np.void] = map_array(folder / KEYS)
        self.ids: NDArray[np.uint64] = map_array(folder / IDS)
        self.marked: dict[str, NDArray[np.int32]] = {name: map_array(folder / name) for name in MARKS}
        self.abbreviations = Lines(folder / ABBREVIATIONS)
        self.phrases = Lines(folder / PHRASES)
        self.vectors: NDArray[np.float32] = map_array(folder / VECTORS)
        self.entries = manifest.corpus.documents

    @cached_property
    def row_of(self) -> dict[bytes, int]:
        """For each key, one of the rows that have it."""
        return {key: row for row, key in enumerate(self.keys.tolist())}


class BuildWriter:
    """Takes documents in the order of their ids, new or kept from the previous build, and embeds them in the background.

    `build` is the folder of the build, `work` a folder for temporary files, `journal` the file of vectors that survive an
    interrupted build. Use as a context manager and call `finish` after the last document.
    """

    def __init__(self, build: Path, work: Path, previous: PreviousBuild | None, embedder: Embedder, journal: Path) -> None:
        self.entries: list[Entry] = []
        self.passages = 0
        self._build, self._previous, self._embedder = build, previous, embedder
        self._moved = np.full(previous.manifest.passages if previous else 0, -1, dtype=np.int64)
        self._terms = TermCounts(work)
        self._seen: set[bytes] = set()
        self._open = ExitStack()
        self._missing = self._open.enter_context(MissingVectors(embedder, journal, work / "missing.jsonl"))
        self._given = GivenVectors(work / "given.journal", embedder.identity.digest)
        self._open.callback(self._given.close)
        self._files = self._open.enter_context(ExitStack())
        self._documents = self._files.enter_context(LineWriter(build / DOCUMENTS))
        self._passages = self._files.enter_context(LineWriter(build / PASSAGES))
        self._ids = self._files.enter_context(GrowingArray(build / IDS, np.uint64))
        self._marked = {name: self._files.enter_context(GrowingArray(build / name, np.int32)) for name in MARKS}
        self._abbreviations = self._files.enter_context(LineWriter(build / ABBREVIATIONS))
        self._phrases = self._files.enter_context(LineWriter(build / PHRASES))
        self._keys = self._files.enter_context(GrowingArray(build / KEYS, "V16"))

    def keep(self, number: int) -> None:
        """Copies the document with this number in the previous build. Raises ValueError if there is no previous build."""
        previous = self._previous
        if previous is None:
            raise ValueError("there is no previous build")
        entry, rows = previous.entries[number], previous.entries.rows_of(number)
        self._moved[rows.start : rows.stop] = np.arange(self.passages, self.passages + len(rows))
        self._documents.copy(previous.documents, number, number + 1)
        self._passages.copy(previous.passages, rows.start, rows.stop)
        self._keys.append(previous.keys[rows.start : rows.stop])
        self._ids.append(previous.ids[rows.start : rows.stop])
        self._abbreviations.copy(previous.abbreviations, number, number + 1)
        self._phrases.copy(previous.phrases, number, number + 1)
        for name, marked in previous.marked.items():
            here = marked[slice(*np.searchsorted(marked, [rows.start, rows.stop]))]
            self._marked[name].append(here + (self.passages - rows.start))
        self._enter(entry)

    def add(
        self, document: Document, passages: Sequence[Passage], vectors: Vectors | None = None, *, reused: bool = False
    ) -> None:
        """`vectors` are those of the passages if they have been embedded elsewhere: for this build or, if `reused`, before."""
        texts = [embedded_text(passage) for passage in passages]
        keys = [key_of(text) for text in texts]
        self._keys.append(np.frombuffer(b"".join(keys), dtype="V16"))
        missing: list[int] = []
        for position, (passage, key) in enumerate(zip(passages, keys, strict=True)):
            self._terms.add(self.passages + position, passage, document.language)
            if key not in self._seen and not (self._previous and key in self._previous.row_of):
                self._seen.add(key)
                missing.append(position)
        if vectors is None:
            for position in missing:
                self._missing.add(keys[position], texts[position])
        elif missing:
            self._given.add([keys[position] for position in missing], vectors[missing], reused=reused)
        self._documents.write([document_line(document)])
        self._passages.write([passage_line(passage) for passage in passages])
        self._ids.append(np.array([int(passage.id, 16) for passage in passages], dtype=np.uint64))
        self._abbreviations.write([abbreviations_line(passages)])
        self._phrases.write([phrases_line(passages, document.language)])
        for name, is_marked in MARKS.items():
            here = [row for row, passage in enumerate(passages) if is_marked(passage)]
            self._marked[name].append(np.array(here, dtype=np.int32) + self.passages)
        cut = sum(passage.cut for passage in passages)
        notes = tuple(document.notes)
        self._enter(Entry(document.id, document.title, document.digest, len(passages), cut, notes, document.language))

    def _enter(self, entry: Entry) -> None:
        if is_listed(self.passages) and not is_listed(self.passages + entry.passages):
            import_pyarrow()  # fails now if it is missing, not after hours of embedding the remaining passages
        self.entries.append(entry)
        self.passages += entry.passages

    def finish(self, settings: DenseSettings, progress: Report) -> tuple[int, int, Nearest]:
        """Waits for the embeddings, then writes vectors and terms.

        Returns how many passages were embedded, the dimension, and how the nearest vectors are found. The model is not loaded
        if no vector was missing.
        """
        self._files.close()
        self._missing.finish(progress)
        previous = self._previous
        dim = self._given.dim or (int(previous.vectors.shape[1]) if previous and not self._missing.given else self._embedder.dim)
        self._write_vectors(dim, progress)
        vectors = map_array(self._build / VECTORS)
        factory = factory_for(self.passages, dim, settings)
        progress("preparing", 0, 2)
        nearest = write_dense(vectors, factory, self._build / MOMENTS, self._build / DENSE)
        progress("preparing", 1, 2)
        self._terms.save(self._build, [(previous.folder, self._moved)] if previous else [])
        progress("preparing", 2, 2)
        return self._missing.embedded + self._given.embedded, dim, nearest

    def _write_vectors(self, dim: int, progress: Report) -> None:
        keys = map_array(self._build / KEYS)
        progress("writing", 0, len(keys))
        with GrowingArray(self._build / VECTORS, np.float32, (dim,)) as vectors:
            for start in range(0, len(keys), COPIED_AT_ONCE):
                batch = keys[start : start + COPIED_AT_ONCE].tolist()
                vectors.append(np.stack([self._vector(key) for key in batch]))
                progress("writing", start + len(batch), len(keys))

    def _vector(self, key: bytes) -> NDArray[np.float32]:
        if self._previous and key in self._previous.row_of:
            vector: NDArray[np.float32] = self._previous.vectors[self._previous.row_of[key]]
            return vector
        return self._given.vector(key) if key in self._given else self._missing.vector(key)

    def __enter__(self) -> "BuildWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._open.close()


def key_of(text: str) -> bytes:
    """The first 16 bytes of the SHA-256 of an embedded text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
