"""Lines of a PDF's pages to pieces: running heads left out, headings, lists, captions, tables, and paragraphs put together."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from rag.loading.laying_out import Piece, row
from rag.loading.pdf_lines import Line
from rag.loading.pdf_words import HYPHEN
from rag.records import BlockKind

_BULLET = re.compile(
    r"([\u2022\u2023\u25e6\u2043\u2219\u25aa\u25cf\u25cb\u25a0\u25a1\u25b6\u25ba\u2751\u2756\u27a2\u2713\uf000-\uf0ff·]|[-–*o](?=\s))\s*"
)
_NUMBER = re.compile(r"\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)]\s+(?=\S)")
_REFERENCE = re.compile(r"\[\d{1,3}\]\s")
_CAPTION = re.compile(
    r"(?:figure|fig\.|table|tab\.|abbildung|abb\.|tabelle|listing|algorithm|chart|exhibit)\s*[A-Z]?\d[\d.]*\s*[:.|–—]", re.I
)
_SECTION = re.compile(
    r"(?:(?:chapter|part|appendix|section|kapitel)\s+)?(\d{1,2}(?:\.\d{1,2})*|[A-Z](?:\.\d{1,2})+)\.?\s+\S", re.I
)
_ENDS = re.compile(r"[.!?:;。！？؟][\"”’»)\]]*\d{0,2}$")
_PAGE_NUMBER = re.compile(r"\W*(?:(?:page|seite|p\.|pg\.?)\s*)?(?:\d{1,4}|[ivxlc]{1,7})(?:\s*(?:/|of|von)\s*\d{1,4})?\W*", re.I)
_DIGITS = re.compile(r"\d+")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LAST_PART, _FIRST_PART = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*$"), re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class PageLines:
    number: int  # from 1
    height: float
    lines: list[Line]


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


def pieces_of(pages: Sequence[PageLines], outline: Mapping[str, int]) -> list[Piece]:
    """`outline` gives the level of a heading by its letters and digits (`key`)."""
    pages = _without_running(pages)
    lines = [line for page in pages for line in page.lines]
    if not lines:
        return []
    body = _body_size(lines)
    levels = _levels(lines, body, outline)
    writer = _Writer(_vocabulary(lines))
    for page in pages:
        _read_page(page, body, levels, outline, writer)
    writer.close()
    return writer.pieces


def key(heading: str) -> str:
    """A heading's letters and digits alone, as outlines write it another way than pages."""
    return "".join(char for char in heading.casefold() if char.isalnum())


def _body_size(lines: Sequence[Line]) -> float:
    sizes = Counter[float]()
    for line in lines:
        sizes[_rounded(line.size)] += len(line.text)
    return sizes.most_common(1)[0][0]


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _without_running(pages: Sequence[PageLines]) -> list[PageLines]:
    """Without heads, feet and page numbers: what stands at the same height of several pages, but for its digits."""
    if len(pages) < 2:
        return list(pages)
    seen = Counter[tuple[str, int]]()
    for page in pages:
        seen.update({_mark(line) for line in _margin(page)})
    needed = 2 if len(pages) < 5 else 3
    running: set[tuple[int, Line]] = set()
    for page in pages:
        for line in _margin(page):
            text, height = _mark(line)
            times = sum(seen[text, height + shift] for shift in (-1, 0, 1))
            if times >= needed or (_PAGE_NUMBER.fullmatch(line.text) and times >= 2):
                running.add((page.number, line))
    return [replace(page, lines=[line for line in page.lines if (page.number, line) not in running]) for page in pages]


def _margin(page: PageLines) -> list[Line]:
    """Lines near the upper and lower edge of a page."""
    by_height = sorted(page.lines, key=lambda line: line.baseline)
    low = [line for i, line in enumerate(by_height[:5]) if i < 2 or line.baseline < 0.16 * page.height]
    return low + [line for i, line in enumerate(by_height[:-6:-1]) if i < 2 or line.baseline > 0.84 * page.height]


def _mark(line: Line) -> tuple[str, int]:
    return ("#" if _PAGE_NUMBER.fullmatch(line.text) else _DIGITS.sub("#", line.text)), round(line.baseline / 4)


def _is_heading(line: Line, body: float, outline: Mapping[str, int]) -> bool:
    if line.cells or not any(char.isalpha() for char in line.text) or len(line.text) > 200 or _CAPTION.match(line.text):
        return False
    if key(line.text) in outline:
        return True
    if line.size >= 1.15 * body:
        return len(line.text) > 1
    short = len(line.text.split()) <= 14 and not line.text.endswith((".", ",", ";", ":"))
    return line.bold and short and line.size >= 0.95 * body and not _BULLET.match(line.text)


def _style(line: Line) -> tuple[float, bool]:
    return _rounded(line.size), line.bold


