"""The words of a page to lines in reading order, column by column; rows of tables are split into cells."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from rag.loading.pdf.annotations import Addition
from rag.loading.pdf.columns import columns_of
from rag.loading.pdf.rows import Row
from rag.loading.pdf.scripts import GLUED as GLUED_SCRIPT
from rag.loading.pdf.scripts import with_scripts
from rag.loading.pdf.tables import TIGHT, tables_of
from rag.loading.pdf.words import Word

_NEARLY_ALL = 0.9  # share of a line's letters that must be bold (or monospaced) for the line to be so
_GLUED, _CLOSED = 0.05, 0.15  # of the font size: smaller gaps are not spaces; before a word, and before punctuation
_LEADERS = re.compile(r"(?:\. ?){5,}")  # the dots between an entry of a table of contents and its page number


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a column, or a row of a table with its `cells`. `column` counts within the page, `edges` are the column's.

    `words` are those of the text, in its order.
    """

    text: str
    left: float
    right: float
    baseline: float
    size: float
    bold: bool
    column: int
    edges: tuple[float, float]
    mono: bool
    words: tuple[Word, ...]
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PageLines:
    """`number` counts from 1; `additions` are form fields and comments, one line each."""

    number: int
    height: float
    lines: list[Line]
    additions: Sequence[Line] = ()


def lines_of(words: Sequence[Word]) -> list[Line]:
    """Lines in reading order; text that runs in another direction than most of the page is last."""
    letters_at_angle = Counter[int]()
    for word in words:
        letters_at_angle[word.angle] += len(word.text)
    lines: list[Line] = []
    for angle, _ in letters_at_angle.most_common():
        for region in columns_of([word for word in words if word.angle == angle]):
            column = lines[-1].column + 1 if lines else 0
            lines += _column_lines(region, column)
    return lines


def addition_lines(additions: Sequence[Addition]) -> list[Line]:
    """A line for each addition; its only word has the addition's number as `order`, counted down from -1."""
    words = [Word(added.text, 0, 0, 0, 1, False, False, 0, -1 - added.number, -added.number, True) for added in additions]
    return [Line(word.text, 0, 0, 0, word.size, False, 0, (0, 0), False, (word,)) for word in words]


def _column_lines(rows: Sequence[Row], column: int) -> list[Line]:
    if not rows:
        return []
    edges = min(row.left for row in rows), max(row.right for row in rows)
    lines: list[Line] = []
    tables = {i: (first, gutters) for first, last, gutters in tables_of(rows) for i in range(first, last)}
    for i, row in enumerate(rows):
        first, gutters = tables.get(i, (i, ()))
        line = _line(row, column, edges, gutters)
        if i > first and not line.cells[0] and rows[i - 1].baseline - row.baseline < TIGHT * row.size:
            above = lines.pop()
            cells = tuple(" ".join(part for part in pair if part) for pair in zip(above.cells, line.cells, strict=True))
            line = replace(
                above, cells=cells, text=" ".join((above.text, line.text)), baseline=line.baseline, words=above.words + line.words
            )
        lines.append(line)
    return lines


def _line(row: Row, column: int, edges: tuple[float, float], gutters: Sequence[float]) -> Line:
    words = with_scripts(row)
    letters = sum(len(word.text) for word in words)
    bold = sum(len(word.text) for word in words if word.bold) > _NEARLY_ALL * letters
    mono = sum(len(word.text) for word in words if word.mono) > _NEARLY_ALL * letters
    cells: tuple[str, ...] = ()
    if gutters:
        bounds = [float("-inf"), *gutters, float("inf")]
        parts = [[word for word in words if low <= word.left < high] for low, high in zip(bounds, bounds[1:], strict=False)]
        cells = tuple(_text(part).removesuffix("…").rstrip() for part in parts)
    return Line(_text(words), row.left, row.right, row.baseline, row.size, bold, column, edges, mono, tuple(words), cells)


def _text(words: Sequence[Word]) -> str:
    if sum(word.rightward for word in words) * 2 < len(words):
        words = _from_the_right(words)
    parts: list[str] = []
    before: Word | None = None
    for word in words:
        parts.append(word.text if before is None or _is_glued(before, word) else " " + word.text)
        before = word
    return _LEADERS.sub("… ", "".join(parts)).rstrip()


def _is_glued(before: Word, word: Word) -> bool:
    """Whether there is no space between two words of a line."""
    gap = word.left - before.right
    if before.is_script or word.is_script:
        return gap < GLUED_SCRIPT * max(before.size, word.size)
    return (word.order == before.end and gap < _GLUED * word.size) or (word.text[0] in ".,;:)]" and gap < _CLOSED * word.size)


def _from_the_right(words: Sequence[Word]) -> list[Word]:
    """The reading order of a line of Hebrew or Arabic; words of other scripts in it run the other way."""
    parts = [list(part) for _, part in groupby(words, key=lambda word: word.rightward)]
    return [word for part in reversed(parts) for word in (part if part[0].rightward else reversed(part))]
