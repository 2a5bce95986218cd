"""Adds text to scanned PDFs with the program `ocrmypdf`, if OCR is enabled and the program is installed."""

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from rag.errors import UnreadableFile
from rag.loading.process.programs import run_program

SECONDS = "RAG_OCR_SECONDS"  # set by the pool for its workers: the time limit for one file; not set: OCR is disabled


def is_enabled() -> bool:
    return bool(os.environ.get(SECONDS))


def with_text(data: bytes) -> bytes:
    """The same PDF with invisible text behind its images; pages that have text are unchanged.

    Raises UnreadableFile if the program is missing, fails or takes too long.
    """
    program = shutil.which("ocrmypdf")
    if program is None:
        raise UnreadableFile("its pages are images, and ocrmypdf is not installed; install it, or set loading.ocr = false")
    with TemporaryDirectory(prefix="rag-ocr-") as folder:
        scan, result = Path(folder, "scan.pdf"), Path(folder, "text.pdf")
        scan.write_bytes(data)
        command = [program, "--skip-text", "--quiet", "--output-type", "pdf", "--jobs", "1", str(scan), str(result)]
        seconds = float(os.environ[SECONDS])
        code = run_program(command, seconds)
        if code is None:
            raise UnreadableFile(f"ocrmypdf did not read its images within {seconds:g} seconds")
        if code or not result.exists():
            raise UnreadableFile(f"its pages are images, and ocrmypdf could not read them (exit code {code})")
        return result.read_bytes()
