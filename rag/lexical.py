"""BM25 over the passages' terms.

Our own, because the engines tried either keep deleted documents in their statistics until they merge
(so an updated index scores unlike a rebuilt one), settle ties by internal numbers, or cannot be
updated. Term counts are kept and the formula is applied at query time: the statistics are always
those of the live passages, and k1 and b can be changed without building again.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.storage import canonical_json

K1 = 1.2  # saturation of repeated terms; Robertson et al. 1994, "Okapi at TREC-3"
B = 0.75  # how far long passages are held back; same source


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

    def save(self, folder: Path) -> None:
        (folder / "terms.json").write_bytes(canonical_json(list(self.vocabulary)).encode("utf-8", "surrogatepass"))
        for name in ("offsets", "rows", "counts", "lengths"):
            np.save(folder / f"terms_{name}.npy", getattr(self, name), allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> "LexicalIndex":
        words = json.loads((folder / "terms.json").read_bytes().decode("utf-8", "surrogatepass"))
        arrays = {
            name: np.load(folder / f"terms_{name}.npy", allow_pickle=False) for name in ("offsets", "rows", "counts", "lengths")
        }
        return cls(vocabulary={word: i for i, word in enumerate(words)}, **arrays)
