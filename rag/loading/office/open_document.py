"""OpenDocument texts and presentations; in presentations `page` is the slide's number."""

from collections.abc import Iterator

from lxml import etree

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, Piece, assemble, row
from rag.loading.office.archives import member, open_archive, xml

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_PRESENTATION = "{urn:oasis:names:tc:opendocument:xmlns:presentation:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_NOT_TEXT = {
    f"{_TEXT}tracked-changes",
    f"{_TEXT}note-citation",
    f"{_OFFICE}annotation",
    f"{_OFFICE}forms",
    f"{_PRESENTATION}notes",
    *(f"{_TEXT}{name}" for name in ("table-of-content", "alphabetical-index", "illustration-index", "bibliography")),
}


def read(data: bytes) -> ParsedFile:
    with open_archive(data) as archive:
        if "META-INF/manifest.xml" in archive.namelist() and b"encryption-data" in member(archive, "META-INF/manifest.xml"):
            raise UnreadableFile("it is encrypted; save it without a password")
        content = xml(member(archive, "content.xml"))
        meta = xml(member(archive, "meta.xml")) if "meta.xml" in archive.namelist() else None
    body = next(content.iter(f"{_OFFICE}body"), None)
    if body is None:
        raise UnreadableFile("it contains no document body")
    titles = meta.iter("{http://purl.org/dc/elements/1.1/}title") if meta is not None else iter(())
    title = next((element.text for element in titles if element.text), None)
    pieces = list(_pieces(body, _styles(content)))
    first_heading = next((piece.text for piece in pieces if piece.kind == "heading" and piece.level == 1), None)
    return assemble(title or first_heading, pieces)


def _styles(content: etree._Element) -> dict[str, str]:
    """From automatic styles ("P1") to the named styles that they are based on ("Title", "Heading_20_1")."""
    return {s.get(f"{_STYLE}name", ""): s.get(f"{_STYLE}parent-style-name", "") for s in content.iter(f"{_STYLE}style")}


def _pieces(body: etree._Element, styles: dict[str, str]) -> Iterator[Piece]:
    """In document order, nested lists and tables included; without recursion, so that deep nesting does no harm."""
    stack: list[tuple[etree._Element, int | None, bool]] = [(body, None, False)]
    slides = 0
    while stack:
        element, page, in_item = stack.pop()
        if element.tag in _NOT_TEXT:
            continue
        if element.tag == f"{_DRAW}page":
            slides += 1
            page = slides
        if element.tag == f"{_TEXT}h":
            level = element.get(f"{_TEXT}outline-level", "1")
            yield Piece("heading", _text(element), level=min(6, int(level)) if level.isdecimal() else 1, page=page)
        elif element.tag == f"{_TEXT}p":
            yield _paragraph(element, styles, page, in_item=in_item)
            stack.extend((box, page, False) for box in reversed(list(element.iter(f"{_DRAW}text-box"))))
            stack.extend((note, page, False) for note in reversed(list(element.iter(f"{_TEXT}note-body"))))
        elif element.tag == f"{_TABLE}table-row":
            header = element.getparent().tag == f"{_TABLE}table-header-rows"
            cells = [" ".join(_text(p) for p in cell.iter(f"{_TEXT}p")) for cell in element.iterchildren(f"{_TABLE}table-cell")]
            yield row(cells, header=header, page=page)
        else:
            inside = in_item or element.tag == f"{_TEXT}list-item"
            if _is_title(element):
                yield Piece("heading", " ".join(_text(p) for p in element.iter(f"{_TEXT}p")), level=2, page=page)
            else:
                stack.extend((child, page, inside) for child in reversed(element) if isinstance(child.tag, str))


def _is_title(element: etree._Element) -> bool:
    """Whether an element is the frame of a slide's title."""
    return str(element.tag) == f"{_DRAW}frame" and str(element.get(f"{_PRESENTATION}class")) == "title"


def _paragraph(element: etree._Element, styles: dict[str, str], page: int | None, *, in_item: bool) -> Piece:
    name = element.get(f"{_TEXT}style-name", "")
    style = styles.get(name) or name
    if style in ("Title", "Subtitle"):
        return Piece("heading", _text(element), level=1 if style == "Title" else 2, page=page)
    return Piece("item" if in_item else "paragraph", _text(element), page=page)


def _text(element: etree._Element) -> str:
    """The text of a paragraph with its spaces, tabs and line breaks, without notes and text boxes, which follow it."""
    parts = [element.text or ""]
    for child in element:
        if child.tag == f"{_TEXT}s":
            parts.append(" " * min(int(child.get(f"{_TEXT}c", "1")), 100))
        elif child.tag == f"{_TEXT}tab":
            parts.append(" ")
        elif child.tag == f"{_TEXT}line-break":
            parts.append("\n")
        elif isinstance(child.tag, str) and child.tag not in _NOT_TEXT and child.tag not in (f"{_TEXT}note", f"{_DRAW}frame"):
            parts.append(_text(child))
        parts.append(child.tail or "")
    return "".join(parts)
