"""Words of a page to lines in reading order: columns are told from tables, and rows of tables cut into cells."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from rag.loading.pdf_words import Word

_GAP = 0.9  # of the letters' size: between the cells of a row there is at least this, and between most columns
_NARROW = 0.55  # between columns that the file has one after the other
_TIGHT = 1.45  # times their size: lines of one cell stand no further apart
_ALIGNED = 2.5  # points: so far apart may the left edges of a column's lines be
_LEADERS = re.compile(r"(?:\. ?){5,}")  # from an entry to its number
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")


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
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    words: tuple[Word, ...]  # from left to right
    segments: tuple[tuple[float, float], ...]  # parts with wide gaps between

    @property
    def left(self) -> float:
        return self.segments[0][0]

    @property
    def right(self) -> float:
        return max(right for _, right in self.segments)

    @property
    def size(self) -> float:
        return max(self.words, key=lambda word: len(word.text)).size

    @property
    def baseline(self) -> float:
        return max(self.words, key=lambda word: (word.size, len(word.text))).baseline


def lines_of(words: Sequence[Word]) -> list[Line]:
    """In reading order; text that stands in another direction than most of the page follows at the end."""
    turns = Counter[int]()
    for word in words:
        turns[word.angle] += len(word.text)
    lines: list[Line] = []
    for angle, _ in turns.most_common():
        for region in _regions([word for word in words if word.angle == angle]):
            column = lines[-1].column + 1 if lines else 0
            lines += _lines(region, column)
    return lines


def _rows(words: Iterable[Word]) -> list[_Row]:
    """Words that stand side by side, from the top down."""
    rows: list[list[Word]] = []
    extents: list[tuple[float, float]] = []  # of the largest word of each
    for word in sorted(words, key=lambda word: (-word.baseline, word.left)):
        bottom, top = _extent(word)
        for i in range(len(rows) - 1, max(len(rows) - 4, -1), -1):
            low, high = extents[i]
            if min(high, top) - max(low, bottom) > 0.5 * min(high - low, top - bottom):
                rows[i].append(word)
                if top - bottom > high - low:
                    extents[i] = bottom, top
                break
        else:
            rows.append([word])
            extents.append((bottom, top))
    return [_row(row) for row in rows]


def _extent(word: Word) -> tuple[float, float]:
    return word.baseline - 0.2 * word.size, word.baseline + 0.7 * word.size


def _row(words: list[Word]) -> _Row:
    words = sorted(words, key=lambda word: (word.left, word.order))
    segments: list[tuple[float, float]] = []
    for word in words:
        if segments and word.left - segments[-1][1] < _GAP * word.size:
            segments[-1] = (segments[-1][0], max(segments[-1][1], word.right))
        else:
            segments.append((word.left, word.right))
    return _Row(tuple(words), tuple(segments))


def _regions(words: list[Word]) -> Iterator[list[_Row]]:
    """Columns in reading order: a run of rows with white between two columns of prose is read column by column."""
    rows = _rows(words)
    cut = _gutter(rows)
    if cut is None:
        yield rows
        return
    gutter, first, last = cut
    if first:
        yield from _regions([word for row in rows[:first] for word in row.words])
    inner = [word for row in rows[first:last] for word in row.words]
    yield from _regions([word for word in inner if word.left < gutter])
    yield from _regions([word for word in inner if word.left >= gutter])
    if last < len(rows):
        yield from _regions([word for row in rows[last:] for word in row.words])


def _gutter(rows: Sequence[_Row]) -> tuple[float, int, int] | None:
    """Where a second column begins, and the rows from first to last that it stands in; None in a single column."""
    size = median(row.size for row in rows) if rows else 0.0
    starts = sorted(start for row in rows for start in _starts(row, _NARROW * size))
    best: tuple[float, int, int] | None = None
    for gutter in _common(starts):
        for width, needed in ((_NARROW, 3), (_GAP, 5)):
            for first, last in _runs([_crosses(row, gutter, width * size) for row in rows], needed):
                if best and last - first <= best[2] - best[1]:
                    continue
                if _are_columns(rows[first:last], gutter, apart=width == _NARROW):
                    best = gutter, first, last
    return best


def _starts(row: _Row, width: float) -> Iterator[float]:
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


def _crosses(row: _Row, gutter: float, width: float) -> bool:
    return any(word.left < gutter and word.right > gutter - width for word in row.words)


def _runs(crossing: Sequence[bool], needed: int) -> Iterator[tuple[int, int]]:
    first = 0
    for i, crosses in enumerate([*crossing, True]):
        if crosses:
            if i - first >= needed:
                yield first, i
            first = i + 1


def _are_columns(rows: Sequence[_Row], gutter: float, *, apart: bool) -> bool:
    """Both sides hold lines of prose; and where `apart` is asked, the file has them one after the other."""
    words = [word for row in rows for word in row.words]
    in_order = sorted(words, key=lambda word: word.order)
    changes = sum((one.left < gutter) != (other.left < gutter) for one, other in zip(in_order, in_order[1:], strict=False))
    if not changes or (apart and changes > max(2, 0.25 * len(rows))):
        return False
    sides = [_rows(word for word in words if word.left < gutter), _rows(word for word in words if word.left >= gutter)]
    if min(map(len, sides)) < 3 or (apart and changes > max(2, 0.25 * min(map(len, sides)))):
        return False
    if apart and min(map(len, sides)) >= 6 and _aligned(*sides) < 0.4:
        return True
    return all(_is_prose(side, words_needed=2.0 if apart else 4.0, filled=0.4 if apart else 0.7) for side in sides)


def _aligned(one: Sequence[_Row], other: Sequence[_Row]) -> float:
    """The share of one side's rows that have one of the other beside them, as nearly all in a table have."""
    heights = [row.baseline for row in other]
    return sum(any(abs(row.baseline - height) < 1 for height in heights) for row in one) / len(one)


