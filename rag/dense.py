"""Nearest vectors, by FAISS: inner products of unit vectors, which are cosines. Exact (flat)."""

import struct
from functools import cached_property
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

BLOCK = 4096  # rows


class DenseIndex:
    """Rows are those of the vectors it was built from."""

    def __init__(self, index: faiss.Index) -> None:
        self._index = index

    @classmethod
    def build(cls, vectors: NDArray[np.float32]) -> "DenseIndex":
        """From float32 unit vectors of shape (n, dim)."""
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(index)

    @property
    def size(self) -> int:
        return int(self._index.ntotal)

    @property
    def dim(self) -> int:
        return int(self._index.d)

    def search(
        self, vector: NDArray[np.float32], k: int, *, rows: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The `k` best rows, or as many as there are, and their cosines, best first; only among `rows` where given."""
        wanted = min(k, self.size if rows is None else len(rows))
        if wanted == 0:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        parameters: Any = None
        if rows is not None:
            among: Any = faiss.SearchParameters  # its bindings take the fields by name, its stubs do not say so
            parameters = among(sel=faiss.IDSelectorBatch(np.asarray(rows, dtype=np.int64)))
        scores, found = self._index.search(vector.reshape(1, -1).astype(np.float32), wanted, params=parameters)
        kept = found[0] >= 0  # FAISS fills up with -1
        return found[0][kept], scores[0][kept]

    @cached_property
    def _moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean of the rows, shape (dim,), and their covariance, shape (dim, dim)."""
        total, products = np.zeros(self.dim), np.zeros((self.dim, self.dim))
        for start in range(0, self.size, BLOCK):
            rows = self._index.reconstruct_n(start, min(BLOCK, self.size - start)).astype(np.float64)
            total += rows.sum(axis=0)
            products += rows.T @ rows
        mean = total / max(1, self.size)
        return mean, products / max(1, self.size) - np.outer(mean, mean)

    def spread(self, vector: NDArray[np.float32]) -> tuple[float, float]:
        """Mean and standard deviation of the cosines of all rows, without computing each: q·μ and the root of qᵀΣq."""
        mean, covariance = self._moments
        wide = vector.astype(np.float64)
        return float(mean @ wide), float(max(0.0, float(wide @ covariance @ wide)) ** 0.5)

    def vectors(self) -> NDArray[np.float32]:
        """All rows, shape (n, dim)."""
        return self._index.reconstruct_n(0, self.size) if self.size else np.zeros((0, self.dim), dtype=np.float32)

    def similarities(self, vector: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Cosines of given rows, in their order."""
        if not len(rows):
            return np.zeros(0, dtype=np.float32)
        return self._index.reconstruct_batch(np.asarray(rows, dtype=np.int64)) @ vector.astype(np.float32)

    @staticmethod
    def write(vectors: NDArray[np.float32], path: Path) -> None:
        """The file that `load` reads, made a block at a time, so that the vectors may be mapped from a larger file.

        FAISS itself writes only what it holds in memory. The file of a flat index is that of an empty one with the number
        of rows (at byte 8) and of floats (last), followed by the rows: `faiss/impl/index_write.cpp`, `write_index_header`.
        """
        rows, dim = vectors.shape
        head = bytearray(faiss.serialize_index(faiss.IndexFlatIP(dim)).tobytes())
        struct.pack_into("<q", head, 8, rows)
        struct.pack_into("<Q", head, len(head) - 8, rows * dim)
        with path.open("wb") as file:
            file.write(head)
            for start in range(0, rows, BLOCK):
                file.write(np.ascontiguousarray(vectors[start : start + BLOCK], dtype="<f4").tobytes())

    @classmethod
    def load(cls, path: Path) -> "DenseIndex":
        return cls(faiss.read_index(str(path)))
