"""A corpus beside what an index has of it: which files are new, changed or gone."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rag.errors import UnreadableFile
from rag.index.builds import Report
from rag.index.manifest import Duplicate, Failure, digests_in, duplicates_in, failures_in
from rag.loading.corpus import Corpus, FolderCorpus


@dataclass(frozen=True)
class Changes:
    """What a build did with each file; ids are sorted.

    `embedded` counts the passages whose vectors had to be made, `cut` those that hold a part of an overlong sentence.
    """

    added: list[str]
    changed: list[str]
    removed: list[str]
    unchanged: list[str]
    failed: list[Failure]
    duplicates: list[Duplicate]
    embedded: int = 0
    cut: int = 0


@dataclass(frozen=True)
class Found:
    """The files of a corpus by content: those to read, those that only repeat one of them, and those that cannot be opened."""

    digests: dict[str, str]
    same_as: dict[str, str]
    failed: list[Failure]

    @property
    def documents(self) -> list[str]:
        return [name for name in self.digests if name not in self.same_as]


def look(corpus: Corpus, progress: Report) -> Found:
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
    return Found(digests, same_as, failed)


def corpus_changes(corpus: Path, manifest: dict[str, Any]) -> Changes:
    """What a build would do, told from the files' contents; nothing is split or embedded, and new failures are not foreseen."""
    found = look(FolderCorpus(corpus), lambda what, done, total: None)
    known = {failure.path: failure for failure in failures_in(manifest)}
    failing = {name: known[name] for name, digest in found.digests.items() if name in known and known[name].digest == digest}
    failing |= {name: replace(failing[same], path=name) for name, same in found.same_as.items() if same in failing}
    read = [name for name in found.documents if name not in failing]
    repeated = [Duplicate(name, same) for name, same in found.same_as.items() if name not in failing]
    now = {
        "documents": [{"id": name, "digest": found.digests[name]} for name in read],
        "duplicates": [asdict(duplicate) for duplicate in repeated],
        "failed": [asdict(failure) for failure in [*found.failed, *failing.values()]],
    }
    return told_apart(manifest, now)


def told_apart(before: dict[str, Any] | None, now: dict[str, Any]) -> Changes:
    """Compares two manifests, or the parts of them that name files."""
    old = digests_in(before) if before else {}
    new = digests_in(now)
    failed = failures_in(now)
    return Changes(
        added=sorted(new.keys() - old.keys()),
        changed=sorted(name for name in new.keys() & old.keys() if new[name] != old[name]),
        removed=sorted(old.keys() - new.keys() - {failure.path for failure in failed}),
        unchanged=sorted(name for name in new.keys() & old.keys() if new[name] == old[name]),
        failed=failed,
        duplicates=duplicates_in(now),
        cut=sum(document.get("cut", 0) for document in now["documents"]),
    )


def _printable(name: str) -> str:
    """A file name that is not UTF-8 with question marks in place of what cannot be shown."""
    return name.encode("utf-8", "replace").decode()
