"""Which unlabelled questions of a set to judge next, so that a guarantee about strong answers takes few labels.

Only strong answers count for the guarantee, so the questions whose answers would be strong come first. Among these the choice
must not favour any, or the guarantee would not hold: they are spread evenly over kinds of questions and over documents.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from rag.answering.confidence import default_calibration
from rag.conversation import Chat
from rag.errors import QuestionSetError
from rag.evaluation.guarantee import ALWAYS, GRID, NEVER
from rag.evaluation.question_sets import Question, QuestionSet
from rag.index.builds import Report
from rag.storage.files import sha256_json

MOST_ASKED = 500  # questions, some minutes; of more, always the same sample by hash
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class NextQuestion:
    """An unlabelled question with the confidence of its answer, and the document that would be cited first, if any."""

    question: Question
    confidence: float
    document: str

    @property
    def kind(self) -> tuple[str, str]:
        return str(self.question.metadata.get("kind", "")), self.document


def next_questions(questions: QuestionSet, chat: Chat, report: Report) -> list[NextQuestion]:
    """The unlabelled questions, those to judge first at the front. Raises QuestionSetError if there are none."""
    unlabelled = sorted((question for question in questions.questions if not question.labelled), key=_hash)[:MOST_ASKED]
    if not unlabelled:
        raise QuestionSetError(
            f"every question of {questions.name} is judged; add more to its queries.jsonl, or from those that got no answer with "
            "`rag unanswered to-set`"
        )
    calibration = default_calibration(chat.reader.identity, chat.embedder.identity.digest)
    asked = []
    for done, question in enumerate(unlabelled):
        report("asking", done, len(unlabelled))
        answer = chat.ask(question.text, history=question.history)
        looked_up = ALWAYS if answer.strength == "strong" else NEVER
        confidence = calibration.confidence(answer.signals) if answer.signals else looked_up
        asked.append(NextQuestion(question, confidence, answer.citations[0].document_id if answer.citations else ""))
    report("asking", len(unlabelled), len(unlabelled))
    return in_order(asked)


def in_order(asked: Sequence[NextQuestion]) -> list[NextQuestion]:
    """Questions whose answers would be strong, evenly spread; then the others, those nearest to the border first."""
    border = GRID[-1]
    strong = [question for question in asked if question.confidence >= border]
    others = [question for question in asked if question.confidence < border]
    strong.sort(key=lambda question: (question.kind, _hash(question.question)))
    others.sort(key=lambda question: (-question.confidence, _hash(question.question)))
    return [*spread(strong), *others]


def spread(items: Sequence[Item]) -> list[Item]:
    """All items, in an order of which every beginning is spread evenly over the sequence: van der Corput's, by reversed bits."""
    bits = max(1, (len(items) - 1).bit_length())
    rows = (int(f"{row:0{bits}b}"[::-1], 2) for row in range(2**bits))
    return [items[row] for row in rows if row < len(items)]


def _hash(question: Question) -> str:
    return sha256_json([question.text, [dict(turn) for turn in question.history]])
