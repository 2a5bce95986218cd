"""Statistics of terms that a search needs over all rows, when the postings themselves are in an engine.

For each field of a build and each term: the number of rows in each language, and the sum and the sum of squares of their BM25
weights. For the covariance of two terms, which these do not tell, the postings of a sample of rows. Up to SAMPLE rows, the
sample is all of them, and everything is exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.config import RetrievalSettings
from rag.index.build_files import HEADINGS, TERMS
from rag.index.entries import Entries
from rag.index.lexical import K1, B, LexicalIndex, Population, blocks
from rag.index.scoring import LanguagePart, Search, Spread, bm25_scores, spread_of
from rag.numeric import Vectors
from rag.storage.arrays import GrowingArray, map_array, save_array

SAMPLE = 2**17  # rows; 60 MB of postings. Their covariances kept .99 of the ten best hits in common with exact ones
FIELDS = (TERMS, HEADINGS)
_COLUMNS = ("starts", "groups", "sample_offsets", "sample_rows", "sample_counts", "sample_lengths")
_GROUP = np.dtype([("part", "<u1"), ("rows", "<i4"), ("sum", "<f8"), ("squares", "<f8")])  # one language of a term's rows
SAMPLED = "engine_sampled.npy"
FILES = (SAMPLED, *(f"engine_{field}_{column}.npy" for field in FIELDS for column in _COLUMNS))


def save_term_statistics(folder: Path, languages: NDArray[np.uint8], ids: NDArray[np.uint64]) -> None:
    """Writes the statistics of a build whose postings are in `folder`; `languages` are the numbers of the rows' languages."""
    sampled = sampled_rows(ids)
    save_array(folder / SAMPLED, sampled)
    for field in FIELDS:
        whole = LexicalIndex.load(folder, field)
        _save_groups(folder, field, whole, languages)
        _save_sample(folder, field, whole, sampled)


