"""Query to hits: dense search and BM25, fused by a convex combination of their standard scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rag.config import RetrievalSettings
from rag.index.contents import Index, LanguagePart
from rag.index.lexical import K1
from rag.models.embedder import Embedder
from rag.models.reranker import CrossEncoderReranker
from rag.numeric import Vectors
from rag.records import Hit
from rag.text.languages import may_be_in, spelled_alike
from rag.text.terms import terms

Rows = NDArray[np.int64]
SAME_SPELLING = 0.35  # weight of names and numbers in documents in another language than the query; docs/languages.md
OTHER_FORM = 0.3  # weight of an abbreviation's other form; benchmarks/README.md
DECIMALS = 6  # of a score: fewer than float32 resolves, so that ties do not depend on the order of additions


@dataclass(frozen=True, slots=True)
class WeightedQuery:
    """A query, its embedding, and its weight among others searched with it."""

    query: str
    vector: Vectors
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class _Lexical:
    """BM25 of every row for one query, which does not depend on the candidates.

    `words` are the query's terms by the number of each part of the index in a language that the query may be in: elsewhere words
    match by chance only. `compared` are the rows of these parts; `mean` and `deviation` of the scores are over them.
    """

    scores: Vectors
    words: Mapping[int, Sequence[str]]
    compared: NDArray[np.bool_]
    mean: float
    deviation: float


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
    rows = None if documents is None else index.rows_of(documents)
    lexical = [_lexical_of(index, query.query, settings) for query in queries]
    candidate_sets = [
        _candidates(index, query.vector, bm25.scores, settings.depth, rows) for query, bm25 in zip(queries, lexical, strict=True)
    ]
    candidates = np.unique(np.concatenate(candidate_sets))
    return _ranked(index, queries, lexical, candidates, settings, settings.k if k is None else k)


def retrieve_of_each(
    index: Index, query: str, vector: Vectors, settings: RetrievalSettings, documents: Sequence[str], *, k: int
) -> dict[str, list[Hit]]:
    """The `k` best passages of each document, by id, scored as by `retrieve`; the query's terms are looked up only once.

    All passages of a document are candidates, however many there are. Raises KeyError for an unknown id.
    """
    queries, lexical = [WeightedQuery(query, vector)], [_lexical_of(index, query, settings)]
    rows = {name: np.arange(index.rows[name].start, index.rows[name].stop) for name in documents}
    return {name: _ranked(index, queries, lexical, own, settings, k) for name, own in rows.items()}


def _ranked(
    index: Index,
    queries: Sequence[WeightedQuery],
    lexical: Sequence[_Lexical],
    candidates: Rows,
    settings: RetrievalSettings,
    k: int,
) -> list[Hit]:
    """The hits of the `k` best candidates; ties are broken by passage id. `lexical` belongs to the queries, in their order."""
    similarities = [index.dense.similarities(query.vector, candidates) for query in queries]
    total = np.zeros(len(candidates))
    for query, bm25, cosines in zip(queries, lexical, similarities, strict=True):
        total += query.weight * _fused(index, query, bm25, cosines, candidates, settings)
    scores = np.round(total / sum(query.weight for query in queries), DECIMALS)
    order = np.lexsort((index.ids[candidates], -scores))[:k]
    relative = relative_similarities(similarities[0], index.dense.spread(queries[0].vector)[0])
    return [
        Hit(index.passages[int(candidates[i])], float(scores[i]), rank, float(similarities[0][i]), float(relative[i]))
        for rank, i in enumerate(order, start=1)
    ]


def relative_similarities(cosines: Vectors, mean: float) -> Vectors:
    """Cosines rescaled so that 0 is the mean over all passages and 1 is identity.

    Models differ in where their cosines lie (unrelated texts: near 0 for all-MiniLM-L6-v2, above 0.7 for e5). The rescaled
    value is the same for any two models whose cosines are linear functions of each other that map 1 to 1.
    """
    return ((cosines - mean) / (1 - mean) if mean < 1 else np.zeros_like(cosines)).astype(np.float32)


def _fused(
    index: Index, query: WeightedQuery, lexical: _Lexical, cosines: Vectors, candidates: Rows, settings: RetrievalSettings
) -> Vectors:
    dense = standard(cosines, *index.dense.spread(query.vector))
    raised = lexical.scores[candidates]
    for number, words in lexical.words.items():
        part, here = index.parts[number], index.row_languages[candidates] == number
        raised[here] += settings.proximity_weight * proximity(part, words, candidates[here])
    sparse = standard(raised, lexical.mean, lexical.deviation)
    sparse = np.where(lexical.compared[candidates], sparse, SAME_SPELLING * raised).astype(np.float32)
    fused: Vectors = settings.dense_weight * dense + (1 - settings.dense_weight) * sparse
    return fused


def standard(scores: Vectors, mean: float, deviation: float) -> Vectors:
    """Standard scores: how many deviations each score lies above the mean; all 0 if the deviation is 0.

    Pass the mean and deviation over all passages, not over the candidates; then the number of hits or a filter does not
    change a passage's score. Convex combinations of normalised scores beat reciprocal rank fusion: Bruch, Gai and Ingber
    2023, "An Analysis of Fusion Functions for Hybrid Retrieval".
    """
    return ((scores - mean) / deviation if deviation > 0 else np.zeros_like(scores)).astype(np.float32)


def lexical_scores(part: Index | LanguagePart, words: Sequence[str], settings: RetrievalSettings) -> Vectors:
    """BM25 of every row: over the whole text, plus, weighted, over title and headings alone."""
    whole = part.lexical.scores(words)
    return whole + np.float32(settings.headings_weight) * part.headings.scores(words) if settings.headings_weight else whole


def _lexical_of(index: Index, query: str, settings: RetrievalSettings) -> _Lexical:
    words = {number: terms(query, part.language) for number, part in enumerate(index.parts) if may_be_in(query, part.language)}
    scores = _expanded_scores(index, query, words, settings)
    compared = np.isin(index.row_languages, list(words))
    bm25 = scores[compared]
    mean, deviation = (float(bm25.mean()), float(bm25.std())) if len(bm25) else (0.0, 0.0)
    return _Lexical(scores, words, compared, mean, deviation)


def _expanded_scores(index: Index, query: str, words: Mapping[int, Sequence[str]], settings: RetrievalSettings) -> Vectors:
    """The lexical scores, with a share for the long forms of the query's abbreviations and the short forms of its words.

    The query is analysed once for each language that it may be in. In all others only the words that every language spells alike
    are looked for.
    """
    forms = index.abbreviations.other_forms(query)
    scores = np.zeros(len(index.passages), dtype=np.float32)
    for number, part in enumerate(index.parts):
        if number not in words:
            scores += lexical_scores(part, terms(spelled_alike(query), part.language), settings)
            continue
        scores += lexical_scores(part, words[number], settings)
        if others := [term for form in forms for term in terms(form, part.language)]:
            scores += np.float32(OTHER_FORM) * lexical_scores(part, others, settings)
    return scores


def proximity(part: Index | LanguagePart, words: Sequence[str], rows: Rows) -> Vectors:
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


def _candidates(index: Index, vector: Vectors, lexical: Vectors, depth: int, rows: Rows | None) -> Rows:
    """The `depth` best rows of each search; BM25 ties at the cut go to the lower row."""
    dense, _ = index.dense.search(vector, depth, rows=rows)
    matching = np.flatnonzero(lexical > 0)
    if rows is not None:
        allowed = np.zeros(len(lexical), dtype=np.bool_)
        allowed[rows] = True
        matching = matching[allowed[matching]]
    return np.concatenate([dense, _best(lexical, matching, depth)])


def _best(scores: Vectors, rows: Rows, k: int) -> Rows:
    """The `k` rows with the best scores, unordered; `rows` ascend, and ties at the cut go to the lower row."""
    if len(rows) <= k:
        return rows
    least = np.partition(scores[rows], len(rows) - k)[len(rows) - k]
    above = rows[scores[rows] > least]
    return np.concatenate([above, rows[scores[rows] == least][: k - len(above)]])
