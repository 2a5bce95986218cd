"""Pages of PDFs as images, with the cited sentence marked."""

import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops
from reportlab.pdfgen.canvas import Canvas

from rag.config import LoadingSettings
from rag.errors import UnreadableFile
from rag.loading.pdf.page_images import page_image
from rag.loading.pdf.places import PageRun, letters, runs_on_page
from rag.loading.process.page_drawing import draw_page
from rag.records import Document, Span
from tests.sample_pdfs import HEIGHT, LEFT, columns, lines, load, made, page

SETTINGS = LoadingSettings(seconds=30, processes=1)


def mark(png: bytes, dpi: int = 110) -> tuple[float, float, float, float] | None:
    """Left, top, right and bottom of the marked area, in points from the upper left corner; None without a mark."""
    red, _, blue = Image.open(BytesIO(png)).convert("RGB").split()
    box = ImageChops.subtract(red, blue).point(lambda difference: 255 if difference > 100 else 0).getbbox()
    return (box[0] * 72 / dpi, box[1] * 72 / dpi, box[2] * 72 / dpi, box[3] * 72 / dpi) if box else None


def marks(png: bytes, top: float) -> bool:
    """Whether the mark covers one line, whose baseline is at this distance from the top of the page."""
    box = mark(png)
    return box is not None and box[1] < top < box[3] + 4 and box[3] - box[1] < 25


def drawn(*pages: list[tuple[float, str]]) -> bytes:
    """A PDF with the given texts, each at its distance from the top of its page."""

    def draw(canvas: Canvas) -> None:
        for texts in pages:
            for top, text in texts:
                canvas.drawString(LEFT, HEIGHT - top, text)
            canvas.showPage()

    return made(draw)


def spans(document: Document, quote: str) -> list[Span]:
    return [Span(match.start(), match.end()) for match in re.finditer(re.escape(quote), document.text)]


def image(data: bytes, number: int, span: Span) -> bytes:
    document = load(data)
    return page_image(data, number, runs_on_page(document, number, span), span.of(document.text))


def test_a_quote_is_marked_on_all_its_lines() -> None:
    data = page("The first sentence stands above. The sec-", "ond sentence is here and", "the last one below it.")
    first, second = "The first sentence stands above.", "The second sentence is here and the last one below it."
    document = load(data)
    (span,) = spans(document, second)
    box = mark(page_image(data, 1, runs_on_page(document, 1, span), second, dpi=144), dpi=144)
    assert box is not None
    assert box[0] == pytest.approx(LEFT, abs=3)
    assert box[1] == pytest.approx(100 - 11, abs=5)  # the first line, on which the sentence begins
    assert box[3] == pytest.approx(100 + 2 * 1.25 * 11 + 3, abs=5)
    above = mark(image(data, 1, spans(document, first)[0]))
    assert above is not None and above[3] < 110


def test_a_page_with_other_letters_there_is_not_marked() -> None:
    data = page("The first sentence stands above.")
    assert mark(page_image(data, 1, [PageRun(0, 0, 5)], "The first")) is not None
    assert mark(page_image(data, 1, [PageRun(0, 0, 5)], "Another sentence.")) is None
    assert mark(page_image(data, 1, [PageRun(900, 0, 5)], "The first")) is None
    assert mark(page_image(data, 1, [], "The first")) is None


@pytest.mark.parametrize("number", [0, 2])
def test_a_missing_page_cannot_be_drawn(number: int) -> None:
    with pytest.raises(UnreadableFile, match=f"it has no page {number}"):
        page_image(page("One page."), number, [], "One page.")


TWICE = "The nerve heals."
FIRST_PAGE = [(100.0, "It was cut."), (120.0, TWICE), (140.0, "The hand is numb."), (300.0, "It was sewn."), (320.0, TWICE)]
SECOND_PAGE = [(200.0, TWICE), (220.0, "All is well."), (500.0, "A year goes by."), (520.0, TWICE)]


def test_of_equal_sentences_the_cited_one_is_marked() -> None:
    data = drawn(FIRST_PAGE, SECOND_PAGE)
    places = [(1, 120), (1, 320), (2, 200), (2, 520)]
    for span, (number, top) in zip(spans(load(data), TWICE), places, strict=True):
        assert marks(image(data, number, span), top)
        assert mark(image(data, 3 - number, span)) is None


def test_of_equal_sentences_the_cited_one_is_marked_if_the_file_stores_them_in_another_order() -> None:
    data = drawn([*FIRST_PAGE[3:], *FIRST_PAGE[:3]])
    for span, top in zip(spans(load(data), TWICE), (120, 320), strict=True):
        assert marks(image(data, 1, span), top)


def test_equal_sentences_in_equal_surroundings_are_told_apart() -> None:
    data = drawn([(100.0 + 20 * i, TWICE) for i in range(5)])
    for i, span in enumerate(spans(load(data), TWICE)):
        assert marks(image(data, 1, span), 100 + 20 * i)


