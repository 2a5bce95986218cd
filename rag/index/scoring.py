"""What a search looks for, and how the rows that an index nominates are scored: BM25, and a bonus for adjacent terms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rag.config import RetrievalSettings
from rag.index.lexical import K1, LexicalIndex
from rag.numeric import Vectors
from rag.text.languages import UNKNOWN
from rag.text.terms import ENGLISH, terms

Rows = NDArray[np.int64]
Spread = tuple[float, float]
"""Mean and standard deviation over all rows."""


@dataclass(frozen=True)
class LanguagePart:
    """The terms of the documents in one language, with the statistics of these documents alone."""

    language: str
    lexical: LexicalIndex
    headings: LexicalIndex

    def terms(self, term: str) -> list[str]:
        """What a term of English analysis becomes in this language."""
        return [term] if self.language in (ENGLISH, UNKNOWN) else terms(term, self.language)


@dataclass(frozen=True, slots=True)
class Lookup:
    """Terms looked up in the part of the index with this number, and the weight of their score."""

    part: int
    terms: Sequence[str]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Search:
    """A query as an index searches it: its embedding and its terms.

    `words` are the query's terms by the number of each part of the index in a language that the query may be in: elsewhere words
    match by chance only. `lookups` are all terms that are looked up, in the order in which their scores are added.
    """

    vector: Vectors
    words: Mapping[int, Sequence[str]]
    lookups: Sequence[Lookup]


@dataclass(frozen=True, slots=True)
class Scored:
    """How the candidates fit one search. Everything but the spreads has one value for each candidate.

    `compared` are the candidates in a language that the query may be in. `bm25_spread` is over all rows in these languages, the
    spread of the cosines over all rows.
    """

    cosines: Vectors
    cosine_spread: Spread
    bm25: Vectors
    bm25_spread: Spread
    proximity: Vectors
    compared: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows worth ranking, ascending, with the ids of their passages, and how they fit each search."""

    rows: Rows
    ids: NDArray[np.uint64]
    scored: Sequence[Scored]


def bm25_scores(parts: Sequence[LanguagePart], rows: int, search: Search, settings: RetrievalSettings) -> Vectors:
    """The sum of all lookups' scores for each of the `rows` of the parts."""
    scores = np.zeros(rows, dtype=np.float32)
    for lookup in search.lookups:
        scores += np.float32(lookup.weight) * lexical_scores(parts[lookup.part], lookup.terms, settings)
    return scores


def lexical_scores(part: LanguagePart, words: Sequence[str], settings: RetrievalSettings) -> Vectors:
    """BM25 of every row: over the whole text, plus, weighted, over title and headings alone."""
    whole = part.lexical.scores(words)
    return whole + np.float32(settings.headings_weight) * part.headings.scores(words) if settings.headings_weight else whole


def spread_of(scores: Vectors) -> Spread:
    return (float(scores.mean()), float(scores.std())) if len(scores) else (0.0, 0.0)


def adjacency(parts: Sequence[LanguagePart], languages: NDArray[np.uint8], rows: Rows, search: Search) -> Vectors:
    """The `proximity` of rows to a search; `languages` are the numbers of the rows' parts."""
    bonus = np.zeros(len(rows), dtype=np.float32)
    for number, words in search.words.items():
        here = languages == number
        bonus[here] = proximity(parts[number], words, rows[here])
    return bonus


def proximity(part: LanguagePart, words: Sequence[str], rows: Rows) -> Vectors:
    """A bonus for rows in which neighbouring query terms are neighbours too, in the same order.

    Each pair counts the idf of both terms, saturating with its frequency like a single term in BM25. The end of the context
    (title and headings) and the start of the text are not neighbours.
    """
    lexical = part.lexical
    bonus = np.zeros(len(rows), dtype=np.float32)
    pairs = [pair for pair in dict.fromkeys(pairwise(words)) if all(lexical.number(word) is not None for word in pair)]
    if not pairs or not len(rows):
        return bonus
    owners, positions, numbers = lexical.terms_in(rows)
    adjacent = (positions[1:] > 0) & (positions[1:] != part.headings.lengths[rows][owners[1:]])
    for first, second in pairs:
        matches = adjacent & (numbers[:-1] == lexical.number(first)) & (numbers[1:] == lexical.number(second))
        counts = np.bincount(owners[1:][matches], minlength=len(rows))
        weight = lexical.idf(first) + lexical.idf(second)
        bonus += (weight * counts * (K1 + 1) / (counts + K1)).astype(np.float32)
    return bonus


def best_rows(scores: Vectors, rows: Rows, k: int) -> Rows:
    """The `k` rows with the best scores, unordered; `rows` ascend, and ties at the cut go to the lower row."""
    if len(rows) <= k:
        return rows
    least = np.partition(scores[rows], len(rows) - k)[len(rows) - k]
    above = rows[scores[rows] > least]
    return np.concatenate([above, rows[scores[rows] == least][: k - len(above)]])
