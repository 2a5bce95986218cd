"""The files of a corpus: their names, digests and documents."""

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
    from rag.loading.containers.members import LoadedFile


class Corpus(Protocol):
    """A source of documents: a folder of files, or records such as those of a question set."""

    def names(self) -> list[str]:
        """The names of all files that may be documents, sorted."""
        ...

    def digest_of(self, name: str) -> str:
        """Equal content gives equal digests. Raises UnreadableFile."""
        ...

    def format_of(self, name: str) -> str:
        """Files with equal content and equal format give equal documents."""
        ...

    def read(self, names: Sequence[str]) -> Iterator["LoadedFile | UnreadableFile"]:
        """Yields, for each name in order, its documents or the reason why it cannot be read."""
        ...


def corpus_files(corpus: Path) -> list[str]:
    """The ids of all files below the folder, sorted, without hidden files, hidden folders and links that lead outside.

    Files of unknown formats are included, so that reading them reports why they cannot be read. Raises CorpusError.
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
    raise CorpusError(f"the folder {error.filename} cannot be listed ({error.strerror}); fix its permissions or move it away")


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
            raise UnreadableFile(f"it cannot be opened: {error.strerror or error}") from error

    def format_of(self, name: str) -> str:
        """The file name's ending in lower case, which together with the content determines the loader."""
        return Path(name).suffix.lower()

    def read(self, names: Sequence[str]) -> Iterator["LoadedFile | UnreadableFile"]:
        from rag.loading.process.pool import read_documents  # not needed to find out which files changed

        return read_documents([(self.folder, name) for name in names], self.settings)
