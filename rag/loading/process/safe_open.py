"""Opens files of the corpus, and nothing outside it."""

import os
import stat
from pathlib import Path

from rag.errors import UnreadableFile
from rag.loading.containers.members import file_of

LARGEST_FILE = 200 * 2**20  # bytes; larger files are data, not documents that people read


def checked_path(corpus: Path, document_id: str) -> Path:
    """The resolved path of a document's file; for a member of a container, that of the container.

    Raises UnreadableFile if it is outside the corpus, too large or not a regular file; OSError if it is missing.
    """
    try:
        document_id.encode()
    except UnicodeEncodeError:
        raise UnreadableFile("its name is not UTF-8; rename it") from None
    path = Path(
        os.path.realpath(corpus / holding_file(corpus, document_id), strict=True)
    )  # Path.resolve raises RuntimeError on circular links
    if not path.is_relative_to(corpus.resolve()):
        raise UnreadableFile("it leads out of the corpus folder")
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableFile("it is not a regular file")
    if status.st_size > LARGEST_FILE:
        raise UnreadableFile(f"it is larger than {LARGEST_FILE // 2**20} MB; split it")
    return path


def holding_file(corpus: Path, document_id: str) -> str:
    """The name of the file that holds a document: the document itself, or the container that its id begins with."""
    return file_of(document_id, lambda name: (corpus / name).is_file())


def read_bytes(corpus: Path, document_id: str) -> bytes:
    """The bytes of the file that holds a document. Raises UnreadableFile."""
    try:
        return checked_path(corpus, document_id).read_bytes()
    except OSError as error:
        raise UnreadableFile(f"it cannot be opened: {error.strerror or error}") from error
