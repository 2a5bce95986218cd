"""Turns hits into an answer that quotes and cites exact sentences, or into an abstention with its reason."""

import math
from collections.abc import Sequence
from dataclasses import replace

from rag.answering.abstention import SMALL_TALK, reason_for, searched_words
from rag.answering.confidence import Calibration, signals_of
from rag.answering.lookups import Lookup
from rag.answering.selection import Choice, choose
from rag.config import AnsweringSettings
from rag.errors import IndexBroken
from rag.index.contents import Index
from rag.reader.scored_sentences import Reader, ScoredSentence
from rag.records import Answer, Citation, Hit, Location, Passage, QuotedSentence
from rag.text.headings import is_back_matter
from rag.text.terms import terms

PRIOR, SAME_QUESTION = 1.5, 5.0  # see `weighed`; chosen on development questions: benchmarks/README.md
LIKE_QUESTION = 0.5  # share of common terms from which a FAQ question counts as the query's
LOOKUPS_MEASURED = "lookups in ten tables"  # benchmarks/README.md
DECIMALS = 6  # of a score, so that equal sentences tie
NEAREST = 3  # passages shown with an abstention, about a screenful


def compose(
    question: str,
    query: str,
    hits: Sequence[Hit],
    reader: Reader,
    index: Index,
    settings: AnsweringSettings,
    calibration: Calibration,
    lookup: Lookup | None = None,
) -> Answer:
    """As many sentences as the question needs, best first, each with its citation; or an abstention.

    A `lookup` is quoted without reading. Abstains below `settings.min_confidence`, or if that is unset, below the calibration's
    threshold. Reasons are "empty_question", "no_documents", and those of `reason_for`. Raises IndexBroken if a quote differs
    from its document.
    """
    content = [hit for hit in hits if not is_back_matter(hit.passage.headings)]
    abstention = Answer(question, query, nearest=tuple(content[:NEAREST]), index=index.digest)
    if not query.strip():
        return replace(abstention, reason="empty_question", nearest=())
    if not index.passages:
        return replace(abstention, reason="no_documents")
    looked_for, unknown = searched_words(query, index)
    abstention = replace(abstention, looked_for=looked_for, unknown=unknown)
    threshold = calibration.threshold if settings.min_confidence is None else settings.min_confidence
    if lookup and lookup.right >= threshold:
        return _looked_up(question, query, lookup, index)
    read = content[: settings.read]
    scored = weighed(query, reader.read(query, [hit.passage for hit in read]), read)
    signals = signals_of(query, hits, scored)
    confidence = calibration.confidence(signals)
    reason = reason_for(query, hits, index)
    if not scored or confidence < threshold or (reason in SMALL_TALK and threshold > 0):
        return replace(abstention, reason=reason, confidence=confidence, signals=signals)
    band = calibration.band(confidence)
    sentences, citations = cite(choose(query, scored, index, settings.max_sentences), index)
    return Answer(
        question,
        query,
        sentences,
        citations,
        confidence=confidence,
        expected_wrong=round(1 - band.right, 4) if band else None,
        measured_on=str(calibration.measured.get("asked", "")),
        strength=band.strength if band else None,
        signals=signals,
        index=index.digest,
    )


def _looked_up(question: str, query: str, lookup: Lookup, index: Index) -> Answer:
    sentences, citations = cite((*lookup.choices, *lookup.more), index)
    shown = len(lookup.choices)
    return Answer(
        question,
        query,
        sentences[:shown],
        citations[:shown],
        more=citations[shown:],
        confidence=lookup.right,
        reason=None if lookup.choices else "not_in_documents",
        message=lookup.message,
        expected_wrong=round(1 - lookup.right, 4),
        measured_on=LOOKUPS_MEASURED,
        strength=lookup.strength,
        index=index.digest,
    )


def weighed(query: str, scored: Sequence[ScoredSentence], hits: Sequence[Hit]) -> list[ScoredSentence]:
    """The reader's scores, adjusted by what a reader of single passages cannot see.

    The odds fall by a factor of e^PRIOR for each standard deviation by which the passage's retrieval score is below the best.
    In the answer to a FAQ question like the query they rise by up to e^SAME_QUESTION, most in its first sentence.
    """
    best = max((hit.score for hit in hits), default=0.0)
    below = {hit.passage.id: hit.score - best for hit in hits}
    query_terms = frozenset(terms(query))
    weighted = []
    for sentence in scored:
        gain = PRIOR * below[sentence.passage.id]
        if (likeness := _likeness_of_question(query_terms, sentence.passage)) >= LIKE_QUESTION:
            before = sum(other.quotable for other in sentence.passage.sentences[: sentence.number])
            gain += SAME_QUESTION * likeness / (1 + before / 2)
        factor = math.exp(gain)
        score = sentence.score * factor / (1 - sentence.score + sentence.score * factor)
        weighted.append(replace(sentence, score=round(score, DECIMALS)))
    return weighted


def _likeness_of_question(query_terms: frozenset[str], passage: Passage) -> float:
    """Jaccard similarity of the query's terms and those of the FAQ question that the passage answers; 0 if there is none."""
    heading = passage.headings[-1].rstrip() if passage.headings else ""
    question_terms = set(terms(heading)) if heading.endswith("?") else set()
    return len(query_terms & question_terms) / len(query_terms | question_terms) if question_terms else 0.0


def cite(choices: Sequence[Choice], index: Index) -> tuple[tuple[QuotedSentence, ...], tuple[Citation, ...]]:
    """The chosen sentences with one citation each, numbered in the same pass so that numbers and places always agree."""
    numbers = {choice.place: number for number, choice in enumerate(choices, start=1)}
    sentences, citations = [], []
    for number, choice in enumerate(choices, start=1):
        place = _place(choice.scored, index)
        sentences.append(QuotedSentence(place.quote, citation=number, context=choice.context))
        citations.append(
            Citation(
                number,
                place.document_id,
                place.title,
                place.span,
                place.quote,
                place.page,
                place.headings,
                place.digest,
                choice.scored.answer_phrase if choice.emphasised else None,
                tuple(_place(other, index) for other in choice.also),
                tuple(sorted(numbers[other] for other in choice.differs if other in numbers)),
            )
        )
    return tuple(sentences), tuple(citations)


def _place(scored: ScoredSentence, index: Index) -> Location:
    """Slices the sentence from the document again and compares it with what was read."""
    passage = scored.passage
    document = index.documents[passage.document_id]
    span = scored.sentence.span
    quote = span.of(document.text)
    phrase = scored.answer_phrase
    if quote != scored.text or not quote or (phrase and not span.start <= phrase.start < phrase.end <= span.end):
        raise IndexBroken(f"a sentence of {document.id} in the index is not what the document says; run `rag build --full`")
    return Location(document.id, document.title, span, quote, scored.sentence.page, passage.headings, document.digest)
