"""Query to hits: dense search and BM25, fused by a convex combination of their standard scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag.config import RetrievalSettings
from rag.index.contents import Index
from rag.index.scoring import Candidates, Lookup, Scored, Search
from rag.models.embedder import Embedder
from rag.models.reranker import CrossEncoderReranker
from rag.numeric import Vectors
from rag.records import Hit
from rag.text.languages import may_be_in, spelled_alike
from rag.text.terms import terms

SAME_SPELLING = 0.35  # weight of names and numbers in documents in another language than the query; docs/languages.md
OTHER_FORM = 0.3  # weight of an abbreviation's other form; benchmarks/README.md
DECIMALS = 6  # of a score: fewer than float32 resolves, so that ties do not depend on the order of additions


@dataclass(frozen=True, slots=True)
class WeightedQuery:
    """A query, its embedding, and its weight among others searched with it."""

    query: str
    vector: Vectors
    weight: float = 1.0


class Retriever:
    """Embeds queries, retrieves their hits and, if the settings name a cross-encoder, reranks them."""

    def __init__(self, settings: RetrievalSettings, embedder: Embedder) -> None:
        """Raises ModelError if the reranker's folder does not exist."""
        self._settings = settings
        self._embedder = embedder
        self._reranker = CrossEncoderReranker(settings.reranker) if settings.reranker else None

    def hits(
        self,
        index: Index,
        queries: Sequence[tuple[str, float]],
        *,
        k: int | None = None,
        documents: Sequence[str] | None = None,
    ) -> list[Hit]:
        """The `k` best passages (default: settings.k) for (query, weight) pairs; the first query is used for reranking."""
        settings = self._settings
        k = settings.k if k is None else k
        weighted = [WeightedQuery(query, self._embedder.embed_query(query), weight) for query, weight in queries]
        if self._reranker is None:
            return retrieve_together(index, weighted, settings, k=k, documents=documents)
        depth = settings.rerank_depth
        hits = retrieve_together(index, weighted, settings, k=max(k, depth), documents=documents)
        return self._reranker.rerank(queries[0][0], hits, depth=depth)[:k]

    def hits_of_each(self, index: Index, query: str, documents: Sequence[str], *, k: int | None = None) -> dict[str, list[Hit]]:
        """The hits of each document as if it alone were searched; see `retrieve_of_each`."""
        settings = self._settings
        k = settings.k if k is None else k
        vector = self._embedder.embed_query(query)
        reranker, depth = self._reranker, settings.rerank_depth
        if reranker is None:
            return retrieve_of_each(index, query, vector, settings, documents, k=k)
        hits = retrieve_of_each(index, query, vector, settings, documents, k=max(k, depth))
        return {name: reranker.rerank(query, own, depth=depth)[:k] for name, own in hits.items()}


def retrieve(
    index: Index,
    query: str,
    vector: Vectors,
    settings: RetrievalSettings,
    *,
    k: int | None = None,
    documents: Sequence[str] | None = None,
) -> list[Hit]:
    """The `k` best passages (default: settings.k), best first, ties by passage id; empty if there are none.

    `vector` is the query's embedding. `documents` (see `Index.rows_of`) restricts the search without changing any score.
    """
    return retrieve_together(index, [WeightedQuery(query, vector)], settings, k=k, documents=documents)


def retrieve_together(
    index: Index,
    queries: Sequence[WeightedQuery],
    settings: RetrievalSettings,
    *,
    k: int | None = None,
    documents: Sequence[str] | None = None,
) -> list[Hit]:
    """Like `retrieve`, scoring each passage by the weighted mean over several queries; similarities are to the first query."""
    searches = [_search(index, query) for query in queries]
    return _ranked(index, queries, index.nominate(searches, settings, documents), settings, settings.k if k is None else k)


def retrieve_of_each(
    index: Index, query: str, vector: Vectors, settings: RetrievalSettings, documents: Sequence[str], *, k: int
) -> dict[str, list[Hit]]:
    """The `k` best passages of each document, by id, scored as by `retrieve`; the query's terms are looked up only once.

    All passages of a document are candidates, however many there are. Raises KeyError for an unknown id.
    """
    queries = [WeightedQuery(query, vector)]
    candidates = index.candidates_of_each(_search(index, queries[0]), settings, documents)
    return {name: _ranked(index, queries, own, settings, k) for name, own in candidates.items()}


def _ranked(
    index: Index, queries: Sequence[WeightedQuery], candidates: Candidates, settings: RetrievalSettings, k: int
) -> list[Hit]:
    """The hits of the `k` best candidates, which are scored for these queries; ties are broken by passage id."""
    total = np.zeros(len(candidates.rows))
    for query, scored in zip(queries, candidates.scored, strict=True):
        total += query.weight * _fused(scored, settings)
    scores = np.round(total / sum(query.weight for query in queries), DECIMALS)
    order = np.lexsort((candidates.ids, -scores))[:k]
    cosines = candidates.scored[0].cosines
    relative = relative_similarities(cosines, candidates.scored[0].cosine_spread[0])
    return [
        Hit(index.passages[int(candidates.rows[i])], float(scores[i]), rank, float(cosines[i]), float(relative[i]))
        for rank, i in enumerate(order, start=1)
    ]


def relative_similarities(cosines: Vectors, mean: float) -> Vectors:
    """Cosines rescaled so that 0 is the mean over all passages and 1 is identity.

    Models differ in where their cosines lie (unrelated texts: near 0 for all-MiniLM-L6-v2, above 0.7 for e5). The rescaled
    value is the same for any two models whose cosines are linear functions of each other that map 1 to 1.
    """
    return ((cosines - mean) / (1 - mean) if mean < 1 else np.zeros_like(cosines)).astype(np.float32)


def _fused(scored: Scored, settings: RetrievalSettings) -> Vectors:
    dense = standard(scored.cosines, *scored.cosine_spread)
    raised = scored.bm25 + settings.proximity_weight * scored.proximity
    sparse = np.where(scored.compared, standard(raised, *scored.bm25_spread), SAME_SPELLING * raised).astype(np.float32)
    fused: Vectors = settings.dense_weight * dense + (1 - settings.dense_weight) * sparse
    return fused


def standard(scores: Vectors, mean: float, deviation: float) -> Vectors:
    """Standard scores: how many deviations each score lies above the mean; all 0 if the deviation is 0.

    Pass the mean and deviation over all passages, not over the candidates; then the number of hits or a filter does not
    change a passage's score. Convex combinations of normalised scores beat reciprocal rank fusion: Bruch, Gai and Ingber
    2023, "An Analysis of Fusion Functions for Hybrid Retrieval".
    """
    return ((scores - mean) / deviation if deviation > 0 else np.zeros_like(scores)).astype(np.float32)


def _search(index: Index, query: WeightedQuery) -> Search:
    """The terms of a query, with a share for the long forms of its abbreviations and the short forms of its words.

    The query is analysed once for each language that it may be in. In all others only the words that every language spells alike
    are looked for.
    """
    text, forms = query.query, index.abbreviations.other_forms(query.query)
    words = {number: terms(text, language) for number, language in enumerate(index.languages) if may_be_in(text, language)}
    lookups = []
    for number, language in enumerate(index.languages):
        if number not in words:
            lookups.append(Lookup(number, terms(spelled_alike(text), language)))
            continue
        lookups.append(Lookup(number, words[number]))
        if others := [term for form in forms for term in terms(form, language)]:
            lookups.append(Lookup(number, others, OTHER_FORM))
    return Search(query.vector, words, lookups)
