import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.config import RetrievalSettings
from rag.index.lexical import K1
from rag.index.local_index import LocalIndex
from rag.index.scoring import best_rows, lexical_scores, proximity
from rag.records import Hit
from rag.retrieval import relative_similarities, retrieve, standard
from rag.text.passages import embedded_text
from rag.text.terms import terms
from tests.conftest import WordEmbedder, index_of

SETTINGS = RetrievalSettings()


@pytest.fixture
def index(corpus: Path, words: WordEmbedder) -> LocalIndex:
    return index_of(corpus, words)


def search(index: LocalIndex, query: str, **options: object) -> list[Hit]:
    return retrieve(index, query, WordEmbedder().embed_query(query), SETTINGS, **options)  # type: ignore[arg-type]


def test_standard_scores_of_a_worked_example() -> None:
    assert standard(np.array([1.0, 2.0, 3.0]), mean=1.0, deviation=0.5).tolist() == [0.0, 2.0, 4.0]
    assert standard(np.array([1.0, 2.0]), mean=1.0, deviation=0.0).tolist() == [0.0, 0.0]


def test_relative_similarities_of_a_worked_example() -> None:
    cosines = np.array([0.2, 0.6, 1.0], dtype=np.float32)
    assert relative_similarities(cosines, mean=0.2).tolist() == pytest.approx([0.0, 0.5, 1.0])
    assert relative_similarities(cosines, mean=1.0).tolist() == [0.0, 0.0, 0.0]


def test_relative_similarity_uses_the_mean_over_all_passages(index: LocalIndex) -> None:
    vector = WordEmbedder().embed_query("repot a fern")
    cosines = index.dense.vectors @ vector
    for hit in search(index, "repot a fern", documents=["faq.txt"]):
        assert hit.relative_similarity == pytest.approx((hit.similarity - cosines.mean()) / (1 - cosines.mean()), abs=1e-5)


def test_score_is_the_weighted_sum_of_standard_scores(index: LocalIndex) -> None:
    """Recomputed over all rows from vectors and terms, without candidates or moments."""
    query = "repot a fern"
    vector = WordEmbedder().embed_query(query)
    cosines = index.dense.vectors @ vector
    words = terms(query)
    lexical = index.lexical.scores(words) + 0.2 * index.headings.scores(words)
    pair = 0.1 * proximity(index.parts[0], words, np.arange(len(index.passages)))
    expected = 0.7 * (cosines - cosines.mean()) / cosines.std() + 0.3 * (lexical + pair - lexical.mean()) / lexical.std()
    scores = {hit.passage.id: hit.score for hit in search(index, query, k=1000)}
    assert scores == pytest.approx({p.id: float(e) for p, e in zip(index.passages, expected, strict=True)}, abs=1e-4)


def test_proximity_counts_neighbours_in_order(index: LocalIndex) -> None:
    """One passage has "damp soil" in this order; one occurrence counts the idf of both terms fully."""
    words = ["damp", "soil"]
    rows = np.arange(len(index.passages))
    bonus = proximity(index.parts[0], words, rows)
    (row,) = np.flatnonzero(bonus).tolist()
    assert "damp soil" in index.passages[row].text
    assert bonus[row] == pytest.approx(index.lexical.idf("damp") + index.lexical.idf("soil"))
    assert not proximity(index.parts[0], ["soil", "damp"], rows).any()
    assert not proximity(index.parts[0], ["soil"], rows).any()


texts = st.lists(
    st.sampled_from(["damp", "soil", "fern", "Fern's", "S1-soil", "the", ".", "\n\n## Damp soil\n\n", "?\n"]), max_size=30
)


