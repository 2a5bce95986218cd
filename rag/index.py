"""Documents, passages, vectors and terms: built, brought up to date, saved, checked and loaded as one."""

import json
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.config import PassageSettings
from rag.dense import DenseIndex
from rag.embedding import Embedder, ModelIdentity
from rag.errors import IndexBroken, IndexMismatch, IndexMissing, UnreadableFile
from rag.lexical import LexicalIndex
from rag.loading.files import corpus_files, load_document, read_bytes
from rag.passages import embedded_text, split_passages
from rag.records import Block, Document, Passage, Sentence, Span
from rag.storage import (
    build_lock,
    canonical_json,
    commit_build,
    json_lines,
    live_build,
    new_staging,
    read_json_lines,
    sha256_bytes,
    sha256_file,
)
from rag.terms import terms

# Raised whenever the same files would give other documents, passages, terms or another layout of the build's files.
FORMAT = 1

_FILES = ("documents.jsonl", "passages.jsonl", "vectors.npy", "dense.faiss", "terms.json") + tuple(
    f"terms_{name}.npy" for name in ("offsets", "rows", "counts", "lengths")
)

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


@dataclass(frozen=True)
class Failure:
    """A file of the corpus that could not be read, and why; the digest is empty where not even its bytes could be had."""

    path: str
    reason: str
    digest: str = ""


@dataclass(frozen=True)
class Index:
    """Everything that is searched. Row `i` of vectors and terms is `passages[i]`; passages are ordered by document, then place.

    `manifest` is what `manifest.json` holds; `digest` is its hash: equal contents, equal hash.
    """

    documents: dict[str, Document]
    passages: Sequence[Passage]
    vectors: NDArray[np.float32]
    dense: DenseIndex
    lexical: LexicalIndex
    manifest: dict[str, Any]

    @property
    def digest(self) -> str:
        return str(self.manifest["hash"])

    @property
    def failed(self) -> list[Failure]:
        return [Failure(**failure) for failure in self.manifest["failed"]]

    def passage_before(self, passage: Passage) -> Passage | None:
        """The passage of the same document that ends before this one begins."""
        row = bisect_left(self.passages, _place(passage), key=_place) - 1
        return self.passages[row] if row >= 0 and self.passages[row].document_id == passage.document_id else None

    def rows_of(self, documents: Sequence[str]) -> list[int]:
        """Rows of the passages of these documents, in order."""
        wanted = set(documents)
        return [row for row, passage in enumerate(self.passages) if passage.document_id in wanted]


def _place(passage: Passage) -> tuple[str, int]:
    return passage.document_id, passage.span.start


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
    manifest = _manifest(documents, passages, vectors, embedder.identity, settings, failed)
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
            failed.append(Failure(name, str(error)))
            continue
        if unreadable.get(name) == digest:
            failed.extend(failure for failure in index.failed if failure.path == name)
        else:
            now[name] = digest
    return _sorted_out(_digests(index.documents), now, failed)


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
            failed.append(Failure(name, str(error), digest))
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


def _manifest(
    documents: dict[str, Document],
    passages: Sequence[Passage],
    vectors: NDArray[np.float32],
    model: ModelIdentity,
    settings: PassageSettings,
    failed: list[Failure],
) -> dict[str, Any]:
    """The hash is of contents, so it does not depend on the bytes that FAISS writes, nor on time or place."""
    counts: dict[str, int] = dict.fromkeys(documents, 0)
    for passage in passages:
        counts[passage.document_id] += 1
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "model": asdict(model),
        "settings": settings.model_dump(),
        "documents": [
            {"id": name, "title": document.title, "digest": document.digest, "passages": counts[name]}
            for name, document in documents.items()
        ],
        "passages": len(passages),
        "failed": [asdict(failure) for failure in failed],
        "contents": {
            "passages": sha256_bytes(json_lines(_passage_record(passage) for passage in passages)),
            "vectors": sha256_bytes(vectors.tobytes()),
        },
    }
    return manifest | {"hash": sha256_bytes(canonical_json(manifest).encode())}


