"""A comparison that no passage makes: the answers about each thing, side by side."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from rag.answering.comparisons import Compared, things_compared
from rag.answering.confidence import Calibration
from rag.answering.wording import note_on
from rag.records import Answer, Citation, QuotedSentence
from rag.text.terms import terms

HALF = 0.5  # an answer about one of two things is half an answer


def side_by_side(answer: Answer, ask: Callable[[str], Answer], calibration: Calibration) -> Answer:
    """The answer itself unless its question states a comparison that it does not make; then what is said of each thing.

    `ask` answers "What is A?". Where only one thing has an answer, the message names the other, and the confidence is halved.
    """
    compared = things_compared(answer.query)
    if compared is None or not compared.stated or all(_is_about(compared, side, answer) for side in (0, 1)):
        return answer
    about = [_lead(compared, side, ask(f"What is {name}?")) for side, name in enumerate(compared.names)]
    missing = [name for name, part in zip(compared.names, about, strict=True) if part is None]
    parts = [part for part in about if part is not None]
    if not parts or (missing and answer.citations):
        return _halved(answer, calibration) if answer.message else answer
    sentences, citations = _renumbered(parts)
    confidence = min(part.confidence for part in parts)
    joined = replace(
        parts[0], question=answer.question, query=answer.query, sentences=sentences, citations=citations, more=(),
        message=note_on(missing, None),
    )  # fmt: skip
    joined = _with_confidence(joined, confidence, calibration)
    return _halved(joined, calibration) if missing else joined


def _is_about(compared: Compared, side: int, answer: Answer) -> bool:
    """Whether a quoted sentence, or the heading above it, names the thing."""
    citations = {citation.number: citation for citation in answer.citations}
    chosen = [citations[sentence.citation] for sentence in answer.sentences if not sentence.context]
    return any(compared.holds(side, set(terms(" ".join([*c.headings[-1:], c.quote])))) for c in chosen)


def _lead(compared: Compared, side: int, answer: Answer) -> Answer | None:
    """The answer's first sentence with its context; None if it is not about the thing."""
    first = next((n for n, sentence in enumerate(answer.sentences) if not sentence.context), None)
    if first is None:
        return None
    sentences = answer.sentences[: first + 1]
    cited = {sentence.citation for sentence in sentences}
    lead = replace(answer, sentences=sentences, citations=tuple(c for c in answer.citations if c.number in cited))
    return lead if _is_about(compared, side, lead) else None


def _renumbered(answers: Sequence[Answer]) -> tuple[tuple[QuotedSentence, ...], tuple[Citation, ...]]:
    """The sentences of all answers under consecutive numbers, those of header rows last; no place twice."""
    places: dict[object, tuple[bool, QuotedSentence, Citation]] = {}
    for answer in answers:
        headers = answer.header_numbers
        cited = {citation.number: citation for citation in answer.citations}
        for sentence in answer.sentences:
            citation = replace(cited[sentence.citation], differs=())
            places.setdefault((citation.document_id, citation.span), (citation.number in headers, sentence, citation))
    in_order = list(places.values())
    numbered = sorted(range(len(in_order)), key=lambda n: in_order[n][0])
    numbers = {n: number for number, n in enumerate(numbered, start=1)}
    sentences = tuple(replace(sentence, citation=numbers[n]) for n, (_, sentence, _) in enumerate(in_order))
    return sentences, tuple(replace(in_order[n][2], number=numbers[n]) for n in numbered)


def _halved(answer: Answer, calibration: Calibration) -> Answer:
    return _with_confidence(answer, round(HALF * answer.confidence, 4), calibration)


def _with_confidence(answer: Answer, confidence: float, calibration: Calibration) -> Answer:
    """With the band of the confidence, at least the weakest: an answer is not withdrawn for being about one thing only."""
    band = calibration.band(confidence) or (calibration.bands[-1] if calibration.bands else None)
    return replace(
        answer,
        confidence=confidence,
        strength=band.strength if band else None,
        expected_wrong=round(1 - band.right, 4) if band else None,
    )
