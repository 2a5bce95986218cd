"""The terms of passages, counted in bounded memory: for a build, and once more for `rag doctor`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rag.index.build_files import HEADINGS, TERMS
from rag.index.lexical import Gathering, Part, save_merged
from rag.records import Passage
from rag.text.passages import embedded_text
from rag.text.terms import terms

AT_ONCE = 2**14  # passages whose terms are held in memory before they are set aside


class TermCounts:
    """Takes passages with their rows, ascending; sets their terms aside in the folder `work`, and merges them at the end."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._parts: list[Part] = []
        self._start()

    def _start(self) -> None:
        self._gathered = {TERMS: Gathering(), HEADINGS: Gathering()}
        self._rows: list[int] = []

    def add(self, row: int, passage: Passage) -> None:
        self._gathered[TERMS].add(terms(embedded_text(passage)))
        self._gathered[HEADINGS].add(terms(passage.context))
        self._rows.append(row)
        if len(self._rows) >= AT_ONCE:
            self._set_aside()

    def _set_aside(self) -> None:
        folder = self._work / f"terms-{len(self._parts)}"
        folder.mkdir()
        for field, gathered in self._gathered.items():
            gathered.index().save(folder, field)
        self._parts.append((folder, np.asarray(self._rows, dtype=np.int64)))
        self._start()

    def save(self, folder: Path, kept: Sequence[Part] = ()) -> None:
        """Writes what BM25 counts, together with what is kept of other parts, into `folder`."""
        self._set_aside()
        for field in (TERMS, HEADINGS):
            save_merged([*kept, *self._parts], folder, field)
