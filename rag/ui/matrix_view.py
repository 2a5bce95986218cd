"""The evidence matrix as HTML: one page of its documents, each cell a button that opens the source."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from rag.review.matrix import AskedDocument, Matrix
from rag.review.matrix_cells import Cell
from rag.review.matrix_files import NOT_STATED, CellText, cell_text
from rag.sources import reference
from rag.templates import render
from rag.ui.paging import table_page

COLUMNS = 100  # with the rows of a page some thousand cells, which a browser draws in about a second


@dataclass(frozen=True)
class _ShownCell:
    text: CellText
    reference: str


@dataclass(frozen=True)
class _ShownRow:
    document: AskedDocument
    cells: Sequence[_ShownCell]


def matrix_html(matrix: Matrix, *, weak: bool, page: int) -> Markup:
    """A row for each document of the page, a column for each question, at most COLUMNS."""
    numbers, table = table_page(range(len(matrix.documents)), page)
    rows = [_ShownRow(matrix.documents[n], [_shown(row[n], weak=weak) for row in matrix.cells[:COLUMNS]]) for n in numbers]
    return render(
        "page/matrix_table.html",
        questions=matrix.questions[:COLUMNS],
        columns=len(matrix.questions),
        rows=rows,
        table=table,
        matrix=matrix,
        not_stated=NOT_STATED,
    )


def _shown(cell: Cell, *, weak: bool) -> _ShownCell:
    return _ShownCell(cell_text(cell, weak=weak), reference(cell.citation) if cell.citation else "")
