"""PDFs: reading order, structure, tables, hidden text, scans, and marks on page images."""

import os
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate, Paragraph

from rag.errors import UnreadableFile
from rag.loading.loader import load_document
from rag.loading.pdf.extraction import read
from rag.loading.pdf.page_images import PageQuote, page_image
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


@pytest.mark.parametrize("number", [1, 2, 3])
def test_columns_are_read_one_after_another(number: int) -> None:
    texts = [numbered(150, start=150 * i) for i in range(12)]
    document = load(columns(texts, number=number, title="A title over all of the columns"))
    assert blocks(document) == [("heading", "A title over all of the columns"), *(("paragraph", text) for text in texts)]


def test_a_paragraph_across_pages_knows_the_page_of_each_position() -> None:
    text = numbered(3000)
    document = load(columns([text], number=2))
    (block,) = document.blocks
    assert block.span.of(document.text) == text
    with pypdfium2.PdfDocument(columns([text], number=2)) as file:
        first_words = [re.search(r"w\d+x*", shown.get_textpage().get_text_range())[0] for shown in file]  # type: ignore[index]
    assert len(first_words) > 1
    for number, word in enumerate(first_words, start=1):
        position = re.search(rf"\b{word}\b", document.text).start()  # type: ignore[union-attr]
        assert block.page_at(position) == number
        if number > 1:
            assert block.page_at(position - 1) == number - 1


def test_words_divided_at_line_ends_are_joined() -> None:
    document = load(
        page(
            "A nerve that was cut at the wrist regen-",
            "erates from the cut towards the hand, a well-",
            "known fact of long standing, which is well-known to sur-",
            "geons. They sew.",
        )
    )
    assert document.text == (
        "A nerve that was cut at the wrist regenerates from the cut towards the hand, a well-known fact of long standing, "
        "which is well-known to surgeons. They sew."
    )


def test_running_heads_feet_and_page_numbers_are_left_out() -> None:
    def draw(canvas: Canvas) -> None:
        for number in range(1, 5):
            canvas.setFont("Helvetica", 9)
            canvas.drawString(LEFT, HEIGHT - 40, f"Report on nerves, part {number}")
            canvas.drawCentredString(WIDTH / 2, 30, f"Page {number} of 4")
            lines(canvas, [f"Sentence {name} stands here." for name in ("alpha", "beta", "gamma", "delta")[number - 1 : number]])
            canvas.showPage()

    document = load(made(draw))
    assert [text for _, text in blocks(document)] == [
        f"Sentence {name} stands here." for name in ("alpha", "beta", "gamma", "delta")
    ]
    assert [block.page for block in document.blocks] == [1, 2, 3, 4]


def test_the_only_line_of_a_page_is_not_a_running_head() -> None:
    def draw(canvas: Canvas) -> None:
        for number in (1, 2, 3):
            canvas.drawString(LEFT, HEIGHT - 40, f"Chart {number}")
            canvas.showPage()

    assert load(made(draw)).text == "Chart 1\n\nChart 2\n\nChart 3"


def structured(canvas: Canvas) -> None:
    y = lines(canvas, ["The healing of nerves"], size=20, font="Helvetica-Bold")
    y = lines(canvas, ["1 Introduction"], y=y - 12, size=14)
    y = lines(
        canvas,
        ["Nerves heal slowly after a cut, which is known to all who treat them, and of", "which much was written."],
        y=y - 8,
    )
    y = lines(canvas, ["1.1 Time"], y=y - 12, size=11, font="Helvetica-Bold")
    y = lines(
        canvas,
        [
            "They grow a millimetre a day.",
            "• the hand takes a year, if the cut is at the wrist and the patient",
            "  is young",
            "• the foot takes two",
        ],
        y=y - 8,
    )
    lines(canvas, ["Figure 2: Growth of a nerve.", "A new paragraph follows it here."], y=y - 8)


