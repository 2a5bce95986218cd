"""A corpus compared with what an index holds: which files are new, changed or gone."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rag.errors import UnreadableFile
from rag.index.builds import Report
from rag.index.manifest import CorpusFiles, Duplicate, Entry, Failure
from rag.loading.corpus import Corpus, FolderCorpus
from rag.storage.files import canonical_json, from_json

CHANGES = "changes.json"


@dataclass(frozen=True)
class Changes:
    """What a build did with each file; ids are sorted. `failed` and `duplicates` list all such files, not only new ones.

    `embedded` counts the passages that had to be embedded, `cut` those that hold part of an overlong sentence.
    """

    added: list[str]
    changed: list[str]
    removed: list[str]
    unchanged: list[str]
    failed: list[Failure]
    duplicates: list[Duplicate]
    embedded: int = 0
    cut: int = 0

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
    times = {"built": datetime.now(UTC).isoformat(timespec="seconds"), "seconds": round(seconds, 2)}
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


def corpus_changes(corpus: Path, indexed: CorpusFiles) -> Changes:
    """What a build would do, determined from the files' contents.

    Nothing is read or embedded, so files that will turn out to be unreadable are not predicted.
    """
    files = scan(FolderCorpus(corpus), lambda what, done, total: None)
    known = {failure.path: failure for failure in indexed.failed}
    failing = {name: known[name] for name, digest in files.digests.items() if name in known and known[name].digest == digest}
    failing |= {name: replace(failing[same], path=name) for name, same in files.same_as.items() if same in failing}
    now = CorpusFiles(
        documents=tuple(Entry(name, "", files.digests[name], 0, 0) for name in files.documents if name not in failing),
        duplicates=tuple(Duplicate(name, same) for name, same in files.same_as.items() if name not in failing),
        failed=(*files.failed, *failing.values()),
    )
    return compare(indexed, now)


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
