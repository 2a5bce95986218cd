"""Questions in one language about documents in another: what the reader adds to their ranking."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from rag.answering.across_languages import DEPTH, LOWER, READ, most_to_rank, raised_across, ranked_across
from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Hit, Passage
from tests.conftest import index_of

ENGLISH, GERMAN = "When does the cafeteria open in the morning?", "Wann öffnet denn die Kantine am Morgen?"
TEXTS = {
    "kantine.txt": "Die Kantine öffnet jeden Morgen um elf Uhr, und sie schließt am Nachmittag.",
    "urlaub.txt": "Jeder Angestellte hat dreißig Urlaubstage im Jahr, die er bis zum Ende des Jahres nehmen muss.",
}


class KnownReader:
    """Reads `score` in sentences about the cafeteria, and even odds in others."""

    def __init__(self, identity: str, score: float) -> None:
        self.identity, self.score = identity, score

    def load(self) -> None:
        """Nothing to load."""

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        return [ScoredSentence(passage, 0, self.score if "Kantine" in passage.text else 0.5) for passage in passages]


@pytest.fixture
def german(tmp_path: Path) -> Index:
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return index_of(tmp_path)


def hits_of(index: Index) -> list[Hit]:
    """The passage on holidays first."""
    cafeteria, holidays = index.passages
    return [Hit(holidays, 1.0, 1), Hit(cafeteria, 0.9, 2)]


def test_the_reader_helps_to_rank_documents_in_another_language(german: Index) -> None:
    ranked = ranked_across(ENGLISH, hits_of(german), german, KnownReader("multilingual-1", 0.9))
    assert [hit.passage.document_id for hit in ranked] == ["kantine.txt", "urlaub.txt"]
    assert [hit.rank for hit in ranked] == [1, 2]
    # The log odds of .9 are ln 9 = 2.197, those of .5 are 0.
    assert [hit.score for hit in ranked] == pytest.approx([0.9 + READ * 2.197225, 1.0], abs=1e-5)


@pytest.mark.parametrize(
    ("query", "identity"),
    [(GERMAN, "multilingual-1"), (ENGLISH, "trained-1"), (ENGLISH, "similarity-1"), ("XZ-9", "multilingual-1")],
)
def test_other_hits_keep_their_order_and_scores(query: str, identity: str, german: Index) -> None:
    reader = KnownReader(identity, 0.9)
    assert ranked_across(query, hits_of(german), german, reader) == hits_of(german)
    assert raised_across(query, reader.read(query, german.passages), german, reader) == reader.read(query, german.passages)


def test_hits_that_are_not_read_stay_below(german: Index) -> None:
    hits = [Hit(german.passages[1], 1.0, rank) for rank in range(1, DEPTH + 1)] + [Hit(german.passages[0], 0.7, DEPTH + 1)]
    last = ranked_across(ENGLISH, hits, german, KnownReader("multilingual-1", 0.99))[-1]
    assert (last.passage.document_id, last.rank) == ("kantine.txt", DEPTH + 1)
    assert last.score == pytest.approx(0.7)  # as far below the others as before


def test_scores_are_raised_across_languages(german: Index) -> None:
    reader = KnownReader("multilingual-1", 0.5)
    raised = raised_across(ENGLISH, reader.read(ENGLISH, german.passages), german, reader)
    assert LOWER == 1.0
    assert [sentence.score for sentence in raised] == pytest.approx([0.731059, 0.731059])  # 1 / (1 + 1/e)


def test_more_hits_are_ranked_only_if_a_document_is_in_another_language(german: Index) -> None:
    assert most_to_rank(ENGLISH, german, KnownReader("multilingual-1", 0.5)) == DEPTH
    assert most_to_rank(GERMAN, german, KnownReader("multilingual-1", 0.5)) == 0
    assert most_to_rank(ENGLISH, german, KnownReader("trained-1", 0.5)) == 0
    assert ranked_across(ENGLISH, [], german, KnownReader("multilingual-1", 0.5)) == []
