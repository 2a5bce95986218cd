"""Documents as JSON: in the index, and between the worker that reads a file and the process that asked for it."""

from typing import Any

from rag.records import Block, Document, Span


def document_to_json(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "title": document.title,
        "digest": document.digest,
        "text": document.text,
        "blocks": [[b.kind, b.span.start, b.span.end, b.level, b.page, b.breaks] for b in document.blocks],
        "notes": document.notes,
    }


def document_from_json(values: dict[str, Any]) -> Document:
    blocks = tuple(
        Block(kind, Span(start, end), level, page, tuple(breaks)) for kind, start, end, level, page, breaks in values["blocks"]
    )
    return Document(values["id"], values["title"], values["text"], blocks, values["digest"], tuple(values["notes"]))
