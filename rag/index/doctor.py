"""Checks everything about an index that can be checked; each fault comes with the command that fixes it."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from rag.config import LOCAL, Settings
from rag.errors import RagError
from rag.index.abbreviations import abbreviations_line
from rag.index.build_files import (
    ABBREVIATIONS,
    DENSE,
    FIELDS,
    IDS,
    KEYS,
    MOMENTS,
    PASSAGES,
    PHRASES,
    VECTORS,
    read_documents,
)
from rag.index.build_writer import MARKS, key_of
from rag.index.builds import CURRENT, FORMER, build_lock, builder_of, describe_builder, live_build, orphans, previous_build
from rag.index.changes import corpus_changes
from rag.index.cluster.object_sweep import object_faults
from rag.index.dense import RECALL_WANTED, DenseIndex, describe_nearest, moments_of, recall_of, sampled_queries
from rag.index.lexical import LexicalIndex
from rag.index.line_table import Lines
from rag.index.manifest import MANIFEST, check_manifest, damaged_among, damaged_files, load_manifest
from rag.index.phrases import phrases_line
from rag.index.published import PUBLISHED, PUBLISHED_FILES, load_published
from rag.index.publishing import PREFIX_FILE, publisher_of
from rag.index.sentence_vectors import FOLDER as SENTENCES
from rag.index.term_counts import TermCounts
from rag.index.updating import JOURNAL
from rag.loading.corpus import corpus_of
from rag.models.model_identity import ModelIdentity, check_weights, model_identity
from rag.records import Document, Passage
from rag.storage.arrays import map_array
from rag.storage.files import sha256_file
from rag.text.passages import embedded_text

ROWS_AT_ONCE = 4096  # vectors; 6 MB at 384 dimensions
KNOWN = {CURRENT, FORMER, PREFIX_FILE, "builds", "builder.lock", "builder.json", JOURNAL}
KNOWN |= {"calibration.json", ".calibration.json.lock", "judged_questions.json"}
KNOWN |= {"README.md", ".gitignore", SENTENCES, f"{SENTENCES}.lock", *(f"readings.sqlite{end}" for end in ("", "-wal", "-shm"))}
BUILD = "run `rag build`"
RECALL_TOLERANCE = 0.01  # other processors round distances differently
REBUILD = "run `rag build --full`"


@dataclass
class Check:
    """The result of one check: the faults, each with its fix, and a note for people."""

    name: str
    faults: list[tuple[str, str]] = field(default_factory=list)
    note: str = ""


def examine(settings: Settings, *, model: ModelIdentity | None = None) -> list[Check]:
    """Runs all checks that apply: those of a build if there is one, those of its contents if its files are intact.

    `model` replaces the model that the settings name.
    """
    checks = [_run(name, check, settings) for name, check in _FOLDER_CHECKS.items()]
    if not checks[0].faults:
        build_checks = _BUILD_CHECKS | {"model and settings": partial(_model_and_settings, model=model)}
        if settings.scale.engine != LOCAL:
            build_checks |= {"engine": _engine}
        checks += [_run(name, check, settings) for name, check in build_checks.items()]
    if not any(check.faults for check in checks if check.name in ("live build", "files")):
        checks += [_run(name, check, settings) for name, check in _CONTENT_CHECKS.items()]
    return checks


Examination = Callable[[Settings, Check], None]


def check_by(name: str, load: Callable[[], object]) -> Check:
    """The check that `load` raises no error."""
    check = Check(name)
    _note_faults(check, load)
    return check


def _run(name: str, examination: Examination, settings: Settings) -> Check:
    check = Check(name)
    _note_faults(check, lambda: examination(settings, check))
    return check


def _note_faults(check: Check, examine_it: Callable[[], object]) -> None:
    try:
        examine_it()
    except RagError as error:
        what, _, fix = str(error).partition("; ")
        check.faults.append((what, fix))
    except OSError as error:
        check.faults.append((f"{error.filename} cannot be read ({error.strerror})", "fix its permissions"))


def _live_build(settings: Settings, check: Check) -> None:
    folder = live_build(settings.index)
    manifest = load_manifest(folder)
    check.note = f"{folder.name}: {len(manifest.corpus.documents)} documents, {manifest.passages} passages"


def _files(settings: Settings, check: Check) -> None:
    folder = live_build(settings.index)
    manifest = load_manifest(folder)
    for name in damaged_files(folder, manifest):
        check.faults.append((f"{folder / name} is damaged or missing", BUILD))
    for path in sorted(folder.iterdir()):
        if path.name not in (*manifest.files, MANIFEST, PUBLISHED, *PUBLISHED_FILES):
            check.faults.append((f"{path} does not belong to the build", f"run `rm {path}`"))


def _previous_build(settings: Settings, check: Check) -> None:
    folder = previous_build(settings.index) if (settings.index / CURRENT).exists() else None
    if folder is None:
        check.note = "none is kept"
        return
    check.note = f"{folder.name} can be rolled back to"
    for name in damaged_files(folder, load_manifest(folder)):
        check.faults.append((f"{folder / name} is damaged or missing", REBUILD))


def _model_and_settings(settings: Settings, check: Check, model: ModelIdentity | None = None) -> None:
    if model is None:
        check_weights(settings.embedding)
    identity = model or model_identity(settings.embedding)
    check_manifest(load_manifest(live_build(settings.index)), model=identity, settings=settings.passages)
    check.note = f"{identity.name} {identity.digest[:12]}"


def _engine(settings: Settings, check: Check) -> None:
    """Compares the rows in the engine with those of the builds. Rows of no build are deleted, unless a build is running."""
    publisher = publisher_of(settings.index, settings.scale.engine, settings.dense)
    folder = live_build(settings.index)
    published = load_published(folder)
    if publisher is None or published is None:
        check.faults.append((f"{folder.name} is not in the engine {settings.scale.engine}", BUILD))
        return
    if broken := [*damaged_among(folder, published.files), *damaged_files(folder, load_manifest(folder))]:
        check.faults += [(f"{folder / name} is damaged or missing", REBUILD) for name in sorted(set(broken))]
        return  # without them nobody knows which rows are the build's, and what they should hold
    idle = builder_of(settings.index) is None
    if idle:
        with build_lock(settings.index):
            damaged = publisher.delete_damaged(folder, published)
            check.faults += [(f"{damaged} rows in the engine were damaged, and are deleted", BUILD)] if damaged else []
    lacking, surplus = publisher.lacking_and_surplus()
    check.note = f"{publisher.engine.address}: {load_manifest(folder).passages} rows"
    if published.recall is not None:
        recall = publisher.recall(folder, published)
        check.note += f", approximate: a search finds {recall:.1%} of the ten nearest vectors"
        if recall < RECALL_WANTED:
            check.faults.append(
                ("the engine finds too few of the nearest vectors", "increase dense.exact_up_to, then run `rag build`")
            )
    if lacking:
        check.faults.append((f"the engine at {publisher.engine.address} lacks {lacking} rows", BUILD))
    if surplus and idle:
        with build_lock(settings.index):
            publisher.sweep(scan=True)
        check.note += f"; deleted {surplus} rows that belonged to no build"


def _corpus(settings: Settings, check: Check) -> None:
    changes = corpus_changes(corpus_of(settings), load_manifest(live_build(settings.index)).corpus)
    for what, names in (("added", changes.added), ("changed", changes.changed), ("removed", changes.removed)):
        check.faults += [(f"{name} was {what} since the build", BUILD) for name in names]
    check.note = "; ".join(f"{failure.path} cannot be read: {failure.reason}" for failure in changes.failed)


def _leftovers(settings: Settings, check: Check) -> None:
    if not settings.index.is_dir() or builder_of(settings.index) is not None:
        return  # a running build needs what looks left over
    check.faults += [(f"{path} was left by an interrupted build", BUILD) for path in orphans(settings.index)]
    if (settings.index / JOURNAL).exists():
        check.faults.append((f"{settings.index / JOURNAL} holds the vectors of an interrupted build", BUILD))
    if (settings.index / "builder.json").exists():
        check.faults.append((f"{settings.index / 'builder.json'} was left by a builder that no longer runs", BUILD))
    check.faults += object_faults(settings)
    unknown = sorted(path for path in settings.index.iterdir() if path.name not in KNOWN and not path.name.endswith(".tmp"))
    check.faults += [(f"{path} does not belong to an index", f"run `rm -r {path}`") for path in unknown]


def _lock(settings: Settings, check: Check) -> None:
    held = builder_of(settings.index)
    check.note = "free" if held is None else f"a build is running{describe_builder(held)}"


def _permissions(settings: Settings, check: Check) -> None:
    if not settings.index.exists():
        return
    for path in (settings.index, *settings.index.rglob("*")):
        needed = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
        if not os.access(path, needed):
            check.faults.append((f"{path} is not readable and writable", f"run `chmod u+rwX {path}`"))
        if os.name == "posix" and path.stat().st_mode & 0o002:
            check.faults.append((f"{path} can be changed by every user of this machine", f"run `chmod o-w {path}`"))


def _disk(settings: Settings, check: Check) -> None:
    folder = live_build(settings.index)
    # A new build, its temporary files, and 16 MB to spare.
    needed = 2 * sum(path.stat().st_size for path in folder.iterdir()) + 2**24
    free = shutil.disk_usage(folder).free
    check.note = f"{free // 2**20} MB free, a build needs up to {needed // 2**20} MB"
    if free < needed:
        check.faults.append((f"the disk of {settings.index} is nearly full: {check.note}", "free some space"))


def _rows(settings: Settings, check: Check) -> None:
    folder = live_build(settings.index)
    manifest = load_manifest(folder)
    rows = {
        "the manifest": manifest.corpus.documents.passages,
        PASSAGES: len(Lines(folder / PASSAGES)),
        **{name: len(map_array(folder / name)) for name in (VECTORS, KEYS, IDS)},
        **{name: len(LexicalIndex.load(folder, name).lengths) for name in FIELDS},
    }
    check.faults += [
        (f"{name} has {number} rows instead of {manifest.passages}", REBUILD)
        for name, number in rows.items()
        if number != manifest.passages
    ]
    dim = map_array(folder / VECTORS).shape[1]
    if dim != manifest.contents.dim:
        check.faults.append((f"{VECTORS} has {dim} dimensions instead of {manifest.contents.dim}", REBUILD))


def _documents(settings: Settings, check: Check) -> None:
    folder = live_build(settings.index)
    manifest = load_manifest(folder)
    keys, ids, abbreviations = map_array(folder / KEYS), map_array(folder / IDS), Lines(folder / ABBREVIATIONS)
    phrases = Lines(folder / PHRASES)
    marked = {name: set(map_array(folder / name).tolist()) for name in MARKS}
    row = 0
    entries = iter(manifest.corpus.documents)
    for number, (document, passages) in enumerate(read_documents(folder)):
        entry = next(entries, None)
        stored = (document.id, document.digest, document.language, len(passages))
        if entry is None or (entry.id, entry.digest, entry.language, entry.passages) != stored:
            check.faults.append((f"{document.id} differs from its entry in the manifest", REBUILD))
        check.faults += [(f"{document.id}: {what}", REBUILD) for what in _span_faults(document, passages)]
        for passage in passages:
            if row < len(keys) and keys[row].tobytes() != key_of(embedded_text(passage)):
                check.faults.append((f"{document.id}: row {row} has the key of another text", REBUILD))
            if row < len(ids) and int(ids[row]) != int(passage.id, 16):
                check.faults.append((f"{document.id}: row {row} has the id of another passage", REBUILD))
            check.faults += [
                (f"{document.id}: {name} wrongly holds row {row}, or lacks it", REBUILD)
                for name, is_marked in MARKS.items()
                if (row in marked[name]) != is_marked(passage)
            ]
            row += 1
        if number >= len(abbreviations) or abbreviations[number] != abbreviations_line(passages):
            check.faults.append((f"{document.id}: its abbreviations are not those of its text", REBUILD))
        if number >= len(phrases) or phrases[number] != phrases_line(passages, document.language):
            check.faults.append((f"{document.id}: its repeated phrases are not those of its text", REBUILD))
    check.faults += [(f"{entry.id} is only in the manifest", REBUILD) for entry in entries]


def _span_faults(document: Document, passages: list[Passage]) -> Iterator[str]:
    length = len(document.text)
    for block in document.blocks:
        if not 0 <= block.span.start < block.span.end <= length:
            yield f"block {block.span} is outside its text"
    end = 0
    for passage in passages:
        if not end <= passage.span.start < passage.span.end <= length:
            yield f"passage {passage.span} is outside its text or overlaps the preceding one"
        end = passage.span.end
        for sentence in passage.sentences:
            if not passage.span.start <= sentence.span.start < sentence.span.end <= passage.span.end:
                yield f"sentence {sentence.span} is outside its passage"


def _vectors(settings: Settings, check: Check) -> None:
    folder = live_build(settings.index)
    vectors = map_array(folder / VECTORS)
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        batch = np.asarray(vectors[start : start + ROWS_AT_ONCE])
        lengths = np.linalg.norm(batch, axis=1)
        for row in np.flatnonzero(~(np.abs(lengths - 1) < 1e-3)):  # negated, so that NaN is a fault
            check.faults.append((f"vector {start + row} has length {lengths[row]:.3f}, not 1", REBUILD))
    if not np.allclose(map_array(folder / MOMENTS), moments_of(vectors), rtol=0, atol=1e-9):
        check.faults.append((f"{MOMENTS} does not hold the mean and covariance of the vectors", REBUILD))
    nearest = load_manifest(folder).nearest
    check.note = describe_nearest(nearest)
    if nearest.factory != "Flat":
        dense = DenseIndex.load(folder / VECTORS, folder / MOMENTS, folder / DENSE, nearest)
        recall = recall_of(dense, *sampled_queries(dense.vectors))
        if recall < nearest.recall - RECALL_TOLERANCE:
            what = f"{DENSE} finds {recall:.1%} of the ten nearest vectors, {nearest.recall:.1%} when it was built"
            check.faults.append((what, REBUILD))


def _terms(settings: Settings, check: Check) -> None:
    folder = live_build(settings.index)
    with tempfile.TemporaryDirectory() as work:
        expected = TermCounts(Path(work))
        pairs = ((passage, document.language) for document, passages in read_documents(folder) for passage in passages)
        for row, (passage, language) in enumerate(pairs):
            expected.add(row, passage, language)
        expected.save(Path(work))
        for name in FIELDS:
            for column, what in _COLUMNS.items():
                file = f"{name}_{column}.npy"
                if sha256_file(folder / file) != sha256_file(Path(work, file)):
                    check.faults.append((f"the {what} of the {name} do not match the passages", REBUILD))


_COLUMNS = {
    "words": "vocabularies",
    "word_starts": "word offsets",
    "offsets": "document frequencies",
    "rows": "postings",
    "counts": "counts",
    "lengths": "lengths",
    "sequence": "sequences",
}
_FOLDER_CHECKS: dict[str, Examination] = {
    "live build": _live_build,
    "previous build": _previous_build,
    "leftovers": _leftovers,
    "lock": _lock,
    "permissions": _permissions,
}
_BUILD_CHECKS: dict[str, Examination] = {
    "files": _files,
    "model and settings": _model_and_settings,
    "corpus": _corpus,
    "disk": _disk,
}
_CONTENT_CHECKS: dict[str, Examination] = {"rows": _rows, "documents and spans": _documents, "vectors": _vectors, "terms": _terms}
