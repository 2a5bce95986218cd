"""What can be done with an answer: its buttons. A button's value is "act:turn:detail", which answer_actions.js takes apart."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from rag.answering.abstention import SMALL_TALK
from rag.records import Answer
from rag.translations import t

FORMATS = (
    ("html", "Save as web page"),
    ("docx", "Save as Word document"),
    ("md", "Save as Markdown"),
    ("json", "Save the receipt"),
)


@dataclass(frozen=True)
class Shown:
    """How an answer appears in a conversation.

    It answers turn `number`, from 0; only `documents` were searched, all if empty. `stale` are the numbers of citations whose
    source has changed since; `judged` is the user's verdict, "" if none. Only the latest answer has `suggestions`, and the page
    shows only its buttons to ask again.
    """

    number: int
    documents: Sequence[str] = ()
    stale: Collection[int] = ()
    judged: str = ""
    suggestions: Sequence[str] = ()


@dataclass(frozen=True)
class Button:
    value: str
    label: str


@dataclass(frozen=True)
class Actions:
    """Buttons by their place. Small talk offers only `again` and `readings`."""

    readings: Sequence[Button]
    related: Sequence[Button]
    save: Sequence[Button]
    watch: Sequence[Button]
    again: Sequence[Button]
    helpful: Sequence[Button]
    feedback: Sequence[Button]
    small_talk: bool


def actions_of(answer: Answer, shown: Shown) -> Actions:
    turn = shown.number
    changed = answer.query.split() != answer.question.split()
    return Actions(
        readings=_questions(reading for reading in answer.readings if not _only_adds_a_title(reading, answer.query)),
        related=_questions(shown.suggestions),
        save=[Button(f"save:{turn}:{form}", t(label)) for form, label in FORMATS],
        watch=[Button(f"watch:{turn}", t("Watch for an answer") if answer.abstained else t("Watch this answer"))],
        again=[
            Button(f"same:{turn}", t("Ask again")),
            Button(f"edit:{turn}", t("Edit the question")),
            *([Button(f"query:{turn}", t("Edit the search"))] if changed else []),
        ],
        helpful=[] if answer.abstained else [Button(f"judge:{turn}:helpful", t("Helpful"))],
        feedback=_feedback(answer, turn),
        small_talk=answer.reason in SMALL_TALK
        or answer.reason == "empty_question"
        or (answer.abstained and bool(answer.message)),
    )


def _only_adds_a_title(reading: str, query: str) -> bool:
    """Whether a reading is the query with a document's title behind it, which is no other sense of it."""
    return reading.startswith(f"{query.rstrip(' ?')} (")


def _questions(questions: Iterable[str]) -> list[Button]:
    return [Button(f"ask:{question}", question) for question in questions]


def _feedback(answer: Answer, turn: int) -> list[Button]:
    choose, nothing = Button(f"choose:{turn}", t("Show the right sentence")), f"judge:{turn}:nothing"
    if answer.abstained:
        return [choose, Button(nothing, t("Correct: the documents do not say"))]
    return [Button(f"judge:{turn}:wrong", t("A sentence is wrong")), Button(nothing, t("Should not have answered")), choose]