def test_a_sentence_across_two_pages_is_marked_on_both() -> None:
    first, second = "A sentence that begins on the first page and that", "ends on the second one."
    wide = "A page of text that is as wide as this line of it is, and longer."
    data = drawn([(700.0, wide), (715.0, first)], [(100.0, second)])
    (span,) = spans(load(data), f"{first} {second}")
    assert marks(image(data, 1, span), 715) and marks(image(data, 2, span), 100)


def test_a_page_is_drawn_in_a_worker_process(tmp_path: Path) -> None:
    data = drawn([(100.0, "First page.")], [(100.0, "Second page.")])
    (tmp_path / "file.pdf").write_bytes(data)
    document = load(data)
    (second,) = spans(document, "Second page.")
    assert marks(draw_page(tmp_path, document, 2, second, SETTINGS), 100)
    with pytest.raises(UnreadableFile, match="no page 3"):
        draw_page(tmp_path, document, 3, second, SETTINGS)
    with pytest.raises(UnreadableFile, match="leads out"):
        draw_page(tmp_path / "..", replace(document, id="../" * 20 + "etc/passwd"), 1, second, SETTINGS)
    (tmp_path / "file.pdf").write_bytes(data + b"\n")
    with pytest.raises(UnreadableFile, match="has changed since"):
        draw_page(tmp_path, document, 2, second, SETTINGS)


def test_of_equal_sentences_in_columns_the_cited_one_is_marked() -> None:
    """Whatever the order in which the file stores them, and with the same words around them."""
    left, right = [(float(LEFT), 100.0 + 14 * i) for i in range(6)], [(320.0, 100.0 + 14 * i) for i in range(6)]
    line = "The nerve heals well and quickly here."

    def draw(canvas: Canvas) -> None:
        for x, top in [*right, *left]:
            canvas.drawString(x, HEIGHT - top, line)

    data = made(draw)
    found = spans(load(data), line)
    assert len(found) == 12
    boxes = [mark(image(data, 1, span)) for span in found]
    assert all(box is not None for box in boxes)
    places = [(round(box[0]), round(box[1])) for box in boxes if box]
    assert len(set(places)) == 12 and places == sorted(places)  # each its own: left column first, then from top to bottom


def test_rows_notes_fields_and_raised_figures_are_marked_where_they_are() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 11)
        canvas.drawString(LEFT, HEIGHT - 100, "The load is 10")
        end = LEFT + canvas.stringWidth("The load is 10", "Helvetica", 11)
        canvas.setFont("Helvetica", 7)
        canvas.drawString(end, HEIGHT - 96, "8")
        canvas.setFont("Helvetica", 11)
        canvas.drawString(end + 8, HEIGHT - 100, "N. It is large.")
        for i, cells in enumerate([("Nerve", "Days", "Note"), ("Ulnar", "680", "same"), ("Radial", "680", "same")]):
            for column, cell in enumerate(cells):
                canvas.drawString(LEFT + 120 * column, HEIGHT - 200 - 20 * i, cell)
        canvas.acroForm.textfield(name="a", tooltip="Nerve", value="Radial", x=LEFT, y=HEIGHT - 400, height=20, width=100)

    data = made(draw)
    document = load(data)

    def top(quote: str, number: int = 0) -> float:
        box = mark(image(data, 1, spans(document, quote)[number]))
        assert box is not None and box[3] - box[1] < 30
        return box[3]

    assert top("The load is 10⁸ N.") == top("It is large.") == pytest.approx(103, abs=4)
    assert top("Ulnar | 680 | same") == pytest.approx(223, abs=4)
    assert top("Radial | 680 | same") == pytest.approx(243, abs=4)
    assert top("Nerve: Radial") == pytest.approx(400, abs=4)


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_turned_text_is_marked(angle: int) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.translate(300, 400)
        canvas.rotate(angle)
        lines(canvas, ["A sentence stands here.", "Another one stands below it."], x=-100, y=0)

    data = made(draw)
    first, second = (
        mark(image(data, 1, spans(load(data), quote)[0])) for quote in ("A sentence stands here.", "Another one stands")
    )
    assert first is not None and second is not None
    assert (first[0] < second[0]) == (angle == 90) or angle == 180
    assert (first[1] > second[1]) == (angle == 180) or angle != 180


@given(
    st.lists(st.sampled_from([TWICE, "It was cut.", "The hand is numb and cold."]), min_size=1, max_size=30), st.integers(1, 3)
)
@settings(max_examples=30, deadline=None)
def test_each_sentence_is_where_its_letters_are(sentences: list[str], number: int) -> None:
    data = columns(sentences, number=number)
    document = load(data)
    with pypdfium2.PdfDocument(data) as file:
        for match in re.finditer(r"[^.\s][^.]*\.", document.text):
            span = Span(match.start(), match.end())
            runs = [(number, run) for number in range(1, len(file) + 1) for run in runs_on_page(document, number, span)]
            shown = ""
            for number, run in runs:
                text = letters(file[number - 1].get_textpage().get_text_range()[run.first :])
                shown += text[run.skipped : run.skipped + run.count]
            assert shown == letters(match[0])
