"""The tables on a sheet, told apart by empty rows and columns, with the titles and notes around them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from rag.loading.blocks import Piece, row
from rag.loading.header_rows import LONGEST_LABEL, header, is_label, names_columns, names_groups
from rag.loading.table_rows import refuse_if_larger, without_empty_end

_FULL_ROW = 0.75  # share of the cells of a usual row; a row above the table that has fewer is a title or a note
_MOST_PARTS = 50  # tables side by side; with more empty columns, a sheet is one table with gaps
_DEEPEST = 20  # times that a region is divided again by empty rows and columns


@dataclass(frozen=True, slots=True)
class _Region:
    """A rectangle of cells without an empty row. `rows` are the numbers of its rows, `left` its first column."""

    rows: tuple[int, ...]
    left: int
    lines: tuple[tuple[str, ...], ...]

    @property
    def width(self) -> int:
        return max(map(len, self.lines))


def sheet(rows: Iterable[tuple[int, Sequence[str]]]) -> Iterator[Piece]:
    """The pieces of a sheet, given its rows as number (from 1) and texts; `page` is the number of the row.

    Single values above a table are paragraphs. A table that continues below an empty row has no further header. Raises
    UnreadableFile for more than two million cells.
    """
    kept: list[tuple[int, tuple[str, ...]]] = []
    cells = 0
    for number, texts in rows:
        line = without_empty_end(texts)
        cells += len(line)
        refuse_if_larger(cells)
        kept.append((number, line))
    regions = list(_regions(_Region(tuple(n for n, _ in kept), 0, tuple(line for _, line in kept)))) if cells else []
    if len(regions) == 1 and regions[0].width == 1:
        yield from _body(regions[0], 0)
        return
    writer = _Writer()
    for region in _with_distant_headers(regions):
        yield from writer.pieces(region)
    yield from writer.notes()


def _with_distant_headers(regions: Sequence[_Region]) -> Iterator[_Region]:
    """Joins a row of labels to the table below it if there is an empty row between them."""
    waiting: _Region | None = None
    for region in regions:
        if waiting is not None:
            joined = _Region(waiting.rows + region.rows, region.left, waiting.lines + region.lines)
            same_columns = waiting.left == region.left and 1 < region.width <= waiting.width
            if same_columns and names_columns(joined.lines) and not names_columns(region.lines):
                region = joined
            else:
                yield waiting
        waiting = region if len(region.lines) == 1 and names_columns(region.lines) else None
        if waiting is None:
            yield region
    if waiting is not None:
        yield waiting


class _Writer:
    """Writes regions in reading order and knows the table above: without a header of its own, a region continues it."""

    def __init__(self) -> None:
        self._table: _Region | None = None
        self._labels: list[str] = []
        self._waiting: list[tuple[int, str]] = []  # single values, which may turn out to belong to the table that continues

    def pieces(self, region: _Region) -> Iterator[Piece]:
        if region.width == 1:
            self._waiting.extend(zip(region.rows, (line[0] for line in region.lines), strict=True))
            return
        start = _first_full_row(region)
        body = _Region(region.rows[start:], region.left, region.lines[start:])
        above = [(number, _note(line)) for number, line in zip(region.rows[:start], region.lines[:start], strict=True)]
        height, labels = header(body.lines, at_least=None)
        if labels and not above and self._continues(body) and not self._is_new_header(body, height, labels):
            height, labels = 0, []
        if not labels and self._continues(body):
            yield from (row([text], page=number) for number, text in [*self._waiting, *above])
            self._waiting = []
            yield from _body(body, height)
            return
        self._waiting += above
        below_other_header = bool(self._labels) and not labels and not self._waiting
        yield from self.notes()
        self._labels, self._table = labels, body
        if labels:
            yield row(labels, header=True, page=body.rows[0])
        for piece in _body(body, height):  # a row would be taken to belong to the header of the table before
            yield replace(piece, kind="paragraph") if below_other_header else piece

    def notes(self) -> Iterator[Piece]:
        yield from (Piece("paragraph", text, page=number) for number, text in self._waiting)
        self._waiting = []

    def _continues(self, region: _Region) -> bool:
        """Whether a region can be further rows of the table above; a few words below a wide table are notes."""
        above = self._table
        if above is None or above.left != region.left or above.width < region.width:
            return False
        return region.width * 2 > above.width or _mostly_numbers([line[1] for line in region.lines if len(line) > 1])

    def _is_new_header(self, region: _Region, height: int, labels: Sequence[str]) -> bool:
        """Whether a region in the columns of the table above has a header: the same one again, or names above numbers."""
        if list(labels) == self._labels or self._waiting:
            return True
        columns = range(min(len(labels), region.width))
        below = region.lines[height:]
        return any(
            labels[i] and is_label(labels[i]) and _mostly_numbers([line[i] for line in below if i < len(line)]) for i in columns
        )


def _body(region: _Region, height: int) -> Iterator[Piece]:
    """The rows below the header; a long single value after the last full row is a paragraph."""
    filled = [sum(bool(text.strip()) for text in line) for line in region.lines]
    end = max((i for i, count in enumerate(filled) if count > 1), default=-1)
    for i in range(height, len(region.lines)):
        line = region.lines[i]
        if i > end and len("".join(line).strip()) > LONGEST_LABEL:
            yield Piece("paragraph", _note(line), page=region.rows[i])
        else:
            yield row(line, page=region.rows[i])


def _first_full_row(region: _Region) -> int:
    """The row with which the table begins; those above it are titles and notes."""
    counts = [sum(bool(text.strip()) for text in line) for line in region.lines]
    usual = median(counts[len(counts) // 2 :])
    for i, count in enumerate(counts):
        corner = int(count > 0 and not region.lines[i][0].strip())  # nothing names the column of the row's keys
        if count > 1 and count + corner >= _FULL_ROW * usual:
            while i and _is_upper_header(region.lines[i - 1], region.lines[i]):
                i -= 1
            return i
    return 0


def _is_upper_header(upper: Sequence[str], lower: Sequence[str]) -> bool:
    """Whether a row names groups of the columns in the next; a single text in the first cell is a title."""
    return any(text.strip() for text in upper[1:]) and names_groups(upper, lower)


def _note(line: Sequence[str]) -> str:
    """A row above or below a table as text: a short name and its value with a colon, anything else with bars."""
    filled = [" ".join(text.split()) for text in line if text.strip()]
    if len(filled) == 2 and len(filled[0]) <= LONGEST_LABEL:
        return f"{filled[0].rstrip(':')}: {filled[1]}"
    return " | ".join(filled)


def _regions(region: _Region, depth: int = 0) -> Iterator[_Region]:
    for band in _bands(region):
        parts = _parts(band)
        if len(parts) == 1 or depth == _DEEPEST:
            yield parts[0] if len(parts) == 1 else band
        else:
            for part in parts:
                yield from _regions(part, depth + 1)


def _bands(region: _Region) -> Iterator[_Region]:
    """Runs of rows between empty rows."""
    start: int | None = None
    for i, line in enumerate([*region.lines, ()]):
        if any(text.strip() for text in line):
            start = i if start is None else start
        elif start is not None:
            yield _Region(region.rows[start:i], region.left, region.lines[start:i])
            start = None


def _parts(band: _Region) -> list[_Region]:
    """A band divided at its empty columns, where what lies to the right is a table of its own."""
    used = [False] * band.width
    for line in band.lines:
        for i, text in enumerate(line):
            used[i] = used[i] or bool(text.strip())
    ranges: list[tuple[int, int]] = []
    for i, filled in enumerate(used):
        if filled and ranges and ranges[-1][1] == i:
            ranges[-1] = (ranges[-1][0], i + 1)
        elif filled:
            ranges.append((i, i + 1))
    if len(ranges) > _MOST_PARTS:
        return [_columns(band, ranges[0][0], ranges[-1][1])]
    parts = [_columns(band, *ranges[0])]
    for start, end in ranges[1:]:
        left, right = parts[-1], _columns(band, start, end)
        if _is_own_table(left, right):
            parts.append(right)
        else:
            parts[-1] = _columns(band, left.left - band.left, end)
    return parts


def _columns(band: _Region, start: int, end: int) -> _Region:
    return _Region(band.rows, band.left + start, tuple(without_empty_end(line[start:end]) for line in band.lines))


def _is_own_table(left: _Region, right: _Region) -> bool:
    """Whether the right of two neighbours has keys of its own, or other rows than the left."""
    if min(left.width, right.width) < 2:
        return False
    in_left, in_right = ([bool(line) for line in region.lines] for region in (left, right))
    shared = {text.strip() for text in left.lines[0]} & {text.strip() for text in right.lines[0]} - {""}
    keys = [line[0] for line in right.lines[1:] if line]
    return in_left != in_right or bool(shared) or not _mostly_numbers(keys)


def _mostly_numbers(texts: Sequence[str]) -> bool:
    filled = [text for text in texts if text.strip()]
    return bool(filled) and sum(not is_label(text) for text in filled) * 2 > len(filled)
