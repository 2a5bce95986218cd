"""An index whose vectors and postings are in an engine on other machines. The build folder is its catalogue."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.config import PassageSettings, RetrievalSettings
from rag.errors import EngineError, IndexBroken
from rag.index.build_files import HEADINGS, MOMENTS, TERMS, load_catalogue
from rag.index.contents import Index
from rag.index.dense import OVERSAMPLING, cosine_spread
from rag.index.engines.protocol import (
    MOST_RESULTS,
    TEXT_LENGTH,
    Collection,
    Engine,
    Keys,
    Row,
    headings_dimension,
    text_dimension,
)
from rag.index.entries import Entry
from rag.index.lexical import K1, B, Gathering, LexicalIndex, TermDictionary
from rag.index.manifest import FIX, HASHED, check_manifest, damaged_among, load_manifest
from rag.index.published import CATALOGUE, ROW_KEYS, load_published
from rag.index.scoring import Candidates, LanguagePart, Rows, Scored, Search, Spread, adjacency, best_rows, bm25_scores
from rag.index.term_statistics import TermStatistics
from rag.models.model_identity import ModelIdentity
from rag.numeric import Vectors
from rag.storage.arrays import map_array

BM25_OVERSAMPLING = 2  # candidates taken from the engine, per one wanted: it normalises by fixed lengths, we by the mean
SPARE = 16  # results taken beyond those wanted, in place of rows that belong to other builds
ROWS_A_SLICE = MOST_RESULTS // 2  # of the rows that have a term, as expected; keys are spread evenly


@dataclass(frozen=True)
class LiveRows:
    """The keys of a build's rows, in row order. What an engine returns besides is of other builds, or left by a killed one."""

    keys: Keys

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        """The rows in the order of their keys."""
        return np.argsort(self.keys)

    def rows_of(self, keys: Keys) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The rows with these keys, in their order, and for each key whether there is one."""
        if not len(self.keys):
            return np.zeros(0, dtype=np.int64), np.zeros(len(keys), dtype=np.bool_)
        places = np.searchsorted(self.keys, keys, sorter=self._order)
        rows = self._order[np.minimum(places, len(self.keys) - 1)]
        known = self.keys[rows] == keys
        return rows[known], known


@dataclass(frozen=True)
class _Fetched:
    """Rows that were fetched from the engine, ascending, with their vectors and, by language, their terms."""

    rows: Rows
    vectors: Vectors
    lexical: LexicalIndex
    parts: tuple[LanguagePart, ...]


@dataclass(frozen=True)
class _Lexical:
    """BM25 of the fetched rows for one search, and its spread over all rows."""

    bm25: Vectors
    spread: Spread


@dataclass(frozen=True)
class RemoteIndex(Index):
    """`moments` are from `moments_of`, `lengths` the numbers of terms of each row; `exact` says how vectors are compared."""

    collection: Collection
    exact: bool
    live: LiveRows
    lengths: NDArray[np.int32]
    moments: NDArray[np.float64]
    statistics: TermStatistics

    @cached_property
    def parts(self) -> tuple[LanguagePart, ...]:
        """Of no rows: the statistics alone."""
        return self._fetched(np.zeros(0, dtype=np.int64)).parts

    def nominate(
        self, searches: Sequence[Search], settings: RetrievalSettings, documents: Sequence[str] | None = None
    ) -> Candidates:
        scope = None if documents is None else self.documents_of(documents)
        nearest = [self._nearest(search.vector, settings.depth, scope) for search in searches]
        matching = [self._matching(search, settings, scope) for search in searches]
        fetched = self._fetched(np.unique(np.concatenate([*nearest, *matching])))
        lexical = [self._lexical(search, fetched, settings) for search in searches]
        best = [best_rows(own.bm25, np.flatnonzero(own.bm25 > 0), settings.depth) for own in lexical]
        chosen = np.unique(np.concatenate([np.searchsorted(fetched.rows, np.concatenate(nearest)), *best]))
        return self._scored(searches, lexical, fetched, chosen)

    def candidates_of_each(self, search: Search, settings: RetrievalSettings, documents: Sequence[str]) -> dict[str, Candidates]:
        rows = {name: np.arange(self.rows[name].start, self.rows[name].stop) for name in documents}
        fetched = self._fetched(np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *rows.values()])))
        lexical = [self._lexical(search, fetched, settings)]
        places = {name: np.searchsorted(fetched.rows, own) for name, own in rows.items()}
        return {name: self._scored([search], lexical, fetched, own) for name, own in places.items()}

    def postings(self, term: str) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        frequency = self.document_frequency(term)
        if not frequency:
            return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32)
        weights = {text_dimension(term, language): 1.0 for language in self.manifest.corpus.languages}
        answers = [self.collection.rows_with_any(weights, *ends) for ends in _slices(-(-frequency // ROWS_A_SLICE))]
        keys, products = (np.concatenate(column) for column in zip(*answers, strict=True))
        rows, known = self.live.rows_of(keys)
        counts = _counts(products[known], self.lengths[rows])
        if len(rows) > frequency:  # another term has the same dimension
            fetched = self._fetched(np.unique(rows))
            places, repeated = fetched.lexical.postings(term)
            rows, counts = fetched.rows[places], repeated.astype(np.int64)
        order = np.argsort(rows)
        return rows[order].astype(np.int32), counts[order].astype(np.int32)

    def cosine_spread(self, vector: Vectors) -> Spread:
        return cosine_spread(self.moments, vector)

    def _nearest(self, vector: Vectors, depth: int, scope: Sequence[str] | None) -> Rows:
        wanted = depth if self.exact else depth * OVERSAMPLING  # an approximate search is better if more is wanted
        return self._live(lambda k: self.collection.dense(vector, k, scope), wanted)[:depth]

    def _matching(self, search: Search, settings: RetrievalSettings, scope: Sequence[str] | None) -> Rows:
        weights = self._query_weights(search, settings)
        return self._live(lambda k: self.collection.sparse(weights, k, scope), settings.depth * BM25_OVERSAMPLING)

    def _live(self, search: Callable[[int], tuple[Keys, Vectors]], wanted: int) -> Rows:
        """The rows of this build among the best results, best first: at least as many as wanted, if there are."""
        k = wanted + SPARE
        while True:
            keys, _ = search(min(k, MOST_RESULTS))
            rows, _ = self.live.rows_of(keys)
            if len(rows) >= wanted or len(keys) < k:
                return rows
            k *= 2

    def _query_weights(self, search: Search, settings: RetrievalSettings) -> dict[int, float]:
        """What each dimension of a row counts: idf, in the row's language, times the weight of the lookup."""
        weights: dict[int, float] = {}
        for lookup in search.lookups:
            part = self.parts[lookup.part]
            for language in self._languages_of(lookup.part):
                for term in lookup.terms:
                    for dimension, share in (
                        (text_dimension(term, language), part.lexical.idf(term)),
                        (headings_dimension(term, language), settings.headings_weight * part.headings.idf(term)),
                    ):
                        weights[dimension] = weights.get(dimension, 0.0) + lookup.weight * share
        return weights

    def _languages_of(self, part: int) -> list[str]:
        """The languages of the documents that belong to a part: its own, and unknown ones if it is the only one."""
        own = self.languages[part]
        return sorted(self.manifest.corpus.languages) if len(self.languages) == 1 else [own]

    def _fetched(self, rows: Rows) -> _Fetched:
        """Fetches rows and checks them. Raises EngineError if one is missing or damaged."""
        keys = self.live.keys[rows]
        stored = self.collection.fetch(keys)
        lexical, headings, vectors = Gathering(), Gathering(), []
        documents = self._document_of(rows)
        for row, key, entry in zip(rows.tolist(), keys.tolist(), documents, strict=True):
            if key not in stored:
                raise EngineError(f"the engine lacks row {key} of {entry.id}; run `rag build`")
            vector, terms = stored[key]
            if Row(int(self.ids[row]), entry.id, entry.language, vector, terms).key != key:
                raise EngineError(f"row {key} of {entry.id} is damaged in the engine; run `rag doctor`, then `rag build`")
            lexical.add(terms.text)
            headings.add(terms.headings)
            vectors.append(vector)
        stacked = np.stack(vectors) if vectors else np.zeros((0, self.manifest.contents.dim), dtype=np.float32)
        index = lexical.index()
        return _Fetched(rows, stacked, index, self.statistics.parts(index, headings.index(), rows))

    def _document_of(self, rows: Rows) -> list[Entry]:
        entries = self.manifest.corpus.documents
        return [entries[entries.number_at(row)] for row in rows.tolist()]

    def _lexical(self, search: Search, fetched: _Fetched, settings: RetrievalSettings) -> _Lexical:
        bm25 = bm25_scores(fetched.parts, len(fetched.rows), search, settings)
        return _Lexical(bm25, self.statistics.bm25_spread(search, settings))

    def _scored(self, searches: Sequence[Search], lexical: Sequence[_Lexical], fetched: _Fetched, places: Rows) -> Candidates:
        """The fetched rows at these places, as candidates."""
        rows = fetched.rows[places]
        languages = self.row_languages[rows]
        scored = [
            Scored(
                fetched.vectors[places] @ search.vector.astype(np.float32),
                self.cosine_spread(search.vector),
                own.bm25[places],
                own.spread,
                adjacency(fetched.parts, languages, places, search),
                np.isin(languages, list(search.words)),
            )
            for search, own in zip(searches, lexical, strict=True)
        ]
        return Candidates(rows, self.ids[rows], scored)


