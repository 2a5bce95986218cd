"""From a citation's number on the page back to its sentence in the document."""

import re
from typing import Any

from rag.index.contents import Index
from rag.records import Citation, Place, Span

WINDOW = 5_000  # characters shown before and after the sentence; a whole book would take the browser seconds

_REFERENCE = re.compile(r"([0-9a-f]{64}):(\d{1,12}):(\d{1,12}):(.{1,4096})", re.DOTALL)


def reference(citation: Citation | Place) -> str:
    """Names a sentence for as long as its file stays the same: digest, start, end, document id."""
    return f"{citation.digest}:{citation.span.start}:{citation.span.end}:{citation.document_id}"


def source_view(index: Index, asked: object) -> dict[str, Any]:
    """The sentence and the text around it as strings, because JavaScript counts characters otherwise than we do.

    {"title", "document_id", "headings", "page", "before", "sentence", "after", "clipped"}, or {"error"} in plain words.
    `asked` comes from the browser and may be anything.
    """
    match = _REFERENCE.fullmatch(asked) if isinstance(asked, str) else None
    if match is None:
        return {"error": "This is no citation."}
    digest, start, end, document_id = match.group(1), int(match.group(2)), int(match.group(3)), match.group(4)
    document = index.documents.get(document_id)
    if document is None:
        return {"error": f"{document_id} is no longer among the documents."}
    if document.digest != digest:
        return {"error": f"{document_id} has changed since this answer; ask again."}
    if not start < end <= len(document.text):
        return {"error": "This is no citation."}
    span = Span(start, end)
    passage = next((p for p in index.passages if p.document_id == document_id and p.span.end >= end), None)
    return {
        "title": document.title,
        "document_id": document_id,
        "headings": list(passage.headings) if passage else [],
        "page": passage.page if passage else None,
        "before": document.text[max(0, start - WINDOW) : start],
        "sentence": span.of(document.text),
        "after": document.text[end : end + WINDOW],
        "clipped": [start > WINDOW, end + WINDOW < len(document.text)],
    }
