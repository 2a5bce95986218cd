"""The words of a PDF page with their positions and styles, without those that a reader of the page does not see."""

import ctypes
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium

from rag.loading.pdf.page_rules import Objects, Rule, objects_of, objects_within, rules_of
from rag.loading.pdf.text_styles import Style, Styles

HYPHEN = "\ufffe"  # PDFium's character for a hyphen at the end of a line
_FILLER = "\ufdd0"
_SURROGATE_PAIR, _SURROGATE = re.compile("[\ud800-\udbff][\udc00-\udfff]"), re.compile("[\ud800-\udfff]")
_ALLOWED = (HYPHEN, _FILLER, "\uf0b7", "\uf0a7", "\uf0d8")  # the last three are the bullets of Word's symbol font
_PRINTED = re.compile(f"[^\\s{HYPHEN}]+{HYPHEN}?")  # PDFium gives no line end after a hyphen that ends a line
_CLUSTER = re.compile("([\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670]+)(.)")  # marks before their letter, in visual order
_LEFTWARD = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LEFTWARD_LETTERS = re.compile("[\u0591-\u05f2\u0610-\u061a\u0620-\u065f\u066e-\u06d3\u0750-\u08ff]{2,}")
_USUAL = re.compile("[\x21-\x7e]+")
_NO_CHARACTER = frozenset(("Co", "Cn", "Cc", "Cs"))  # private use, unassigned, control, surrogate
_SMALLEST = 1.0  # points; smaller text is not meant to be read
_SCRIPT_SIZE, _SMALLEST_SCRIPT = 0.85, 0.45  # of its word's size: the largest and the smallest raised or lowered character
_LEAST_SHIFT, _LEAST_SHIFT_UNSIZED = 0.05, 0.2  # of the font size: of smaller characters, and of characters of the same size
_SAME_PLACE = 0.15  # of the font size: the largest distance between a word and its second drawing
_PLACE = 8.0  # points: the page is divided into stripes of this height to find such words
_IMAGE_DEPTH = 3  # levels of form objects searched for images
_PICTURE = 0.03  # share of the page: smaller images are logos and ornaments
_SCAN = 0.6  # share of the page covered by images: a scan, with invisible text from OCR
_RENDER_SCALE = 1.5  # pixels per point, to compare pale text with its background
_LEAST_CONTRAST = 25  # of 255 levels of grey
Box = tuple[float, float, float, float]  # left, bottom, right, top in points


