"""Spreadsheets, old and new: each sheet is a heading, each row a table row; `page` is the row's number."""

from collections.abc import Iterator
from io import BytesIO

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum, ZipError

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, Piece, assemble
from rag.loading.office.archives import open_archive
from rag.loading.sheet_tables import sheet as sheet_pieces
from rag.loading.table_rows import formatted


def read(data: bytes) -> ParsedFile:
    if data.startswith(b"PK"):
        open_archive(data).close()
    try:
        workbook = CalamineWorkbook.from_filelike(BytesIO(data))
        visible = [sheet for sheet in workbook.sheets_metadata if sheet.visible == SheetVisibleEnum.Visible]
        pieces = list(_pieces(workbook, [sheet.name for sheet in visible if sheet.typ == SheetTypeEnum.WorkSheet]))
    except PasswordError:
        raise UnreadableFile("it is encrypted; save it without a password") from None
    except (CalamineError, ZipError) as error:
        raise UnreadableFile(f"it is damaged ({error})") from None
    hidden = len(workbook.sheets_metadata) - len(visible)
    return assemble(None, pieces, [f"hidden sheets left out: {hidden}"] if hidden else [])


def _pieces(workbook: CalamineWorkbook, names: list[str]) -> Iterator[Piece]:
    for name in names:
        sheet = workbook.get_sheet_by_name(name)
        rows = list(sheet_pieces((n, [formatted(v) for v in values]) for n, values in enumerate(sheet.iter_rows(), start=1)))
        if rows:
            yield Piece("heading", name, level=2, page=1)
            yield from rows
