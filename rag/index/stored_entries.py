"""The documents of a large build in columns: an Arrow file next to its manifest, memory-mapped.

Opening it reads no document, and looking one up reads a few pages. Texts are stored as bytes, because Arrow's strings cannot hold
lone surrogates. There is one record batch, so that each column is contiguous.
"""

import mmap
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from rag.errors import PackageMissing
from rag.index.entries import Entries, Entry

AT_ONCE = 2**12  # documents decoded at a time when all are read
_FIELDS = ("id", "title", "digest", "cut", "notes", "language")


def import_pyarrow() -> Any:
    """The module. Raises PackageMissing if it is not installed."""
    try:
        import pyarrow
    except ImportError:
        what = "an index this large keeps its list of documents in an Arrow file, but pyarrow is not installed"
        raise PackageMissing(f'{what}; run `pip install "quoted-answers[arrow]"`') from None
    return pyarrow


def _schema(pa: Any) -> Any:
    text = pa.large_binary()
    return pa.schema(
        {
            "id": text,
            "title": text,
            "digest": text,
            "end": pa.int64(),  # the row after the document's last passage
            "cut": pa.int64(),
            "notes": pa.large_list(text),
            "language": pa.dictionary(pa.int32(), text),
            "order": pa.int64(),  # the numbers of the documents in the order of their ids
        }
    )


def save_entries(path: Path, entries: Entries) -> None:
    """Raises OSError, and PackageMissing if pyarrow is not installed."""
    pa = import_pyarrow()
    schema, (codes, numbers) = _schema(pa), entries.coded_languages
    order = np.fromiter(map(entries.number_of, entries.sorted_ids), dtype=np.int64, count=len(entries))
    values = {
        "id": _encoded(entry.id for entry in entries),
        "title": _encoded(entry.title for entry in entries),
        "digest": _encoded(entry.digest for entry in entries),
        "end": entries.ends,
        "cut": [entry.cut for entry in entries],
        "notes": [_encoded(entry.notes) for entry in entries],
        "order": order,
    }
    columns = {name: pa.array(column, schema.field(name).type) for name, column in values.items()}
    languages = pa.array(_encoded(codes), pa.large_binary())
    columns["language"] = pa.DictionaryArray.from_arrays(pa.array(numbers, pa.int32()), languages)
    batch = pa.record_batch([columns[name] for name in schema.names], schema)
    with path.open("wb") as file, pa.ipc.new_file(file, schema) as writer:
        writer.write_batch(batch)


def _encoded(texts: Iterable[str]) -> list[bytes]:
    return [text.encode("utf-8", "surrogatepass") for text in texts]


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogatepass")


class StoredEntries(Entries):
    """The entries in a file of `save_entries`, which must be undamaged. They stay readable after the file is removed."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, and PackageMissing if pyarrow is not installed."""
        pa = import_pyarrow()
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._batch = pa.ipc.open_file(pa.py_buffer(data)).get_batch(0)

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    def __iter__(self) -> Iterator[Entry]:
        for start in range(0, len(self), AT_ONCE):
            columns = self._batch.slice(start, AT_ONCE).to_pydict()
            counts = np.diff(self.ends[start : start + AT_ONCE], prepend=self.ends[start - 1] if start else 0).tolist()
            yield from map(_entry, counts, *(columns[name] for name in _FIELDS))

    def entry_of(self, number: int) -> Entry:
        return _entry(len(self.rows_of(number)), *(self._batch.column(name)[number].as_py() for name in _FIELDS))

    def id_of(self, number: int) -> str:
        return _decoded(self._ids[number].as_py())

    def number_of(self, document_id: str) -> int | None:
        ids = self.sorted_ids
        place = bisect_left(ids, document_id)
        return int(self._order[place]) if place < len(ids) and ids[place] == document_id else None

    @cached_property
    def sorted_ids(self) -> Sequence[str]:
        return _SortedIds(self, self._order)

    @property
    def passages(self) -> int:
        return int(self.ends[-1]) if len(self) else 0

    @cached_property
    def language_counts(self) -> Mapping[str, int]:
        codes, numbers = self.coded_languages
        return dict(zip(codes, np.bincount(numbers, minlength=len(codes)).tolist(), strict=True))

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        return np.asarray(self._batch.column("end"))

    @cached_property
    def coded_languages(self) -> tuple[Sequence[str], NDArray[np.integer]]:
        column = self._batch.column("language")
        return [_decoded(code) for code in column.dictionary.to_pylist()], np.asarray(column.indices)

    @cached_property
    def _ids(self) -> Any:
        return self._batch.column("id")  # cached: finding the column by name takes as long as reading an id

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        return np.asarray(self._batch.column("order"))


def _entry(passages: int, name: bytes, title: bytes, digest: bytes, cut: int, notes: list[bytes], language: bytes) -> Entry:
    texts = _decoded(name), _decoded(title), _decoded(digest)
    return Entry(*texts, passages, cut, tuple(map(_decoded, notes)), _decoded(language))


class _SortedIds(Sequence[str]):
    def __init__(self, entries: StoredEntries, order: NDArray[np.int64]) -> None:
        self._entries, self._order = entries, order

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self._entries.id_of(number) for number in self._order[place].tolist()]
        return self._entries.id_of(int(self._order[place]))
