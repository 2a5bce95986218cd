"""Lines of a PDF put together to headings, paragraphs, items of lists and rows of tables."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rag.loading.blocks import Piece, row
from rag.loading.pdf.tables import CAPTION
from rag.loading.pdf.text_lines import Line
from rag.loading.pdf.words import HYPHEN
from rag.records import BlockKind

BULLET = re.compile(
    "([\u2022\u2023\u25e6\u2043\u2219\u25aa\u25cf\u25cb\u25a0\u25a1\u25b6\u25ba\u2751\u2756\u27a2\u2713\uf000-\uf0ff·]"
    r"|[-–*o](?=\s))\s*"
)
SECTION = re.compile(
    r"(?:(?:chapter|part|appendix|section|kapitel)\s+)?(\d{1,2}(?:\.\d{1,2})*|[A-Z](?:\.\d{1,2})+)\.?\s+\S", re.I
)
ENTRY = re.compile(r"… ?(?:\d{1,4}|[ivxlc]{1,6})$")  # of a table of contents
_NUMBER = re.compile(r"\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)]\s+(?=\S)")
_REFERENCE = re.compile(r"\[\d{1,3}\]\s")
_NOTE = re.compile(r"[\d*†‡§∗]{1,3}\s?\D")
_HYPHENS = (HYPHEN, "\u00ad", "-", "\u2010")
_ENDS = re.compile(r"[.!?:;。！？؟][\"”’»)\]]*\d{0,2}$")
_LAST_PART, _FIRST_PART = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*$"), re.compile(r"[^\W\d_]+")


@dataclass(slots=True)
class _Open:
    """A block that further lines may still join. `lines` are with their pages."""

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
    """Of a column: the usual distance of its lines, and whether most reach its right edge."""

    pitch: float
    filled: bool


@dataclass(slots=True)
class Writer:
    """Takes the lines of all pages in order. `vocabulary` counts the document's words as they stand within lines."""

    vocabulary: Counter[str]
    pieces: list[Piece] = field(default_factory=list)
    _open: _Open | None = None
    _held: list[_Open] = field(default_factory=list)  # footnotes that interrupt a paragraph

    def add(self, line: Line, page: int, before: Line | None, *, shape: Shape, level: int) -> None:
        """`before` is the line above in the same column, None at its head; `level` is that of a heading, else 0."""
        opened = self._open
        if line.cells:
            self._put_row(line, page, before)
            return
        if opened and before is opened.last and not level and _ends_heading(opened, line):
            level = opened.level
        kind = _kind(line, level, opened, before)
        if opened and (_goes_on(opened, line, kind) if before is None else _same(opened, line, before, kind, shape, level)):
            opened.lines.append((page, line))
        else:
            self.close()
            self._open = _Open(kind, [(page, line)], level)

    def hold(self, lines: Sequence[Line], page: int) -> None:
        """Footnotes, which follow the paragraph that they interrupt."""
        note: _Open | None = None
        for line in lines:
            if note is None or _NOTE.match(line.text):
                note = _Open("paragraph", [])
                self._held.append(note)
            note.lines.append((page, line))

    def close(self) -> None:
        blocks = [*([self._open] if self._open else []), *self._held]
        self._open, self._held = None, []
        self.pieces += [self._piece(block) for block in blocks]

    def _put_row(self, line: Line, page: int, before: Line | None) -> None:
        self.close()
        header = line.bold and (before is None or not before.cells)
        self.pieces.append(row((cell.replace(HYPHEN, "-") for cell in line.cells), header=header, page=page))

    def _piece(self, block: _Open) -> Piece:
        text = ""
        breaks: list[int] = []
        page = block.lines[0][0]
        edge = min(line.left for _, line in block.lines)
        for number, line in block.lines:
            if block.kind == "code":
                indent = " " * round((line.left - edge) / (0.6 * line.size))
                text += "\n" * bool(text) + indent + line.text
            else:
                text = self._joined(text, line.text)
            while page + len(breaks) < number:
                breaks.append(len(text) - len(line.text))
        text = text.replace(HYPHEN, "-")
        if block.kind == "item":
            mark = BULLET.match(text)
            text = f"{_bullet(mark[1])} {text[mark.end() :]}" if mark else text
        return Piece(block.kind, text, block.level, block.lines[0][0], tuple(breaks))

    def _joined(self, text: str, line: str) -> str:
        """A word cut at a line's end becomes one again, unless the document has it with a hyphen elsewhere."""
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
        real = mark in ("-", "\u2010")  # not one that the file or PDFium takes for a mark of the line's end
        keeps = known_hyphened or not known if real else known_hyphened and not known
        return text[:-1] + ("-" if keeps else "") + line


