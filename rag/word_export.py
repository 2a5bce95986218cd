"""Conversations as Word documents: each quote with its source in a footnote."""

import re
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from docx import Document
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml.ns import qn
from docx.shared import Pt, RGBColor
from lxml import etree

from rag.answering.wording import abstention_notes, abstention_text, in_plain_words, place
from rag.records import Answer, Citation

QUIET = RGBColor(0x5C, 0x65, 0x70)
LEAD, QUOTE, SMALL = Pt(14), Pt(12), Pt(9)
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_FOOTNOTES = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # characters that XML does not have


def conversation_word(title: str, answers: Sequence[Answer], foot: str, date: str = "") -> bytes:
    """A .docx file; `foot` is its last paragraph, `date` says when the conversation was held."""
    document, notes = Document(), _Footnotes()
    document.add_heading(_writable(title), level=0)
    if date:
        _small(document, date)
    for answer in answers:
        _add_answer(document, notes, answer)
    _small(document, foot)
    document.core_properties.title = _writable(title)[:255]  # the longest that Word takes
    document.core_properties.author = ""
    document.part.relate_to(Part(PackURI("/word/footnotes.xml"), _FOOTNOTES, notes.xml(), document.part.package), _RELATION)
    file = BytesIO()
    document.save(file)
    return file.getvalue()


class _Footnotes:
    """The part of a Word document that python-docx does not write."""

    def __init__(self) -> None:
        self._root = etree.Element(_tag("footnotes"), nsmap={"w": _WORD})
        for id, kind in ((-1, "separator"), (0, "continuationSeparator")):
            note = self._add(id)
            note.getparent().set(_tag("type"), kind)
            etree.SubElement(etree.SubElement(note, _tag("r")), _tag(kind))
        self._number = 0

    def add(self, text: str) -> int:
        """The id of a new footnote."""
        self._number += 1
        paragraph = self._add(self._number)
        mark = etree.SubElement(paragraph, _tag("r"))
        etree.SubElement(etree.SubElement(mark, _tag("rPr")), _tag("vertAlign")).set(_tag("val"), "superscript")
        etree.SubElement(mark, _tag("footnoteRef"))
        words = etree.SubElement(etree.SubElement(paragraph, _tag("r")), _tag("t"))
        words.text = f" {_writable(text)}"
        words.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
        return self._number

    def _add(self, id: int) -> Any:
        note = etree.SubElement(self._root, _tag("footnote"))
        note.set(_tag("id"), str(id))
        return etree.SubElement(note, _tag("p"))

    def xml(self) -> bytes:
        data: bytes = etree.tostring(self._root, xml_declaration=True, encoding="UTF-8", standalone=True)
        return data


def _add_answer(document: Any, notes: _Footnotes, answer: Answer) -> None:
    document.add_heading(_writable(answer.question), level=1)
    if answer.abstained:
        for line in (abstention_text(answer), *abstention_notes(answer)):
            document.add_paragraph(_writable(line))
        return
    citations = {citation.number: citation for citation in answer.citations}
    lead = True
    for sentence in answer.sentences:
        citation = citations[sentence.citation]
        run = document.add_paragraph().add_run(_writable(sentence.text))
        run.font.size = LEAD if lead and not sentence.context else QUOTE
        if sentence.context:
            run.font.color.rgb = QUIET
        if citation.number not in answer.header_numbers:
            _refer(run, notes.add(_source(citation)))
        lead = lead and sentence.context
    _small(document, in_plain_words(answer))


def _refer(run: Any, id: int) -> None:
    """Puts the number of a footnote after a run."""
    mark = run._r.makeelement(qn("w:r"))
    run._r.addnext(mark)
    etree.SubElement(etree.SubElement(mark, _tag("rPr")), _tag("vertAlign")).set(_tag("val"), "superscript")
    etree.SubElement(mark, _tag("footnoteReference")).set(_tag("id"), str(id))


def _source(citation: Citation) -> str:
    return f"{citation.title}, {place(citation.document_id, citation.page, citation.headings)}"


def _small(document: Any, text: str) -> None:
    run = document.add_paragraph().add_run(_writable(text))
    run.font.size, run.font.color.rgb = SMALL, QUIET


def _tag(name: str) -> str:
    return f"{{{_WORD}}}{name}"


def _writable(text: str) -> str:
    return _UNWRITABLE.sub("\ufffd", text)
