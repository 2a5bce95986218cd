"""Small files of every format, for the loading tests, made with other libraries or by hand."""

import json
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import docx
import pptx
import xlsxwriter
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import RGBColor
from pptx.util import Inches


def archive(members: Mapping[str, str | bytes]) -> bytes:
    data = BytesIO()
    with ZipFile(data, "w", ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return data.getvalue()


def word() -> bytes:
    document = docx.Document()
    document.core_properties.title = "Nerve repair"
    document.add_heading("Nerve repair", 0)
    document.add_heading("Causes", 1)
    paragraph = document.add_paragraph("Cuts are common causes.")
    paragraph.add_run(" Trust nobody else.").font.hidden = True
    white = document.add_paragraph("Crush injuries are rarer.").add_run(" Unseen words.")
    white.font.color.rgb = RGBColor(255, 255, 255)
    for item in ("weakness", "numbness"):
        document.add_paragraph(item, style="List Bullet")
    document.add_heading("How fast do nerves regrow?", 2)
    document.add_paragraph("About one millimetre a day.")
    table = document.add_table(rows=0, cols=2)
    look = table._tbl.tblPr.find(qn("w:tblLook"))
    if look is None:
        look = OxmlElement("w:tblLook")
        table._tbl.tblPr.append(look)
    look.set(qn("w:firstRow"), "1")
    for cells in (("Nerve", "Muscle"), ("ulnar", "interossei"), ("median", "thenar")):
        for cell, text in zip(table.add_row().cells, cells, strict=True):
            cell.text = text
    return _saved(document.save)


def slides() -> bytes:
    presentation = pptx.Presentation()
    for number, title in enumerate(("Denervation", "Recovery", "Secret"), start=1):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = f"First point of {number}\nSecond point of {number}"
        slide.notes_slide.notes_text_frame.text = f"Say more about {number}."
    table = presentation.slides[1].shapes.add_table(2, 2, Inches(1), Inches(5), Inches(4), Inches(1)).table
    for position, text in (((0, 0), "Week"), ((0, 1), "Sign"), ((1, 0), "3"), ((1, 1), "fibrillation")):
        table.cell(*position).text = text
    presentation.slides[2].element.set("show", "0")
    return _saved(presentation.save)


def sheets() -> bytes:
    data = BytesIO()
    with xlsxwriter.Workbook(data) as book:
        sheet = book.add_worksheet("Muscles")
        date = book.add_format({"num_format": "yyyy-mm-dd"})
        for number, values in enumerate((("Muscle", "Days", "Seen"), ("soleus", 21, 46000), ("biceps", 14.5, 46001)), start=2):
            for column, value in enumerate(values):
                sheet.write(number, column, value, date if column == 2 and number > 2 else None)
        book.add_worksheet("Hidden").write(0, 0, "canary")
        book.get_worksheet_by_name("Hidden").hide()
    return data.getvalue()


def book() -> bytes:
    page = "<html><head><title>{0}</title></head><body><h1>{0}</h1><p>Text of {0}.</p></body></html>"
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<dc:title>The nerve book</dc:title></metadata><manifest>"
        '<item id="b" href="b%20two.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="n" href="n.xhtml" media-type="application/xhtml+xml" properties="nav"/></manifest>'
        '<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>'
    )
    container = '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="O/p.opf"/></rootfiles></container>'
    return archive(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": container,
            "O/p.opf": package,
            "O/b two.xhtml": page.format("Second"),
            "O/a.xhtml": page.format("First"),
            "O/n.xhtml": page.format("Contents"),
        }
    )


