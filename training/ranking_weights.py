"""Learns how much retrieval and a like FAQ question count against the reader: PRIOR and SAME_QUESTION in composition.py.

    python -m training.ranking_weights observe SET... --out observations [--limit 400]
    python -m training.ranking_weights fit observations/qed.npz observations/faq.npz... [--report observations/held.npz...]

`observe` reads the best passages of each question of a set as answering does. For every sentence it keeps the log odds of the
reader, the retrieval score below the best, the likeness of its FAQ question, what it loses for the things named in the question
that it lacks (named_things.py), and whether it is a gold sentence. `fit` maximises the likelihood of the gold sentences, or of
"none" if none was read, under one softmax over all sentences read and "none". Only the ratios to the weight of the reader's log
odds change the order of sentences; they are printed. For every set, `fit` also prints how often the first sentence is right with
the fitted weights, with those of composition.py, and on a grid.
"""

import argparse
import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from rag.answering.composition import LIKE_QUESTION, PRIOR, SAME_QUESTION, likeness_of_question, weighed
from rag.answering.named_things import about_the_named
from rag.config import load_settings
from rag.conversation import Chat
from rag.evaluation.experiment import chat_for
from rag.evaluation.measures import meets
from rag.evaluation.question_sets import Question, load_question_set
from rag.index.updating import Recipe
from rag.models.embedder import ModelEmbedder
from rag.text.headings import is_back_matter
from rag.text.terms import terms

NEAREST_CERTAIN = 1e-6  # scores are kept this far from 0 and 1: composition's scores have six decimals
SEED = 7  # of the sample
GREATEST = 600.0  # exponent, so that no odds overflow
GRID = (0.5, 1.0, 1.5, 2.0, 3.0)
Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Observations:
    """One row per sentence: log odds of the reader, retrieval score below the best, FAQ likeness, log odds lost for things not
    named. `question` numbers the rows' questions from 0; `answerable` has one flag per question.
    """

    signals: Rows
    gold: NDArray[np.bool_]
    question: NDArray[np.int64]
    answerable: NDArray[np.bool_]


def observe(chat: Chat, questions: list[Question]) -> Observations:
    rows, gold, numbers = [], [], []
    for number, question in enumerate(questions):
        query = question.rewrite or question.text
        hits = [hit for hit in chat.search(query) if not is_back_matter(hit.passage.headings)][: chat.settings.answering.read]
        below = {hit.passage.id: hit.score - hits[0].score for hit in hits}
        read = chat.reader.read(query, [hit.passage for hit in hits])
        ranked = weighed(query, read, hits)
        named = about_the_named(query, ranked, chat.index())
        for scored, before_named, after_named in zip(read, ranked, named, strict=True):
            likeness = likeness_of_question(frozenset(terms(query)), scored.passage)
            before = sum(other.quotable for other in scored.passage.sentences[: scored.number])
            like = likeness / (1 + before / 2) if likeness >= LIKE_QUESTION else 0.0
            lost = _log_odds(after_named.score) - _log_odds(before_named.score)
            rows.append((_log_odds(scored.score), below[scored.passage.id], like, lost))
            gold.append(any(meets(span, scored.passage.document_id, scored.sentence.span) for span in question.answers))
            numbers.append(number)
    answerable = np.array([bool(question.answers) for question in questions], dtype=bool)
    return Observations(np.array(rows), np.array(gold, dtype=bool), np.array(numbers), answerable)


def _log_odds(score: float) -> float:
    score = min(max(score, NEAREST_CERTAIN), 1 - NEAREST_CERTAIN)
    return math.log(score / (1 - score))


def load(path: Path) -> Observations:
    with np.load(path) as arrays:
        return Observations(**{name: arrays[name] for name in arrays.files})


def loss(weights: Rows, sets: list[Observations]) -> float:
    """Mean over the sets of the mean negative log likelihood. `weights`: of the signals, then of "none"."""
    return float(np.mean([_losses(weights, observations).mean() for observations in sets]))


def _losses(weights: Rows, observations: Observations) -> Rows:
    count = len(observations.answerable)
    odds = np.exp(np.minimum(observations.signals @ weights[:-1], GREATEST))
    none = np.exp(min(weights[-1], GREATEST))
    total = np.bincount(observations.question, odds, count) + none
    right = np.bincount(observations.question, odds * observations.gold, count)
    losses: Rows = np.log(total) - np.log(np.where(right > 0, right, none))
    return losses


def fit(sets: list[Observations]) -> Rows:
    start = np.array([1.0, PRIOR, SAME_QUESTION, 1.0, 0.0])
    weights: Rows = minimize(loss, start, args=(sets,)).x
    return weights


def first_right(observations: Observations, prior: float, same: float) -> float:
    """The share of the answerable questions whose best sentence is gold; the earlier of equal ones counts as best."""
    logits = observations.signals @ np.array([1.0, prior, same, 1.0])
    right = []
    for number in np.flatnonzero(observations.answerable):
        inside = np.flatnonzero(observations.question == number)
        right.append(len(inside) > 0 and bool(observations.gold[inside[np.argmax(logits[inside])]]))
    return float(np.mean(right))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("observe", "fit"))
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--report", nargs="*", type=Path, default=[])
    parser.add_argument("--out", type=Path, default=Path("observations"))
    parser.add_argument("--limit", type=int)
    arguments = parser.parse_args()
    if arguments.what == "fit":
        print_fit(arguments.sets, arguments.report)
        return
    settings = load_settings()
    embedder = ModelEmbedder(settings.embedding)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for folder in arguments.sets:
        questions = load_question_set(folder)
        chat = chat_for(questions, settings, Recipe(embedder, settings.passages), lambda what, done, total: None)
        asked = list(questions.questions)
        if arguments.limit and arguments.limit < len(asked):
            asked = random.Random(SEED).sample(asked, arguments.limit)
        observations = observe(chat, [question for question in asked if question.answers or question.unanswerable])
        arrays: dict[str, Any] = dict(vars(observations))
        np.savez_compressed(arguments.out / f"{folder.parent.name}-{folder.name}.npz", **arrays)
        right = first_right(observations, PRIOR, SAME_QUESTION)
        print(f"{folder.name}: {len(observations.answerable)} questions, first right {right:.3f}", flush=True)


def print_fit(learnt_from: list[Path], report: list[Path]) -> None:
    sets = [load(path) for path in learnt_from]
    weights = fit(sets)
    prior, same = float(weights[1] / weights[0]), float(weights[2] / weights[0])
    print("weights of log odds, retrieval, FAQ likeness, things named, none:", np.round(weights, 3).tolist())
    print(f"loss {loss(weights, sets):.4f}")
    print(f"PRIOR {prior:.2f}, SAME_QUESTION {same:.2f}")
    choices = [(prior, same), (PRIOR, SAME_QUESTION), *((value, SAME_QUESTION) for value in GRID), (PRIOR, 0.0), (PRIOR, same)]
    print("set | " + " | ".join(f"{p:.2f}, {s:.2f}" for p, s in choices))
    for path in [*learnt_from, *report]:
        observations = load(path)
        print(path.stem, *(f"{first_right(observations, p, s):.3f}" for p, s in choices), sep=" | ")


if __name__ == "__main__":
    main()
