"""The sentences of an index that state something by themselves, with their vectors and their similar ones."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import faiss
import numpy as np

from rag.conflicts.subjects import Standing
from rag.index.builds import Report
from rag.index.contents import Index
from rag.index.entries import Entry
from rag.index.sentence_vectors import MOST_NEAR, Compared, SentenceVectors
from rag.models.embedder import Embedder
from rag.numeric import Vectors
from rag.records import BlockKind, Location
from rag.text.headings import is_back_matter

SIMILAR = 0.65  # cosine; edited sentences with clauses in another order are above it: benchmarks/README.md
FEWEST_WORDS, MOST_WORDS = 3, 80  # of a sentence; a longer one is a list or a table that was not recognised
EMBEDDED_AT_ONCE = 64
SEARCHED_AT_ONCE = 256  # sentences


@dataclass(frozen=True, slots=True)
class Stated:
    """A sentence and where it stands."""

    location: Location
    kind: BlockKind
    key: bytes

    @property
    def standing(self) -> Standing:
        place = self.location
        return Standing(place.quote, self.kind, place.document_id, place.title, place.headings)


def stated_in(index: Index, entry: Entry) -> list[Stated]:
    """The whole paragraphs' sentences and list items of a document, in order; no rows, code, headings or references."""
    return [stated for stated in _sentences(index, entry) if _states(stated)]


def _sentences(index: Index, entry: Entry) -> Iterator[Stated]:
    for passage in index.passages_of(entry.id):
        if passage.cut or is_back_matter(passage.headings):
            continue
        for sentence in passage.sentences:
            if sentence.kind in ("paragraph", "item"):
                text = passage.text_of(sentence)
                where = (entry.id, entry.title, sentence.span, text, sentence.page, passage.headings)
                yield Stated(Location(*where, entry.digest, entry.language), sentence.kind, key_of(text))


def _states(stated: Stated) -> bool:
    text = stated.location.quote
    return FEWEST_WORDS <= len(text.split()) <= MOST_WORDS and not text.rstrip().endswith(("?", ":"))


def key_of(text: str) -> bytes:
    """16 bytes that identify a text, whatever its white space."""
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "surrogatepass")).digest()[:16]


def with_vectors(
    documents: Sequence[tuple[Entry, list[Stated]]], store: SentenceVectors, embedder: Embedder, progress: Report
) -> tuple[dict[bytes, int], Vectors, int]:
    """The row of each text, one vector per row, and how many sentences were embedded. Saves each document's vectors."""
    vectors: dict[bytes, Vectors] = {}
    missing = []
    for entry, sentences in documents:
        stored = store.load(entry, [stated.key for stated in sentences])
        if stored is None and sentences:
            missing.append((entry, sentences))
        else:
            vectors |= zip((stated.key for stated in sentences), () if stored is None else stored, strict=True)
    total, done = sum(len(sentences) for _, sentences in missing), 0
    for entry, sentences in missing:
        progress("embedding sentences", done, total)
        new = {stated.key: stated.location.quote for stated in sentences if stated.key not in vectors}
        vectors |= _embedded(new, embedder, progress, done, total)
        store.save(entry, [stated.key for stated in sentences], np.stack([vectors[stated.key] for stated in sentences]))
        done += len(sentences)
    keys = sorted(vectors)
    stacked = np.stack([vectors[key] for key in keys]) if keys else np.zeros((0, 1), dtype=np.float32)
    return {key: row for row, key in enumerate(keys)}, stacked, total


def _embedded(texts: dict[bytes, str], embedder: Embedder, progress: Report, done: int, total: int) -> dict[bytes, Vectors]:
    embedded: dict[bytes, Vectors] = {}
    keys = list(texts)
    for start in range(0, len(keys), EMBEDDED_AT_ONCE):
        progress("embedding sentences", done + start, total)
        batch = keys[start : start + EMBEDDED_AT_ONCE]
        embedded |= zip(batch, embedder.embed_passages([" ".join(texts[key].split()) for key in batch]), strict=True)
    return embedded


def similar_pairs(rows: dict[bytes, int], vectors: Vectors, known: Compared, progress: Report) -> Compared:
    """`known` and the pairs with the sentences that are new: what a comparison of all of them from scratch gives."""
    near = {key: known.near[key] for key in rows if key in known.near}
    new = [key for key in rows if key not in known.near]
    pairs = list(known.pairs)
    keys = list(rows)
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(np.ascontiguousarray(vectors))
    for start in range(0, len(new), SEARCHED_AT_ONCE):
        progress("comparing", start, len(new))
        batch = new[start : start + SEARCHED_AT_ONCE]
        limits, _, found = flat.range_search(vectors[[rows[key] for key in batch]], SIMILAR)
        for number, key in enumerate(batch):
            others = [keys[row] for row in found[int(limits[number]) : int(limits[number + 1])].tolist() if keys[row] != key]
            near[key] = len(others)
            for other in others:
                if other in known.near:
                    near[other] += 1
                if len(others) <= MOST_NEAR and (other in known.near or key < other):
                    pairs.append((min(key, other), max(key, other)))
    kept = [pair for pair in pairs if near[pair[0]] <= MOST_NEAR and near[pair[1]] <= MOST_NEAR]
    return Compared(near, sorted(kept))
