"""Tables of Word documents: their cells with what they are merged over, and how many rows are the header."""

from collections.abc import Callable, Iterator, Sequence

from docx.oxml.ns import qn
from lxml import etree

from rag.loading.office.word_text import is_bold
from rag.loading.table_rows import Cell

_FIRST_ROW = 0x20  # bit of w:tblLook: the first row has a format of its own
_MOST_COLUMNS = 63  # of a table in Word
_OFF = ("0", "false")


def table_elements(table: etree._Element) -> list[list[etree._Element]]:
    """The cells of each row, without those of nested tables and of deleted rows."""
    rows = [row for row in table.iter(qn("w:tr")) if next(row.iterancestors(qn("w:tbl"))) is table]
    return [list(_cells(row)) for row in rows if row.find(f"{qn('w:trPr')}/{qn('w:del')}") is None]


def merged_cells(rows: Sequence[Sequence[etree._Element]], text_of: Callable[[etree._Element], str]) -> list[list[Cell]]:
    """The cells as a grid needs them: a cell that continues the one above adds a row to it."""
    made: list[list[Cell]] = []
    above: dict[int, tuple[int, int]] = {}  # by column: the row and place in `made` of the cell that may be continued
    for number, elements in enumerate(rows):
        line = [Cell("")] * _skipped(elements)
        column = len(line)
        for element in elements:
            width = min(max(_integer(element, "gridSpan", 1), 1), _MOST_COLUMNS)
            merge = element.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
            text = text_of(element)
            if merge is not None and merge.get(qn("w:val"), "continue") == "continue" and column in above:
                row, place = above[column]
                origin = made[row][place]
                made[row][place] = Cell(origin.text, origin.columns, number - row + 1)
            else:
                above.pop(column, None)
                if merge is not None:
                    above[column] = (number, len(line))
                line.append(Cell(text, width))
            column += width
        made.append(line)
    return made


def header_rows(table: etree._Element, rows: Sequence[Sequence[etree._Element]]) -> int | None:
    """The rows that repeat on each page; else one if the first has a format of its own or is the only bold one.

    None if the table says nothing at all, as those of some programs.
    """
    marked = 0
    for cells in rows:
        mark = cells[0].getparent().find(f"{qn('w:trPr')}/{qn('w:tblHeader')}") if cells else None
        if mark is None or mark.get(qn("w:val"), "1") in _OFF:
            break
        marked += 1
    if marked or len(rows) < 2:
        return min(marked, len(rows) - 1)
    look = table.find(f"{qn('w:tblPr')}/{qn('w:tblLook')}")
    if look is not None and (look.get(qn("w:firstRow")) == "1" or bool(int(look.get(qn("w:val"), "0"), 16) & _FIRST_ROW)):
        return 1
    if _all_bold(rows[0]) and not _all_bold(rows[1]):
        return 1
    return None if look is None else 0


def _all_bold(cells: Sequence[etree._Element]) -> bool:
    paragraphs = [p for cell in cells for p in cell.iter(qn("w:p")) if "".join(p.itertext(qn("w:t"))).strip()]
    return bool(paragraphs) and all(map(is_bold, paragraphs))


def _cells(row: etree._Element) -> Iterator[etree._Element]:
    for cell in row.iter(qn("w:tc")):
        if next(cell.iterancestors(qn("w:tr"))) is row:
            yield cell


def _skipped(cells: Sequence[etree._Element]) -> int:
    """The columns left free before the first cell of a row."""
    row = next((above for cell in cells for above in cell.iterancestors(qn("w:tr"))), None)
    before = row.find(f"{qn('w:trPr')}/{qn('w:gridBefore')}") if row is not None else None
    return min(int(before.get(qn("w:val"), "0")), _MOST_COLUMNS) if before is not None else 0


def _integer(cell: etree._Element, name: str, default: int) -> int:
    setting = cell.find(f"{qn('w:tcPr')}/{qn(f'w:{name}')}")
    return int(setting.get(qn("w:val"), default)) if setting is not None else default
