"""Tables on a PDF page: rows whose parts are aligned in columns."""

import re
from collections.abc import Iterator, Sequence
from statistics import median

from rag.loading.pdf.rows import GAP, Row

CAPTION = re.compile(
    r"(?:figure|fig\.|table|tab\.|abbildung|abb\.|tabelle|listing|algorithm|chart|exhibit)\s*[A-Z]?\d[\d.]*\s*[:.|–—]", re.I
)
_CLEAR = 1.7  # times the gap between words: the least gap between cells
TIGHT = 1.45  # times the font size: the largest distance between lines of one cell
_LARGEST_PITCH = 3.5  # times the font size: the largest distance between rows of one table
_LEAST_STRIPE = 0.5  # of the font size: the least width of the white stripe between columns
_MOST_CELL_WORDS = 6  # on average; with more words, the cells are columns of prose


def tables_of(rows: Sequence[Row]) -> Iterator[tuple[int, int, tuple[float, ...]]]:
    """The tables as (first row, row after the last, x positions that separate the cells)."""
    first = 0
    while first < len(rows):
        if len(rows[first].segments) < 2 or _is_caption(rows[first]):
            first += 1
            continue
        last, white = _run_of_cells(rows, first)
        if _is_table(rows[first:last], white):
            yield first, last, tuple(sorted((left + right) / 2 for left, right in white))
            first = last
        else:
            first += 1


def _is_caption(row: Row) -> bool:
    """Whether a row is a caption: "Table 1." and the text after a wide gap are not cells."""
    return CAPTION.match(" ".join(word.text for word in row.words)) is not None


def _run_of_cells(rows: Sequence[Row], first: int) -> tuple[int, list[tuple[float, float]]]:
    """The end of the run of rows that share white stripes between at least two cells, and those stripes."""
    white = _gaps(rows[first])
    last = first + 1
    while last < len(rows):
        row = rows[last]
        pitch = rows[last - 1].baseline - row.baseline
        if pitch > _LARGEST_PITCH * max(row.size, rows[last - 1].size) or _is_caption(row):
            break
        shared = [part for gap in white for part in _outside(gap, row.segments) if part[1] - part[0] > _LEAST_STRIPE * row.size]
        single = len(row.segments) == 1
        if len(shared) < max(1, len(white) - 1) or (single and _ends_table(rows, last, white)):
            break
        white, last = shared, last + 1
    while last > first + 1 and len(rows[last - 1].segments) == 1 and not _continues(rows[last - 2], rows[last - 1], white):
        last -= 1
    return last, white


def _ends_table(rows: Sequence[Row], i: int, white: Sequence[tuple[float, float]]) -> bool:
    """Whether a row of one part ends a table: no row of more parts follows soon, and it is not a second line of a cell."""
    return not any(len(row.segments) > 1 for row in rows[i + 1 : i + 3]) and not _continues(rows[i - 1], rows[i], white)


def _continues(above: Row, row: Row, white: Sequence[tuple[float, float]]) -> bool:
    """Whether a row contains further lines of the cells above: its first column is empty and it is close to the row above."""
    first = min((right for _, right in white), default=float("inf"))
    return row.left >= first - 1 and above.baseline - row.baseline < TIGHT * row.size


def _gaps(row: Row) -> list[tuple[float, float]]:
    return [(left[1], right[0]) for left, right in zip(row.segments, row.segments[1:], strict=False)]


def _outside(gap: tuple[float, float], segments: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """The parts of a gap that the segments leave free."""
    low = gap[0]
    for left, right in segments:
        if right <= low or left >= gap[1]:
            continue
        if left > low:
            yield low, left
        low = max(low, right)
    if low < gap[1]:
        yield low, gap[1]


def _is_table(rows: Sequence[Row], white: Sequence[tuple[float, float]]) -> bool:
    """At least three rows of two cells, or two rows of three; cells are short, and gaps between them are wide."""
    full = [row for row in rows if len(row.segments) > 1]
    if len(full) < (2 if len(white) >= 2 else 3) or len(full) < 0.5 * len(rows):
        return False
    if min(right - left for left, right in white) < _CLEAR * _word_gap(full):
        return False
    cells = (len(white) + 1) * len(full)
    return sum(len(row.words) for row in full) / cells <= _MOST_CELL_WORDS


def _word_gap(rows: Sequence[Row]) -> float:
    """The median gap between words within cells; in justified narrow columns of prose it is wide."""
    gaps = [
        word.left - before.right
        for row in rows
        for before, word in zip(row.words, row.words[1:], strict=False)
        if 0 < word.left - before.right < GAP * row.size
    ]
    return median(gaps) if gaps else 0.0
