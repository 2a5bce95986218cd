"""Raised and lowered characters in PDFs: values stay what they are on the page, and marks of notes are set apart."""

import pytest
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from tests.sample_pdfs import HEIGHT, LEFT, blocks, lines, load, made, page

STYLE = ParagraphStyle("text", fontName="Times-Roman", fontSize=11, leading=15)


def typeset(*texts: str, style: ParagraphStyle = STYLE) -> str:
    """The text read from a PDF with these paragraphs, in reportlab's markup."""

    def draw(canvas: Canvas) -> None:
        y = HEIGHT - 100
        for text in texts:
            paragraph = Paragraph(text, style)
            paragraph.wrapOn(canvas, 450, HEIGHT)
            y -= paragraph.height + 20
            paragraph.drawOn(canvas, LEFT, y)

    return load(made(draw)).text


def shifted(*parts: tuple[str, float, float]) -> str:
    """The text read from one line of parts, each with its size and rise; each is drawn directly after the one before."""

    def draw(canvas: Canvas) -> None:
        x = float(LEFT)
        for text, size, rise in parts:
            canvas.setFont("Helvetica", size)
            canvas.drawString(x, 500 + rise, text)
            x += canvas.stringWidth(text, "Helvetica", size)

    return load(made(draw)).text


@pytest.mark.parametrize(
    "markup, text",
    [
        ("A volume of 25<super>3</super> litres.", "A volume of 25³ litres."),
        ("A load of 4 × 10<super>8</super> N.", "A load of 4 × 10⁸ N."),
        ("At 1.5 × 10<super>-3</super> bar.", "At 1.5 × 10⁻³ bar."),
        ("Water is H<sub>2</sub>O.", "Water is H₂O."),
        ("The ion SO<sub>4</sub><super>2-</super> is there.", "The ion SO₄²⁻ is there."),
        ("The decay of <super>14</super>C is slow.", "The decay of ¹⁴C is slow."),
        ("It was seen before.<super>12</super> It was.", "It was seen before.¹² It was."),
        ("It grows as x<super>n+1</super> does.", "It grows as xⁿ⁺¹ does."),
        ("It is e<super>1.5</super> or so.", "It is e^(1.5) or so."),
        ("It is V<sub>max</sub> on the 1<super>st</super> day.", "It is Vmax on the 1st day."),
        ("An area of 40 m<super>2</super>, or 3 cm<super>3</super>.", "An area of 40 m², or 3 cm³."),
        ("It takes <super>1</super>/<sub>2</sub> a day.", "It takes ¹/₂ a day."),
        ("It is 5½ – 3 × 2 ± 1, at -5 °C.", "It is 5½ – 3 × 2 ± 1, at -5 °C."),
    ],
)
@pytest.mark.parametrize("font", ["Times-Roman", "Helvetica"])
def test_exponents_indices_and_marks(markup: str, text: str, font: str) -> None:
    assert typeset(markup, style=ParagraphStyle("text", STYLE, fontName=font)) == text


@pytest.mark.parametrize("size, rise", [(6.5, 4), (7.3, 3.7), (8, 5), (9, 3.5), (5.5, 6)])
def test_exponents_of_any_size_and_height(size: float, rise: float) -> None:
    assert shifted(("The area is 25", 11, 0), ("3", size, rise), (" metres.", 11, 0)) == "The area is 25³ metres."


@pytest.mark.parametrize("size, drop", [(6.5, 2), (7.3, 1), (8, 3)])
def test_indices_of_any_size_and_depth(size: float, drop: float) -> None:
    assert shifted(("Here is CO", 11, 0), ("2", size, -drop), (" in air.", 11, 0)) == "Here is CO₂ in air."


def test_raised_characters_of_the_same_size() -> None:
    assert shifted(("Here are 10", 11, 0), ("7", 11, 3.5), (" cells.", 11, 0)) == "Here are 10⁷ cells."


def test_small_characters_on_the_baseline_are_not_raised() -> None:
    assert shifted(("Here are 10", 11, 0), ("7", 8, 0), (" cells.", 11, 0)) == "Here are 107 cells."


def test_small_capitals_are_not_raised() -> None:
    assert shifted(("T", 14, 0), ("HE NERVE", 10, 0), (" heals.", 14, 0)) == "THE NERVE heals."


def test_the_mark_of_a_note_is_that_of_the_note() -> None:
    def draw(canvas: Canvas) -> None:
        point = "The flash point of the solvent is 25"
        for x, y, size, text in (
            (LEFT, 700, 11, point),
            (LEFT + canvas.stringWidth(point, "Helvetica", 11), 704, 6.5, "3"),
            (LEFT, 103, 5.5, "3"),
            (LEFT + 6, 100, 9, "Measured by the closed cup method."),
        ):
            canvas.setFont("Helvetica", size)
            canvas.drawString(x, y, text)
        lines(canvas, ["Another line of the text stands here, below the first one."], y=685)

    assert load(made(draw)).text == (
        "The flash point of the solvent is 25³\n\nAnother line of the text stands here, below the first one."
        "\n\n³ Measured by the closed cup method."
    )


@pytest.mark.parametrize("offset", [0, 0.4, 1])
def test_text_drawn_twice_is_read_once(offset: float) -> None:
    def draw(canvas: Canvas) -> None:
        for shift in (0, offset):
            lines(canvas, ["A shadow of a heading", "", "and that of a line of the text."], x=LEFT + shift, y=700 - shift)

    assert blocks(load(made(draw))) == [
        ("paragraph", "A shadow of a heading"),
        ("paragraph", "and that of a line of the text."),
    ]


def test_equal_words_next_to_each_other_are_both_read() -> None:
    assert load(page("It is no no and no, l l l, 1 1 1.")).text == "It is no no and no, l l l, 1 1 1."
