"""The documents of a build as its manifest lists them: one interface for lists in memory and for columns on disk."""

from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, overload

from rag.text.languages import UNKNOWN
from rag.text.terms import ENGLISH

if TYPE_CHECKING:  # NumPy is imported when columns are needed, so that `rag status` starts without it
    import numpy as np
    from numpy.typing import NDArray

ENTRIES = "entries.arrow"  # the file of the columns
Value = TypeVar("Value", covariant=True)


@dataclass(frozen=True)
class Entry:
    """A document as the manifest lists it. `passages` and `cut` are counts; `cut` passages hold part of an overlong sentence.

    `language` is an ISO 639-1 code, "" if unknown.
    """

    id: str
    title: str
    digest: str
    passages: int
    cut: int
    notes: tuple[str, ...] = ()
    language: str = ""


class Entries(Sequence[Entry], ABC):
    """All documents, numbered from 0 in the order of their rows. Two are equal if they have equal entries, wherever these are."""

    @property
    @abstractmethod
    def sorted_ids(self) -> Sequence[str]:
        """The ids in sorted order, which differs from the order of the rows if a container has members."""

    @property
    @abstractmethod
    def ends(self) -> "NDArray[np.int64]":
        """For each document, the row after its last passage."""

    @property
    @abstractmethod
    def passages(self) -> int:
        """The number of passages of all documents."""

    @property
    @abstractmethod
    def language_counts(self) -> Mapping[str, int]:
        """The number of documents in each language."""

    @property
    @abstractmethod
    def coded_languages(self) -> "tuple[Sequence[str], NDArray[np.integer]]":
        """The distinct languages, and for each document the index of its language among them."""

    @abstractmethod
    def number_of(self, document_id: str) -> int | None:
        """The number of the document with this id, None if there is none."""

    @abstractmethod
    def id_of(self, number: int) -> str:
        """Like `entry_of(number).id`, without the rest of the entry."""

    @abstractmethod
    def entry_of(self, number: int) -> Entry: ...

    @overload
    def __getitem__(self, number: int) -> Entry: ...

    @overload
    def __getitem__(self, number: slice) -> list[Entry]: ...

    def __getitem__(self, number: int | slice) -> Entry | list[Entry]:
        if isinstance(number, slice):
            return [self.entry_of(each) for each in range(*number.indices(len(self)))]
        return self.entry_of(range(len(self))[number])

    def __iter__(self) -> Iterator[Entry]:
        return map(self.entry_of, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Entries):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def by_id(self) -> "ById[Entry]":
        """The entries, by id."""
        return ById(self, self.entry_of)

    @cached_property
    def rows(self) -> "ById[range]":
        """The rows of each document's passages, by id."""
        return ById(self, self.rows_of)

    def rows_of(self, number: int) -> range:
        """The rows of a document's passages."""
        return range(int(self.ends[number - 1]) if number else 0, int(self.ends[number]))

    def number_at(self, row: int) -> int:
        """The number of the document to which a row belongs."""
        return bisect_right(self.ends, row)

    def ids_starting_with(self, prefix: str) -> Sequence[str]:
        """The ids with this prefix, sorted."""
        ids = self.sorted_ids
        first = bisect_left(ids, prefix)
        return ids[first : bisect_right(ids, prefix, lo=first, key=lambda name: name[: len(prefix)])]

    def ids_in(self, language: str) -> list[str]:
        """The ids of the documents in a language, in the order of their rows."""
        codes, numbers = self.coded_languages
        if language not in codes:
            return []
        import numpy as np

        return [self.id_of(number) for number in np.flatnonzero(numbers == codes.index(language)).tolist()]

    @property
    def documents_by_language(self) -> dict[str, int]:
        """The number of documents in each language ("" if unknown), most first, ties by code."""
        return dict(sorted(self.language_counts.items(), key=lambda item: (-item[1], item[0])))

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """The languages in which terms are analysed, those of most passages first.

        Documents in an unknown language ("") are analysed as English; if there are no others, they count as English.
        """
        import numpy as np

        codes, numbers = self.coded_languages
        counts = np.bincount(numbers, np.diff(self.ends, prepend=0), len(codes)).astype(np.int64).tolist()
        passages = {code: count for code, count in zip(codes, counts, strict=True) if count}
        if passages.keys() <= {ENGLISH, UNKNOWN}:
            return (ENGLISH,)
        return tuple(sorted(passages, key=lambda language: (-passages[language], language)))

    @cached_property
    def row_languages(self) -> "NDArray[np.uint8]":
        """For each row, the index of its language in `languages`."""
        import numpy as np

        codes, numbers = self.coded_languages
        index_of = {language: index for index, language in enumerate(self.languages)}
        indices = np.array([index_of.get(code, 0) for code in codes], dtype=np.uint8)
        return np.repeat(indices[numbers], np.diff(self.ends, prepend=0))


class ListedEntries(Entries):
    """Entries in memory."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = tuple(entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __repr__(self) -> str:
        return f"ListedEntries({self._entries!r})"

    def entry_of(self, number: int) -> Entry:
        return self._entries[number]

    def id_of(self, number: int) -> str:
        return self._entries[number].id

    def number_of(self, document_id: str) -> int | None:
        return self._numbers.get(document_id)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {entry.id: number for number, entry in enumerate(self._entries)}

    @cached_property
    def sorted_ids(self) -> Sequence[str]:
        return sorted(entry.id for entry in self._entries)

    @cached_property
    def passages(self) -> int:
        return sum(entry.passages for entry in self._entries)

    @cached_property
    def language_counts(self) -> Mapping[str, int]:
        return Counter(entry.language for entry in self._entries)

    @cached_property
    def ends(self) -> "NDArray[np.int64]":
        import numpy as np

        return np.cumsum([entry.passages for entry in self._entries], dtype=np.int64)

    @cached_property
    def coded_languages(self) -> "tuple[Sequence[str], NDArray[np.integer]]":
        import numpy as np

        codes = sorted(self.language_counts)
        index_of = {code: index for index, code in enumerate(codes)}
        return codes, np.array([index_of[entry.language] for entry in self._entries], dtype=np.int64)


class ById(Mapping[str, Value]):
    """A value for each document, by its id, in the order of the rows. Values are made on access."""

    def __init__(self, entries: Entries, value_of: Callable[[int], Value]) -> None:
        """`value_of` makes the value of the document with a given number."""
        self.value_of = value_of
        self._entries = entries

    def __getitem__(self, document_id: str) -> Value:
        number = self._entries.number_of(document_id)
        if number is None:
            raise KeyError(document_id)
        return self.value_of(number)

    def __contains__(self, document_id: object) -> bool:
        return isinstance(document_id, str) and self._entries.number_of(document_id) is not None

    def __iter__(self) -> Iterator[str]:
        return map(self._entries.id_of, range(len(self._entries)))

    def __len__(self) -> int:
        return len(self._entries)
