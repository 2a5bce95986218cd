"""A corpus compared with what an index holds: which files are new, changed or gone."""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from rag.errors import UnreadableFile
from rag.index.builds import Report
from rag.index.entries import Entry, ListedEntries
from rag.index.manifest import CorpusFiles, Duplicate, Failure
from rag.loading.containers.members import file_of
from rag.loading.corpus import Corpus, FolderCorpus, as_folder
from rag.storage.files import canonical_json, from_json, now

CHANGES = "changes.json"


@dataclass(frozen=True)
class Changes:
    """What a build did with each file; ids are sorted. `failed` and `duplicates` list all such files, not only new ones.

    `embedded` counts the passages that had to be embedded, `cut` those that hold part of an overlong sentence. `rebuilt` says
    why the previous build could not be used; it is empty if it could, or if there was none.
    """

    added: list[str]
    changed: list[str]
    removed: list[str]
    unchanged: list[str]
    failed: list[Failure]
    duplicates: list[Duplicate]
    embedded: int = 0
    cut: int = 0
    rebuilt: str = ""

    @property
    def any(self) -> bool:
        """Whether any document differs."""
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True)
class BuildRecord:
    """The changes of one build, when it ended (ISO time, UTC) and how many seconds it took."""

    changes: Changes
    built: str
    seconds: float


def save_changes(folder: Path, changes: Changes, seconds: float) -> None:
    """Writes the record of a build that ends now."""
    times = {"built": now(), "seconds": round(seconds, 2)}
    (folder / CHANGES).write_text(canonical_json(asdict(changes) | times), encoding="utf-8")


def load_changes(folder: Path) -> BuildRecord:
    """The record of the build in `folder`, whose files have been checked."""
    values = from_json((folder / CHANGES).read_bytes())
    built, seconds = values.pop("built"), values.pop("seconds")
    failed = [Failure(**failure) for failure in values.pop("failed")]
    duplicates = [Duplicate(**duplicate) for duplicate in values.pop("duplicates")]
    return BuildRecord(Changes(**values, failed=failed, duplicates=duplicates), built, seconds)


@dataclass(frozen=True)
class ScannedFiles:
    """The files of a corpus by content: their digests, the duplicates among them, and the files that cannot be opened."""

    digests: dict[str, str]
    same_as: dict[str, str]
    failed: list[Failure]

    @property
    def documents(self) -> list[str]:
        return [name for name in self.digests if name not in self.same_as]


def scan(corpus: Corpus, progress: Report) -> ScannedFiles:
    """Hashes every file of the corpus."""
    digests: dict[str, str] = {}
    same_as: dict[str, str] = {}
    first: dict[tuple[str, str], str] = {}
    failed: list[Failure] = []
    names = corpus.names()
    for done, name in enumerate(names):
        progress("looking", done, len(names))
        try:
            digests[name] = corpus.digest_of(name)
        except UnreadableFile as error:
            failed.append(Failure(_printable(name), str(error)))
            continue
        original = first.setdefault((digests[name], corpus.format_of(name)), name)
        if original != name:
            same_as[name] = original
    progress("looking", len(names), len(names))
    return ScannedFiles(digests, same_as, failed)


def corpus_changes(corpus: Path | FolderCorpus, indexed: CorpusFiles) -> Changes:
    """What a build would do, determined from the files' contents.

    Nothing is read or embedded, so files that will turn out to be unreadable are not predicted.
    """
    files = scan(as_folder(corpus), lambda what, done, total: None)
    known = by_file(indexed.digests, files.digests, id_of=str)
    failures = by_file(indexed.failed, files.digests, id_of=lambda failure: failure.path)
    failing: list[Failure] = []
    documents: list[Entry] = []
    for name in files.documents:
        digest = files.digests[name]
        same = [failure for failure in failures.get(name, []) if failure.digest == digest]
        failing += same
        ids = known.get(name, []) or ([] if same else [name])
        documents += [Entry(document_id, "", digest, 0, 0) for document_id in ids]
    return compare(indexed, corpus_state(files, documents, [*files.failed, *failing]))


T = TypeVar("T")


def by_file(things: Iterable[T], files: Container[str], *, id_of: Callable[[T], str]) -> dict[str, list[T]]:
    """Documents or failures by the file that holds them, which for members of a container is the container."""
    grouped: dict[str, list[T]] = {}
    for thing in things:
        grouped.setdefault(file_of(id_of(thing), files.__contains__), []).append(thing)
    return grouped


def corpus_state(files: ScannedFiles, documents: Sequence[Entry], failed: Sequence[Failure]) -> CorpusFiles:
    """The state of a corpus whose files have been read. A duplicate of a file fails, in whole or in part, like that file."""
    read = by_file(documents, files.digests, id_of=lambda entry: entry.id)
    unread = by_file(failed, files.digests, id_of=lambda failure: failure.path)
    duplicates: list[Duplicate] = []
    repeated: list[Failure] = []
    for name, same in files.same_as.items():
        duplicates += [Duplicate(name + entry.id.removeprefix(same), entry.id) for entry in read.get(same, [])]
        repeated += [replace(failure, path=name + failure.path.removeprefix(same)) for failure in unread.get(same, [])]
    everything = sorted([*failed, *repeated], key=lambda failure: failure.path)
    return CorpusFiles(ListedEntries(documents), tuple(duplicates), tuple(everything))


def compare(before: CorpusFiles | None, now: CorpusFiles) -> Changes:
    """The difference between two states of a corpus; everything is new if there is no earlier one."""
    old = before.digests if before else {}
    new = now.digests
    return Changes(
        added=sorted(new.keys() - old.keys()),
        changed=sorted(name for name in new.keys() & old.keys() if new[name] != old[name]),
        removed=sorted(old.keys() - new.keys() - {failure.path for failure in now.failed}),
        unchanged=sorted(name for name in new.keys() & old.keys() if new[name] == old[name]),
        failed=list(now.failed),
        duplicates=list(now.duplicates),
        cut=sum(document.cut for document in now.documents),
    )


def _printable(name: str) -> str:
    """A file name that is not UTF-8, with question marks in place of what cannot be shown."""
    return name.encode("utf-8", "replace").decode()
