"""Which sentences contradict each other, and which are from an older version of the same document."""

from collections.abc import Sequence
from typing import Literal

from rag.answering.surroundings import Place, place_of
from rag.conflicts.comparing import difference
from rag.conflicts.subjects import Standing, about_the_same
from rag.conflicts.versions import date_of, version_order, written_date
from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence

# Content words in common; fewer than for any two sentences, because both answer one question.
ENOUGH_SHARED = 2
Disagreement = Literal["conflict", "newer", "older"]


def disagreement(first: ScoredSentence, second: ScoredSentence, index: Index) -> Disagreement | None:
    """How the second sentence contradicts the first: as a conflict, or as a newer or older version."""
    mismatch = None if "table" in (first.sentence.kind, second.sentence.kind) else difference(first.text, second.text)
    if mismatch is None:
        return None
    documents = [index.documents[sentence.passage.document_id] for sentence in (first, second)]
    order = version_order(*documents) if documents[0].id != documents[1].id else None
    if order and order.newer is not None:
        return "newer" if order.newer else "older"
    same = about_the_same(_standing(first, index), _standing(second, index), mismatch, enough=ENOUGH_SHARED)
    return "conflict" if same else None


def _standing(scored: ScoredSentence, index: Index) -> Standing:
    passage = scored.passage
    title = index.entries[passage.document_id].title
    return Standing(scored.text, scored.sentence.kind, passage.document_id, title, passage.headings)


def dated(sentence: ScoredSentence, index: Index) -> str:
    """From when a sentence's document is, as far as it says so: "2024-03"; empty if unknown."""
    return written_date(date_of(index.documents[sentence.passage.document_id]))


def with_disagreeing(shown: Sequence[ScoredSentence], ranked: Sequence[ScoredSentence], index: Index) -> list[ScoredSentence]:
    """The sentences shown, those read that contradict one of them, and newer versions; of two that disagree, the newer first."""
    result = list(shown)
    for sentence in shown:
        for other in ranked:
            how = disagreement(sentence, other, index)
            if how in ("conflict", "newer") and other not in result:
                result.append(other)
            if how == "newer" or (how == "conflict" and dated(other, index) > dated(sentence, index) > ""):
                _move_before(result, other, sentence)
    return result


def _move_before(sentences: list[ScoredSentence], newer: ScoredSentence, older: ScoredSentence) -> None:
    if sentences.index(newer) > sentences.index(older):
        sentences.remove(newer)
        sentences.insert(sentences.index(older), newer)


def contradicting(sentence: ScoredSentence, others: Sequence[ScoredSentence], index: Index) -> tuple[Place, ...]:
    return tuple(place_of(other) for other in others if disagreement(sentence, other, index) == "conflict")


def newer_version(sentence: ScoredSentence, others: Sequence[ScoredSentence], index: Index) -> Place | None:
    """The sentence of a newer version that says otherwise."""
    return next((place_of(other) for other in others if disagreement(sentence, other, index) == "newer"), None)
