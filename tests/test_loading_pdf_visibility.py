"""What can be seen on PDF pages: encrypted files, scans, OCR, and invisible text."""

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from rag.errors import UnreadableFile
from rag.loading.loader import load_document
from tests.sample_pdfs import HEIGHT, LEFT, WIDTH, lines, load, made, page


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


def install(name: str, folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("RAG_OCR_SECONDS", "2")


def test_ocr_if_enabled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "result.pdf").write_bytes(made(lambda canvas: draw_scan(canvas, text="Read by a program.")))
    install("ocrmypdf", tmp_path, f'for last; do :; done; cp "{tmp_path}/result.pdf" "$last"', monkeypatch)
    assert load(made(draw_scan)).text == "Read by a program."
    assert load(page("Text of its own.")).text == "Text of its own."
    monkeypatch.delenv("RAG_OCR_SECONDS")
    with pytest.raises(UnreadableFile, match="no text layer"):
        load(made(draw_scan))


def test_pages_with_text_are_read_if_ocr_of_the_others_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(canvas: Canvas) -> None:
        lines(canvas, ["A page with text."])
        canvas.showPage()
        draw_scan(canvas)

    install("ocrmypdf", tmp_path, "exit 7", monkeypatch)
    document = load(made(draw))
    assert document.text == "A page with text."
    assert document.notes == ("images without text on page 2", "ocrmypdf could not read its images (exit code 7)")


def image() -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (50, 70), "gray").save(buffer, "PNG")
    return buffer.getvalue()


def test_images_are_read_by_tesseract_if_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "result.pdf").write_bytes(made(lambda canvas: draw_scan(canvas, text="Read from a photograph.")))
    for name in ("scan.png", "scan.tif", "scan.JPG"):
        with pytest.raises(UnreadableFile, match="^it is an image; install tesseract and set loading.ocr = true to read it$"):
            load_document(name, image())
    install("tesseract", tmp_path, f'[ "$3" = pdf ] && cp "{tmp_path}/result.pdf" "$2.pdf"', monkeypatch)
    document = load_document("my_scan.png", image())
    assert (document.text, document.title, document.blocks[0].page) == ("Read from a photograph.", "My scan", 1)
    (tmp_path / "tesseract").unlink()
    with pytest.raises(UnreadableFile, match="^it is an image; install tesseract to read it$"):
        load_document("scan.png", image())
    install("tesseract", tmp_path, "exit 1", monkeypatch)
    with pytest.raises(UnreadableFile, match="tesseract could not read its images .exit code 1"):
        load_document("scan.png", image())


@pytest.mark.parametrize(
    "script, reason",
    [
        ('for last; do :; done; echo nothing > "$last"; exit 3', "could not read its images .exit code 3"),
        ("sleep 60", "did not read its images within 2 seconds"),
    ],
    ids=["fails", "hangs"],
)
def test_ocr_that_fails(script: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("ocrmypdf", tmp_path, script, monkeypatch)
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
