"""Typesets two chapters of the handbook, written in `docs/handbook/`, as a PDF file and a Word document in `corpus/`.

    python docs/handbook_files.py

Needs reportlab, from the `test` extra. Equal text gives equal bytes.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import docx
from docx.oxml import OxmlElement
from docx.shared import Pt, RGBColor
from docx.text.paragraph import Paragraph as WordParagraph
from reportlab.graphics.charts.lineplots import LinePlot
from reportlab.graphics.shapes import Drawing, String
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_JUSTIFY
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    NextPageTemplate,
    PageTemplate,
    Paragraph,
    Table,
)

HERE = Path(__file__).parent
CORPUS = HERE.parent / "corpus"
HANDBOOK = "Open Handbook of Denervation"
AUTHORS = "The handbook’s authors"
WRITTEN = datetime(2026, 11, 21)

Block = tuple[str, str]  # kind and text; the rows of a table and the items of a list are lines


def blocks(text: str) -> Iterator[Block]:
    """Blocks separated by blank lines. Kinds: "1" to "3" (headings by level), "list", "steps", "table", "figure", "paragraph"."""
    for block in text.strip().split("\n\n"):
        if heading := re.match(r"(#{1,3}) (.*)", block):
            yield str(len(heading[1])), heading[2]
        elif block.startswith("- "):
            yield "list", re.sub(r"^- ", "", block, flags=re.M)
        elif block.startswith("1. "):
            yield "steps", re.sub(r"^\d+\. ", "", block, flags=re.M)
        elif block.startswith("| "):
            yield "table", block
        elif block.startswith("["):
            yield "figure", block[1:-1]
        else:
            yield "paragraph", block


def cells(table: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in table.splitlines()]


# The Word document


def to_word(text: str) -> bytes:
    document = docx.Document()
    title = ""
    for kind, content in blocks(text):
        if kind == "1":
            title = content
            document.add_paragraph(content, "Title")
        elif kind in "23":
            document.add_heading(content, int(kind) - 1)
        elif kind in ("list", "steps"):
            for item in content.splitlines():
                document.add_paragraph(item, "List Bullet" if kind == "list" else "List Number")
        elif kind == "table":
            _add_table(document, cells(content))
        else:
            document.add_paragraph(content)
    properties = document.core_properties
    properties.title, properties.author, properties.last_modified_by = title, AUTHORS, AUTHORS
    properties.subject, properties.comments = HANDBOOK, ""
    properties.created = properties.modified = WRITTEN
    properties.revision = 1
    _set_styles(document)
    buffer = BytesIO()
    document.save(buffer)
    return _with_fixed_dates(buffer.getvalue())


def _add_table(document: "docx.document.Document", rows: list[list[str]]) -> None:
    table = document.add_table(len(rows), len(rows[0]), "Light Grid Accent 1")
    for row, texts in zip(table.rows, rows, strict=True):
        for cell, content in zip(row.cells, texts, strict=True):
            cell.text = content
            _tighten(cell.paragraphs[0])
    table.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    document.add_paragraph()


def _tighten(paragraph: WordParagraph) -> None:
    paragraph.paragraph_format.space_after = Pt(2)
    for run in paragraph.runs:
        run.font.size = Pt(9.5)


def _set_styles(document: "docx.document.Document") -> None:
    styles = document.styles
    styles["Normal"].font.name, styles["Normal"].font.size = "Calibri", Pt(11)
    styles["Title"].font.size = Pt(22)
    for name in ("Heading 1", "Heading 2"):
        styles[name].font.color.rgb = RGBColor(0x1F, 0x4E, 0x5F)


def _with_fixed_dates(archive: bytes) -> bytes:
    """The same archive, with the same date for every member."""
    buffer = BytesIO()
    with ZipFile(BytesIO(archive)) as old, ZipFile(buffer, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            member = ZipInfo(name, WRITTEN.timetuple()[:6])
            member.compress_type = ZIP_DEFLATED
            new.writestr(member, old.read(name))
    return buffer.getvalue()


# The PDF file

GREEN, GREY, RED = HexColor("#1f4e5f"), HexColor("#666666"), HexColor("#b3541e")
MARGIN, GUTTER = 20 * mm, 8 * mm
WIDTH, HEIGHT = A4[0] - 2 * MARGIN, A4[1] - 2 * MARGIN
COLUMN = (WIDTH - GUTTER) / 2

BODY = ParagraphStyle("body", fontName="Times-Roman", fontSize=11.5, leading=15, alignment=TA_JUSTIFY, spaceAfter=7)
BODY.allowWidows = BODY.allowOrphans = 0
ITEM = ParagraphStyle("item", parent=BODY, leftIndent=12)
SMALL = ParagraphStyle("small", fontName="Helvetica", fontSize=8, leading=10.2)
CAPTION = ParagraphStyle("caption", parent=SMALL, textColor=GREEN, spaceBefore=4, spaceAfter=4)
TITLE = ParagraphStyle("title", fontName="Helvetica-Bold", fontSize=17, leading=21, textColor=GREEN, spaceAfter=6)
HEADINGS = {
    "2": ParagraphStyle("h2", parent=TITLE, fontSize=13, leading=16, spaceBefore=8, spaceAfter=4, keepWithNext=1),
    "3": ParagraphStyle(
        "h3", fontName="Helvetica-BoldOblique", fontSize=11, leading=14, spaceBefore=4, spaceAfter=2, keepWithNext=1
    ),
}
FOOTNOTE = "<super>1</super> Skin of 32 °C at the hand is warm enough; the temperature is written down even when it is."
TIMES_CAPTION = "<b>Table 1.</b> What is found below a complete cut of a nerve, by the time since the injury."
TIMES = """
| Time | Motor response | Sensory response | Needle at rest | Voluntary units |
| Days 0 to 2 | Full | Full | Silent | None |
| Days 3 to 5 | About half | Nearly full | Silent | None |
| Days 6 to 8 | Traces | About half | Silent | None |
| Days 9 to 14 | None | Traces, then none | First fibrillation close to the cut | None |
| Weeks 3 to 5 | None | None | Fibrillation everywhere below the cut | None |
| Months 3 to 6 | None, or small and late | None | Less fibrillation in the nearest muscles | Small and ragged |
| After a year | Larger, still late | Small or none | Sparse fibrillation | Long and high, few |
"""
# Where long technical words may be hyphenated.
HYPHENATED = """
ax-ons bi-ceps bra-chio-ra-di-al-is con-duc-tion dif-fer-ence elec-tro-di-ag-no-sis ex-am-i-na-tion ex-am-in-er
fib-ril-la-tion find-ings fore-arm in-jury le-sion me-di-an mus-cles nor-mal per-o-neal re-cord-ed re-cov-ery
re-cruit-ment re-in-ner-va-tion re-sponse re-spons-es sen-sory stim-u-la-tion sur-vive tem-per-a-ture tib-i-al-is
tri-ceps ul-nar
""".split()


def to_pdf(text: str) -> bytes:
    buffer = BytesIO()
    title = next(content for kind, content in blocks(text) if kind == "1")
    guide = _Guide(buffer, pagesize=A4, title=title, author=AUTHORS, subject=HANDBOOK, invariant=1)
    guide.addPageTemplates([_page("first", top=22 * mm, foot=13 * mm), _page("table", top=60 * mm), _page("plain")])
    guide.build([NextPageTemplate(["table", "*", "plain"]), *_flow(text)])
    return buffer.getvalue()


class _Guide(BaseDocTemplate):  # type: ignore[misc] # reportlab is untyped
    def afterFlowable(self, flowable: Flowable) -> None:  # name required by reportlab
        """Makes every heading a bookmark."""
        style = getattr(getattr(flowable, "style", None), "name", "")
        if style in ("h2", "h3"):
            self.canv.bookmarkPage(key := f"heading-{self.canv.getPageNumber()}-{flowable.getPlainText()}")
            self.canv.addOutlineEntry(flowable.getPlainText(), key, level=0 if style == "h2" else 1)


def _page(name: str, top: float = 0, foot: float = 0) -> PageTemplate:
    """Two columns, with space above them for a title or a table, and below the first for a footnote."""
    edges = {"leftPadding": 0, "rightPadding": 0, "topPadding": 0, "bottomPadding": 0}
    columns = [
        Frame(MARGIN, MARGIN + foot, COLUMN, HEIGHT - top - foot, **edges),
        Frame(MARGIN + COLUMN + GUTTER, MARGIN, COLUMN, HEIGHT - top, **edges),
    ]
    return PageTemplate(name, columns, onPage={"first": _draw_title, "table": _draw_table, "plain": _draw_head}[name])


def _draw_head(canvas: Canvas, guide: BaseDocTemplate) -> None:
    canvas.setFont("Helvetica", 8)
    canvas.setFillColor(GREY)
    canvas.drawString(MARGIN, A4[1] - 13 * mm, HANDBOOK)
    canvas.drawRightString(A4[0] - MARGIN, A4[1] - 13 * mm, f"Electrodiagnosis pocket guide  |  {guide.page}")
    canvas.drawCentredString(A4[0] / 2, 11 * mm, str(guide.page))


def _draw_title(canvas: Canvas, guide: BaseDocTemplate) -> None:
    _draw_head(canvas, guide)
    top = _draw(Paragraph(guide.title, TITLE), canvas, A4[1] - MARGIN)
    top = _draw(Paragraph(f"{AUTHORS}. A pocket guide.", BODY), canvas, top - 6)
    canvas.setStrokeColor(GREEN)
    canvas.line(MARGIN, top - 6, A4[0] - MARGIN, top - 6)
    canvas.setStrokeColor(GREY)
    canvas.line(MARGIN, MARGIN + 9 * mm, MARGIN + 25 * mm, MARGIN + 9 * mm)
    _draw(Paragraph(FOOTNOTE, SMALL), canvas, MARGIN + 8 * mm, COLUMN)


def _draw_table(canvas: Canvas, guide: BaseDocTemplate) -> None:
    _draw_head(canvas, guide)
    top = _draw(Paragraph(TIMES_CAPTION, CAPTION), canvas, A4[1] - MARGIN) - 4
    first, *others = cells(TIMES.strip())
    rows = [[Paragraph(f"<b>{cell}</b>", SMALL) for cell in first]]
    rows += [[Paragraph(cell, SMALL) for cell in row] for row in others]
    lines = [("GRID", (0, 0), (-1, -1), 0.4, GREY), ("BACKGROUND", (0, 0), (-1, 0), HexColor("#e3edf0"))]
    lines += [("VALIGN", (0, 0), (-1, -1), "TOP"), ("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 3)]
    _draw(Table(rows, [WIDTH * share for share in (0.14, 0.2, 0.17, 0.32, 0.17)], style=lines), canvas, top)


def _draw(flowable: Flowable, canvas: Canvas, top: float, width: float = WIDTH) -> float:
    """Draws a flowable with its upper edge at `top`; returns its lower edge."""
    height: float = flowable.wrapOn(canvas, width, HEIGHT)[1]
    flowable.drawOn(canvas, MARGIN, top - height)
    return top - height


def _flow(text: str) -> Iterator[Flowable]:
    for kind, content in blocks(text):
        if kind in "23":
            yield Paragraph(content, HEADINGS[kind])
        elif kind == "figure":
            yield KeepTogether([_figure(), Paragraph(re.sub(r"^(Figure \d\.)", r"<b>\1</b>", content), CAPTION)])
        elif kind == "list":
            yield from (Paragraph(_with_soft_hyphens(item), ITEM, bulletText="•") for item in content.splitlines())
        elif kind == "paragraph":
            yield Paragraph(_with_soft_hyphens(content).replace("[1]", "<super>1</super>"), BODY)


def _with_soft_hyphens(text: str) -> str:
    for word in HYPHENATED:
        text = re.sub(rf"\b{word.replace('-', '')}\b", word.replace("-", "\u00ad"), text)
    return text.replace("&", "&amp;")


def _figure() -> Drawing:
    drawing = Drawing(COLUMN, 128)
    plot = LinePlot()
    plot.x, plot.y, plot.width, plot.height = 34, 30, COLUMN - 46, 86
    motor = [(0, 100), (2, 98), (3, 75), (4, 50), (6, 20), (8, 4), (9, 0), (14, 0)]
    sensory = [(0, 100), (4, 98), (5, 88), (7, 50), (9, 15), (10, 4), (11, 0), (14, 0)]
    plot.data = [motor, sensory]
    for line, colour in zip((plot.lines[0], plot.lines[1]), (GREEN, RED), strict=True):
        line.strokeColor, line.strokeWidth = colour, 1.6
    plot.lines[1].strokeDashArray = (4, 2)
    for axis, end, step in ((plot.xValueAxis, 14, 2), (plot.yValueAxis, 100, 25)):
        axis.valueMin, axis.valueMax, axis.valueStep = 0, end, step
        axis.labels.fontName, axis.labels.fontSize = "Helvetica", 7
    drawing.add(plot)
    labels = [
        (34, 120, "Amplitude (%)", GREY),
        (108, 6, "Days after the cut", GREY),
        (58, 52, "motor", GREEN),
        (146, 82, "sensory", RED),
    ]
    for x, y, label, colour in labels:
        drawing.add(String(x, y, label, fontName="Helvetica", fontSize=8, fillColor=colour))
    return drawing


def main() -> None:
    guide, plan = "electrodiagnosis-pocket-guide", "rehabilitation-plan-after-nerve-repair"
    (CORPUS / f"{guide}.pdf").write_bytes(to_pdf((HERE / "handbook" / f"{guide}.md").read_text(encoding="utf-8")))
    (CORPUS / f"{plan}.docx").write_bytes(to_word((HERE / "handbook" / f"{plan}.md").read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
