"""The catalogue of an index: its documents and passages, their names, languages and vocabulary."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rag.errors import SelectionError
from rag.index.abbreviations import Abbreviations
from rag.index.entries import Entry
from rag.index.lexical import LexicalIndex, TermDictionary
from rag.index.manifest import Manifest
from rag.index.phrases import RepeatedPhrases
from rag.records import Document, Passage
from rag.text.spelling import Vocabulary

# Limits of patterns that select documents. Matching the most complex ones with 10,000 names takes some tenths of a second.
MOST_PATTERNS = 50
LONGEST_PATTERN = 200  # characters
MOST_STARS = 5
LANGUAGE = "language:"  # selects the documents in a language by its ISO 639-1 code


@dataclass(frozen=True)
class Catalogue:
    """All documents and passages, and the terms they have.

    Passages are ordered by document, then span; row `i` stands for `passages[i]`. Documents and passages are read from disk on
    access; reading a damaged line raises IndexBroken. `ids` are the passage ids as numbers, in row order. `asking` are the rows
    of passages whose innermost heading is a question, `tabular` those of passages with rows of a table. `lexical` has the terms
    of the embedded texts, `headings` only those of titles and headings, `spellings` the words as they are spelt. `digest` is the
    manifest's hash: equal contents give equal hashes.
    """

    documents: Mapping[str, Document]
    passages: Sequence[Passage]
    ids: NDArray[np.uint64]
    asking: NDArray[np.int32]
    tabular: NDArray[np.int32]
    abbreviations: Abbreviations
    phrases: RepeatedPhrases
    lexical: TermDictionary
    headings: LexicalIndex
    spellings: TermDictionary
    manifest: Manifest

    @property
    def digest(self) -> str:
        return self.manifest.hash

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words of the documents with the number of passages that have them."""
        words = (word.decode("utf-8", "replace") for word in self.spellings.vocabulary())
        return Vocabulary.of(zip(words, np.diff(self.spellings.offsets).tolist(), strict=True))

    @property
    def languages(self) -> tuple[str, ...]:
        """See `Entries.languages`."""
        return self.manifest.corpus.documents.languages

    @property
    def row_languages(self) -> NDArray[np.uint8]:
        """For each row, the index of its language in `languages`."""
        return self.manifest.corpus.documents.row_languages

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The manifest's entry for each document, by id."""
        return self.manifest.corpus.documents.by_id

    def entry_for(self, name: str) -> Entry | None:
        """The entry of a file's document; for a duplicate, of the document with the same bytes. None if the file is unknown."""
        return self.entries.get(self._same_as.get(name, name))

    @property
    def rows(self) -> Mapping[str, range]:
        """The rows of each document's passages."""
        return self.manifest.corpus.documents.rows

    def passages_of(self, document_id: str) -> list[Passage]:
        """The passages of a document, in order; none if the document is unknown."""
        return [self.passages[row] for row in self.rows.get(document_id, ())]

    def passage_before(self, passage: Passage) -> Passage | None:
        """The preceding passage of the same document, None for the first."""
        rows = self.rows[passage.document_id]
        number = bisect_left(rows, passage.span.start, key=self._start) - 1
        return self.passages[rows[number]] if number >= 0 else None

    def passage_after(self, passage: Passage) -> Passage | None:
        """The following passage of the same document, None for the last."""
        rows = self.rows[passage.document_id]
        number = bisect_left(rows, passage.span.start, key=self._start) + 1
        return self.passages[rows[number]] if number < len(rows) else None

    def _start(self, row: int) -> int:
        return self.passages[row].span.start

    def documents_of(self, selection: Sequence[str]) -> list[str]:
        """The ids, sorted, of the documents named by ids, folders ("reports/"), patterns ("*.md") or languages ("language:de").

        The name of a duplicate stands for the document with the same bytes. Unknown names are ignored. Raises SelectionError
        for patterns that would take long to match.
        """
        known = {name: entry.id for name in selection if (entry := self.entry_for(name))}
        _check_patterns([name for name in selection if name not in known and not name.endswith("/")])
        chosen: set[str] = set()
        for name in selection:
            if name in known:
                chosen.add(known[name])
            elif name.endswith("/"):
                chosen.update(self._ids_starting_with(name))
            elif name.startswith(LANGUAGE):
                chosen.update(self.manifest.corpus.documents.ids_in(name.removeprefix(LANGUAGE).lower()))
            elif _is_pattern(name):
                chosen.update(self._ids_matching(name))
        return sorted(chosen)

    def _ids_starting_with(self, prefix: str) -> Iterator[str]:
        yield from self.manifest.corpus.documents.ids_starting_with(prefix)
        yield from (original for name, original in self._same_as.items() if name.startswith(prefix))

    def _ids_matching(self, pattern: str) -> Iterator[str]:
        literal_start = re.split(r"[*?\[]", pattern, maxsplit=1)[0]  # found by binary search, so fewer names are compared
        candidates = self.manifest.corpus.documents.ids_starting_with(literal_start)
        yield from (name for name in candidates if fnmatchcase(name, pattern))
        yield from (original for name, original in self._same_as.items() if fnmatchcase(name, pattern))

    @cached_property
    def _same_as(self) -> dict[str, str]:
        """The id of the document that each duplicate stands for."""
        return {duplicate.path: duplicate.same_as for duplicate in self.manifest.corpus.duplicates}

    def rows_of(self, selection: Sequence[str]) -> NDArray[np.int64]:
        """Rows of the passages of `documents_of(selection)`, ascending."""
        ranges = [np.arange(rows.start, rows.stop) for rows in map(self.rows.__getitem__, self.documents_of(selection))]
        return np.concatenate([np.zeros(0, dtype=np.int64), *ranges])


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")


def _check_patterns(names: Sequence[str]) -> None:
    patterns = [name for name in names if _is_pattern(name)]
    if len(patterns) > MOST_PATTERNS:
        raise SelectionError(f"documents: {len(patterns)} patterns, of which {MOST_PATTERNS} are allowed; name folders instead")
    for pattern in patterns:
        if len(pattern) > LONGEST_PATTERN or pattern.count("*") > MOST_STARS:
            limits = f"{LONGEST_PATTERN} characters and {MOST_STARS} *"
            raise SelectionError(f"documents: the pattern {pattern[:40]!r} is too complex; it may have {limits}")
