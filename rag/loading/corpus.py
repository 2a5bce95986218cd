"""The files of a corpus: which there are, and what they hold."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rag.config import LoadingSettings
from rag.errors import CorpusError, UnreadableFile
from rag.loading.process.safe_open import checked_path
from rag.storage.files import sha256_file

if TYPE_CHECKING:
    from rag.records import Document


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

    def read(self, names: Sequence[str]) -> Iterator["Document | UnreadableFile"]:
        """For each name in order its document, or the reason why there is none."""
        ...


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


@dataclass(frozen=True)
class FolderCorpus:
    """The files of a folder; ids are paths within it."""

    folder: Path
    settings: LoadingSettings = LoadingSettings()

    def names(self) -> list[str]:
        return corpus_files(self.folder)

    def digest_of(self, name: str) -> str:
        try:
            return sha256_file(checked_path(self.folder, name))
        except OSError as error:
            raise UnreadableFile(f"cannot be opened: {error.strerror or error}") from error

    def format_of(self, name: str) -> str:
        """The ending by which a file's loader is chosen, in lower case."""
        return Path(name).suffix.lower()

    def read(self, names: Sequence[str]) -> Iterator["Document | UnreadableFile"]:
        from rag.loading.process.pool import read_documents  # starts processes, of which telling what has changed needs none

        return read_documents([(self.folder, name) for name in names], self.settings)