class Word(NamedTuple):
    """`baseline` grows upwards. Positions are those on the page turned so that this text runs from left to right.

    `order` and `end` are the indices of its first character and after its last one in PDFium's text of the page.
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
    end: int
    rightward: bool  # written from left to right
    attached: bool = False  # a smaller or shifted part of a printed word, which is on the line of its larger neighbour
    is_script: bool = False  # raised or lowered


@dataclass(frozen=True, slots=True)
class PageWords:
    """The visible words of a page. `height` is measured across its lines, `hidden_words` counts words left out.

    `garbage_share` is the share of characters that the fonts do not map to letters, `image_share` the share of the page
    that images cover; `has_picture` says whether one of them is so large that it may hold content and is no scan. `rules`
    are the page's straight lines, `box` its corners.
    """

    words: list[Word]
    height: float
    hidden_words: int
    garbage_share: float
    image_share: float
    has_picture: bool
    box: Box
    rules: list[Rule]


def words_of(page: Any) -> PageWords:
    textpage = page.get_textpage()
    text = _characters(textpage)
    styles = Styles(textpage)
    objects = objects_of(page)
    shares = _image_shares(page, objects)
    image_share = sum(shares)
    is_scan = image_share > _SCAN
    box = page.get_bbox()
    words: list[Word] = []
    pale: list[tuple[Word, Box]] = []
    hidden = 0
    for first, end, attached in (part for match in _PRINTED.finditer(text) for part in _parts(textpage, match, styles)):
        style = styles.of(first)
        word_box = _word_box(textpage, first, end - 1)
        if _is_outside(word_box, box) or style.size < _SMALLEST or (style.invisible and not is_scan):
            hidden += 1
            continue
        shown = _in_reading_order(textpage, text, first, end)
        word = _word(shown, word_box, _origin(textpage, first), style, box, (first, end), attached)
        if style.pale:
            pale.append((word, word_box))
        words.append(word)
    if pale and not is_scan:
        unseen = _unseen(page, pale, box)
        hidden += len(unseen)
        words = [word for word in words if word.order not in unseen]
    is_sideways = sum(word.angle in (90, 270) for word in words) > 0.5 * len(words)
    height = box[2] - box[0] if is_sideways else box[3] - box[1]
    has_picture = not is_scan and any(share > _PICTURE for share in shares)
    return PageWords(_drawn_once(words), height, hidden, _garbage_share(text), image_share, has_picture, box, rules_of(objects))


def _parts(textpage: Any, printed: re.Match[str], styles: Styles) -> list[tuple[int, int, bool]]:
    """A printed word divided where raised or lowered characters begin and end: first character, end, and `Word.attached`."""
    first, end = printed.span()
    if end - first == 1 or styles.object_of(first) == styles.object_of(end - 1):
        return [(first, end, False)]
    starts = [first]
    at = _height(textpage, first, styles.of(first).angle)
    for _, run in groupby(range(first, end), key=styles.object_of):
        start = next(run)
        before, at = at, _height(textpage, start, styles.of(first).angle)
        if abs(at - before) > _LEAST_SHIFT and _is_shifted(textpage, styles, start - 1, start):
            starts.append(start)
    main = max(starts, key=lambda start: (styles.of(start).size, -start))
    parts = zip(starts, [*starts[1:], end], strict=True)
    return [(start, after, _is_attached(textpage, styles, main, start)) for start, after in parts]


def _is_attached(textpage: Any, styles: Styles, main: int, start: int) -> bool:
    return start != main and _is_shifted(textpage, styles, main, start)


def _is_shifted(textpage: Any, styles: Styles, before: int, index: int) -> bool:
    """Whether the second of two characters is raised or lowered relative to the first, or the other way round."""
    angle = styles.of(index).angle
    sizes = sorted((styles.of(before).size, styles.of(index).size))
    if sizes[0] < _SMALLEST_SCRIPT * sizes[1]:  # a large initial
        return False
    shift = abs(_height(textpage, index, angle) - _height(textpage, before, angle))
    return shift > (_LEAST_SHIFT if sizes[0] < _SCRIPT_SIZE * sizes[1] else _LEAST_SHIFT_UNSIZED) * sizes[1]


def _height(textpage: Any, index: int, angle: int) -> float:
    """The position of a character across the direction of its text."""
    x, y = _origin(textpage, index)
    return y if angle in (0, 180) else x


def _drawn_once(words: list[Word]) -> list[Word]:
    """The words without those drawn again at nearly the same place, as for a shadow or a bold look."""
    kept: list[Word] = []
    places: dict[tuple[str, int], list[Word]] = {}
    for word in words:
        near, row = _SAME_PLACE * word.size, int(word.baseline // _PLACE)
        others = [*places.get((word.text, row), ()), *places.get((word.text, row + 1), ()), *places.get((word.text, row - 1), ())]
        if not others or not any(_is_near(word, other, near) for other in others):
            places.setdefault((word.text, row), []).append(word)
            kept.append(word)
    return kept


def _is_near(word: Word, other: Word, distance: float) -> bool:
    near = abs(word.left - other.left) < distance and abs(word.baseline - other.baseline) < distance
    return near and word.angle == other.angle


def _is_outside(word: Box, page: Box) -> bool:
    return word[2] < page[0] or word[0] > page[2] or word[3] < page[1] or word[1] > page[3]


def _garbage_share(text: str) -> float:
    visible = "".join(text.split())
    unusual = (char for char in _USUAL.sub("", visible) if char not in _ALLOWED)
    garbage = sum(char == "\ufffd" or unicodedata.category(char) in _NO_CHARACTER for char in unusual)
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


def _word_box(textpage: Any, first: int, last: int) -> Box:
    """The box around the first and last character of a word."""
    box = pdfium.FS_RECTF()
    pdfium.FPDFText_GetLooseCharBox(textpage, first, box)
    left, bottom, right, top = box.left, box.bottom, box.right, box.top
    if first == last:
        return left, bottom, right, top
    pdfium.FPDFText_GetLooseCharBox(textpage, last, box)
    return min(left, box.left), min(bottom, box.bottom), max(right, box.right), max(top, box.top)


def _in_reading_order(textpage: Any, text: str, first: int, end: int) -> str:
    """A word as it is read, with right-to-left letters in reading order.

    Files store right-to-left scripts in reading order or in visual order; the positions of the letters show which.
    """
    word = text[first:end]
    if word.isascii():
        return word
    core = _LEFTWARD_LETTERS.search(word)
    if core and _origin(textpage, first + core.start())[0] < _origin(textpage, first + core.end() - 1)[0]:
        return word[: core.start()] + _CLUSTER.sub(r"\2\1", core[0][::-1]) + word[core.end() :]
    return word


def _origin(textpage: Any, index: int) -> tuple[float, float]:
    x, y = ctypes.c_double(), ctypes.c_double()
    pdfium.FPDFText_GetCharOrigin(textpage, index, x, y)
    return x.value, y.value


def _word(
    text: str,
    word_box: Box,
    origin: tuple[float, float],
    style: Style,
    box: Box,
    characters: tuple[int, int],
    attached: bool,
) -> Word:
    """A word turned so that it runs from left to right; the page's lower left corner is at 0, 0."""
    left, bottom, right, top = word_box[0] - box[0], word_box[1] - box[1], word_box[2] - box[0], word_box[3] - box[1]
    x, y = origin[0] - box[0], origin[1] - box[1]
    width, height = box[2] - box[0], box[3] - box[1]
    if style.angle == 90:
        left, right, y = bottom, top, width - x
    elif style.angle == 180:
        left, right, y = width - right, width - left, height - y
    elif style.angle == 270:
        left, right, y = height - top, height - bottom, x
    text, rightward = text.replace(_FILLER, ""), text.isascii() or not _LEFTWARD.search(text)
    return Word(text, left, right, y, style.size, style.bold, style.mono, style.angle, *characters, rightward, attached)


def _image_shares(page: Any, objects: Objects) -> list[float]:
    """The share of the page that each image covers."""
    width, height = page.get_size()
    bounds = [ctypes.c_float() for _ in range(4)]
    shares = []
    for image in _images(objects, _IMAGE_DEPTH):
        if pdfium.FPDFPageObj_GetBounds(image, *bounds):
            left, bottom, right, top = (bound.value for bound in bounds)
            shares.append((right - left) * (top - bottom) / max(width * height, 1))
    return shares


def _images(objects: Objects, depth: int) -> Iterator[Any]:
    for kind, item in objects:
        if kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            yield item
        elif kind == pdfium.FPDF_PAGEOBJ_FORM and depth > 1:
            yield from _images(objects_within(item), depth - 1)


def _unseen(page: Any, words: list[tuple[Word, Box]], box: Box) -> set[int]:
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
