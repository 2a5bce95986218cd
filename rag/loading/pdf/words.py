"""The words of a PDF page with their positions and styles, without those that a reader of the page does not see."""

import ctypes
import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

HYPHEN = "\ufffe"  # PDFium's character for a hyphen at the end of a line
_FILLER = "\ufdd0"
_SURROGATE_PAIR, _SURROGATE = re.compile("[\ud800-\udbff][\udc00-\udfff]"), re.compile("[\ud800-\udfff]")
_ALLOWED = (HYPHEN, _FILLER, "\uf0b7", "\uf0a7", "\uf0d8")  # the last three are the bullets of Word's symbol font
_BOLD = re.compile(r"bold|black|heavy|demi|medi\b|cmbx|-bd\b", re.I)
_PRINTED = re.compile(f"[^\\s{HYPHEN}]+{HYPHEN}?")  # PDFium gives no line end after a hyphen that ends a line
_MONO = re.compile(r"courier|mono|consol|menlo|cmtt|sourcecode|inconsolata|typewriter", re.I)
_CLUSTER = re.compile("([\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670]+)(.)")  # marks before their letter, in visual order
_NOTE = re.compile(r"[^\W\d_]{2}[.,;:)\]”\"’]*(\d{1,3})$")  # a word, followed by what may be the number of its footnote
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_LEFTWARD = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LEFTWARD_LETTERS = re.compile("[\u0591-\u05f2\u0610-\u061a\u0620-\u065f\u066e-\u06d3\u0750-\u08ff]{2,}")
_NO_CHARACTER = frozenset(("Co", "Cn", "Cc", "Cs"))  # private use, unassigned, control, surrogate
_INVISIBLE_MODE, _STROKED_MODE = 3, 2  # of the PDF specification: neither filled nor stroked; filled and stroked
_SMALLEST = 1.0  # points; smaller text is not meant to be read
_RAISED_SIZE = 0.8  # of its word's size: the largest footnote number
_SCAN = 0.6  # share of the page covered by images: a scan, with invisible text from OCR
_PALE = 225  # of 255: text of this brightness may be invisible on its background
_RENDER_SCALE = 1.5  # pixels per point, to compare pale text with its background
_LEAST_CONTRAST = 25  # of 255 levels of grey
_Box = tuple[float, float, float, float]  # left, bottom, right, top in points


@dataclass(frozen=True, slots=True)
class Word:
    """`baseline` grows upwards. Positions are those on the page turned so that this text runs from left to right.

    `order` is the index of its first character in PDFium's text of the page.
    """

    text: str
    left: float
    right: float
    baseline: float
    size: float
    bold: bool
    mono: bool
    angle: int
    order: int
    rightward: bool  # written from left to right


@dataclass(frozen=True, slots=True)
class PageWords:
    """The visible words of a page. `height` is measured across its lines, `hidden_words` counts words left out.

    `garbage_share` is the share of characters that the fonts do not map to letters, `image_share` the share of the page
    that images cover.
    """

    words: list[Word]
    height: float
    hidden_words: int
    garbage_share: float
    image_share: float


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
    image_share = _image_share(page)
    is_scan = image_share > _SCAN
    box = page.get_bbox()
    styles: dict[int, _Style] = {}
    words: list[Word] = []
    pale: list[tuple[Word, _Box]] = []
    hidden = 0
    for match in _PRINTED.finditer(text):
        style = _style(textpage, match.start(), styles)
        word_box = _word_box(textpage, match.start(), match.end() - 1)
        if _is_outside(word_box, box) or style.size < _SMALLEST or (style.invisible and not is_scan):
            hidden += 1
            continue
        printed = _printed(textpage, match.group(), match.start(), style, styles)
        word = _word(printed, word_box, _origin(textpage, match.start()), style, box, match.start())
        if style.pale:
            pale.append((word, word_box))
        words.append(word)
    if pale and not is_scan:
        unseen = _unseen(page, pale, box)
        hidden += len(unseen)
        words = [word for word in words if word.order not in unseen]
    is_sideways = sum(word.angle in (90, 270) for word in words) > 0.5 * len(words)
    height = box[2] - box[0] if is_sideways else box[3] - box[1]
    return PageWords(words, height, hidden, _garbage_share(text), image_share)


def _is_outside(word: _Box, page: _Box) -> bool:
    return word[2] < page[0] or word[0] > page[2] or word[3] < page[1] or word[1] > page[3]


def _garbage_share(text: str) -> float:
    visible = [char for char in text if not char.isspace()]
    garbage = sum(char == "\ufffd" or unicodedata.category(char) in _NO_CHARACTER for char in visible if char not in _ALLOWED)
    return garbage / max(len(visible), 1)


