"""Builds an index of a corpus, from scratch or as an update with the same result."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rag.config import DenseSettings, PassageSettings
from rag.errors import IndexBroken, IndexMismatch, IndexMissing, UnreadableFile
from rag.index.build_files import CONTENTS, stored_files
from rag.index.build_writer import BuildWriter, PreviousBuild
from rag.index.builds import (
    Report,
    build_lock,
    commit_build,
    keep_previous,
    live_build,
    new_staging,
    previous_build,
    sweep_builds,
)
from rag.index.changes import Changes, ScannedFiles, by_file, compare, corpus_state, save_changes, scan
from rag.index.dense import factory_for
from rag.index.manifest import (
    Contents,
    CorpusFiles,
    Entry,
    Failure,
    Manifest,
    check_files,
    check_manifest,
    damaged_files,
    load_manifest,
    save_manifest,
)
from rag.index.sentence_vectors import SentenceVectors
from rag.loading.corpus import Corpus, FolderCorpus
from rag.loading.reading import Reading, Splitting
from rag.models.embedder import Embedder
from rag.storage.file_changes import finish_interrupted
from rag.text.passages import split_passages

JOURNAL = "embedded.journal"


@dataclass(frozen=True)
class Recipe:
    """What an index is built with, besides the documents."""

    embedder: Embedder
    passages: PassageSettings
    dense: DenseSettings = DenseSettings()


def update_index(
    corpus: Path | Corpus,
    folder: Path,
    recipe: Recipe,
    *,
    full: bool = False,
    retry: bool = False,
    forget: bool = False,
    wait: bool = False,
    prepare: Callable[[], None] = lambda: None,
    progress: Report = lambda what, done, total: None,
) -> tuple[Manifest, Changes]:
    """Makes the index in `folder` agree with the corpus in one step; until then the previous build stays live.

    Returns the new manifest and what has changed. With `full`, or if the previous build is broken or was made with another
    recipe, everything is built from scratch; if nothing has changed, nothing is written. Files that could not be read are
    tried again only if they have changed, or with `retry`. The previous build is kept for
    `rag rollback` unless it holds a document that has been removed, or with `forget`. `prepare` is called once the lock is
    held, before the corpus is scanned. Raises BuildLocked while another process builds, unless `wait`; CorpusError if there
    is no corpus.
    """
    corpus = _as_corpus(corpus)
    with build_lock(folder, wait=wait) as note:
        if isinstance(corpus, FolderCorpus):
            finish_interrupted(corpus.folder)
        prepare()
        _discard_leftovers(folder, full=full)
        result = _update(corpus, folder, recipe, full=full, retry=retry, forget=forget, report=_to_both(note, progress))
        sweep_builds(folder)
        SentenceVectors(folder, result[0]).sweep()
        (folder / JOURNAL).unlink(missing_ok=True)
        return result


def _update(
    corpus: Corpus, folder: Path, recipe: Recipe, *, full: bool, retry: bool, forget: bool, report: Report
) -> tuple[Manifest, Changes]:
    live = _manifest_of(folder, live_build)
    reusable, rebuilt = (None, "") if full else _reusable(folder, recipe)
    with _staging(folder) as staging:
        build = _Build(staging / "build", recipe, reusable, folder / JOURNAL, report, retry)
        manifest, changes = build.write(corpus, compared_with=live, rebuilt=rebuilt)
        same = live is not None and manifest.hash == live.hash
        previous = None if forget else _worth_keeping(folder, previous_build if same else live_build, manifest)
        if reusable is not None and same:
            keep_previous(folder, previous)
        else:
            commit_build(folder, build.folder, manifest.hash[:16], previous=previous)
    return manifest, changes


def _to_both(first: Report, second: Report) -> Report:
    def report(what: str, done: int, total: int) -> None:
        first(what, done, total)
        second(what, done, total)

    return report


def rebuild_differs(corpus: Path | Corpus, folder: Path, recipe: Recipe, *, progress: Report) -> list[str]:
    """Builds from scratch alongside the live build and compares the two.

    Returns the sorted names of the parts of the contents that differ; none if they are equal.
    """
    with build_lock(folder):
        live = load_manifest(live_build(folder))
        with _staging(folder) as staging:
            build = _Build(staging / "build", recipe, None, staging / JOURNAL, progress)
            manifest, _ = build.write(_as_corpus(corpus), compared_with=None)
    old, new = live.contents.values(), manifest.contents.values()
    return sorted(name for name in new if new[name] != old[name])


def _as_corpus(corpus: Path | Corpus) -> Corpus:
    return FolderCorpus(corpus) if isinstance(corpus, Path) else corpus


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    staging = new_staging(folder)
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _discard_leftovers(folder: Path, *, full: bool) -> None:
    """Removes what killed builders left, with `full` also the vectors that they had computed."""
    sweep_builds(folder, unfinished=True)
    if full:
        (folder / JOURNAL).unlink(missing_ok=True)


def _manifest_of(folder: Path, which: Callable[[Path], Path | None]) -> Manifest | None:
    with suppress(IndexMissing, IndexBroken, IndexMismatch):  # the build that follows fixes each of these
        build = which(folder)
        return None if build is None else load_manifest(build)
    return None


def _reusable(folder: Path, recipe: Recipe) -> tuple[PreviousBuild | None, str]:
    """The previous build; or None and why it cannot be used, which is empty if there is none."""
    try:
        build = live_build(folder)
        manifest = load_manifest(build)
        check_manifest(manifest, model=recipe.embedder.identity, settings=recipe.passages)
        check_files(build, manifest)
    except IndexMissing:
        return None, ""
    except (IndexBroken, IndexMismatch) as error:  # the build from scratch that follows fixes each of these
        return None, str(error).split("; ")[0]
    return PreviousBuild(build, manifest), ""


def _worth_keeping(folder: Path, which: Callable[[Path], Path | None], now: Manifest) -> Path | None:
    """The build to roll back to; None if it is damaged or holds a document that has been removed from the corpus."""
    before = _manifest_of(folder, which)
    build = which(folder) if before else None
    if before is None or build is None or any(damaged_files(build, before)):
        return None
    digests = now.corpus.digests
    names = digests.keys() | {failure.path for failure in now.corpus.failed}
    texts = set(digests.values())
    removed = any(name not in names and digest not in texts for name, digest in before.corpus.digests.items())
    return None if removed else build


@dataclass(frozen=True)
class _Build:
    """Writes a build of the current corpus to `folder`, reusing what `previous` already has."""

    folder: Path
    recipe: Recipe
    previous: PreviousBuild | None
    journal: Path
    progress: Report
    retry: bool = False

    def write(self, corpus: Corpus, *, compared_with: Manifest | None, rebuilt: str = "") -> tuple[Manifest, Changes]:
        """Returns the manifest and the changes since `compared_with`. Writes no build if it would equal `previous`.

        A file that cannot be read is listed and left out, even if an earlier version of it was indexed: the corpus no longer
        holds that version.
        """
        started = time.monotonic()
        self.folder.mkdir()
        files = scan(corpus, self.progress)
        with BuildWriter(self.folder, self.folder.parent, self.previous, self.recipe.embedder, self.journal) as writer:
            failed = self._read(corpus, files, writer)
            state = corpus_state(files, writer.entries, failed)
            changes = compare(compared_with.corpus if compared_with else None, state)
            if self.previous is not None and self._equals(self.previous.manifest, state, writer.passages):
                return self.previous.manifest, changes
            embedded, dim, nearest = writer.finish(self.recipe.dense, self.progress)
        changes = replace(changes, embedded=embedded, rebuilt=rebuilt)
        save_changes(self.folder, changes, time.monotonic() - started)
        stored = stored_files(self.folder)
        contents = Contents(
            settings=self.recipe.passages,
            corpus=state,
            passages=writer.passages,
            model=self.recipe.embedder.identity,
            dim=dim,
            dense=nearest.factory,
            digests={name: stored[name].sha256 for name in CONTENTS},
        )
        return save_manifest(self.folder, contents, nearest, stored), changes

    def _equals(self, manifest: Manifest, state: CorpusFiles, passages: int) -> bool:
        contents = manifest.contents
        dense = factory_for(passages, contents.dim, self.recipe.dense)
        return (contents.corpus, contents.passages, contents.dense) == (state, passages, dense)

    def _read(self, corpus: Corpus, files: ScannedFiles, writer: BuildWriter) -> list[Failure]:
        """Passes every document to the writer, in order; returns the files that cannot be read."""
        failed = list(files.failed)
        names, embedder = files.documents, self.recipe.embedder
        kept = self._kept(files)
        new = [name for name in names if name not in kept]
        limit = self._limit() if new else 0
        tokenizer = embedder.tokenizer_json() if new else None
        loaded = corpus.read(new, Reading(Splitting(tokenizer, limit) if tokenizer else None, self.progress))
        for done, name in enumerate(names):
            self.progress("reading", done, len(names))
            if name in kept:
                entries, failures = kept[name]
                failed += failures
                for entry in entries:
                    writer.keep(entry)
                continue
            file = next(loaded)
            if isinstance(file, UnreadableFile):
                failed.append(Failure(name, str(file), files.digests[name]))
                continue
            failed += [Failure(member.id, member.reason, files.digests[name]) for member in file.failed]
            for i, document in enumerate(file.documents):
                split = partial(split_passages, document, count_tokens=embedder.count_tokens, limit=limit)
                writer.add(document, split() if file.passages is None else file.passages[i])
        self.progress("reading", len(names), len(names))
        return failed

    def _limit(self) -> int:
        """The longest passage in tokens. Loads the model."""
        longest = self.recipe.embedder.max_tokens
        return min(self.recipe.passages.max_tokens or longest, longest)

    def _kept(self, files: ScannedFiles) -> dict[str, tuple[list[Entry], list[Failure]]]:
        """The documents of the files that have not changed since the previous build, and what could not be read of them.

        With `retry`, files of which something could not be read are left out.
        """
        if self.previous is None:
            return {}
        indexed = self.previous.manifest.corpus
        failures = by_file(indexed.failed, files.digests, id_of=lambda failure: failure.path)
        entries = by_file(indexed.documents, files.digests, id_of=lambda entry: entry.id)
        kept = {}
        for name in files.documents:
            read, unread = entries.get(name, []), failures.get(name, [])
            digests = {entry.digest for entry in read} | {failure.digest for failure in unread}
            if digests == {files.digests[name]} and not (self.retry and unread):
                kept[name] = read, unread
        return kept
