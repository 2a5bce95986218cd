"""The wire format: answers and hits as JSON values.

The command line, the page, HTTP, receipts, runs and saved conversations all use it, so that they agree.
"""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, NotRequired, TypeVar

from pydantic import PlainSerializer, PlainValidator, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # typing's cannot be validated by pydantic before Python 3.12

from rag.records import Answer, Citation, FactKind, FactList, Hit, Location, Overview, Passage, QuotedSentence, Span, Strength


class SpanValues(TypedDict):
    start: int
    end: int


class LocationValues(SpanValues):
    document_id: str
    title: str
    quote: str
    headings: list[str]
    page: int | None
    digest: str
    language: NotRequired[str]


class CitationValues(LocationValues):
    number: int
    answer_phrase: SpanValues | None
    also: list[LocationValues]
    differs: list[int]
    dated: NotRequired[str]
    superseded_by: NotRequired[int | None]


class SentenceValues(TypedDict):
    text: str
    citation: int
    context: bool


class HitValues(SpanValues):
    rank: int
    score: float
    passage_id: str
    document_id: str
    text: str
    headings: list[str]
    page: int | None


class FactListValues(TypedDict):
    kind: FactKind
    citations: list[int]
    total: int


class OverviewValues(TypedDict):
    documents: list[str]
    headings: list[str]
    sentences: int
    sections: int
    quoted_sections: int
    coverage: float
    lists: list[FactListValues]


class AnswerValues(TypedDict):
    """`nearest`, `looked_for` and `unknown` are empty unless it abstains. Older answers lack what is NotRequired."""

    question: str
    query: str
    readings: NotRequired[list[str]]
    choices: NotRequired[int]
    message: NotRequired[str]
    abstained: bool
    reason: str | None
    confidence: float
    strength: NotRequired[Strength | None]
    guarantee: NotRequired[str]
    expected_wrong: float | None
    measured_on: str
    signals: dict[str, float]
    text: str
    sentences: list[SentenceValues]
    citations: list[CitationValues]
    more: NotRequired[list[CitationValues]]
    closest: NotRequired[list[CitationValues]]
    corrected: NotRequired[dict[str, str]]
    parts: NotRequired[list["AnswerValues"]]
    overview: NotRequired[OverviewValues | None]
    nearest: list[HitValues]
    looked_for: list[str]
    unknown: list[str]
    timings_ms: dict[str, float]
    index: str


Value = TypeVar("Value")


def validated(kind: type[Value], values: object, *, strict: bool | None = None) -> Value:
    """`values` as this type. Raises ValueError with the first problem, in one line."""
    try:
        record: Value = _adapter(kind).validate_python(values, strict=strict)  # type: ignore[arg-type]  # classes are hashable
        return record
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(": ".join(filter(None, [".".join(map(str, first["loc"])), first["msg"]]))) from error


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """Made on use, because it takes milliseconds."""
    return TypeAdapter(kind)


def answer_values(answer: Answer) -> AnswerValues:
    return {
        "question": answer.question,
        "query": answer.query,
        "readings": list(answer.readings),
        "choices": answer.choices,
        "message": answer.message,
        "abstained": answer.abstained,
        "reason": answer.reason,
        "confidence": answer.confidence,
        "strength": answer.strength,
        "guarantee": answer.guarantee,
        "expected_wrong": answer.expected_wrong,
        "measured_on": answer.measured_on,
        "signals": answer.signals,
        "text": answer.text,
        "sentences": [{"text": s.text, "citation": s.citation, "context": s.context} for s in answer.sentences],
        "citations": [citation_values(citation) for citation in answer.citations],
        "more": [citation_values(citation) for citation in answer.more],
        "closest": [citation_values(citation) for citation in answer.closest],
        "corrected": dict(sorted(answer.corrected.items())),
        "parts": [answer_values(part) for part in answer.parts],
        "overview": _overview_values(answer.overview) if answer.overview else None,
        "nearest": [hit_values(hit) for hit in answer.nearest] if answer.abstained else [],
        "looked_for": list(answer.looked_for) if answer.abstained else [],
        "unknown": list(answer.unknown) if answer.abstained else [],
        "timings_ms": answer.timings_ms,
        "index": answer.index,
    }


def hit_values(hit: Hit) -> HitValues:
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


def citation_values(citation: Citation) -> CitationValues:
    phrase = citation.answer_phrase
    return {
        "number": citation.number,
        **_location_values(citation),
        "answer_phrase": _span_values(phrase) if phrase else None,
        "also": [_location_values(location) for location in citation.also],
        "differs": list(citation.differs),
        "dated": citation.dated,
        "superseded_by": citation.superseded_by,
    }


