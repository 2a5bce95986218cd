"""OpenDocument texts and presentations; in presentations `page` is the slide's number."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from zipfile import ZipFile

from lxml import etree

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, Piece, assemble
from rag.loading.office.archives import member, open_archive, refuse_encrypted_parts, xml
from rag.loading.office.drawings import description
from rag.loading.office.left_out import notes_of, parts_left_out
from rag.loading.office.open_document_objects import object_pieces
from rag.loading.office.open_document_styles import Counts, Styles, name
from rag.loading.office.open_document_text import cell_text, merged_cells, paragraphs, table_rows, text_of
from rag.loading.office.page_margins import margin_pieces
from rag.loading.table_rows import table

_NOT_TEXT = {
    name(each)
    for each in (
        *("text:tracked-changes", "text:note-citation", "office:forms", "svg:title", "svg:desc"),
        *("text:table-of-content", "text:alphabetical-index", "text:illustration-index", "text:bibliography"),
    )
}
_MARGINS = ("header", "header-left", "header-first", "footer", "footer-left", "footer-first")
_CONTENT_OF_FRAMES = ("draw:text-box", "table:table")  # an image next to them is a preview
_TABLE_HEADING = "Table_20_Heading"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk is: the slide, and the list with its level (0 outside all lists) and the number to be written."""

    page: int | None = None
    style: str = ""
    level: int = 0
    label: str = ""
    counts: Counts | None = None


def read(data: bytes) -> ParsedFile:
    with open_archive(data) as archive:
        refuse_encrypted_parts(archive)
        names = archive.namelist()
        content = xml(member(archive, "content.xml"))
        styles = xml(member(archive, "styles.xml")) if "styles.xml" in names else None
        meta = xml(member(archive, "meta.xml")) if "meta.xml" in names else None
        body = next(content.iter(name("office:body")), None)
        if body is None:
            raise UnreadableFile("it contains no document body")
        walk = _Walk(archive, Styles([content, *([styles] if styles is not None else [])]))
        pieces = list(walk.blocks(body, _Place()))
        around = list(margin_pieces(walk.margins(styles))) if styles is not None and walk.slides == 0 else []
        counts = walk.left_out + parts_left_out(archive)
    titles = meta.iter(name("dc:title")) if meta is not None else iter(())
    title = next((element.text for element in titles if element.text), None)
    first_heading = next((piece.text for piece in pieces if piece.kind == "heading" and piece.level == 1), None)
    return assemble(title or first_heading, [*pieces, *around], notes_of(counts))


