"""Chooses the units that together cover the most concepts by weight.

Weighted maximum coverage (Gillick and Favre 2009, "A scalable global model for summarization") by the greedy rule for monotone
submodular functions, with the gain of a unit scaled by its length (Lin and Bilmes 2010, "Multi-document summarization via
budgeted maximization of submodular functions"). Without that scaling, and with units of one sentence each, the weight covered
is at least 1 - 1/e of the best possible.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LENGTH_EXPONENT = 0.6  # of the length by which a gain is divided: see benchmarks/README.md


@dataclass(frozen=True, slots=True)
class Unit:
    """What is chosen together: sentences by id, of one group; `concepts` are those of all its sentences."""

    sentences: tuple[int, ...]
    concepts: frozenset[int]
    group: int = 0


def choose(
    units: Sequence[Unit],
    weights: Sequence[int],
    lengths: Mapping[int, int],
    budget: int,
    *,
    exponent: float = LENGTH_EXPONENT,
) -> list[int]:
    """The rows of the chosen units, ascending; together they have at most `budget` different sentences.

    `weights` are those of the concepts, `lengths` those of the sentences, in words. Each group gets a unit before any gets a
    second one, as far as the budget goes. Ties go to the earlier unit. A unit that adds nothing is chosen only for its group.
    """
    choice = _Choice(units, weights, lengths, exponent)
    groups = {unit.group for unit in units}
    while groups and budget > 0:
        most = max(1, budget - len(groups) + 1)  # so that every other group can still get a sentence
        row = choice.best(most, groups)
        if row is None:
            break
        budget -= choice.take(row)
        groups.discard(units[row].group)
    while budget > 0 and (row := choice.best(budget)) is not None and choice.gains[row] > 0:
        budget -= choice.take(row)
    return sorted(choice.taken)


class _Choice:
    """The units taken so far, and what each other unit would add."""

    def __init__(self, units: Sequence[Unit], weights: Sequence[int], lengths: Mapping[int, int], exponent: float) -> None:
        self.units, self.weights, self.lengths, self.exponent = units, weights, lengths, exponent
        self.gains = [sum(weights[concept] for concept in unit.concepts) for unit in units]
        self.missing = [len(unit.sentences) for unit in units]
        self.words = [sum(lengths[sentence] for sentence in unit.sentences) for unit in units]
        self.taken: set[int] = set()
        self._covered: set[int] = set()
        self._shown: set[int] = set()
        self._with_concept: dict[int, list[int]] = defaultdict(list)
        self._with_sentence: dict[int, list[int]] = defaultdict(list)
        for row, unit in enumerate(units):
            for concept in unit.concepts:
                self._with_concept[concept].append(row)
            for sentence in unit.sentences:
                self._with_sentence[sentence].append(row)

    def best(self, most: int, groups: set[int] | None = None) -> int | None:
        """The unit of one of the groups with the largest gain for its length that adds at most `most` sentences."""
        rows = (
            row
            for row, unit in enumerate(self.units)
            if row not in self.taken and self.missing[row] <= most and (groups is None or unit.group in groups)
        )
        return max(rows, key=lambda row: (self.gains[row] / max(1, self.words[row]) ** self.exponent, -row), default=None)

    def take(self, row: int) -> int:
        """Adds a unit and returns the number of its sentences that were not there yet."""
        self.taken.add(row)
        added = set(self.units[row].sentences) - self._shown
        for sentence in added:
            for other in self._with_sentence[sentence]:
                self.missing[other] -= 1
                self.words[other] -= self.lengths[sentence]
        for concept in self.units[row].concepts - self._covered:
            for other in self._with_concept[concept]:
                self.gains[other] -= self.weights[concept]
        self._shown |= added
        self._covered |= self.units[row].concepts
        return len(added)
