"""The evidence matrix as a file for people: a workbook, a CSV table or a page. Equal matrices give equal bytes."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from rag.answering.wording import place
from rag.errors import MatrixError
from rag.records import Strength
from rag.review.matrix import AskedDocument, Matrix
from rag.review.matrix_cells import Asked, Cell
from rag.review.matrix_values import matrix_json, numbered
from rag.templates import render

if TYPE_CHECKING:
    from xlsxwriter import Workbook

FORMS = ("xlsx", "csv", "html", "json")
NOT_STATED = "not stated"
UNRATED = "unrated"  # in the place of a strength, if no error rates were measured
HEADS = ("question", "document", "title", "strength", "confidence", "sentence", "context", "place", "start", "end", "digest")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for a formula when it opens a CSV file
CREATED = datetime(2000, 1, 1)  # noqa: DTZ001 - any fixed time, so that the bytes do not depend on when the file was made
LONGEST_TEXT = 32_767  # characters of a cell in Excel
LONGEST_LINK = 2_079  # characters that Excel takes
WIDTHS = (40, 32, 32, 10, 10, 80, 40, 40, 8, 8, 20)  # of the columns HEADS, in characters
QUESTION_WIDTH, DOCUMENT_WIDTH = 48, 32
FILLS: dict[Strength | None, str] = {"strong": "#DDF0E0", "fair": "#FBF3D5", "weak": "#F1F1F1", None: "#FFFFFF"}
_UNWRITABLE = re.compile("[\ud800-\udfff\ufffe\uffff]")  # characters that XML does not have; others are escaped


def form_of(path: Path) -> str:
    """The form that a file's name asks for. Raises MatrixError."""
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMS:
        raise MatrixError(f"{path}: the name must end in {', '.join(f'.{known}' for known in FORMS[:-1])} or .{FORMS[-1]}")
    return form


def matrix_file(matrix: Matrix, form: str, *, weak: bool = True, server: str = "") -> bytes:
    """The matrix in one of FORMS. Without `weak`, weak sentences are left out, except of JSON.

    `server` is the address under which a server of the documents is reached: documents are linked to it if it is given.
    """
    check_server(server)
    if form == "json":
        return matrix_json(matrix).encode("utf-8", "surrogatepass")
    shown = numbered(matrix)
    if form == "xlsx":
        return _workbook(shown, weak=weak, server=server)
    text = _csv(shown, weak=weak) if form == "csv" else _html(shown, weak=weak, server=server)
    return text.encode("utf-8", "replace")


def check_server(server: str) -> None:
    """Raises MatrixError for anything but an http or https address."""
    parts = urlsplit(server)
    if server and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise MatrixError(f"{server[:80]!r} is not the address of a server; it looks like http://127.0.0.1:7860")


@dataclass(frozen=True)
class CellText:
    """A cell as it is shown: the texts are empty if the document does not state an answer. `fill` is its colour.

    `place` is that within the document: page and headings.
    """

    sentence: str = ""
    context: str = ""
    place: str = ""
    strength: str = ""
    fill: str = FILLS[None]


def cell_text(cell: Cell, *, weak: bool = True) -> CellText:
    citation = cell.citation
    if citation is None or not (cell.stated or weak):
        return CellText()
    where = place(citation.document_id, citation.page, citation.headings).removeprefix(citation.document_id).lstrip(" ›")
    context = " ".join(sentence.quote for sentence in cell.context)
    return CellText(citation.quote, context, where, cell.strength or UNRATED, FILLS[cell.strength])


def file_address(server: str, document: AskedDocument, page: int | None = None) -> str:
    """The address of a document's file, a PDF at the page; empty without a server."""
    if not server:
        return ""
    at_page = f"#page={page}" if page and document.id.lower().endswith(".pdf") else ""
    return f"{server.rstrip('/')}/api/file/{quote(document.id.encode('utf-8', 'replace'), safe='/')}{at_page}"


def _each(matrix: Matrix) -> Iterator[tuple[Asked, AskedDocument, Cell]]:
    for asked, row in zip(matrix.questions, matrix.cells, strict=True):
        for document, cell in zip(matrix.documents, row, strict=True):
            yield asked, document, cell


def _line(asked: Asked, document: AskedDocument, cell: Cell, *, weak: bool) -> list[str | int | float]:
    """The cell's values for the columns HEADS."""
    text, citation = cell_text(cell, weak=weak), cell.citation
    names = [asked.text, document.id, document.title]
    if not text.sentence or citation is None:
        return [*names, NOT_STATED, "", "", "", "", "", "", document.digest]
    values: list[str | float] = [text.strength, cell.confidence, text.sentence, text.context, text.place]
    return [*names, *values, citation.span.start, citation.span.end, citation.digest]