def test_headings_items_and_captions() -> None:
    document = load(made(structured))
    assert blocks(document) == [
        ("heading", "The healing of nerves"),
        ("heading", "1 Introduction"),
        ("paragraph", "Nerves heal slowly after a cut, which is known to all who treat them, and of which much was written."),
        ("heading", "1.1 Time"),
        ("paragraph", "They grow a millimetre a day."),
        ("item", "• the hand takes a year, if the cut is at the wrist and the patient is young"),
        ("item", "• the foot takes two"),
        ("paragraph", "Figure 2: Growth of a nerve."),
        ("paragraph", "A new paragraph follows it here."),
    ]
    assert [block.level for block in document.blocks if block.kind == "heading"] == [1, 2, 3]
    assert document.title == "The healing of nerves"


def test_a_caption_is_separate_from_the_text_above_it() -> None:
    text = "The growth of a nerve is shown by the next figure, which stands close to this line and"
    assert blocks(load(page(text, "Figure 2: Growth of a nerve in the hand, from the wrist to the tip of the thumb."))) == [
        ("paragraph", text),
        ("paragraph", "Figure 2: Growth of a nerve in the hand, from the wrist to the tip of the thumb."),
    ]


def test_heading_levels_come_from_the_outline() -> None:
    def draw(canvas: Canvas) -> None:
        for level, (name, text) in enumerate((("One", "First text is here."), ("Two", "Second text is here."))):
            canvas.bookmarkPage(name)
            canvas.addOutlineEntry(f"Part {name}", name, level)
            lines(canvas, [f"Part {name}", "", text], y=HEIGHT - 100 - 100 * level)

    document = load(made(draw))
    assert [(block.kind, block.level) for block in document.blocks] == [
        ("heading", 1),
        ("paragraph", 0),
        ("heading", 2),
        ("paragraph", 0),
    ]


@pytest.mark.parametrize(
    "title, expected",
    [
        ("Nerves and their repair", "Nerves and their repair"),
        ("Microsoft Word - nerves", "The healing of nerves"),
        ("nerves final.pdf", "The healing of nerves"),
        ("untitled document", "The healing of nerves"),
    ],
)
def test_the_title_is_the_stated_one_unless_a_program_filled_it_in(title: str, expected: str) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setTitle(title)
        structured(canvas)

    assert load(made(draw)).title == expected


TABLE = [("Nerve", "Length", "Days to heal"), ("Median", "70 cm", "700"), ("Ulnar", "68 cm", "680"), ("Radial", "60 cm", "600")]


def test_tables_are_read_row_by_row() -> None:
    def draw(canvas: Canvas) -> None:
        lines(canvas, ["Nerves differ in their length, as everyone can see in this table:"])
        for number, cells in enumerate(TABLE):
            canvas.setFont("Helvetica" if number else "Helvetica-Bold", 11)
            for column, cell in enumerate(cells):
                canvas.drawString(LEFT + 110 * column, HEIGHT - 130 - 16 * number, cell)
        lines(canvas, ["After the table the text goes on with a sentence that is as wide as the page."], y=HEIGHT - 230)

    document = load(made(draw))
    assert [text for kind, text in blocks(document) if kind == "table"] == [" | ".join(cells) for cells in TABLE]
    assert [block.level for block in document.blocks if block.kind == "table"] == [1, 0, 0, 0]
    assert [kind for kind, _ in blocks(document)] == ["paragraph", *["table"] * 4, "paragraph"]


def test_footnotes_follow_the_paragraph_that_they_interrupt() -> None:
    def draw(canvas: Canvas) -> None:
        lines(canvas, ["This paragraph begins upon the first page and it is not at its end where"], y=200)
        lines(canvas, ["1 A note in small letters."], y=80, size=8)
        canvas.showPage()
        lines(canvas, ["that page ends, but goes on upon the second.", "", "Another one."])

    document = load(made(draw))
    assert [text for _, text in blocks(document)] == [
        "This paragraph begins upon the first page and it is not at its end where that page ends, but goes on upon the second.",
        "1 A note in small letters.",
        "Another one.",
    ]
    assert document.blocks[0].breaks == (document.text.index("that page"),)


