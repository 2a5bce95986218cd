"""PowerPoint presentations: each slide's title as a heading, then its texts, tables and charts, then the speaker's notes."""

from collections import Counter
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any
from zipfile import BadZipFile

import pptx
from lxml import etree
from pptx.exc import PackageNotFoundError, PythonPptxError
from pptx.util import Emu

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, Piece, assemble
from rag.loading.office.archives import open_archive, xml
from rag.loading.office.drawings import DIAGRAM, MAIN, alternative_text, chart_pieces, diagram_texts
from rag.loading.office.left_out import notes_of, parts_left_out
from rag.loading.office.slide_text import choose_alternatives, paragraph_texts
from rag.loading.table_rows import Cell, table

_SIDE_BY_SIDE = Emu(200_000)  # 5.6 mm; shapes whose tops differ by less are read from left to right
_RELATIONSHIP = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_NEW_CHART = "{http://schemas.microsoft.com/office/drawing/2014/chartex}chart"
_MEDIA = (f"{MAIN}videoFile", f"{MAIN}audioFile")


def read(data: bytes) -> ParsedFile:
    with open_archive(data) as archive:
        counts = parts_left_out(archive)
    try:
        presentation = pptx.Presentation(BytesIO(data))
        slides = list(enumerate(presentation.slides, start=1))
        visible = [(number, slide) for number, slide in slides if slide.element.get("show") != "0"]
        pieces = [piece for number, slide in visible for piece in _SlideReader(slide, number, counts).pieces()]
    except (PackageNotFoundError, PythonPptxError, BadZipFile, KeyError, etree.XMLSyntaxError, EOFError) as error:
        raise UnreadableFile(f"it is damaged ({error})") from None
    counts["hidden slides left out"] += len(slides) - len(visible)
    first_heading = next((piece.text for piece in pieces if piece.kind == "heading"), None)
    return assemble((presentation.core_properties.title or "").strip() or first_heading, pieces, notes_of(counts))


class _SlideReader:
    """Reads one slide, and counts in `left_out` what it leaves out."""

    def __init__(self, slide: Any, number: int, left_out: Counter[str]) -> None:
        choose_alternatives(slide.element)
        self._slide, self._page, self._left_out = slide, number, left_out

    def pieces(self) -> Iterator[Piece]:
        title = self._slide.shapes.title
        if title is not None and title.has_text_frame:
            text = " ".join(text for _, text in paragraph_texts(title.text_frame))
            yield Piece("heading", " ".join(text.split()), level=2, page=self._page)
        shapes = [shape for shape in _ungrouped(self._slide.shapes) if title is None or shape.shape_id != title.shape_id]
        for shape in sorted(shapes, key=lambda shape: ((shape.top or 0) // _SIDE_BY_SIDE, shape.left or 0)):
            yield from self._shape(shape)
        self._left_out["sounds and videos left out"] += sum(1 for _ in self._slide.element.iter(*_MEDIA))
        if self._slide.has_notes_slide and self._slide.notes_slide.notes_text_frame is not None:
            for _, text in paragraph_texts(self._slide.notes_slide.notes_text_frame):
                yield Piece("paragraph", text, page=self._page)
        yield from self._comments()

    def _shape(self, shape: Any) -> Iterator[Piece]:
        properties = next(shape._element.iter("{*}cNvPr"), None)
        description = alternative_text(properties) if properties is not None else ""
        yield Piece("paragraph", description, page=self._page)
        if getattr(shape, "has_table", False):
            yield from self._table(shape.table)
        elif getattr(shape, "has_chart", False):
            yield from self._counted(chart_pieces(xml(shape.chart.part.blob), self._page), "charts without data")
        elif (diagram := next(shape._element.iter(f"{DIAGRAM}relIds"), None)) is not None:
            data = self._slide.part.related_part(diagram.get(f"{_RELATIONSHIP}dm", ""))
            items = [Piece("item", text, page=self._page) for text in diagram_texts(xml(data.blob))]
            yield from self._counted(items, "SmartArt without text")
        elif next(shape._element.iter(_NEW_CHART), None) is not None:
            self._left_out["charts without data"] += 1
        elif shape.has_text_frame:
            yield from self._text_frame(shape)
        elif next(shape._element.iter(f"{MAIN}blip"), None) is not None and not description:
            self._left_out["images without text"] += 1

    def _counted(self, pieces: list[Piece], nothing: str) -> list[Piece]:
        self._left_out[nothing] += not pieces
        return pieces

    def _text_frame(self, shape: Any) -> Iterator[Piece]:
        paragraphs = paragraph_texts(shape.text_frame)
        for paragraph, text in paragraphs:
            is_item = paragraph.level > 0 or (shape.is_placeholder and len(paragraphs) > 1)
            yield Piece("item" if is_item else "paragraph", text, page=self._page)

    def _table(self, source: Any) -> Iterator[Piece]:
        rows = []
        for row in source.rows:
            cells = [cell for cell in row.cells if not cell.is_spanned]
            texts = [" ".join(text for _, text in paragraph_texts(cell.text_frame)) for cell in cells]
            spans = [(cell.span_width, cell.span_height) if cell.is_merge_origin else (1, 1) for cell in cells]
            rows.append([Cell(text, *span) for text, span in zip(texts, spans, strict=True)])
        properties = source._tbl.tblPr
        says_nothing = properties is None or properties.get("firstRow") is None
        return table(rows, header_rows=None if says_nothing else int(source.first_row), page=self._page)

    def _comments(self) -> Iterator[Piece]:
        for relationship in self._slide.part.rels.values():
            if relationship.reltype.endswith("/comments") and not relationship.is_external:
                for comment in xml(relationship.target_part.blob).iter("{*}cm", "{*}reply"):
                    own = [e for e in comment if isinstance(e.tag, str) and e.tag.endswith(("}text", "}txBody"))]
                    text = " ".join("".join(e.itertext("{*}text", "{*}t")) for e in own).strip()
                    yield Piece("item", f"Comment: {text}" if text else "", page=self._page)


def _ungrouped(shapes: Iterable[Any]) -> Iterator[Any]:
    """All shapes in order, with groups replaced by their members, at any depth."""
    stack = list(reversed(list(shapes)))
    while stack:
        shape = stack.pop()
        if hasattr(shape, "shapes"):  # a group
            stack.extend(reversed(list(shape.shapes)))
        else:
            yield shape
