"""PowerPoint presentations: each slide's title as a heading, then its texts and tables, then the speaker's notes."""

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any
from zipfile import BadZipFile

import pptx
from lxml import etree
from pptx.exc import PackageNotFoundError, PythonPptxError
from pptx.util import Emu

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, Piece, assemble, row
from rag.loading.office.archives import open_archive

_SIDE_BY_SIDE = Emu(200_000)  # 5.6 mm; shapes whose tops differ by less are read from left to right


def read(data: bytes) -> ParsedFile:
    open_archive(data).close()
    try:
        presentation = pptx.Presentation(BytesIO(data))
        slides = list(enumerate(presentation.slides, start=1))
        visible = [(number, slide) for number, slide in slides if slide.element.get("show") != "0"]
        pieces = [piece for number, slide in visible for piece in _slide_pieces(slide, number)]
    except (PackageNotFoundError, PythonPptxError, BadZipFile, KeyError, etree.XMLSyntaxError, EOFError) as error:
        raise UnreadableFile(f"it is damaged ({error})") from None
    hidden = len(slides) - len(visible)
    notes = [f"hidden slides left out: {hidden}"] if hidden else []
    first_heading = next((piece.text for piece in pieces if piece.kind == "heading"), None)
    return assemble((presentation.core_properties.title or "").strip() or first_heading, pieces, notes)


def _slide_pieces(slide: Any, number: int) -> Iterator[Piece]:
    title = slide.shapes.title
    if title is not None and title.has_text_frame:
        yield Piece("heading", " ".join(title.text_frame.text.split()), level=2, page=number)
    shapes = [shape for shape in _ungrouped(slide.shapes) if title is None or shape.shape_id != title.shape_id]
    for shape in sorted(shapes, key=lambda shape: ((shape.top or 0) // _SIDE_BY_SIDE, shape.left or 0)):
        yield from _shape_pieces(shape, number)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        for paragraph in slide.notes_slide.notes_text_frame.paragraphs:
            yield Piece("paragraph", _text(paragraph), page=number)


def _ungrouped(shapes: Iterable[Any]) -> Iterator[Any]:
    """All shapes in order, with groups replaced by their members, at any depth."""
    stack = list(reversed(list(shapes)))
    while stack:
        shape = stack.pop()
        if hasattr(shape, "shapes"):  # a group
            stack.extend(reversed(list(shape.shapes)))
        else:
            yield shape


def _shape_pieces(shape: Any, number: int) -> Iterator[Piece]:
    if getattr(shape, "has_table", False):
        for i, table_row in enumerate(shape.table.rows):
            cells = (cell.text_frame.text for cell in table_row.cells)
            yield row(cells, header=shape.table.first_row and i == 0, page=number)
    elif shape.has_text_frame:
        paragraphs = [paragraph for paragraph in shape.text_frame.paragraphs if _text(paragraph).strip()]
        for paragraph in paragraphs:
            is_item = paragraph.level > 0 or (shape.is_placeholder and len(paragraphs) > 1)
            yield Piece("item" if is_item else "paragraph", _text(paragraph), page=number)


def _text(paragraph: Any) -> str:
    return str(paragraph.text).replace("\v", "\n")
