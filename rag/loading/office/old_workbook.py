"""Excel workbooks from before 2007 (.xls): the visible sheets with their cells as shown."""

from collections.abc import Iterator
from io import StringIO
from itertools import pairwise

import xlrd
from xlrd.compdoc import CompDocError

from rag.errors import UnreadableFile
from rag.loading.office.number_formats import shown, shown_text
from rag.loading.office.sheet_cells import Sheet
from rag.loading.raised_figures import lowered, raised
from rag.loading.table_rows import formatted, refuse_if_larger

_RAISED, _LOWERED = 1, 2  # a font's escapement


def sheets(data: bytes) -> Iterator[Sheet]:
    """The sheets in order. Raises UnreadableFile if the file is damaged or encrypted."""
    try:
        book = xlrd.open_workbook(file_contents=data, formatting_info=True, logfile=StringIO())
    except (xlrd.XLRDError, CompDocError) as error:
        if "encrypted" in str(error):
            raise UnreadableFile("it is encrypted; save it without a password") from None
        raise UnreadableFile(f"it is damaged ({error})") from None
    for old in book.sheets():
        yield _sheet(book, old) if old.visibility == 0 else Sheet(old.name, visible=False)


def _sheet(book: xlrd.book.Book, old: xlrd.sheet.Sheet) -> Sheet:
    refuse_if_larger(sum(map(old.row_len, range(old.nrows))))
    sheet = Sheet(old.name)
    sheet.hidden_rows = {row + 1 for row, info in old.rowinfo_map.items() if info.hidden}
    sheet.hidden_columns = {column for column, info in old.colinfo_map.items() if info.hidden}
    sheet.merged = [(top + 1, left, bottom, right - 1) for top, bottom, left, right in old.merged_cells]
    for row in range(old.nrows):
        for column, cell in enumerate(old.row(row)):
            sheet.put(row + 1, column, _shown(book, old, row, column, cell, sheet))
    remarks = sorted((row, column, note.text.strip()) for (row, column), note in old.cell_note_map.items())
    sheet.remarks = [(row + 1, f"Comment on {xlrd.cellname(row, column)}: {text}") for row, column, text in remarks if text]
    return sheet


def _shown(book: xlrd.book.Book, old: xlrd.sheet.Sheet, row: int, column: int, cell: xlrd.sheet.Cell, sheet: Sheet) -> str:
    if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
        return ""
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return "TRUE" if cell.value else "FALSE"
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return str(xlrd.error_text_from_code.get(cell.value, ""))
    code = str(book.format_map[book.xf_list[cell.xf_index].format_key].format_str)
    if cell.ctype == xlrd.XL_CELL_TEXT:
        runs = old.rich_text_runlist_map.get((row, column))
        return _with_raised_figures(cell.value, runs, book) if runs else shown_text(cell.value, code)
    text = formatted(cell.value) if code == "General" else shown(cell.value, code, from_1904=bool(book.datemode))
    sheet.notes["numbers hidden by their format"] += not text
    return text


def _with_raised_figures(text: str, runs: list[tuple[int, int]], book: xlrd.book.Book) -> str:
    """`runs` are the positions at which a font begins, with the font's number; text before the first has the cell's font."""
    parts = [text[: runs[0][0]]]
    for (start, font), (end, _) in pairwise([*runs, (len(text), 0)]):
        height = book.font_list[font].escapement
        part = text[start:end]
        parts.append(raised(part) if height == _RAISED else lowered(part) if height == _LOWERED else part)
    return "".join(parts)