def _overview_values(overview: Overview) -> OverviewValues:
    return {
        "documents": list(overview.documents),
        "headings": list(overview.headings),
        "sentences": overview.sentences,
        "sections": overview.sections,
        "quoted_sections": overview.quoted_sections,
        "coverage": overview.coverage,
        "lists": [{"kind": facts.kind, "citations": list(facts.citations), "total": facts.total} for facts in overview.lists],
    }


def _location_values(location: Location | Citation) -> LocationValues:
    return {
        "document_id": location.document_id,
        "title": location.title,
        "quote": location.quote,
        "headings": list(location.headings),
        "page": location.page,
        "digest": location.digest,
        "language": location.language,
        **_span_values(location.span),
    }


def _span_values(span: Span) -> SpanValues:
    return {"start": span.start, "end": span.end}


def answer_from(values: object) -> Answer:
    """The answer that these JSON values describe; of the nearest passages, only what is shown. Raises ValueError for others."""
    return _answer_from(validated(AnswerValues, values, strict=True))


def _answer_from(fields: AnswerValues) -> Answer:
    if missing := {s["citation"] for s in fields["sentences"]} - {c["number"] for c in fields["citations"]}:
        raise ValueError(f"sentences: no citation has the number {min(missing)}")
    return Answer(
        question=fields["question"],
        query=fields["query"],
        sentences=tuple(QuotedSentence(**sentence) for sentence in fields["sentences"]),
        citations=tuple(_citation_from(citation) for citation in fields["citations"]),
        more=tuple(_citation_from(citation) for citation in fields.get("more", ())),
        closest=tuple(_citation_from(citation) for citation in fields.get("closest", ())),
        corrected=fields.get("corrected", {}),
        parts=tuple(_answer_from(part) for part in fields.get("parts", ())),
        confidence=fields["confidence"],
        reason=fields["reason"],
        nearest=tuple(_hit_from(hit) for hit in fields["nearest"]),
        looked_for=tuple(fields["looked_for"]),
        unknown=tuple(fields["unknown"]),
        readings=tuple(fields.get("readings", ())),
        choices=fields.get("choices", 0),
        message=fields.get("message", ""),
        strength=fields.get("strength"),
        guarantee=fields.get("guarantee", ""),
        overview=_overview_from(values) if (values := fields.get("overview")) else None,
        expected_wrong=fields["expected_wrong"],
        measured_on=fields["measured_on"],
        signals=fields["signals"],
        index=fields["index"],
        timings_ms=fields["timings_ms"],
    )


def _overview_from(values: OverviewValues) -> Overview:
    return Overview(
        tuple(values["documents"]),
        tuple(values["headings"]),
        values["sentences"],
        values["sections"],
        values["quoted_sections"],
        values["coverage"],
        tuple(FactList(facts["kind"], tuple(facts["citations"]), facts["total"]) for facts in values["lists"]),
    )


def hit_from(values: object) -> Hit:
    """The hit that these JSON values describe, as far as it is shown. Raises ValueError for others."""
    return _hit_from(validated(HitValues, values, strict=True))


def _hit_from(values: HitValues) -> Hit:
    span, headings = Span(values["start"], values["end"]), tuple(values["headings"])
    return Hit(Passage(values["document_id"], span, values["text"], headings, values["page"]), values["score"], values["rank"])


def citation_from(values: object) -> Citation:
    """The citation that these JSON values describe. Raises ValueError for others."""
    return _citation_from(validated(CitationValues, values, strict=True))


def _citation_from(values: CitationValues) -> Citation:
    phrase = values["answer_phrase"]
    return Citation(
        number=values["number"],
        **_location_fields(values),
        answer_phrase=Span(phrase["start"], phrase["end"]) if phrase else None,
        also=tuple(Location(**_location_fields(location)) for location in values["also"]),
        differs=tuple(values["differs"]),
        dated=values.get("dated", ""),
        superseded_by=values.get("superseded_by"),
    )


def _location_fields(values: LocationValues) -> Mapping[str, Any]:
    """The fields that a Location and a Citation share."""
    return {
        "document_id": values["document_id"],
        "title": values["title"],
        "span": Span(values["start"], values["end"]),
        "quote": values["quote"],
        "page": values["page"],
        "headings": tuple(values["headings"]),
        "digest": values["digest"],
        "language": values.get("language", ""),
    }


StoredAnswer = Annotated[Answer, PlainValidator(answer_from), PlainSerializer(answer_values)]
"""The type of a pydantic field that holds an Answer and is stored in the wire format."""
StoredHit = Annotated[Hit, PlainValidator(hit_from), PlainSerializer(hit_values)]