def test_ligatures_become_letters() -> None:
    import reportlab
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    folder = Path(reportlab.__file__).parent / "fonts"
    pdfmetrics.registerFont(TTFont("Vera", folder / "Vera.ttf"))
    data = made(lambda canvas: lines(canvas, ["The ﬁrst ﬂow is here."], font="Vera"))
    assert load(data).text == "The first flow is here."


@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_rotated_text_is_read_along_its_lines(angle: int) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.translate(WIDTH / 2, HEIGHT / 2)
        canvas.rotate(angle)
        lines(canvas, ["The upper line of a page that is turned and", "the lower line of it."], x=-200, y=0)

    assert load(made(draw)).text == "The upper line of a page that is turned and the lower line of it."


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


@pytest.mark.parametrize("apart", [False, True])
def test_right_to_left_text_is_in_reading_order(apart: bool) -> None:
    seen = "ddc abc"  # as shown on the page; it is read from its right end
    assert load(hebrew(seen, apart=apart)).text == "".join(
        chr(0x5D0 + "abcd".index(char)) if char != " " else " " for char in reversed(seen)
    )


def test_an_encrypted_file_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="^it is encrypted; save it without a password$"):
        load(page("A secret sentence.", encrypt="word"))


def draw_scan(canvas: Canvas, *, text: str = "") -> None:
    canvas.drawImage(ImageReader(Image.new("RGB", (50, 70), "gray")), 0, 0, WIDTH, HEIGHT)
    if text:
        layer = canvas.beginText(LEFT, HEIGHT - 100)
        layer.setTextRenderMode(3)
        layer.textLine(text)
        canvas.drawText(layer)


def test_a_scan_without_text_is_refused() -> None:
    with pytest.raises(UnreadableFile, match=r"^no text layer \(1 page of images\); install ocrmypdf and set loading.ocr"):
        load(made(draw_scan))


def test_text_behind_a_scan_is_read() -> None:
    document = load(made(lambda canvas: draw_scan(canvas, text="Read by OCR.")))
    assert (document.text, document.notes) == ("Read by OCR.", ())


def test_pages_without_text_are_named() -> None:
    def draw(canvas: Canvas) -> None:
        for number in range(1, 5):
            draw_scan(canvas) if number in (2, 4) else lines(canvas, [f"Page with the text {'abcd'[number]}."])
            canvas.showPage()

    assert load(made(draw)).notes == ("images without text on pages 2, 4",)


def install_ocrmypdf(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "ocrmypdf"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("RAG_OCR_SECONDS", "2")


def test_ocr_if_enabled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "result.pdf").write_bytes(made(lambda canvas: draw_scan(canvas, text="Read by a program.")))
    install_ocrmypdf(tmp_path, f'for last; do :; done; cp "{tmp_path}/result.pdf" "$last"', monkeypatch)
    assert load(made(draw_scan)).text == "Read by a program."
    assert load(page("Text of its own.")).text == "Text of its own."
    monkeypatch.delenv("RAG_OCR_SECONDS")
    with pytest.raises(UnreadableFile, match="no text layer"):
        load(made(draw_scan))


