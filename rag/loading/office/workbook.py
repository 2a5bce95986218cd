"""Excel workbooks (.xlsx, .xlsm): the visible sheets with their cells as shown."""

import posixpath
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from math import isfinite
from zipfile import ZipFile

from lxml import etree

from rag.errors import UnreadableFile
from rag.loading.office.archives import member, xml
from rag.loading.office.drawings import MAIN, diagram_texts
from rag.loading.office.number_formats import BUILT_IN, shown, shown_text
from rag.loading.office.sheet_cells import NO_VALUE, Sheet
from rag.loading.raised_figures import lowered, raised
from rag.loading.table_rows import formatted, refuse_if_larger

_CELL = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_LETTERS = 26
_PAGES = ("odd", "even", "first")
_MARGIN_CODE = re.compile(r'&(?:"[^"]*"|\d+|K[0-9A-F+-]{6}|[A-Z])')  # position, font, page number, date, name of the sheet
_MOST_COLUMNS = 16_384  # of a sheet in Excel
_RELATIONSHIPS = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATIONSHIPS = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
_TRUE = {"1", "true", "on"}


@dataclass(frozen=True, slots=True)
class _Look:
    """What the cells of all sheets refer to: texts, number formats by style, and where dates begin."""

    texts: list[str]
    formats: list[str]
    from_1904: bool


def sheets(archive: ZipFile) -> Iterator[Sheet]:
    """The sheets in order, without those that hold only a chart. Raises UnreadableFile if a part is missing or damaged."""
    workbook = xml(member(archive, "xl/workbook.xml"))
    targets = relationships(archive, "xl/workbook.xml")
    properties = next(workbook.iter("{*}workbookPr"), None)
    from_1904 = properties is not None and properties.get("date1904") in _TRUE
    look = _Look(_shared_texts(archive, targets), _formats(archive, targets), from_1904)
    for element in workbook.iter("{*}sheet"):
        identifier = element.get(_RELATIONSHIPS) or element.get(_STRICT_RELATIONSHIPS) or ""
        kind, part = targets.get(identifier, ("", ""))
        name = element.get("name", "")
        if element.get("state", "visible") != "visible":
            yield Sheet(name, visible=False)
        elif kind == "worksheet":
            sheet = Sheet(name)
            _read_cells(member(archive, part), sheet, look)
            sheet.remarks = [*_comments(archive, part), *((None, text) for text in _text_boxes(archive, part, sheet))]
            yield sheet


def relationships(archive: ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """The parts that a part refers to: id to the kind ("worksheet") and the name of the part."""
    folder, name = posixpath.split(part)
    path = f"{folder}/_rels/{name}.rels"
    if path not in archive.namelist():
        return {}
    found = {}
    for element in xml(member(archive, path)).iter("{*}Relationship"):
        if element.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join(folder, element.get("Target", "")))
            found[element.get("Id", "")] = (element.get("Type", "").rpartition("/")[2], target.lstrip("/"))
    return found


def _part(targets: dict[str, tuple[str, str]], kind: str) -> str | None:
    return next((part for each, part in targets.values() if each == kind), None)


def _shared_texts(archive: ZipFile, targets: dict[str, tuple[str, str]]) -> list[str]:
    part = _part(targets, "sharedStrings")
    return [_text(item) for item in xml(member(archive, part)).iterchildren("{*}si")] if part else []


def _text(item: etree._Element) -> str:
    """The text of a cell, with raised and lowered figures, and without the reading aids of Japanese."""
    parts: list[str] = []
    for child in item:
        name = etree.QName(child).localname if isinstance(child.tag, str) else ""
        if name == "t":
            parts.append(child.text or "")
        elif name == "r":
            text = "".join(t.text or "" for t in child.iterchildren("{*}t"))
            place = child.find("{*}rPr/{*}vertAlign")
            height = place.get("val") if place is not None else None
            parts.append(raised(text) if height == "superscript" else lowered(text) if height == "subscript" else text)
    return "".join(parts)


def _formats(archive: ZipFile, targets: dict[str, tuple[str, str]]) -> list[str]:
    """The number format code of each cell style."""
    part = _part(targets, "styles")
    if part is None:
        return []
    styles = xml(member(archive, part))
    codes = dict(BUILT_IN) | {
        int(each.get("numFmtId", "-1")): each.get("formatCode", "") for each in styles.iterfind("{*}numFmts/{*}numFmt")
    }
    return [codes.get(int(each.get("numFmtId", "0")), "General") for each in styles.iterfind("{*}cellXfs/{*}xf")]


