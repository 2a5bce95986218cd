"""What a question's outcome is called, the run as a table, and what another threshold would change."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.evaluation.measures import relevance_of
from rag.evaluation.question_sets import Question
from rag.evaluation.runs import Outcome


def verdict(question: Question, outcome: Outcome) -> tuple[bool, str]:
    """Whether it went right, and in words."""
    if question.unanswerable:
        return outcome.abstained, "rightly refused" if outcome.abstained else "answered, though nothing answers it"
    if question.answers:
        right = outcome.right and not outcome.abstained
        return right, "right" if right else "refused" if outcome.abstained else "wrong sentences"
    gold = relevance_of(question)
    first = next((rank for rank, name in enumerate(outcome.ranking or (), start=1) if gold.get(name, 0) > 0), None)
    return first is not None and first <= 5, f"found at {first}" if first else "not found"


def as_csv(questions: Sequence[Question], outcomes: Mapping[str, Outcome]) -> str:
    """A line a question: id, text, whether it went right, in words, confidence, answer."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["id", "question", "right", "outcome", "confidence", "answer"])
    for question in questions:
        outcome = outcomes[question.id]
        right, words = verdict(question, outcome)
        cells = [question.id, question.text, int(right), words, outcome.confidence, outcome.answer["text"]]
        # A spreadsheet takes what begins so for a formula; an apostrophe makes it text.
        table.writerow(
            [f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t")) else cell for cell in cells]
        )
    return text.getvalue()


@dataclass(frozen=True)
class AtThreshold:
    """What abstaining below `threshold` gives, in questions: the answerable `refused`, the unanswerable `answered`, and of all
    that are answered the `wrong`.
    """

    threshold: float
    refused: int
    answered: int
    wrong: int


def thresholds(questions: Sequence[Question], outcomes: Mapping[str, Outcome]) -> list[AtThreshold]:
    """From 0 to 1 in hundredths; empty where no question tells anything about abstaining."""
    telling = [(outcomes[q.id], bool(q.unanswerable)) for q in questions if q.unanswerable or q.answers]
    found = []
    for hundredth in range(101) if telling else ():
        threshold = hundredth / 100
        given = [(one, unanswerable) for one, unanswerable in telling if one.confidence >= threshold and one.answer["citations"]]
        answered = sum(unanswerable for _, unanswerable in given)
        answerable = sum(not unanswerable for _, unanswerable in telling)
        wrong = sum(not one.right for one, _ in given)
        found.append(AtThreshold(threshold, answerable - (len(given) - answered), answered, wrong))
    return found
