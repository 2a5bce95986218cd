"""Hits to an answer: exact sentences of the documents, cited; or an abstention with its reason."""

import math
from collections.abc import Sequence
from dataclasses import replace

from rag.answering.abstention import SMALL_TALK, reason_for, searched_words
from rag.answering.confidence import Calibration, signals_of
from rag.answering.selection import Choice, choose
from rag.config import AnsweringSettings
from rag.errors import IndexBroken
from rag.index.contents import Index
from rag.reader.scored_sentences import Reader, ScoredSentence
from rag.records import Answer, Citation, Hit, Location, Passage, QuotedSentence
from rag.text.headings import is_back_matter
from rag.text.terms import terms

PRIOR, SAME_QUESTION = 1.5, 5.0  # see benchmarks/README.md
NEAREST = 3  # passages shown on an abstention


def compose(
    question: str,
    query: str,
    hits: Sequence[Hit],
    reader: Reader,
    index: Index,
    settings: AnsweringSettings,
    calibration: Calibration,
) -> Answer:
    """As many sentences as the question needs, best first, each with its citation; or an abstention.

    It abstains below `settings.min_confidence`, or below the calibration's threshold where that is unset. Reasons:
    "empty_question", "no_documents", and those of `reason_for`. Raises IndexBroken where a quote is not what its file says.
    """
    told = [hit for hit in hits if not is_back_matter(hit.passage.headings)]
    abstention = Answer(question, query, nearest=tuple(told[:NEAREST]), index=index.digest)
    if not query.strip():
        return replace(abstention, reason="empty_question", nearest=())
    if not index.passages:
        return replace(abstention, reason="no_documents")
    looked_for, unknown = searched_words(query, index)
    abstention = replace(abstention, looked_for=looked_for, unknown=unknown)
    readable = told[: settings.read]
    scored = weighed(query, reader.read(query, [hit.passage for hit in readable]), readable)
    signals = signals_of(query, hits, scored, index)
    certainty = calibration.confidence(signals)
    threshold = calibration.threshold if settings.min_confidence is None else settings.min_confidence
    small_talk = reason_for(query, hits, index)
    if not scored or certainty < threshold or (small_talk in SMALL_TALK and threshold > 0):
        return replace(abstention, reason=small_talk, confidence=certainty, signals=signals)
    sentences, citations = cite(choose(query, scored, index, settings.max_sentences), index)
    wrong, asked = calibration.wrong_near(certainty), str(calibration.measured.get("asked", ""))
    return Answer(
        question,
        query,
        sentences,
        citations,
        certainty,
        expected_wrong=wrong,
        measured_on=asked,
        signals=signals,
        index=index.digest,
    )


def weighed(query: str, scored: Sequence[ScoredSentence], hits: Sequence[Hit]) -> list[ScoredSentence]:
    """The reader's chances, with what it does not see: it reads one passage at a time, and does not know who wrote a question.

    The odds fall by e^PRIOR for each standard deviation by which the passage's retrieval score is below the best. Those of the
    answer to a FAQ question like the query rise by up to e^SAME_QUESTION, for its first sentence most.
    """
    best = max((hit.score for hit in hits), default=0.0)
    below = {hit.passage.id: hit.score - best for hit in hits}
    asked = frozenset(terms(query))
    found = []
    for one in scored:
        gain = PRIOR * below[one.passage.id]
        if (alike := _like_its_question(asked, one.passage)) >= 0.5:
            before = sum(sentence.quotable for sentence in one.passage.sentences[: one.number])
            gain += SAME_QUESTION * alike / (1 + before / 2)
        odds = math.exp(gain)
        found.append(replace(one, score=round(one.score * odds / (1 - one.score + one.score * odds), 6)))
    return found


def _like_its_question(asked: frozenset[str], passage: Passage) -> float:
    """The share that the query's terms and those of the FAQ question have in common (Jaccard); 0 where it answers none."""
    last = passage.headings[-1].rstrip() if passage.headings else ""
    wanted = set(terms(last)) if last.endswith("?") else set()
    return len(asked & wanted) / len(asked | wanted) if wanted else 0.0


def cite(choices: Sequence[Choice], index: Index) -> tuple[tuple[QuotedSentence, ...], tuple[Citation, ...]]:
    """One citation for one shown sentence, numbered together, so that number and place cannot part."""
    numbers = {choice.place: number for number, choice in enumerate(choices, start=1)}
    sentences, citations = [], []
    for number, choice in enumerate(choices, start=1):
        where = _place(choice.scored, index)
        sentences.append(QuotedSentence(where.quote, citation=number, context=choice.context))
        citations.append(
            Citation(
                number,
                where.document_id,
                where.title,
                where.span,
                where.quote,
                where.page,
                where.headings,
                where.digest,
                choice.scored.answer_phrase if choice.emphasised else None,
                tuple(_place(other, index) for other in choice.also),
                tuple(sorted(numbers[other] for other in choice.differs if other in numbers)),
            )
        )
    return tuple(sentences), tuple(citations)


def _place(scored: ScoredSentence, index: Index) -> Location:
    """Slices the sentence from the document once more and holds it against what was read."""
    passage = scored.passage
    document = index.documents[passage.document_id]
    span = scored.sentence.span
    quote = span.of(document.text)
    phrase = scored.answer_phrase
    if quote != scored.text or not quote or (phrase and not span.start <= phrase.start < phrase.end <= span.end):
        raise IndexBroken(f"a sentence of {document.id} in the index is not what the document says; run `rag build --full`")
    return Location(document.id, document.title, span, quote, scored.sentence.page, passage.headings, document.digest)
