"""Word documents: headings by style, lists, tables row by row, each note after the paragraph that refers to it."""

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
from rag.loading.blocks import ParsedFile, Piece, assemble, row
from rag.loading.office.archives import open_archive, xml

_HEADING = re.compile(r"heading (\d)")
_CODE = re.compile(r"\b(code|source|listing|preformatted|verbatim)", re.I)
_LONGEST_HEADING = 90  # characters
_LONGEST_CELL = 600  # characters; a table with a longer cell is there for the page layout
_LEFT_OUT = {qn(f"w:{name}") for name in ("del", "moveFrom", "instrText", "pPr", "rPr", "txbxContent")} | {
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
}
_FORMULA_TEXT = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
_FIRST_ROW = 0x20  # bit of w:tblLook: the first row has a format of its own
_WHITE = {"FFFFFF", "ffffff"}


def read(data: bytes) -> ParsedFile:
    open_archive(data).close()
    try:
        document = docx.Document(BytesIO(data))
        walk = _Walk(document)
        pieces = list(walk.blocks(document.element.body))
    except (PackageNotFoundError, BadZipFile, KeyError, etree.XMLSyntaxError, EOFError) as error:
        raise UnreadableFile(f"it is damaged ({error})") from None
    if not any(piece.kind == "heading" for piece in pieces):
        pieces = [_as_heading(piece, walk.bold) for piece in pieces]
    title = (document.core_properties.title or "").strip()
    first_heading = next((piece.text for piece in pieces if piece.kind == "heading" and piece.level == 1), None)
    notes = [f"pieces of hidden or white text left out: {walk.hidden}"] if walk.hidden else []
    return assemble(title or first_heading, pieces, notes)


def _as_heading(piece: Piece, bold: set[str]) -> Piece:
    """In a document without heading styles, a short bold line is taken for a heading."""
    short = piece.kind == "paragraph" and len(piece.text) <= _LONGEST_HEADING and not piece.text.endswith((".", ",", ";", ":"))
    return Piece("heading", piece.text, level=2) if short and piece.text in bold else piece


class _Walk:
    """Walks through the elements of a document in order, and collects what is hidden and what is bold."""

    def __init__(self, document: WordDocument) -> None:
        self._styles = {style.style_id: style for style in document.styles}
        self._notes = dict(_notes(document))
        self.hidden = 0
        self.bold: set[str] = set()

    def blocks(self, parent: etree._Element) -> Iterator[Piece]:
        for element in parent:
            if element.tag == qn("w:p"):
                yield from self._paragraph(element)
            elif element.tag == qn("w:tbl"):
                yield from self._table(element)
            elif element.tag in (qn("w:sdt"), qn("w:sdtContent"), qn("w:ins"), qn("w:customXml"), qn("w:smartTag")):
                yield from self.blocks(element)

    def _paragraph(self, element: etree._Element) -> Iterator[Piece]:
        text = self._text(element)
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
        if text.strip() and _is_bold(element):
            self.bold.add(text.strip())
        for reference in element.iter(qn("w:footnoteReference"), qn("w:endnoteReference")):
            note = self._notes.get((reference.tag, reference.get(qn("w:id"))))
            if note is not None:
                yield from self.blocks(note)
        for box in element.iter(qn("w:txbxContent")):
            if not any("Fallback" in str(above.tag) for above in box.iterancestors()):
                yield from self.blocks(box)

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
        rows = [list(_cells(r)) for r in element.iter(qn("w:tr")) if next(r.iterancestors(qn("w:tbl"))) is element]
        texts = [[" ".join(self._text(p) for p in cell.iter(qn("w:p"))) for cell in cells] for cells in rows]
        if all(len(cells) < 2 for cells in rows) or any(len(text) > _LONGEST_CELL for cells in texts for text in cells):
            for cell in (cell for cells in rows for cell in cells):
                yield from self.blocks(cell)
            return
        has_header = _has_header_row(element)
        for number, cells in enumerate(texts):
            yield row(cells, header=has_header and number == 0 and len(texts) > 1 and any(c.strip() for c in cells))

    def _text(self, element: etree._Element) -> str:
        parts: list[str] = []
        for child in element:
            if child.tag in _LEFT_OUT:
                continue
            if child.tag == qn("w:r") and _is_hidden(child):
                self.hidden += bool("".join(child.itertext(qn("w:t"))).strip())
            elif child.tag in (qn("w:t"), _FORMULA_TEXT):
                parts.append(child.text or "")
            elif child.tag in (qn("w:tab"), qn("w:ptab")):
                parts.append(" ")
            elif child.tag in (qn("w:br"), qn("w:cr")):
                parts.append("\n")
            elif child.tag == qn("w:noBreakHyphen"):
                parts.append("\u2011")
            else:
                parts.append(self._text(child))
        return "".join(parts)


def _has_header_row(table: etree._Element) -> bool:
    if table.find(f".//{qn('w:tblHeader')}") is not None:
        return True
    look = table.find(f"{qn('w:tblPr')}/{qn('w:tblLook')}")
    return look is not None and (look.get(qn("w:firstRow")) == "1" or bool(int(look.get(qn("w:val"), "0"), 16) & _FIRST_ROW))


def _notes(document: WordDocument) -> Iterator[tuple[tuple[str, str], etree._Element]]:
    """Footnotes and endnotes, by the tag and id of the reference to them."""
    for part in document.part.package.iter_parts():
        for kind in ("footnote", "endnote"):
            if str(part.partname) == f"/word/{kind}s.xml":
                for note in xml(part.blob).iter(qn(f"w:{kind}")):
                    yield (qn(f"w:{kind}Reference"), note.get(qn("w:id"))), note


def _cells(table_row: etree._Element) -> Iterator[etree._Element]:
    """The cells of a row, without those of nested tables."""
    for cell in table_row.iter(qn("w:tc")):
        if next(cell.iterancestors(qn("w:tr"))) is table_row:
            yield cell


def _is_hidden(run: etree._Element) -> bool:
    properties = run.find(qn("w:rPr"))
    if properties is None:
        return False
    vanish, colour = properties.find(qn("w:vanish")), properties.find(qn("w:color"))
    shaded = any(properties.find(qn(f"w:{name}")) is not None for name in ("shd", "highlight"))
    in_cell = any(ancestor.tag == qn("w:tc") for ancestor in run.iterancestors())  # the table may shade it
    white = colour is not None and colour.get(qn("w:val")) in _WHITE and not shaded and not in_cell
    return white or (vanish is not None and vanish.get(qn("w:val")) not in ("0", "false"))


def _is_bold(paragraph: etree._Element) -> bool:
    runs = [run for run in paragraph.iter(qn("w:r")) if "".join(run.itertext(qn("w:t"))).strip()]
    bolds = [run.find(f"{qn('w:rPr')}/{qn('w:b')}") for run in runs]
    return bool(runs) and all(bold is not None and bold.get(qn("w:val")) not in ("0", "false") for bold in bolds)
