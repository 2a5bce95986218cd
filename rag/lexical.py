"""BM25 over the passages' terms.

Our own, because the engines tried either keep deleted documents in their statistics until they merge
(so an updated index scores unlike a rebuilt one), settle ties by internal numbers, or cannot be
updated. Term counts are kept and the formula is applied at query time: the statistics are always
those of the live passages, and k1 and b can be changed without building again.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import Stemmer
from numpy.typing import NDArray

from rag.storage import canonical_json, write_synced

K1 = 1.2  # saturation of repeated terms; Robertson et al. 1994, "Okapi at TREC-3"
B = 0.75  # how far long passages are held back; same source

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")  # soft hyphen, zero width, direction marks
_TOKEN = re.compile(r"[^\W_]+(?:['’.·-](?=\w)[^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
# Words that say nothing of the subject; rare in short passages, so their idf alone does not silence them.
STOPWORDS = frozenset(
    "a about after all also am an and any are as at be been being but by can could did do does doing done for from get "
    "give had has have having he her here him his how i if in into is it its just may me might more most much must my "
    "of on or our out please shall she should show so some such tell than that the their them then there these they "
    "this those to too upon us very was we were what when where which while who whom whose why will with would you your".split()
)


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    return Stemmer.Stemmer("english")


def terms(text: str) -> list[str]:
    """Stemmed words in order, folded for case and compatibility forms, without stop words.

    A compound also gives its parts: "S1-nerve" -> s1-nerve, s1, nerve. Only stop words: an empty list.
    """
    folded = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).casefold()
    words: list[str] = []
    for match in _TOKEN.finditer(folded):
        word = match.group()
        parts = _PART.findall(word)
        if len(parts) > 1:
            words.append(word.replace("’", "'").removesuffix("'s"))
        words.extend(part for part in parts if len(parts) == 1 or len(part) > 1)
    return _stemmer().stemWords([word for word in words if word not in STOPWORDS])


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
        write_synced(folder / "terms.json", canonical_json(list(self.vocabulary)).encode("utf-8", "surrogatepass"))
        for name in ("offsets", "rows", "counts", "lengths"):
            with (folder / f"terms_{name}.npy").open("wb") as file:
                np.save(file, getattr(self, name), allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> "LexicalIndex":
        words = json.loads((folder / "terms.json").read_bytes().decode("utf-8", "surrogatepass"))
        arrays = {
            name: np.load(folder / f"terms_{name}.npy", allow_pickle=False) for name in ("offsets", "rows", "counts", "lengths")
        }
        return cls(vocabulary={word: i for i, word in enumerate(words)}, **arrays)
