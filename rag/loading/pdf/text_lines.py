"""Words of a page to lines in reading order: columns are told from tables, and rows of tables cut into cells."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from rag.loading.pdf.columns import columns_of
from rag.loading.pdf.rows import Row
from rag.loading.pdf.tables import TIGHT, tables_of
from rag.loading.pdf.words import Word

_LEADERS = re.compile(r"(?:\. ?){5,}")  # from an entry to its number


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a column. `column` numbers the columns of a page, `edges` are a column's; `cells` where it is a table's row."""

    text: str
    left: float
    right: float
    baseline: float
    size: float
    bold: bool
    column: int
    edges: tuple[float, float]
    mono: bool
    cells: tuple[str, ...] = ()


def lines_of(words: Sequence[Word]) -> list[Line]:
    """In reading order; text that stands in another direction than most of the page follows at the end."""
    turns = Counter[int]()
    for word in words:
        turns[word.angle] += len(word.text)
    lines: list[Line] = []
    for angle, _ in turns.most_common():
        for region in columns_of([word for word in words if word.angle == angle]):
            column = lines[-1].column + 1 if lines else 0
            lines += _lines(region, column)
    return lines


def _lines(rows: Sequence[Row], column: int) -> list[Line]:
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
            line = replace(above, cells=cells, text=" ".join((above.text, line.text)), baseline=line.baseline)
        lines.append(line)
    return lines


def _line(row: Row, column: int, edges: tuple[float, float], gutters: Sequence[float]) -> Line:
    letters = sum(len(word.text) for word in row.words)
    bold = sum(len(word.text) for word in row.words if word.bold) > 0.9 * letters
    mono = sum(len(word.text) for word in row.words if word.mono) > 0.9 * letters
    cells: tuple[str, ...] = ()
    if gutters:
        bounds = [float("-inf"), *gutters, float("inf")]
        parts = [[word for word in row.words if low <= word.left < high] for low, high in zip(bounds, bounds[1:], strict=False)]
        cells = tuple(_text(part).removesuffix("…").rstrip() for part in parts)
    return Line(_text(row.words), row.left, row.right, row.baseline, row.size, bold, column, edges, mono, cells)


def _text(words: Sequence[Word]) -> str:
    if sum(word.rightward for word in words) * 2 < len(words):
        words = _from_the_right(words)
    parts: list[str] = []
    before: Word | None = None
    for word in words:
        follows = before is not None and word.order == before.order + len(before.text)
        glued = before is not None and follows and word.left - before.right < 0.05 * word.size
        closes = before is not None and word.text[0] in ".,;:)]" and word.left - before.right < 0.15 * word.size
        parts.append(word.text if glued or closes or before is None else " " + word.text)
        before = word
    return _LEADERS.sub("… ", "".join(parts)).rstrip()


def _from_the_right(words: Sequence[Word]) -> list[Word]:
    """The order in which a line of Hebrew or Arabic is read; words of other scripts in it run the other way."""
    parts = [list(part) for _, part in groupby(words, key=lambda word: word.rightward)]
    return [word for part in reversed(parts) for word in (part if part[0].rightward else reversed(part))]
