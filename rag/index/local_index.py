"""The index of one machine: vectors and postings are files of the build, mapped into memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rag.config import RetrievalSettings
from rag.index.contents import Index
from rag.index.dense import DenseIndex
from rag.index.lexical import LexicalIndex
from rag.index.scoring import (
    Candidates,
    LanguagePart,
    Rows,
    Scored,
    Search,
    Spread,
    adjacency,
    best_rows,
    bm25_scores,
    spread_of,
)
from rag.numeric import Vectors


@dataclass(frozen=True)
class _Lexical:
    """BM25 of every row for one search, which does not depend on the candidates; `compared` as in `Scored`, for every row."""

    bm25: Vectors
    compared: NDArray[np.bool_]
    spread: Spread


@dataclass(frozen=True)
class LocalIndex(Index):
    """Row `i` of vectors and postings is `passages[i]`."""

    lexical: LexicalIndex
    spellings: LexicalIndex
    dense: DenseIndex

    @cached_property
    def parts(self) -> tuple[LanguagePart, ...]:
        if len(self.languages) == 1:
            return (LanguagePart(self.languages[0], self.lexical, self.headings),)
        groups = [(self.row_languages, number) for number in range(len(self.languages))]
        lexical, headings = ([replace(whole, among=group) for group in groups] for whole in (self.lexical, self.headings))
        return tuple(map(LanguagePart, self.languages, lexical, headings))

    def nominate(
        self, searches: Sequence[Search], settings: RetrievalSettings, documents: Sequence[str] | None = None
    ) -> Candidates:
        rows = None if documents is None else self.rows_of(documents)
        lexical = [self._lexical(search, settings) for search in searches]
        nominated = [self._nominated(*both, settings.depth, rows) for both in zip(searches, lexical, strict=True)]
        return self._scored(searches, lexical, np.unique(np.concatenate(nominated)))

    def candidates_of_each(self, search: Search, settings: RetrievalSettings, documents: Sequence[str]) -> dict[str, Candidates]:
        lexical = [self._lexical(search, settings)]
        rows = {name: np.arange(self.rows[name].start, self.rows[name].stop) for name in documents}
        return {name: self._scored([search], lexical, own) for name, own in rows.items()}

    def postings(self, term: str) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        return self.lexical.postings(term)

    def cosine_spread(self, vector: Vectors) -> Spread:
        return self.dense.spread(vector)

    def _lexical(self, search: Search, settings: RetrievalSettings) -> _Lexical:
        bm25 = bm25_scores(self.parts, len(self.passages), search, settings)
        compared = np.isin(self.row_languages, list(search.words))
        return _Lexical(bm25, compared, spread_of(bm25[compared]))

    def _nominated(self, search: Search, lexical: _Lexical, depth: int, rows: Rows | None) -> Rows:
        """The `depth` best rows by cosine and by BM25; BM25 ties at the cut go to the lower row."""
        nearest, _ = self.dense.search(search.vector, depth, rows=rows)
        matching = np.flatnonzero(lexical.bm25 > 0)
        if rows is not None:
            allowed = np.zeros(len(lexical.bm25), dtype=np.bool_)
            allowed[rows] = True
            matching = matching[allowed[matching]]
        return np.concatenate([nearest, best_rows(lexical.bm25, matching, depth)])

    def _scored(self, searches: Sequence[Search], lexical: Sequence[_Lexical], rows: Rows) -> Candidates:
        scored = [
            Scored(
                self.dense.similarities(search.vector, rows),
                self.dense.spread(search.vector),
                own.bm25[rows],
                own.spread,
                adjacency(self.parts, self.row_languages[rows], rows, search),
                own.compared[rows],
            )
            for search, own in zip(searches, lexical, strict=True)
        ]
        return Candidates(rows, self.ids[rows], scored)
