"""Gives a scanned PDF its text by the program `ocrmypdf`, where that is wanted and installed."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from rag.errors import UnreadableFile

SECONDS = "RAG_OCR_SECONDS"  # set by who starts the reading process: the longest time for one file; not set: no OCR


def is_wanted() -> bool:
    return bool(os.environ.get(SECONDS))


def with_text(data: bytes) -> bytes:
    """The same PDF with text laid under its pictures; pages that have text stay as they are.

    Raises UnreadableFile with what to do where the program is missing, fails or takes too long.
    """
    program = shutil.which("ocrmypdf")
    if program is None:
        raise UnreadableFile("it holds pictures of pages, and ocrmypdf, which could read them, is not installed")
    with TemporaryDirectory(prefix="rag-ocr-") as folder:
        scan, result = Path(folder, "scan.pdf"), Path(folder, "text.pdf")
        scan.write_bytes(data)
        command = [program, "--skip-text", "--quiet", "--output-type", "pdf", "--jobs", "1", str(scan), str(result)]
        code = _run(command, float(os.environ[SECONDS]))
        if code or not result.exists():
            raise UnreadableFile(f"its pages are pictures, and ocrmypdf could not read them (it ended with code {code})")
        return result.read_bytes()


def _run(command: list[str], seconds: float) -> int:
    """The program with all that it starts, which ends with it."""
    process = subprocess.Popen(  # noqa: S603 - a program of the system with files of ours
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise UnreadableFile(f"ocrmypdf did not read its pictures within {seconds:g} seconds") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
