"""Documents and their passages as JSON: in the index, and from the worker that reads a file to the process that asked."""

from typing import Any

from rag.records import Block, Document, Passage, Sentence, Span


def document_to_json(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "title": document.title,
        "digest": document.digest,
        "text": document.text,
        "blocks": [
            [b.kind, b.span.start, b.span.end, b.level, b.page, b.breaks, *([b.places] if b.places else [])]
            for b in document.blocks
        ],
        "notes": document.notes,
        "language": document.language,
    }


def document_from_json(values: dict[str, Any]) -> Document:
    blocks = tuple(
        Block(kind, Span(start, end), level, page, tuple(breaks), tuple(tuple(place) for found in places for place in found))
        for kind, start, end, level, page, breaks, *places in values["blocks"]
    )
    notes = tuple(values["notes"])
    return Document(values["id"], values["title"], values["text"], blocks, values["digest"], notes, values["language"])


def passage_to_json(passage: Passage) -> dict[str, Any]:
    """Spans only, because its text is a slice of the document's."""
    return {
        "span": [passage.span.start, passage.span.end],
        "headings": passage.headings,
        "page": passage.page,
        "sentences": [[s.span.start, s.span.end, s.kind, s.level, s.page] for s in passage.sentences],
        "cut": passage.cut,
        "context": passage.context,
    }


def passage_from_json(values: dict[str, Any], document: Document) -> Passage:
    span = Span(*values["span"])
    return Passage(
        document_id=document.id,
        span=span,
        text=span.of(document.text),
        headings=tuple(values["headings"]),
        page=values["page"],
        sentences=tuple(Sentence(Span(start, end), kind, level, page) for start, end, kind, level, page in values["sentences"]),
        cut=values["cut"],
        context=values["context"],
    )
