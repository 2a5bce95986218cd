"""The files of a corpus, and one file to a Document. A new format is one module beside this and one row in LOADERS."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rag.errors import CorpusError, UnreadableFile
from rag.loading import markdown, plain_text, web_page
from rag.loading.decoding import decode
from rag.records import Block, Document
from rag.storage import sha256_bytes, sha256_file


class Corpus(Protocol):
    """Where documents come from: a folder of files, or records such as those of a question set."""

    def names(self) -> list[str]:
        """Ids of all that may be documents, sorted."""
        ...

    def digest_of(self, name: str) -> str:
        """Equal for equal content only. Raises UnreadableFile."""
        ...

    def format_of(self, name: str) -> str:
        """Two of the same content and format are the same document."""
        ...

    def load(self, name: str) -> Document:
        """Raises UnreadableFile."""
        ...


LARGEST_FILE = 200 * 2**20  # bytes; more is no document that a person reads

Parsed = tuple[str | None, str, list[Block]]


def _as_text(data: bytes) -> Parsed:
    text = decode(data)
    title, blocks = plain_text.parse(text)
    return title, text, blocks


def _as_markdown(data: bytes) -> Parsed:
    text = decode(data)
    title, blocks = markdown.parse(text)
    return title, text, blocks


def _as_web_page(data: bytes) -> Parsed:
    return web_page.parse(decode(data))


# From the end of a file's name to what makes (title or None, text, blocks) of its bytes.
LOADERS: dict[str, Callable[[bytes], Parsed]] = {
    ".txt": _as_text,
    ".text": _as_text,
    ".md": _as_markdown,
    ".markdown": _as_markdown,
    ".mdx": _as_markdown,
    ".html": _as_web_page,
    ".htm": _as_web_page,
}


def corpus_files(corpus: Path) -> list[str]:
    """Ids of all files below the folder, sorted; hidden files and folders, and links that lead outside, are passed over.

    Files of unknown formats are included: reading them says why they cannot be read.
    """
    if not corpus.is_dir():
        raise CorpusError(f"the corpus folder {corpus} does not exist; create it, or name another with --corpus")
    root = corpus.resolve()
    ids = []
    for folder, subfolders, names in os.walk(root, onerror=_cannot_list):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for name in names:
            path = Path(folder, name)
            if not name.startswith(".") and path.is_file() and path.resolve().is_relative_to(root):
                ids.append(path.relative_to(root).as_posix())
    return sorted(ids)


def _cannot_list(error: OSError) -> None:
    raise CorpusError(f"the folder {error.filename} cannot be listed ({error.strerror}); mend its permissions or move it away")


def read_bytes(corpus: Path, document_id: str) -> bytes:
    """The bytes of one file of the corpus. Raises UnreadableFile."""
    try:
        return _checked(corpus, document_id).read_bytes()
    except OSError as error:
        raise UnreadableFile(f"cannot be opened: {error.strerror or error}") from error


def _checked(corpus: Path, document_id: str) -> Path:
    path = corpus / document_id
    try:
        document_id.encode()
    except UnicodeEncodeError:
        raise UnreadableFile("its name is not UTF-8; rename it") from None
    if path.stat().st_size > LARGEST_FILE:
        raise UnreadableFile(f"larger than {LARGEST_FILE // 2**20} MB; split it")
    return path


@dataclass(frozen=True)
class FolderCorpus:
    """The files of a folder; ids are paths within it."""

    folder: Path

    def names(self) -> list[str]:
        return corpus_files(self.folder)

    def digest_of(self, name: str) -> str:
        try:
            return sha256_file(_checked(self.folder, name))
        except OSError as error:
            raise UnreadableFile(f"cannot be opened: {error.strerror or error}") from error

    def format_of(self, name: str) -> str:
        """The ending by which a file's loader is chosen, in lower case."""
        return Path(name).suffix.lower()

    def load(self, name: str) -> Document:
        return load_document(name, read_bytes(self.folder, name))


def load_document(document_id: str, data: bytes) -> Document:
    """Reads one file. Raises UnreadableFile with the reason where nothing can be read."""
    suffix = Path(document_id).suffix.lower()
    loader = LOADERS.get(suffix)
    if loader is None:
        raise UnreadableFile(f"format {suffix or 'without an ending'} is not known; known are {' '.join(sorted(LOADERS))}")
    title, text, blocks = loader(data)
    if not blocks:
        raise UnreadableFile("it holds no text")
    return Document(document_id, _one_line(title) or _title_from_name(document_id), text, tuple(blocks), sha256_bytes(data))


def _one_line(title: str | None) -> str:
    return " ".join((title or "").split())[:200]


def _title_from_name(document_id: str) -> str:
    stem = Path(document_id).stem
    words = stem.replace("_", " ").replace("-", " ").strip()
    return (words[:1].upper() + words[1:]) or stem