def _unspaced(one: str, other: str) -> bool:
    """Chinese and Japanese have no space where a line ends; Korean has."""
    return all("\u3000" <= char <= "\u9fff" or "\uff00" <= char <= "\uffef" for char in (one, other))


def _bullet(mark: str) -> str:
    return "•" if "\uf000" <= mark <= "\uf0ff" or mark == "o" else mark


def _ends_heading(opened: _Open, line: Line) -> bool:
    """Whether a line, no heading by itself, is the rest of one."""
    above = opened.last
    if opened.kind != "heading" or not above.bold or style(line) != style(above):
        return False
    return above.text[-1] in (*_HYPHENS, ",") or line.text[0].islower()


def _same(opened: _Open, line: Line, before: Line, kind: BlockKind, shape: Shape, level: int) -> bool:
    """Whether a line goes on with the block that the line above belongs to."""
    if opened.last is not before or opened.level != level or (kind != "code" and _starts(line, opened)):
        return False
    if kind == "heading" or opened.kind == "heading":
        near = 0 < before.baseline - line.baseline < 1.7 * max(line.size, before.size)
        return kind == opened.kind and near and style(line) == style(before) and not SECTION.match(line.text)
    if kind == "code" or opened.kind == "code":
        return kind == opened.kind and 0 < before.baseline - line.baseline < 2.5 * max(line.size, before.size)
    return not _parts(line, before, opened, shape)


def _kind(line: Line, level: int, opened: _Open | None, before: Line | None) -> BlockKind:
    if level:
        return "heading"
    if line.mono and line.text[0] != "•":
        return "code"
    if BULLET.match(line.text):
        return "item"
    in_sentence = opened and before is opened.last and opened.kind == "paragraph" and not _ENDS.search(before.text)
    return "item" if _NUMBER.match(line.text) and not in_sentence else "paragraph"


def _starts(line: Line, opened: _Open) -> bool:
    """Whether a line says by its first characters that it begins a block."""
    if CAPTION.match(line.text) or _REFERENCE.match(line.text) or BULLET.match(line.text):
        return True
    return opened.kind == "item" and bool(_NUMBER.match(line.text)) and abs(line.left - opened.first.left) < 6


def _parts(line: Line, before: Line, opened: _Open, shape: Shape) -> bool:
    """Whether a paragraph ends between two lines of a column."""
    size = max(line.size, before.size)
    if ENTRY.search(before.text):
        return True
    step = before.baseline - line.baseline
    if step < 0 or step > max(1.4 * shape.pitch, 1.25 * size) or abs(line.size - before.size) > 0.06 * size:
        return True
    if line.left > before.left + 0.8 * size and opened.kind == "paragraph" and len(opened.lines) > 1:
        return True
    if line.left < before.left - 0.8 * size and (len(opened.lines) > 1 or before.left - line.left > 6 * size):
        return True
    width = line.edges[1] - line.edges[0]
    first_word = (line.right - line.left) * (len(line.text.split(" ", 1)[0]) + 1) / max(len(line.text), 1)
    room = line.edges[1] - before.right
    on_purpose = (room > 0.5 * width or shape.filled) and not line.text[0].islower()
    return (on_purpose or bool(_ENDS.search(before.text))) and room > max(first_word + 0.5 * size, 0.08 * width)


def _goes_on(opened: _Open, line: Line, kind: BlockKind) -> bool:
    """Whether a paragraph goes on at the head of the next column or page."""
    last = opened.last
    if kind != "paragraph" or opened.kind not in ("paragraph", "item") or abs(line.size - last.size) > 0.05 * last.size:
        return False
    if CAPTION.match(line.text) or _REFERENCE.match(line.text) or _ENDS.search(last.text):
        return False
    if len(opened.lines) == 1 and len(last.text) < 40:
        return line.text[0].islower()
    full = last.right > last.edges[1] - 0.12 * (last.edges[1] - last.edges[0])
    unfinished = last.text.endswith(_HYPHENS) or line.text[0].islower()
    return unfinished or (full and line.left < line.edges[0] + line.size)


def style(line: Line) -> tuple[float, bool]:
    """What headings of one level have in common: the size to half a point, and whether it is bold."""
    return round(line.size * 2) / 2, line.bold
