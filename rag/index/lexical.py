"""BM25 over the passages' terms.

Written here because the engines that were tried keep deleted documents in their statistics until they merge segments (so that
an updated index scores differently from a rebuilt one), break ties by internal numbers, or cannot be updated. Only term counts
are stored and the formula is applied at query time, so the statistics are always those of the live passages, and K1 and B can
be changed without a new build.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from heapq import merge
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rag.storage.arrays import GrowingArray, map_array, save_array

# Robertson et al. 1994, "Okapi at TREC-3", with values for passages of a few sentences: see benchmarks/README.md.
K1 = 0.6  # saturation of repeated terms
B = 0.6  # normalisation by passage length
COLUMNS = ("words", "word_starts", "offsets", "rows", "counts", "lengths", "sequence")
BLOCK = 2**20  # postings merged at a time: about 60 MB
WORDS_AT_ONCE = 2**14  # terms decoded at a time: about 150 KB


@dataclass(frozen=True, kw_only=True)
class TermDictionary:
    """The distinct terms of some rows, with the number of rows that have each. The columns may be memory-mapped.

    Terms are numbered in sorted order: `words[word_starts[t]:word_starts[t + 1]]` is term `t` in UTF-8, and
    `offsets[t + 1] - offsets[t]` rows have it.
    """

    words: NDArray[np.uint8]
    word_starts: NDArray[np.int64]
    offsets: NDArray[np.int64]

    @property
    def size(self) -> int:
        """The number of distinct terms."""
        return len(self.offsets) - 1

    def word(self, number: int) -> str:
        return self._word(number).decode("utf-8", "surrogatepass")

    def _word(self, number: int) -> bytes:
        return self.words[self.word_starts[number] : self.word_starts[number + 1]].tobytes()

    def vocabulary(self) -> Iterator[bytes]:
        """Yields all terms in UTF-8, sorted."""
        for first in range(0, self.size, WORDS_AT_ONCE):
            starts = self.word_starts[first : first + WORDS_AT_ONCE + 1]
            text = self.words[starts[0] : starts[-1]].tobytes()
            yield from (text[start:end] for start, end in pairwise((starts - starts[0]).tolist()))

    def number(self, term: str) -> int | None:
        """The term's number, None if it occurs in no row."""
        return self._numbers(term)

    @cached_property
    def _numbers(self) -> Callable[[str], int | None]:
        return lru_cache(maxsize=4096)(self._search)  # each term of a query is looked up several times

    def _search(self, term: str) -> int | None:
        encoded = term.encode("utf-8", "surrogatepass")  # UTF-8 sorts like the strings
        number = bisect_left(range(self.size), encoded, key=self._word)
        return number if number < self.size and self._word(number) == encoded else None

    def document_frequency(self, term: str) -> int:
        number = self.number(term)
        return 0 if number is None else int(self.offsets[number + 1] - self.offsets[number])

    @classmethod
    def load(cls, folder: Path, field: str) -> Self:
        """The columns are memory-mapped. Raises OSError or ValueError."""
        columns: dict[str, Any] = {
            column.name: map_array(folder / f"{field}_{column.name}.npy") for column in fields(cls) if column.name in COLUMNS
        }
        return cls(**columns)


@dataclass(frozen=True)
class Population:
    """The statistics of all rows, for an index of some of them: their number, mean length, and how many have a term."""

    rows: int
    mean_length: float
    frequency: Callable[[str], int]


