"""One answer to a question that asked several things: the answers to its parts, with citations numbered throughout."""

from collections.abc import Sequence
from dataclasses import replace

from rag.records import Answer, Citation

TOO_MANY = "I answer four questions at a time. Ask the rest again: “{}”"


def joined(question: str, parts: Sequence[Answer], left_out: Sequence[str] = ()) -> Answer:
    """The parts as one answer, as sure as the least sure part that is answered; it abstains if all parts do.

    `left_out` are questions that were not asked; a last part says so.
    """
    numbered = _numbered(parts)
    answered = [part for part in numbered if not part.abstained]
    if left_out:
        rest = " ".join(left_out)
        numbered.append(Answer(rest, rest, reason="about_program", message=TOO_MANY.format(rest), index=parts[0].index))
    first = numbered[0]
    weakest = min(answered or [first], key=lambda part: part.confidence)
    return replace(
        first,
        question=question,
        query=" ".join(part.query for part in parts),
        sentences=tuple(sentence for part in numbered for sentence in part.sentences),
        citations=tuple(citation for part in numbered for citation in part.citations),
        more=tuple(citation for part in numbered for citation in part.more),
        corrected={typed: meant for part in parts for typed, meant in part.corrected.items()},
        parts=tuple(numbered),
        readings=(),
        message="",
        reason=None if answered else first.reason,
        closest=() if answered else first.closest,
        nearest=() if answered else first.nearest,
        looked_for=() if answered else first.looked_for,
        unknown=() if answered else first.unknown,
        confidence=weakest.confidence,
        strength=weakest.strength,
        guarantee=weakest.guarantee,
        expected_wrong=weakest.expected_wrong,
        measured_on=weakest.measured_on,
        signals=weakest.signals,
    )


def _numbered(parts: Sequence[Answer]) -> list[Answer]:
    """The parts with their citations numbered on from part to part, then the further citations."""
    shown, further = 0, sum(len(part.citations) for part in parts)
    numbered = []
    for part in parts:
        numbers = {citation.number: shown + count for count, citation in enumerate(part.citations, start=1)}
        numbers |= {citation.number: further + count for count, citation in enumerate(part.more, start=1)}
        numbered.append(
            replace(
                part,
                readings=(),
                sentences=tuple(replace(sentence, citation=numbers[sentence.citation]) for sentence in part.sentences),
                citations=tuple(_renumbered(citation, numbers) for citation in part.citations),
                more=tuple(_renumbered(citation, numbers) for citation in part.more),
            )
        )
        shown, further = shown + len(part.citations), further + len(part.more)
    return numbered


def _renumbered(citation: Citation, numbers: dict[int, int]) -> Citation:
    differs = tuple(numbers[other] for other in citation.differs if other in numbers)
    newer = numbers.get(citation.superseded_by) if citation.superseded_by else None
    return replace(citation, number=numbers[citation.number], differs=differs, superseded_by=newer)