def save_index(index: Index, folder: Path) -> None:
    """Writes a build into an empty folder; the manifest comes last and holds the hash of every other file."""
    (folder / "documents.jsonl").write_bytes(json_lines(_document_record(document) for document in index.documents.values()))
    (folder / "passages.jsonl").write_bytes(json_lines(_passage_record(passage) for passage in index.passages))
    np.save(folder / "vectors.npy", index.vectors, allow_pickle=False)
    index.dense.save(folder / "dense.faiss")
    index.lexical.save(folder)
    files = {name: sha256_file(folder / name) for name in _FILES}
    (folder / "manifest.json").write_bytes(canonical_json(index.manifest | {"files": files}).encode())


def load_index(folder: Path, *, model: ModelIdentity | None = None, settings: PassageSettings | None = None) -> Index:
    """Reads a build back, every file checked against its hash.

    Raises IndexMismatch where the build was not made with this format, model and settings (those that are given),
    IndexBroken where a file is missing or not what was written.
    """
    manifest = read_manifest(folder)
    check_manifest(manifest, model=model, settings=settings)
    for name in _FILES:
        path = folder / name
        if not path.is_file() or sha256_file(path) != manifest["files"].get(name):
            raise IndexBroken(f"{path} is missing or damaged; run `rag build --full` to make the index anew")
    documents = {record["id"]: _document(record) for record in read_json_lines(folder / "documents.jsonl")}
    return Index(
        documents=documents,
        passages=[_passage(record, documents) for record in read_json_lines(folder / "passages.jsonl")],
        vectors=np.load(folder / "vectors.npy", allow_pickle=False),
        dense=DenseIndex.load(folder / "dense.faiss"),
        lexical=LexicalIndex.load(folder),
        manifest={name: value for name, value in manifest.items() if name != "files"},
    )


def read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IndexBroken(f"{path} cannot be read ({error}); run `rag build --full` to make the index anew") from error
    if not isinstance(manifest, dict) or "format" not in manifest:
        raise IndexBroken(f"{path} is no manifest; run `rag build --full` to make the index anew")
    return manifest


def check_manifest(manifest: dict[str, Any], *, model: ModelIdentity | None, settings: PassageSettings | None) -> None:
    """Raises IndexMismatch for the first thing in which the build is not what is wanted."""
    if manifest["format"] != FORMAT:
        raise IndexMismatch("format", in_index=manifest["format"], wanted=FORMAT)
    if model is not None and manifest["model"] != asdict(model):
        for name, wanted in asdict(model).items():
            if manifest["model"].get(name) != wanted:
                raise IndexMismatch(f"model {name}", in_index=manifest["model"].get(name), wanted=wanted)
    if settings is not None and manifest["settings"] != settings.model_dump():
        raise IndexMismatch(
            "passage settings",
            in_index=canonical_json(manifest["settings"]),
            wanted=canonical_json(settings.model_dump()),
        )


def _document_record(document: Document) -> dict[str, Any]:
    blocks = [[block.kind, block.span.start, block.span.end, block.level, block.page] for block in document.blocks]
    return {
        "id": document.id,
        "title": document.title,
        "digest": document.digest,
        "text": document.text,
        "blocks": blocks,
    }


def _document(record: dict[str, Any]) -> Document:
    blocks = tuple(Block(kind, Span(start, end), level, page) for kind, start, end, level, page in record["blocks"])
    return Document(record["id"], record["title"], record["text"], blocks, record["digest"])


def _passage_record(passage: Passage) -> dict[str, Any]:
    """Spans only: the text is the document's slice, now and when it is read back."""
    return {
        "document_id": passage.document_id,
        "span": [passage.span.start, passage.span.end],
        "headings": passage.headings,
        "page": passage.page,
        "sentences": [[s.span.start, s.span.end, s.kind, s.level] for s in passage.sentences],
        "cut": passage.cut,
        "context": passage.context,
    }


def _passage(record: dict[str, Any], documents: dict[str, Document]) -> Passage:
    span = Span(*record["span"])
    return Passage(
        document_id=record["document_id"],
        span=span,
        text=span.of(documents[record["document_id"]].text),
        headings=tuple(record["headings"]),
        page=record["page"],
        sentences=tuple(Sentence(Span(start, end), kind, level) for start, end, kind, level in record["sentences"]),
        cut=record["cut"],
        context=record["context"],
    )
