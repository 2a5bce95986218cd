"""A page of a PDF as an image, with a sentence marked on it."""

import ctypes
import unicodedata
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image, ImageChops, ImageDraw

from rag.errors import UnreadableFile
from rag.loading.pdf.page_quotes import PageQuote

_LONGEST_SIDE = 2_500  # pixels; a poster at 110 dpi would take hundreds of megabytes
_POINTS_PER_INCH = 72
_YELLOW = (255, 240, 110)
_SAME_LINE = 0.5  # share of the lower of two boxes that overlaps vertically if they are on one line
_Box = tuple[float, float, float, float]  # left, bottom, right, top in points


def page_image(data: bytes, page: int, quote: PageQuote, dpi: int = 110) -> bytes:
    """PNG of a page, counted from 1, with the quote marked; without a mark if the page does not contain it.

    Raises UnreadableFile if the page cannot be drawn.
    """
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise UnreadableFile(f"it is damaged ({error})") from None
    try:
        if not 1 <= page <= len(document):
            raise UnreadableFile(f"it has no page {page}")
        image = _marked(document[page - 1], quote, dpi)
    except pypdfium2.PdfiumError as error:
        raise UnreadableFile(f"page {page} cannot be drawn ({error})") from None
    finally:
        document.close()
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _marked(page: Any, quote: PageQuote, dpi: int) -> Image.Image:
    scale = min(dpi / _POINTS_PER_INCH, _LONGEST_SIDE / max(1.0, *page.get_size()))
    image = page.render(scale=scale, may_draw_forms=False).to_pil().convert("RGB")
    marks = Image.new("RGB", image.size, "white")
    draw = ImageDraw.Draw(marks)
    textpage = page.get_textpage()
    for left, bottom, right, top in _line_boxes(textpage, _characters_of(textpage, quote)):
        (x1, y1), (x2, y2) = (_pixel(page, image.size, x, y) for x, y in ((left, bottom), (right, top)))
        draw.rectangle((min(x1, x2) - 1, min(y1, y2) - 1, max(x1, x2) + 1, max(y1, y2) + 1), fill=_YELLOW)
    return ImageChops.multiply(image, marks)


def _pixel(page: Any, size: tuple[int, int], x: float, y: float) -> tuple[int, int]:
    """Page coordinates to image coordinates; PDFium takes the page's rotation and cropping into account."""
    column, row = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDF_PageToDevice(page, 0, 0, *size, 0, x, y, column, row)
    return column.value, row.value


def _characters_of(textpage: Any, quote: PageQuote) -> range:
    """PDFium's indices of the quote's characters, found by letters and digits; empty if the page does not contain it.

    White space, hyphens and marks differ between a page and its text: lines end, words are cut, cells are separated by bars.
    """
    letters: list[str] = []
    indices: list[int] = []
    for i in range(textpage.count_chars()):
        code = pdfium.FPDFText_GetUnicode(textpage, i)
        for letter in _letters(chr(code) if code < 0x110000 else ""):
            letters.append(letter)
            indices.append(i)
    before, quoted, after = (_letters(part) for part in (quote.before, quote.text, quote.after))
    start = _own_occurrence("".join(letters), before, quoted, after)
    return range(0) if start is None else range(indices[start], indices[start + len(quoted) - 1] + 1)


def _own_occurrence(page: str, before: str, quoted: str, after: str) -> int | None:
    """Where `quoted` starts in `page`: of several occurrences, the one in the most similar surroundings.

    The order of a page's text need not be the document's (columns, notes), so occurrences are counted only to break ties.
    """
    occurrences = list(_occurrences(page, quoted)) if quoted else []
    if not occurrences:
        return None
    number = sum(1 for _ in _occurrences(before, quoted))

    def likeness(i: int) -> tuple[int, int]:
        start = occurrences[i]
        shared = _common_prefix(page[:start][::-1], before[::-1]) + _common_prefix(page[start + len(quoted) :], after)
        return shared, -abs(i - number)

    return occurrences[max(range(len(occurrences)), key=likeness)]


def _occurrences(text: str, quoted: str) -> Iterator[int]:
    start = text.find(quoted)
    while start >= 0:
        yield start
        start = text.find(quoted, start + 1)


def _common_prefix(first: str, second: str) -> int:
    """The number of characters with which both begin."""
    return next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second)))


def _line_boxes(textpage: Any, characters: range) -> Iterator[_Box]:
    """A rectangle for each line of a run of characters."""
    box: _Box | None = None
    for i in characters:
        char = pdfium.FS_RECTF()
        pdfium.FPDFText_GetLooseCharBox(textpage, i, char)
        if char.right <= char.left:
            continue
        if box and min(box[3], char.top) - max(box[1], char.bottom) > _SAME_LINE * min(box[3] - box[1], char.top - char.bottom):
            box = min(box[0], char.left), min(box[1], char.bottom), max(box[2], char.right), max(box[3], char.top)
            continue
        if box:
            yield box
        box = char.left, char.bottom, char.right, char.top
    if box:
        yield box


def _letters(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())
