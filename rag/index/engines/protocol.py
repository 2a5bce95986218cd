"""What an engine stores of each passage, and how it is asked: two inner products, and rows by key."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.index.lexical import K1, B
from rag.numeric import Vectors

ROW_FORMAT = 1  # increase it whenever the same passage would give another row
# Lengths in terms by which an engine's BM25 weights are normalised. They are fixed because a mean changes with every document,
# and with it every row. They are close to the means of several corpora; scores use the means themselves.
TEXT_LENGTH = 100
HEADINGS_LENGTH = 10
MOST_RESULTS = 16_384  # of one search, in Milvus
_NO_TERM = "\0"  # stands in a row without terms, because no engine takes an empty vector

Keys = NDArray[np.int64]
"""Row keys, as signed numbers, which is what engines store."""


@dataclass(frozen=True, slots=True)
class PassageTerms:
    """The terms of a passage in order: of its whole embedded text, and of title and headings alone."""

    text: tuple[str, ...]
    headings: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A passage as it is stored. `passage` is its id as a number, `document` and `language` are those of its document."""

    passage: int
    document: str
    language: str
    vector: Vectors
    terms: PassageTerms

    @cached_property
    def key(self) -> int:
        """A digest of everything else: a row never changes, and a changed passage is another row."""
        name = (ROW_FORMAT, self.passage, self.document, self.language, *self.terms.text, "", *self.terms.headings)
        digest = hashlib.blake2b("\0".join(map(str, name)).encode("utf-8", "surrogatepass"), digest_size=8)
        digest.update(np.ascontiguousarray(self.vector, dtype="<f4").tobytes())
        return int.from_bytes(digest.digest(), "big", signed=True)

    def holds(self, vector: Vectors, terms: PassageTerms) -> bool:
        """Whether these are the vector and the terms of the row."""
        return terms == self.terms and np.array_equal(vector, self.vector)

    @property
    def weights(self) -> dict[int, float]:
        """The BM25 weight of each term by its dimension, without idf, for a search by inner product."""
        weights: Counter[int] = Counter()
        for terms, length, dimension in (
            (self.terms.text, TEXT_LENGTH, text_dimension),
            (self.terms.headings, HEADINGS_LENGTH, headings_dimension),
        ):
            norm = K1 * (1 - B + B * len(terms) / length)
            for term, count in Counter(terms).items():
                weights[dimension(term, self.language)] += count * (K1 + 1) / (count + norm)  # type: ignore[assignment]
        return dict(weights) or {text_dimension(_NO_TERM, ""): 1.0}


class Collection(Protocol):
    """The rows of one collection. Raises EngineError if the engine cannot be reached or refuses."""

    def insert(self, rows: Sequence[Row]) -> None:
        """Adds rows whose keys are not there yet."""

    def delete(self, keys: Keys) -> None:
        """Deletes the rows with these keys; unknown keys are ignored."""

    def dense(self, vector: Vectors, k: int, documents: Sequence[str] | None = None) -> tuple[Keys, Vectors]:
        """The `k` rows with the greatest inner products, best first, with the products; of these documents only, if given."""

    def sparse(self, weights: Mapping[int, float], k: int, documents: Sequence[str] | None = None) -> tuple[Keys, Vectors]:
        """Like `dense`, by the inner product with `Row.weights`; rows that share no dimension are left out."""

    def rows_with_any(self, weights: Mapping[int, float], lowest: int, highest: int) -> tuple[Keys, Vectors]:
        """Up to MOST_RESULTS rows that share a dimension and whose keys are in the range, with their inner products."""

    def fetch(self, keys: Keys) -> dict[int, tuple[Vectors, PassageTerms]]:
        """Vectors and terms by key; those of unknown keys are left out."""

    def count(self) -> int:
        """The number of rows, including all that were inserted before the call."""

    def scan(self) -> Iterator[Keys]:
        """Yields the keys of all rows, some at a time."""


class Engine(Protocol):
    """A server or file with collections. Raises EngineError like `Collection`."""

    address: str

    def open(self, name: str) -> Collection:
        """A collection. Raises EngineError if it is missing."""

    def create(self, name: str, dim: int, *, exact: bool) -> Collection:
        """A collection, made if it is missing; `exact` compares a query with every vector."""

    def names(self) -> list[str]:
        """The names of all collections, sorted."""

    def drop(self, name: str) -> None:
        """Deletes a collection."""


def text_dimension(term: str, language: str) -> int:
    return _dimension(f"t\0{language}\0{term}")


def headings_dimension(term: str, language: str) -> int:
    return _dimension(f"h\0{language}\0{term}")


def _dimension(name: str) -> int:
    """31 bits. That two terms share a dimension only adds a candidate, or shows when rows are counted."""
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "big") >> 1


def document_number(name: str) -> int:
    """A digest of a document's id, by which searches are restricted to documents."""
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big", signed=True)
