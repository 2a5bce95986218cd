"""Word documents: headings by style, lists, tables; notes, comments and text boxes after the paragraph they belong to."""

import re
from collections.abc import Iterator
from io import BytesIO
from zipfile import BadZipFile

import docx
from docx.document import Document as WordDocument
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml.ns import qn
from lxml import etree

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, Piece, assemble
from rag.loading.office.archives import open_archive
from rag.loading.office.left_out import notes_of, parts_left_out
from rag.loading.office.page_margins import margin_pieces
from rag.loading.office.word_numbering import Numbering
from rag.loading.office.word_parts import OLD_PICTURES, WordParts, old_picture
from rag.loading.office.word_tables import header_rows, merged_cells, table_elements
from rag.loading.office.word_text import FALLBACK, TextOfParagraphs, is_bold
from rag.loading.table_rows import table

_HEADING = re.compile(r"heading (\d)")
_CODE = re.compile(r"\b(code|source|listing|preformatted|verbatim)", re.I)
_LONGEST_HEADING = 90  # characters
_LONGEST_CELL = 600  # characters; a table with a longer cell is there for the page layout
_CONTAINERS = {qn(f"w:{name}") for name in ("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag")}
_REFERENCES = {qn(f"w:{name}Reference") for name in ("footnote", "endnote", "comment")}
_BOX = qn("w:txbxContent")
_DRAWING = qn("w:drawing")


def read(data: bytes) -> ParsedFile:
    with open_archive(data) as archive:
        counts = parts_left_out(archive)
    try:
        document = docx.Document(BytesIO(data))
        walk = _Walk(document)
        pieces = list(walk.blocks(document.element.body))
        around = list(margin_pieces(walk.margins()))
    except (PackageNotFoundError, BadZipFile, KeyError, etree.XMLSyntaxError, EOFError) as error:
        raise UnreadableFile(f"it is damaged ({error})") from None
    if not any(piece.kind == "heading" for piece in pieces):
        pieces = [_as_heading(piece, walk.bold) for piece in pieces]
    title = (document.core_properties.title or "").strip()
    first_heading = next((piece.text for piece in pieces if piece.kind == "heading" and piece.level == 1), None)
    return assemble(title or first_heading, [*pieces, *around], notes_of(walk.texts.left_out + counts))


def _as_heading(piece: Piece, bold: set[str]) -> Piece:
    """In a document without heading styles, a short bold line is taken for a heading."""
    short = piece.kind == "paragraph" and len(piece.text) <= _LONGEST_HEADING and not piece.text.endswith((".", ",", ";", ":"))
    return Piece("heading", piece.text, level=2) if short and piece.text in bold else piece


class _Walk:
    """Walks through the elements of a document in order, each once, and collects what is bold."""

    def __init__(self, document: WordDocument) -> None:
        self._styles = {style.style_id: style for style in document.styles}
        self._parts = WordParts(document)
        self._numbering = Numbering(self._parts.numbering, document.styles.element)
        self.texts = TextOfParagraphs(document.styles.element)
        self.bold: set[str] = set()

    def blocks(self, parent: etree._Element) -> Iterator[Piece]:
        for element in parent:
            if element.tag == qn("w:p"):
                yield from self._paragraph(element)
            elif element.tag == qn("w:tbl"):
                yield from self._table(element)
            elif element.tag == qn("w:altChunk"):
                self.texts.left_out["embedded files left out"] += 1
            elif element.tag in _CONTAINERS:
                yield from self.blocks(element)

    def margins(self) -> Iterator[Piece]:
        for part in self._parts.margins():
            yield from self.blocks(part)

    def _paragraph(self, element: etree._Element) -> Iterator[Piece]:
        number = self._numbering.label(element)
        text = self._numbered_text(element, number)
        name, level = self._style(element)
        if level:
            yield Piece("heading", " ".join(text.split()), level=level)
        elif name.startswith("toc "):
            return
        elif _CODE.search(name):
            yield Piece("code", text)
        else:
            is_item = element.find(f"{qn('w:pPr')}/{qn('w:numPr')}") is not None or name.startswith("list")
            yield Piece("item" if is_item else "paragraph", text)
        if text.strip() and is_bold(element):
            self.bold.add(text.strip())
        yield from self._anchored(element)

    def _numbered_text(self, element: etree._Element, number: str | None) -> str:
        text = self.texts.text(element)
        return f"{number} {text.lstrip()}" if number and text.strip() else text

    def _anchored(self, element: etree._Element) -> Iterator[Piece]:
        """Notes, comments, text boxes, charts and pictures of an element. What a text box holds belongs to the box."""
        stack = [element]
        while stack:
            current = stack.pop()
            if current.tag == _BOX:
                yield from self.blocks(current)
                continue
            if current.tag in _REFERENCES:
                yield from self._note(current)
            elif current.tag == _DRAWING:
                yield from self._parts.drawing(current, self.texts.left_out)
            elif current.tag in OLD_PICTURES:
                yield from old_picture(current, self.texts.left_out)
            stack.extend(child for child in reversed(current) if isinstance(child.tag, str) and child.tag != FALLBACK)

    def _note(self, reference: etree._Element) -> Iterator[Piece]:
        """A footnote or endnote as it is; a comment is an item, because a question in it is not answered below."""
        note = self._parts.note(reference)
        if note is None:
            return
        if note.tag != qn("w:comment"):
            yield from self.blocks(note)
            return
        text = "\n".join(piece.text for piece in self.blocks(note) if piece.text.strip())
        yield Piece("item", f"Comment by {note.get(qn('w:author'))}: {text}" if text else "")

    def _style(self, element: etree._Element) -> tuple[str, int]:
        """The style's name in lower case, and the level of a heading, 0 if it is not one."""
        properties = element.find(qn("w:pPr"))
        reference = properties.find(qn("w:pStyle")) if properties is not None else None
        style = self._styles.get(reference.get(qn("w:val"))) if reference is not None else None
        name = (style.name or "").lower() if style is not None else ""
        outline = properties.find(qn("w:outlineLvl")) if properties is not None else None
        while style is not None:
            if match := _HEADING.match((style.name or "").lower()):
                return name, min(6, int(match.group(1)))
            if (style.name or "").lower() == "title":
                return name, 1
            style = getattr(style, "base_style", None)
        value = outline.get(qn("w:val"), "9") if outline is not None else "9"
        return name, int(value) + 1 if value in "012345" else 0

    def _table(self, element: etree._Element) -> Iterator[Piece]:
        rows = table_elements(element)
        longest = max((sum(map(len, cell.itertext(qn("w:t")))) for cells in rows for cell in cells), default=0)
        if all(len(cells) < 2 for cells in rows) or longest > _LONGEST_CELL:
            for cell in (cell for cells in rows for cell in cells):
                yield from self.blocks(cell)
            return
        yield from table(merged_cells(rows, self._cell_text), header_rows=header_rows(element, rows))
        for cell in (cell for cells in rows for cell in cells):
            yield from self._anchored(cell)

    def _cell_text(self, cell: etree._Element) -> str:
        """The paragraphs of a cell, and of the tables in it, on one line."""
        boxed = {p for box in cell.iter(_BOX) for p in box.iter(qn("w:p"))}
        paragraphs = (p for p in cell.iter(qn("w:p")) if p not in boxed)
        return " ".join(self._numbered_text(p, self._numbering.label(p)) for p in paragraphs)
