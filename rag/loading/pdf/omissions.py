"""What is left out of a PDF's text, in plain lines."""

from collections.abc import Callable, Sequence
from typing import Any

import pypdfium2.raw as pdfium

from rag.loading.pdf.annotations import Additions
from rag.loading.pdf.ocr import advice, can_run
from rag.loading.pdf.words import PageWords

MOST_GARBAGE = 0.3  # share of a page's characters; with more its fonts do not map to letters
_MOST_LISTED = 10  # page numbers in a note


def has_letters(page: PageWords) -> bool:
    """Whether the page has words, and its fonts say which letters they show."""
    return bool(page.words) and page.garbage_share <= MOST_GARBAGE


def why_unreadable(pages: Sequence[PageWords]) -> str:
    """Why a file without a single readable word cannot be read, and what to do."""
    if any(page.words for page in pages):
        return "its fonts do not say which letters they show; print it to a new PDF and use OCR on that"
    if any(page.hidden_words for page in pages):
        return "all its text is invisible on the page"
    count = f"{len(pages)} page{'s' if len(pages) > 1 else ''}"
    if not any(page.image_share for page in pages):
        return f"no text layer ({count} without text)"
    reason = "no text was found in its images" if can_run("ocrmypdf") else advice("ocrmypdf")
    return f"no text layer ({count} of images); {reason}"


def omissions(pages: Sequence[PageWords], additions: Sequence[Additions]) -> list[str]:
    """One line for each kind of content that is on some pages but not in the text."""

    def listed(line: str, concerns: Callable[[PageWords, Additions], bool]) -> list[str]:
        pairs = enumerate(zip(pages, additions, strict=True), start=1)
        numbers = [number for number, (page, added) in pairs if concerns(page, added)]
        return [f"{line} {_listed(numbers)}"] if numbers else []

    return [
        *listed("images without text on", lambda page, _: not page.words and page.image_share > 0),
        *listed("no text on", lambda page, added: not page.words and not page.image_share and not added.shown),
        *listed("pictures without text on", lambda page, _: bool(page.words) and page.has_picture),
        *listed(
            "left out, because the fonts do not say which letters they show:",
            lambda page, _: bool(page.words) and not has_letters(page),
        ),
        *listed("invisible text left out on", lambda page, added: bool(page.hidden_words or added.hidden)),
    ]


def file_omissions(document: Any) -> list[str]:
    """What the file holds apart from its pages."""
    notes = []
    if names := [document.get_attachment(i).get_name() for i in range(document.count_attachments())]:
        listed = ", ".join(names[:_MOST_LISTED]) + (" and more" if len(names) > _MOST_LISTED else "")
        notes.append(f"attached files are documents of their own: {listed}")
    if pdfium.FPDFDoc_GetJavaScriptActionCount(document) > 0:
        notes.append("scripts left out")
    if document.get_formtype() in (pdfium.FORMTYPE_XFA_FULL, pdfium.FORMTYPE_XFA_FOREGROUND):
        notes.append("its form is in XFA, of which only the fields of the pages are read")
    return notes


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:_MOST_LISTED])) + (" and more" if len(numbers) > _MOST_LISTED else "")
    return f"page {shown}" if len(numbers) == 1 else f"pages {shown}"
