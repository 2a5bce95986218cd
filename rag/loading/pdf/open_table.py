"""A table while its rows arrive: it may continue in the next column or on the next page, where its header may be repeated."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, takewhile

from rag.loading.blocks import Piece, row
from rag.loading.header_rows import header, is_label
from rag.loading.pdf.places import places_of
from rag.loading.pdf.rows import GAP
from rag.loading.pdf.text_lines import Line, cells_at
from rag.loading.pdf.words import HYPHEN

_SAME_SIZE = 1.05  # times the size of the row above: the largest size of a row on the next page
_SAME_GUTTERS = 12.0  # points: columns of a table are this close to where they were on the page before
_NAMED_BY_LABELS = 3  # columns: a table with fewer may be pairs of a label and a value, without a header


class OpenTable:
    """The rows so far with their pages."""

    def __init__(self, line: Line, page: int) -> None:
        self.rows = [(page, line)]
        self._page = page
        self._header: list[tuple[str, ...]] = []  # rows of it that may be repeated next

    def continued(self, line: Line, before: Line | None) -> Line | None:
        """The line as a row of this table; None if it is none. `before` is the line above, None at the top of a column."""
        last = self.rows[-1][1]
        if before is not None:
            return line if line.cells and before.cells and line.gutters == last.gutters else None
        if line.cells:
            return line if _same_columns(line.gutters, last.gutters) and not self._is_new_header(line) else None
        cells = cells_at(line.words, last.gutters)
        is_row = cells[0] and _has_gaps(line, last.gutters) and line.size < _SAME_SIZE * last.size and not line.bold
        return replace(line, cells=cells, gutters=last.gutters) if is_row else None

    def add(self, line: Line, page: int) -> None:
        """A header that is repeated on a further page is left out."""
        if page != self._page:
            self._page = page
            self._header = [first.cells for _, first in self.rows[: self._header_rows()[0]]]
        if self._header and line.cells == self._header[0]:
            del self._header[0]
            return
        self._header = []
        self.rows.append((page, line))

    def _is_new_header(self, line: Line) -> bool:
        """Whether a line at the top of a page begins another table: it has labels where this one has values."""
        height, _ = self._header_rows()
        if line.cells in [first.cells for _, first in self.rows[:height]]:
            return False
        values = [row.cells for _, row in self.rows[height:]]
        if line.bold and not self.rows[-1][1].bold:
            return True
        columns = zip(line.cells, zip(*values, strict=True), strict=True) if values else ()
        return any(cell and is_label(cell) and all(v and not is_label(v) for v in column) for cell, column in columns)

    def _header_rows(self) -> tuple[int, list[str]]:
        """How many of the rows are the header, and the label of each column."""
        lines = [[cell.replace(HYPHEN, "-") for cell in line.cells] for _, line in self.rows]
        return header(lines, at_least=self._bold_rows()) if self._may_have_header(lines) else (0, [])

    def pieces(self) -> list[Piece]:
        """The header, joined if it has several rows, and one piece per row."""
        height, labels = self._header_rows()
        pieces = [row(labels, header=True, page=self.rows[0][0])] if labels else []
        for page, line in self.rows[height:]:
            piece = row((cell.replace(HYPHEN, "-") for cell in line.cells), page=page)
            pieces.append(replace(piece, places=places_of((page, word) for word in line.words)))
        return pieces

    def _bold_rows(self) -> int | None:
        bold = sum(1 for _ in takewhile(lambda entry: entry[1].bold, self.rows))
        return bold if 0 < bold < len(self.rows) else None

    def _may_have_header(self, lines: Sequence[Sequence[str]]) -> bool:
        """Whether the first row is marked as a header, or cannot be a row of values."""
        if self._bold_rows() or len(lines[0]) >= _NAMED_BY_LABELS:
            return True
        return any(_names_values([line[i] for line in lines if line[i]]) for i in range(len(lines[0])))


def _names_values(column: Sequence[str]) -> bool:
    """Whether the first cell of a column is a label, and all others are values."""
    return len(column) > 2 and is_label(column[0]) and not any(map(is_label, column[1:]))


def _has_gaps(line: Line, gutters: Sequence[float]) -> bool:
    """Whether the line has several parts, and wide gaps between them at the gutters."""
    pairs = list(pairwise(sorted(line.words, key=lambda word: word.left)))
    crossed = [(left, right) for left, right in pairs if any(left.left < gutter <= right.left for gutter in gutters)]
    return bool(crossed) and all(right.left - left.right > GAP * line.size for left, right in crossed)


def _same_columns(first: Sequence[float], second: Sequence[float]) -> bool:
    return len(first) == len(second) and all(abs(a - b) < _SAME_GUTTERS for a, b in zip(first, second, strict=True))
