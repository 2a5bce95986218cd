"""Lines of a PDF's pages to pieces: running heads left out, headings, lists, captions, tables, and paragraphs put together."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from statistics import median

from rag.loading.blocks import Piece
from rag.loading.pdf.paragraphs import BULLET, SECTION, Shape, Writer, style
from rag.loading.pdf.tables import CAPTION
from rag.loading.pdf.text_lines import Line

_PAGE_NUMBER = re.compile(r"\W*(?:(?:page|seite|p\.|pg\.?)\s*)?(?:\d{1,4}|[ivxlc]{1,7})(?:\s*(?:/|of|von)\s*\d{1,4})?\W*", re.I)
_DIGITS = re.compile(r"\d+")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class PageLines:
    number: int  # from 1
    height: float
    lines: list[Line]


def pieces_of(pages: Sequence[PageLines], outline: Mapping[str, int]) -> list[Piece]:
    """`outline` gives the level of a heading by its letters and digits (`key`)."""
    pages = _without_running(pages)
    lines = [line for page in pages for line in page.lines]
    if not lines:
        return []
    if sum(len(line.text) for line in lines if line.mono) > 0.5 * sum(len(line.text) for line in lines):
        pages = [replace(page, lines=[replace(line, mono=False) for line in page.lines]) for page in pages]  # typewritten
        lines = [line for page in pages for line in page.lines]
    body = _body_size(lines)
    levels = _levels(lines, body, outline)
    writer = Writer(_vocabulary(lines))
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
        sizes[style(line)[0]] += len(line.text)
    return sizes.most_common(1)[0][0]


def _without_running(pages: Sequence[PageLines]) -> list[PageLines]:
    """Without heads, feet and page numbers: what stands at the same height of several pages, but for its digits."""
    if len(pages) < 2:
        return list(pages)
    seen = Counter[tuple[str, int]]()
    for page in pages:
        seen.update({_mark(line) for edge in _edges(page) for line in edge})
    needed = 2 if len(pages) < 5 else 3

    def runs(line: Line) -> bool:
        text, height = _mark(line)
        times = sum(seen[text, height + shift] for shift in (-1, 0, 1))
        return times >= (2 if "#" in text else needed)

    kept: list[PageLines] = []
    for page in pages:
        running = {line for edge in _edges(page) for line in takewhile(runs, edge)}
        kept.append(replace(page, lines=[line for line in page.lines if line not in running] or page.lines))
    return kept


def _edges(page: PageLines) -> tuple[list[Line], list[Line]]:
    """The uppermost and the lowest lines of a page, each from its edge inwards."""
    by_height = sorted(page.lines, key=lambda line: (-line.baseline, line.left))
    half = min(6, (len(by_height) + 1) // 2)
    upper = [line for line in by_height[:half] if line.baseline > 0.75 * page.height]
    return upper, [line for line in by_height[: -half - 1 : -1] if line.baseline < 0.25 * page.height]


def _mark(line: Line) -> tuple[str, int]:
    """What a line has in common with the same one of other pages; of a row of figures that is all of it."""
    text = "#" if _PAGE_NUMBER.fullmatch(line.text) else _DIGITS.sub("#", line.text)
    figures = text != "#" and not any(word.isalpha() for word in text.split())
    return (line.text if figures else text), round(line.baseline / 4)


def _is_heading(line: Line, body: float, outline: Mapping[str, int]) -> bool:
    if (
        line.cells
        or line.mono
        or not any(char.isalpha() for char in line.text)
        or len(line.text) > 200
        or CAPTION.match(line.text)
    ):
        return False
    if outline and key(line.text) in outline:
        return True
    if line.size >= 1.15 * body:
        return len(line.text) > 1
    short = len(line.text.split()) <= 14 and not line.text.endswith((".", ",", ";"))
    return line.bold and short and line.size >= 0.95 * body and not BULLET.match(line.text)


def _stands_alone(line: Line, before: Line | None, after: Line, body: float, pitch: float) -> bool:
    """Whether a line in the letters of the text leads the text below: short, with white around it, more of it above."""
    if line.cells or after.cells or line.mono or after.mono or line.size < 0.98 * body or after.size > 1.02 * line.size:
        return False
    if len(line.text) > 90 or not (line.text[0].isupper() or line.text[0].isdigit()) or line.text[-1] in ".,;:!":
        return False
    width = line.edges[1] - line.edges[0]
    above = before.baseline - line.baseline if before else 3 * pitch
    below = line.baseline - after.baseline
    leads = abs(line.left - after.left) < 2.5 * line.size and after.right - after.left > 0.7 * width
    white = above > 1.4 * pitch and above > below > 0 and (below > 1.1 * pitch or line.size > 1.05 * body)
    return leads and white and line.right - line.left < 0.9 * width and below < 2.5 * pitch


def _levels(lines: Sequence[Line], body: float, outline: Mapping[str, int]) -> dict[tuple[float, bool], int]:
    """From a heading's style to its level: larger ones higher; where the outline names one of a style, as it says."""
    headings = [line for line in lines if _is_heading(line, body, outline)]
    ranked = sorted({style(line) for line in headings}, reverse=True)
    levels = {look: min(rank, 6) for rank, look in enumerate(ranked, start=1)}
    for look in ranked:
        named = Counter(outline[key(line.text)] for line in headings if style(line) == look and key(line.text) in outline)
        if named:
            levels[look] = named.most_common(1)[0][0]
    return levels


def _level(line: Line, levels: Mapping[tuple[float, bool], int], outline: Mapping[str, int]) -> int:
    level = outline.get(key(line.text)) or levels[style(line)]
    section = SECTION.match(line.text)
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
    writer: Writer,
) -> None:
    notes: list[list[Line]] = []
    for column in _columns(page.lines):
        text, foot = _without_foot(column, body, page.height)
        notes.append(foot)
        shape = Shape(_pitch(text), _filled(text))
        for before, line, after in zip([None, *text], text, [*text[1:], None], strict=False):
            level = 0
            if _is_heading(line, body, outline):
                level = _level(line, levels, outline)
            elif after and _stands_alone(line, before, after, body, shape.pitch):
                level = min(max(levels.values(), default=0) + 1, 6)
            writer.add(line, page.number, before, shape=shape, level=level)
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
        and not column[first - 1].mono
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


def _filled(lines: Sequence[Line]) -> bool:
    """Whether enough lines reach the column's right edge to say that one that does not ends there on purpose."""
    full = sum(line.right > line.edges[1] - 0.12 * (line.edges[1] - line.edges[0]) for line in lines)
    return full >= 0.4 * len(lines)
