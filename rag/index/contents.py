"""What an index is: documents, passages, vectors and terms as one, and the manifest that says what it was made of."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.config import PassageSettings
from rag.dense import DenseIndex
from rag.embedding import ModelIdentity
from rag.lexical import LexicalIndex
from rag.records import Block, Document, Passage, Sentence, Span
from rag.storage import canonical_json, json_lines, sha256_bytes

# Raised whenever the same files would give other documents, passages, terms or another layout of the build's files.
FORMAT = 1


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


def make_manifest(
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
            "passages": sha256_bytes(json_lines(passage_record(passage) for passage in passages)),
            "vectors": sha256_bytes(vectors.tobytes()),
        },
    }
    return manifest | {"hash": manifest_hash(manifest)}


def manifest_hash(contents: dict[str, Any]) -> str:
    return sha256_bytes(canonical_json(contents).encode("utf-8", "surrogatepass"))


def document_record(document: Document) -> dict[str, Any]:
    blocks = [[block.kind, block.span.start, block.span.end, block.level, block.page] for block in document.blocks]
    return {
        "id": document.id,
        "title": document.title,
        "digest": document.digest,
        "text": document.text,
        "blocks": blocks,
    }


def document_from(record: dict[str, Any]) -> Document:
    blocks = tuple(Block(kind, Span(start, end), level, page) for kind, start, end, level, page in record["blocks"])
    return Document(record["id"], record["title"], record["text"], blocks, record["digest"])


def passage_record(passage: Passage) -> dict[str, Any]:
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


def passage_from(record: dict[str, Any], documents: dict[str, Document]) -> Passage:
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
