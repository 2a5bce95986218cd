"""PDF files for the tests of reading them, drawn with reportlab, and how they are read."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate, Paragraph

from rag.loading.loader import load_document
from rag.records import Document

WIDTH, HEIGHT = A4
LEFT = 72

# Words are numbered in reading order (w0 w1 w2 ...), so that any mistake shows.
BODY = ParagraphStyle("body", fontName="Times-Roman", fontSize=10, leading=12, alignment=4, firstLineIndent=12)


def made(draw: Callable[[Canvas], object], **settings: Any) -> bytes:
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=A4, **settings)
    draw(canvas)
    canvas.save()
    return buffer.getvalue()


def lines(
    canvas: Canvas, texts: list[str], *, x: float = LEFT, y: float = HEIGHT - 100, size: float = 11, font: str = "Helvetica"
) -> float:
    """Draws lines below each other; returns the height of the next line."""
    canvas.setFont(font, size)
    for text in texts:
        canvas.drawString(x, y, text)
        y -= 1.25 * size
    return y


def page(*texts: str, **settings: object) -> bytes:
    return made(lambda canvas: lines(canvas, list(texts)), **settings)


def columns(texts: list[str], *, number: int, title: str = "") -> bytes:
    """Paragraphs that flow through columns, as a typesetting program would set them."""
    buffer = BytesIO()
    template = BaseDocTemplate(buffer, pagesize=A4)
    width = (WIDTH - 2 * LEFT - (number - 1) * 18) / number
    frames = [
        Frame(LEFT + i * (width + 18), 90, width, HEIGHT - 250, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0)
        for i in range(number)
    ]

    def head(canvas: Canvas, document: BaseDocTemplate) -> None:
        if title and document.page == 1:
            canvas.setFont("Helvetica-Bold", 20)
            canvas.drawCentredString(WIDTH / 2, HEIGHT - 110, title)

    template.addPageTemplates([PageTemplate(frames=frames, onPage=head)])
    template.build([Paragraph(text, BODY) for text in texts])
    return buffer.getvalue()


def numbered(count: int, *, start: int = 0) -> str:
    return " ".join(f"w{i}" + "x" * (i % 5) for i in range(start, start + count)) + "."


def blocks(document: Document) -> list[tuple[str, str]]:
    return [(block.kind, block.span.of(document.text)) for block in document.blocks]


def load(data: bytes) -> Document:
    return load_document("file.pdf", data)


def hebrew(text: str, *, apart: bool) -> bytes:
    """A PDF that shows the letters a, b, c, d but maps them to alef, bet, gimel, dalet."""
    meaning = "".join(f"<{ord(letter):02x}> <{0x5D0 + i:04x}>\n" for i, letter in enumerate("abcd"))
    cmap = f"/CIDInit /ProcSet findresource begin 12 dict begin begincmap 1 begincodespacerange <00> <ff> endcodespacerange 4 beginbfchar\n{meaning}endbfchar endcmap end end"
    drawn = (
        "BT /F 12 Tf 72 700 Td " + " ".join(f"({letter}) Tj" for letter in text) + " ET"
        if apart
        else f"BT /F 12 Tf 72 700 Td ({text}) Tj ET"
    )
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        f"<</Length {len(drawn)}>>stream\n{drawn}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>",
        f"<</Length {len(cmap)}>>stream\n{cmap}\nendstream",
    ]
    body = "".join(f"{number} 0 obj\n{content}\nendobj\n" for number, content in enumerate(objects, start=1))
    return f"%PDF-1.4\n{body}trailer<</Root 1 0 R/Size 7>>\n%%EOF".encode()
