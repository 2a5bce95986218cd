"""Tables of every format to pieces: one header row, then one line per row, with each cell below its column's label."""

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rag.errors import UnreadableFile
from rag.loading.blocks import Piece, row
from rag.loading.header_rows import LONGEST_LABEL, header

MOST_CELLS = 2_000_000  # tables that people read have far fewer
_MOST_COLUMNS = 1_000  # the largest colspan in HTML
_EXACT_BELOW = 1e15  # floats hold whole numbers exactly up to 2**53, which has 16 digits


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """A cell as the file has it, merged over `columns` and `rows`."""

    text: str
    columns: int = 1
    rows: int = 1


_Covered = dict[int, tuple[Cell, int]]  # by column: the cell that reaches down into the row, and the rows it still covers


def table(rows: Sequence[Sequence[Cell]], *, header_rows: int | None, page: int | None = None) -> Iterator[Piece]:
    """The pieces of a table whose cells may be merged.

    `header_rows` is how many of the first rows the file marks as header; merged labels extend it over the rows below. None
    if files of this kind need not mark them: then the shape of the cells decides, except that a table of two columns may
    well be a form of names and values, and has no header. A title above the header becomes a paragraph.
    """
    lines = grid(rows)
    if header_rows is None and max(map(len, lines), default=0) <= 2:
        header_rows = 0
    titles = 0
    while header_rows != 0 and titles < len(lines) - 1 and _is_title(lines, titles):
        yield Piece("paragraph", lines[titles][0], page=page)
        titles += 1
    lines = lines[titles:]
    marked = None if header_rows is None else max(header_rows - titles, min(header_rows, 1))
    height, labels = header(lines, at_least=marked)
    if labels:
        yield row(labels, header=True, page=page)
    yield from (row(line, page=page) for line in lines[height:])


def records(labels: Sequence[str], rows: Iterable[tuple[int, Sequence[str]]]) -> Iterator[Piece]:
    """The pieces of records that share their fields, given the number and the texts of each; `page` is the number."""
    yield row(labels, header=True, page=1)
    count = 0
    for number, texts in rows:
        count += len(texts)
        refuse_if_larger(count)
        yield row(without_empty_end(texts), page=number)


def grid(rows: Iterable[Sequence[Cell]]) -> list[list[str]]:
    """The texts by row and column. A merged cell is repeated in each row and column that it covers.

    The only cell of a row with text is written once, and prose once per row; a row without text of its own stays empty.
    Raises UnreadableFile for more than two million cells.
    """
    lines: list[list[str]] = []
    covered: _Covered = {}
    count = 0
    for cells in rows:
        line, covered = _placed(cells, covered)
        count += len(line)
        refuse_if_larger(count)
        lines.append(line)
    return lines


def _placed(cells: Sequence[Cell], covered: _Covered) -> tuple[list[str], _Covered]:
    """The texts of one row, and what its cells and those above cover of the next row."""
    line: list[Cell] = []
    below: _Covered = {}
    waiting = list(reversed(cells))
    last = max(covered, default=-1)
    while waiting or len(line) <= last:
        column, width = len(line), 1
        if column in covered:
            cell, left = covered[column]
        elif waiting:
            cell = waiting.pop()
            left, width = cell.rows, min(max(cell.columns, 1), _MOST_COLUMNS)
        else:
            cell, left = Cell(""), 1
        line.extend([cell] * width if len(cell.text) <= LONGEST_LABEL else [cell, *[Cell("")] * (width - 1)])
        if left > 1:
            below |= {column + i: (line[column + i], left - 1) for i in range(width)}
    if not any(cell.text.strip() for cell in cells):  # nothing but what is merged into it from above
        return [""] * len(line), below
    texts = [cell.text for cell in line]
    filled = [i for i, cell in enumerate(line) if cell.text.strip()]
    if len(filled) > 1 and all(line[i] is line[filled[0]] for i in filled):
        del texts[filled[0] + 1 :]
    return texts, below


def without_empty_end(texts: Sequence[str]) -> tuple[str, ...]:
    end = len(texts)
    while end and not texts[end - 1].strip():
        end -= 1
    return tuple(texts[:end])


def refuse_if_larger(cells: int) -> None:
    if cells > MOST_CELLS:
        raise UnreadableFile(f"it has more than {MOST_CELLS:,} cells; tables of this size are data, not text to search")


def formatted(value: object) -> str:
    """A value without a number format as a person would type it: 3 instead of 3.0, dates as 2026-11-21."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < _EXACT_BELOW else f"{value:.10g}"
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ", "minutes")
    return "" if value is None else str(value)


def _is_title(lines: Sequence[Sequence[str]], number: int) -> bool:
    """Whether a row has text in its first cell only, above a row with more."""
    filled = [i for i, text in enumerate(lines[number]) if text.strip()]
    return filled == [0] and any(sum(bool(text.strip()) for text in line) > 1 for line in lines[number + 1 :])
