"""Outcomes in words, a run as a CSV table, and the effect of other thresholds."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.evaluation.measures import relevance_of
from rag.evaluation.question_sets import Question
from rag.evaluation.runs import Outcome

SUCCESS_DEPTH = 5  # as in Success@5: a relevant document among the first 5 counts as right


def verdict(question: Question, outcome: Outcome) -> tuple[bool, str]:
    """Whether the outcome is right, and a description in words."""
    if question.unanswerable:
        return outcome.abstained, "rightly abstained" if outcome.abstained else "answered, but the documents do not answer it"
    if question.answers:
        right = outcome.right and not outcome.abstained
        return right, "right" if right else "abstained" if outcome.abstained else "wrong sentences"
    gold = relevance_of(question)
    first = next((rank for rank, name in enumerate(outcome.ranking or (), start=1) if gold.get(name, 0) > 0), None)
    return first is not None and first <= SUCCESS_DEPTH, f"retrieved at rank {first}" if first else "not retrieved"


def as_csv(questions: Sequence[Question], outcomes: Mapping[str, Outcome]) -> str:
    """One row per question: id, text, whether the outcome is right, its description, confidence, answer."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["id", "question", "right", "outcome", "confidence", "answer"])
    for question in questions:
        outcome = outcomes[question.id]
        right, words = verdict(question, outcome)
        cells = [question.id, question.text, int(right), words, outcome.confidence, outcome.answer.text]
        # A spreadsheet takes a cell that starts like this for a formula; an apostrophe makes it text.
        table.writerow(
            [f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t")) else cell for cell in cells]
        )
    return text.getvalue()


@dataclass(frozen=True)
class AtThreshold:
    """The effect of abstaining below `threshold`, as numbers of questions.

    `refused` are answerable questions without an answer, `answered` are unanswerable ones with an answer, `wrong` are all
    wrong answers.
    """

    threshold: float
    refused: int
    answered: int
    wrong: int


def thresholds(questions: Sequence[Question], outcomes: Mapping[str, Outcome]) -> list[AtThreshold]:
    """From 0 to 1 in steps of 0.01; empty if no question is known to be answerable or unanswerable."""
    known = [(outcomes[q.id], bool(q.unanswerable)) for q in questions if q.unanswerable or q.answers]
    answerable = sum(not unanswerable for _, unanswerable in known)
    effects = []
    for hundredth in range(101) if known else ():
        threshold = hundredth / 100
        given = [(outcome, unanswerable) for outcome, unanswerable in known if _answers_at(outcome, threshold)]
        answered = sum(unanswerable for _, unanswerable in given)
        wrong = sum(not outcome.right for outcome, _ in given)
        effects.append(AtThreshold(threshold, answerable - (len(given) - answered), answered, wrong))
    return effects


def _answers_at(outcome: Outcome, threshold: float) -> bool:
    return outcome.confidence >= threshold and not outcome.answer.abstained
