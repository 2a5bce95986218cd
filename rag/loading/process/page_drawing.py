"""Draws a page of a PDF with a sentence marked, in a worker process."""

import base64
import threading
from pathlib import Path

from rag.config import LoadingSettings
from rag.errors import UnreadableFile
from rag.loading.process.pool import WorkerProcess
from rag.records import Document, Span

_DRAWING = threading.BoundedSemaphore(2)  # pages drawn at once: each takes a process with its memory


def draw_page(corpus: Path, document: Document, page: int, span: Span, settings: LoadingSettings) -> bytes:
    """PNG of a page (counted from 1) of a PDF in the corpus, with the part of `span` that is on the page marked.

    The mark is left out if the page does not contain the words. Raises UnreadableFile if the page cannot be drawn, if
    the file has changed since the document was read, or if too many pages are being drawn.
    """
    if not _DRAWING.acquire(timeout=settings.seconds):
        raise UnreadableFile("too many pages are being drawn; try again")
    process = WorkerProcess(settings)
    on_page = _page_span(document, page)
    quote = Span(max(span.start, on_page.start), min(span.end, on_page.end))
    request = {
        "folder": str(corpus.absolute()),
        "name": document.id,
        "digest": document.digest,
        "page": page,
        "before": document.text[on_page.start : quote.start],
        "quote": quote.of(document.text),
        "after": document.text[quote.end : on_page.end],
    }
    try:
        reply = process.ask(request)
    finally:
        process.stop()
        _DRAWING.release()
    if "reason" in reply:
        raise UnreadableFile(reply["reason"])
    return base64.b64decode(reply["image"])


def _page_span(document: Document, page: int) -> Span:
    """From the first to the last character that the document has on a page; empty if it has none."""
    spans = []
    for block in document.blocks:
        if block.page is not None and block.page <= page <= block.page + len(block.breaks):
            bounds = (block.span.start, *block.breaks, block.span.end)
            spans.append(Span(bounds[page - block.page], bounds[page - block.page + 1]))
    return Span(min(span.start for span in spans), max(span.end for span in spans)) if spans else Span(0, 0)
