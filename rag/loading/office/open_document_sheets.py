"""OpenDocument spreadsheets (.ods): the file holds the text that each cell shows."""

from collections.abc import Iterator
from zipfile import ZipFile

from lxml import etree

from rag.loading.office.archives import member, refuse_encrypted_parts, xml
from rag.loading.office.open_document_styles import Styles, name
from rag.loading.office.open_document_text import cell_text, cells_of, table_rows, text_of
from rag.loading.office.sheet_cells import NO_VALUE, Sheet
from rag.loading.table_rows import refuse_if_larger

_HIDDEN = ("collapse", "filter")
_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384  # of a sheet in LibreOffice


def sheets(archive: ZipFile) -> Iterator[Sheet]:
    """The sheets in order. Raises UnreadableFile if the content is missing, damaged or encrypted."""
    refuse_encrypted_parts(archive)
    content = xml(member(archive, "content.xml"))
    styles = Styles([content])
    for table in content.iterfind(f"{name('office:body')}/{name('office:spreadsheet')}/{name('table:table')}"):
        title = table.get(name("table:name"), "")
        if styles.property(table.get(name("table:style-name"), ""), "table-properties", "table:display") == "false":
            yield Sheet(title, visible=False)
        else:
            yield _sheet(table, title, styles)


def _sheet(table: etree._Element, title: str, styles: Styles) -> Sheet:
    sheet = Sheet(title)
    position = 0
    for column in table.iter(name("table:table-column")):
        repeated = int(column.get(name("table:number-columns-repeated"), "1"))
        if column.get(name("table:visibility")) in _HIDDEN:
            sheet.hidden_columns.update(range(position, min(position + repeated, _MOST_COLUMNS)))
        position += repeated
    number, count = 1, 0
    for row, repeated, _ in table_rows(table):
        times = min(repeated, _MOST_ROWS)
        cells = list(_cells(row, number, styles, sheet))
        refuse_if_larger(count := count + len(cells) * times)
        for repeat in range(number, number + times) if cells else ():
            for column, text in cells:
                sheet.put(repeat, column, text)
        if row.get(name("table:visibility")) in _HIDDEN and cells:
            sheet.hidden_rows.update(range(number, number + times))
        number += times
    for shapes in table.iterchildren(name("table:shapes")):
        sheet.notes["images without text"] += sum(1 for _ in shapes.iter(name("draw:image")))
        sheet.remarks += [(None, text_of(paragraph, styles)) for paragraph in shapes.iter(name("text:p"))]
    return sheet


def _cells(row: etree._Element, number: int, styles: Styles, sheet: Sheet) -> Iterator[tuple[int, str]]:
    """The cells of a row that have text, with their columns; merged ranges and comments go to the sheet."""
    column = 0
    for cell, repeated in cells_of(row):
        text = cell_text(cell, styles)
        if not text and cell.get(name("table:formula")) and not cell.get(name("office:value-type")):
            text = NO_VALUE
            sheet.notes["formulas without a saved value"] += 1
        if text and cell.tag == name("table:table-cell"):
            yield from ((each, text) for each in range(column, min(column + repeated, _MOST_COLUMNS)))
            width, height = (int(cell.get(name(f"table:number-{each}-spanned"), "1")) for each in ("columns", "rows"))
            if (width, height) != (1, 1):
                sheet.merged.append((number, column, number + height - 1, column + width - 1))
        for comment in cell.iterchildren(name("office:annotation")):
            words = " ".join(text_of(paragraph, styles) for paragraph in comment.iter(name("text:p"))).strip()
            sheet.remarks += [(number, f"Comment: {words}")] if words else []
        column += repeated
