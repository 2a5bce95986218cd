from pathlib import Path

import faiss
import numpy as np
import pytest

from rag.dense import DenseIndex


@pytest.fixture
def vectors() -> np.ndarray:
    made = np.random.default_rng(7).normal(size=(50, 8)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_search_equals_all_inner_products_sorted(vectors: np.ndarray) -> None:
    rows, scores = DenseIndex.build(vectors).search(vectors[3], 10)
    expected = vectors @ vectors[3]
    assert rows.tolist() == np.argsort(-expected, kind="stable")[:10].tolist()
    assert scores.tolist() == pytest.approx(np.sort(expected)[::-1][:10].tolist(), abs=1e-6)


def test_only_among_given_rows(vectors: np.ndarray) -> None:
    rows, _ = DenseIndex.build(vectors).search(vectors[3], 10, rows=[1, 3, 5])
    assert rows[0] == 3
    assert sorted(rows.tolist()) == [1, 3, 5]


def test_fewer_vectors_than_asked_for(vectors: np.ndarray) -> None:
    index = DenseIndex.build(vectors[:2])
    assert len(index.search(vectors[0], 10)[0]) == 2
    assert len(index.search(vectors[0], 10, rows=[])[0]) == 0
    assert len(DenseIndex.build(vectors[:0]).search(vectors[0], 10)[0]) == 0


def test_load_of_save_searches_alike(vectors: np.ndarray, tmp_path: Path) -> None:
    index = DenseIndex.build(vectors)
    DenseIndex.write(vectors, tmp_path / "dense.faiss")
    loaded = DenseIndex.load(tmp_path / "dense.faiss")
    for one, other in zip(index.search(vectors[9], 5), loaded.search(vectors[9], 5), strict=True):
        assert one.tobytes() == other.tobytes()


def test_similarities_of_rows(vectors: np.ndarray) -> None:
    found = DenseIndex.build(vectors).similarities(vectors[0], [4, 2])
    assert found.tolist() == pytest.approx([float(vectors[4] @ vectors[0]), float(vectors[2] @ vectors[0])], abs=1e-6)


@pytest.mark.parametrize("rows", [0, 1, 5000])
def test_what_is_written_is_what_faiss_writes(rows: int, tmp_path: Path) -> None:
    vectors = np.random.default_rng(rows).standard_normal((rows, 12)).astype(np.float32)
    index = faiss.IndexFlatIP(12)
    index.add(vectors)
    faiss.write_index(index, str(tmp_path / "theirs"))
    DenseIndex.write(vectors, tmp_path / "ours")
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    assert np.array_equal(DenseIndex.load(tmp_path / "ours").vectors(), vectors)


def test_the_spread_is_that_of_all_cosines(vectors: np.ndarray) -> None:
    cosines = vectors @ vectors[3]
    assert DenseIndex.build(vectors).spread(vectors[3]) == pytest.approx((cosines.mean(), cosines.std()), abs=1e-6)
    assert DenseIndex.build(vectors[:0]).spread(vectors[3]) == (0.0, 0.0)
