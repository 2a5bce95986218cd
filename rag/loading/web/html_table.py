"""Tables of a page: which ones hold data, and their rows of cells."""

from collections.abc import Callable, Iterator, Sequence

from selectolax.lexbor import LexborNode

from rag.loading.blocks import Piece
from rag.loading.table_rows import Cell, table
from rag.loading.web.visible import is_hidden

_BLOCKS_IN_CELLS = "p + p, ul, ol, h1, h2, h3"
_MOST_SPAN = 65_534  # the largest rowspan in HTML

Row = Sequence[LexborNode]


def is_data(node: LexborNode) -> bool:
    """Whether a table is one of rows and columns, not a way to place the parts of a page."""
    if (node.attributes.get("role") or "") in ("presentation", "none"):
        return False
    if len(node.css("table")) > 1 or node.css_first("h1, h2, h3") is not None:  # the selection includes the table itself
        return False
    return node.css_first("th, caption, thead") is not None or node.css_first(_BLOCKS_IN_CELLS) is None


def is_simple_row(node: LexborNode) -> bool:
    return node.css_first(f"table, {_BLOCKS_IN_CELLS}") is None


def table_pieces(node: LexborNode, text_of: Callable[[LexborNode], str]) -> Iterator[Piece]:
    """The rows of a data table. A row of column heads in its middle begins a new table."""
    rows = list(_rows(node))
    parts: list[list[tuple[Row, bool]]] = [[]]
    for row in rows:
        if row[1] and parts[-1] and not parts[-1][-1][1] and len(row[0]) > 1:
            parts.append([])
        parts[-1].append(row)
    for part in parts:
        heads = next((number for number, (_, is_head) in enumerate(part) if not is_head), len(part))
        cells = [[_cell(cell, text_of, len(part) - number) for cell in row] for number, (row, _) in enumerate(part)]
        yield from table(cells, header_rows=heads if heads or node.css_first("th") is not None else _unmarked(part))


def row_cells(node: LexborNode) -> list[LexborNode]:
    return [cell for cell in node.iter() if cell.tag in ("td", "th") and not is_hidden(cell)]


def _rows(node: LexborNode) -> Iterator[tuple[Row, bool]]:
    """Each row with cells, and whether it is one of column heads; the foot of a table is shown at its end."""
    feet: list[tuple[Row, bool]] = []
    for section in [node, *(child for child in node.iter() if child.tag in ("thead", "tbody", "tfoot") and not is_hidden(child))]:
        for child in section.iter():
            if child.tag != "tr" or is_hidden(child) or not (cells := row_cells(child)):
                continue
            row = (cells, _names_columns(cells, in_head=section.tag == "thead"))
            if section.tag == "tfoot":
                feet.append(row)
            else:
                yield row
    yield from feet


def _names_columns(cells: Row, *, in_head: bool) -> bool:
    filled = [cell for cell in cells if cell.text().strip()]
    return bool(filled) and (in_head or all(cell.tag == "th" and cell.attributes.get("scope") != "row" for cell in filled))


def _unmarked(part: Sequence[tuple[Row, bool]]) -> int | None:
    """1 if the first row alone is bold; None if the shape of the cells is to decide."""
    bold = [all(cell.css_first("b, strong") is not None for cell in row if cell.text().strip()) for row, _ in part]
    return 1 if len(bold) > 1 and bold[0] and not all(bold) else None


def _cell(node: LexborNode, text_of: Callable[[LexborNode], str], rows_below: int) -> Cell:
    rows = _span(node, "rowspan")
    return Cell(text_of(node), _span(node, "colspan") or 1, min(rows or rows_below, rows_below))


def _span(node: LexborNode, name: str) -> int:
    """The number that an attribute gives; 1 if it gives none. A rowspan of 0 reaches to the end of the table."""
    value = (node.attributes.get(name) or "").strip()
    return min(int(value), _MOST_SPAN) if value.isascii() and value.isdigit() else 1
