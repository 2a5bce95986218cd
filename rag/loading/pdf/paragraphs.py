"""The lines of a PDF joined to headings, paragraphs, list items and table rows."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rag.loading.blocks import Piece
from rag.loading.pdf.open_table import OpenTable
from rag.loading.pdf.places import places_of
from rag.loading.pdf.tables import CAPTION
from rag.loading.pdf.text_lines import Line
from rag.loading.pdf.words import HYPHEN
from rag.records import BlockKind
from rag.text.list_markers import LINE_BULLET, LINE_NUMBER

SECTION = re.compile(
    r"(?:(?:chapter|part|appendix|section|kapitel)\s+)?(\d{1,2}(?:\.\d{1,2})*|[A-Z](?:\.\d{1,2})+)\.?\s+\S", re.I
)
_CONTENTS_ENTRY = re.compile(r"… ?(?:\d{1,4}|[ivxlc]{1,6})$")  # of a table of contents
_REFERENCE = re.compile(r"\[\d{1,3}\]\s")
_FOOTNOTE = re.compile(r"(?:[\d*†‡§∗]{1,3}|[⁰¹²³⁴-⁹]{1,3}|[ᵃ-ᶻ])\s?\D")
_MONOSPACED_WIDTH = 0.6  # of the font size: a character in Courier and most others
# Thresholds set by hand on awkward files; benchmarks/README.md, "PDF layout", measures the result. In font sizes:
_HEADING_PITCH, _CODE_PITCH = 1.7, 2.5  # the largest distance between lines of one heading and of one listing
_WIDE_STEP = 1.25  # the least distance that separates paragraphs
_INDENT = 0.8
_LARGEST_FIRST_INDENT = 6  # of a paragraph's first line
_SPARE = 0.5  # white space beyond the first word of the next line
# Others:
_WIDE_PITCH = 1.4  # times the usual distance: separates paragraphs
_SAME_SIZE, _SAME_SIZE_ACROSS = 0.06, 0.05  # relative difference in size within a paragraph, and across columns
_RAGGED = 0.08  # of the column's width: lines of ragged text differ by this much
RIGHT_EDGE = 0.12  # of the column's width: lines that end this close to its right edge are full
_SHORT = 40  # characters of a line that may be a title or a name rather than the start of a paragraph
_SAME_LEFT = 6  # points: left edges of the numbers of one list
_HYPHENS = (HYPHEN, "\u00ad", "-", "\u2010")
_ENDS = re.compile(r"[.!?:;。！？؟][\"”’»)\]]*\d{0,2}$")
_LAST_PART, _FIRST_PART = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*$"), re.compile(r"[^\W\d_]+")


@dataclass(slots=True)
class _Open:
    """A block that further lines may still join. `lines` are (page, line)."""

    kind: BlockKind
    lines: list[tuple[int, Line]]
    level: int = 0

    @property
    def first(self) -> Line:
        return self.lines[0][1]

    @property
    def last(self) -> Line:
        return self.lines[-1][1]


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a column: the usual distance between its lines, and whether many of them reach its right edge."""

    pitch: float
    filled: bool


