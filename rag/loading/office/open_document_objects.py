"""Charts and formulas in OpenDocument files, which are parts of their own in the archive."""

from collections import Counter
from collections.abc import Iterator
from zipfile import ZipFile

from lxml import etree

from rag.loading.blocks import Piece
from rag.loading.office.archives import member, xml
from rag.loading.office.open_document_styles import Styles, name
from rag.loading.office.open_document_text import cell_text, merged_cells, paragraphs, text_of
from rag.loading.table_rows import table


def object_pieces(
    archive: ZipFile, frame: etree._Element, styles: Styles, left_out: Counter[str], page: int | None
) -> Iterator[Piece]:
    """A chart as the table of its values, a formula as it was typed; other objects are counted."""
    part = f"{frame.get(name('xlink:href'), '').removeprefix('./')}/content.xml"
    root = xml(member(archive, part)) if part in archive.namelist() else None
    values = next(root.iter(name("table:table")), None) if root is not None else None
    formula = root.findtext(f".//{name('math:annotation')}") if root is not None else None
    if root is not None and next(root.iter(name("chart:chart")), None) is not None:
        left_out["charts without data"] += values is None
        titles = (" ".join(text_of(p, styles) for p in paragraphs(each)) for each in root.iter(name("chart:title")))
        yield Piece("paragraph", next(titles, ""), page=page)
        if values is not None:
            yield from table(merged_cells(values, lambda cell: cell_text(cell, styles)), header_rows=1, page=page)
    elif formula:
        yield Piece("paragraph", formula, page=page)
    else:
        left_out["embedded files left out"] += 1