def _counts(products: Vectors, lengths: NDArray[np.int32]) -> NDArray[np.int64]:
    """How often a term occurs in rows of these lengths, from its stored weight."""
    norms = K1 * (1 - B + B * lengths / TEXT_LENGTH)
    weights = products.astype(np.float64)
    return np.maximum(1, np.rint(weights * norms / np.maximum(K1 + 1 - weights, 1e-9))).astype(np.int64)


def _slices(number: int) -> list[tuple[int, int]]:
    """The range of all keys in equal parts, each with its lowest and highest key."""
    bounds = [-(2**63) + 2**64 * n // number for n in range(number + 1)]
    return [(low, high - 1) for low, high in pairwise(bounds)]


def load_remote(
    folder: Path,
    engine: Engine,
    *,
    model: ModelIdentity | None = None,
    dim: int | None = None,
    settings: PassageSettings | None = None,
) -> RemoteIndex:
    """Opens the catalogue in a build folder and the collection with its rows. Raises like `load_index`, and EngineError."""
    manifest = load_manifest(folder)
    check_manifest(manifest, model=model, dim=dim, settings=settings)
    published = load_published(folder)
    if published is None:
        raise EngineError(f"{folder.name} is not in the engine at {engine.address}; run `rag build`")
    files = {name: file for name, file in manifest.files.items() if name in CATALOGUE} | dict(published.files)
    for name in damaged_among(folder, files, hashed=HASHED):
        raise IndexBroken(f"{folder / name} is damaged; {FIX}")
    collection = engine.open(published.collection)
    if (count := collection.count()) < manifest.passages:
        raise EngineError(f"the engine at {engine.address} has {count} rows instead of {manifest.passages}; run `rag build`")
    try:
        catalogue = load_catalogue(folder, manifest, TermDictionary)
        lengths = map_array(folder / f"{TERMS}_lengths.npy")
        return RemoteIndex(
            **vars(catalogue),
            collection=collection,
            exact=published.recall is None,
            live=LiveRows(map_array(folder / ROW_KEYS)),
            lengths=lengths,
            moments=np.array(map_array(folder / MOMENTS)),
            statistics=TermStatistics.load(
                folder, manifest.corpus.documents, {TERMS: lengths, HEADINGS: catalogue.headings.lengths}
            ),
        )
    except (OSError, ValueError) as error:  # removed in the meantime, or a large file with a damaged header
        raise IndexBroken(f"{getattr(error, 'filename', None) or folder} cannot be read ({error}); {FIX}") from error