@settings(max_examples=30)
@given(texts, texts, st.lists(st.sampled_from(["damp", "soil", "fern", "rock"]), max_size=5))
def test_proximity_equals_a_count_in_the_texts(first: list[str], second: list[str], words: list[str]) -> None:
    """Counted pair by pair in the texts of the passages."""
    with tempfile.TemporaryDirectory() as folder:
        for name, parts in (("one.md", first), ("other.md", second)):
            Path(folder, name).write_text("# Damp soil\n\n" + " ".join(parts))
        index = index_of(Path(folder))
    rows = np.arange(len(index.passages))[::-1]
    expected = np.zeros(len(rows), dtype=np.float32)
    for i, row in enumerate(rows):
        passage = index.passages[row]
        text, end = embedded_text(passage), len(passage.context)
        neighbours = [*pairwise(terms(text[:end])), *pairwise(terms(text[end:]))]
        for pair in dict.fromkeys(pairwise(words)):
            count, weight = neighbours.count(pair), index.lexical.idf(pair[0]) + index.lexical.idf(pair[1])
            expected[i] += weight * count * (K1 + 1) / (count + K1)
    assert proximity(index.parts[0], words, rows).tolist() == expected.tolist()


def test_headings_add_to_the_lexical_score(index: LocalIndex) -> None:
    alone = SETTINGS.model_copy(update={"headings_weight": 0.0})
    words = terms("repot")
    assert (lexical_scores(index.parts[0], words, SETTINGS) > lexical_scores(index.parts[0], words, alone)).any()


def test_filter_by_folder_and_pattern(tmp_path: Path) -> None:
    for name in ("a/one.md", "a/two.txt", "b/one.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"Ferns of {name} drink water.")
    index = index_of(tmp_path)

    def documents(*wanted: str) -> set[str]:
        return {hit.passage.document_id for hit in search(index, "fern", documents=list(wanted))}

    assert documents("a/") == {"a/one.md", "a/two.txt"}
    assert documents("*.md") == {"a/one.md", "b/one.md"}
    assert documents("b/one.md", "*.txt") == {"b/one.md", "a/two.txt"}
    assert documents("a", "c/") == set()


def test_filter_changes_no_score(index: LocalIndex) -> None:
    whole = {hit.passage.id: hit.score for hit in search(index, "repot a fern", k=1000)}
    for hit in search(index, "repot a fern", documents=["faq.txt"]):
        assert hit.score == whole[hit.passage.id]


def test_right_passage_comes_first(index: LocalIndex) -> None:
    hits = search(index, "How often should I repot my fern?")
    assert hits[0].passage.headings == ("How often should I repot a fern?",)
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_ties_end_on_the_passage_id(tmp_path: Path, words: WordEmbedder) -> None:
    for name in "abcde":
        (tmp_path / f"{name}{name}{name}.txt").write_text("Notes\n\nThe same words in every file.")
    index = index_of(tmp_path, words)
    hits = search(index, "same words")
    assert len({hit.score for hit in hits}) == 1
    assert [hit.passage.id for hit in hits] == sorted(hit.passage.id for hit in hits)


def test_only_named_documents_are_searched(index: LocalIndex) -> None:
    assert {hit.passage.document_id for hit in search(index, "fern", documents=["faq.txt"])} == {"faq.txt"}
    assert search(index, "fern", documents=[]) == search(index, "fern", documents=["unknown"]) == []


def test_k_is_a_maximum(index: LocalIndex) -> None:
    assert len(search(index, "fern", k=2)) == 2
    assert len(search(index, "fern", k=1000)) == len(index.passages)


@given(st.lists(st.integers(0, 4), max_size=30), st.sets(st.integers(0, 29)), st.integers(1, 12))
def test_best_rows_equal_those_of_a_full_sort(scores: list[int], rows: set[int], k: int) -> None:
    values = np.array(scores, dtype=np.float32)
    candidates = np.array(sorted(row for row in rows if row < len(scores)), dtype=np.int64)
    expected = candidates[np.lexsort((candidates, -values[candidates]))[:k]]
    assert sorted(best_rows(values, candidates, k).tolist()) == sorted(expected.tolist())
