"""What can be done with an answer: the buttons below it. A button's value is "act:turn:detail", which ask_tab.js takes apart."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from rag.answering.abstention import SMALL_TALK
from rag.records import Answer

FORMATS = (("md", "Markdown"), ("html", "Web page"), ("json", "Receipt, for rag verify"))


@dataclass(frozen=True)
class Shown:
    """How an answer appears in a conversation.

    It answers turn `number`, from 0; only `documents` were searched, all if empty. `stale` are the numbers of citations whose
    source has changed since; `judged` is the user's verdict, "" if none. Only the `latest` answer can be asked again and has
    `suggestions`.
    """

    number: int
    latest: bool = False
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
    """Buttons by their place. `small_talk` answers offer only `again`, `readings` and `related`."""

    query: Sequence[Button]
    readings: Sequence[Button]
    related: Sequence[Button]
    copy: Sequence[Button]
    save: Sequence[Button]
    again: Sequence[Button]
    helpful: Sequence[Button]
    feedback: Sequence[Button]
    small_talk: bool


def actions_of(answer: Answer, shown: Shown) -> Actions:
    turn, latest = shown.number, shown.latest
    return Actions(
        query=[Button(f"query:{turn}", "Change"), Button(f"written:{turn}", "Ask as written")] if latest else [],
        readings=_questions(answer.readings) if latest else [],
        related=_questions(shown.suggestions),
        copy=[Button(f"copy:{turn}", "Copy")],
        save=[Button(f"save:{turn}:{form}", label) for form, label in FORMATS],
        again=[Button(f"again:{turn}", "Ask again"), Button(f"edit:{turn}", "Edit question")] if latest else [],
        helpful=[] if answer.abstained else [Button(f"judge:{turn}:helpful", "Helpful")],
        feedback=_feedback(answer, turn),
        small_talk=answer.reason in SMALL_TALK or answer.reason == "empty_question",
    )


def _questions(questions: Iterable[str]) -> list[Button]:
    return [Button(f"ask:{question}", question) for question in questions]


def _feedback(answer: Answer, turn: int) -> list[Button]:
    choose, nothing = Button(f"choose:{turn}", "Choose the right sentence"), f"judge:{turn}:nothing"
    if answer.abstained:
        return [choose, Button(nothing, "Correct: the documents do not say")]
    return [choose, Button(f"judge:{turn}:wrong", "A sentence is wrong"), Button(nothing, "Should not have answered")]
