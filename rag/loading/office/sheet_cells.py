"""A sheet as its file has it: cells by row and column, merged ranges, and hidden rows and columns."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from rag.loading.header_rows import LONGEST_LABEL
from rag.loading.table_rows import refuse_if_larger

NO_VALUE = "(no value)"
"""The text of a cell with a formula whose result is not in the file."""

Rows = dict[int, dict[int, str]]
"""The texts of the cells that have one, by row (from 1) and column (from 0)."""


@dataclass
class Sheet:
    """A merged range in `merged` is first row, first column, last row, last column.

    `notes` counts what could not be shown; `remarks` are comments and text boxes, with their row if they have one;
    `margins` are the headers and footers of its printed pages.
    """

    name: str
    rows: Rows = field(default_factory=dict)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    notes: Counter[str] = field(default_factory=Counter)
    remarks: list[tuple[int | None, str]] = field(default_factory=list)
    margins: list[str] = field(default_factory=list)
    visible: bool = True

    def put(self, row: int, column: int, text: str) -> None:
        if text.strip():
            self.rows.setdefault(row, {})[column] = text

    def shown_rows(self) -> Iterator[tuple[int, list[str]]]:
        """The rows that are not hidden, as number and texts, with one empty row for each gap.

        A merged cell is repeated in all rows and columns that it covers, but not in a row that has no other cell. Prose is
        repeated in rows only.
        """
        rows = {number: dict(row) for number, row in self.rows.items()}
        width = max((max(row) for row in rows.values()), default=-1) + 1
        for area in self.merged:
            _carry_on(rows, area, width)
        columns = [column for column in range(width) if column not in self.hidden_columns]
        previous = 0
        for number in sorted(rows.keys() - self.hidden_rows):
            if any(between not in self.hidden_rows for between in range(previous + 1, number)):
                yield number - 1, []
            row = rows[number]
            yield number, [row.get(column, "") for column in columns[: bisect_right(columns, max(row))]]
            previous = number

    def count_hidden(self) -> None:
        """Notes how many rows and columns with text are hidden."""
        columns = {column for row in self.rows.values() for column in row}
        self.notes["hidden rows left out"] += len(self.hidden_rows & self.rows.keys())
        self.notes["hidden columns left out"] += len(self.hidden_columns & columns)


def _carry_on(rows: Rows, area: tuple[int, int, int, int], width: int) -> None:
    top, left, bottom, right = area
    text = rows.get(top, {}).get(left, "")
    end = min(right + 1, width) if len(text) <= LONGEST_LABEL else left + 1
    last = min(bottom, max(rows, default=0))
    refuse_if_larger((last - top + 1) * max(end - left, 0))
    for number in range(top, last + 1) if text else ():
        row = rows.get(number, {})
        if any(not left <= column <= right for column in row):
            row |= {column: text for column in range(left, end) if column not in row}
