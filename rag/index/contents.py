"""What an index is: documents, passages, vectors and terms as one, and the manifest that says what it was made of."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from rag.dense import DenseIndex
from rag.exchange import document_of, document_values
from rag.lexical import LexicalIndex
from rag.records import Document, Passage, Sentence, Span
from rag.storage import canonical_json, sha256_bytes

# Raised whenever the same files would give other documents, passages, terms or another layout of the build's files.
FORMAT = 4


@dataclass(frozen=True)
class Failure:
    """A file of the corpus that could not be read, and why; the digest is empty where not even its bytes could be had."""

    path: str
    reason: str
    digest: str = ""


@dataclass(frozen=True)
class Duplicate:
    """A file with the same bytes as a document, which is read in its stead."""

    path: str
    same_as: str


@dataclass(frozen=True)
class Index:
    """Everything that is searched. Row `i` of vectors and terms is `passages[i]`; passages are ordered by document, then place.

    `lexical` holds the terms of all that is embedded, `headings` those of title and headings alone.

    `manifest` is what `manifest.json` holds; `digest` is its hash: equal contents, equal hash.
    """

    documents: dict[str, Document]
    passages: Sequence[Passage]
    dense: DenseIndex
    lexical: LexicalIndex
    headings: LexicalIndex
    manifest: dict[str, Any]

    @property
    def digest(self) -> str:
        return str(self.manifest["hash"])

    def passage_before(self, passage: Passage) -> Passage | None:
        """The passage of the same document that ends before this one begins."""
        row = bisect_left(self.passages, _place(passage), key=_place) - 1
        return self.passages[row] if row >= 0 and self.passages[row].document_id == passage.document_id else None

    def passage_after(self, passage: Passage) -> Passage | None:
        """The passage of the same document that begins after this one ends."""
        row = bisect_left(self.passages, _place(passage), key=_place) + 1
        return self.passages[row] if row < len(self.passages) and self.passages[row].document_id == passage.document_id else None

    def rows_of(self, wanted: Sequence[str]) -> list[int]:
        """Rows of the passages of these documents, in order: ids, folders ("reports/") or patterns ("*.md").

        A duplicate stands for the document that it repeats.
        """
        names = {name: name for name in self.documents}
        names |= {duplicate.path: duplicate.same_as for duplicate in duplicates_in(self.manifest)}
        chosen = {document for name, document in names.items() if any(_matches(name, pattern) for pattern in wanted)}
        return [row for row, passage in enumerate(self.passages) if passage.document_id in chosen]


def _matches(name: str, wanted: str) -> bool:
    return name == wanted or (name.startswith(wanted) if wanted.endswith("/") else fnmatchcase(name, wanted))


def _place(passage: Passage) -> tuple[str, int]:
    return passage.document_id, passage.span.start


def failures_in(manifest: dict[str, Any]) -> list[Failure]:
    return [Failure(**failure) for failure in manifest["failed"]]


def duplicates_in(manifest: dict[str, Any]) -> list[Duplicate]:
    return [Duplicate(**duplicate) for duplicate in manifest["duplicates"]]


def digests_in(manifest: dict[str, Any]) -> dict[str, str]:
    """The digest of every file that was read, duplicates among them."""
    digests: dict[str, str] = {document["id"]: document["digest"] for document in manifest["documents"]}
    return digests | {duplicate.path: digests[duplicate.same_as] for duplicate in duplicates_in(manifest)}


def manifest_hash(contents: dict[str, Any]) -> str:
    """Of contents only: it does not depend on the bytes that FAISS writes, nor on time or place."""
    return sha256_bytes(canonical_json(contents).encode("utf-8", "surrogatepass"))


def document_record(document: Document, passages: Sequence[Passage]) -> dict[str, Any]:
    """A document with its passages, as one line of the build holds them."""
    return {
        **document_values(document),
        "passages": [_passage_record(passage) for passage in passages],
    }


def document_from(record: dict[str, Any]) -> tuple[Document, list[Passage]]:
    document = document_of(record)
    return document, [_passage_from(passage, document) for passage in record["passages"]]


def _passage_record(passage: Passage) -> dict[str, Any]:
    """Spans only: the text is the document's slice, now and when it is read back."""
    return {
        "span": [passage.span.start, passage.span.end],
        "headings": passage.headings,
        "page": passage.page,
        "sentences": [[s.span.start, s.span.end, s.kind, s.level, s.page] for s in passage.sentences],
        "cut": passage.cut,
        "context": passage.context,
    }


def _passage_from(record: dict[str, Any], document: Document) -> Passage:
    span = Span(*record["span"])
    return Passage(
        document_id=document.id,
        span=span,
        text=span.of(document.text),
        headings=tuple(record["headings"]),
        page=record["page"],
        sentences=tuple(Sentence(Span(start, end), kind, level, page) for start, end, kind, level, page in record["sentences"]),
        cut=record["cut"],
        context=record["context"],
    )
