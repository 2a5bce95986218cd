"""The files of a corpus folder, and what in it is skipped and why."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rag.errors import CorpusError


@dataclass(frozen=True, order=True)
class Skipped:
    """A file or folder of the corpus that is not looked at, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """The names of all files, sorted, and what was skipped. Hidden files and folders are in neither list."""

    files: list[str]
    skipped: list[Skipped]


def list_folder(corpus: Path, *, own: Mapping[Path, str] | None = None, follow_links: bool = False) -> Listing:
    """Files of unknown formats are included, so that reading them reports why they cannot be read. Raises CorpusError.

    `own` says what the program's own files and folders are, by resolved path; those are skipped. Links to folders are followed
    only with `follow_links`, and never out of the corpus, into a folder that holds them, or to a folder followed before.
    """
    if not corpus.is_dir():
        raise CorpusError(f"the corpus folder {corpus} does not exist; create it, or name another with --corpus")
    walk = _Walk(os.path.realpath(corpus), {str(path): what for path, what in (own or {}).items()}, follow_links)
    walk.visit(walk.root, "")
    return Listing(sorted(walk.files), sorted(walk.skipped))


@dataclass
class _Walk:
    """`root` and the paths of `own` are resolved."""

    root: str
    own: Mapping[str, str]
    follow_links: bool
    files: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    followed: set[str] = field(default_factory=set)

    def visit(self, folder: str, prefix: str) -> None:
        """`folder` is resolved; `prefix` begins the names of its files."""
        links: list[tuple[str, str]] = []
        for entry in _entries(folder):
            name = prefix + entry.name
            if reason := self._skip_reason(entry):
                self.skipped.append(Skipped(name, reason))
            elif entry.is_dir(follow_symlinks=False):
                self.visit(entry.path, f"{name}/")
            elif entry.is_dir():
                self.followed.add(target := os.path.realpath(entry.path))
                links.append((target, f"{name}/"))
            elif entry.is_file():
                self.files.append(name)
        for target, names in links:
            self.visit(target, names)

    def _skip_reason(self, entry: "os.DirEntry[str]") -> str:
        """Why an entry is skipped; empty if it is not."""
        try:
            path = os.path.realpath(entry.path, strict=True) if entry.is_symlink() else entry.path
        except OSError:
            return "it is a link that leads nowhere"
        if what := self._what_is_own(path):
            return f"it is {what}"
        if not f"{path}/".startswith(f"{self.root}/"):
            return "it is a link that leads out of the corpus"
        if not entry.is_dir():
            return ""
        if Path(path, "CURRENT").is_file() and Path(path, "builds").is_dir():
            return "it is an index"
        return self._link_reason(entry.path, path) if entry.is_symlink() else ""

    def _link_reason(self, link: str, target: str) -> str:
        """Why a link to a folder of the corpus is not followed; empty if it is."""
        if not self.follow_links:
            return "it is a link to a folder; set loading.follow_links = true to follow it"
        if link.startswith(f"{target}/"):
            return "it is a link to a folder that holds it"
        return "it is a link to a folder that another link leads to" if target in self.followed else ""

    def _what_is_own(self, path: str) -> str | None:
        """What the program keeps there, None if nothing. Lock and temporary files begin with the name of the file."""
        if path in self.own:
            return self.own[path]
        return next((what for own, what in self.own.items() if path.startswith(f"{own}.")), None)


def _entries(folder: str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise CorpusError(
            f"the folder {error.filename} cannot be listed ({error.strerror}); fix its permissions or move it away"
        ) from error
