"""Two runs side by side, question by question; and the gate that lets no run through that is worse than a stored one."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import permutation_test

from rag.errors import QuestionSetError
from rag.evaluation.measures import SEED, bootstrap
from rag.evaluation.runs import Run

PERMUTATIONS = 9999
SIGNIFICANT = 0.05
LOWER_IS_BETTER = frozenset({"false_answers", "false_abstentions"})
NEITHER = frozenset({"answered", "sentences_shown", "characters_shown"})
"""What is told, but is no better or worse when it is more."""
GATED = ("nDCG@10", "Success@5", "hit", "first_hit", "sentence_f1", "false_answers", "false_abstentions")


@dataclass(frozen=True)
class Difference:
    """A measure of the new run against that of the old one, over the questions that both have.

    `p` is the two-sided p of a paired permutation test (signs of the differences drawn at random, exact where there are
    few), `interval` the 95% bootstrap interval of the mean difference. Wins are questions that got better.
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
        """Significantly: by the test, and by an interval without 0."""
        sign = -1 if self.measure in LOWER_IS_BETTER else 1
        bound = self.interval[1] if sign > 0 else -self.interval[0]
        return self.measure not in NEITHER and sign * self.difference < 0 and self.p < SIGNIFICANT and bound < 0


def compare(new: Run, old: Run) -> list[Difference]:
    """All measures that both runs have. Raises QuestionSetError where they share no question."""
    found = []
    for measure, values in new.values.items():
        shared = sorted(values.keys() & old.values.get(measure, {}).keys())
        if shared:
            ours = np.array([values[name] for name in shared])
            theirs = np.array([old.values[measure][name] for name in shared])
            found.append(_difference(measure, ours, theirs))
    if not found:
        raise QuestionSetError(f"{new.name} and {old.name} share no question; compare runs of the same set")
    return found


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
    if not len(moved):
        return 1.0
    if len(moved) == 1:
        return 1.0  # either sign is as likely as the other
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
    """The questions whose measures changed most, summed over retrieval and answer, losses first among equals."""
    totals: dict[str, float] = {}
    for measure in ("nDCG@10", "first_hit", "hit", "sentence_f1"):
        for name, value in new.values.get(measure, {}).items():
            if name in old.values.get(measure, {}):
                totals[name] = totals.get(name, 0.0) + value - old.values[measure][name]
    for measure in ("false_answers",):
        for name, value in new.values.get(measure, {}).items():
            if name in old.values.get(measure, {}):
                totals[name] = totals.get(name, 0.0) - value + old.values[measure][name]
    changed = [(name, total) for name, total in totals.items() if abs(total) > 1e-9]
    return sorted(changed, key=lambda item: (-abs(item[1]), item[1], item[0]))[:number]


def gate(new: Run, stored: Run) -> list[Difference]:
    """The gated measures in which the new run is significantly worse than the stored one; none lets it through."""
    return [difference for difference in compare(new, stored) if difference.measure in GATED and difference.worse]
