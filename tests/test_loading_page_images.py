"""Pages of PDFs as images, with the cited sentence marked."""

import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from reportlab.pdfgen.canvas import Canvas

from rag.config import LoadingSettings
from rag.errors import UnreadableFile
from rag.loading.pdf.page_images import page_image
from rag.loading.pdf.page_quotes import PageQuote, page_quote
from rag.loading.process.page_drawing import draw_page
from rag.records import Document, Span
from tests.sample_pdfs import HEIGHT, LEFT, load, made, page

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
    return page_image(data, number, page_quote(load(data), number, span))


def test_a_quote_is_marked_on_all_its_lines() -> None:
    data = page("The first sentence stands above. The sec-", "ond sentence is here and", "the last one below it.")
    quote = "The second sentence is here and the last one below it."
    box = mark(page_image(data, 1, PageQuote("", quote, ""), dpi=144), dpi=144)
    assert box is not None
    assert box[0] == pytest.approx(LEFT, abs=3)
    assert box[1] == pytest.approx(100 - 11, abs=5)  # the first line, on which the sentence begins
    assert box[3] == pytest.approx(100 + 2 * 1.25 * 11 + 3, abs=5)
    first = mark(page_image(data, 1, PageQuote("", "The first sentence stands above.", "")))
    assert first is not None and first[3] < 110
    assert mark(page_image(data, 1, PageQuote("", "Another sentence.", ""))) is None


@pytest.mark.parametrize("number", [0, 2])
def test_a_missing_page_cannot_be_drawn(number: int) -> None:
    with pytest.raises(UnreadableFile, match=f"it has no page {number}"):
        page_image(page("One page."), number, PageQuote("", "One page.", ""))


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


def test_equal_sentences_in_equal_surroundings_are_told_apart_by_counting() -> None:
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
