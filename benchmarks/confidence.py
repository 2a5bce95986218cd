"""Makes the calibration that comes with a reader, and says what each threshold costs.

    python benchmarks/confidence.py SET... [--reader trained] [--others 60] [--out FILE]

Each SET is a folder with a question set that brings its corpus. Every set is asked its own questions, answerable or not, and
some of the other sets', which are off its subject. With --out the calibration is written there.
"""

import argparse
import random
from dataclasses import replace
from pathlib import Path

import numpy as np

from rag.answering.confidence import SIGNALS, Calibration, save_calibration
from rag.config import load_settings
from rag.evaluation.calibration import Asked, asked_from, calibrate
from rag.evaluation.experiment import chat_for, evaluate
from rag.evaluation.question_sets import Question, load_question_set
from rag.index.updating import Recipe
from rag.models.embedder import ModelEmbedder

NO_WEIGHTS = Calibration(0.0, (0.0,) * len(SIGNALS), 0.5, (), {}, {})
THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--reader", default="trained", choices=("trained", "similarity"))
    parser.add_argument("--others", type=int, default=60, help="questions of the other sets that each set is asked")
    parser.add_argument("--false-answers", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    settings = load_settings()
    settings = settings.model_copy(update={"answering": settings.answering.model_copy(update={"reader": arguments.reader})})
    embedder = ModelEmbedder(settings.embedding)
    loaded = [load_question_set(folder) for folder in arguments.sets]
    rows: list[tuple[str, Asked]] = []
    for questions in loaded:
        chat = chat_for(questions, settings, Recipe(embedder, settings.passages), lambda what, done, total: None)
        others = [
            Question(f"{other.name}/{q.id}", q.text, unanswerable=True)
            for other in loaded
            if other is not questions
            for q in other.questions
        ]
        others = random.Random(arguments.seed).sample(others, min(arguments.others, len(others)))
        mixed = replace(questions, questions=(*questions.questions, *others))
        outcomes = evaluate(mixed, chat).outcomes
        found = {outcome.question_id: outcome for outcome in outcomes}
        own, off = asked_from(questions.questions, found), asked_from(others, found)
        rows += [("answerable" if one.answerable else "near miss", one) for one in own] + [("off subject", one) for one in off]
        answerable = [one for one in own if one.answerable]
        print(f"{questions.name}: {len(own)} questions, right {np.mean([one.right for one in answerable]):.3f}", flush=True)
    kinds = np.array([kind for kind, _ in rows])
    asked = [one for _, one in rows]
    made = calibrate(
        asked,
        NO_WEIGHTS,
        false_answers=arguments.false_answers,
        made_with={"reader": chat.reader.identity, "model": embedder.identity.digest},
        about={
            "asked": "public test questions, nearly half of them made to mislead",
            "sets": [questions.name for questions in loaded],
        },
    )
    print(made)
    confidences = np.array([made.confidence(dict(zip(SIGNALS, one.signals, strict=True))) for one in asked])
    right = np.array([one.right for one in asked])
    print(
        "threshold | "
        + " | ".join(f"{kind} answered" for kind in ("answerable", "near miss", "off subject"))
        + " | right among those answered"
    )
    for threshold in THRESHOLDS:
        shown = confidences >= threshold
        shares = [f"{shown[kinds == kind].mean():.3f}" for kind in ("answerable", "near miss", "off subject")]
        print(f"{threshold:.2f} | {' | '.join(shares)} | {right[shown].mean() if shown.any() else 0:.3f}")
    if arguments.out:
        save_calibration(made, arguments.out)


if __name__ == "__main__":
    main()
