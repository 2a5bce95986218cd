"""Tables whose cells have borders: the grid of lines says which words are in which cell, and which cells are merged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rag.loading.pdf.page_rules import Rule
from rag.loading.pdf.rows import rows_of
from rag.loading.pdf.words import Word

_SAME_LINE = 3.0  # points: lines so close are one, and lines that end so close to each other touch
_MIDDLE = 0.25  # of the font size: the middle of a word above its baseline
_MOST_CELL_WORDS = 60  # on average; with more, the lines frame text
_MOST_MERGED = 4  # places of the grid for each cell, on average
_LEAST_FILLED = 0.3  # share of the cells with text
_MOST_DIVIDED = 0.2  # share of the filled cells with wide gaps in their lines, which are columns of their own
_MOST_LINES = 600  # on a page; one with more is a drawing


@dataclass(frozen=True, slots=True)
class RuledTable:
    """`xs` are the borders of its columns from left to right, `ys` those of its rows from top to bottom.

    `owners` has for each row and column the cell that covers it: its uppermost row and leftmost column.
    """

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    owners: tuple[tuple[tuple[int, int], ...], ...]

    def place_of(self, word: Word) -> tuple[int, int] | None:
        """The cell with the middle of a word; None outside the table."""
        x, y = (word.left + word.right) / 2, word.baseline + _MIDDLE * word.size
        column = next((i for i, (left, right) in enumerate(zip(self.xs, self.xs[1:], strict=False)) if left <= x < right), None)
        row = next((i for i, (top, bottom) in enumerate(zip(self.ys, self.ys[1:], strict=False)) if bottom < y <= top), None)
        return None if row is None or column is None else self.owners[row][column]


def ruled_tables(rules: Sequence[Rule], words: Sequence[Word]) -> Iterator[tuple[RuledTable, list[Word]]]:
    """The tables, each with its words. They do not overlap."""
    taken: set[int] = set()
    for component in _components(_joined(rules)):
        table = _grid(component)
        if table is None:
            continue
        cells: dict[tuple[int, int], list[Word]] = {}
        for word in words:
            if word.order not in taken and (place := table.place_of(word)) is not None:
                cells.setdefault(place, []).append(word)
        if _is_table(table, cells):
            inside = [word for cell in cells.values() for word in cell]
            taken |= {word.order for word in inside}
            yield table, inside


def _is_table(table: RuledTable, cells: Mapping[tuple[int, int], Sequence[Word]]) -> bool:
    """Whether the lines are borders of cells, rather than frames around text, or the axes of a chart."""
    if len({row for row, _ in cells}) < 2 or len({column for _, column in cells}) < 2:
        return False
    owners = [owner for row in table.owners for owner in row]
    if len(owners) > _MOST_MERGED * len(set(owners)) or len(cells) < _LEAST_FILLED * len(set(owners)):
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


def _grid(rules: Sequence[Rule]) -> RuledTable | None:
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
    return RuledTable(tuple(xs), tuple(ys), tuple(map(tuple, owners)))


def _positions(places: Sequence[float]) -> list[float]:
    """The distinct places, ascending. Lines that end without a border there, as in tables with open sides, end a cell too."""
    positions: list[float] = []
    for at in sorted(places):
        if not positions or at - positions[-1] > _SAME_LINE:
            positions.append(at)
    return positions
