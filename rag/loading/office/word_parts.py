"""The parts of a Word document besides its body: notes, comments, headers and footers, charts, SmartArt and pictures."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from docx.document import Document as WordDocument
from docx.oxml.ns import qn
from lxml import etree

from rag.loading.blocks import Piece
from rag.loading.office.archives import xml
from rag.loading.office.drawings import CHART, DIAGRAM, alternative_text, chart_pieces, diagram_texts

_RELATIONSHIP = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_NOTES = {"footnote": "/word/footnotes.xml", "endnote": "/word/endnotes.xml", "comment": "/word/comments.xml"}
_DESCRIBED = ("}docPr", "}cNvPr")  # the ends of the names of elements that can have an alternative text
_VML = "{urn:schemas-microsoft-com:vml}"
OLD_PICTURES = {f"{_VML}imagedata", f"{_VML}textpath"}
"""Pictures and drawn text, such as watermarks, in the format of Word before 2010."""
_BLIP = "{http://schemas.openxmlformats.org/drawingml/2006/main}blip"
_MARGINS = ("header", "footer")


class WordParts:
    def __init__(self, document: WordDocument) -> None:
        self._part = document.part
        parts = {str(part.partname): part for part in document.part.package.iter_parts()}
        self._notes = {
            (qn(f"w:{kind}Reference"), note.get(qn("w:id"))): note
            for kind, name in _NOTES.items()
            if name in parts
            for note in xml(parts[name].blob).iter(qn(f"w:{kind}"))
        }
        self.numbering = xml(parts["/word/numbering.xml"].blob) if "/word/numbering.xml" in parts else None
        self._sections = list(document.element.body.iter(qn("w:sectPr")))

    def note(self, reference: etree._Element) -> etree._Element | None:
        """The footnote, endnote or comment that a mark in the text refers to."""
        return self._notes.get((reference.tag, reference.get(qn("w:id"))))

    def margins(self) -> Iterator[etree._Element]:
        """Each header and footer that a section uses, once, in the order of the sections."""
        seen: set[str] = set()
        # A section takes over the header of an earlier one unless it has its own.
        has_first_page = any(section.find(qn("w:titlePg")) is not None for section in self._sections)
        for kind in _MARGINS:
            for section in self._sections:
                for reference in section.iterchildren(qn(f"w:{kind}Reference")):
                    if reference.get(qn("w:type")) == "first" and not has_first_page:
                        continue
                    identifier = reference.get(f"{_RELATIONSHIP}id", "")
                    part = self._target(identifier)
                    if identifier not in seen and part is not None:
                        seen.add(identifier)
                        yield xml(part.blob)

    def drawing(self, element: etree._Element, left_out: Counter[str]) -> Iterator[Piece]:
        """The chart, SmartArt or alternative text of a drawing. A picture without text is counted."""
        described = (each for each in element.iter() if isinstance(each.tag, str) and each.tag.endswith(_DESCRIBED))
        texts = dict.fromkeys(map(alternative_text, described))
        texts.pop("", None)
        chart = next(element.iter(f"{CHART}chart"), None)
        diagram = next(element.iter(f"{DIAGRAM}relIds"), None)
        yield from (Piece("paragraph", text) for text in texts)
        if chart is not None:
            part = self._target(chart.get(f"{_RELATIONSHIP}id", ""))
            pieces = chart_pieces(xml(part.blob)) if part is not None else []
            left_out["charts without data"] += not pieces
            yield from pieces
        elif diagram is not None:
            part = self._target(diagram.get(f"{_RELATIONSHIP}dm", ""))
            items = diagram_texts(xml(part.blob)) if part is not None else []
            left_out["SmartArt without text"] += not items
            yield from (Piece("item", item) for item in items)
        elif not texts and next(element.iter(_BLIP), None) is not None and next(element.iter(qn("w:txbxContent")), None) is None:
            left_out["images without text"] += 1

    def _target(self, identifier: str) -> Any:
        relationship = self._part.rels.get(identifier)
        return None if relationship is None or relationship.is_external else relationship.target_part


def old_picture(element: etree._Element, left_out: Counter[str]) -> Iterator[Piece]:
    text = (element.get("string") or element.getparent().get("alt") or "").strip()
    if text:
        yield Piece("paragraph", text)
    else:
        left_out["images without text"] += 1