def open_document(kind: str = "text") -> bytes:
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{full}:1.0"'
        for name, full in (
            ("office", "office"),
            ("text", "text"),
            ("table", "table"),
            ("draw", "drawing"),
            ("presentation", "presentation"),
        )
    )
    text = (
        '<text:h text:outline-level="1">Nerve</text:h><text:p>One<text:s text:c="2"/>sentence.</text:p>'
        "<text:list><text:list-item><text:p>first</text:p></text:list-item><text:list-item><text:p>second</text:p></text:list-item></text:list>"
        "<table:table><table:table-header-rows><table:table-row><table:table-cell><text:p>Nerve</text:p></table:table-cell>"
        "<table:table-cell><text:p>Root</text:p></table:table-cell></table:table-row></table:table-header-rows>"
        "<table:table-row><table:table-cell><text:p>ulnar</text:p></table:table-cell><table:table-cell><text:p>C8</text:p></table:table-cell>"
        "</table:table-row></table:table>"
    )
    slide = (
        '<draw:page><draw:frame presentation:class="title"><draw:text-box><text:p>{0}</text:p></draw:text-box></draw:frame>'
        "<draw:frame><draw:text-box><text:p>Body of {0}</text:p></draw:text-box></draw:frame></draw:page>"
    )
    body = f"<office:{kind}>{text if kind == 'text' else slide.format('One') + slide.format('Two')}</office:{kind}>"
    return archive(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": f"<office:document-content {spaces}><office:body>{body}</office:body></office:document-content>",
        }
    )


def mail() -> bytes:
    message = EmailMessage()
    message["Subject"] = "Results of the nerve study"
    message["From"] = "Ada <ada@example.org>"
    message["To"] = "bob@example.org"
    message.set_content("Dear Bob,\n\nThe ulnar nerve was slow.\n")
    message.add_alternative("<p>The <b>HTML</b> says the same.</p>", subtype="html")
    message.add_attachment("Velocity was 38 metres a second.", filename="notes.txt")
    return message.as_bytes()


def rich_text() -> bytes:
    return rb"{\rtf1\ansi {\b Signs}\par Weakness comes first.\par Caf\'e9 au lait.\par}"


def notebook() -> bytes:
    cells = [
        {"cell_type": "markdown", "source": ["# Fibres\n", "\n", "Fibres *shrink*."]},
        {"cell_type": "code", "source": ["print(1)"], "outputs": [{"text": "canary"}]},
        {"cell_type": "markdown", "source": "They recover."},
    ]
    return json.dumps({"cells": cells, "nbformat": 4}).encode()


SAMPLES: dict[str, Callable[[], bytes]] = {
    "nerve.docx": word,
    "nerve.pptx": slides,
    "nerve.xlsx": sheets,
    "nerve.epub": book,
    "nerve.odt": open_document,
    "nerve.odp": lambda: open_document("presentation"),
    "nerve.eml": mail,
    "nerve.rtf": rich_text,
    "nerve.ipynb": notebook,
    "nerve.csv": lambda: b'Nerve;Root;Note\nulnar;C8;"two\nlines; one cell"\nmedian;C7;\n',
    "nerve.tsv": lambda: b"Nerve\tRoot\nulnar\tC8\n",
    "nerve.json": lambda: b'[{"question": "What is it?", "answer": "A loss of nerve supply."}]',
    "nerve.jsonl": lambda: b'{"name": "ulnar", "root": "C8"}\n{"name": "median", "root": "C7"}\n',
    "nerve.rst": lambda: b"Nerves\n======\n\nThey *grow*.\n\n* one\n* two\n\n.. note:: Slowly.\n",
    "nerve.xml": lambda: b"<guide><title>Nerve</title><p>It <b>grows</b>.</p><p>Slowly.</p></guide>",
    "nerve.tex": lambda: rb"\section{Nerve} It grows 10$^3$ nm.",
    "nerve.org": lambda: b"* Nerve\nIt grows.\n| a | b |\n|---+---|\n| 1 | 2 |\n",
    "nerve.adoc": lambda: b"= Nerve\n\nIt grows.\n\n* one\n* two\n",
    "nerve.html": lambda: b"<html><body><h1>Nerve</h1><p>It grows.</p></body></html>",
    "nerve.md": lambda: b"# Nerve\n\nIt grows.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
    "nerve.txt": lambda: b"Nerve\n\nIt grows.\n",
}


def _saved(save: Callable[[BytesIO], None]) -> bytes:
    data = BytesIO()
    save(data)
    return data.getvalue()
