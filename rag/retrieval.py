"""Query to hits: dense search and BM25, fused by a convex combination of standard scores."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rag.config import RetrievalSettings
from rag.index.contents import Index
from rag.lexical import K1
from rag.passages import embedded_text
from rag.records import Hit, Passage
from rag.terms import terms


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
    rows = None if documents is None else index.rows_of(documents)
    words = terms(query)
    lexical = lexical_scores(index, words, settings)
    candidates = _candidates(index, vector, lexical, settings.depth, rows)
    cosines = index.dense.similarities(vector, candidates)
    dense = standard(cosines, *index.dense.spread(vector))
    # The spread is that of what BM25 gives to all rows; two terms side by side are looked for in the candidates only.
    together = settings.proximity_weight * proximity(index, words, [index.passages[row] for row in candidates])
    sparse = standard(lexical[candidates] + together, float(lexical.mean()) if len(lexical) else 0.0, float(lexical.std()))
    fused = np.round(settings.dense_weight * dense + (1 - settings.dense_weight) * sparse, 6)
    order = sorted(range(len(candidates)), key=lambda i: (-fused[i], index.passages[candidates[i]].id))
    return [
        Hit(index.passages[candidates[i]], score=float(fused[i]), rank=rank, similarity=float(cosines[i]))
        for rank, i in enumerate(order[: settings.k if k is None else k], start=1)
    ]


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


def proximity(index: Index, words: Sequence[str], passages: Sequence[Passage]) -> NDArray[np.float32]:
    """What the neighbours of a query are worth where a passage has them side by side in the same order.

    Each pair counts the idf of both, saturated like a term's; many times over says little more than once.
    """
    weights = {pair: index.lexical.idf(pair[0]) + index.lexical.idf(pair[1]) for pair in pairwise(words)}
    found = np.zeros(len(passages), dtype=np.float32)
    if weights:
        for i, passage in enumerate(passages):
            text = embedded_text(passage)
            neighbours = [*pairwise(terms(text[: len(passage.context)])), *pairwise(terms(text[len(passage.context) :]))]
            for pair, weight in weights.items():
                count = neighbours.count(pair)
                found[i] += weight * count * (K1 + 1) / (count + K1)
    return found


def _candidates(
    index: Index, vector: NDArray[np.float32], lexical: NDArray[np.float32], depth: int, rows: Sequence[int] | None
) -> list[int]:
    """The best `depth` rows of either search, sorted; ties at the end of BM25's go to the lower row."""
    dense, _ = index.dense.search(vector, depth, rows=rows)
    matching = np.flatnonzero(lexical > 0)
    if rows is not None:
        matching = np.intersect1d(matching, np.asarray(rows, dtype=np.int64))
    best = matching[np.lexsort((matching, -lexical[matching]))[:depth]]
    return sorted({*dense.tolist(), *best.tolist()})
