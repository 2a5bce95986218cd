"""A page of a PDF as a picture, with a sentence marked in it."""

import ctypes
import unicodedata
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image, ImageChops, ImageDraw

from rag.errors import UnreadableFile

LONGEST_SIDE = 2_500  # of a picture, in its points
_YELLOW = (255, 240, 110)
_Box = tuple[float, float, float, float]  # left, bottom, right, top in points


def page_image(data: bytes, page: int, quote: str, dpi: int = 110) -> bytes:
    """A page, counted from 1, as PNG, with a quote of it marked; without a mark where the page does not hold it.

    Raises UnreadableFile where the page cannot be drawn.
    """
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise UnreadableFile(f"it is damaged ({error})") from None
    try:
        if not 1 <= page <= len(document):
            raise UnreadableFile(f"it has no page {page}")
        shown = document[page - 1]
        bitmap = shown.render(scale=min(dpi / 72, LONGEST_SIDE / max(1.0, *shown.get_size())), may_draw_forms=False)
        picture = bitmap.to_pil().convert("RGB")
        marks = Image.new("RGB", picture.size, "white")
        draw = ImageDraw.Draw(marks)
        for left, bottom, right, top in _marks(shown.get_textpage(), quote):
            corners = [_on_picture(shown, picture.size, x, y) for x, y in ((left, bottom), (right, top))]
            (x, y), (other_x, other_y) = corners
            draw.rectangle((min(x, other_x) - 1, min(y, other_y) - 1, max(x, other_x) + 1, max(y, other_y) + 1), fill=_YELLOW)
        buffer = BytesIO()
        ImageChops.multiply(picture, marks).save(buffer, "PNG")
        return buffer.getvalue()
    except pypdfium2.PdfiumError as error:
        raise UnreadableFile(f"page {page} cannot be drawn ({error})") from None
    finally:
        document.close()


def _on_picture(page: Any, size: tuple[int, int], x: float, y: float) -> tuple[int, int]:
    """PDFium knows of the page's rotation and cropping."""
    column, row = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDF_PageToDevice(page, 0, 0, *size, 0, x, y, column, row)
    return column.value, row.value


def _marks(textpage: Any, quote: str) -> Iterator[_Box]:
    """A rectangle for each run of the quote's characters on a line, found by letters and digits alone.

    White space, hyphens and marks differ between a page and its text: lines end, words are cut, cells get a bar between.
    """
    count = textpage.count_chars()
    letters: list[str] = []
    places: list[int] = []
    for i in range(count):
        code = pdfium.FPDFText_GetUnicode(textpage, i)
        for letter in _letters(chr(code) if code < 0x110000 else ""):
            letters.append(letter)
            places.append(i)
    wanted = "".join(_letters(quote))
    start = "".join(letters).find(wanted) if wanted else -1
    if start < 0:
        return
    box: _Box | None = None
    for i in range(places[start], places[start + len(wanted) - 1] + 1):
        char = pdfium.FS_RECTF()
        pdfium.FPDFText_GetLooseCharBox(textpage, i, char)
        if char.right <= char.left:
            continue
        if box and min(box[3], char.top) - max(box[1], char.bottom) > 0.5 * min(box[3] - box[1], char.top - char.bottom):
            box = min(box[0], char.left), min(box[1], char.bottom), max(box[2], char.right), max(box[3], char.top)
            continue
        if box:
            yield box
        box = char.left, char.bottom, char.right, char.top
    if box:
        yield box


def _letters(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())
