"""From a corpus to its index: built from nothing, or brought up to date with the same result."""

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag.config import DenseSettings, PassageSettings
from rag.errors import IndexBroken, IndexMismatch, IndexMissing, UnreadableFile
from rag.index.build_files import model_values, write_manifest
from rag.index.build_writer import BuildWriter, FormerBuild
from rag.index.builds import (
    Report,
    build_lock,
    commit_build,
    former_build,
    keep_former,
    live_build,
    new_staging,
    sweep_builds,
)
from rag.index.changes import Changes, Found, look, told_apart
from rag.index.dense import factory_for
from rag.index.manifest import (
    CHANGES,
    FORMAT,
    Duplicate,
    Failure,
    check_files,
    check_manifest,
    damaged_files,
    digests_in,
    failures_in,
    read_manifest,
)
from rag.loading.corpus import Corpus, FolderCorpus
from rag.models.embedder import Embedder
from rag.models.model_identity import ModelIdentity
from rag.storage.files import canonical_json
from rag.text.passages import split_passages

JOURNAL = "embedded.journal"


def update_index(
    corpus: Path | Corpus,
    folder: Path,
    embedder: Embedder,
    settings: PassageSettings,
    *,
    dense: DenseSettings = DenseSettings(),  # noqa: B008 - frozen
    full: bool = False,
    forget: bool = False,
    wait: bool = False,
    prepare: Callable[[], None] = lambda: None,
    progress: Report = lambda what, done, total: None,
) -> tuple[dict[str, Any], Changes]:
    """Makes the index in `folder` agree with the corpus, in one step: until the last moment the former build is live.

    Gives back the manifest and what has changed. With `full`, or where the former build was made otherwise or is broken,
    nothing is taken from it; where nothing has changed nothing is written. The former build is kept for `rag rollback`
    unless it holds a document that is gone, or with `forget`. `prepare` is called when the lock is held, before the
    corpus is looked at. Raises BuildLocked while another process builds, unless told to wait; CorpusError when there
    is no corpus.
    """
    with build_lock(folder, wait=wait) as note:

        def told(what: str, done: int, total: int) -> None:
            note(what, done, total)
            progress(what, done, total)

        prepare()
        _discard_leftovers(folder, full=full)
        live = _manifest_of(folder, live_build)
        former = None if full else _reusable(folder, embedder.identity, settings)
        staging = new_staging(folder)
        try:
            build = staging / "build"
            manifest, changes = _write_build(
                _as_corpus(corpus),
                build,
                embedder,
                settings,
                dense,
                former=former,
                live=live,
                journal=folder / JOURNAL,
                progress=told,
            )
            same = live is not None and manifest["hash"] == live["hash"]
            kept = None if forget else _still_allowed(folder, former_build if same else live_build, manifest)
            if former is not None and same:
                keep_former(folder, kept)
            else:
                commit_build(folder, build, manifest["hash"][:16], former=kept)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        sweep_builds(folder)
        (folder / JOURNAL).unlink(missing_ok=True)
        return manifest, changes


def rebuild_differs(
    corpus: Path | Corpus,
    folder: Path,
    embedder: Embedder,
    settings: PassageSettings,
    *,
    dense: DenseSettings = DenseSettings(),  # noqa: B008 - frozen
    progress: Report,
) -> list[str]:
    """Builds from nothing beside the live build and compares: the parts of the manifest that differ, none if all is equal."""
    with build_lock(folder) as _:
        live = read_manifest(live_build(folder))
        staging = new_staging(folder)
        try:
            manifest, _ = _write_build(
                _as_corpus(corpus),
                staging / "build",
                embedder,
                settings,
                dense,
                former=None,
                live=None,
                journal=staging / JOURNAL,
                progress=progress,
            )
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return sorted(name for name in manifest if name not in ("files", "hash", "nearest") and manifest[name] != live.get(name))


def _as_corpus(corpus: Path | Corpus) -> Corpus:
    return FolderCorpus(corpus) if isinstance(corpus, Path) else corpus


def _discard_leftovers(folder: Path, *, full: bool) -> None:
    """Frees what killed builders left, and with `full` what they had embedded."""
    sweep_builds(folder, unfinished=True)
    if full:
        (folder / JOURNAL).unlink(missing_ok=True)


def _manifest_of(folder: Path, which: Callable[[Path], Path | None]) -> dict[str, Any] | None:
    with suppress(IndexMissing, IndexBroken, IndexMismatch):  # each is mended by the build that follows
        build = which(folder)
        return None if build is None else read_manifest(build)
    return None


