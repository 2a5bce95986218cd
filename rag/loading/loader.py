"""The bytes of one file to a Document, by the loader for its format."""

import re
from importlib import import_module
from pathlib import Path

from rag.errors import UnreadableFile
from rag.loading.formats import format_of
from rag.loading.hidden_characters import hidden_characters
from rag.records import Document
from rag.storage.files import sha256_bytes

_LONGEST_TITLE = 200  # characters
# Titles that programs fill in.
_MEANINGLESS_TITLE = re.compile(
    r"(untitled|powerpoint|word|presentation|document|title|slide|microsoft|new|\W|\d)+|.*\.(docx?|pptx?|tex|dvi|indd)", re.I
)


def load_document(document_id: str, data: bytes) -> Document:
    """Reads one file. Raises UnreadableFile with the reason if there is nothing to read.

    On broken files parsers may raise anything, hang or crash, so builds call this in a worker process (process/worker.py).
    """
    if not data:
        raise UnreadableFile("it contains no text")
    # Imported by name, so that a text file does not wait for the PDF library.
    loader = import_module(f"rag.loading.{format_of(document_id, data)}")
    parsed = loader.read(data)
    if not parsed.blocks:
        raise UnreadableFile("it contains no text")
    title = " ".join((parsed.title or "").split())[:_LONGEST_TITLE]
    if not title or _MEANINGLESS_TITLE.fullmatch(title):
        title = _title_from_name(document_id)
    notes = (*parsed.notes, *hidden_characters(parsed.text))
    return Document(document_id, title, parsed.text, tuple(parsed.blocks), sha256_bytes(data), notes)


def _title_from_name(document_id: str) -> str:
    stem = Path(document_id).stem
    words = stem.replace("_", " ").replace("-", " ").strip()
    return (words[:1].upper() + words[1:]) or stem
