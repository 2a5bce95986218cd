"""The comparison of two runs question by question, and the gate, which fails a run that is worse than a stored one."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import permutation_test

from rag.errors import QuestionSetError
from rag.evaluation.measures import SEED, bootstrap
from rag.evaluation.runs import Run

PERMUTATIONS = 9999  # the default of scipy.stats.permutation_test: p down to 0.0001
SIGNIFICANT = 0.05  # the customary level
LOWER_IS_BETTER = frozenset({"false_answers", "false_abstentions", "strong_false_answers"})
NEITHER = frozenset({"answered", "sentences_shown", "characters_shown"})
"""Measures that are reported, but for which neither more nor less is better."""
GATED = ("nDCG@10", "Success@5", "hit", "first_hit", "sentence_f1", "false_answers", "false_abstentions")
SUMMED = {"nDCG@10": 1, "first_hit": 1, "hit": 1, "sentence_f1": 1, "false_answers": -1}
"""Measures whose changes add up to the change of a question, with their signs."""


@dataclass(frozen=True)
class Difference:
    """A measure of a new and an old run, over the questions that both have.

    `p` is the two-sided p-value of a paired permutation test (random signs of the differences; exact for few questions),
    `interval` the 95% bootstrap interval of the mean difference. Wins are questions that improved.
    """

    measure: str
    old: float
    new: float
    difference: float
    p: float
    interval: tuple[float, float]
    wins: int
    losses: int
    ties: int

    @property
    def worse(self) -> bool:
        """Significantly worse: by the test, and by an interval that excludes 0."""
        sign = -1 if self.measure in LOWER_IS_BETTER else 1
        bound = self.interval[1] if sign > 0 else -self.interval[0]
        return self.measure not in NEITHER and sign * self.difference < 0 and self.p < SIGNIFICANT and bound < 0


def compare(new: Run, old: Run) -> list[Difference]:
    """All measures that both runs have. Raises QuestionSetError if they share no question."""
    differences = []
    for measure, values in new.values.items():
        shared = sorted(values.keys() & old.values.get(measure, {}).keys())
        if shared:
            after = np.array([values[id] for id in shared])
            before = np.array([old.values[measure][id] for id in shared])
            differences.append(_difference(measure, after, before))
    if not differences:
        raise QuestionSetError(f"{new.name} and {old.name} share no question; compare runs of the same set")
    return differences


def _difference(measure: str, new: NDArray[Any], old: NDArray[Any]) -> Difference:
    changed = new - old
    low, high = bootstrap(changed, np.mean)
    better = -changed if measure in LOWER_IS_BETTER else changed
    return Difference(
        measure=measure,
        old=float(old.mean()),
        new=float(new.mean()),
        difference=float(changed.mean()),
        p=_paired_p(changed),
        interval=(low, high),
        wins=int((better > 0).sum()),
        losses=int((better < 0).sum()),
        ties=int((changed == 0).sum()),
    )


def _paired_p(changed: NDArray[Any]) -> float:
    moved = changed[changed != 0]
    if len(moved) < 2:
        return 1.0  # with one difference, either sign is as likely
    tested = permutation_test(
        (moved, np.zeros_like(moved)),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=PERMUTATIONS,
        rng=np.random.default_rng(SEED),
    )
    return float(tested.pvalue)


def most_changed(new: Run, old: Run, *, number: int = 10) -> list[tuple[str, float]]:
    """Ids of the questions whose measures changed most, with the sum of the changes; among equals, losses first, then by id."""
    totals: dict[str, float] = {}
    for measure, sign in SUMMED.items():
        before = old.values.get(measure, {})
        for id, value in new.values.get(measure, {}).items():
            if id in before:
                totals[id] = totals.get(id, 0.0) + sign * (value - before[id])
    changed = [(id, total) for id, total in totals.items() if abs(total) > 1e-9]
    return sorted(changed, key=lambda item: (-abs(item[1]), item[1], item[0]))[:number]


def gate(new: Run, stored: Run) -> list[Difference]:
    """The gated measures in which the new run is significantly worse than the stored one; the gate passes if there are none."""
    return [difference for difference in compare(new, stored) if difference.measure in GATED and difference.worse]
