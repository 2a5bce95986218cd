"""The layout of PDF pages: reading order, headings, lists, tables, footnotes, and titles."""

import re
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas

from rag.errors import UnreadableFile
from rag.loading.pdf.extraction import read
from tests.sample_pdfs import HEIGHT, LEFT, WIDTH, blocks, columns, hebrew, lines, load, made, numbered, page


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


@pytest.mark.parametrize("apart", [False, True])
def test_right_to_left_text_is_in_reading_order(apart: bool) -> None:
    seen = "ddc abc"  # as shown on the page; it is read from its right end
    assert load(hebrew(seen, apart=apart)).text == "".join(
        chr(0x5D0 + "abcd".index(char)) if char != " " else " " for char in reversed(seen)
    )


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


@pytest.mark.parametrize("code, read_as", [("D835DC00", "\U0001d400"), ("D835", "\ufffd")], ids=["pair", "half a pair"])
def test_letters_beyond_the_basic_multilingual_plane(code: str, read_as: str) -> None:
    plain = hebrew("bb bab", apart=False).replace(b"<05d1>", b"<0078>").replace(b"<05d0>", f"<{code}>".encode())
    assert load(plain).text == f"xx x{read_as}x"
