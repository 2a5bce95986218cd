"""Tables whose cells have borders: the grid of lines says which words are in which cell, and which cells are merged."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.loading.pdf.page_rules import Rule
from rag.loading.pdf.rows import rows_of
from rag.loading.pdf.words import Word

_SAME_LINE = 3.0  # points: lines so close are one, and lines that end so close to each other touch
_MIDDLE = 0.25  # of the font size: the middle of a word above its baseline
_MOST_CELL_WORDS = 60  # on average; with more, the lines frame text
_MOST_MERGED = 4  # places of the grid for each cell, on average
_LEAST_FILLED = 0.2  # share of the cells with text
_MOST_DIVIDED = 0.2  # share of the filled cells with wide gaps in their lines, which are columns of their own
_MOST_LINES = 600  # on a page; one with more is a drawing


Place = tuple[int, int]
"""A cell of a grid: its uppermost row and leftmost column."""


@dataclass(frozen=True, slots=True)
class RuledTable:
    """`rows` has the place of the cell in each row and column, so a merged cell is in several; `cells` are the filled ones.

    `gutters` separate the columns.
    """

    left: float
    right: float
    top: float
    gutters: tuple[float, ...]
    rows: tuple[tuple[Place, ...], ...]
    cells: Mapping[Place, Sequence[Word]]

    @property
    def words(self) -> list[Word]:
        return [word for words in self.cells.values() for word in words]


@dataclass(frozen=True, slots=True)
class _Grid:
    """`xs` are the borders of its columns from left to right, `ys` those of its rows from top to bottom.

    `owners` has for each row and column the cell that covers it.
    """

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    owners: tuple[tuple[Place, ...], ...]

    def place_of(self, word: Word) -> Place | None:
        """The cell with the middle of a word; None outside the grid."""
        x, y = (word.left + word.right) / 2, word.baseline + _MIDDLE * word.size
        column = next((i for i, (left, right) in enumerate(pairwise(self.xs)) if left <= x < right), None)
        row = next((i for i, (top, bottom) in enumerate(pairwise(self.ys)) if bottom < y <= top), None)
        return None if row is None or column is None else self.owners[row][column]


def ruled_tables(rules: Sequence[Rule], words: Sequence[Word]) -> Iterator[RuledTable]:
    """They do not overlap: each word is in one table at most."""
    taken: set[int] = set()
    for component in _components(_joined(rules)):
        grid = _grid(component)
        if grid is None:
            continue
        cells: dict[Place, list[Word]] = {}
        for word in words:
            if word.order not in taken and (place := grid.place_of(word)) is not None:
                cells.setdefault(place, []).append(word)
        if _is_table(grid, cells):
            taken |= {word.order for inside in cells.values() for word in inside}
            yield _table(grid, cells)


def _table(grid: _Grid, cells: Mapping[Place, Sequence[Word]]) -> RuledTable:
    """Without rows and columns that hold nothing but parts of merged cells: gaps around a table within a cell."""
    rows_of_cell: dict[Place, set[int]] = {place: set() for place in cells}
    columns_of_cell: dict[Place, set[int]] = {place: set() for place in cells}
    for i, row in enumerate(grid.owners):
        for j, place in enumerate(row):
            if place in cells:
                rows_of_cell[place].add(i)
                columns_of_cell[place].add(j)
    rows, columns = _needed(rows_of_cell.values()), _needed(columns_of_cell.values())
    places = tuple(tuple(grid.owners[i][j] for j in columns) for i in rows)
    return RuledTable(grid.xs[0], grid.xs[-1], grid.ys[0], tuple(grid.xs[j] for j in columns[1:]), places, cells)


def _needed(parts: Collection[set[int]]) -> list[int]:
    """The rows or columns that some cell has to itself, and the first one of every cell that has none of these."""
    needed = {min(part) for part in parts if len(part) == 1}
    return sorted(needed | {min(part) for part in parts if not part & needed})


def _is_table(grid: _Grid, cells: Mapping[Place, Sequence[Word]]) -> bool:
    """Whether the lines are borders of cells, rather than frames around text, or the axes of a chart."""
    if len({row for row, _ in cells}) < 2 or len({column for _, column in cells}) < 2:
        return False
    places = [place for row in grid.owners for place in row]
    if len(places) > _MOST_MERGED * len(set(places)) or len(cells) < _LEAST_FILLED * len(set(places)):
        return False
    if sum(map(len, cells.values())) > _MOST_CELL_WORDS * len(cells):
        return False
    divided = sum(any(len(row.segments) > 1 for row in rows_of(words)) for words in cells.values())
    return divided <= _MOST_DIVIDED * len(cells)


def _joined(rules: Sequence[Rule]) -> list[Rule]:
    """Lines that lie in one line and touch become one."""
    joined: list[Rule] = []
    for rule in sorted(rules, key=lambda rule: (rule.horizontal, rule.start)):
        for i, other in enumerate(joined):
            near = other.horizontal == rule.horizontal and abs(other.at - rule.at) < _SAME_LINE
            if near and rule.start < other.end + _SAME_LINE:
                joined[i] = Rule(rule.horizontal, other.at, other.start, max(other.end, rule.end))
                break
        else:
            joined.append(rule)
        if len(joined) > _MOST_LINES:
            return []
    return joined


def _components(rules: Sequence[Rule]) -> Iterator[list[Rule]]:
    """Groups of lines that touch or cross each other, directly or through others."""
    left = list(rules)
    while left:
        group, fresh = [], [left.pop()]
        while fresh:
            rule = fresh.pop()
            group.append(rule)
            touching = [other for other in left if _touch(rule, other)]
            fresh += touching
            left = [other for other in left if other not in touching]
        yield group


def _touch(first: Rule, second: Rule) -> bool:
    if first.horizontal == second.horizontal:
        return False
    return _reaches(first, second.at) and _reaches(second, first.at)


def _reaches(rule: Rule, at: float) -> bool:
    return rule.start - _SAME_LINE <= at <= rule.end + _SAME_LINE


def _grid(rules: Sequence[Rule]) -> _Grid | None:
    """None for fewer than two rows or columns."""
    across = [rule for rule in rules if rule.horizontal]
    down = [rule for rule in rules if not rule.horizontal]
    ys = _positions([rule.at for rule in across] + [end for rule in down for end in (rule.start, rule.end)])[::-1]
    xs = _positions([rule.at for rule in down] + [end for rule in across for end in (rule.start, rule.end)])
    if len(ys) < 3 or len(xs) < 3:
        return None

    def open_right(row: int, column: int) -> bool:
        """Whether no border separates a cell from the next column."""
        if column + 1 >= len(xs) - 1:
            return False
        middle = (ys[row] + ys[row + 1]) / 2
        return not any(abs(rule.at - xs[column + 1]) < _SAME_LINE and _reaches(rule, middle) for rule in down)

    def open_below(row: int, column: int) -> bool:
        if row + 1 >= len(ys) - 1:
            return False
        middle = (xs[column] + xs[column + 1]) / 2
        return not any(abs(rule.at - ys[row + 1]) < _SAME_LINE and _reaches(rule, middle) for rule in across)

    owners = [[(row, column) for column in range(len(xs) - 1)] for row in range(len(ys) - 1)]
    for row in range(len(ys) - 1):
        for column in range(len(xs) - 1):
            if column and open_right(row, column - 1):
                owners[row][column] = owners[row][column - 1]
            elif row and open_below(row - 1, column):
                owners[row][column] = owners[row - 1][column]
    return _Grid(tuple(xs), tuple(ys), tuple(map(tuple, owners)))


def _positions(places: Sequence[float]) -> list[float]:
    """The distinct places, ascending. Lines that end without a border there, as in tables with open sides, end a cell too."""
    positions: list[float] = []
    for at in sorted(places):
        if not positions or at - positions[-1] > _SAME_LINE:
            positions.append(at)
    return positions
