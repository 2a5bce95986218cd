"""The text of OpenDocument paragraphs and cells, and how cells are merged."""

from collections.abc import Callable, Iterator
from itertools import groupby

from lxml import etree

from rag.loading.office.open_document_styles import Styles, name
from rag.loading.raised_figures import lowered, raised
from rag.loading.table_rows import Cell, refuse_if_larger

APART = {
    name(each)
    for each in ("text:note", "draw:frame", "office:annotation", "text:ruby-text", "text:number", "text:tracked-changes")
}
"""What stands in a paragraph and is not part of its text."""

_MOST_SPACES = 100
_MOST_REPEATED = 1_000  # rows or columns; an empty row may be repeated down to the end of the sheet
_CELLS = (name("table:table-cell"), name("table:covered-table-cell"))


def text_of(element: etree._Element, styles: Styles) -> str:
    """The text of a paragraph with its spaces, tabs, line breaks and raised figures."""
    parts = []
    for height, segments in groupby(_segments(element, styles, 0), key=lambda segment: segment[0]):
        text = "".join(text for _, text in segments)
        parts.append(raised(text) if height > 0 else lowered(text) if height < 0 else text)
    return "".join(parts)


def _segments(element: etree._Element, styles: Styles, height: int) -> Iterator[tuple[int, str]]:
    yield height, element.text or ""
    for child in element:
        if child.tag == name("text:s"):
            yield height, " " * min(int(child.get(name("text:c"), "1")), _MOST_SPACES)
        elif child.tag == name("text:tab"):
            yield height, " "
        elif child.tag == name("text:line-break"):
            yield height, "\n"
        elif isinstance(child.tag, str) and child.tag not in APART:
            own = styles.height(child.get(name("text:style-name"), "")) if child.tag == name("text:span") else 0
            yield from _segments(child, styles, own or height)
        yield height, child.tail or ""


def cell_text(cell: etree._Element, styles: Styles) -> str:
    return " ".join(text_of(paragraph, styles) for paragraph in paragraphs(cell))


def paragraphs(element: etree._Element) -> Iterator[etree._Element]:
    """The paragraphs and headings below an element, each once, without those of notes, comments and text boxes."""
    for child in element:
        if child.tag in (name("text:p"), name("text:h")):
            yield child
        elif isinstance(child.tag, str) and child.tag not in APART:
            yield from paragraphs(child)


def table_rows(table: etree._Element) -> Iterator[tuple[etree._Element, int, bool]]:
    """The rows of a table without those of tables in it: the row, how often it is repeated, and whether it is a header."""
    stack = [(child, False) for child in reversed(table)]
    while stack:
        element, header = stack.pop()
        if element.tag == name("table:table-row"):
            yield element, _repeated(element, "table:number-rows-repeated"), header
        elif element.tag in _GROUPS:
            header = header or element.tag == name("table:table-header-rows")
            stack.extend((child, header) for child in reversed(element))


_GROUPS = {name(f"table:table-{each}") for each in ("rows", "header-rows", "row-group")}


def cells_of(row: etree._Element) -> Iterator[tuple[etree._Element, int]]:
    """The cells of a row, each with how often it is repeated."""
    for cell in row.iterchildren(*_CELLS):
        yield cell, _repeated(cell, "table:number-columns-repeated")


def merged_cells(table: etree._Element, text_of_cell: Callable[[etree._Element], str]) -> list[list[Cell]]:
    """The rows of a table in a text or on a slide."""
    made = []
    count = 0
    for row, times, _ in table_rows(table):
        cells: list[Cell] = []
        for cell, repeated in cells_of(row):
            if cell.tag == name("table:table-cell"):
                span = (cell.get(name(f"table:number-{each}-spanned"), "1") for each in ("columns", "rows"))
                cells += [Cell(text_of_cell(cell), *map(int, span))] * min(repeated, _MOST_REPEATED)
        count += len(cells) * min(times, _MOST_REPEATED)
        refuse_if_larger(count)
        made += [cells] * min(times, _MOST_REPEATED)
    return made


def _repeated(element: etree._Element, attribute: str) -> int:
    return max(int(element.get(name(attribute), "1")), 1)