def _characters(textpage: Any) -> str:
    """The text with one character per index of PDFium, which counts two for characters above U+FFFF: a filler is the second."""
    count = textpage.count_chars()
    text: str = textpage.get_text_range() if count else ""
    if len(text) == count:
        return text
    codes = (pdfium.FPDFText_GetUnicode(textpage, i) for i in range(count))
    units = "".join(chr(code) if 0 < code < 0x110000 else " " for code in codes)
    whole = _SURROGATE_PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16") + _FILLER, units)
    return _SURROGATE.sub("\ufffd", whole)


def _style(textpage: Any, index: int, styles: dict[int, _Style]) -> _Style:
    """The style of a character, which is that of its text object; looked up once per object."""
    text_object = pdfium.FPDFText_GetTextObject(textpage, index)
    key = ctypes.cast(text_object, ctypes.c_void_p).value or 0
    if key and key in styles:
        return styles[key]
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(textpage, index, matrix)
    size = abs(pdfium.FPDFText_GetFontSize(textpage, index)) * math.hypot(matrix.c, matrix.d)
    angle = round(math.degrees(math.atan2(matrix.b, matrix.a)) / 90) % 4 * 90
    mode = pdfium.FPDFTextObj_GetTextRenderMode(text_object) if key else 0
    colour = [ctypes.c_uint() for _ in range(4)]
    pdfium.FPDFText_GetFillColor(textpage, index, *colour)
    red, green, blue, alpha = (part.value for part in colour)
    filled = mode in (0, _STROKED_MODE)
    font = _font_name(text_object) if key else ""
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


def _font_name(text_object: Any) -> str:
    buffer = ctypes.create_string_buffer(256)
    pdfium.FPDFFont_GetBaseFontName(pdfium.FPDFTextObj_GetFont(text_object), buffer, 256)
    return buffer.value.decode("utf-8", "replace")


def _word_box(textpage: Any, first: int, last: int) -> _Box:
    """The box around the first and last character of a word."""
    first_box, last_box = pdfium.FS_RECTF(), pdfium.FS_RECTF()
    pdfium.FPDFText_GetLooseCharBox(textpage, first, first_box)
    pdfium.FPDFText_GetLooseCharBox(textpage, last, last_box)
    return (
        min(first_box.left, last_box.left),
        min(first_box.bottom, last_box.bottom),
        max(first_box.right, last_box.right),
        max(first_box.top, last_box.top),
    )


def _printed(textpage: Any, text: str, first: int, style: _Style, styles: dict[int, _Style]) -> str:
    """A word as it is read: with a footnote number as superscript, and right-to-left letters in reading order.

    Files store right-to-left scripts in reading order or in visual order; the positions of the letters show which.
    """
    note = _NOTE.search(text)
    if note and _style(textpage, first + len(text) - 1, styles).size < _RAISED_SIZE * style.size:
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
    word_box: _Box,
    origin: tuple[float, float],
    style: _Style,
    box: _Box,
    order: int,
) -> Word:
    """A word turned so that it runs from left to right; the page's lower left corner is at 0, 0."""
    left, bottom, right, top = word_box[0] - box[0], word_box[1] - box[1], word_box[2] - box[0], word_box[3] - box[1]
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


def _image_share(page: Any) -> float:
    width, height = page.get_size()
    area = 0.0
    for image in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        left, bottom, right, top = image.get_bounds()
        area += (right - left) * (top - bottom)
    return float(area / max(width * height, 1))


def _unseen(page: Any, words: list[tuple[Word, _Box]], box: _Box) -> set[int]:
    """The `order` of the pale words that do not stand out from their background on the rendered page."""
    bitmap = page.render(scale=_RENDER_SCALE, grayscale=True, rotation=(-page.get_rotation()) % 360, draw_annots=False)
    pixels = bitmap.to_numpy()
    pixels = pixels.reshape(pixels.shape[0], pixels.shape[1])
    scale = pixels.shape[0] / max(box[3] - box[1], 1)
    unseen = set()
    for word, (left, bottom, right, top) in words:
        rows = slice(max(int((box[3] - top) * scale), 0), max(int((box[3] - bottom) * scale) + 1, 1))
        columns = slice(max(int((left - box[0]) * scale), 0), max(int((right - box[0]) * scale) + 1, 1))
        part = pixels[rows, columns]
        if not part.size or int(part.max()) - int(part.min()) < _LEAST_CONTRAST:
            unseen.add(word.order)
    return unseen
