"""Vectors that come with their documents, so that nothing has to be embedded here."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.index.embedding_journal import EmbeddingJournal
from rag.numeric import Vectors


class GivenVectors:
    """Keeps vectors by the key of their text in a temporary file, until they are written in the order of the passages.

    `embedded` counts those that were computed for this build; `dim` is 0 without any vector.
    """

    def __init__(self, path: Path, model: str) -> None:
        """`model` is the model's digest."""
        self.embedded = self.dim = 0
        self._path, self._model = path, model
        self._journal: EmbeddingJournal | None = None

    def __contains__(self, key: bytes) -> bool:
        return self._journal is not None and key in self._journal

    def add(self, keys: Sequence[bytes], vectors: Vectors, *, reused: bool) -> None:
        """Vectors of shape (len(keys), dim) for keys that have not been added yet. Raises OSError."""
        if self._journal is None:
            self.dim = vectors.shape[1]
            self._journal = EmbeddingJournal(self._path, model=self._model, dim=self.dim)
        self._journal.add(keys, vectors)
        self.embedded += 0 if reused else len(keys)

    def vector(self, key: bytes) -> NDArray[np.float32]:
        """Raises KeyError for a key that was not added."""
        if self._journal is None:
            raise KeyError(key)
        return self._journal.vector(key)

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
