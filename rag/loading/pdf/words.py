"""The words of a PDF's page with their places and styles, and whether a reader of the page sees them."""

import ctypes
import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

HYPHEN = "\ufffe"  # what PDFium gives for a hyphen at the end of a line
_FILLER = "\ufdd0"
_PAIR, _SINGLE = re.compile("[\ud800-\udbff][\udc00-\udfff]"), re.compile("[\ud800-\udfff]")
_MARKS = (HYPHEN, _FILLER, "\uf0b7", "\uf0a7", "\uf0d8")  # the bullets of Word have no other meaning
_BOLD = re.compile(r"bold|black|heavy|demi|medi\b|cmbx|-bd\b", re.I)
_PRINTED = re.compile(f"[^\\s{HYPHEN}]+{HYPHEN}?")  # after a hyphen that ends a line PDFium says nothing of the line's end
_MONO = re.compile(r"courier|mono|consol|menlo|cmtt|sourcecode|inconsolata|typewriter", re.I)
_CLUSTER = re.compile("([\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670]+)(.)")  # marks, and the letter that they belong to
_NOTE = re.compile(r"[^\W\d_]{2}[.,;:)\]”\"’]*(\d{1,3})$")  # a word with what may be the number of its footnote
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_LEFTWARD = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LEFTWARD_LETTERS = re.compile("[\u0591-\u05f2\u0610-\u061a\u0620-\u065f\u066e-\u06d3\u0750-\u08ff]{2,}")
_LETTERLESS = frozenset(("Co", "Cn", "Cc", "Cs"))
_INVISIBLE_MODE, _STROKED_MODE = 3, 2
_SMALLEST = 1.0  # points; what is smaller is not there to be read
_SCAN = 0.6  # a page whose pictures cover so much of it is one that was scanned, with its text laid under them unseen
_PALE = 225  # of 255: text from here on may be as white as its ground


@dataclass(frozen=True, slots=True)
class Word:
    """`baseline` grows upwards; all places are as on a page on which this text runs from left to right."""

    text: str
    left: float
    right: float
    baseline: float
    size: float
    bold: bool
    mono: bool
    angle: int
    order: int
    rightward: bool  # whether it runs from left to right


@dataclass(frozen=True, slots=True)
class PageWords:
    """What stands on a page. `height` is across its lines, `hidden` counts words left out, `garbage` is the share of
    characters without a meaning, `pictures` the share of the page that pictures cover."""

    words: list[Word]
    height: float
    hidden: int
    garbage: float
    pictures: float


@dataclass(frozen=True, slots=True)
class _Style:
    size: float
    bold: bool
    mono: bool
    angle: int
    invisible: bool
    pale: bool


def words_of(page: Any) -> PageWords:
    textpage = page.get_textpage()
    text = _characters(textpage)
    visible = [char for char in text if not char.isspace()]
    garbage = sum(char == "\ufffd" or unicodedata.category(char) in _LETTERLESS for char in visible if char not in _MARKS)
    pictures = _pictures(page)
    scanned = pictures > _SCAN
    box = page.get_bbox()
    styles: dict[int, _Style] = {}
    words: list[Word] = []
    pale: list[tuple[Word, tuple[float, float, float, float]]] = []
    hidden = 0
    for match in _PRINTED.finditer(text):
        style = _style(textpage, match.start(), styles)
        place = _place(textpage, match.start(), match.end() - 1)
        off = place[2] < box[0] or place[0] > box[2] or place[3] < box[1] or place[1] > box[3]
        if off or style.size < _SMALLEST or (style.invisible and not scanned):
            hidden += 1
            continue
        printed = _printed(textpage, match.group(), match.start(), style, styles)
        word = _word(printed, place, _origin(textpage, match.start()), style, box, match.start())
        if style.pale:
            pale.append((word, place))
        words.append(word)
    if pale and not scanned:
        unseen = _unseen(page, pale, box)
        hidden += len(unseen)
        words = [word for word in words if word.order not in unseen]
    sideways = sum(word.angle in (90, 270) for word in words) > 0.5 * len(words)
    height = box[2] - box[0] if sideways else box[3] - box[1]
    return PageWords(words, height, hidden, garbage / max(len(visible), 1), pictures)


def _characters(textpage: Any) -> str:
    """One character for each that PDFium counts; it counts two for one over U+FFFF, whose second place holds a filler."""
    count = textpage.count_chars()
    text: str = textpage.get_text_range() if count else ""
    if len(text) == count:
        return text
    units = "".join(chr(code) if 0 < (code := pdfium.FPDFText_GetUnicode(textpage, i)) < 0x110000 else " " for i in range(count))
    return _SINGLE.sub(
        "\ufffd", _PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16") + _FILLER, units)
    )


