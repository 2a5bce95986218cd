"""What every index is to its callers: a catalogue, and an engine that nominates rows."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.config import RetrievalSettings
from rag.index.catalogue import Catalogue
from rag.index.lexical import idf_of
from rag.index.scoring import Candidates, LanguagePart, Search, Spread
from rag.numeric import Vectors


@dataclass(frozen=True)
class Index(Catalogue, ABC):
    """What is searched. An engine nominates rows, and the same code scores them for every engine: see docs/scale.md."""

    @abstractmethod
    def nominate(
        self, searches: Sequence[Search], settings: RetrievalSettings, documents: Sequence[str] | None = None
    ) -> Candidates:
        """The `settings.depth` best rows of each search by cosine and by BM25, scored for every search.

        `documents` (see `rows_of`) restricts the rows without changing any score.
        """

    @abstractmethod
    def candidates_of_each(self, search: Search, settings: RetrievalSettings, documents: Sequence[str]) -> dict[str, Candidates]:
        """All rows of each document, scored as by `nominate`. Raises KeyError for an unknown id."""

    @abstractmethod
    def postings(self, term: str) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The rows that have the term, ascending, and how often each has it; both empty for an unknown term."""

    @abstractmethod
    def cosine_spread(self, vector: Vectors) -> Spread:
        """Mean and standard deviation of the cosines of all rows to a vector."""

    @property
    @abstractmethod
    def parts(self) -> Sequence[LanguagePart]:
        """The terms by language, in the order of `languages`."""

    def document_frequency(self, term: str) -> int:
        """The number of rows that have the term."""
        return self.lexical.document_frequency(term)

    @property
    def highest_idf(self) -> float:
        """The idf of a term that occurs in no row."""
        return idf_of(0, len(self.passages))

    def idf(self, term: str) -> float:
        """The idf of a term of English analysis, or of what it becomes in the documents' languages: the least of these.

        0 if it is a stop word in one of them.
        """
        return min(max(map(part.lexical.idf, part.terms(term)), default=0.0) for part in self.parts)

    def has(self, term: str) -> bool:
        """Whether a document has a term of English analysis, or what it becomes in the document's language."""
        return any(part.lexical.document_frequency(own) for part in self.parts for own in part.terms(term))
