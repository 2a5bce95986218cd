"""A PDF to text and blocks, with the page of each: by PDFium, the library that Chrome shows PDFs with."""

import re
from collections.abc import Sequence
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, assemble
from rag.loading.pdf.layout import PageLines, key, pieces_of
from rag.loading.pdf.ocr import is_wanted, with_text
from rag.loading.pdf.text_lines import lines_of
from rag.loading.pdf.words import PageWords, words_of

_PROGRAMS_TITLE = re.compile(
    r"\s*(?:microsoft|untitled|unknown|no title|title|document\d*$|slide 1$|powerpoint|print|about:|https?:)", re.I
)
_FILE_NAME = re.compile(r"\.(?:docx?|pdf|dvi|tex|indd|pptx?|xlsx?|odt|rtf|txt|qxd|ps|eps|html?|pages|fm|p65|wpd|cdr)\W*$", re.I)
_MOST_GARBAGE = 0.3


def read(data: bytes) -> ParsedFile:
    words, title, outline = _content(data)
    if is_wanted() and any(page.pictures and not page.words for page in words):
        words, _, outline = _content(with_text(data))
    return _laid_out(words, title, outline)


def _content(data: bytes) -> tuple[list[PageWords], str, dict[str, int]]:
    """The words of each page, the title in the file's properties, its bookmarks."""
    document = _open(data)
    try:
        words = [words_of(page) for page in document]
        if not words:
            raise UnreadableFile("it has no pages")
        return words, _told_title(document), _outline(document)
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


def _told_title(document: Any) -> str:
    try:
        return str(document.get_metadata_value("Title"))
    except UnicodeDecodeError:
        return ""


def _outline(document: Any) -> dict[str, int]:
    """From headings, as letters and digits, to their levels in the file's bookmarks."""
    return {key(entry.get_title()): min(entry.level + 1, 6) for entry in document.get_toc(max_depth=6)}


def _laid_out(words: Sequence[PageWords], title: str, outline: dict[str, int]) -> ParsedFile:
    garbage = [number for number, page in enumerate(words, start=1) if page.words and page.garbage > _MOST_GARBAGE]
    empty = [number for number, page in enumerate(words, start=1) if not page.words]
    if len(empty) == len(words):
        raise UnreadableFile(_no_text(words))
    if len(garbage) + len(empty) == len(words):
        raise UnreadableFile("its fonts do not say which letters they show; print it to a new PDF and read that by OCR")
    pages = [
        PageLines(number, page.height, lines_of(page.words))
        for number, page in enumerate(words, start=1)
        if page.words and number not in garbage
    ]
    pieces = pieces_of(pages, outline)
    notes = _notes(words, empty, garbage)
    # Paragraphs without a letter are the numbers along a figure's axes.
    told = [piece for piece in pieces if piece.kind != "paragraph" or any(character.isalpha() for character in piece.text)]
    return assemble(_title(title, pages), told, notes)


def _no_text(words: Sequence[PageWords]) -> str:
    if any(page.hidden for page in words):
        return "all text in it is invisible on the page"
    pages = f"{len(words)} page{'s' if len(words) > 1 else ''}"
    if not any(page.pictures for page in words):
        return f"no text layer ({pages} without text)"
    what = "ocrmypdf found none in its pictures" if is_wanted() else "install ocrmypdf and set loading.ocr to read it"
    return f"no text layer ({pages} of pictures); {what}"


def _notes(words: Sequence[PageWords], empty: Sequence[int], garbage: Sequence[int]) -> list[str]:
    pictures = [number for number in empty if words[number - 1].pictures]
    hidden = [number for number, page in enumerate(words, start=1) if page.hidden]
    notes = []
    if pictures:
        notes.append(f"{_named(pictures, 'holds', 'hold')} pictures without text")
    if garbage:
        notes.append(f"{_named(garbage, 'holds', 'hold')} letters whose meaning the fonts do not say; left out")
    if hidden:
        notes.append(f"{_named(hidden, 'holds', 'hold')} text that is not visible; left out")
    return notes


def _named(numbers: Sequence[int], one: str, many: str) -> str:
    shown = ", ".join(map(str, numbers[:10])) + (" and more" if len(numbers) > 10 else "")
    return f"page {shown} {one}" if len(numbers) == 1 else f"pages {shown} {many}"


def _title(title: str, pages: Sequence[PageLines]) -> str | None:
    """What the file says of itself, where it is no program's or file's name, else the largest text that page 1 begins with."""
    title = " ".join(title.split())
    if len(title) > 3 and not _PROGRAMS_TITLE.match(title) and not _FILE_NAME.search(title) and " " in title:
        return title
    if not pages or pages[0].number != 1:
        return None
    lines = [line for line in pages[0].lines if line.baseline > 0.45 * pages[0].height and not line.cells]
    if not lines:
        return None
    largest = max(line.size for line in lines)
    first = next(i for i, line in enumerate(lines) if line.size > 0.97 * largest)
    last = first
    while last < len(lines) and lines[last].size > 0.97 * largest and last - first < 3:
        last += 1
    found = " ".join(line.text for line in lines[first:last])
    others = [line.size for line in pages[0].lines]
    telling = re.search(r"[^\W\d_]{3}", found) and len(found) <= 200
    return found if telling and largest > 1.15 * sorted(others)[len(others) // 2] else None
