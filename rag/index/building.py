"""From a corpus to its index: built from nothing, or brought up to date with the same result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.config import PassageSettings
from rag.dense import DenseIndex
from rag.embedding import Embedder, ModelIdentity
from rag.errors import IndexBroken, IndexMismatch, IndexMissing, UnreadableFile
from rag.index.contents import Failure, Index, make_manifest
from rag.index.files import load_index, read_manifest, save_index
from rag.lexical import LexicalIndex
from rag.loading.files import corpus_files, load_document, read_bytes
from rag.passages import embedded_text, split_passages
from rag.records import Document, Passage
from rag.storage import build_lock, commit_build, live_build, new_staging, sha256_bytes, sweep_builds
from rag.terms import terms

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


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
    embedded: int = 0
    cut: int = 0


def update_index(
    corpus: Path,
    folder: Path,
    embedder: Embedder,
    settings: PassageSettings,
    *,
    full: bool = False,
    progress: Progress | None = None,
) -> tuple[Index, Changes]:
    """Makes the index in `folder` agree with the corpus, in one step: until the last moment the former build is live.

    With `full`, or where the former build was made otherwise or is broken, nothing is taken from it. Where nothing has
    changed nothing is written. Raises BuildLocked while another process builds, CorpusError when there is no corpus.
    """
    with build_lock(folder):
        before = _digests_of(folder)
        previous = None if full else _reusable(folder, embedder.identity, settings)
        index, changes = build_index(corpus, embedder, settings, previous=previous, before=before, progress=progress)
        if previous is None or index.digest != previous.digest:
            staging = new_staging(folder)
            save_index(index, staging)
            commit_build(folder, staging, index.digest[:16])
        else:
            sweep_builds(folder)
        return index, changes


def _reusable(folder: Path, model: ModelIdentity, settings: PassageSettings) -> Index | None:
    try:
        return load_index(live_build(folder), model=model, settings=settings)
    except (IndexMissing, IndexMismatch, IndexBroken):
        return None  # every one of them is mended by the build from nothing that follows


def _digests_of(folder: Path) -> dict[str, str]:
    """Digests of the documents in the live build, as far as its manifest can be read; only to tell what has changed."""
    try:
        return {document["id"]: document["digest"] for document in read_manifest(live_build(folder))["documents"]}
    except (IndexMissing, IndexBroken, KeyError):
        return {}


def build_index(
    corpus: Path,
    embedder: Embedder,
    settings: PassageSettings,
    *,
    previous: Index | None = None,
    before: dict[str, str] | None = None,
    progress: Progress | None = None,
) -> tuple[Index, Changes]:
    """The index of exactly what the corpus holds now. What `previous` already has is taken from it, and the result is the same.

    `before` are the digests of the documents that changes are told against, those of `previous` if None.
    A file that cannot be read is left out and listed; so is its former version, because it is no longer what the corpus says.
    Raises CorpusError when there is no corpus.
    """
    progress = progress or (lambda what, done, total: None)
    documents, passages, failed = _read_corpus(corpus, embedder, settings, previous, progress)
    vectors, embedded = _embed(passages, embedder, previous, progress)
    lexical = LexicalIndex.build(terms(embedded_text(passage)) for passage in passages)
    manifest = make_manifest(documents, passages, vectors, embedder.identity, settings, failed)
    if before is None:
        before = _digests(previous.documents) if previous else {}
    changes = _sorted_out(before, _digests(documents), failed)
    changes = replace(changes, embedded=embedded, cut=sum(passage.cut for passage in passages))
    return Index(documents, passages, vectors, DenseIndex.build(vectors), lexical, manifest), changes


def corpus_changes(corpus: Path, index: Index) -> Changes:
    """What a build would do, told from the files' contents; nothing is split or embedded, and new failures are not foreseen."""
    unreadable = {failure.path: failure.digest for failure in index.failed}
    now: dict[str, str] = {}
    failed: list[Failure] = []
    for name in corpus_files(corpus):
        try:
            digest = sha256_bytes(read_bytes(corpus, name))
        except UnreadableFile as error:
            failed.append(Failure(_printable(name), str(error)))
            continue
        if unreadable.get(name) == digest:
            failed.extend(failure for failure in index.failed if failure.path == name)
        else:
            now[name] = digest
    return _sorted_out(_digests(index.documents), now, failed)


def _printable(name: str) -> str:
    """A file name that is not UTF-8 with question marks in place of what cannot be shown."""
    return name.encode("utf-8", "replace").decode()


def _digests(documents: dict[str, Document]) -> dict[str, str]:
    return {name: document.digest for name, document in documents.items()}


def _sorted_out(before: dict[str, str], now: dict[str, str], failed: list[Failure]) -> Changes:
    return Changes(
        added=sorted(now.keys() - before.keys()),
        changed=sorted(name for name in now.keys() & before.keys() if now[name] != before[name]),
        removed=sorted(before.keys() - now.keys() - {failure.path for failure in failed}),
        unchanged=sorted(name for name in now.keys() & before.keys() if now[name] == before[name]),
        failed=failed,
    )


def _read_corpus(
    corpus: Path, embedder: Embedder, settings: PassageSettings, previous: Index | None, progress: Progress
) -> tuple[dict[str, Document], list[Passage], list[Failure]]:
    documents: dict[str, Document] = {}
    passages: list[Passage] = []
    failed: list[Failure] = []
    limit = min(settings.max_tokens or embedder.max_tokens, embedder.max_tokens)
    known = previous.documents if previous else {}
    known_passages = _passages_by_document(previous)
    names = corpus_files(corpus)
    for done, name in enumerate(names):
        progress("reading", done, len(names))
        digest = ""
        try:
            data = read_bytes(corpus, name)
            digest = sha256_bytes(data)
            if name in known and known[name].digest == digest:
                documents[name] = known[name]
                passages.extend(known_passages.get(name, []))
                continue
            documents[name] = load_document(name, data)
        except UnreadableFile as error:
            failed.append(Failure(_printable(name), str(error), digest))
            continue
        passages.extend(split_passages(documents[name], count_tokens=embedder.count_tokens, limit=limit))
    progress("reading", len(names), len(names))
    return documents, passages, failed


def _passages_by_document(index: Index | None) -> dict[str, list[Passage]]:
    grouped: dict[str, list[Passage]] = {}
    for passage in index.passages if index else ():
        grouped.setdefault(passage.document_id, []).append(passage)
    return grouped


def _embed(
    passages: Sequence[Passage], embedder: Embedder, previous: Index | None, progress: Progress
) -> tuple[NDArray[np.float32], int]:
    """Vectors of all passages, and how many had to be made: equal texts share one, and what `previous` knows is taken from it."""
    known = {embedded_text(passage): row for row, passage in enumerate(previous.passages)} if previous else {}
    texts = [embedded_text(passage) for passage in passages]
    missing = list(dict.fromkeys(text for text in texts if text not in known))
    made: dict[str, NDArray[np.float32]] = {}
    for done, text in enumerate(missing):
        progress("embedding", done, len(missing))
        made[text] = embedder.embed_passages([text])[0]
    progress("embedding", len(missing), len(missing))
    vectors = np.zeros((len(texts), embedder.identity.dim), dtype=np.float32)
    for row, text in enumerate(texts):
        vectors[row] = made[text] if text in made else previous.vectors[known[text]]  # type: ignore[union-attr]
    return vectors, len(missing)
