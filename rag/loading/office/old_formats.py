"""Word and PowerPoint files of 1997 to 2003 (.doc, .ppt), converted by LibreOffice if it is installed."""

import shutil
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile
from rag.loading.process.programs import run_program

_SECONDS = 90  # within the time limit of a file, so that the reason names the program
SLIDES_STREAM = "PowerPoint Document".encode("utf-16-le")


def read(data: bytes) -> ParsedFile:
    """Raises UnreadableFile if LibreOffice is missing, fails or takes too long."""
    is_slides = SLIDES_STREAM in data
    ending, old, kind = ("pptx", "ppt", "PowerPoint") if is_slides else ("docx", "doc", "Word")
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        raise UnreadableFile(f"it is an old {kind} file; save it as .{ending}, or install LibreOffice")
    with TemporaryDirectory(prefix="rag-office-") as folder:
        source, result = Path(folder, f"file.{old}"), Path(folder, "out", f"file.{ending}")
        source.write_bytes(data)
        profile = (
            f"-env:UserInstallation={Path(folder, 'profile').as_uri()}"  # one of its own: a running LibreOffice locks the user's
        )
        command = [
            program,
            profile,
            "--headless",
            "--norestore",
            "--convert-to",
            ending,
            "--outdir",
            str(result.parent),
            str(source),
        ]
        code = run_program(command, _SECONDS)
        if code is None:
            raise UnreadableFile(f"it is an old {kind} file, and LibreOffice did not convert it within {_SECONDS} seconds")
        if code or not result.exists():
            raise UnreadableFile(f"it is an old {kind} file, and LibreOffice could not convert it; save it as .{ending}")
        loader = import_module(f"rag.loading.office.{'slides' if is_slides else 'word'}")
        parsed: ParsedFile = loader.read(result.read_bytes())
        return parsed
