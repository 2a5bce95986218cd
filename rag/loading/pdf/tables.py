"""Tables on a PDF's page: rows whose parts stand below each other."""

import re
from collections.abc import Iterator, Sequence
from statistics import median

from rag.loading.pdf.rows import GAP, Row

CAPTION = re.compile(
    r"(?:figure|fig\.|table|tab\.|abbildung|abb\.|tabelle|listing|algorithm|chart|exhibit)\s*[A-Z]?\d[\d.]*\s*[:.|–—]", re.I
)
_CLEAR = 1.7  # times the gap between words: the white between cells
TIGHT = 1.45  # times their size: lines of one cell stand no further apart


def tables_of(rows: Sequence[Row]) -> Iterator[tuple[int, int, tuple[float, ...]]]:
    """Runs of rows whose parts stand below each other, with the places at which further cells begin."""
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
    """ "Table 1." and a wide gap after it are no cells."""
    return CAPTION.match(" ".join(word.text for word in row.words)) is not None


def _run_of_cells(rows: Sequence[Row], first: int) -> tuple[int, list[tuple[float, float]]]:
    """As many rows as share white stripes between at least two cells, and those stripes."""
    white = _gaps(rows[first])
    last = first + 1
    while last < len(rows):
        row = rows[last]
        pitch = rows[last - 1].baseline - row.baseline
        if pitch > 3.5 * max(row.size, rows[last - 1].size) or _is_caption(row):
            break
        shared = [part for gap in white for part in _outside(gap, row.segments) if part[1] - part[0] > 0.5 * row.size]
        single = len(row.segments) == 1
        if len(shared) < max(1, len(white) - 1) or (single and _ends_table(rows, last, white)):
            break
        white, last = shared, last + 1
    while last > first + 1 and len(rows[last - 1].segments) == 1 and not _continues(rows[last - 2], rows[last - 1], white):
        last -= 1
    return last, white


def _ends_table(rows: Sequence[Row], i: int, white: Sequence[tuple[float, float]]) -> bool:
    """A row of one part goes on a table only where one with more follows soon, or as the second line of a cell."""
    return not any(len(row.segments) > 1 for row in rows[i + 1 : i + 3]) and not _continues(rows[i - 1], rows[i], white)


def _continues(above: Row, row: Row, white: Sequence[tuple[float, float]]) -> bool:
    """Whether a row holds further lines of the cells above: nothing in the first column, and hardly any white between."""
    first = min((right for _, right in white), default=float("inf"))
    return row.left >= first - 1 and above.baseline - row.baseline < TIGHT * row.size


def _gaps(row: Row) -> list[tuple[float, float]]:
    return [(one[1], other[0]) for one, other in zip(row.segments, row.segments[1:], strict=False)]


def _outside(gap: tuple[float, float], segments: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """What the segments leave of a gap."""
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
    """At least three rows of cells, or two of three; cells are short, and the white between them wider than between words."""
    full = [row for row in rows if len(row.segments) > 1]
    if len(full) < (2 if len(white) >= 2 else 3) or len(full) < 0.5 * len(rows):
        return False
    if min(right - left for left, right in white) < _CLEAR * _word_gap(full):
        return False
    cells = (len(white) + 1) * len(full)
    return sum(len(row.words) for row in full) / cells <= 6


def _word_gap(rows: Sequence[Row]) -> float:
    """The usual gap between words within cells; it is wide where narrow columns of prose are justified."""
    gaps = [
        other.left - one.right
        for row in rows
        for one, other in zip(row.words, row.words[1:], strict=False)
        if 0 < other.left - one.right < GAP * row.size
    ]
    return median(gaps) if gaps else 0.0
