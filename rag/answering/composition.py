"""Turns hits into an answer that quotes and cites exact sentences, or into an abstention with its reason."""

from collections.abc import Sequence
from dataclasses import replace

from rag.answering.abstention import SMALL_TALK, reason_for, searched_words
from rag.answering.across_languages import raised_across
from rag.answering.arrangement import Choice
from rag.answering.citing import cite
from rag.answering.comparisons import Compared, hits_on, things_compared
from rag.answering.confidence import Calibration, signals_of
from rag.answering.lookups import Lookup
from rag.answering.named_things import about_the_named
from rag.answering.sameness import says_the_same
from rag.answering.selection import choose
from rag.answering.surroundings import place_of
from rag.answering.table_lookup import without_siblings
from rag.answering.wording import note_on
from rag.config import AnsweringSettings
from rag.index.contents import Index
from rag.reader.scored_sentences import Reader, ScoredSentence, shifted
from rag.records import Answer, Citation, Hit, Passage
from rag.text.headings import is_back_matter
from rag.text.terms import terms

PRIOR, SAME_QUESTION = 1.0, 5.0  # see `weighed`; by hand, as learnt ones were no better: benchmarks/README.md
LIKE_QUESTION = 0.5  # share of common terms from which a FAQ question counts as the query's
PROBABLE = 0.5  # score below which more is read: more probably wrong than right; benchmarks/README.md
NEAREST = 3  # passages shown with an abstention, about a screenful
CLOSEST = 3  # sentences shown with an abstention


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
    reason = reason_for(query, index)
    compared = things_compared(query)
    scored = _read(query, content, compared, reader, index, settings)
    signals = signals_of(query, hits, scored, index)
    confidence = calibration.confidence(signals)
    if not scored or confidence < threshold or (reason in SMALL_TALK and threshold > 0):
        closest = () if reason in SMALL_TALK else closest_to(scored, index)
        return replace(abstention, reason=reason, confidence=confidence, signals=signals, closest=closest)
    selection = choose(query, scored, index, settings.max_sentences, compared)
    quoted = _quoted(question, query, selection.shown, selection.more, index)
    band = calibration.band(confidence)
    return replace(
        quoted,
        message=note_on(selection.missing, selection.cut),
        confidence=confidence,
        expected_wrong=round(1 - band.right, 4) if band else None,
        measured_on=str(calibration.measured.get("asked", "")),
        strength=band.strength if band else None,
        signals=signals,
    )


def _read(
    query: str, hits: Sequence[Hit], compared: Compared | None, reader: Reader, index: Index, settings: AnsweringSettings
) -> list[ScoredSentence]:
    """The sentences of the passages read, with their scores. Further passages are read if no sentence probably answers."""
    scored: list[ScoredSentence] = []
    sentences: list[ScoredSentence] = []
    known: set[str] = set()
    for depth in (settings.read, settings.read_further):
        passages = hits_on(compared, hits, depth) if compared else hits[:depth]
        new = [hit.passage for hit in passages if hit.passage.id not in known]
        if new and max((sentence.score for sentence in scored), default=0.0) < PROBABLE:
            sentences += raised_across(query, reader.read(query, new), index, reader)
            known |= {passage.id for passage in new}
            scored = _adjusted(query, sentences, passages, compared, index)
    return scored


def _adjusted(
    query: str, sentences: Sequence[ScoredSentence], hits: Sequence[Hit], compared: Compared | None, index: Index
) -> list[ScoredSentence]:
    """The reader's scores, adjusted by what it cannot see in a single passage."""
    scored = weighed(query, sentences, hits)
    if compared is None:  # else each sentence would be blamed for lacking one of the two things
        scored = about_the_named(query, scored, index)
    return without_siblings(query, scored, index)


def _quoted(question: str, query: str, shown: Sequence[Choice], more: Sequence[Choice], index: Index) -> Answer:
    sentences, citations = cite(shown, index)
    _, further = cite(more, index, first=len(citations) + 1)
    return Answer(question, query, sentences, citations, further, index=index.digest)


def _looked_up(question: str, query: str, lookup: Lookup, index: Index) -> Answer:
    return replace(
        _quoted(question, query, lookup.choices, lookup.more, index),
        confidence=lookup.right if lookup.choices else 0.0,
        reason=None if lookup.choices else "not_in_documents",
        message=lookup.message,
        expected_wrong=round(1 - lookup.right, 4) if lookup.measured_on else None,
        measured_on=lookup.measured_on,
        strength=lookup.strength,
    )


def closest_to(scored: Sequence[ScoredSentence], index: Index) -> tuple[Citation, ...]:
    """The best whole sentences read, numbered from 1. Rows and code are left out: they say little by themselves."""
    ranked = sorted(scored, key=lambda s: (-s.score, *place_of(s)))
    closest: list[ScoredSentence] = []
    for sentence in ranked:
        whole = sentence.sentence.kind in ("paragraph", "item") and not sentence.passage.cut
        if whole and not any(says_the_same(sentence.text, other.text) for other in closest):
            closest.append(sentence)
        if len(closest) == CLOSEST:
            break
    return cite([Choice(sentence) for sentence in closest], index)[1]


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
        if (likeness := likeness_of_question(query_terms, sentence.passage)) >= LIKE_QUESTION:
            before = sum(other.quotable for other in sentence.passage.sentences[: sentence.number])
            gain += SAME_QUESTION * likeness / (1 + before / 2)
        weighted.append(shifted(sentence, gain))
    return weighted


def likeness_of_question(query_terms: frozenset[str], passage: Passage) -> float:
    """Jaccard similarity of the query's terms and those of the FAQ question that the passage answers; 0 if there is none."""
    heading = passage.headings[-1].rstrip() if passage.headings else ""
    question_terms = set(terms(heading)) if heading.endswith("?") else set()
    return len(query_terms & question_terms) / len(query_terms | question_terms) if question_terms else 0.0