@dataclass(frozen=True, kw_only=True)
class LexicalIndex(TermDictionary):
    """Postings in columns, ordered by term, then by row of the passage.

    `offsets[t]:offsets[t + 1]` are the postings of term `t`. `lengths` are the numbers of terms of each row; `sequence` holds the
    terms of all rows in order of their occurrence.

    `among` restricts postings and statistics to the rows of one group: the number of the group of each row, and that of the
    group. None stands for all rows. `population` replaces the statistics by those of more rows than these.
    """

    rows: NDArray[np.int32]
    counts: NDArray[np.int32]
    lengths: NDArray[np.int32]
    sequence: NDArray[np.int32]
    among: tuple[NDArray[np.uint8], int] | None = None
    population: Population | None = None

    @classmethod
    def build(cls, term_lists: Iterable[Sequence[str]]) -> "LexicalIndex":
        gathering = Gathering()
        for words in term_lists:
            gathering.add(words)
        return gathering.index()

    @cached_property
    def _rows(self) -> int:
        if self.population is not None:
            return self.population.rows
        return len(self.lengths) if self.among is None else int((self.among[0] == self.among[1]).sum())

    @cached_property
    def _mean_length(self) -> float:
        if self.population is not None:
            return self.population.mean_length
        lengths = self.lengths if self.among is None else self.lengths[self.among[0] == self.among[1]]
        return max(1e-9, float(lengths.mean())) if len(lengths) else 1.0

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """The offset of each row's terms in `sequence`, and the end of the last one's."""
        return np.concatenate([[0], np.cumsum(self.lengths, dtype=np.int64)])

    def document_frequency(self, term: str) -> int:
        if self.population is not None:
            return self.population.frequency(term)
        return super().document_frequency(term) if self.among is None else len(self.postings(term)[0])

    def postings(self, term: str) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The rows that have the term, ascending, and how often each has it; both empty for an unknown term."""
        number = self.number(term)
        part = slice(0, 0) if number is None else slice(int(self.offsets[number]), int(self.offsets[number + 1]))
        rows, counts = self.rows[part], self.counts[part]
        if self.among is None:
            return rows, counts
        groups, group = self.among
        here = groups[rows] == group
        return rows[here], counts[here]

    def idf(self, term: str) -> float:
        return idf_of(self.document_frequency(term), self._rows)

    def scores(self, query_terms: Sequence[str]) -> NDArray[np.float32]:
        """The BM25 score of every row, 0 if no term occurs; a term repeated in the query counts as often."""
        scores = np.zeros(len(self.lengths), dtype=np.float64)
        for term in sorted(query_terms):
            rows, counts = self.postings(term)
            if len(rows):
                norm = K1 * (1 - B + B * self.lengths[rows].astype(np.float64) / self._mean_length)
                scores[rows] += self.idf(term) * counts * (K1 + 1) / (counts + norm)
        return scores.astype(np.float32)

    def terms_in(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
        """The terms of the given rows in order, as columns: index into `rows`, position within the row, number of the term."""
        lengths = self.lengths[rows].astype(np.int64)
        owners = np.repeat(np.arange(len(rows)), lengths)
        positions = np.arange(len(owners)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return owners, positions, self.sequence[self.starts[rows][owners] + positions]

    def save(self, folder: Path, field: str) -> None:
        for column in COLUMNS:
            save_array(folder / f"{field}_{column}.npy", getattr(self, column))


def idf_of(frequency: int, rows: int) -> float:
    """ln(1 + (N - df + 0.5) / (df + 0.5)), Lucene's form, which is never negative."""
    return float(np.log1p((rows - frequency + 0.5) / (frequency + 0.5)))


class Gathering:
    """Collects the terms of passages, one passage at a time, for an index."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._flat, self._lengths = array("i"), array("i")

    def __len__(self) -> int:
        return len(self._lengths)

    def add(self, words: Sequence[str]) -> None:
        numbers = self._numbers
        self._flat.extend(numbers.setdefault(word, len(numbers)) for word in words)
        self._lengths.append(len(words))

    def index(self) -> LexicalIndex:
        words = sorted(self._numbers)
        sorted_numbers = np.empty(len(words), dtype=np.int32)
        sorted_numbers[[self._numbers[word] for word in words]] = np.arange(len(words), dtype=np.int32)
        sequence = sorted_numbers[np.frombuffer(self._flat, dtype=np.int32)] if self._flat else np.zeros(0, dtype=np.int32)
        lengths = np.array(self._lengths, dtype=np.int32)
        rows = max(1, len(lengths))
        pairs, counts = np.unique(
            sequence.astype(np.int64) * rows + np.repeat(np.arange(len(lengths), dtype=np.int64), lengths), return_counts=True
        )
        encoded = [word.encode("utf-8", "surrogatepass") for word in words]
        return LexicalIndex(
            words=np.frombuffer(b"".join(encoded), dtype=np.uint8),
            word_starts=np.cumsum([0, *map(len, encoded)], dtype=np.int64),
            offsets=np.searchsorted(pairs // rows, np.arange(len(words) + 1)).astype(np.int64),
            rows=(pairs % rows).astype(np.int32),
            counts=counts.astype(np.int32),
            lengths=lengths,
            sequence=sequence,
        )


def file_names(field: str) -> tuple[str, ...]:
    """The names of the files of a field's index."""
    return tuple(f"{field}_{column}.npy" for column in COLUMNS)


Part = tuple[Path, NDArray[np.int64]]
"""A folder with a saved index of some passages, and the new row of each of its rows, -1 if the passage is gone."""


def save_merged(parts: Sequence[Part], folder: Path, field: str) -> None:
    """Merges the parts into one saved index, a block of terms at a time.

    Every row must be in exactly one part. Equal rows give equal bytes, however they are divided into parts.
    """
    merging = [_Merging(LexicalIndex.load(saved, field), moved) for saved, moved in parts]
    frequencies = _save_words(merging, folder, field)
    save_array(folder / f"{field}_offsets.npy", np.concatenate([[0], np.cumsum(frequencies)]).astype(np.int64))
    rows = sum(int((moved >= 0).sum()) for _, moved in parts)
    with (
        GrowingArray(folder / f"{field}_rows.npy", np.int32) as all_rows,
        GrowingArray(folder / f"{field}_counts.npy", np.int32) as all_counts,
    ):
        for first, last in blocks(frequencies):
            postings = [part.postings(first, last) for part in merging]
            terms, places, counts = (np.concatenate(column) for column in zip(*postings, strict=True))
            order = np.argsort(terms * rows + places, kind="stable")
            all_rows.append(places[order])
            all_counts.append(counts[order])
    _save_sequence(merging, rows, folder, field)


