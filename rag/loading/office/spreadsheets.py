"""Spreadsheets: each visible sheet is a heading, each of its rows a table row; `page` is the row's number."""

from collections import Counter
from collections.abc import Iterable, Iterator
from io import BytesIO

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum, ZipError

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, Piece, assemble
from rag.loading.office import old_workbook, open_document_sheets, workbook
from rag.loading.office.archives import open_archive
from rag.loading.office.left_out import notes_of, parts_left_out
from rag.loading.office.page_margins import margin_pieces
from rag.loading.office.sheet_cells import Sheet
from rag.loading.sheet_tables import sheet as sheet_pieces
from rag.loading.table_rows import formatted


def read(data: bytes) -> ParsedFile:
    if not data.startswith(b"PK"):
        return _parsed(old_workbook.sheets(data), Counter())
    with open_archive(data) as archive:
        names = archive.namelist()
        counts = parts_left_out(archive)
        if "xl/workbook.xml" in names:
            return _parsed(workbook.sheets(archive), counts)
        if "content.xml" in names:
            return _parsed(open_document_sheets.sheets(archive), counts)
    return _parsed(_unformatted_sheets(data), counts + Counter({"number formats (the numbers stand as they are stored)": 1}))


def _parsed(sheets: Iterable[Sheet], counts: Counter[str]) -> ParsedFile:
    pieces: list[Piece] = []
    margins: list[str] = []
    for sheet in sheets:
        if not sheet.visible:
            counts["hidden sheets left out"] += 1
            continue
        rows = list(sheet_pieces(sheet.shown_rows()))
        rows += [Piece("item" if row else "paragraph", text, page=row) for row, text in sheet.remarks if text.strip()]
        sheet.count_hidden()
        counts += sheet.notes
        if rows:
            pieces += [Piece("heading", sheet.name, level=2, page=1), *rows]
            margins += sheet.margins
    return assemble(None, [*pieces, *margin_pieces(Piece("paragraph", text) for text in margins)], notes_of(counts))


def _unformatted_sheets(data: bytes) -> Iterator[Sheet]:
    """The sheets of formats that only one library reads, which knows no number formats (.xlsb)."""
    try:
        book = CalamineWorkbook.from_filelike(BytesIO(data))
        for entry in book.sheets_metadata:
            sheet = Sheet(entry.name, visible=entry.visible == SheetVisibleEnum.Visible)
            if sheet.visible and entry.typ == SheetTypeEnum.WorkSheet:
                for number, values in enumerate(book.get_sheet_by_name(entry.name).iter_rows(), start=1):
                    for column, value in enumerate(values):
                        sheet.put(number, column, formatted(value))
            yield sheet
    except PasswordError:
        raise UnreadableFile("it is encrypted; save it without a password") from None
    except (CalamineError, ZipError) as error:
        raise UnreadableFile(f"it is damaged ({error})") from None
