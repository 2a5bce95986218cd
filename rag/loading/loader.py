"""The bytes of one file to its documents, by the loader for its format."""

import re
from importlib import import_module
from pathlib import Path

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile
from rag.loading.containers.members import DEEPEST, Budget, LoadedFile, Member, TooMuch, UnreadableMember, named
from rag.loading.formats import format_of
from rag.loading.hidden_characters import hidden_characters
from rag.records import Document
from rag.storage.files import sha256_bytes
from rag.text.languages import language_of

_LONGEST_TITLE = 200  # characters
# Titles that programs fill in.
_MEANINGLESS_TITLE = re.compile(
    r"(untitled|powerpoint|word|presentation|document|title|slide|microsoft|new|\W|\d)+|.*\.(docx?|pptx?|tex|dvi|indd)", re.I
)


def load_file(name: str, data: bytes) -> LoadedFile:
    """Reads one file and the files in it. Raises UnreadableFile with the reason if there is nothing to read.

    On broken files parsers may raise anything, hang or crash, so builds call this in a worker process (process/worker.py).
    """
    reading = _Reading(sha256_bytes(data))
    reading.read(name, data, 0)
    return LoadedFile(tuple(reading.documents), tuple(reading.failed))


def load_document(document_id: str, data: bytes) -> Document:
    """Reads the file's own text, without the files in it. Raises UnreadableFile with the reason if it has none."""
    parsed = _parsed(document_id, data)
    if not parsed.blocks:
        raise UnreadableFile("it contains no text")
    return _document(document_id, parsed, sha256_bytes(data))


def member_bytes(file: str, data: bytes, document_id: str) -> bytes:
    """The bytes of a document of a file: of the file itself, or of a member. Raises UnreadableFile if it has no such member."""
    while file != document_id:
        members = named(file, _parsed(file, data).members)
        inner = next((found for found in members if document_id == found[0] or document_id.startswith(f"{found[0]}/")), None)
        if inner is None:
            raise UnreadableFile(f"it is not in {file}")
        file, data = inner[0], inner[1].read()
    return data


def reason_of(error: Exception) -> str:
    """Why a file cannot be read, from whatever its parser raised."""
    if isinstance(error, UnreadableFile):
        return str(error)
    if isinstance(error, RecursionError):
        return "its parts are nested too deeply"
    return f"it is damaged ({type(error).__name__}: {' '.join(str(error).split())[:150]})"


class _Reading:
    """Collects the documents of one file; `digest` is the file's."""

    def __init__(self, digest: str) -> None:
        self.documents: list[Document] = []
        self.failed: list[UnreadableMember] = []
        self._digest = digest
        self._budget = Budget()

    def read(self, document_id: str, data: bytes, depth: int) -> None:
        parsed = _parsed(document_id, data)
        if parsed.blocks:
            self.documents.append(_document(document_id, parsed, self._digest))
        elif not parsed.members:
            raise UnreadableFile("it contains no text")
        for member_id, member in named(document_id, parsed.members):
            self._read_member(member_id, member, depth + 1)

    def _read_member(self, member_id: str, member: Member, depth: int) -> None:
        try:
            if depth > DEEPEST:
                raise UnreadableFile("its parts are nested too deeply")
            content = member.read()
            self._budget.spend(content)
            self.read(member_id, content, depth)
        except (TooMuch, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - parsers raise anything on broken files; the other members are still read
            self.failed.append(UnreadableMember(member_id, reason_of(error)))


def _parsed(document_id: str, data: bytes) -> ParsedFile:
    if not data:
        raise UnreadableFile("it contains no text")
    # Imported by name, so that a text file does not wait for the PDF library.
    parsed: ParsedFile = import_module(f"rag.loading.{format_of(document_id, data)}").read(data)
    return parsed


def _document(document_id: str, parsed: ParsedFile, digest: str) -> Document:
    title = " ".join((parsed.title or "").split())[:_LONGEST_TITLE]
    if not title or _MEANINGLESS_TITLE.fullmatch(title):
        title = _title_from_name(document_id)
    notes = (*parsed.notes, *hidden_characters(parsed.text))
    return Document(document_id, title, parsed.text, tuple(parsed.blocks), digest, notes, language_of(parsed.text))


def _title_from_name(document_id: str) -> str:
    stem = Path(document_id).stem
    words = stem.replace("_", " ").replace("-", " ").strip()
    return (words[:1].upper() + words[1:]) or stem