@pytest.mark.parametrize(
    "script, reason",
    [
        ('for last; do :; done; echo nothing > "$last"; exit 3', "could not read them .exit code 3"),
        ("sleep 60", "did not read its images within 2 seconds"),
    ],
    ids=["fails", "hangs"],
)
def test_ocr_that_fails(script: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_ocrmypdf(tmp_path, script, monkeypatch)
    with pytest.raises(UnreadableFile, match=reason):
        load(made(draw_scan))


def white(canvas: Canvas) -> None:
    canvas.setFillColorRGB(1, 1, 1)


def tiny(canvas: Canvas) -> None:
    canvas.setFont("Helvetica", 0.5)


def off_the_page(canvas: Canvas) -> None:
    canvas.translate(2000, 0)


def invisible(canvas: Canvas) -> None:
    canvas._code.append("3 Tr")


@pytest.mark.parametrize("hide", [white, tiny, off_the_page, invisible])
def test_text_that_nobody_sees_is_left_out_and_reported(hide: Callable[[Canvas], None]) -> None:
    def draw(canvas: Canvas) -> None:
        lines(canvas, ["Everybody sees this sentence."])
        canvas.setFont("Helvetica", 11)
        hide(canvas)
        canvas.drawString(LEFT, 400, "Nobody sees this one.")

    document = load(made(draw))
    assert document.text == "Everybody sees this sentence."
    assert document.notes == ("invisible text left out on page 1",)


def test_white_text_on_a_dark_background_is_visible() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFillColorRGB(0, 0, 0.4)
        canvas.rect(50, 380, 400, 60, fill=1)
        white(canvas)
        canvas.drawString(LEFT, 400, "White upon blue.")

    document = load(made(draw))
    assert (document.text, document.notes) == ("White upon blue.", ())


def test_truncated_files_are_read_or_refused() -> None:
    whole = columns([numbered(400)], number=2)
    for tenth in range(1, 10):
        part = whole[: len(whole) * tenth // 10]
        try:
            parsed = read(part)
        except UnreadableFile as error:
            assert re.match("it is damaged|it has no pages|no text layer", str(error))
        else:
            assert parsed.text in numbered(400)


def test_a_file_without_pages_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="no pages|damaged"):
        read(
            b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
        )


WORDS = st.text(alphabet="abcdefghij éßÅ.,-", min_size=1, max_size=300).filter(lambda text: any(map(str.isalpha, text)))


@given(st.lists(WORDS, min_size=1, max_size=12), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_blocks_are_in_order_and_contain_all_of_the_text(texts: list[str], number: int) -> None:
    parsed = read(columns(texts, number=number))
    position = 0
    for block in parsed.blocks:
        assert position <= block.span.start < block.span.end <= len(parsed.text)
        assert not parsed.text[position : block.span.start].strip()
        assert all(block.span.start <= place <= block.span.end for place in block.breaks)
        assert list(block.breaks) == sorted(block.breaks)
        assert block.page is not None and block.page >= 1
        position = block.span.end
    assert position == len(parsed.text)
    letters = [re.sub(r"[^\w]", "", text) for text in (" ".join(texts), parsed.text)]
    assert letters[0] == letters[1]


def yellow(png: bytes) -> tuple[int, int, int, int] | None:
    """The box around the marked area."""
    image = Image.open(BytesIO(png)).convert("RGB")
    red, _, blue = image.split()
    marked = Image.composite(red, Image.new("L", image.size), blue.point(lambda value: 255 if value < 180 else 0))
    return marked.point(lambda value: 255 if value > 200 else 0).getbbox()


def quoted(text: str) -> PageQuote:
    return PageQuote("", text, "")


def test_a_quote_is_marked_on_its_page() -> None:
    data = page("The first sentence stands above. The sec-", "ond sentence is here and", "the last one below it.")
    dpi, height = 144, HEIGHT * 2
    box = yellow(page_image(data, 1, quoted("The second sentence is here and the last one below it."), dpi))
    assert box is not None
    left, top, right, bottom = box
    assert left == pytest.approx(2 * LEFT, abs=6)
    assert top == pytest.approx(height - 2 * (HEIGHT - 100 + 11), abs=10)  # the first line, on which the sentence begins
    assert bottom == pytest.approx(height - 2 * (HEIGHT - 100 - 2 * 1.25 * 11 - 3), abs=10)
    assert yellow(page_image(data, 1, quoted("Another sentence."), dpi)) is None
    first = yellow(page_image(data, 1, quoted("The first sentence stands above."), dpi))
    assert first is not None and first[3] < top + 60


@pytest.mark.parametrize("number", [0, 2])
def test_a_missing_page_cannot_be_drawn(number: int) -> None:
    with pytest.raises(UnreadableFile, match=f"it has no page {number}"):
        page_image(page("One page."), number, quoted("One page."))


@pytest.mark.parametrize("code, read_as", [("D835DC00", "\U0001d400"), ("D835", "\ufffd")], ids=["pair", "half a pair"])
def test_letters_beyond_the_basic_multilingual_plane(code: str, read_as: str) -> None:
    plain = hebrew("bb bab", apart=False).replace(b"<05d1>", b"<0078>").replace(b"<05d0>", f"<{code}>".encode())
    assert load(plain).text == f"xx x{read_as}x"
