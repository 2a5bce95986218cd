"""Reads the text of images with the programs `ocrmypdf` and `tesseract`, if OCR is enabled and they are installed."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from rag.errors import UnreadableFile
from rag.loading.process.programs import run_program

SECONDS = "RAG_OCR_SECONDS"  # set by the pool for its workers: the time limit for one file; not set: OCR is disabled
Program = Literal["ocrmypdf", "tesseract"]


def can_run(program: Program) -> bool:
    return bool(os.environ.get(SECONDS)) and shutil.which(program) is not None


def advice(program: Program) -> str:
    """What to do so that the program reads the file."""
    enable = "" if os.environ.get(SECONDS) else " and set loading.ocr = true"
    return f"install {program}{enable} to read it"


def with_text(data: bytes) -> bytes:
    """The same PDF with invisible text behind its images; pages that have text are unchanged.

    Raises UnreadableFile if the program fails or takes too long.
    """
    options = ["--skip-text", "--quiet", "--output-type", "pdf", "--jobs", "1"]
    return _result("ocrmypdf", data, lambda scan, result: [*options, scan, f"{result}.pdf"])


def pdf_of_image(data: bytes) -> bytes:
    """A PDF of an image with invisible text behind it, with a page for each of its pages. Raises UnreadableFile."""
    return _result("tesseract", data, lambda image, result: [image, result, "pdf"])


def _result(program: Program, data: bytes, arguments: Callable[[str, str], Sequence[str]]) -> bytes:
    with TemporaryDirectory(prefix="rag-ocr-") as folder:
        source, result = Path(folder, "source"), Path(folder, "text")
        source.write_bytes(data)
        seconds = float(os.environ[SECONDS])
        code = run_program([shutil.which(program) or program, *arguments(str(source), str(result))], seconds)
        if code is None:
            raise UnreadableFile(f"{program} did not read its images within {seconds:g} seconds")
        if code or not result.with_suffix(".pdf").exists():
            raise UnreadableFile(f"{program} could not read its images (exit code {code})")
        return result.with_suffix(".pdf").read_bytes()