def _is_prose(rows: Sequence[_Row], *, words_needed: float, filled: float) -> bool:
    left, right = min(row.left for row in rows), max(row.right for row in rows)
    per_line = sum(len(row.words) for row in rows) / len(rows)
    numbers = sum(not any(char.isalpha() for char in word.text) for row in rows for word in row.words)
    if numbers > 0.4 * per_line * len(rows):
        return False
    return per_line >= words_needed and median(row.right - row.left for row in rows) >= filled * (right - left)


def _lines(rows: Sequence[_Row], column: int) -> list[Line]:
    if not rows:
        return []
    edges = min(row.left for row in rows), max(row.right for row in rows)
    lines: list[Line] = []
    tables = {i: (first, gutters) for first, last, gutters in _tables(rows) for i in range(first, last)}
    for i, row in enumerate(rows):
        first, gutters = tables.get(i, (i, ()))
        line = _line(row, column, edges, gutters)
        if i > first and not line.cells[0] and rows[i - 1].baseline - row.baseline < _TIGHT * row.size:
            above = lines.pop()
            cells = tuple(" ".join(part for part in pair if part) for pair in zip(above.cells, line.cells, strict=True))
            line = replace(above, cells=cells, text=" ".join((above.text, line.text)), baseline=line.baseline)
        lines.append(line)
    return lines


def _line(row: _Row, column: int, edges: tuple[float, float], gutters: Sequence[float]) -> Line:
    letters = sum(len(word.text) for word in row.words)
    bold = sum(len(word.text) for word in row.words if word.bold) > 0.9 * letters
    cells: tuple[str, ...] = ()
    if gutters:
        bounds = [float("-inf"), *gutters, float("inf")]
        parts = [[word for word in row.words if low <= word.left < high] for low, high in zip(bounds, bounds[1:], strict=False)]
        cells = tuple(_text(part).removesuffix("…").rstrip() for part in parts)
    return Line(_text(row.words), row.left, row.right, row.baseline, row.size, bold, column, edges, cells)


def _text(words: Sequence[Word]) -> str:
    """Right-to-left text stays in the order of the file, which is the order it is read in."""
    if sum(bool(_RIGHT_TO_LEFT.search(word.text)) for word in words) * 2 > len(words):
        words = sorted(words, key=lambda word: word.order)
    parts: list[str] = []
    before: Word | None = None
    for word in words:
        glued = (
            before is not None and word.order == before.order + len(before.text) and word.left - before.right < 0.05 * word.size
        )
        parts.append(word.text if glued or before is None else " " + word.text)
        before = word
    return _LEADERS.sub("… ", "".join(parts)).rstrip()


def _tables(rows: Sequence[_Row]) -> Iterator[tuple[int, int, tuple[float, ...]]]:
    """Runs of rows whose parts stand below each other, with the places at which further cells begin."""
    first = 0
    while first < len(rows):
        if len(rows[first].segments) < 2:
            first += 1
            continue
        last, gutters = _run_of_cells(rows, first)
        if _is_table(rows[first:last], gutters):
            yield first, last, gutters
            first = last
        else:
            first += 1


def _run_of_cells(rows: Sequence[_Row], first: int) -> tuple[int, tuple[float, ...]]:
    """As many rows as share white stripes between at least two cells."""
    white = _gaps(rows[first])
    last = first + 1
    while last < len(rows):
        row = rows[last]
        pitch = rows[last - 1].baseline - row.baseline
        if pitch > 3.5 * max(row.size, rows[last - 1].size):
            break
        shared = [part for gap in white for part in _outside(gap, row.segments) if part[1] - part[0] > 0.5 * row.size]
        single = len(row.segments) == 1
        if len(shared) < max(1, len(white) - 1) or (single and _ends_table(rows, last, white)):
            break
        white, last = shared, last + 1
    while last > first + 1 and len(rows[last - 1].segments) == 1 and not _continues(rows[last - 2], rows[last - 1], white):
        last -= 1
    return last, tuple(sorted((left + right) / 2 for left, right in white))


def _ends_table(rows: Sequence[_Row], i: int, white: Sequence[tuple[float, float]]) -> bool:
    """A row of one part goes on a table only where one with more follows soon, or as the second line of a cell."""
    return not any(len(row.segments) > 1 for row in rows[i + 1 : i + 3]) and not _continues(rows[i - 1], rows[i], white)


def _continues(above: _Row, row: _Row, white: Sequence[tuple[float, float]]) -> bool:
    """Whether a row holds further lines of the cells above: nothing in the first column, and hardly any white between."""
    first = min((right for _, right in white), default=float("inf"))
    return row.left >= first - 1 and above.baseline - row.baseline < _TIGHT * row.size


def _gaps(row: _Row) -> list[tuple[float, float]]:
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


def _is_table(rows: Sequence[_Row], gutters: Sequence[float]) -> bool:
    """At least three rows of cells, or two of three; cells are short, or they would be columns of prose."""
    full = [row for row in rows if len(row.segments) > 1]
    if len(full) < (2 if len(gutters) >= 2 else 3) or len(full) < 0.5 * len(rows):
        return False
    cells = (len(gutters) + 1) * len(full)
    return sum(len(row.words) for row in full) / cells <= 6