def _style(textpage: Any, index: int, styles: dict[int, _Style]) -> _Style:
    """Of the text object that a character stands in; asked once for each object."""
    drawn = pdfium.FPDFText_GetTextObject(textpage, index)
    key = ctypes.cast(drawn, ctypes.c_void_p).value or 0
    if key and key in styles:
        return styles[key]
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(textpage, index, matrix)
    size = abs(pdfium.FPDFText_GetFontSize(textpage, index)) * math.hypot(matrix.c, matrix.d)
    angle = round(math.degrees(math.atan2(matrix.b, matrix.a)) / 90) % 4 * 90
    mode = pdfium.FPDFTextObj_GetTextRenderMode(drawn) if key else 0
    colour = [ctypes.c_uint() for _ in range(4)]
    pdfium.FPDFText_GetFillColor(textpage, index, *colour)
    red, green, blue, alpha = (part.value for part in colour)
    filled = mode in (0, _STROKED_MODE)
    font = _font_name(drawn) if key else ""
    style = _Style(
        size=size,
        bold=bool(_BOLD.search(font)) or mode == _STROKED_MODE,
        mono=bool(_MONO.search(font)),
        angle=angle,
        invisible=mode == _INVISIBLE_MODE or (mode == 0 and alpha == 0),
        pale=filled and min(red, green, blue) >= _PALE,
    )
    styles[key] = style
    return style


def _font_name(drawn: Any) -> str:
    buffer = ctypes.create_string_buffer(256)
    pdfium.FPDFFont_GetBaseFontName(pdfium.FPDFTextObj_GetFont(drawn), buffer, 256)
    return buffer.value.decode("utf-8", "replace")


def _place(textpage: Any, first: int, last: int) -> tuple[float, float, float, float]:
    """Left, bottom, right, top around two characters."""
    one, other = pdfium.FS_RECTF(), pdfium.FS_RECTF()
    pdfium.FPDFText_GetLooseCharBox(textpage, first, one)
    pdfium.FPDFText_GetLooseCharBox(textpage, last, other)
    return (
        min(one.left, other.left),
        min(one.bottom, other.bottom),
        max(one.right, other.right),
        max(one.top, other.top),
    )


def _printed(textpage: Any, text: str, first: int, style: _Style, styles: dict[int, _Style]) -> str:
    """A word as it is read: the raised number of a footnote as such, letters of a script that runs to the left in its order.

    Files hold such scripts in the order of reading or as they look, from the left end; the letters' places tell which.
    """
    note = _NOTE.search(text)
    if note and _style(textpage, first + len(text) - 1, styles).size < 0.8 * style.size:
        return text[: note.start(1)] + note[1].translate(_RAISED)
    core = _LEFTWARD_LETTERS.search(text)
    if core and _origin(textpage, first + core.start())[0] < _origin(textpage, first + core.end() - 1)[0]:
        return text[: core.start()] + _CLUSTER.sub(r"\2\1", core[0][::-1]) + text[core.end() :]
    return text


def _origin(textpage: Any, index: int) -> tuple[float, float]:
    x, y = ctypes.c_double(), ctypes.c_double()
    pdfium.FPDFText_GetCharOrigin(textpage, index, x, y)
    return x.value, y.value


def _word(
    text: str,
    place: tuple[float, float, float, float],
    origin: tuple[float, float],
    style: _Style,
    box: tuple[float, float, float, float],
    order: int,
) -> Word:
    """Turned so that it runs from left to right, its page's lower left corner at 0, 0."""
    left, bottom, right, top = place[0] - box[0], place[1] - box[1], place[2] - box[0], place[3] - box[1]
    x, y = origin[0] - box[0], origin[1] - box[1]
    width, height = box[2] - box[0], box[3] - box[1]
    turned = {
        0: (left, right, y),
        90: (bottom, top, width - x),
        180: (width - right, width - left, height - y),
        270: (height - top, height - bottom, x),
    }[style.angle]
    text, rightward = text.replace(_FILLER, ""), not _LEFTWARD.search(text)
    return Word(text, *turned, style.size, style.bold, style.mono, style.angle, order, rightward)


def _pictures(page: Any) -> float:
    width, height = page.get_size()
    area = 0.0
    for drawn in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        left, bottom, right, top = drawn.get_bounds()
        area += (right - left) * (top - bottom)
    return float(area / max(width * height, 1))


def _unseen(
    page: Any, words: list[tuple[Word, tuple[float, float, float, float]]], box: tuple[float, float, float, float]
) -> set[int]:
    """Which pale words do not stand out from their ground, told from the drawn page."""
    picture = page.render(scale=1.5, grayscale=True, rotation=(-page.get_rotation()) % 360, draw_annots=False).to_numpy()
    picture = picture.reshape(picture.shape[0], picture.shape[1])
    scale = picture.shape[0] / max(box[3] - box[1], 1)
    found = set()
    for word, (left, bottom, right, top) in words:
        rows = slice(max(int((box[3] - top) * scale), 0), max(int((box[3] - bottom) * scale) + 1, 1))
        columns = slice(max(int((left - box[0]) * scale), 0), max(int((right - box[0]) * scale) + 1, 1))
        part = picture[rows, columns]
        if not part.size or int(part.max()) - int(part.min()) < 25:
            found.add(word.order)
    return found
