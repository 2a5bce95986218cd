"""The files of a corpus: their names, digests and documents."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rag.config import SETTINGS_FILE, LoadingSettings, Settings
from rag.errors import SettingsError, UnreadableFile
from rag.loading.folder_listing import Listing, list_folder
from rag.loading.process.safe_open import checked_path
from rag.loading.reading import READ_ONLY, Reading
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

    def read(self, names: Sequence[str], reading: Reading = READ_ONLY) -> Iterator["LoadedFile | UnreadableFile"]:
        """Yields, for each name in order, its documents or the reason why it cannot be read.

        Where `reading` says how to split and the corpus can do so, the passages come with the documents.
        """
        ...


def corpus_files(corpus: Path) -> list[str]:
    """The names of all files below a folder: see `list_folder`."""
    return list_folder(corpus).files


@dataclass(frozen=True)
class FolderCorpus:
    """The files of a folder; names are paths within it. `own` says which of them are the program's: see `list_folder`."""

    folder: Path
    settings: LoadingSettings = LoadingSettings()
    own: Mapping[Path, str] = field(default_factory=dict)

    def listing(self) -> Listing:
        return list_folder(self.folder, own=self.own, follow_links=self.settings.follow_links)

    def names(self) -> list[str]:
        return self.listing().files

    def digest_of(self, name: str) -> str:
        try:
            return sha256_file(checked_path(self.folder, name))
        except OSError as error:
            raise UnreadableFile(f"it cannot be opened: {error.strerror or error}") from error

    def format_of(self, name: str) -> str:
        """The file name's ending in lower case, which together with the content determines the loader."""
        return Path(name).suffix.lower()

    def read(self, names: Sequence[str], reading: Reading = READ_ONLY) -> Iterator["LoadedFile | UnreadableFile"]:
        from rag.loading.process.pool import read_documents  # not needed to find out which files changed

        return read_documents([(self.folder, name) for name in names], self.settings, reading)


def as_folder(corpus: Path | FolderCorpus) -> FolderCorpus:
    return FolderCorpus(corpus) if isinstance(corpus, Path) else corpus


def corpus_of(settings: Settings) -> FolderCorpus:
    """The corpus folder of the settings, without the program's own files. Raises SettingsError if it is one of its folders."""
    own = {
        settings.index: "the index",
        Path(settings.objects): "the folder of objects",
        settings.server.users: "the file of user accounts",
        settings.server.conversations: "the folder of saved conversations",
        settings.evaluation.feedback: "the folder of feedback",
        settings.evaluation.runs: "the folder of evaluation runs",
        settings.evaluation.sets: "the folder of question sets",
        settings.watched_file: "the file of watched questions",
        settings.unanswered_file: "the log of unanswered questions",
        SETTINGS_FILE: "the settings file",
    }
    resolved = {path.resolve(): what for path, what in own.items()}
    if what := resolved.get(settings.corpus.resolve()):
        raise SettingsError(f"the corpus folder {settings.corpus} is {what}; name another folder with --corpus")
    return FolderCorpus(settings.corpus, settings.loading, resolved)
