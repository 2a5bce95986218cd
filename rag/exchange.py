"""Records in the words of the outside: plain values for JSON, and the sentences and places that people are shown.

The command line, the page and HTTP all take them from here, so that they say the same.
"""

from collections.abc import Mapping
from typing import Any

from rag.records import Answer, Block, Citation, Document, Hit, Passage, Place, QuotedSentence, Span

# Why there is no answer, in plain words.
ABSTENTIONS = {
    "empty_question": "Please type a question.",
    "no_documents": "There are no documents to ask: put some into the corpus folder and run `rag build`.",
    "not_in_documents": "The documents do not answer this: it is not what they are about.",
    "near_miss": "The documents are about this, but do not say it.",
    "greeting": "Hello. Ask a question, and the sentences of your documents that answer it are shown with their sources.",
    "nothing_more": "There is nothing more to quote there.",
    "gibberish": "This does not read like a question.",
    "other_language": "This seems to be in another language than the documents; ask in theirs.",
}


def abstention_notes(answer: Answer) -> list[str]:
    """What helps on: what was looked for, and which of it stands in no document. Nothing for small talk."""
    if answer.reason not in ("not_in_documents", "near_miss", "other_language") or not answer.looked_for:
        return []
    lines = [f"Looked for: {', '.join(answer.looked_for)}."]
    if answer.unknown:
        lines.append(f"In no document: {', '.join(answer.unknown)}.")
    return lines


def in_plain_words(answer: Answer) -> str:
    """How far an answer can be trusted, by what was measured."""
    if answer.expected_wrong is None:
        return f"confidence {answer.confidence:.2f}"
    wrong = round(100 * answer.expected_wrong)
    where = f" ({answer.measured_on})" if answer.measured_on else ""
    return f"confidence {answer.confidence:.2f}: of answers like this, about {wrong} in 100 were wrong{where}"


# What `page` counts, by the ending of the file's name; pages elsewhere.
UNITS = {
    ".pptx": "slide",
    ".odp": "slide",
    ".xlsx": "row",
    ".xlsm": "row",
    ".xls": "row",
    ".ods": "row",
    ".csv": "row",
    ".tsv": "row",
    ".json": "record",
    ".jsonl": "record",
    ".ndjson": "record",
    ".ipynb": "cell",
}


def unit(document_id: str) -> str:
    """What `page` counts in this document: pages, slides, rows, records or cells."""
    return UNITS.get(document_id[document_id.rfind(".") :].lower(), "page")


def place(document_id: str, page: int | None, headings: tuple[str, ...]) -> str:
    """Where something stands, for people: `book.pdf › page 3 › Part › Chapter`."""
    return " › ".join([document_id, *([f"{unit(document_id)} {page}"] if page else []), *headings])


def answer_values(answer: Answer) -> dict[str, Any]:
    return {
        "question": answer.question,
        "query": answer.query,
        "readings": list(answer.readings),
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
    )


def _citation_from(values: Mapping[str, Any]) -> Citation:
    phrase = values["answer_phrase"]
    return Citation(
        number=values["number"],
        **_place_parts(values),
        answer_phrase=Span(phrase["start"], phrase["end"]) if phrase else None,
        also=tuple(Place(**_place_parts(place)) for place in values["also"]),
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


def document_values(document: Document) -> dict[str, Any]:
    """Everything that a Document is; `document_of` makes it of them again."""
    return {
        "id": document.id,
        "title": document.title,
        "digest": document.digest,
        "text": document.text,
        "blocks": [[b.kind, b.span.start, b.span.end, b.level, b.page, b.breaks] for b in document.blocks],
        "notes": document.notes,
    }


def document_of(values: dict[str, Any]) -> Document:
    blocks = tuple(
        Block(kind, Span(start, end), level, page, tuple(breaks)) for kind, start, end, level, page, breaks in values["blocks"]
    )
    return Document(values["id"], values["title"], values["text"], blocks, values["digest"], tuple(values["notes"]))


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


def _place_values(place: Place) -> dict[str, Any]:
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
