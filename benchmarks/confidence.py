"""Makes the calibration that comes with a reader, and prints the error rates of each threshold and band.

    python benchmarks/confidence.py SET... [--reader trained] [--others 60] [--limit N] [--check SET...] [--out FILE]

Each SET is the folder of a question set with a corpus of its own. Its corpus is asked the set's own questions, answerable or not,
and a sample of the other sets' questions, which are off its subject. The calibration is fitted to the SETs, written to --out, and
then applied to the --check sets, which it was not fitted to.
"""

import argparse
import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from rag.answering.confidence import SIGNALS, Calibration, save_calibration
from rag.config import Settings, load_settings
from rag.conversation import Chat
from rag.evaluation.calibration import FEWEST, Asked, asked_from, calibrate
from rag.evaluation.experiment import chat_for, evaluate
from rag.evaluation.question_sets import Question, QuestionSet, load_question_set
from rag.index.updating import Recipe
from rag.models.embedder import ModelEmbedder

NO_WEIGHTS = Calibration(0.0, (0.0,) * len(SIGNALS), 0.5, (), {}, {})
THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8)
KINDS = ("answerable", "near miss", "off subject")
Row = tuple[str, Asked]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--reader", default="trained", choices=("trained", "similarity"))
    parser.add_argument("--others", type=int, default=60, help="questions of the other sets that each set is asked")
    parser.add_argument("--limit", type=int, help="ask a fixed sample of this many of each set's own questions")
    parser.add_argument("--false-answers", type=float, default=0.15)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--check", nargs="*", type=Path, default=[])
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    settings = load_settings()
    settings = settings.model_copy(update={"answering": settings.answering.model_copy(update={"reader": arguments.reader})})
    embedder = ModelEmbedder(settings.embedding)
    loaded = [sampled(load_question_set(folder), arguments.limit, arguments.seed) for folder in arguments.sets]
    rows: list[Row] = []
    languages: Counter[str] = Counter()
    for questions in loaded:
        chat = chat_for(questions, settings, Recipe(embedder, settings.passages), lambda what, done, total: None)
        rows += asked_rows(questions, chat, off_subject(questions, loaded, arguments.others, arguments.seed))
        languages.update(chat.index().manifest.corpus.languages)
    calibration = calibrate(
        [asked for _, asked in rows],
        NO_WEIGHTS,
        false_answers=arguments.false_answers,
        made_with={"reader": chat.reader.identity, "model": embedder.identity.digest},
        about={
            "asked": "test questions on other texts, almost half of them without an answer there",
            "sets": [questions.name for questions in loaded],
            "languages": sorted(language for language, count in languages.items() if language and count >= FEWEST),
        },
    )
    print(calibration)
    print_thresholds(calibration, rows)
    if arguments.out:
        save_calibration(calibration, arguments.out)
    for folder in arguments.check:
        check(load_question_set(folder), settings, embedder, calibration)


def sampled(questions: QuestionSet, limit: int | None, seed: int) -> QuestionSet:
    """The same `limit` questions of a set each time, or all."""
    if limit is None or limit >= len(questions.questions):
        return questions
    return replace(questions, questions=tuple(random.Random(seed).sample(questions.questions, limit)))


def off_subject(questions: QuestionSet, loaded: list[QuestionSet], wanted: int, seed: int) -> list[Question]:
    """Questions of the other sets, which this set's corpus does not answer."""
    others = [
        Question(f"{other.name}/{q.id}", q.text, unanswerable=True)
        for other in loaded
        if other is not questions
        for q in other.questions
    ]
    return random.Random(seed).sample(others, min(wanted, len(others)))


def asked_rows(questions: QuestionSet, chat: Chat, others: list[Question]) -> list[Row]:
    mixed = replace(questions, questions=(*questions.questions, *others))
    evaluation = evaluate(mixed, chat)
    outcomes = evaluation.outcome_of
    own, off = asked_from(questions.questions, outcomes), asked_from(others, outcomes)
    right = np.mean([asked.right for asked in own if asked.answerable])
    print(f"{questions.name}: {len(own)} questions, right {right:.3f}", flush=True)
    print(json.dumps(evaluation.run.summary), flush=True)
    rows = [("answerable" if asked.answerable else "near miss", asked) for asked in own]
    return [*rows, *(("off subject", asked) for asked in off)]


def confidences_of(calibration: Calibration, rows: list[Row]) -> np.ndarray:
    return np.array([calibration.confidence(dict(zip(SIGNALS, asked.signals, strict=True))) for _, asked in rows])


def print_thresholds(calibration: Calibration, rows: list[Row]) -> None:
    kinds = np.array([kind for kind, _ in rows])
    confidences = confidences_of(calibration, rows)
    right = np.array([asked.right for _, asked in rows])
    print("threshold | " + " | ".join(f"{kind} answered" for kind in KINDS) + " | right among the answered")
    for threshold in THRESHOLDS:
        shown = confidences >= threshold
        shares = [f"{shown[kinds == kind].mean():.3f}" for kind in KINDS]
        print(f"{threshold:.2f} | {' | '.join(shares)} | {right[shown].mean() if shown.any() else 0:.3f}")


def check(questions: QuestionSet, settings: Settings, embedder: ModelEmbedder, calibration: Calibration) -> None:
    """Per band: the share of answerable questions in it, the share of right ones among these, the share of unanswerable ones."""
    chat = chat_for(questions, settings, Recipe(embedder, settings.passages), lambda what, done, total: None)
    rows = asked_rows(questions, chat, [])
    bands = [calibration.band(confidence) for confidence in confidences_of(calibration, rows).tolist()]
    answerable = np.array([asked.answerable for _, asked in rows])
    right = np.array([asked.right for _, asked in rows])
    for band in calibration.bands:
        inside = np.array([reached is band for reached in bands])
        shown = inside & answerable
        share_right = f"{right[shown].mean():.3f}" if shown.any() else "-"
        unanswerable = f"{inside[~answerable].mean():.3f}" if (~answerable).any() else "-"
        print(f"  {band.strength}: {inside[answerable].mean():.3f} of the answerable, {share_right} of these right;", end=" ")
        print(f"{unanswerable} of the unanswerable")


if __name__ == "__main__":
    main()