@dataclass(slots=True)
class Writer:
    """Takes the lines of all pages in order. `vocabulary` counts the words of the document."""

    vocabulary: Counter[str]
    pieces: list[Piece] = field(default_factory=list)
    _open: _Open | None = None
    _table: OpenTable | None = None
    _held: list[_Open] = field(default_factory=list)  # footnotes that interrupt a paragraph

    def add(self, line: Line, page: int, before: Line | None, *, shape: Shape, level: int) -> None:
        """`before` is the line above in the same column, None at its top; `level` is that of a heading, 0 for other lines."""
        row = self._table.continued(line, before) if self._table else None
        if self._table and row:
            self._table.add(row, page)
            return
        if line.cells:
            self.close()
            self._table = OpenTable(line, page)
            return
        self._close_table()
        opened = self._open
        if opened and before is opened.last and not level and _completes_heading(opened, line):
            level = opened.level
        kind = _kind(line, level, opened, before)
        if opened and before is None:
            continues = _continues_across(opened, line, kind)
        else:
            continues = opened is not None and before is not None and _continues(opened, line, before, kind, shape, level)
        if opened and continues:
            opened.lines.append((page, line))
        else:
            self.close()
            self._open = _Open(kind, [(page, line)], level)

    def hold(self, lines: Sequence[Line], page: int) -> None:
        """Takes footnotes, which are put after the paragraph that they interrupt."""
        note: _Open | None = None
        for line in lines:
            if note is None or _FOOTNOTE.match(line.text):
                note = _Open("paragraph", [])
                self._held.append(note)
            note.lines.append((page, line))

    def close(self) -> None:
        self._close_table()
        blocks = [*([self._open] if self._open else []), *self._held]
        self._open, self._held = None, []
        self.pieces += [self._piece(block) for block in blocks]

    def _close_table(self) -> None:
        """Before the footnotes that were held while it was open."""
        table, self._table = self._table, None
        self.pieces += table.pieces() if table else []

    def _piece(self, block: _Open) -> Piece:
        text = ""
        breaks: list[int] = []
        first_page = block.lines[0][0]
        edge = min(line.left for _, line in block.lines)
        for page, line in block.lines:
            if block.kind == "code":
                indent = " " * round((line.left - edge) / (_MONOSPACED_WIDTH * line.size))
                text += "\n" * bool(text) + indent + line.text
            else:
                text = self._joined(text, line.text)
            while first_page + len(breaks) < page:
                breaks.append(len(text) - len(line.text))
        text = text.replace(HYPHEN, "-")
        if block.kind == "item":
            mark = LINE_BULLET.match(text)
            text = f"{_bullet(mark[1])} {text[mark.end() :]}" if mark else text
        words = [(page, word) for page, line in block.lines for word in line.words]
        if block.kind == "item" and words[0][1].text == "o":  # a bullet, which is no letter of the text
            del words[0]
        return Piece(block.kind, text, block.level, first_page, tuple(breaks), places=places_of(words))

    def _joined(self, text: str, line: str) -> str:
        """Joins a word that was divided at the line end, unless the document has it with a hyphen elsewhere."""
        if not text:
            return line
        mark = text[-1]
        if mark not in _HYPHENS:
            return text + line if _unspaced(mark, line[0]) else f"{text} {line}"
        last, first = _LAST_PART.search(text[:-1]), _FIRST_PART.match(line)
        if last is None or first is None or not first[0][0].islower():
            return (text[:-1] if mark == "\u00ad" else text[:-1] + "-") + line
        known = self.vocabulary[f"{last[0]}{first[0]}".casefold()]
        known_hyphened = self.vocabulary[f"{last[0]}-{first[0]}".casefold()]
        is_typed = mark in ("-", "\u2010")  # not marked as a division by the file or PDFium
        keeps_hyphen = known_hyphened or not known if is_typed else known_hyphened and not known
        return text[:-1] + ("-" if keeps_hyphen else "") + line


def _unspaced(last: str, first: str) -> bool:
    """Whether lines are joined without a space: in Chinese and Japanese, but not in Korean."""
    return all("\u3000" <= char <= "\u9fff" or "\uff00" <= char <= "\uffef" for char in (last, first))


def _bullet(mark: str) -> str:
    return "•" if "\uf000" <= mark <= "\uf0ff" or mark == "o" else mark


def _completes_heading(opened: _Open, line: Line) -> bool:
    """Whether a line that does not look like a heading is the second line of one."""
    above = opened.last
    if opened.kind != "heading" or not above.bold or style(line) != style(above):
        return False
    return above.text[-1] in (*_HYPHENS, ",") or line.text[0].islower()