def _csv(matrix: Matrix, *, weak: bool) -> str:
    """One line for each cell. A text that a spreadsheet would take for a formula gets an apostrophe in front.

    Strings are quoted, so that a carriage return in one begins no line, which could be a formula.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    table.writerow(HEADS)
    for cell in _each(matrix):
        table.writerow([_harmless(value) for value in _line(*cell, weak=weak)])
    return text.getvalue()


def _harmless(value: str | float) -> str | float:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


@dataclass(frozen=True)
class _Row:
    document: AskedDocument
    address: str
    cells: Sequence[CellText]


def _html(matrix: Matrix, *, weak: bool, server: str) -> str:
    """A self-contained page: a row for each document, a column for each question."""
    rows = [
        _Row(document, file_address(server, document), [cell_text(row[number], weak=weak) for row in matrix.cells])
        for number, document in enumerate(matrix.documents)
    ]
    return str(render("review/matrix_page.html", questions=matrix.questions, rows=rows, not_stated=NOT_STATED))


def _workbook(matrix: Matrix, *, weak: bool, server: str) -> bytes:
    """Two sheets: the matrix, with a row for each document and a column for each question, and a list of its cells.

    All texts are written as strings, never as formulas.
    """
    from xlsxwriter import Workbook

    file = io.BytesIO()
    book = Workbook(file, {"in_memory": True})
    book.set_properties({"created": CREATED, "title": "Evidence matrix"})
    formats = _Formats(book)
    _matrix_sheet(book, matrix, formats, weak=weak, server=server)
    _cells_sheet(book, matrix, formats, weak=weak, server=server)
    book.close()
    return file.getvalue()


class _Formats:
    """The formats of a workbook's cells. `quote_prefix` keeps a text that is edited from becoming a formula."""

    def __init__(self, book: "Workbook") -> None:
        text = {"text_wrap": True, "valign": "top", "quote_prefix": True}
        self.head = book.add_format(text | {"bold": True, "bottom": 1})
        self.text = book.add_format(text)
        self.link = book.add_format({"text_wrap": True, "valign": "top", "font_color": "#2A4F8F", "underline": 1})
        self.quiet = book.add_format(text | {"font_color": "#6B7280", "italic": True})
        self.number = book.add_format({"valign": "top"})
        self.filled = {
            color: book.add_format(text | {"bg_color": color, "border": 1, "border_color": "#D9D9D9"}) for color in FILLS.values()
        }


def _matrix_sheet(book: "Workbook", matrix: Matrix, formats: _Formats, *, weak: bool, server: str) -> None:
    sheet = book.add_worksheet("Matrix")
    sheet.freeze_panes(1, 1)
    sheet.set_column(0, 0, DOCUMENT_WIDTH)
    sheet.set_column(1, len(matrix.questions), QUESTION_WIDTH)
    _write(sheet, 0, 0, "Document", formats.head)
    for column, asked in enumerate(matrix.questions, start=1):
        _write(sheet, 0, column, asked.text, formats.head)
    for number, document in enumerate(matrix.documents):
        address = file_address(server, document)
        _write(sheet, number + 1, 0, document.title, formats.link if address else formats.text, address)
        for column, row in enumerate(matrix.cells, start=1):
            text = cell_text(row[number], weak=weak)
            form = formats.filled[text.fill] if text.sentence else formats.quiet
            _write(sheet, number + 1, column, text.sentence or NOT_STATED, form)


def _cells_sheet(book: "Workbook", matrix: Matrix, formats: _Formats, *, weak: bool, server: str) -> None:
    sheet = book.add_worksheet("Cells")
    sheet.freeze_panes(1, 0)
    for column, (head, width) in enumerate(zip(HEADS, WIDTHS, strict=True)):
        sheet.set_column(column, column, width)
        _write(sheet, 0, column, head, formats.head)
    for number, (asked, document, cell) in enumerate(_each(matrix), start=1):
        page = cell.citation.page if cell.citation else None
        for column, value in enumerate(_line(asked, document, cell, weak=weak)):
            if isinstance(value, str):
                address = file_address(server, document, page) if HEADS[column] == "document" else ""
                _write(sheet, number, column, value, formats.link if address else formats.text, address)
            else:
                sheet.write_number(number, column, value, formats.number)
    sheet.autofilter(0, 0, len(matrix.questions) * len(matrix.documents), len(HEADS) - 1)


def _write(sheet: Any, row: int, column: int, text: str, form: Any, address: str = "") -> None:
    """Writes a string, cut at the length that Excel takes, as a link if there is an address that Excel takes."""
    text = _UNWRITABLE.sub("\ufffd", text)
    text = text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
    if address and len(address) <= LONGEST_LINK:
        sheet.write_url(row, column, address, form, string=text)
    else:
        sheet.write_string(row, column, text, form)
