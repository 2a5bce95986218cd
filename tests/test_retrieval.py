from pathlib import Path

import pytest

from rag.config import RetrievalSettings
from rag.index.contents import Index
from rag.records import Hit
from rag.retrieval import fuse, retrieve
from tests.conftest import WordEmbedder, index_of

SETTINGS = RetrievalSettings()


@pytest.fixture
def index(corpus: Path, words: WordEmbedder) -> Index:
    return index_of(corpus, words)


def find(index: Index, query: str, **options: object) -> list[Hit]:
    return retrieve(index, query, WordEmbedder().embed_query(query), SETTINGS, **options)  # type: ignore[arg-type]


def test_fusion_of_a_worked_example() -> None:
    """Dense 0.9, 0.5, 0.1 scale to 1, 0.5, 0; BM25 4 and 2 to 1 and 0; a row that one search missed has 0 there."""
    fused = fuse({1: 0.9, 2: 0.5, 3: 0.1}, {2: 4.0, 4: 2.0}, dense_weight=0.6)
    assert fused == pytest.approx({1: 0.6, 2: 0.3 + 0.4, 3: 0.0, 4: 0.0})


def test_fusion_with_one_candidate_or_none() -> None:
    assert fuse({5: 0.3}, {}, dense_weight=0.5) == {5: 0.5}
    assert fuse({}, {}, dense_weight=0.5) == {}


def test_the_right_passage_comes_first(index: Index) -> None:
    hits = find(index, "How often should I repot my fern?")
    assert hits[0].passage.headings == ("How often should I repot a fern?",)
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_ties_end_on_the_passage_id(tmp_path: Path, words: WordEmbedder) -> None:
    for name in "abcde":
        (tmp_path / f"{name}{name}{name}.txt").write_text("Notes\n\nThe same words in every file.")
    index = index_of(tmp_path, words)
    hits = find(index, "same words")
    assert len({hit.score for hit in hits}) == 1
    assert [hit.passage.id for hit in hits] == sorted(hit.passage.id for hit in hits)


def test_only_the_documents_that_were_named(index: Index) -> None:
    assert {hit.passage.document_id for hit in find(index, "fern", documents=["faq.txt"])} == {"faq.txt"}
    assert find(index, "fern", documents=[]) == find(index, "fern", documents=["unknown"]) == []


def test_k_is_a_most(index: Index) -> None:
    assert len(find(index, "fern", k=2)) == 2
    assert len(find(index, "fern", k=1000)) == len(index.passages)
