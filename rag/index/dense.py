"""Nearest vectors, by FAISS: inner products of unit vectors, which are cosines.

Up to a number of passages (`dense.exact_up_to`) all vectors are compared, as they lie in the mapped file. Beyond it an index
of lists is made by FAISS (IVF): the vectors nearest to a list's centre lie in that list, and a search looks into the lists
nearest to the query. What they hold is compressed, as far as memory demands; so more are taken from them than are wanted,
and the best are told by the vectors themselves: a score is a cosine in any case. How many lists are looked into is found by
measuring, at every build, how many of the ten nearest are found.

Not HNSW: it takes more memory than the vectors, ten times as long to build and cannot be written in parts. Of a changed index
nothing is carried over: it is made anew from the vectors with the same seeds, so that an update equals a build from nothing.
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

_BINDINGS: Any = faiss  # of which its stubs do not know all
BLOCK = 4096  # rows
SEED = 7
TRAINED = 64  # vectors for each list, from which the lists' centres are made
MOST_LISTS = 4096  # which bounds what is in memory for that: 400 MB at 384 dimensions
WIDER = 4  # times as many are taken from the lists as are wanted
WANTED = 0.98  # share of the ten nearest that are to be found; a build that finds fewer says so
SOUGHT = 0.995  # and the share at which it looks into no more lists, because real questions are found less well than made ones
ASKED = 256  # queries by which that is measured
NOISE = 4.0  # times its length is added to a passage's vector: a cosine of .24, as that of a question about something else
FEWEST_LISTS = 8  # looked into
FEW = 2**17  # rows: among so few all are compared


class DenseIndex:
    """Rows are those of the vectors, float32 of shape (n, dim) and length 1, which may be a mapped file."""

    def __init__(
        self,
        vectors: NDArray[np.float32],
        moments: NDArray[np.float64],
        lists: Any = None,
        nprobe: int = FEWEST_LISTS,
    ) -> None:
        """`moments` are those of `moments_of`, `lists` a faiss.IndexIVF. Without it every search compares all."""
        self.vectors = vectors
        self._moments = moments
        self._lists = lists
        self.nprobe = nprobe

    @classmethod
    def build(cls, vectors: NDArray[np.float32]) -> "DenseIndex":
        """An exact one."""
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        return cls(vectors, moments_of(vectors))

    @classmethod
    def load(cls, vectors: Path, moments: Path, lists: Path, nearest: Nearest) -> "DenseIndex":
        """From the files that `write_dense` made; vectors and lists are mapped. Raises OSError, ValueError or RuntimeError."""
        found = None if nearest.factory == "Flat" else faiss.read_index(str(lists), faiss.IO_FLAG_MMAP_IFC)
        return cls(map_array(vectors), np.array(map_array(moments)), found, nearest.nprobe)

    @property
    def size(self) -> int:
        return len(self.vectors)

    @property
    def lists(self) -> int:
        """How many lists there are; 0 where all vectors are compared."""
        return 0 if self._lists is None else int(self._lists.nlist)

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])

    def search(
        self, vector: NDArray[np.float32], k: int, *, rows: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The `k` best rows, or as many as there are, and their cosines, best first; only among `rows` where given.

        Among many rows some of the best may be missed, as the build has measured, and with `rows` fewer be found than `k`.
        """
        wanted = min(k, self.size if rows is None else len(rows))
        if wanted == 0:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        query = np.ascontiguousarray(vector, dtype=np.float32).reshape(1, -1)
        among = None if rows is None else _selector(rows, self.size)
        with _one_thread():
            return self._search(query, wanted, rows, among)

    def _search(
        self, query: NDArray[np.float32], wanted: int, rows: NDArray[np.int64] | None, among: Any
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        if self._lists is None or (rows is not None and len(rows) <= FEW):
            return _compare_all(query, self.vectors, wanted, among)
        share = 1.0 if rows is None else len(rows) / self.size
        nprobe = min(self.lists, int(self.nprobe / share))
        parameters = _BINDINGS.SearchParametersIVF(nprobe=nprobe, sel=among)
        _, found = self._lists.search(query, wanted * WIDER, params=parameters)
        near = found[0][(found[0] >= 0) & (found[0] < self.size)]  # FAISS fills up with -1
        cosines = self.similarities(query[0], near)
        best = np.lexsort((near, -cosines))[:wanted]
        return near[best], cosines[best]

    def spread(self, vector: NDArray[np.float32]) -> tuple[float, float]:
        """Mean and standard deviation of the cosines of all rows, without computing each: q·μ and the root of qᵀΣq."""
        mean, covariance = self._moments[0], self._moments[1:]
        wide = vector.astype(np.float64)
        return float(mean @ wide), float(max(0.0, float(wide @ covariance @ wide)) ** 0.5)

    def similarities(self, vector: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Cosines of given rows, in their order."""
        if not len(rows):
            return np.zeros(0, dtype=np.float32)
        cosines: NDArray[np.float32] = self.vectors[rows] @ vector.astype(np.float32)
        return cosines


def factory_for(rows: int, dim: int, settings: DenseSettings) -> str:
    """How FAISS is to make the index of so many vectors: the least compressed lists that fit the memory."""
    if rows <= settings.exact_up_to:
        return "Flat"
    lists = min(MOST_LISTS, 1 << (2 * isqrt(rows)).bit_length() - 1, max(1, rows // 39))  # FAISS wants 39 vectors for each
    parts = max(part for part in range(1, dim // 4 + 2) if dim % part == 0)
    codes = {"SQfp16": 2 * dim, "SQ8": dim, f"PQ{parts}": parts}
    fitting = [code for code, size in codes.items() if rows * (size + 8) <= settings.memory_mb * 2**20]
    return f"IVF{lists},{fitting[0] if fitting else f'PQ{parts}'}"


def write_dense(vectors: NDArray[np.float32], factory: str, moments: Path, lists: Path) -> Nearest:
    """Writes the files that `DenseIndex.load` reads, besides the vectors, and measures how many of the nearest are found.

    In memory are a sample of the vectors, a block of them, and the lists, which `factory_for` has made to fit.
    """
    found = moments_of(vectors)
    save_array(moments, found)
    if factory == "Flat":
        _save(faiss.IndexFlatIP(vectors.shape[1]), lists)  # it holds nothing: the vectors are searched where they are
        return Nearest(factory)
    index: Any = faiss.index_factory(vectors.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
    random = np.random.default_rng(SEED)
    most = min(len(vectors), max(TRAINED * index.nlist, 256 * TRAINED))
    index.train(vectors[np.sort(random.choice(len(vectors), most, replace=False))])
    for start in range(0, len(vectors), BLOCK):
        index.add(np.ascontiguousarray(vectors[start : start + BLOCK]))
    _save(index, lists)
    del index
    return _measured(DenseIndex(vectors, found, faiss.read_index(str(lists), faiss.IO_FLAG_MMAP_IFC)), factory)


def _save(index: faiss.Index, path: Path) -> None:
    """Through Python's file: FAISS's own says nothing when the disk is full as it closes the file. Raises OSError."""
    with path.open("wb") as file:
        faiss.write_index(index, _BINDINGS.PyCallbackIOWriter(file.write))


def _measured(dense: DenseIndex, factory: str) -> Nearest:
    """Looks into twice as many lists until nearly all of the ten nearest are found, or into all."""
    queries, tenth = asked_of(dense.vectors)
    dense.nprobe = min(FEWEST_LISTS, dense.lists)
    while (recall := recall_of(dense, queries, tenth)) < SOUGHT and dense.nprobe < dense.lists:
        dense.nprobe = min(2 * dense.nprobe, dense.lists)
    return Nearest(factory, dense.nprobe, round(float(recall), 4))


def asked_of(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Queries for measuring, and the cosine of the tenth nearest row to each, by comparing all.

    They are passages' vectors with more noise than vector, drawn with a fixed seed. With less, a few lists seem enough, and
    for questions that the documents are not about they are not: see benchmarks/README.md.
    """
    random = np.random.default_rng(SEED)
    queries = vectors[np.sort(random.choice(len(vectors), min(ASKED, len(vectors)), replace=False))]
    noise = random.standard_normal(queries.shape, dtype=np.float32)
    queries = queries + NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    cosines, _ = faiss.knn(queries, vectors, min(10, len(vectors)), metric=faiss.METRIC_INNER_PRODUCT)
    return queries, cosines[:, -1]


def recall_of(dense: DenseIndex, queries: NDArray[np.float32], tenth: NDArray[np.float32]) -> float:
    """Share of the ten nearest rows that are found; one that is as near as the tenth will do."""
    k = min(10, dense.size)
    found = (np.count_nonzero(dense.search(query, k)[1] >= least - 1e-5) for query, least in zip(queries, tenth, strict=True))
    return sum(found) / max(1, k * len(queries))


def describe_nearest(nearest: Nearest) -> str:
    """In plain words how the nearest vectors are found, and how many."""
    if nearest.factory == "Flat":
        return "every query is compared with all vectors"
    told = f"{nearest.factory}, {nearest.nprobe} lists looked into: {nearest.recall:.1%} of the ten nearest vectors are found"
    few = "; that is few: a larger dense.memory_mb compresses them less, a larger dense.exact_up_to compares all"
    return told if nearest.recall >= WANTED else told + few


def moments_of(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean of the rows and their covariance, one below the other: shape (1 + dim, dim)."""
    dim = vectors.shape[1]
    total, products = np.zeros(dim), np.zeros((dim, dim))
    for start in range(0, len(vectors), BLOCK):
        rows = vectors[start : start + BLOCK].astype(np.float64)
        total += rows.sum(axis=0)
        products += rows.T @ rows
    mean = total / max(1, len(vectors))
    return np.vstack([mean, products / max(1, len(vectors)) - np.outer(mean, mean)])


@contextmanager
def _one_thread() -> Iterator[None]:
    """FAISS's threads share out queries; a single one only makes them wait for each other, at several times the cost."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # of this thread
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
    """By the function under FAISS's flat index, which takes a copy of the vectors into memory; this reads them where they are."""
    scores, found = np.empty((1, k), dtype=np.float32), np.empty((1, k), dtype=np.int64)
    pointer = faiss.swig_ptr
    faiss.knn_inner_product(
        pointer(query), pointer(vectors), vectors.shape[1], 1, len(vectors), k, pointer(scores), pointer(found), among
    )
    return found[0], scores[0]