def sampled_rows(ids: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Ascending; those whose passages' ids lie below a bound, so that they depend on nothing but the passages."""
    if len(ids) <= SAMPLE:
        return np.arange(len(ids))
    return np.flatnonzero(ids < np.uint64(int(2**64 * (SAMPLE / len(ids)))))


def _save_groups(folder: Path, field: str, whole: LexicalIndex, languages: NDArray[np.uint8]) -> None:
    means = np.array([mean for _, mean in populations(whole.lengths, languages)])
    starts = [np.zeros(1, dtype=np.int64)]
    with GrowingArray(folder / f"engine_{field}_groups.npy", _GROUP) as groups:
        for first, last in blocks(np.diff(whole.offsets)):
            slots = slice(int(whole.offsets[first]), int(whole.offsets[last]))
            rows, counts = whole.rows[slots], whole.counts[slots]
            parts = languages[rows]
            weights = _saturated(counts, whole.lengths[rows], means[parts])
            terms = np.repeat(np.arange(last - first), np.diff(whole.offsets[first : last + 1]))
            keys, places = np.unique(terms * len(means) + parts, return_inverse=True)
            values = np.zeros(len(keys), dtype=_GROUP)
            values["part"], values["rows"] = keys % len(means), np.bincount(places, minlength=len(keys))
            values["sum"] = np.bincount(places, weights, len(keys))
            values["squares"] = np.bincount(places, weights * weights, len(keys))
            groups.append(values)
            starts.append(starts[-1][-1] + np.searchsorted(keys // len(means), np.arange(1, last - first + 1)))
    save_array(folder / f"engine_{field}_starts.npy", np.concatenate(starts))


def _save_sample(folder: Path, field: str, whole: LexicalIndex, sampled: NDArray[np.int64]) -> None:
    """The postings of the sampled rows, which are numbered from 0, under the term numbers of the build."""
    place = np.full(len(whole.lengths), -1, dtype=np.int32)
    place[sampled] = np.arange(len(sampled), dtype=np.int32)
    kept = [np.zeros(1, dtype=np.int64)]
    with (
        GrowingArray(folder / f"engine_{field}_sample_rows.npy", np.int32) as all_rows,
        GrowingArray(folder / f"engine_{field}_sample_counts.npy", np.int32) as all_counts,
    ):
        for first, last in blocks(np.diff(whole.offsets)):
            slots = slice(int(whole.offsets[first]), int(whole.offsets[last]))
            places = place[whole.rows[slots]]
            here = places >= 0
            all_rows.append(places[here])
            all_counts.append(whole.counts[slots][here])
            ends = np.concatenate([[0], np.cumsum(here)])[whole.offsets[first + 1 : last + 1] - whole.offsets[first]]
            kept.append(kept[-1][-1] + ends)
    save_array(folder / f"engine_{field}_sample_offsets.npy", np.concatenate(kept))
    save_array(folder / f"engine_{field}_sample_lengths.npy", whole.lengths[sampled])


def populations(lengths: NDArray[np.int32], languages: NDArray[np.uint8]) -> list[tuple[int, float]]:
    """The number of rows in each language and their mean length, as `LexicalIndex` has them."""
    numbers = range(int(languages.max()) + 1 if len(languages) else 1)
    chosen = [lengths[languages == number] for number in numbers] if len(numbers) > 1 else [lengths]
    return [(len(own), max(1e-9, float(own.mean())) if len(own) else 1.0) for own in chosen]


def _saturated(counts: NDArray[np.int32], lengths: NDArray[np.int32], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """The BM25 weights of terms that occur so often in rows of these lengths, without idf."""
    weights: NDArray[np.float64] = counts * (K1 + 1) / (counts + K1 * (1 - B + B * lengths / means))
    return weights


@dataclass(frozen=True)
class _Field:
    """The statistics of one field. `populations` are the number of rows and their mean length, by language."""

    sample: LexicalIndex
    starts: NDArray[np.int64]
    groups: NDArray[np.void]
    populations: Sequence[tuple[int, float]]

    def group(self, part: int, term: str) -> tuple[int, float, float]:
        """The number of rows of a language that have a term, the sum of their weights, and that of the squares."""
        number = self.sample.number(term)
        if number is not None:
            for group in self.groups[self.starts[number] : self.starts[number + 1]]:
                if group["part"] == part:
                    return int(group["rows"]), float(group["sum"]), float(group["squares"])
        return 0, 0.0, 0.0

    def population(self, part: int) -> Population:
        rows, mean = self.populations[part]
        return Population(rows, mean, partial(self._frequency, part))

    def _frequency(self, part: int, term: str) -> int:
        return self.group(part, term)[0]


@dataclass(frozen=True)
class TermStatistics:
    """The statistics of a build. `row_languages` are the numbers of its rows' languages in `languages`."""

    languages: Sequence[str]
    row_languages: NDArray[np.uint8]
    sampled: NDArray[np.int64]
    fields: dict[str, _Field]

    @classmethod
    def load(cls, folder: Path, entries: Entries, lengths: dict[str, NDArray[np.int32]]) -> "TermStatistics":
        """`lengths` are the numbers of terms of all rows, by field. Raises OSError or ValueError."""
        languages = entries.row_languages
        fields = {}
        for field in FIELDS:
            stored = {column: map_array(folder / f"engine_{field}_{column}.npy") for column in _COLUMNS}
            sample = LexicalIndex(
                words=map_array(folder / f"{field}_words.npy"),
                word_starts=map_array(folder / f"{field}_word_starts.npy"),
                offsets=stored["sample_offsets"],
                rows=stored["sample_rows"],
                counts=stored["sample_counts"],
                lengths=stored["sample_lengths"],
                sequence=np.zeros(0, dtype=np.int32),
            )
            fields[field] = _Field(sample, stored["starts"], stored["groups"], populations(lengths[field], languages))
        return cls(entries.languages, languages, map_array(folder / SAMPLED), fields)

    def parts(self, lexical: LexicalIndex, headings: LexicalIndex, rows: NDArray[np.int64]) -> tuple[LanguagePart, ...]:
        """The terms of some rows by language, with the statistics of all rows."""
        several = len(self.languages) > 1
        parts = []
        for number, language in enumerate(self.languages):
            among = (self.row_languages[rows], number) if several else None
            own = (
                replace(terms, among=among, population=self.fields[field].population(number))
                for field, terms in ((TERMS, lexical), (HEADINGS, headings))
            )
            parts.append(LanguagePart(language, *own))
        return tuple(parts)

    @cached_property
    def _sample(self) -> tuple[LanguagePart, ...]:
        return self.parts(self.fields[TERMS].sample, self.fields[HEADINGS].sample, self.sampled)

    def bm25_spread(self, search: Search, settings: RetrievalSettings) -> Spread:
        """Mean and standard deviation of the BM25 scores of all rows in the languages of a search."""
        scores = bm25_scores(self._sample, len(self.sampled), search, settings)
        compared = scores[np.isin(self.row_languages[self.sampled], list(search.words))]
        exact = len(self.sampled) == len(self.row_languages)
        return spread_of(compared) if exact else self._estimated(search, settings, compared)

    def _estimated(self, search: Search, settings: RetrievalSettings, sample: Vectors) -> Spread:
        """Sums over all rows, and the covariances of the sample, whose scores these are."""
        rows = sum(self.fields[TERMS].populations[part][0] for part in search.words)
        if not rows:
            return 0.0, 0.0
        mean, variance, sampled = 0.0, 0.0, 0.0
        for (field, part, term), factor in self._factors(search, settings).items():
            _, total, squares = self.fields[field].group(part, term)
            mean += factor * total / rows
            variance += factor**2 * (squares / rows - (total / rows) ** 2)
            sampled += factor**2 * self._sampled_variance(field, part, term, len(sample))
        covariances = float(sample.astype(np.float64).var()) - sampled if len(sample) else 0.0
        return mean, max(variance + covariances, variance / 4, 0.0) ** 0.5

    def _factors(self, search: Search, settings: RetrievalSettings) -> dict[tuple[str, int, str], float]:
        """What the weight of each field, language and term counts in the score."""
        factors: dict[tuple[str, int, str], float] = {}
        for lookup in search.lookups:
            for field, share in ((TERMS, 1.0), (HEADINGS, settings.headings_weight)) if lookup.part in search.words else ():
                for term in lookup.terms:
                    key = field, lookup.part, term
                    idf = self._sample_index(field, lookup.part).idf(term)
                    factors[key] = factors.get(key, 0.0) + lookup.weight * share * idf
        return factors

    def _sample_index(self, field: str, part: int) -> LexicalIndex:
        return self._sample[part].lexical if field == TERMS else self._sample[part].headings

    def _sampled_variance(self, field: str, part: int, term: str, rows: int) -> float:
        places, counts = self._sample_index(field, part).postings(term)
        if not rows or not len(places):
            return 0.0
        lengths, mean = self.fields[field].sample.lengths[places], self.fields[field].populations[part][1]
        weights = _saturated(counts, lengths, np.array(mean))
        return float((weights**2).sum() / rows - (weights.sum() / rows) ** 2)
