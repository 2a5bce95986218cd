"""The files of a corpus with their state in the index, and a cheap, repeated check for changes."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.index.changes import Changes, corpus_changes
from rag.index.manifest import Manifest
from rag.loading.corpus import FolderCorpus, as_folder
from rag.loading.process.safe_open import holding_file

PATIENCE = 20  # between two scans, in multiples of a scan's duration: scanning takes at most 5% of the time
SORTS = ("name", "title", "language", "format", "size", "passages", "changed", "state")


@dataclass(frozen=True)
class ListedFile:
    """A file of the corpus or a document of the index. `size` (bytes) and `changed` (seconds since 1970) are 0 if it is gone;
    those of a member are the container's.

    `state` is "new", "changed" or "removed" since the build, "same as" another file, "not read", "skipped", or "" if it is up
    to date; `note` is the other file, the reason, or what the build noted about the document.
    `language` is an ISO 639-1 code, "" if unknown.
    """

    id: str
    title: str
    format: str
    size: int
    passages: int
    changed: float
    state: str
    note: str
    language: str = ""


class Watch:
    """Reports what a build would change. Files are hashed again only if a name, size or time has changed. Thread-safe."""

    def __init__(self, corpus: Path | FolderCorpus) -> None:
        self._corpus = as_folder(corpus)
        self._lock = threading.Lock()
        self._seen: tuple[object, str] | None = None
        self._scanned = self._cost = 0.0
        self._changes: Changes | None = None

    def changes(self, manifest: Manifest) -> Changes:
        with self._lock:
            same = self._seen is not None and self._seen[1] == manifest.hash
            started = time.monotonic()
            if same and self._changes is not None and started - self._scanned < PATIENCE * self._cost:
                return self._changes
            now = (fingerprint(self._corpus), manifest.hash)
            self._scanned = time.monotonic()
            self._cost = self._scanned - started
            if self._changes is None or now != self._seen:
                self._changes, self._seen = corpus_changes(self._corpus, manifest.corpus), now
            return self._changes


def fingerprint(corpus: FolderCorpus) -> tuple[tuple[str, int, int], ...]:
    """Name, size and modification time of every file, which differ once a file has been written. Raises CorpusError."""
    return tuple((name, *_stat(corpus.folder / name)) for name in corpus.names())


def _stat(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:  # it was removed while the folder was being listed
        return 0, 0
    return stat.st_size, stat.st_mtime_ns


def list_files(corpus: Path | FolderCorpus, manifest: Manifest, changes: Changes) -> list[ListedFile]:
    """Every file of the corpus, every part of it that is skipped, and every document of the index, sorted by name."""
    corpus = as_folder(corpus)
    known = {document.id: document for document in manifest.corpus.documents}
    same = {duplicate.path: duplicate.same_as for duplicate in (*manifest.corpus.duplicates, *changes.duplicates)}
    failed = {failure.path: failure.reason for failure in changes.failed}
    states = dict.fromkeys(changes.added, ("new", "")) | dict.fromkeys(changes.changed, ("changed", ""))
    states |= dict.fromkeys(changes.removed, ("removed", ""))
    states |= {name: ("same as", other) for name, other in same.items() if name not in states}
    states |= {name: ("not read", reason) for name, reason in failed.items()}
    states |= {part.path: ("skipped", part.reason) for part in corpus.listing().skipped}
    files = []
    for name in sorted({*known, *manifest.corpus.digests, *states, *changes.unchanged}):
        size, changed = _stat(corpus.folder / holding_file(corpus.folder, name))
        document = known.get(name)
        state, note = states.get(name, ("", "; ".join(document.notes) if document else ""))
        title, passages, language = (document.title, document.passages, document.language) if document else ("", 0, "")
        suffix = Path(name).suffix.lower()[1:]
        files.append(ListedFile(name, title, suffix, size, passages, changed / 1e9, state, note, language))
    return files


def chosen_files(files: Sequence[ListedFile], words: str, sort: str, *, descending: bool) -> list[ListedFile]:
    """The files with all the words in their name, title or state, or as their language ("language:de"); ties are by name."""
    query_words = words.casefold().split()
    matches = [file for file in files if all(word in _searched(file) for word in query_words)]
    field = {"name": "id"}.get(sort, sort if sort in SORTS else "id")
    return sorted(matches, key=lambda file: getattr(file, field), reverse=descending)


def _searched(file: ListedFile) -> str:
    return f"{file.id} {file.title} {file.state} language:{file.language}".casefold()
