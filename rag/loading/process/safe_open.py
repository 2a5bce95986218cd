"""Opens a file of the corpus, and nothing else."""

import os
import stat
from pathlib import Path

from rag.errors import UnreadableFile

LARGEST_FILE = 200 * 2**20  # bytes; more is no document that a person reads


def checked_path(corpus: Path, document_id: str) -> Path:
    """Where a document's file is. Raises UnreadableFile for what is no plain file inside the corpus, or too large; OSError
    where it is gone."""
    try:
        document_id.encode()
    except UnicodeEncodeError:
        raise UnreadableFile("its name is not UTF-8; rename it") from None
    path = Path(os.path.realpath(corpus / document_id, strict=True))  # pathlib raises otherwise where links go in a circle
    if not path.is_relative_to(corpus.resolve()):
        raise UnreadableFile("it leads out of the corpus folder")
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise UnreadableFile("it is no file but a device or a pipe")
    if about.st_size > LARGEST_FILE:
        raise UnreadableFile(f"larger than {LARGEST_FILE // 2**20} MB; split it")
    return path


def read_bytes(corpus: Path, document_id: str) -> bytes:
    """The bytes of one file of the corpus. Raises UnreadableFile."""
    try:
        return checked_path(corpus, document_id).read_bytes()
    except OSError as error:
        raise UnreadableFile(f"cannot be opened: {error.strerror or error}") from error
