"""Documents and passages that are read from disk on access."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, overload

from rag.index.entries import ById, Entries
from rag.index.line_table import Lines
from rag.records import Document, Passage
from rag.storage.document_records import document_from_json, document_to_json, passage_from_json, passage_to_json
from rag.storage.files import from_json, json_line

DOCUMENTS_KEPT = 2**25  # bytes of lines whose documents are cached; the objects take a few times as much
PASSAGES_KEPT = 2**23  # the same for passages
Record = TypeVar("Record")


class _Recent(Generic[Record]):
    """A cache of the records read last, up to `budget` bytes of lines. Thread-safe."""

    def __init__(self, lines: Lines, budget: int, make: Callable[[int, Any], Record]) -> None:
        self._lines, self._budget, self._make = lines, budget, make
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, tuple[Record, int]] = OrderedDict()
        self._size = 0

    def record(self, number: int) -> Record:
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
                return self._kept[number][0]
        line = self._lines[number]
        record = self._make(number, from_json(line))
        with self._lock:
            if number not in self._kept:
                self._kept[number] = record, len(line)
                self._size += len(line)
            while self._size > self._budget and len(self._kept) > 1:
                self._size -= self._kept.popitem(last=False)[1][1]
        return record


def stored_documents(entries: Entries, lines: Lines) -> ById[Document]:
    """The documents of a build by id."""
    return ById(entries, _Recent(lines, DOCUMENTS_KEPT, _document).record)


class StoredPassages(Sequence[Passage]):
    """The passages of a build by row."""

    def __init__(self, entries: Entries, documents: ById[Document], lines: Lines) -> None:
        self._entries, self._documents = entries, documents
        self._recent = _Recent(lines, PASSAGES_KEPT, self._passage)

    @overload
    def __getitem__(self, row: int) -> Passage: ...

    @overload
    def __getitem__(self, row: slice) -> list[Passage]: ...

    def __getitem__(self, row: int | slice) -> Passage | list[Passage]:
        if isinstance(row, slice):
            return [self._recent.record(number) for number in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        return self._recent.record(int(row) % len(self))

    def __len__(self) -> int:
        return self._entries.passages

    def _passage(self, row: int, record: dict[str, Any]) -> Passage:
        return passage_from_json(record, self._documents.value_of(self._entries.number_at(row)))


def _document(number: int, record: dict[str, Any]) -> Document:  # noqa: ARG001 - the signature of `make`
    return document_from_json(record)


def document_line(document: Document) -> bytes:
    return json_line(document_to_json(document))


def passage_line(passage: Passage) -> bytes:
    return json_line(passage_to_json(passage))


def under_question(passage: Passage) -> bool:
    """Whether the innermost heading is a question, which the passage then presumably answers."""
    return bool(passage.headings) and passage.headings[-1].endswith("?")


def has_rows(passage: Passage) -> bool:
    """Whether it holds a row of a table, other than the header."""
    return any(sentence.kind == "table" and not sentence.level for sentence in passage.sentences)
