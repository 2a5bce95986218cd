"""PowerPoint presentations: each slide's title a heading, then its texts and tables, then the speaker's notes."""

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

_LINE = Emu(200_000)  # shapes whose tops differ by less stand side by side


def read(data: bytes) -> ParsedFile:
    open_archive(data).close()
    try:
        presentation = pptx.Presentation(BytesIO(data))
        slides = [(number, slide) for number, slide in enumerate(presentation.slides, start=1)]
        shown = [(number, slide) for number, slide in slides if slide.element.get("show") != "0"]
        pieces = [piece for number, slide in shown for piece in _slide(slide, number)]
    except (PackageNotFoundError, PythonPptxError, BadZipFile, KeyError, etree.XMLSyntaxError, EOFError) as error:
        raise UnreadableFile(f"it is damaged ({error})") from None
    hidden = len(slides) - len(shown)
    notes = [f"{hidden} hidden slides were left out"] if hidden else []
    first = next((piece.text for piece in pieces if piece.kind == "heading"), None)
    return assemble((presentation.core_properties.title or "").strip() or first, pieces, notes)


def _slide(slide: Any, number: int) -> Iterator[Piece]:
    title = slide.shapes.title
    if title is not None and title.has_text_frame:
        yield Piece("heading", " ".join(title.text_frame.text.split()), level=2, page=number)
    shapes = [shape for shape in _flat(slide.shapes) if title is None or shape.shape_id != title.shape_id]
    for shape in sorted(shapes, key=lambda shape: ((shape.top or 0) // _LINE, shape.left or 0)):
        yield from _shape(shape, number)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        for paragraph in slide.notes_slide.notes_text_frame.paragraphs:
            yield Piece("paragraph", _text(paragraph), page=number)


def _flat(shapes: Iterable[Any]) -> Iterator[Any]:
    stack = list(reversed(list(shapes)))
    while stack:
        shape = stack.pop()
        if hasattr(shape, "shapes"):  # a group
            stack.extend(reversed(list(shape.shapes)))
        else:
            yield shape


def _shape(shape: Any, number: int) -> Iterator[Piece]:
    if getattr(shape, "has_table", False):
        for i, cells in enumerate(shape.table.rows):
            yield row((cell.text_frame.text for cell in cells.cells), header=shape.table.first_row and i == 0, page=number)
    elif shape.has_text_frame:
        paragraphs = [paragraph for paragraph in shape.text_frame.paragraphs if _text(paragraph).strip()]
        for paragraph in paragraphs:
            listed = paragraph.level > 0 or (shape.is_placeholder and len(paragraphs) > 1)
            yield Piece("item" if listed else "paragraph", _text(paragraph), page=number)


def _text(paragraph: Any) -> str:
    return str(paragraph.text).replace("\v", "\n")