def _continues(opened: _Open, line: Line, before: Line, kind: BlockKind, shape: Shape, level: int) -> bool:
    """Whether a line continues the block of the line above."""
    if opened.last is not before or opened.level != level or (kind != "code" and _starts(line, opened)):
        return False
    if kind == "heading" or opened.kind == "heading":
        near = 0 < before.baseline - line.baseline < _HEADING_PITCH * max(line.size, before.size)
        return kind == opened.kind and near and style(line) == style(before) and not SECTION.match(line.text)
    if kind == "code" or opened.kind == "code":
        return kind == opened.kind and 0 < before.baseline - line.baseline < _CODE_PITCH * max(line.size, before.size)
    return not _is_separated(line, before, opened, shape)


def _kind(line: Line, level: int, opened: _Open | None, before: Line | None) -> BlockKind:
    if level:
        return "heading"
    if line.mono and line.text[0] != "•":
        return "code"
    if LINE_BULLET.match(line.text):
        return "item"
    in_sentence = opened and before is opened.last and opened.kind == "paragraph" and not _ENDS.search(before.text)
    return "item" if LINE_NUMBER.match(line.text) and not in_sentence else "paragraph"


def _starts(line: Line, opened: _Open) -> bool:
    """Whether the first characters of a line show that it begins a block."""
    if CAPTION.match(line.text) or _REFERENCE.match(line.text) or LINE_BULLET.match(line.text):
        return True
    return opened.kind == "item" and bool(LINE_NUMBER.match(line.text)) and abs(line.left - opened.first.left) < _SAME_LEFT


def _is_separated(line: Line, before: Line, opened: _Open, shape: Shape) -> bool:
    """Whether a paragraph ends between two lines of a column."""
    if _CONTENTS_ENTRY.search(before.text):
        return True
    return _differs(line, before, shape) or _is_indented(line, before, opened) or _ends_short(line, before, shape)


def _differs(line: Line, before: Line, shape: Shape) -> bool:
    """Whether the lines are far apart or differ in size."""
    size = max(line.size, before.size)
    step = before.baseline - line.baseline
    too_far = step < 0 or step > max(_WIDE_PITCH * shape.pitch, _WIDE_STEP * size)
    return too_far or abs(line.size - before.size) > _SAME_SIZE * size


def _is_indented(line: Line, before: Line, opened: _Open) -> bool:
    """Whether the line begins further right than a paragraph's, or further left than the lines of an indented block."""
    size = max(line.size, before.size)
    if line.left > before.left + _INDENT * size:
        return opened.kind == "paragraph" and len(opened.lines) > 1
    outdent = before.left - line.left
    return outdent > _INDENT * size and (len(opened.lines) > 1 or outdent > _LARGEST_FIRST_INDENT * size)


def _ends_short(line: Line, before: Line, shape: Shape) -> bool:
    """Whether the line before had room for the first word of this one, and ends a sentence or is short on purpose."""
    width = line.edges[1] - line.edges[0]
    first_word = (line.right - line.left) * (len(line.text.split(" ", 1)[0]) + 1) / max(len(line.text), 1)
    room = line.edges[1] - before.right
    on_purpose = (room > 0.5 * width or shape.filled) and not line.text[0].islower()
    has_room = room > max(first_word + _SPARE * max(line.size, before.size), _RAGGED * width)
    return has_room and (on_purpose or bool(_ENDS.search(before.text)))


def _continues_across(opened: _Open, line: Line, kind: BlockKind) -> bool:
    """Whether a paragraph continues at the top of the next column or page."""
    last = opened.last
    if (
        kind != "paragraph"
        or opened.kind not in ("paragraph", "item")
        or abs(line.size - last.size) > _SAME_SIZE_ACROSS * last.size
    ):
        return False
    if CAPTION.match(line.text) or _REFERENCE.match(line.text) or _ENDS.search(last.text):
        return False
    if len(opened.lines) == 1 and len(last.text) < _SHORT:
        return line.text[0].islower()
    full = last.right > last.edges[1] - RIGHT_EDGE * (last.edges[1] - last.edges[0])
    unfinished = last.text.endswith(_HYPHENS) or line.text[0].islower()
    return unfinished or (full and line.left < line.edges[0] + line.size)


def style(line: Line) -> tuple[float, bool]:
    """Font size to half a point and weight, which headings of one level have in common."""
    return round(line.size * 2) / 2, line.bold
