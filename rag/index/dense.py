"""Nearest vectors by FAISS: inner products of unit vectors, which are cosines.

Up to `dense.exact_up_to` passages, a query is compared with all vectors in the memory-mapped file. Beyond that, FAISS makes an
inverted file index (IVF): each vector is in the list of its nearest centroid, and a search probes the lists nearest to the
query. Vectors in the lists are compressed as far as the memory limit requires. A search therefore takes more candidates than
wanted and sorts them by the original vectors, so that scores are always cosines. The number of lists to probe is chosen at
every build by measuring the recall of the ten nearest vectors.

HNSW was rejected: it takes more memory than the vectors, ten times as long to build, and cannot be written in parts. An update
trains the lists again with the same seeds, so that it equals a build from scratch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from math import isqrt
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from rag.config import DenseSettings
from rag.index.manifest import Nearest
from rag.storage.arrays import map_array, save_array

_BINDINGS: Any = faiss  # its stubs lack some names
ID_BYTES = 8  # FAISS's row number of a vector in a list
BLOCK = 4096  # rows; 6 MB at 384 dimensions
SEED = 7
VECTORS_PER_LIST = 64  # for training the centroids
FEWEST_PER_LIST = 39  # FAISS warns if there are fewer vectors per list
PQ_CENTROIDS = 256  # of each part of a product quantiser, which are trained like lists
MOST_LISTS = 4096  # bounds the memory for training: 400 MB at 384 dimensions
OVERSAMPLING = 4  # candidates taken from the lists, per result wanted
RECALL_WANTED = 0.98  # of the ten nearest; a build with less reports it
RECALL_SOUGHT = 0.995  # above RECALL_WANTED, because recall is lower for real questions than for sampled queries
SAMPLED_QUERIES = 256  # for measuring recall
NOISE = 4.0  # length of the noise added to a passage's unit vector: a cosine of .24, as for a question on another subject
FEWEST_PROBED = 8  # lists
FEW = 2**17  # rows; a search among fewer compares all of them


class DenseIndex:
    """Searches unit vectors: float32 of shape (n, dim), possibly memory-mapped. Row `i` is `vectors[i]`."""

    def __init__(
        self,
        vectors: NDArray[np.float32],
        moments: NDArray[np.float64],
        lists: Any = None,
        nprobe: int = FEWEST_PROBED,
    ) -> None:
        """`moments` are from `moments_of`; `lists` is a faiss.IndexIVF, or None to compare every query with all vectors."""
        self.vectors = vectors
        self._moments = moments
        self._lists = lists
        self.nprobe = nprobe

    @classmethod
    def build(cls, vectors: NDArray[np.float32]) -> "DenseIndex":
        """An exact index."""
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        return cls(vectors, moments_of(vectors))

    @classmethod
    def load(cls, vectors: Path, moments: Path, lists: Path, nearest: Nearest) -> "DenseIndex":
        """Opens the files of `write_dense`; vectors and lists are memory-mapped. Raises OSError, ValueError or RuntimeError."""
        ivf = None if nearest.factory == "Flat" else faiss.read_index(str(lists), faiss.IO_FLAG_MMAP_IFC)
        return cls(map_array(vectors), np.array(map_array(moments)), ivf, nearest.nprobe)

    @property
    def size(self) -> int:
        return len(self.vectors)

    @property
    def lists(self) -> int:
        """The number of lists, 0 if a query is compared with all vectors."""
        return 0 if self._lists is None else int(self._lists.nlist)

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])

    def search(
        self, vector: NDArray[np.float32], k: int, *, rows: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The `k` nearest rows, or all if there are fewer, and their cosines, best first; only among `rows` if given.

        An approximate search may miss some of the nearest, as the build has measured, and find fewer than `k` of `rows`.
        """
        count = min(k, self.size if rows is None else len(rows))
        if count == 0:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        query = np.ascontiguousarray(vector, dtype=np.float32).reshape(1, -1)
        selector = None if rows is None else _selector(rows, self.size)
        with _one_thread():
            return self._search(query, count, rows, selector)

    def _search(
        self, query: NDArray[np.float32], count: int, rows: NDArray[np.int64] | None, selector: Any
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        if self._lists is None or (rows is not None and len(rows) <= FEW):
            return _compare_all(query, self.vectors, count, selector)
        share = 1.0 if rows is None else len(rows) / self.size
        nprobe = min(self.lists, int(self.nprobe / share))
        parameters = _BINDINGS.SearchParametersIVF(nprobe=nprobe, sel=selector)
        _, candidates = self._lists.search(query, count * OVERSAMPLING, params=parameters)
        near = candidates[0][(candidates[0] >= 0) & (candidates[0] < self.size)]  # FAISS pads with -1
        cosines = self.similarities(query[0], near)
        best = np.lexsort((near, -cosines))[:count]
        return near[best], cosines[best]

    def spread(self, vector: NDArray[np.float32]) -> tuple[float, float]:
        """Mean and standard deviation of the cosines of all rows."""
        return cosine_spread(self._moments, vector)

    def similarities(self, vector: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The cosines of the given rows, in their order."""
        if not len(rows):
            return np.zeros(0, dtype=np.float32)
        cosines: NDArray[np.float32] = self.vectors[rows] @ vector.astype(np.float32)
        return cosines


def factory_for(rows: int, dim: int, settings: DenseSettings) -> str:
    """FAISS's factory string for this many vectors: the least compressed index that fits the memory limit."""
    if rows <= settings.exact_up_to:
        return "Flat"
    lists = min(MOST_LISTS, 1 << (2 * isqrt(rows)).bit_length() - 1, max(1, rows // FEWEST_PER_LIST))
    parts = max(part for part in range(1, dim // 4 + 2) if dim % part == 0)
    codes = {"SQfp16": 2 * dim, "SQ8": dim, f"PQ{parts}": parts}
    fitting = [code for code, size in codes.items() if rows * (size + ID_BYTES) <= settings.memory_mb * 2**20]
    return f"IVF{lists},{fitting[0] if fitting else f'PQ{parts}'}"


def write_dense(vectors: NDArray[np.float32], factory: str, moments: Path, lists: Path) -> Nearest:
    """Writes the files that `DenseIndex.load` reads, except the vectors, and measures the recall.

    Holds a sample of the vectors, one block of them and the lists in memory.
    """
    computed = moments_of(vectors)
    save_array(moments, computed)
    if factory == "Flat":
        _save(faiss.IndexFlatIP(vectors.shape[1]), lists)  # empty: the vectors are searched in their own file
        return Nearest(factory)
    index: Any = faiss.index_factory(vectors.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
    random = np.random.default_rng(SEED)
    most = min(len(vectors), VECTORS_PER_LIST * max(index.nlist, PQ_CENTROIDS))
    index.train(vectors[np.sort(random.choice(len(vectors), most, replace=False))])
    for start in range(0, len(vectors), BLOCK):
        index.add(np.ascontiguousarray(vectors[start : start + BLOCK]))
    _save(index, lists)
    del index
    return _measured(DenseIndex(vectors, computed, faiss.read_index(str(lists), faiss.IO_FLAG_MMAP_IFC)), factory)


def _save(index: faiss.Index, path: Path) -> None:
    """Writes through a Python file, because FAISS ignores a disk that is full when it closes its own. Raises OSError."""
    with path.open("wb") as file:
        faiss.write_index(index, _BINDINGS.PyCallbackIOWriter(file.write))


def _measured(dense: DenseIndex, factory: str) -> Nearest:
    """Doubles the number of lists probed until the recall is high enough or all are probed."""
    queries, tenth = sampled_queries(dense.vectors)
    dense.nprobe = min(FEWEST_PROBED, dense.lists)
    while (recall := recall_of(dense, queries, tenth)) < RECALL_SOUGHT and dense.nprobe < dense.lists:
        dense.nprobe = min(2 * dense.nprobe, dense.lists)
    return Nearest(factory, dense.nprobe, round(float(recall), 4))


def sampled_queries(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Queries for measuring the recall, and the cosine of the tenth nearest row to each, by an exact search.

    They are vectors of passages with more noise than signal, drawn with a fixed seed. With less noise, probing a few lists would
    seem enough, but it is not for questions that the documents are not about: see benchmarks/README.md.
    """
    random = np.random.default_rng(SEED)
    queries = vectors[np.sort(random.choice(len(vectors), min(SAMPLED_QUERIES, len(vectors)), replace=False))]
    noise = random.standard_normal(queries.shape, dtype=np.float32)
    queries = queries + NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    cosines, _ = faiss.knn(queries, vectors, min(10, len(vectors)), metric=faiss.METRIC_INNER_PRODUCT)
    return queries, cosines[:, -1]


def recall_of(dense: DenseIndex, queries: NDArray[np.float32], tenth: NDArray[np.float32]) -> float:
    """The share of the ten nearest rows that a search finds; a row as near as the tenth counts, to rounding."""
    k = min(10, dense.size)
    counts = (np.count_nonzero(dense.search(query, k)[1] >= least - 1e-5) for query, least in zip(queries, tenth, strict=True))
    return sum(counts) / max(1, k * len(queries))


def describe_nearest(nearest: Nearest) -> str:
    """How the nearest vectors are found and with what recall, in plain words."""
    if nearest.factory == "Flat":
        return "exact: every query is compared with all vectors"
    text = f"approximate: {nearest.factory}, {nearest.nprobe} lists probed; finds {nearest.recall:.1%} of the ten nearest vectors"
    advice = ", which is low: increase dense.memory_mb for less compression, or dense.exact_up_to for an exact search"
    return text if nearest.recall >= RECALL_WANTED else text + advice


def moments_of(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mean of the rows, and below it their covariance: shape (1 + dim, dim)."""
    dim = vectors.shape[1]
    total, products = np.zeros(dim), np.zeros((dim, dim))
    for start in range(0, len(vectors), BLOCK):
        rows = vectors[start : start + BLOCK].astype(np.float64)
        total += rows.sum(axis=0)
        products += rows.T @ rows
    mean = total / max(1, len(vectors))
    return np.vstack([mean, products / max(1, len(vectors)) - np.outer(mean, mean)])


def cosine_spread(moments: NDArray[np.float64], vector: NDArray[np.float32]) -> tuple[float, float]:
    """Mean and standard deviation of the cosines of all rows to a vector, from `moments_of` the rows: q·μ and √(qᵀΣq)."""
    mean, covariance = moments[0], moments[1:]
    wide = vector.astype(np.float64)
    return float(mean @ wide), float(max(0.0, float(wide @ covariance @ wide)) ** 0.5)


@contextmanager
def _one_thread() -> Iterator[None]:
    """FAISS parallelises over queries; for a single query its threads only wait for each other, at several times the cost."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # applies to the calling thread
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _selector(rows: NDArray[np.int64], size: int) -> Any:
    chosen = np.zeros(size, dtype=np.bool_)
    chosen[rows] = True
    return _BINDINGS.IDSelectorBitmap(np.packbits(chosen, bitorder="little"))


def _compare_all(
    query: NDArray[np.float32], vectors: NDArray[np.float32], k: int, among: faiss.IDSelector | None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Calls the function behind FAISS's flat index, which would copy the vectors into memory."""
    scores, rows = np.empty((1, k), dtype=np.float32), np.empty((1, k), dtype=np.int64)
    pointer = faiss.swig_ptr
    faiss.knn_inner_product(
        pointer(query), pointer(vectors), vectors.shape[1], 1, len(vectors), k, pointer(scores), pointer(rows), among
    )
    return rows[0], scores[0]