def _reusable(folder: Path, model: ModelIdentity, settings: PassageSettings) -> FormerBuild | None:
    with suppress(IndexMissing, IndexBroken, IndexMismatch):  # each is mended by the build from nothing that follows
        build = live_build(folder)
        manifest = read_manifest(build)
        check_manifest(manifest, model=model, settings=settings)
        check_files(build, manifest)
        return FormerBuild(build, manifest)
    return None


def _still_allowed(folder: Path, which: Callable[[Path], Path | None], now: dict[str, Any]) -> Path | None:
    """The build that is kept beside the new one: if it is whole, and holds nothing that the corpus no longer has."""
    before = _manifest_of(folder, which)
    build = which(folder) if before else None
    if before is None or build is None or any(damaged_files(build, before)):
        return None
    digests = digests_in(now)
    names = digests.keys() | {failure.path for failure in failures_in(now)}
    contents = set(digests.values())
    gone = any(name not in names and digest not in contents for name, digest in digests_in(before).items())
    return None if gone else build


def _write_build(
    corpus: Corpus,
    build: Path,
    embedder: Embedder,
    settings: PassageSettings,
    dense: DenseSettings,
    *,
    former: FormerBuild | None,
    live: dict[str, Any] | None,
    journal: Path,
    progress: Report,
) -> tuple[dict[str, Any], Changes]:
    """The build of exactly what the corpus holds now, in the folder `build`, unless that is what `former` already is.

    What `former` has is taken from it, and the result is the same. `live` is what changes are told against. A file that
    cannot be read is left out and listed; so is its former version, because it is no longer what the corpus says.
    """
    started = time.monotonic()
    build.mkdir()
    found = look(corpus, progress)
    with BuildWriter(build, build.parent, former, embedder, journal) as writer:
        failed = _read(corpus, found, writer, embedder, settings, former=former, progress=progress)
        unread = {failure.path for failure in failed}
        duplicates = [Duplicate(name, same) for name, same in found.same_as.items() if same not in unread]
        repeated = {failure.path: failure for failure in failed}
        failed += [replace(repeated[same], path=name) for name, same in found.same_as.items() if same in unread]
        contents: dict[str, Any] = {
            "format": FORMAT,
            "settings": settings.model_dump(),
            "documents": writer.entries,
            "duplicates": [asdict(duplicate) for duplicate in duplicates],
            "failed": [asdict(failure) for failure in sorted(failed, key=lambda failure: failure.path)],
            "passages": writer.passages,
        }
        changes = told_apart(live, contents)
        if former is not None:
            contents["dense"] = factory_for(writer.passages, former.manifest["model"]["dim"], dense)
        if former is not None and all(former.manifest[name] == value for name, value in contents.items()):
            return former.manifest, changes
        embedded, dim, nearest = writer.finish(dense, progress)
    changes = replace(changes, embedded=embedded)
    taken = {"built": datetime.now(UTC).isoformat(timespec="seconds"), "seconds": round(time.monotonic() - started, 2)}
    (build / CHANGES).write_text(canonical_json(asdict(changes) | taken), encoding="utf-8")
    contents |= {"model": model_values(embedder.identity, dim), "dense": nearest.factory, "nearest": asdict(nearest)}
    return write_manifest(build, contents), changes


def _read(
    corpus: Corpus,
    found: Found,
    writer: BuildWriter,
    embedder: Embedder,
    settings: PassageSettings,
    *,
    former: FormerBuild | None,
    progress: Report,
) -> list[Failure]:
    """Hands every document to the writer, in order; gives back what cannot be read."""
    failed = list(found.failed)
    names = found.documents
    kept = {name: entry for name in names if former and (entry := former.entry(name, found.digests[name]))}
    read = corpus.read([name for name in names if name not in kept])
    for done, name in enumerate(names):
        progress("reading", done, len(names))
        if name in kept:
            writer.keep(kept[name])
            continue
        document = next(read)
        if isinstance(document, UnreadableFile):
            failed.append(Failure(name, str(document), found.digests[name]))
            continue
        limit = min(settings.max_tokens or embedder.max_tokens, embedder.max_tokens)  # here, for it loads the model
        writer.add(document, split_passages(document, count_tokens=embedder.count_tokens, limit=limit))
    progress("reading", len(names), len(names))
    return failed
