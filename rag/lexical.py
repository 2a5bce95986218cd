"""BM25 over the passages' terms.

Our own, because the engines tried either keep deleted documents in their statistics until they merge
(so an updated index scores unlike a rebuilt one), settle ties by internal numbers, or cannot be
updated. Term counts are kept and the formula is applied at query time: the statistics are always
those of the live passages, and k1 and b can be changed without building again.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.storage import GrowingArray, canonical_json

# Robertson et al. 1994, "Okapi at TREC-3", with values for passages of a few sentences: see benchmarks/README.md.
K1 = 0.6  # saturation of repeated terms
B = 0.6  # how far long passages are held back
COLUMNS = ("offsets", "rows", "counts", "lengths")
BLOCK = 2**19  # postings that are merged at a time: some 30 MB


@dataclass(frozen=True)
class LexicalIndex:
    """Postings in columns, ordered by term, then row; the rows are those of the passages.

    `offsets[t]:offsets[t + 1]` are the postings of term `t` of the sorted vocabulary.
    """

    vocabulary: dict[str, int]
    offsets: NDArray[np.int64]
    rows: NDArray[np.int32]
    counts: NDArray[np.int32]
    lengths: NDArray[np.int32]

    @classmethod
    def build(cls, term_lists: Iterable[Sequence[str]]) -> "LexicalIndex":
        numbers: dict[str, int] = {}
        lengths: list[int] = []
        flat: list[int] = []
        for words in term_lists:
            flat.extend(numbers.setdefault(word, len(numbers)) for word in words)
            lengths.append(len(words))
        vocabulary = {word: i for i, word in enumerate(sorted(numbers))}
        sorted_number = np.empty(len(numbers), dtype=np.int64)
        for word, number in numbers.items():
            sorted_number[number] = vocabulary[word]
        columns = sorted_number[np.asarray(flat, dtype=np.int64)]
        rows = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
        pairs, counts = np.unique(columns * max(1, len(lengths)) + rows, return_counts=True)
        posting_terms = pairs // max(1, len(lengths))
        return cls(
            vocabulary=vocabulary,
            offsets=np.searchsorted(posting_terms, np.arange(len(vocabulary) + 1)).astype(np.int64),
            rows=(pairs % max(1, len(lengths))).astype(np.int32),
            counts=counts.astype(np.int32),
            lengths=np.asarray(lengths, dtype=np.int32),
        )

    def document_frequency(self, term: str) -> int:
        number = self.vocabulary.get(term)
        return 0 if number is None else int(self.offsets[number + 1] - self.offsets[number])

    def idf(self, term: str) -> float:
        """ln(1 + (N - df + 0.5) / (df + 0.5)), Lucene's form, which is never negative."""
        frequency = self.document_frequency(term)
        return float(np.log1p((len(self.lengths) - frequency + 0.5) / (frequency + 0.5)))

    def scores(self, query_terms: Sequence[str]) -> NDArray[np.float32]:
        """BM25 of every row, 0 where no term occurs; a term that stands twice in the query counts twice."""
        scores = np.zeros(len(self.lengths), dtype=np.float64)
        if not len(self.lengths):
            return scores.astype(np.float32)
        norm = K1 * (1 - B + B * self.lengths / max(1e-9, float(self.lengths.mean())))
        for term in sorted(query_terms):
            number = self.vocabulary.get(term)
            if number is None:
                continue
            postings = slice(int(self.offsets[number]), int(self.offsets[number + 1]))
            rows, counts = self.rows[postings], self.counts[postings]
            scores[rows] += self.idf(term) * counts * (K1 + 1) / (counts + norm[rows])
        return scores.astype(np.float32)

    def save(self, folder: Path, field: str) -> None:
        _save_words(folder, field, self.vocabulary)
        for column in COLUMNS:
            np.save(folder / f"{field}_{column}.npy", getattr(self, column), allow_pickle=False)

    @classmethod
    def load(cls, folder: Path, field: str) -> "LexicalIndex":
        arrays = {column: np.load(folder / f"{field}_{column}.npy", allow_pickle=False) for column in COLUMNS}
        return cls(vocabulary={word: i for i, word in enumerate(_read_words(folder, field))}, **arrays)


