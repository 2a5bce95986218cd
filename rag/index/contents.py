"""What an index is: documents, passages, vectors and terms as one, and the manifest that says what it was made of."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rag.index.dense import DenseIndex
from rag.index.lexical import LexicalIndex
from rag.index.manifest import Entry, Manifest
from rag.records import Document, Passage


@dataclass(frozen=True)
class Index:
    """Everything that is searched. Row `i` of vectors and terms is `passages[i]`; passages are ordered by document, then place.

    Documents and passages are read from disk when they are asked for, and every line of them is checked then: IndexBroken.
    `ids` are those of the passages as numbers, in the same order; `asking` are the rows of passages that stand under a question.
    `lexical` holds the terms of all that is embedded, `headings` those of title and headings alone.

    `digest` is the manifest's hash: equal contents give equal hashes.
    """

    documents: Mapping[str, Document]
    passages: Sequence[Passage]
    ids: NDArray[np.uint64]
    asking: NDArray[np.int32]
    dense: DenseIndex
    lexical: LexicalIndex
    headings: LexicalIndex
    manifest: Manifest

    @property
    def digest(self) -> str:
        return self.manifest.hash

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """The manifest's entry for each document, by id."""
        return {entry.id: entry for entry in self.manifest.corpus.documents}

    def entry_for(self, name: str) -> Entry | None:
        """The document that stands for a file: its own, or for a duplicate the one with the same bytes; None if unknown."""
        _, document_of = self._names
        return self.entries.get(document_of.get(name, ""))

    @cached_property
    def rows(self) -> dict[str, range]:
        """The rows of each document's passages."""
        return rows_by_document(self.manifest.corpus.documents)

    def passages_of(self, document_id: str) -> list[Passage]:
        """The passages of one document, in order; none for a document that is not there."""
        return [self.passages[row] for row in self.rows.get(document_id, ())]

    def passage_before(self, passage: Passage) -> Passage | None:
        """The passage of the same document that ends before this one begins."""
        rows = self.rows[passage.document_id]
        place = bisect_left(rows, passage.span.start, key=self._start) - 1
        return self.passages[rows[place]] if place >= 0 else None

    def passage_after(self, passage: Passage) -> Passage | None:
        """The passage of the same document that begins after this one ends."""
        rows = self.rows[passage.document_id]
        place = bisect_left(rows, passage.span.start, key=self._start) + 1
        return self.passages[rows[place]] if place < len(rows) else None

    def _start(self, row: int) -> int:
        return self.passages[row].span.start

    def documents_of(self, wanted: Sequence[str]) -> list[str]:
        """Ids of these documents, in order: ids, folders ("reports/") or patterns ("*.md").

        A duplicate stands for the document that it repeats.
        """
        names, found = self._names
        chosen: list[str] = []
        for name in wanted:
            if name in found:
                chosen.append(name)
            elif name.endswith("/"):
                chosen += names[bisect_left(names, name) : bisect_left(names, f"{name[:-1]}0")]  # "0" follows "/"
            elif any(sign in name for sign in "*?["):
                chosen += [one for one in names if fnmatchcase(one, name)]
        return sorted({found[name] for name in chosen})

    @cached_property
    def _names(self) -> tuple[list[str], dict[str, str]]:
        """All names in order, those of duplicates among them, and the document that each stands for."""
        found = {name: name for name in self.entries}
        found |= {duplicate.path: duplicate.same_as for duplicate in self.manifest.corpus.duplicates}
        return sorted(found), found

    def rows_of(self, wanted: Sequence[str]) -> NDArray[np.int64]:
        """Rows of the passages of `documents_of(wanted)`, in order."""
        found = [np.arange(rows.start, rows.stop) for rows in map(self.rows.__getitem__, self.documents_of(wanted))]
        return np.concatenate([np.zeros(0, dtype=np.int64), *found])


def rows_by_document(entries: Sequence[Entry]) -> dict[str, range]:
    """The rows of each document's passages, by id; passages lie one document after the other."""
    rows, end = {}, 0
    for entry in entries:
        rows[entry.id] = range(end, end := end + entry.passages)
    return rows
