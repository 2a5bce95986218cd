"""The columns of a PDF page in reading order, distinguished from tables and single columns."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from rag.loading.pdf.rows import GAP, Row, rows_of
from rag.loading.pdf.tables import tables_of
from rag.loading.pdf.words import Word

_NARROW = 0.55  # of the font size: the least gap between columns that the file stores one after the other
_TABLE_COLUMNS = 4  # with fewer, it may be two columns of prose, each with a list or a table of two columns
_TABLE_ROWS = 3  # full rows; fewer may be wide spaces between words by chance
_ALIGNED = 2.5  # points: the largest distance between left edges that count as one
_GUTTER_WIDTHS = (_NARROW, 3), (GAP, 5)  # with the fewest rows that make a gutter of this width
_MOST_GUTTERS = 16  # candidates tried, the most frequent first
_LEAST_ROWS = 3  # on each side of the gutter
_LONG_SIDE, _TABLE_ALIGNMENT = 6, 0.4  # a side with so many rows, less aligned with the other than this, is not part of a table
_PROSE_APART = 2.0, 0.4  # words in a line, and share of the column's width that the median line fills
_PROSE_MIXED = 4.0, 0.7  # the same, if the file does not store the columns one after the other
_MOST_FIGURES = 0.4  # share of words without letters: with more, it is a table
_MEAN_WORD = 6  # characters, for scripts without spaces between words
_MOST_CHANGES = 0.25  # of the rows: changes of side in the file's order, if it stores columns one after the other


def columns_of(words: list[Word]) -> Iterator[list[Row]]:
    """Regions in reading order: where a white gutter separates two columns of prose, the left one comes first."""
    rows = rows_of(words)
    split = _gutter(rows)
    if split is None:
        yield rows
        return
    gutter, first, last = split
    table = _table_across(rows, gutter, first, last)
    if table is not None:
        yield from columns_of(_words(rows[: table[0]]))
        yield rows[table[0] : table[1]]
        yield from columns_of(_words(rows[table[1] :]))
        return
    if first:
        yield from columns_of(_words(rows[:first]))
    inner = _words(rows[first:last])
    yield from columns_of([word for word in inner if word.left < gutter])
    yield from columns_of([word for word in inner if word.left >= gutter])
    if last < len(rows):
        yield from columns_of(_words(rows[last:]))


def _words(rows: Iterable[Row]) -> list[Word]:
    return [word for row in rows for word in row.words]


def _table_across(rows: Sequence[Row], gutter: float, first: int, last: int) -> tuple[int, int] | None:
    """First row and row after the last of a table with many columns that extends over both sides of the gutter."""
    for start, end, cuts in tables_of(rows):
        across = min(row.left for row in rows[start:end]) < gutter < max(row.segments[-1][1] for row in rows[start:end])
        full = sum(len(row.segments) >= _TABLE_COLUMNS for row in rows[start:end])
        if start < last and end > first and across and len(cuts) >= _TABLE_COLUMNS - 1 and full >= _TABLE_ROWS:
            return start, end
    return None


def _gutter(rows: Sequence[Row]) -> tuple[float, int, int] | None:
    """Where the second of two columns begins, its first row and the row after its last; None for a single column.

    Of all candidates, the gutter with the most rows is chosen.
    """
    size = median(row.size for row in rows) if rows else 0.0
    starts = sorted(start for row in rows for start in _starts(row, _NARROW * size))
    best: tuple[float, int, int] | None = None
    for gutter in _common(starts):
        for width, needed in _GUTTER_WIDTHS:
            for first, last in _runs([_crosses(row, gutter, width * size) for row in rows], needed):
                if best and last - first <= best[2] - best[1]:
                    continue
                if _are_columns(rows[first:last], gutter, apart=width == _NARROW):
                    best = gutter, first, last
    return best


def _starts(row: Row, width: float) -> Iterator[float]:
    """The left edges of words after a gap."""
    right = float("-inf")
    for word in row.words:
        if word.left - right > width:
            yield word.left
        right = max(right, word.right)


def _common(starts: Sequence[float]) -> list[float]:
    """The left edges common to at least three lines, the most frequent first."""
    groups: list[list[float]] = []
    for start in starts:
        if groups and start - groups[-1][0] < _ALIGNED:
            groups[-1].append(start)
        else:
            groups.append([start])
    frequent = sorted((group for group in groups if len(group) >= 3), key=len, reverse=True)
    return [group[0] - 0.5 for group in frequent[:_MOST_GUTTERS]]


def _crosses(row: Row, gutter: float, width: float) -> bool:
    """Whether a word reaches into the gutter, which is to be white over this width."""
    for word in row.words:
        if word.left >= gutter:
            return False
        if word.right > gutter - width:
            return True
    return False


def _runs(crossing: Sequence[bool], needed: int) -> Iterator[tuple[int, int]]:
    """Runs of at least `needed` rows that do not cross the gutter, as (first row, row after the last)."""
    first = 0
    for i, crosses in enumerate([*crossing, True]):
        if crosses:
            if i - first >= needed:
                yield first, i
            first = i + 1


def _are_columns(rows: Sequence[Row], gutter: float, *, apart: bool) -> bool:
    """Whether both sides are prose; with `apart`, also whether the file stores them one after the other."""
    words = _words(rows)
    in_order = sorted(words, key=lambda word: word.order)
    changes = sum((word.left < gutter) != (after.left < gutter) for word, after in zip(in_order, in_order[1:], strict=False))
    if not changes or (apart and changes > max(2, _MOST_CHANGES * len(rows))):
        return False
    sides = [rows_of(word for word in words if word.left < gutter), rows_of(word for word in words if word.left >= gutter)]
    if min(map(len, sides)) < _LEAST_ROWS or (apart and changes > max(2, _MOST_CHANGES * min(map(len, sides)))):
        return False
    if apart and min(map(len, sides)) >= _LONG_SIDE and _aligned(*sides) < _TABLE_ALIGNMENT:
        return True
    words_needed, filled = _PROSE_APART if apart else _PROSE_MIXED
    return all(_is_prose(side, words_needed=words_needed, filled=filled) for side in sides)


def _aligned(left: Sequence[Row], right: Sequence[Row]) -> float:
    """The share of one side's rows with a row of the other side at the same height; nearly all in a table."""
    heights = [row.baseline for row in right]
    return sum(any(abs(row.baseline - height) < 1 for height in heights) for row in left) / len(left)


def _is_prose(rows: Sequence[Row], *, words_needed: float, filled: float) -> bool:
    left, right = min(row.left for row in rows), max(row.right for row in rows)
    texts = [word.text for word in _words(rows)]
    if sum(not any(map(str.isalpha, text)) for text in texts) > _MOST_FIGURES * len(texts):
        return False
    per_line = max(len(texts), sum(map(len, texts)) / _MEAN_WORD) / len(rows)
    return per_line >= words_needed and median(row.right - row.left for row in rows) >= filled * (right - left)