def _read_cells(data: bytes, sheet: Sheet, look: _Look) -> None:
    tags = ("{*}row", "{*}col", "{*}mergeCell", *(f"{{*}}{pages}{margin}" for pages in _PAGES for margin in ("Header", "Footer")))
    parser = etree.iterparse(BytesIO(data), tag=tags, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    number = cells = 0
    try:
        for _, element in parser:
            if element.tag.endswith("}row"):
                number = int(element.get("r") or number + 1)
                if element.get("hidden") in _TRUE:
                    sheet.hidden_rows.add(number)
                cells += _read_row(element, number, sheet, look)
                refuse_if_larger(cells)
                element.clear()
            elif element.tag.endswith("}col") and element.get("hidden") in _TRUE:
                first, last = int(element.get("min", "1")), int(element.get("max", "1"))
                sheet.hidden_columns.update(range(first - 1, min(last, _MOST_COLUMNS)))
            elif element.tag.endswith(("Header", "Footer")):
                sheet.margins.append(" ".join(_MARGIN_CODE.sub(" ", element.text or "").split()))
            elif element.tag.endswith("}mergeCell") and (area := _area(element.get("ref", ""))):
                sheet.merged.append(area)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableFile(f"its XML is damaged ({error})") from None


def _read_row(element: etree._Element, number: int, sheet: Sheet, look: _Look) -> int:
    """Reads the cells of a row and returns their number."""
    column = -1
    cells = 0
    for cell in element.iterchildren("{*}c"):
        place = _CELL.fullmatch(cell.get("r", ""))
        column = _column(place[1]) if place else column + 1
        sheet.put(number, column, _shown(cell, look, sheet.notes))
        cells += 1
    return cells


def _shown(cell: etree._Element, look: _Look, notes: Counter[str]) -> str:
    """The text of a cell as it is shown."""
    kind = cell.get("t", "n")
    inline = cell.find("{*}is")
    if inline is not None:
        return _text(inline)
    value = cell.find("{*}v")
    if value is None or (not value.text and kind not in ("str", "s")):
        if cell.find("{*}f") is None:
            return ""
        notes["formulas without a saved value"] += 1
        return NO_VALUE
    source = value.text or ""
    style = int(cell.get("s") or 0)
    code = look.formats[style] if style < len(look.formats) else "General"
    if kind == "s":
        return shown_text(look.texts[int(source)], code) if int(source) < len(look.texts) else ""
    if kind == "b":
        return "TRUE" if source in _TRUE else "FALSE"
    if kind != "n":
        return shown_text(source, code) if kind == "str" else source.replace("T00:00:00", "")
    number = float(source)
    text = formatted(number) if code == "General" or not isfinite(number) else shown(number, code, from_1904=look.from_1904)
    notes["numbers hidden by their format"] += not text
    return text


def _comments(archive: ZipFile, part: str) -> Iterator[tuple[int | None, str]]:
    """Comments in the order of their cells. A conversation is read from its own part, which leaves no program's hint in it."""
    targets = relationships(archive, part)
    source = _part(targets, "threadedComment") or _part(targets, "comments")
    found: list[tuple[int, int, str]] = []
    for comment in xml(member(archive, source)).iter("{*}comment", "{*}threadedComment") if source else ():
        place = _CELL.fullmatch(comment.get("ref", ""))
        text = "".join(comment.itertext("{*}t", "{*}text")).strip()
        if place and text:
            found.append((int(place[2]), _column(place[1]), f"Comment on {place.group()}: {text}"))
    yield from ((row, text) for row, _, text in sorted(found, key=lambda each: each[:2]))


def _text_boxes(archive: ZipFile, part: str, sheet: Sheet) -> Iterator[str]:
    """The text in the drawings of a sheet and of SmartArt; pictures are counted. Charts show what the cells say."""
    for kind, drawing in relationships(archive, part).values():
        if kind == "drawing":
            targets = relationships(archive, drawing)
            sheet.notes["images without text"] += sum(each == "image" for each, _ in targets.values())
            for paragraph in xml(member(archive, drawing)).iter(f"{MAIN}p"):
                yield "".join(paragraph.itertext(f"{MAIN}t"))
            for each, data in targets.values():
                yield from diagram_texts(xml(member(archive, data))) if each == "diagramData" else ()


def _column(letters: str) -> int:
    column = 0
    for letter in letters:
        column = column * _LETTERS + ord(letter) - ord("A") + 1
    return column - 1


def _area(reference: str) -> tuple[int, int, int, int] | None:
    """First row, first column, last row and last column of "A1:B3"."""
    corners = [_CELL.fullmatch(corner) for corner in reference.split(":")]
    if len(corners) != 2 or corners[0] is None or corners[1] is None:
        return None
    first, last = corners[0], corners[1]
    return int(first[2]), _column(first[1]), int(last[2]), _column(last[1])
