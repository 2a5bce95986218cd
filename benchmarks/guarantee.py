"""How often a guarantee about strong answers is broken, and how many labels it takes.

    python benchmarks/guarantee.py SET... [--at-most 0.1 0.15] [--resplits 200] [--seed 7]

Each SET is the folder of a question set. Its questions are asked once, and the run is saved in the settings' folder of runs; the
latest run of the same set is used again. Everything else is drawn from the confidences and verdicts of that run.

Drawn: as many questions as the set has, with replacement. The share of wrong answers from any confidence up is that of the set,
so it is known exactly. Halves: a random half gives the guarantee, which is broken if the share in the whole set is higher. The
share in the other half is printed too, but is no fair test: what a lucky half lacks in mistakes, the other one has more of.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from rag.answering.confidence import default_calibration
from rag.config import load_settings
from rag.evaluation.guarantee import GRID, Judged, border_at, guaranteed_border, judged_from
from rag.evaluation.question_sets import load_question_set
from rag.evaluation.runs import Outcome, list_runs, load_outcomes, save_run
from rag.library import Library

CERTAINTY = 0.95
EVERY = 10  # labels between two numbers that are tried
POOL = 2  # times the size of the set: the unlabelled questions to choose from
Rule = Callable[[np.ndarray, np.random.Generator], np.ndarray]
RULES: dict[str, Rule] = {
    "at random": lambda confidences, random: random.permutation(len(confidences)),
    "--next (strong, evenly)": lambda confidences, random: np.lexsort((random.random(len(confidences)), confidences < GRID[-1])),
    "nearest the border": lambda confidences, random: np.lexsort((random.random(len(confidences)), abs(confidences - GRID[-1]))),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--at-most", nargs="+", type=float, default=[0.05, 0.1, 0.15, 0.2])
    parser.add_argument("--resplits", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    for folder in arguments.sets:
        judged = judged_of(folder)
        widest = border_at(GRID[-1], judged)
        print(f"\n{folder.name}: {len(judged)} questions, {widest.strong} from {GRID[-1]} up, {widest.wrong} of them wrong")
        for at_most in arguments.at_most:
            print_resplits(judged, at_most, arguments.resplits, arguments.seed)
        for at_most in arguments.at_most:
            print_labels(judged, at_most, arguments.resplits, arguments.seed)


def judged_of(folder: Path) -> list[Judged]:
    questions, library = load_question_set(folder), Library(load_settings())
    runs = library.settings.evaluation.runs
    outcomes: dict[str, Outcome]
    saved = [run for run in list_runs(runs) if run.signature["dataset_digest"] == questions.digest and run.summary["answers"]]
    if saved:
        run, outcomes = saved[-1], load_outcomes(runs, saved[-1].name)
    else:
        evaluation = library.evaluate(questions)
        run, outcomes = evaluation.run, evaluation.outcome_of
        save_run(runs, run, evaluation.outcomes)
    calibration = default_calibration(run.signature["reader"], run.signature["model"]["digest"])
    return judged_from([question for question in questions.questions if question.id in outcomes], outcomes, calibration)


def print_resplits(judged: Sequence[Judged], at_most: float, resplits: int, seed: int) -> None:
    random, size = np.random.default_rng(seed), len(judged)
    given, broken, covered, halves, broken_halves, above = 0, 0, 0.0, 0, 0, 0
    for _ in range(resplits):
        border = guaranteed_border([judged[n] for n in random.integers(0, size, size)], at_most=at_most, certainty=CERTAINTY)
        if border is not None:
            whole = border_at(border.lowest, judged)
            given, broken = given + 1, broken + (whole.wrong > at_most * whole.strong)
            covered += whole.strong / size
        order = random.permutation(size)
        border = guaranteed_border([judged[n] for n in order[: size // 2]], at_most=at_most, certainty=CERTAINTY)
        if border is not None:
            whole, rest = (border_at(border.lowest, part) for part in (judged, [judged[n] for n in order[size // 2 :]]))
            halves, broken_halves = halves + 1, broken_halves + (whole.wrong > at_most * whole.strong)
            above += rest.wrong > at_most * rest.strong
    coverage = f"{covered / given:.3f} of the questions strong" if given else "-"
    print(
        f"at most {at_most}: drawn: given {given}, broken {broken} of {resplits}, {coverage}; "
        f"halves: given {halves}, broken {broken_halves}, other half above {above}"
    )


def print_labels(judged: Sequence[Judged], at_most: float, resplits: int, seed: int) -> None:
    """The number of labels, fixed beforehand, with which half of the pools give a guarantee; and how many of these are broken."""
    random, size = np.random.default_rng(seed), POOL * len(judged)
    pools = [[judged[n] for n in random.integers(0, len(judged), size)] for _ in range(resplits)]
    told = []
    for name, rule in RULES.items():
        ordered = [[pool[n] for n in rule(np.array([q.confidence for q in pool]), random)] for pool in pools]
        labels, broken = labels_for_half(judged, ordered, at_most)
        told.append(f"{name} {f'{labels} (broken {broken} of {resplits})' if labels else f'more than {size}'}")
    print(f"labels for at most {at_most}: {'; '.join(told)}")


def labels_for_half(judged: Sequence[Judged], ordered: Sequence[Sequence[Judged]], at_most: float) -> tuple[int, int]:
    """(0, 0) if the pools do not suffice."""
    for labels in range(EVERY, len(ordered[0]) + 1, EVERY):
        borders = [guaranteed_border(pool[:labels], at_most=at_most, certainty=CERTAINTY) for pool in ordered]
        wholes = [border_at(border.lowest, judged) for border in borders if border is not None]
        if 2 * len(wholes) >= len(ordered):
            return labels, sum(whole.wrong > at_most * whole.strong for whole in wholes)
    return 0, 0


if __name__ == "__main__":
    main()
