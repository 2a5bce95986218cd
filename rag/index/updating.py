"""Builds an index of a corpus, from scratch or as an update with the same result."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rag.config import LOCAL, DenseSettings, PassageSettings
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
from rag.index.cluster.embedded_files import EmbeddedFile
from rag.index.dense import factory_for
from rag.index.manifest import (
    Contents,
    CorpusFiles,
    Failure,
    Manifest,
    check_files,
    check_manifest,
    damaged_files,
    load_manifest,
    save_manifest,
)
from rag.index.publishing import Publisher, publisher_of
from rag.index.sentence_vectors import SentenceVectors
from rag.loading.containers.members import LoadedFile
from rag.loading.corpus import Corpus, FolderCorpus
from rag.loading.reading import Reading, Splitting
from rag.models.embedder import Embedder
from rag.storage.file_changes import finish_interrupted
from rag.text.passages import split_passages

if TYPE_CHECKING:
    from rag.index.cluster.ray_workers import RayWorkers

JOURNAL = "embedded.journal"


@dataclass(frozen=True)
class Recipe:
    """What an index is built with, besides the documents; `engine` as in the setting `index.engine`."""

    embedder: Embedder
    passages: PassageSettings
    dense: DenseSettings = DenseSettings()
    engine: str = LOCAL

    @property
    def local_dense(self) -> DenseSettings:
        """Settings of the vector index that is built here: always exact with an engine, because the engine searches."""
        return self.dense if self.engine == LOCAL else DenseSettings(exact_up_to=sys.maxsize)


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
    workers: "RayWorkers | None" = None,
    progress: Report = lambda what, done, total: None,
) -> tuple[Manifest, Changes]:
    """Makes the index in `folder` agree with the corpus in one step; until then the previous build stays live.

    Returns the new manifest and what has changed. With `full`, or if the previous build is broken or was made with another
    recipe, everything is built from scratch; if nothing has changed, nothing is written. Files that could not be read are
    tried again only if they have changed, or with `retry`. The previous build is kept for
    `rag rollback` unless it holds a document that has been removed, or with `forget`. `prepare` is called once the lock is
    held, before the corpus is scanned. `workers` read and embed the files of a folder, with the same result as without them.
    Raises BuildLocked while another process builds, unless `wait`; CorpusError if there is no corpus; ClusterError if the workers
    cannot be used; EngineError if the recipe's engine cannot, and the previous build then stays live.
    """
    corpus = _as_corpus(corpus)
    with build_lock(folder, wait=wait) as note:
        if isinstance(corpus, FolderCorpus):
            finish_interrupted(corpus.folder)
        publisher = publisher_of(folder, recipe.engine, recipe.dense)
        prepare()
        _discard_leftovers(folder, full=full)
        helpers = _Helpers(workers, publisher, _to_both(note, progress))
        result = _update(corpus, folder, recipe, helpers, full=full, retry=retry, forget=forget)
        sweep_builds(folder)
        SentenceVectors(folder, result[0]).sweep()
        (folder / JOURNAL).unlink(missing_ok=True)
        if publisher:
            publisher.sweep()  # last, as the engine may fail
        return result


@dataclass(frozen=True)
class _Helpers:
    """What an update works with: the workers and the publisher, if there are any, and its progress report."""

    workers: "RayWorkers | None"
    publisher: Publisher | None
    report: Report


def _update(
    corpus: Corpus, folder: Path, recipe: Recipe, helpers: _Helpers, *, full: bool, retry: bool, forget: bool
) -> tuple[Manifest, Changes]:
    live = _manifest_of(folder, live_build)
    reusable, rebuilt = (None, "") if full else _reusable(folder, recipe)
    with _staging(folder) as staging:
        journal = folder / JOURNAL
        build = _Build(staging / "build", recipe, reusable, journal, helpers.report, retry, full, helpers.workers)
        manifest, changes = build.write(corpus, compared_with=live, rebuilt=rebuilt)
        same = live is not None and manifest.hash == live.hash
        previous = None if forget else _worth_keeping(folder, previous_build if same else live_build, manifest)
        unchanged = reusable is not None and same
        if helpers.publisher:
            helpers.publisher.publish(live_build(folder) if unchanged else build.folder, manifest, helpers.report)
        if unchanged:
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
    full: bool = False
    workers: "RayWorkers | None" = None

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
            embedded, dim, nearest = writer.finish(self.recipe.local_dense, self.progress)
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
        dense = factory_for(passages, contents.dim, self.recipe.local_dense)
        return (contents.corpus, contents.passages, contents.dense) == (state, passages, dense)

    def _read(self, corpus: Corpus, files: ScannedFiles, writer: BuildWriter) -> list[Failure]:
        """Passes every document to the writer, in order; returns the files that cannot be read."""
        failed = list(files.failed)
        names = files.documents
        kept = self._kept(files)
        new = [name for name in names if name not in kept]
        with self._reading(corpus, files, new) as loaded:
            for done, name in enumerate(names):
                self.progress("reading", done, len(names))
                if name in kept:
                    numbers, failures = kept[name]
                    failed += failures
                    for number in numbers:
                        writer.keep(number)
                    continue
                file = next(loaded)
                if isinstance(file, UnreadableFile):
                    failed.append(Failure(name, str(file), files.digests[name]))
                    continue
                failed += [Failure(member.id, member.reason, files.digests[name]) for member in file.failed]
                self._add(file, writer)
        self.progress("reading", len(names), len(names))
        return failed

    def _reading(
        self, corpus: Corpus, files: ScannedFiles, new: Sequence[str]
    ) -> AbstractContextManager[Iterator[LoadedFile | UnreadableFile]]:
        if self.workers is not None and isinstance(corpus, FolderCorpus):
            digests = {name: files.digests[name] for name in new}
            return self.workers.reading(corpus, digests, self.progress, full=self.full, retry=self.retry)
        tokenizer = self.recipe.embedder.tokenizer_json() if new else None
        return nullcontext(corpus.read(new, Reading(Splitting(tokenizer, self._limit()) if tokenizer else None, self.progress)))

    def _add(self, file: LoadedFile, writer: BuildWriter) -> None:
        """Splits the documents of the file unless it comes with their passages."""
        for i, document in enumerate(file.documents):
            if isinstance(file, EmbeddedFile) and file.passages is not None:
                writer.add(document, file.passages[i], file.vectors[i], reused=file.reused)
            elif file.passages is not None:
                writer.add(document, file.passages[i])
            else:
                count = self.recipe.embedder.count_tokens
                writer.add(document, split_passages(document, count_tokens=count, limit=self._limit()))

    def _limit(self) -> int:
        """The longest passage in tokens. Loads the model."""
        longest = self.recipe.embedder.max_tokens
        return min(self.recipe.passages.max_tokens or longest, longest)

    def _kept(self, files: ScannedFiles) -> dict[str, tuple[list[int], list[Failure]]]:
        """For each file unchanged since the previous build: the numbers of its documents there, and the failures in it.

        With `retry`, files of which something could not be read are left out.
        """
        if self.previous is None:
            return {}
        indexed = self.previous.manifest.corpus
        failures = by_file(indexed.failed, files.digests, id_of=lambda failure: failure.path)
        entries = by_file(enumerate(indexed.documents), files.digests, id_of=lambda numbered: numbered[1].id)
        kept = {}
        for name in files.documents:
            read, unread = entries.get(name, []), failures.get(name, [])
            digests = {entry.digest for _, entry in read} | {failure.digest for failure in unread}
            if digests == {files.digests[name]} and not (self.retry and unread):
                kept[name] = [number for number, _ in read], unread
        return kept