def file_names(field: str) -> tuple[str, ...]:
    """The files in which the index of a field is saved."""
    return f"{field}.json", *(f"{field}_{column}.npy" for column in COLUMNS)


Part = tuple[Path, NDArray[np.int64]]
"""A folder where some passages' terms are saved, and for each of its rows the number in the whole, -1 for one that is gone."""


def save_merged(parts: Sequence[Part], folder: Path, field: str) -> None:
    """Saves the index of all rows that the parts hold together, a block of terms at a time, as `LexicalIndex.load` reads it.

    Every row must be in one part. The same rows give the same bytes, whichever parts they come from.
    """
    words = sorted(set[str]().union(*(_read_words(part, field) for part, _ in parts)))
    places = {word: place for place, word in enumerate(words)}
    columns = [_Columns.open(part, field, rows, places) for part, rows in parts]
    most = np.zeros(len(words), dtype=np.int64)
    for part in columns:
        most[part.terms] += np.diff(part.offsets)
    frequencies = np.zeros(len(words), dtype=np.int64)
    with (
        GrowingArray(folder / f"{field}_rows.npy", np.int32) as all_rows,
        GrowingArray(folder / f"{field}_counts.npy", np.int32) as all_counts,
    ):
        for first, last in _blocks(most):
            found = [part.postings(first, last) for part in columns]
            terms, rows, counts = (np.concatenate(column) for column in zip(*found, strict=True))
            order = np.lexsort((rows, terms))
            all_rows.append(rows[order])
            all_counts.append(counts[order])
            frequencies[first:last] = np.bincount(terms - first, minlength=last - first)
    _save_words(folder, field, [word for word, frequency in zip(words, frequencies, strict=True) if frequency])
    offsets = np.concatenate([[0], np.cumsum(frequencies[frequencies > 0])]).astype(np.int64)
    lengths = np.zeros(sum(int((rows >= 0).sum()) for _, rows in parts), dtype=np.int32)
    for saved, rows in parts:
        lengths[rows[rows >= 0]] = np.load(saved / f"{field}_lengths.npy", allow_pickle=False)[rows >= 0]
    np.save(folder / f"{field}_offsets.npy", offsets, allow_pickle=False)
    np.save(folder / f"{field}_lengths.npy", lengths, allow_pickle=False)


@dataclass(frozen=True)
class _Columns:
    """The postings of a part, on disk; `terms` and `moved` number its terms and rows as in the whole."""

    terms: NDArray[np.int64]
    moved: NDArray[np.int64]
    offsets: NDArray[np.int64]
    rows: NDArray[np.int32]
    counts: NDArray[np.int32]

    @classmethod
    def open(cls, folder: Path, field: str, moved: NDArray[np.int64], places: dict[str, int]) -> "_Columns":
        terms = np.array([places[word] for word in _read_words(folder, field)], dtype=np.int64)
        names = ("offsets", "rows", "counts")
        return cls(terms, moved, *(np.load(folder / f"{field}_{name}.npy", allow_pickle=False, mmap_mode="r") for name in names))

    def postings(self, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
        """(terms, rows, counts) for the terms from `first` to `last`."""
        low, high = np.searchsorted(self.terms, [first, last])
        slots = slice(int(self.offsets[low]), int(self.offsets[high]))
        rows = self.moved[self.rows[slots]]
        alive = rows >= 0
        terms = np.repeat(self.terms[low:high], np.diff(self.offsets[low : high + 1]))
        return terms[alive], rows[alive], self.counts[slots][alive]


def _blocks(sizes: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Ranges of terms with at most BLOCK postings each, or of a single term."""
    ends = np.cumsum(sizes)
    first, before = 0, 0
    while first < len(ends):
        last = max(first + 1, int(np.searchsorted(ends, before + BLOCK, side="right")))
        yield first, last
        first, before = last, int(ends[last - 1])


def _save_words(folder: Path, field: str, words: Iterable[str]) -> None:
    (folder / f"{field}.json").write_bytes(canonical_json(list(words)).encode("utf-8", "surrogatepass"))


def _read_words(folder: Path, field: str) -> list[str]:
    words: list[str] = json.loads((folder / f"{field}.json").read_bytes().decode("utf-8", "surrogatepass"))
    return words
