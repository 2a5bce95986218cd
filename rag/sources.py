"""Opens a citation: from its reference back to the sentence in the document, with the text around it."""

import re
from bisect import bisect_left
from typing import Any
from urllib.parse import quote

from rag.answering.wording import place
from rag.errors import DocumentError
from rag.index.contents import Index
from rag.records import Answer, Citation, Document, Location, Span

WINDOW = 5_000  # characters shown before and after the sentence; a whole book would take the browser seconds

_REFERENCE = re.compile(r"([0-9a-f]{64}):(\d{1,12}):(\d{1,12}):(.{1,4096})", re.DOTALL)


def reference(citation: Citation | Location) -> str:
    """Identifies a sentence as long as its file is unchanged: digest, start, end, document id."""
    return f"{citation.digest}:{citation.span.start}:{citation.span.end}:{citation.document_id}"


def document_reference(document: Document) -> str:
    """Identifies a whole document, which opens at its beginning."""
    return f"{document.digest}:0:0:{document.id}"


def file_link(document_id: str, prefix: str) -> str:
    """The path of a document's file on this server, whose paths begin with `prefix`."""
    return f"{prefix}/api/file/{quote(document_id, safe='/')}"


def resolve(index: Index, asked: object) -> tuple[Document, Span]:
    """The document and span that a reference names; for a duplicate, the document with the same bytes.

    `asked` comes from outside and may be anything. Raises DocumentError in plain words.
    """
    match = _REFERENCE.fullmatch(asked) if isinstance(asked, str) else None
    if match is None:
        raise DocumentError("This is not a citation.")
    digest, span, document_id = match.group(1), Span(int(match.group(2)), int(match.group(3))), match.group(4)
    entry = index.entry_for(document_id)
    if entry is None:
        raise DocumentError(f"{document_id} is no longer among the documents.")
    document = index.documents[entry.id]
    if document.digest != digest:
        raise DocumentError(f"{document_id} has changed since this answer; ask again.")
    if not (span.start < span.end or span == Span(0, 0)) or span.end > len(document.text):
        raise DocumentError("This is not a citation.")
    return document, span


def stale_citations(index: Index, answer: Answer) -> list[int]:
    """Numbers of the citations whose file has been removed or changed since."""
    entries = ((citation, index.entry_for(citation.document_id)) for citation in answer.citations)
    return [citation.number for citation, entry in entries if entry is None or entry.digest != citation.digest]


def source_view(index: Index, asked: object, *, windows: int = 1, choose: bool = False) -> dict[str, Any]:
    """The sentence and the text around it, as strings because JavaScript counts characters differently.

    {"title", "document_id", "headings", "page", "place", "before", "sentence", "after", "clipped"}, or {"error"} as a plain line;
    "drawn" is the page of a PDF that can be shown as a picture, else None. `asked` comes from outside and may be anything.
    There are `windows` times WINDOW characters on each side. With `choose`, "pieces" has all of the text in order as
    [text, reference], where the reference is "" for text that is not a sentence.
    """
    try:
        document, span = resolve(index, asked)
    except DocumentError as error:
        return {"error": str(error)}
    start, end, window = span.start, span.end, WINDOW * windows
    page, headings = where(index, document, span)
    pieces = _pieces(index, document, Span(max(0, start - window), min(len(document.text), end + window))) if choose else []
    return {
        "pieces": pieces,
        "reference": asked,
        "title": document.title,
        "document_id": document.id,
        "headings": list(headings),
        "page": page,
        "place": place(document.id, page, headings),
        "drawn": page if document.id.lower().endswith(".pdf") else None,
        "before": document.text[max(0, start - window) : start],
        "sentence": span.of(document.text),
        "after": document.text[end : end + window],
        "clipped": [start > window, end + window < len(document.text)],
    }


def where(index: Index, document: Document, span: Span) -> tuple[int | None, tuple[str, ...]]:
    """The page (or slide, row, record) and headings of a span of a document; None and () if it lies after all passages."""
    rows = index.rows[document.id]
    position = bisect_left(rows, span.end, key=lambda row: index.passages[row].span.end)
    if position == len(rows):
        return None, ()
    passage = index.passages[rows[position]]
    pages = [sentence.page for sentence in passage.sentences if sentence.span.start <= span.start]
    return (pages[-1] if pages else passage.page), passage.headings


def _pieces(index: Index, document: Document, part: Span) -> list[list[str]]:
    """The text of `part` as [text, reference], cut at its quotable sentences; other text has the reference ""."""
    pieces: list[list[str]] = []
    position = part.start
    for passage in index.passages_of(document.id):
        for sentence in passage.sentences:
            start, end = sentence.span.start, sentence.span.end
            if sentence.quotable and position <= start and end <= part.end:
                pieces += [
                    [document.text[position:start], ""],
                    [document.text[start:end], f"{document.digest}:{start}:{end}:{document.id}"],
                ]
                position = end
    return [piece for piece in [*pieces, [document.text[position : part.end], ""]] if piece[0]]