def _levels(lines: Sequence[Line], body: float, outline: Mapping[str, int]) -> dict[tuple[float, bool], int]:
    """From a heading's style to its level: larger ones higher; where the outline names one of a style, as it says."""
    headings = [line for line in lines if _is_heading(line, body, outline)]
    ranked = sorted({_style(line) for line in headings}, reverse=True)
    levels = {style: min(rank, 6) for rank, style in enumerate(ranked, start=1)}
    for style in ranked:
        named = Counter(outline[key(line.text)] for line in headings if _style(line) == style and key(line.text) in outline)
        if named:
            levels[style] = named.most_common(1)[0][0]
    return levels


def _level(line: Line, levels: Mapping[tuple[float, bool], int], outline: Mapping[str, int]) -> int:
    level = outline.get(key(line.text)) or levels[_style(line)]
    section = _SECTION.match(line.text)
    if section and key(line.text) not in outline:
        level = max(level, section[1].count(".") + 1)
    return min(level, 6)


def _vocabulary(lines: Sequence[Line]) -> Counter[str]:
    """How often each word stands in the document, those cut at a line's end left out."""
    words = Counter[str]()
    for line in lines:
        words.update(word.casefold() for word in _WORD.findall(line.text))
    return words


def _read_page(
    page: PageLines,
    body: float,
    levels: Mapping[tuple[float, bool], int],
    outline: Mapping[str, int],
    writer: "_Writer",
) -> None:
    notes: list[list[Line]] = []
    for column in _columns(page.lines):
        text, foot = _without_foot(column, body, page.height)
        notes.append(foot)
        pitch = _pitch(text)
        before: Line | None = None
        for line in text:
            heading = _is_heading(line, body, outline)
            level = _level(line, levels, outline) if heading else 0
            writer.add(line, page.number, before, pitch=pitch, level=level)
            before = line
    for foot in notes:
        writer.hold(foot, page.number)


def _columns(lines: Sequence[Line]) -> Iterator[list[Line]]:
    column: list[Line] = []
    for line in lines:
        if column and line.column != column[-1].column:
            yield column
            column = []
        column.append(line)
    if column:
        yield column


def _without_foot(column: list[Line], body: float, height: float) -> tuple[list[Line], list[Line]]:
    """The column and the footnotes at its end: smaller lines in the lower part of a page, with white above them."""
    first = len(column)
    while (
        first
        and column[first - 1].size < 0.93 * body
        and column[first - 1].baseline < 0.4 * height
        and not column[first - 1].cells
    ):
        first -= 1
    foot = column[first:]
    if not first or not foot or column[first - 1].baseline - foot[0].baseline < 1.3 * foot[0].size:
        return column, []
    return column[:first], foot


def _pitch(lines: Sequence[Line]) -> float:
    """The usual distance of a column's lines."""
    steps = [
        one.baseline - other.baseline
        for one, other in zip(lines, lines[1:], strict=False)
        if 0 < one.baseline - other.baseline < 2.5 * max(one.size, other.size)
    ]
    return median(steps) if steps else 0.0


