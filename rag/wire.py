"""The wire format: answers and hits as JSON values.

The command line, the page, HTTP, receipts and saved conversations all use it, so that they agree.
"""

from collections.abc import Mapping
from typing import Any

from rag.records import Answer, Citation, Hit, Location, Passage, QuotedSentence, Span


def answer_values(answer: Answer) -> dict[str, Any]:
    return {
        "question": answer.question,
        "query": answer.query,
        "readings": list(answer.readings),
        "choices": answer.choices,
        "abstained": answer.abstained,
        "reason": answer.reason,
        "confidence": answer.confidence,
        "expected_wrong": answer.expected_wrong,
        "measured_on": answer.measured_on,
        "signals": answer.signals,
        "text": answer.text,
        "sentences": [{"text": s.text, "citation": s.citation, "context": s.context} for s in answer.sentences],
        "citations": [_citation_values(citation) for citation in answer.citations],
        "nearest": [hit_values(hit) for hit in answer.nearest] if answer.abstained else [],
        "looked_for": list(answer.looked_for) if answer.abstained else [],
        "unknown": list(answer.unknown) if answer.abstained else [],
        "timings_ms": answer.timings_ms,
        "index": answer.index,
    }


def answer_from(values: Mapping[str, Any]) -> Answer:
    """The answer that gave these values, with what is shown of the nearest passages. Raises KeyError or TypeError for others."""
    same = ("question", "query", "confidence", "reason", "expected_wrong", "measured_on", "signals", "timings_ms", "index")
    return Answer(
        **{name: values[name] for name in same},
        sentences=tuple(QuotedSentence(s["text"], s["citation"], s["context"]) for s in values["sentences"]),
        citations=tuple(_citation_from(citation) for citation in values["citations"]),
        nearest=tuple(_hit_from(hit) for hit in values["nearest"]),
        looked_for=tuple(values["looked_for"]),
        unknown=tuple(values["unknown"]),
        readings=tuple(values.get("readings", ())),
        choices=values.get("choices", 0),
    )


def _citation_from(values: Mapping[str, Any]) -> Citation:
    phrase = values["answer_phrase"]
    return Citation(
        number=values["number"],
        **_place_parts(values),
        answer_phrase=Span(phrase["start"], phrase["end"]) if phrase else None,
        also=tuple(Location(**_place_parts(place)) for place in values["also"]),
        differs=tuple(values["differs"]),
    )


def _place_parts(values: Mapping[str, Any]) -> dict[str, Any]:
    same = {name: values[name] for name in ("document_id", "title", "quote", "page", "digest")}
    return same | {"span": Span(values["start"], values["end"]), "headings": tuple(values["headings"])}


def _hit_from(values: Mapping[str, Any]) -> Hit:
    span, headings = Span(values["start"], values["end"]), tuple(values["headings"])
    return Hit(Passage(values["document_id"], span, values["text"], headings, values["page"]), values["score"], values["rank"])


def hit_values(hit: Hit) -> dict[str, Any]:
    passage = hit.passage
    return {
        "rank": hit.rank,
        "score": hit.score,
        "passage_id": passage.id,
        "document_id": passage.document_id,
        "text": passage.text,
        "headings": list(passage.headings),
        "page": passage.page,
        **_span_values(passage.span),
    }


def _citation_values(citation: Citation) -> dict[str, Any]:
    return {
        "number": citation.number,
        "document_id": citation.document_id,
        "title": citation.title,
        "quote": citation.quote,
        "headings": list(citation.headings),
        "page": citation.page,
        "digest": citation.digest,
        "answer_phrase": _span_values(citation.answer_phrase) if citation.answer_phrase else None,
        "also": [_place_values(place) for place in citation.also],
        "differs": list(citation.differs),
        **_span_values(citation.span),
    }


def _place_values(place: Location) -> dict[str, Any]:
    return {
        "document_id": place.document_id,
        "title": place.title,
        "quote": place.quote,
        "headings": list(place.headings),
        "page": place.page,
        "digest": place.digest,
        **_span_values(place.span),
    }


def _span_values(span: Span) -> dict[str, int]:
    return {"start": span.start, "end": span.end}
