"""Draws a page of a PDF with a sentence marked, in a worker process."""

import base64
import threading
from dataclasses import asdict
from pathlib import Path

from rag.config import LoadingSettings
from rag.errors import UnreadableFile
from rag.loading.pdf.places import runs_on_page
from rag.loading.process.pool import WorkerProcess
from rag.records import Document, Span

_DRAWING = threading.BoundedSemaphore(2)  # pages drawn at once: each takes a process with its memory


def draw_page(corpus: Path, document: Document, page: int, span: Span, settings: LoadingSettings) -> bytes:
    """PNG of a page (counted from 1) of a PDF in the corpus, with the part of `span` that is on the page marked.

    The mark is left out if nothing of it is there. Raises UnreadableFile if the page cannot be drawn, if
    the file has changed since the document was read, or if too many pages are being drawn.
    """
    if not _DRAWING.acquire(timeout=settings.seconds):
        raise UnreadableFile("too many pages are being drawn; try again")
    process = WorkerProcess(settings)
    request = {
        "folder": str(corpus.absolute()),
        "name": document.id,
        "digest": document.digest,
        "page": page,
        "runs": [asdict(run) for run in runs_on_page(document, page, span)],
        "quote": span.of(document.text),
    }
    try:
        reply = process.ask(request)
    finally:
        process.stop()
        _DRAWING.release()
    if "reason" in reply:
        raise UnreadableFile(reply["reason"])
    return base64.b64decode(reply["image"])
