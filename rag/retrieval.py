"""Query to hits: dense search and BM25, fused by a convex combination of their scores."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.config import RetrievalSettings
from rag.index.contents import Index
from rag.records import Hit
from rag.terms import terms

Scores = dict[int, float]
"""From row to score."""


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

    `vector` is the query's embedding. With `documents`, only their passages are searched. No passages: an empty list.
    """
    rows = None if documents is None else index.rows_of(documents)
    found, similarities = index.dense.search(vector, settings.depth, rows=rows)
    dense = dict(zip(found.tolist(), similarities.tolist(), strict=True))
    lexical = _lexical(index, query, settings.depth, rows=rows)
    fused = fuse(dense, lexical, dense_weight=settings.dense_weight)
    best = sorted(fused, key=lambda row: (-fused[row], index.passages[row].id))[: settings.k if k is None else k]
    cosines = index.dense.similarities(vector, best).tolist()
    return [
        Hit(index.passages[row], score=fused[row], rank=rank, similarity=cosine)
        for rank, (row, cosine) in enumerate(zip(best, cosines, strict=True), start=1)
    ]


def fuse(dense: Scores, lexical: Scores, *, dense_weight: float) -> Scores:
    """dense_weight * dense + (1 - dense_weight) * lexical, each scaled to 0..1; what one search did not find has 0 there.

    Bruch, Gai and Ingber 2023, "An Analysis of Fusion Functions for Hybrid Retrieval": a convex combination beats
    reciprocal rank fusion, and is not sensitive to how scores are scaled.
    """
    scaled_dense, scaled_lexical = _scaled(dense), _scaled(lexical)
    return {
        row: round(dense_weight * scaled_dense.get(row, 0.0) + (1 - dense_weight) * scaled_lexical.get(row, 0.0), 6)
        for row in dense.keys() | lexical.keys()
    }


def _scaled(scores: Scores) -> Scores:
    """Minimum 0, maximum 1; where all are equal there is nothing to tell them apart by, and all are 1."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    return {row: (score - low) / (high - low) if high > low else 1.0 for row, score in scores.items()}


def _lexical(index: Index, query: str, depth: int, *, rows: Sequence[int] | None) -> Scores:
    scores = index.lexical.scores(terms(query))
    candidates = np.flatnonzero(scores > 0)
    if rows is not None:
        candidates = np.intersect1d(candidates, np.asarray(rows, dtype=np.int64))
    best = sorted(candidates.tolist(), key=lambda row: (-scores[row], index.passages[row].id))[:depth]
    return {row: float(scores[row]) for row in best}
