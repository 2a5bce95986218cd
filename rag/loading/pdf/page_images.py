"""A page of a PDF as an image, with a sentence marked on it."""

import ctypes
from collections import Counter
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image, ImageChops, ImageDraw

from rag.errors import UnreadableFile
from rag.loading.pdf.annotations import box_of
from rag.loading.pdf.places import PageRun, letters
from rag.loading.pdf.words import Box

_LONGEST_SIDE = 2_500  # pixels; a poster at 110 dpi would take hundreds of megabytes
_POINTS_PER_INCH = 72
_YELLOW = (255, 240, 110)
_SAME_LINE = 0.5  # share of the lower of two boxes that overlaps vertically if they are on one line


def page_image(data: bytes, page: int, runs: Sequence[PageRun], quote: str, dpi: int = 110) -> bytes:
    """PNG of a page, counted from 1, with the runs marked; without a mark if the page does not have the quote's letters there.

    Raises UnreadableFile if the page cannot be drawn.
    """
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise UnreadableFile(f"it is damaged ({error})") from None
    try:
        if not 1 <= page <= len(document):
            raise UnreadableFile(f"it has no page {page}")
        image = _marked(document[page - 1], runs, quote, dpi)
    except pypdfium2.PdfiumError as error:
        raise UnreadableFile(f"page {page} cannot be drawn ({error})") from None
    finally:
        document.close()
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _marked(page: Any, runs: Sequence[PageRun], quote: str, dpi: int) -> Image.Image:
    scale = min(dpi / _POINTS_PER_INCH, _LONGEST_SIDE / max(1.0, *page.get_size()))
    image = page.render(scale=scale, may_draw_forms=False).to_pil().convert("RGB")
    marks = Image.new("RGB", image.size, "white")
    draw = ImageDraw.Draw(marks)
    for left, bottom, right, top in _boxes(page, runs, quote):
        (x1, y1), (x2, y2) = (_pixel(page, image.size, x, y) for x, y in ((left, bottom), (right, top)))
        draw.rectangle((min(x1, x2) - 1, min(y1, y2) - 1, max(x1, x2) + 1, max(y1, y2) + 1), fill=_YELLOW)
    return ImageChops.multiply(image, marks)


def _pixel(page: Any, size: tuple[int, int], x: float, y: float) -> tuple[int, int]:
    """Page coordinates to image coordinates; PDFium takes the page's rotation and cropping into account."""
    column, row = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDF_PageToDevice(page, 0, 0, *size, 0, x, y, column, row)
    return column.value, row.value


def _boxes(page: Any, runs: Sequence[PageRun], quote: str) -> Iterator[Box]:
    """The rectangles of the runs: of each line of text, and of each form field or comment."""
    textpage = page.get_textpage()
    text: list[str] = []
    boxes: list[Box] = []
    for run in runs:
        if run.first < 0:
            boxes.append(box_of(page, -1 - run.first))
            continue
        characters = _characters(textpage, run)
        text += [_letters_at(textpage, i) for i in characters]
        boxes += _line_boxes(textpage, characters)
    # Lines of right-to-left scripts may be stored from their end, so the order of the letters is not compared.
    if Counter("".join(text)) <= Counter(letters(quote)):
        yield from boxes


def _characters(textpage: Any, run: PageRun) -> list[int]:
    """PDFium's indices of the characters of a run."""
    indices: list[int] = []
    passed = 0
    for i in range(run.first, textpage.count_chars()):
        length = len(_letters_at(textpage, i))
        if passed + length > run.skipped:
            indices.append(i)
        passed += length
        if passed >= run.skipped + run.count:
            break
    return indices


def _letters_at(textpage: Any, index: int) -> str:
    code = pdfium.FPDFText_GetUnicode(textpage, index)
    return letters(chr(code)) if code < 0x110000 else ""


def _line_boxes(textpage: Any, characters: Sequence[int]) -> Iterator[Box]:
    """A rectangle for each line of a run of characters."""
    box: Box | None = None
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