@dataclass(slots=True)
class _Writer:
    vocabulary: Counter[str]
    pieces: list[Piece] = field(default_factory=list)
    open: _Open | None = None
    held: list[_Open | Piece] = field(default_factory=list)  # what stands between the parts of a paragraph that may go on

    def add(self, line: Line, page: int, before: Line | None, *, pitch: float, level: int) -> None:
        """`before` is the line above in the same column, None at its head."""
        if not level and self._ends_heading(line, before):
            level = self.open.level if self.open else 0
        kind = _kind(line, level, self.open, before)
        if line.cells:
            self._put_row(line, page, before)
        elif before is None and self.open is not None and _goes_on(self.open, line, kind):
            self.open.lines.append((page, line))
        elif before is not None and self.open is not None and self._same(line, before, kind, pitch, level):
            self.open.lines.append((page, line))
        else:
            self.close()
            self.open = _Open(kind, [(page, line)], level)

    def _ends_heading(self, line: Line, before: Line | None) -> bool:
        """Whether a line, no heading by itself, is the rest of one."""
        opened = self.open
        if opened is None or before is None or opened.kind != "heading" or opened.last is not before or line.cells:
            return False
        return (
            before.bold and _style(line) == _style(before) and (before.text[-1] in (HYPHEN, "-", ",") or line.text[0].islower())
        )

    def _same(self, line: Line, before: Line, kind: BlockKind, pitch: float, level: int) -> bool:
        opened = self.open
        if opened is None or opened.last is not before or opened.level != level or _starts(line, opened):
            return False
        if kind == "heading" or opened.kind == "heading":
            near = 0 < before.baseline - line.baseline < 1.7 * max(line.size, before.size)
            return kind == opened.kind and near and _style(line) == _style(before) and not _SECTION.match(line.text)
        return not _parts(line, before, opened, pitch)

    def _put_row(self, line: Line, page: int, before: Line | None) -> None:
        self.close()
        header = line.bold and (before is None or not before.cells)
        self.pieces.append(row((cell.replace(HYPHEN, "-") for cell in line.cells), header=header, page=page))

    def hold(self, lines: Sequence[Line], page: int) -> None:
        """Footnotes, which follow the paragraph that they interrupt."""
        opened: _Open | None = None
        for line in lines:
            if opened is None or re.match(r"[\d*†‡§∗]{1,3}\s?\D", line.text):
                opened = _Open("paragraph", [])
                self.held.append(opened)
            opened.lines.append((page, line))

    def close(self) -> None:
        blocks = [*([self.open] if self.open else []), *self.held]
        self.open, self.held = None, []
        self.pieces += [block if isinstance(block, Piece) else self._piece(block) for block in blocks]

    def _piece(self, block: _Open) -> Piece:
        text = ""
        breaks: list[int] = []
        page = block.lines[0][0]
        for number, line in block.lines:
            text = self._joined(text, line.text)
            while page + len(breaks) < number:
                breaks.append(len(text) - len(line.text))
        text = text.replace(HYPHEN, "-")
        if block.kind == "item":
            mark = _BULLET.match(text)
            text = f"{_bullet(mark[1])} {text[mark.end() :]}" if mark else text
        return Piece(block.kind, text, block.level, block.lines[0][0], tuple(breaks))

    def _joined(self, text: str, line: str) -> str:
        """A word cut at a line's end becomes one again."""
        if not text:
            return line
        mark, first = text[-1], _FIRST_PART.match(line)
        if mark not in (HYPHEN, "\u00ad", "-", "\u2010"):
            return f"{text} {line}" if not _unspaced(text[-1], line[0]) else text + line
        last = _LAST_PART.search(text[:-1])
        if first is None or last is None or not first[0][0].islower():
            return (text[:-1] + "-" if mark in (HYPHEN, "-", "\u2010") else text[:-1]) + line
        whole, hyphened = f"{last[0]}{first[0]}".casefold(), f"{last[0]}-{first[0]}".casefold()
        known, known_hyphened = self.vocabulary[whole], self.vocabulary[hyphened]
        keeps = mark in ("-", "\u2010") and not (known and not known_hyphened)
        if keeps or (known_hyphened and not known):
            return text[:-1] + "-" + line
        return text[:-1] + line


def _unspaced(one: str, other: str) -> bool:
    """Chinese and Japanese have no space where a line ends; Korean has."""
    return all("\u3000" <= char <= "\u9fff" or "\uff00" <= char <= "\uffef" for char in (one, other))


def _bullet(mark: str) -> str:
    return "•" if "\uf000" <= mark <= "\uf0ff" or mark == "o" else mark


def _kind(line: Line, level: int, opened: _Open | None, before: Line | None) -> BlockKind:
    if level:
        return "heading"
    if _BULLET.match(line.text):
        return "item"
    if _NUMBER.match(line.text) and not (
        opened and before is opened.last and opened.kind == "paragraph" and not _ENDS.search(before.text)
    ):
        return "item"
    return "paragraph"


def _starts(line: Line, opened: _Open) -> bool:
    """Whether a line says by its first characters that it begins a block."""
    if _CAPTION.match(line.text) or _REFERENCE.match(line.text) or _BULLET.match(line.text):
        return True
    return opened.kind == "item" and bool(_NUMBER.match(line.text)) and abs(line.left - opened.first.left) < 6


def _parts(line: Line, before: Line, opened: _Open, pitch: float) -> bool:
    """Whether a paragraph ends between two lines of a column."""
    size = max(line.size, before.size)
    step = before.baseline - line.baseline
    if step < 0 or step > max(1.4 * pitch, 1.25 * size) or abs(line.size - before.size) > 0.15 * size:
        return True
    if line.left > before.left + 0.8 * size and opened.kind == "paragraph" and len(opened.lines) > 1:
        return True
    if line.left < before.left - 0.8 * size and (len(opened.lines) > 1 or before.left - line.left > 6 * size):
        return True
    width = line.edges[1] - line.edges[0]
    first_word = (line.right - line.left) * (len(line.text.split(" ", 1)[0]) + 1) / max(len(line.text), 1)
    room = line.edges[1] - before.right
    ends = bool(_ENDS.search(before.text)) or (room > 0.5 * width and not line.text[0].islower())
    return ends and room > max(first_word + 0.5 * size, 0.08 * width)


def _goes_on(opened: _Open, line: Line, kind: BlockKind) -> bool:
    """Whether a paragraph goes on at the head of the next column or page."""
    last = opened.last
    if kind != "paragraph" or opened.kind not in ("paragraph", "item") or abs(line.size - last.size) > 0.05 * last.size:
        return False
    if _CAPTION.match(line.text) or _REFERENCE.match(line.text) or _ENDS.search(last.text):
        return False
    full = last.right > last.edges[1] - 0.12 * (last.edges[1] - last.edges[0])
    return (
        last.text.endswith((HYPHEN, "-", "\u00ad")) or line.text[0].islower() or (full and line.left < line.edges[0] + line.size)
    )
