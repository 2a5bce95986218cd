"""PDFs to blocks with their pages, by PDFium, the library with which Chrome shows PDFs."""

import re
from collections.abc import Sequence
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, assemble
from rag.loading.pdf.heading_lines import key
from rag.loading.pdf.layout import pieces_of
from rag.loading.pdf.ocr import is_enabled, with_text
from rag.loading.pdf.text_lines import PageLines, lines_of
from rag.loading.pdf.words import PageWords, words_of

_PROGRAM_TITLE = re.compile(
    r"\s*(?:microsoft|untitled|unknown|no title|title|document\d*$|slide 1$|powerpoint|print|about:|https?:)", re.I
)
_FILE_NAME = re.compile(r"\.(?:docx?|pdf|dvi|tex|indd|pptx?|xlsx?|odt|rtf|txt|qxd|ps|eps|html?|pages|fm|p65|wpd|cdr)\W*$", re.I)
_MOST_GARBAGE = 0.3  # share of a page's characters; with more its fonts do not map to letters
_TITLE_AREA = 0.45  # of the page's height: the title is above
_TITLE_SIZE = 1.15  # times the median size of the lines
_SAME_SIZE = 0.97  # lines at least so large, relative to the largest, belong to the title
_MOST_TITLE_LINES = 3
_MOST_LISTED = 10  # page numbers in a note
_LONGEST_TITLE = 200  # characters


def read(data: bytes) -> ParsedFile:
    pages, title, outline = _content(data)
    if is_enabled() and any(page.image_share and not page.words for page in pages):
        pages, _, outline = _content(with_text(data))
    return _parsed(pages, title, outline)


def _content(data: bytes) -> tuple[list[PageWords], str, dict[str, int]]:
    """The words of each page, the title in the file's properties, and the outline."""
    document = _open(data)
    try:
        pages = [words_of(page) for page in document]
        if not pages:
            raise UnreadableFile("it has no pages")
        return pages, _stated_title(document), _outline(document)
    except pypdfium2.PdfiumError as error:
        raise UnreadableFile(f"it is damaged ({error})") from None
    finally:
        document.close()


def _open(data: bytes) -> Any:
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if pdfium.FPDF_GetLastError() == pdfium.FPDF_ERR_PASSWORD:
            raise UnreadableFile("it is encrypted; save it without a password") from None
        raise UnreadableFile(f"it is damaged ({error})") from None


def _stated_title(document: Any) -> str:
    try:
        return str(document.get_metadata_value("Title"))
    except UnicodeDecodeError:
        return ""


def _outline(document: Any) -> dict[str, int]:
    """Levels of headings in the file's bookmarks, by the headings' letters and digits."""
    return {key(entry.get_title()): min(entry.level + 1, 6) for entry in document.get_toc(max_depth=6)}


def _parsed(page_words: Sequence[PageWords], title: str, outline: dict[str, int]) -> ParsedFile:
    garbage = [number for number, page in enumerate(page_words, start=1) if page.words and page.garbage_share > _MOST_GARBAGE]
    empty = [number for number, page in enumerate(page_words, start=1) if not page.words]
    if len(empty) == len(page_words):
        raise UnreadableFile(_no_text(page_words))
    if len(garbage) + len(empty) == len(page_words):
        raise UnreadableFile("its fonts do not say which letters they show; print it to a new PDF and use OCR on that")
    pages = [
        PageLines(number, page.height, lines_of(page.words))
        for number, page in enumerate(page_words, start=1)
        if page.words and number not in garbage
    ]
    pieces = pieces_of(pages, outline)
    # Paragraphs without a letter are the numbers along a figure's axes.
    content = [piece for piece in pieces if piece.kind != "paragraph" or any(character.isalpha() for character in piece.text)]
    return assemble(_title(title, pages), content, _notes(page_words, empty, garbage))


def _no_text(pages: Sequence[PageWords]) -> str:
    """Why a file without a single visible word cannot be read, and what to do."""
    if any(page.hidden_words for page in pages):
        return "all its text is invisible on the page"
    count = f"{len(pages)} page{'s' if len(pages) > 1 else ''}"
    if not any(page.image_share for page in pages):
        return f"no text layer ({count} without text)"
    advice = "ocrmypdf found no text in its images" if is_enabled() else "install ocrmypdf and set loading.ocr to read it"
    return f"no text layer ({count} of images); {advice}"


def _notes(pages: Sequence[PageWords], empty: Sequence[int], garbage: Sequence[int]) -> list[str]:
    images = [number for number in empty if pages[number - 1].image_share]
    hidden = [number for number, page in enumerate(pages, start=1) if page.hidden_words]
    notes = []
    if images:
        notes.append(f"images without text on {_listed(images)}")
    if garbage:
        notes.append(f"left out, because the fonts do not say which letters they show: {_listed(garbage)}")
    if hidden:
        notes.append(f"invisible text left out on {_listed(hidden)}")
    return notes


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:_MOST_LISTED])) + (" and more" if len(numbers) > _MOST_LISTED else "")
    return f"page {shown}" if len(numbers) == 1 else f"pages {shown}"


def _title(title: str, pages: Sequence[PageLines]) -> str | None:
    """The stated title, unless it is the name of a program or file; otherwise the largest text in the upper half of page 1."""
    title = " ".join(title.split())
    if len(title) > 3 and not _PROGRAM_TITLE.match(title) and not _FILE_NAME.search(title) and " " in title:
        return title
    if not pages or pages[0].number != 1:
        return None
    lines = [line for line in pages[0].lines if line.baseline > _TITLE_AREA * pages[0].height and not line.cells]
    if not lines:
        return None
    largest = max(line.size for line in lines)
    first = next(i for i, line in enumerate(lines) if line.size > _SAME_SIZE * largest)
    last = first
    while last < len(lines) and lines[last].size > _SAME_SIZE * largest and last - first < _MOST_TITLE_LINES:
        last += 1
    largest_text = " ".join(line.text for line in lines[first:last])
    has_words = re.search(r"[^\W\d_]{3}", largest_text) is not None
    sizes = sorted(line.size for line in pages[0].lines)
    stands_out = largest > _TITLE_SIZE * sizes[len(sizes) // 2]
    return largest_text if has_words and stands_out and len(largest_text) <= _LONGEST_TITLE else None
