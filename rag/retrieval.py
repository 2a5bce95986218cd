"""Query to hits: dense search and BM25, fused by a convex combination of standard scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rag.config import RetrievalSettings
from rag.index.contents import Index
from rag.index.lexical import K1
from rag.records import Hit
from rag.text.terms import terms


@dataclass(frozen=True, slots=True)
class Searched:
    """A query with its embedding, and how much it counts among others."""

    query: str
    vector: NDArray[np.float32]
    weight: float = 1.0


def retrieve(
    index: Index,
    query: str,
    vector: NDArray[np.float32],
    settings: RetrievalSettings,
    *,
    k: int | None = None,
    documents: Sequence[str] | None = None,
) -> list[Hit]:
    """The `k` best passages (settings.k where not given), best first; ties end on the passage id.

    `vector` is the query's embedding. With `documents` (see `Index.rows_of`), only their passages are searched, and each
    has the score that it has among all. No passages: an empty list.
    """
    return retrieve_together(index, [Searched(query, vector)], settings, k=k, documents=documents)


def retrieve_together(
    index: Index,
    searched: Sequence[Searched],
    settings: RetrievalSettings,
    *,
    k: int | None = None,
    documents: Sequence[str] | None = None,
) -> list[Hit]:
    """As `retrieve`, by the weighted mean of a passage's scores for several queries; its similarity is that to the first."""
    rows = None if documents is None else index.rows_of(documents)
    lexical = [lexical_scores(index, terms(one.query), settings) for one in searched]
    found = (_candidates(index, one.vector, scores, settings.depth, rows) for one, scores in zip(searched, lexical, strict=True))
    candidates = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *found]))
    cosines = [index.dense.similarities(one.vector, candidates) for one in searched]
    fused = np.zeros(len(candidates))
    for one, scores, similar in zip(searched, lexical, cosines, strict=True):
        fused += one.weight * _fused(index, one, scores, similar, candidates, settings)
    fused = np.round(fused / sum(one.weight for one in searched), 6)
    order = np.lexsort((index.ids[candidates], -fused))[: settings.k if k is None else k]
    return [
        Hit(index.passages[int(candidates[i])], score=float(fused[i]), rank=rank, similarity=float(cosines[0][i]))
        for rank, i in enumerate(order, start=1)
    ]


def _fused(
    index: Index,
    one: Searched,
    lexical: NDArray[np.float32],
    cosines: NDArray[np.float32],
    candidates: NDArray[np.int64],
    settings: RetrievalSettings,
) -> NDArray[np.float32]:
    dense = standard(cosines, *index.dense.spread(one.vector))
    # The spread is that of what BM25 gives to all rows; two terms side by side are looked for in the candidates only.
    near = proximity(index, terms(one.query), candidates)
    together = lexical[candidates] + settings.proximity_weight * near
    sparse = standard(together, float(lexical.mean()) if len(lexical) else 0.0, float(lexical.std()))
    weighed: NDArray[np.float32] = settings.dense_weight * dense + (1 - settings.dense_weight) * sparse
    return weighed


def standard(scores: NDArray[np.float32], mean: float, deviation: float) -> NDArray[np.float32]:
    """How many standard deviations each score lies above the mean; 0 where the deviation is.

    Mean and deviation are those of all passages, not of the ones found, so that one hit or few, or a filter, change
    nothing in a passage's score. That a convex combination of normalised scores beats reciprocal rank fusion:
    Bruch, Gai and Ingber 2023, "An Analysis of Fusion Functions for Hybrid Retrieval".
    """
    return ((scores - mean) / deviation if deviation > 0 else np.zeros_like(scores)).astype(np.float32)


def lexical_scores(index: Index, words: Sequence[str], settings: RetrievalSettings) -> NDArray[np.float32]:
    """BM25 of every row over its whole text, plus that over title and headings alone."""
    whole = index.lexical.scores(words)
    return whole + np.float32(settings.headings_weight) * index.headings.scores(words) if settings.headings_weight else whole


def proximity(index: Index, words: Sequence[str], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """What the neighbours of a query are worth in rows that have them side by side in the same order.

    Each pair counts the idf of both, saturated like a term's; many times over says little more than once. What ends the
    context (title and headings) and what begins the text are no neighbours.
    """
    lexical = index.lexical
    worth = np.zeros(len(rows), dtype=np.float32)
    pairs = [pair for pair in dict.fromkeys(pairwise(words)) if all(lexical.number(word) is not None for word in pair)]
    if not pairs or not len(rows):
        return worth
    owners, places, numbers = lexical.terms_in(rows)
    together = (places[1:] > 0) & (places[1:] != index.headings.lengths[rows][owners[1:]])
    for one, other in pairs:
        found = together & (numbers[:-1] == lexical.number(one)) & (numbers[1:] == lexical.number(other))
        counts = np.bincount(owners[1:][found], minlength=len(rows))
        weight = lexical.idf(one) + lexical.idf(other)
        worth += (weight * counts * (K1 + 1) / (counts + K1)).astype(np.float32)
    return worth


def _candidates(
    index: Index, vector: NDArray[np.float32], lexical: NDArray[np.float32], depth: int, rows: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """The best `depth` rows of either search; ties at the end of BM25's go to the lower row."""
    dense, _ = index.dense.search(vector, depth, rows=rows)
    matching = np.flatnonzero(lexical > 0)
    if rows is not None:
        allowed = np.zeros(len(lexical), dtype=np.bool_)
        allowed[rows] = True
        matching = matching[allowed[matching]]
    return np.concatenate([dense, _best(lexical, matching, depth)])


def _best(scores: NDArray[np.float32], rows: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """Of ascending rows the `number` with the best scores, in no order; ties at the end go to the lower row."""
    if len(rows) <= number:
        return rows
    least = np.partition(scores[rows], len(rows) - number)[len(rows) - number]
    above = rows[scores[rows] > least]
    return np.concatenate([above, rows[scores[rows] == least][: number - len(above)]])