class _Walk:
    """Walks through the elements of a document in order, each once."""

    def __init__(self, archive: ZipFile, styles: Styles) -> None:
        self._archive, self._styles = archive, styles
        self._headings = Counts()
        self._lists: dict[str, Counts] = {}
        self.left_out: Counter[str] = Counter()
        self.slides = 0

    def blocks(self, parent: etree._Element, place: _Place) -> Iterator[Piece]:
        for element in parent:
            tag = element.tag
            if tag == name("text:tracked-changes"):
                self.left_out["tracked deletions left out"] += sum(1 for _ in element.iter(name("text:deletion")))
            if not isinstance(tag, str) or tag in _NOT_TEXT:
                continue
            if tag == name("draw:page"):
                yield from self._slide(element)
            elif tag == name("text:h"):
                yield from self._heading(element, place)
            elif tag == name("text:p"):
                yield self._paragraph(element, place)
                yield from self._anchored(element, place)
            elif tag == name("text:list"):
                yield from self._list(element, place)
            elif tag == name("table:table"):
                yield from self._table(element, place)
            elif tag == name("draw:frame"):
                yield from self._frame(element, place)
            elif tag == name("office:annotation"):
                yield self._comment(element, place)
            elif element.get(name("text:display")) == "none":
                self.left_out["hidden sections left out"] += 1
            else:
                yield from self.blocks(element, place)

    def margins(self, styles: etree._Element) -> Iterator[Piece]:
        pages = list(styles.iter(name("style:master-page")))
        for part in (part for kind in _MARGINS for page in pages for part in page.iterchildren(name(f"style:{kind}"))):
            yield from self.blocks(part, _Place())

    def _slide(self, element: etree._Element) -> Iterator[Piece]:
        self.slides += 1
        style = element.get(name("draw:style-name"), "")
        if self._styles.property(style, "drawing-page-properties", "presentation:visibility") == "hidden":
            self.left_out["hidden slides left out"] += 1
        else:
            yield from self.blocks(element, _Place(page=self.slides))

    def _heading(self, element: etree._Element, place: _Place) -> Iterator[Piece]:
        source = element.get(name("text:outline-level"), "1")
        level = min(max(int(source), 1), 10) if source.isdecimal() else 1
        label = place.label
        if not place.level and element.get(name("text:is-list-header")) != "true":
            label = self._styles.heading_label(self._headings.next(level, self._styles.heading_start(level)))
        text = text_of(element, self._styles)
        yield Piece("heading", f"{label} {text}".strip() if text.strip() else "", level=min(6, level), page=place.page)
        yield from self._anchored(element, replace(place, label=""))

    def _paragraph(self, element: etree._Element, place: _Place) -> Piece:
        style = self._styles.named(element.get(name("text:style-name"), ""))
        text = text_of(element, self._styles)
        if style in ("Title", "Subtitle"):
            return Piece("heading", text, level=1 if style == "Title" else 2, page=place.page)
        text = f"{place.label} {text.lstrip()}" if place.label and text.strip() else text
        return Piece("item" if place.level else "paragraph", text, page=place.page)

    def _anchored(self, element: etree._Element, place: _Place) -> Iterator[Piece]:
        """Notes, comments and frames of a paragraph, in their order. What a frame holds belongs to the frame."""
        outside = _Place(page=place.page)
        for child in element:
            if child.tag == name("text:note"):
                for body in child.iterchildren(name("text:note-body")):
                    yield from self.blocks(body, outside)
            elif child.tag == name("draw:frame"):
                yield from self._frame(child, outside)
            elif child.tag == name("office:annotation"):
                yield self._comment(child, outside)
            elif isinstance(child.tag, str):
                yield from self._anchored(child, outside)

    def _comment(self, element: etree._Element, place: _Place) -> Piece:
        """An item, because a question in a comment is not answered below it."""
        author = element.findtext(name("dc:creator"))
        text = " ".join(text_of(paragraph, self._styles) for paragraph in paragraphs(element)).strip()
        by = f"Comment by {author}" if author else "Comment"
        return Piece("item", f"{by}: {text}" if text else "", page=place.page)

    def _list(self, element: etree._Element, place: _Place) -> Iterator[Piece]:
        """A list continues the numbers of the last one in its style if it says so; a list in a list begins anew."""
        style = element.get(name("text:style-name")) or place.style
        level = place.level + 1
        counts = place.counts
        if counts is None:
            continues = element.get(name("text:continue-numbering")) == "true" or element.get(name("text:continue-list"))
            counts = self._lists.get(style, Counts()) if continues else Counts()
            self._lists[style] = counts
        for item in element.iterchildren(name("text:list-item"), name("text:list-header")):
            label = self._number(item, style, min(level, 10), counts)
            for child in item:
                inner = _Place(place.page, style, level, label, counts)
                if child.tag in (name("text:p"), name("text:h")):
                    label = ""  # only the first paragraph of an item has the number
                yield from self.blocks([child], inner)

    def _number(self, item: etree._Element, style: str, level: int, counts: Counts) -> str:
        first = next((child for child in item if isinstance(child.tag, str)), None)
        if item.tag == name("text:list-header") or first is None or first.tag == name("text:list"):
            return ""
        start = item.get(name("text:start-value"))
        numbers = counts.set(level, int(start)) if start else counts.next(level, self._styles.list_start(style, level))
        return self._styles.list_label(style, numbers)

    def _table(self, element: etree._Element, place: _Place) -> Iterator[Piece]:
        rows = merged_cells(element, self._cell)
        elements = list(table_rows(element))
        marked = sum(header for _, _, header in elements)
        if not marked and len(rows) > 1:
            headings = {self._styles.named(p.get(name("text:style-name"), "")) for p in paragraphs(elements[0][0])}
            marked = int(headings == {_TABLE_HEADING} or element.get(name("table:use-first-row-styles")) == "true")
        yield from table(rows, header_rows=marked, page=place.page)

    def _cell(self, element: etree._Element) -> str:
        """All that a cell holds on one line: its notes and comments too, but of tables in it only the paragraphs."""
        if next(element.iter(name("table:table")), None) is not None:
            return cell_text(element, self._styles)
        return " ".join(piece.text for piece in self.blocks(element, _Place()) if piece.text)

    def _frame(self, element: etree._Element, place: _Place) -> Iterator[Piece]:
        if element.get(name("presentation:class")) == "title":
            text = " ".join(text_of(paragraph, self._styles) for paragraph in paragraphs(element))
            yield Piece("heading", text, level=2, page=place.page)
            return
        described = description(element.findtext(name("svg:desc")) or element.findtext(name("svg:title")))
        yield Piece("paragraph", described, page=place.page)
        content = list(element.iterchildren(name("draw:object")))
        if content:
            yield from object_pieces(self._archive, content[0], self._styles, self.left_out, place.page)
        elif element.find(name("draw:image")) is not None and all(
            element.find(name(each)) is None for each in _CONTENT_OF_FRAMES
        ):
            self.left_out["images without text"] += not described
        else:
            yield from self.blocks(element, place)
