import os
from pathlib import Path

import faiss
import numpy as np
import pytest

from rag.config import DenseSettings
from rag.index import dense
from rag.index.dense import DenseIndex, describe_nearest, factory_for, write_dense
from rag.numeric import Vectors
from tests.conftest import file_size_limit


@pytest.fixture
def vectors() -> Vectors:
    vectors = np.random.default_rng(7).normal(size=(50, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def test_search_sorts_all_inner_products(vectors: Vectors) -> None:
    rows, scores = DenseIndex.build(vectors).search(vectors[3], 10)
    expected = vectors @ vectors[3]
    assert rows.tolist() == np.argsort(-expected, kind="stable")[:10].tolist()
    assert scores.tolist() == pytest.approx(np.sort(expected)[::-1][:10].tolist(), abs=1e-6)


def test_search_among_given_rows(vectors: Vectors) -> None:
    rows, _ = DenseIndex.build(vectors).search(vectors[3], 10, rows=np.array([1, 3, 5]))
    assert rows[0] == 3
    assert sorted(rows.tolist()) == [1, 3, 5]


def test_fewer_vectors_than_wanted(vectors: Vectors) -> None:
    index = DenseIndex.build(vectors[:2])
    assert len(index.search(vectors[0], 10)[0]) == 2
    assert len(index.search(vectors[0], 10, rows=np.array([], dtype=np.int64))[0]) == 0
    assert len(DenseIndex.build(vectors[:0]).search(vectors[0], 10)[0]) == 0


def saved_and_loaded(vectors: Vectors, folder: Path, factory: str) -> DenseIndex:
    np.save(folder / "vectors.npy", vectors)
    moments, lists = folder / "moments.npy", folder / "dense.faiss"
    return DenseIndex.load(folder / "vectors.npy", moments, lists, write_dense(vectors, factory, moments, lists))


@pytest.fixture
def many() -> Vectors:
    """4,000 vectors in clusters, like those of texts."""
    random = np.random.default_rng(7)
    vectors = random.normal(size=(100, 16))[random.integers(0, 100, 4000)] + 0.5 * random.normal(size=(4000, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)


def test_a_loaded_index_searches_like_the_saved_one(vectors: Vectors, tmp_path: Path) -> None:
    index, loaded = DenseIndex.build(vectors), saved_and_loaded(vectors, tmp_path, "Flat")
    (rows, scores), (loaded_rows, loaded_scores) = index.search(vectors[9], 5), loaded.search(vectors[9], 5)
    assert (rows.tobytes(), scores.tobytes()) == (loaded_rows.tobytes(), loaded_scores.tobytes())
    assert index.spread(vectors[9]) == loaded.spread(vectors[9])


def test_the_exact_search_equals_the_flat_index_of_faiss(many: Vectors) -> None:
    flat = faiss.IndexFlatIP(16)
    flat.add(many)
    for query in many[:20] + many[20:40]:
        scores, rows = flat.search(query.reshape(1, -1), 100)
        ours = DenseIndex.build(many).search(query, 100)
        assert (ours[0].tolist(), ours[1].tolist()) == (rows[0].tolist(), scores[0].tolist())


@pytest.mark.parametrize("factory", ["IVF64,SQfp16", "IVF64,SQ8", pytest.param("IVF64,PQ4", marks=pytest.mark.slow)])
def test_the_approximate_search_has_high_recall_and_exact_cosines(factory: str, many: Vectors, tmp_path: Path) -> None:
    index = saved_and_loaded(many, tmp_path, factory)
    nearest = write_dense(many, factory, tmp_path / "moments.npy", tmp_path / "again.faiss")
    assert (tmp_path / "again.faiss").read_bytes() == (tmp_path / "dense.faiss").read_bytes()
    assert nearest.recall >= 0.98 or "PQ" in factory
    assert ("which is low" in describe_nearest(nearest)) == (nearest.recall < 0.98)
    right = 0
    for query in many[:100] + 0.2 * many[100:200]:
        rows, cosines = index.search(query, 10)
        assert cosines == pytest.approx((many @ query)[rows], abs=1e-6)
        assert (np.diff(cosines) <= 0).all()
        right += len(set(rows.tolist()) & set(np.argsort(-(many @ query))[:10].tolist()))
    assert right > 960 * nearest.recall


def test_the_approximate_search_among_given_rows(many: Vectors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search is exact among few rows; among many, its recall is as high as without a filter."""
    index = saved_and_loaded(many, tmp_path, "IVF64,SQfp16")
    for fewest, among in ((0, np.arange(0, 4000, 2)), (0, np.arange(1000, 1200)), (2**17, np.arange(0, 4000, 7))):
        monkeypatch.setattr(dense, "FEW", fewest)
        right = 0
        for query in many[:50]:
            best = among[np.argsort(-(many[among] @ query), kind="stable")[:10]]
            rows, _ = index.search(query, 10, rows=among)
            assert set(rows.tolist()) <= set(among.tolist())
            right += len(set(rows.tolist()) & set(best.tolist()))
        assert right == 500 if fewest else right > 480


def test_the_number_of_threads_does_not_change_the_files(many: Vectors, tmp_path: Path) -> None:
    bytes_of = []
    for threads in (1, 2):
        faiss.omp_set_num_threads(threads)
        write_dense(many, "IVF64,SQ8", tmp_path / "moments.npy", tmp_path / "dense.faiss")
        bytes_of.append((tmp_path / "dense.faiss").read_bytes())
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    assert bytes_of[0] == bytes_of[1]


@pytest.mark.parametrize(
    ("rows", "memory", "expected"),
    [
        (200_000, 2048, "Flat"),
        (200_001, 2048, "IVF512,SQfp16"),
        (1_000_000, 2048, "IVF1024,SQfp16"),
        (1_000_000, 512, "IVF1024,SQ8"),
        (1_000_000, 100, "IVF1024,PQ96"),
        (10_000_000, 2048, "IVF4096,PQ96"),
    ],
)
def test_the_least_compressed_index_that_fits_the_memory_is_chosen(rows: int, memory: int, expected: str) -> None:
    assert factory_for(rows, 384, DenseSettings(memory_mb=memory)) == expected


def test_similarities_of_rows(vectors: Vectors) -> None:
    cosines = DenseIndex.build(vectors).similarities(vectors[0], np.array([4, 2]))
    assert cosines.tolist() == pytest.approx([float(vectors[4] @ vectors[0]), float(vectors[2] @ vectors[0])], abs=1e-6)


def test_the_spread_is_mean_and_deviation_of_all_cosines(vectors: Vectors) -> None:
    cosines = vectors @ vectors[3]
    assert DenseIndex.build(vectors).spread(vectors[3]) == pytest.approx((cosines.mean(), cosines.std()), abs=1e-6)
    assert DenseIndex.build(vectors[:0]).spread(vectors[3]) == (0.0, 0.0)


def test_a_full_disk_raises_even_at_the_last_bytes(many: Vectors, tmp_path: Path) -> None:
    write_dense(many, "IVF64,SQ8", tmp_path / "moments.npy", tmp_path / "dense.faiss")
    size = (tmp_path / "dense.faiss").stat().st_size
    for missing in (1, 50, size // 2):
        with file_size_limit(size - missing), pytest.raises(OSError, match="too large"):
            write_dense(many, "IVF64,SQ8", tmp_path / "moments.npy", tmp_path / "dense.faiss")
