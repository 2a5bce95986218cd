"""PDFs to blocks with their pages, by PDFium, the library with which Chrome shows PDFs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, assemble
from rag.loading.containers.members import Member
from rag.loading.pdf.annotations import Additions, additions_of
from rag.loading.pdf.attachments import attachments
from rag.loading.pdf.layout import pieces_of
from rag.loading.pdf.ocr import can_run, with_text
from rag.loading.pdf.omissions import file_omissions, has_letters, omissions, why_unreadable
from rag.loading.pdf.outline import Bookmark, bookmarks_of
from rag.loading.pdf.text_lines import Line, PageLines, addition_lines, lines_of
from rag.loading.pdf.words import PageWords, words_of
from rag.loading.reading import report

_PROGRAM_TITLE = re.compile(
    r"\s*(?:microsoft|untitled|unknown|no title|title|document\d*$|slide 1$|powerpoint|print|about:|https?:)", re.I
)
_FILE_NAME = re.compile(r"\.(?:docx?|pdf|dvi|tex|indd|pptx?|xlsx?|odt|rtf|txt|qxd|ps|eps|html?|pages|fm|p65|wpd|cdr)\W*$", re.I)
_TITLE_AREA = 0.45  # of the page's height: the title is above
_TITLE_SIZE = 1.15  # times the median size of the lines
_SAME_SIZE = 0.97  # lines at least so large, relative to the largest, belong to the title
_MOST_TITLE_LINES = 3
_LONGEST_TITLE = 200  # characters


@dataclass(frozen=True)
class _Content:
    """`additions` are those of each page, `title` is the one in the file's properties."""

    pages: Sequence[PageWords]
    additions: Sequence[Additions]
    bookmarks: Sequence[Bookmark]
    title: str
    notes: Sequence[str]
    members: Sequence[Member]


def read(data: bytes) -> ParsedFile:
    content = _content(data)
    if can_run("ocrmypdf") and any(page.image_share and not page.words for page in content.pages):
        content = _with_text_of_images(data, content)
    if content.members and not any(map(has_letters, content.pages)) and not any(added.shown for added in content.additions):
        return ParsedFile(None, "", (), tuple(content.notes), content.members)  # a cover around other files
    return replace(_parsed(content), members=content.members)


def _with_text_of_images(data: bytes, content: _Content) -> _Content:
    """The content after OCR. If that fails, the pages that have text are read without it."""
    try:
        return replace(_content(with_text(data)), members=content.members)
    except UnreadableFile as error:
        if not any(map(has_letters, content.pages)):
            raise
        return replace(content, notes=[*content.notes, str(error)])


def _content(data: bytes) -> _Content:
    document = _open(data)
    try:
        document.init_forms()
        if not len(document):
            raise UnreadableFile("it has no pages")
        words, additions = [], []
        for number, page in enumerate(document):
            report("pages", number, len(document))
            words.append(words_of(page))
            additions.append(additions_of(page, document.formenv))
        notes, members = file_omissions(document), attachments(document)
        return _Content(words, additions, bookmarks_of(document), _stated_title(document), notes, members)
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


def _parsed(content: _Content) -> ParsedFile:
    if not any(map(has_letters, content.pages)) and not any(added.shown for added in content.additions):
        raise UnreadableFile(why_unreadable(content.pages))
    pages = [
        PageLines(number, page.height, _lines(page), addition_lines(added.shown))
        for number, (page, added) in enumerate(zip(content.pages, content.additions, strict=True), start=1)
        if has_letters(page) or added.shown
    ]
    pieces = pieces_of(pages, content.bookmarks)
    # Paragraphs without a letter are the numbers along a figure's axes.
    kept = [piece for piece in pieces if piece.kind != "paragraph" or any(character.isalpha() for character in piece.text)]
    return assemble(_title(content.title, pages), kept, [*omissions(content.pages, content.additions), *content.notes])


def _lines(page: PageWords) -> list[Line]:
    return lines_of(page.words, page.rules, page.box) if has_letters(page) else []


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