class _Merging:
    """A part while it is merged. `terms` maps its terms to their new numbers, -1 if no row with the term is left."""

    def __init__(self, index: LexicalIndex, moved: NDArray[np.int64]) -> None:
        self.index, self.moved = index, moved
        self.terms = np.full(index.size, -1, dtype=np.int64)
        self.remaining = np.diff(index.offsets)  # rows of each term
        if (moved < 0).any():
            for first, last in blocks(self.remaining.copy()):
                alive = moved[index.rows[index.offsets[first] : index.offsets[last]]] >= 0
                starts = index.offsets[first:last] - index.offsets[first]
                self.remaining[first:last] = np.add.reduceat(alive.astype(np.int64), starts)

    def words(self, number: int) -> Iterator[tuple[bytes, int, int, int]]:
        """Yields the terms of remaining rows as (UTF-8, `number`, the term's number in this part, number of rows)."""
        for term, (word, rows) in enumerate(zip(self.index.vocabulary(), self.remaining.tolist(), strict=True)):
            if rows:
                yield word, number, term, rows

    @cached_property
    def _alive(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        numbers = np.flatnonzero(self.terms >= 0)
        return numbers, self.terms[numbers]

    def postings(self, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
        """Columns (term, row, count) for the new terms from `first` up to `last` (exclusive); terms are counted from `first`."""
        numbers, terms = self._alive
        low, high = np.searchsorted(terms, [first, last]).tolist()
        here = slice(int(numbers[low]), int(numbers[high - 1]) + 1) if low < high else slice(0, 0)
        offsets = self.index.offsets[here.start : here.stop + 1]
        slots = slice(int(offsets[0]), int(offsets[-1])) if len(offsets) else slice(0, 0)
        rows = self.moved[self.index.rows[slots]]
        alive = rows >= 0
        return np.repeat(self.terms[here] - first, np.diff(offsets))[alive], rows[alive], self.index.counts[slots][alive]


def _save_words(parts: Sequence[_Merging], folder: Path, field: str) -> NDArray[np.int64]:
    """Numbers and saves the terms of all parts in sorted order; returns the number of rows of each."""
    frequencies, ends, encoded = array("q"), array("q", [0]), bytearray()
    with GrowingArray(folder / f"{field}_words.npy", np.uint8) as words:
        for word, holders in groupby(merge(*(part.words(number) for number, part in enumerate(parts))), key=itemgetter(0)):
            total = 0
            for _, number, term, rows in holders:
                parts[number].terms[term] = len(frequencies)
                total += rows
            frequencies.append(total)
            ends.append(ends[-1] + len(word))
            encoded += word
            if len(encoded) >= BLOCK:
                words.append(np.frombuffer(bytes(encoded), dtype=np.uint8))
                encoded.clear()
        words.append(np.frombuffer(bytes(encoded), dtype=np.uint8))
    save_array(folder / f"{field}_word_starts.npy", np.array(ends, dtype=np.int64))
    return np.array(frequencies, dtype=np.int64)


def _save_sequence(parts: Sequence[_Merging], rows: int, folder: Path, field: str) -> None:
    """Saves the terms of all rows in order, and their numbers, copying runs of rows that are adjacent in one part."""
    owners, old_rows = np.zeros(rows, dtype=np.int32), np.zeros(rows, dtype=np.int64)
    lengths = np.zeros(rows, dtype=np.int32)
    for number, part in enumerate(parts):
        kept = np.flatnonzero(part.moved >= 0)
        new_rows = part.moved[kept]
        owners[new_rows], old_rows[new_rows], lengths[new_rows] = number, kept, part.index.lengths[kept]
    save_array(folder / f"{field}_lengths.npy", lengths)
    breaks = np.flatnonzero((np.diff(owners) != 0) | (np.diff(old_rows) != 1)) + 1
    with GrowingArray(folder / f"{field}_sequence.npy", np.int32) as sequence:
        for first, last in pairwise([0, *breaks.tolist(), rows] if rows else []):
            part = parts[owners[first]]
            start, end = int(part.index.starts[old_rows[first]]), int(part.index.starts[old_rows[last - 1] + 1])
            for block in range(start, end, BLOCK):
                sequence.append(part.terms[part.index.sequence[block : min(end, block + BLOCK)]])


def blocks(sizes: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yields ranges of terms with at most BLOCK postings each, or of a single term."""
    ends = np.cumsum(sizes)
    first, before = 0, 0
    while first < len(ends):
        last = max(first + 1, int(np.searchsorted(ends, before + BLOCK, side="right")))
        yield first, last
        first, before = last, int(ends[last - 1])
