"""The files of a corpus beside what the index has of them; and whether it has moved on, asked as often as one likes."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.index.changes import Changes, corpus_changes
from rag.index.manifest import Manifest
from rag.loading.corpus import corpus_files

PATIENCE = 20  # times as long as looking at all files takes, until they are looked at again
SORTS = ("name", "title", "format", "size", "passages", "changed", "state")


@dataclass(frozen=True)
class ListedFile:
    """`size` in bytes and `changed` in seconds since 1970 are those of the file, 0 where it is gone.

    `state` is "", "new", "changed" or "removed" since the build, "same as" another, or "not read"; `note` says which or why.
    """

    id: str
    title: str
    format: str
    size: int
    passages: int
    changed: float
    state: str
    note: str


class Watch:
    """Says what a build would do; the files are read again only when one of them has another size or time."""

    def __init__(self, corpus: Path) -> None:
        self._corpus = corpus
        self._lock = threading.Lock()
        self._seen: tuple[object, str] | None = None
        self._looked = self._cost = 0.0
        self._changes: Changes | None = None

    def changes(self, manifest: Manifest) -> Changes:
        with self._lock:
            same = self._seen is not None and self._seen[1] == manifest.hash
            begun = time.monotonic()
            if same and self._changes is not None and begun - self._looked < PATIENCE * self._cost:
                return self._changes
            now = (fingerprint(self._corpus), manifest.hash)
            self._looked = time.monotonic()
            self._cost = self._looked - begun
            if self._changes is None or now != self._seen:
                self._changes, self._seen = corpus_changes(self._corpus, manifest.corpus), now
            return self._changes


def fingerprint(corpus: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of every file: another one where any of them was written. Raises CorpusError."""
    found = []
    for name in corpus_files(corpus):
        size, changed = _stat(corpus / name)
        found.append((name, size, changed))
    return tuple(found)


def _stat(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:  # it went while the folder was being listed
        return 0, 0
    return stat.st_size, stat.st_mtime_ns


def list_files(corpus: Path, manifest: Manifest, changes: Changes) -> list[ListedFile]:
    """Every file of the corpus and every document of the index, by name."""
    known = {document.id: document for document in manifest.corpus.documents}
    same = {duplicate.path: duplicate.same_as for duplicate in (*manifest.corpus.duplicates, *changes.duplicates)}
    failed = {failure.path: failure.reason for failure in changes.failed}
    states = dict.fromkeys(changes.added, ("new", "")) | dict.fromkeys(changes.changed, ("changed", ""))
    states |= dict.fromkeys(changes.removed, ("removed", ""))
    states |= {name: ("same as", other) for name, other in same.items() if name not in states}
    states |= {name: ("not read", reason) for name, reason in failed.items()}
    found = []
    for name in sorted({*known, *manifest.corpus.digests, *states, *changes.unchanged}):
        size, changed = _stat(corpus / name)
        document = known.get(name)
        state, note = states.get(name, ("", ""))
        title, passages = (document.title, document.passages) if document else ("", 0)
        found.append(ListedFile(name, title, Path(name).suffix.lower()[1:], size, passages, changed / 1e9, state, note))
    return found


def chosen_files(files: Sequence[ListedFile], words: str, sort: str, *, descending: bool) -> list[ListedFile]:
    """Those with all the words in name, title or state, sorted; equals by name."""
    wanted = words.casefold().split()
    found = [file for file in files if all(w in f"{file.id} {file.title} {file.state}".casefold() for w in wanted)]
    field = {"name": "id"}.get(sort, sort if sort in SORTS else "id")
    return sorted(found, key=lambda file: getattr(file, field), reverse=descending)
