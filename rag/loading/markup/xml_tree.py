"""XML of any kind: texts with headings and paragraphs, or data, which is read like JSON with the names of all parents."""

import re
from collections.abc import Iterator
from html.entities import html5
from typing import Any

from lxml import etree

from rag.loading.blocks import ParsedFile, Piece, assemble
from rag.loading.office.archives import xml
from rag.loading.raised_figures import lowered, raised
from rag.loading.table_rows import Cell, table
from rag.loading.text_files.decoding import decode
from rag.loading.text_files.json_records import values

_PARAGRAPHS = frozenset(
    "p para simpara paragraph ab l line caption abstract quote blockquote note tip warning caution important".split()
)
_HEADINGS = frozenset("title head heading header subtitle headline invention-title doc-title article-title".split())
_ITEMS = frozenset("listitem li item list-item".split())
_SECTIONS = frozenset("section sec sect1 sect2 sect3 sect4 chapter part div appendix article book body front back".split())
_ROWS, _CELLS = ("row", "tr"), ("entry", "td", "th", "cell")
_TABLES = ("tgroup", "table", "informaltable")
_CODE = frozenset("programlisting screen code-block codeblock pre".split())
_FEW_BLOCKS = 2  # that many elements of a text, or a text mixed with elements, make a document out of data
_NAMED = re.compile(rb"&([a-zA-Z][a-zA-Z0-9]*);")
_XML_NAMES = ("amp", "lt", "gt", "quot", "apos")
_LONGEST_FIELD = 80  # characters of a value that is shown with its name; a longer one is prose
_LARGEST_NUMBER = 1_000  # for spans of cells


def read(data: bytes) -> ParsedFile:
    root = xml(_with_characters(_as_utf8(data)))
    for element in root.iter(etree.Comment, etree.ProcessingInstruction):
        parent = element.getparent()
        if parent is not None and not element.tail:
            parent.remove(element)
    if _is_text(root):
        pieces = list(_blocks(root, 1))
        title = next((piece.text for piece in pieces if piece.kind == "heading"), None)
        return assemble(title, pieces)
    return assemble(None, values({_name(root): _content(root)}))


def _as_utf8(data: bytes) -> bytes:
    """Bytes whose encoding the parser does not know, or that do not fit it, are decoded first."""
    try:
        etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except etree.XMLSyntaxError as error:
        if "encoding" not in str(error).lower():
            return data
        return re.sub(r"<\?xml[^>]*\?>", "", decode(data)).encode()
    return data


def _with_characters(data: bytes) -> bytes:
    """Names of characters that only web pages know, such as &nbsp;, are replaced where the file declares none."""
    if b"<!ENTITY" in data:
        return data
    return _NAMED.sub(lambda match: _character(match.group(1).decode()).encode("ascii", "xmlcharrefreplace"), data)


def _character(name: str) -> str:
    return f"&{name};" if name in _XML_NAMES else html5.get(f"{name};", f"&amp;{name};")


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _elements(element: etree._Element) -> list[etree._Element]:
    return [child for child in element if isinstance(child.tag, str)]


def _is_text(root: etree._Element) -> bool:
    blocks = 0
    for element in root.iter(etree.Element):
        if _name(element).lower() in _TABLES and any(_name(inner).lower() in _ROWS for inner in element.iter(etree.Element)):
            return True
        mixed = len(element) and any((text or "").strip() for text in (element.text, *(child.tail for child in element)))
        blocks += bool(mixed) or _name(element).lower() in _PARAGRAPHS
        if blocks >= _FEW_BLOCKS:
            return True
    return blocks == 1 and any(_name(element).lower() in _SECTIONS for element in root.iter(etree.Element))


def _blocks(element: etree._Element, level: int) -> Iterator[Piece]:
    name = _name(element).lower()
    if name in _TABLES and any(_name(inner).lower() in _ROWS for inner in element.iter(etree.Element)):
        yield from _table(element)
    elif name in _CODE:
        yield Piece("code", "".join(element.itertext()).strip("\n"))
    elif _is_block(element, name):
        yield _block(element, name, level)
    else:
        inner_level = level + (name in _SECTIONS)
        if (element.text or "").strip():
            yield Piece("paragraph", " ".join((element.text or "").split()))
        for child in _elements(element):
            yield from _blocks(child, inner_level)
            if (child.tail or "").strip():
                yield Piece("paragraph", " ".join((child.tail or "").split()))


def _block(element: etree._Element, name: str, level: int) -> Piece:
    text = _inline(element)
    if name in _HEADINGS:
        return Piece("heading", text, min(level, 6))
    if name in _ITEMS:
        return Piece("item", text)
    parent = element.getparent()
    if len(element) or name in _PARAGRAPHS or len(text) > _LONGEST_FIELD or parent is None or not text:
        return Piece("paragraph", text)
    return Piece("item", f"{_name(parent)}.{_name(element)}: {text}")


def _is_block(element: etree._Element, name: str) -> bool:
    """Whether an element is read as one block: a leaf, or text mixed with inline elements."""
    children = _elements(element)
    if not children:
        return True
    inner = {_name(child).lower() for child in element.iter(etree.Element)} - {name}
    if inner & (_PARAGRAPHS | _ITEMS | _SECTIONS | _CODE | set(_ROWS)):
        return False
    return name in _PARAGRAPHS | _HEADINGS | _ITEMS or any((t or "").strip() for t in (element.text, *(c.tail for c in children)))


def _inline(element: etree._Element) -> str:
    parts = [element.text or ""]
    for child in element:
        inner = _inline(child) if isinstance(child.tag, str) else ""
        name = _name(child).lower()
        shift = raised if name in ("sup", "superscript") else lowered if name in ("sub", "subscript") else str
        parts += [shift(inner), child.tail or ""]
    return " ".join("".join(parts).split())


def _table(element: etree._Element) -> Iterator[Piece]:
    for title in _elements(element):
        if _name(title).lower() in _HEADINGS | {"caption"}:
            yield Piece("paragraph", _inline(title))
    rows = [row for row in element.iter(etree.Element) if _name(row).lower() in _ROWS]
    heads = sum(_name(row.getparent()).lower() == "thead" for row in rows if row.getparent() is not None)
    cells = [[_cell(cell) for cell in _elements(row) if _name(cell).lower() in _CELLS] for row in rows]
    yield from table(cells, header_rows=heads or None)


def _cell(element: etree._Element) -> Cell:
    first, last = (re.sub(r"\D", "", element.get(name) or "") for name in ("namest", "nameend"))
    columns = int(last) - int(first) + 1 if first and last and len(first + last) < 8 else _number(element.get("colspan"), 1)
    rows = _number(element.get("morerows"), 0) + _number(element.get("rowspan"), 1)
    return Cell(_inline(element), max(1, columns), rows)


def _number(value: str | None, default: int) -> int:
    return min(int(value), _LARGEST_NUMBER) if value and value.isascii() and value.isdigit() and len(value) < 5 else default


def _content(element: etree._Element) -> Any:
    """An element as JSON would have it: attributes and children by name, repeated ones as lists."""
    children = _elements(element)
    text = " ".join("".join(t for t in (element.text, *(child.tail for child in element)) if t).split())
    content: dict[str, Any] = {
        etree.QName(name).localname: value for name, value in element.attrib.items() if "XMLSchema-instance" not in name
    }
    by_name: dict[str, list[Any]] = {}
    for child in children:
        by_name.setdefault(_name(child), []).append(_content(child))
    content |= {name: parts if len(parts) > 1 else parts[0] for name, parts in by_name.items()}
    if not content:
        return text
    return content | ({"text": text} if text else {})
