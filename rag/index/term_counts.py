"""Counts the terms of passages in bounded memory: for a build, and again for `rag doctor`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rag.index.build_files import FIELDS, HEADINGS, SPELLINGS, TERMS
from rag.index.lexical import Gathering, Part, save_merged
from rag.records import Passage
from rag.text.passages import embedded_text
from rag.text.spelling import spelled_words
from rag.text.terms import terms

AT_ONCE = 2**14  # passages whose terms are held in memory before they are written to disk


class TermCounts:
    """Takes passages in ascending order of their rows, writes their terms to the folder `work` in parts, and merges the parts."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._parts: list[Part] = []
        self._start()

    def _start(self) -> None:
        self._gathering = {field: Gathering() for field in FIELDS}
        self._rows: list[int] = []

    def add(self, row: int, passage: Passage, language: str) -> None:
        """`language` is that of the passage's document, by which its terms are counted."""
        self._gathering[TERMS].add(terms(embedded_text(passage), language))
        self._gathering[HEADINGS].add(terms(passage.context, language))
        self._gathering[SPELLINGS].add(spelled_words(embedded_text(passage)))
        self._rows.append(row)
        if len(self._rows) >= AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        folder = self._work / f"terms-{len(self._parts)}"
        folder.mkdir()
        for field, gathering in self._gathering.items():
            gathering.index().save(folder, field)
        self._parts.append((folder, np.asarray(self._rows, dtype=np.int64)))
        self._start()

    def save(self, folder: Path, kept: Sequence[Part] = ()) -> None:
        """Writes the term counts, merged with those of the `kept` parts, to `folder`."""
        self._flush()
        for field in FIELDS:
            save_merged([*kept, *self._parts], folder, field)
