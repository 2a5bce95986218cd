"""The columns of a PDF's page in reading order, told from tables and from single columns."""

from collections.abc import Iterator, Sequence
from statistics import median

from rag.loading.pdf.rows import GAP, Row, rows_of
from rag.loading.pdf.tables import tables_of
from rag.loading.pdf.words import Word

_NARROW = 0.55  # of the letters' size: between columns that the file has one after the other
_COLUMNS = 4  # two columns of prose beside each other, each with a list or a table of two, have as many at most
_ROWS = 3  # so many full ones are no chance of wide spaces between words
_ALIGNED = 2.5  # points: so far apart may the left edges of a column's lines be


def columns_of(words: list[Word]) -> Iterator[list[Row]]:
    """Columns in reading order: a run of rows with white between two columns of prose is read column by column."""
    rows = rows_of(words)
    cut = _gutter(rows)
    if cut is None:
        yield rows
        return
    gutter, first, last = cut
    wide = _table_across(rows, gutter, first, last)
    if wide is not None:
        yield from columns_of([word for row in rows[: wide[0]] for word in row.words])
        yield rows[wide[0] : wide[1]]
        yield from columns_of([word for row in rows[wide[1] :] for word in row.words])
        return
    if first:
        yield from columns_of([word for row in rows[:first] for word in row.words])
    inner = [word for row in rows[first:last] for word in row.words]
    yield from columns_of([word for word in inner if word.left < gutter])
    yield from columns_of([word for word in inner if word.left >= gutter])
    if last < len(rows):
        yield from columns_of([word for row in rows[last:] for word in row.words])


def _table_across(rows: Sequence[Row], gutter: float, first: int, last: int) -> tuple[int, int] | None:
    """The rows of a table of four columns or more on both sides of what else would be the white between columns of prose."""
    for start, end, cuts in tables_of(rows):
        across = min(row.left for row in rows[start:end]) < gutter < max(row.segments[-1][1] for row in rows[start:end])
        full = sum(len(row.segments) >= _COLUMNS for row in rows[start:end])
        if start < last and end > first and across and len(cuts) >= _COLUMNS - 1 and full >= _ROWS:
            return start, end
    return None


def _gutter(rows: Sequence[Row]) -> tuple[float, int, int] | None:
    """Where a second column begins, and the rows from first to last that it stands in; None in a single column."""
    size = median(row.size for row in rows) if rows else 0.0
    starts = sorted(start for row in rows for start in _starts(row, _NARROW * size))
    best: tuple[float, int, int] | None = None
    for gutter in _common(starts):
        for width, needed in ((_NARROW, 3), (GAP, 5)):
            for first, last in _runs([_crosses(row, gutter, width * size) for row in rows], needed):
                if best and last - first <= best[2] - best[1]:
                    continue
                if _are_columns(rows[first:last], gutter, apart=width == _NARROW):
                    best = gutter, first, last
    return best


def _starts(row: Row, width: float) -> Iterator[float]:
    """Where words begin with white before them."""
    right = float("-inf")
    for word in row.words:
        if word.left - right > width:
            yield word.left
        right = max(right, word.right)


def _common(starts: Sequence[float]) -> list[float]:
    """The places, a little to the left, where most lines begin, the most frequent first."""
    groups: list[list[float]] = []
    for start in starts:
        if groups and start - groups[-1][0] < _ALIGNED:
            groups[-1].append(start)
        else:
            groups.append([start])
    frequent = sorted((group for group in groups if len(group) >= 3), key=len, reverse=True)
    return [group[0] - 0.5 for group in frequent[:16]]


def _crosses(row: Row, gutter: float, width: float) -> bool:
    for word in row.words:
        if word.left >= gutter:
            return False
        if word.right > gutter - width:
            return True
    return False


def _runs(crossing: Sequence[bool], needed: int) -> Iterator[tuple[int, int]]:
    first = 0
    for i, crosses in enumerate([*crossing, True]):
        if crosses:
            if i - first >= needed:
                yield first, i
            first = i + 1


def _are_columns(rows: Sequence[Row], gutter: float, *, apart: bool) -> bool:
    """Both sides hold lines of prose; and where `apart` is asked, the file has them one after the other."""
    words = [word for row in rows for word in row.words]
    in_order = sorted(words, key=lambda word: word.order)
    changes = sum((one.left < gutter) != (other.left < gutter) for one, other in zip(in_order, in_order[1:], strict=False))
    if not changes or (apart and changes > max(2, 0.25 * len(rows))):
        return False
    sides = [rows_of(word for word in words if word.left < gutter), rows_of(word for word in words if word.left >= gutter)]
    if min(map(len, sides)) < 3 or (apart and changes > max(2, 0.25 * min(map(len, sides)))):
        return False
    if apart and min(map(len, sides)) >= 6 and _aligned(*sides) < 0.4:
        return True
    return all(_is_prose(side, words_needed=2.0 if apart else 4.0, filled=0.4 if apart else 0.7) for side in sides)


def _aligned(one: Sequence[Row], other: Sequence[Row]) -> float:
    """The share of one side's rows that have one of the other beside them, as nearly all in a table have."""
    heights = [row.baseline for row in other]
    return sum(any(abs(row.baseline - height) < 1 for height in heights) for row in one) / len(one)


def _is_prose(rows: Sequence[Row], *, words_needed: float, filled: float) -> bool:
    left, right = min(row.left for row in rows), max(row.right for row in rows)
    texts = [word.text for row in rows for word in row.words]
    if sum(not any(map(str.isalpha, text)) for text in texts) > 0.4 * len(texts):
        return False
    per_line = max(len(texts), sum(map(len, texts)) / 6) / len(rows)  # Chinese has no white space between words
    return per_line >= words_needed and median(row.right - row.left for row in rows) >= filled * (right - left)
