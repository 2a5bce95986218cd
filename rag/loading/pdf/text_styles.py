"""The style in which characters of a PDF page are drawn: size, weight, direction, and whether they can be seen."""

import ctypes
import math
import re
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

_BOLD = re.compile(r"bold|black|heavy|demi|medi\b|cmbx|-bd\b", re.I)
_MONO = re.compile(r"courier|mono|consol|menlo|cmtt|sourcecode|inconsolata|typewriter", re.I)
_INVISIBLE_MODE, _STROKED_MODE = 3, 2  # of the PDF specification: neither filled nor stroked; filled and stroked
_PALE = 225  # of 255: text of this brightness may be invisible on its background


@dataclass(frozen=True, slots=True)
class Style:
    size: float
    bold: bool
    mono: bool
    angle: int
    invisible: bool
    pale: bool


class Styles:
    """The styles of a page's characters. A character has the style of its text object, which is looked up once."""

    def __init__(self, textpage: Any) -> None:
        self._textpage = textpage
        self._known: dict[int, Style] = {}
        # The same function, returning a number instead of a pointer: it is called for every word.
        function = ctypes.cast(pdfium.FPDFText_GetTextObject, ctypes.c_void_p).value or 0
        self._address = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)(function)
        self._page_address = ctypes.cast(textpage.raw, ctypes.c_void_p)

    def object_of(self, index: int) -> int:
        """The address of a character's text object, 0 if it has none."""
        return self._address(self._page_address, index) or 0

    def of(self, index: int) -> Style:
        key = self.object_of(index)
        if not key:
            return _style(self._textpage, index)
        if key not in self._known:
            self._known[key] = _style(self._textpage, index)
        return self._known[key]


def _style(textpage: Any, index: int) -> Style:
    text_object = pdfium.FPDFText_GetTextObject(textpage, index)
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(textpage, index, matrix)
    mode = pdfium.FPDFTextObj_GetTextRenderMode(text_object) if text_object else 0
    colour = [ctypes.c_uint() for _ in range(4)]
    pdfium.FPDFText_GetFillColor(textpage, index, *colour)
    red, green, blue, alpha = (part.value for part in colour)
    font = _font_name(text_object) if text_object else ""
    return Style(
        size=abs(pdfium.FPDFText_GetFontSize(textpage, index)) * math.hypot(matrix.c, matrix.d),
        bold=bool(_BOLD.search(font)) or mode == _STROKED_MODE,
        mono=bool(_MONO.search(font)),
        angle=round(math.degrees(math.atan2(matrix.b, matrix.a)) / 90) % 4 * 90,
        invisible=mode == _INVISIBLE_MODE or (mode == 0 and alpha == 0),
        pale=mode in (0, _STROKED_MODE) and min(red, green, blue) >= _PALE,
    )


def _font_name(text_object: Any) -> str:
    buffer = ctypes.create_string_buffer(256)
    pdfium.FPDFFont_GetBaseFontName(pdfium.FPDFTextObj_GetFont(text_object), buffer, 256)
    return buffer.value.decode("utf-8", "replace")
