"""What the browser holds between two questions, and the question that follows from it."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from rag.accounts.conversations import SavedConversation, SavedTurn
from rag.errors import ConversationError
from rag.ui.calls import Request, first_problem

LONGEST_QUESTION = 1_000  # characters
MOST_DOCUMENTS = 10_000  # that a question can be limited to

DocumentId = Annotated[str, Field(max_length=4_096)]  # characters: the longest path that Linux takes


class Desk(Request):
    """The state of the Ask tab.

    `mode` says what the question box is for: "" to ask, "edit" to replace the question of turn `turn`, "query" to replace the
    query that was searched for it. A question is limited to `documents`; to none of them if empty.
    """

    conversation: str = ""
    documents: list[DocumentId] = Field([], max_length=MOST_DOCUMENTS)
    mode: Literal["", "edit", "query"] = ""
    turn: int = Field(0, ge=0)


def desk_from(value: object) -> Desk:
    """The desk in the JSON that the browser sends. Raises ConversationError if it is malformed."""
    try:
        return Desk.model_validate_json(value if isinstance(value, str) else "{}")
    except ValidationError as error:
        raise ConversationError(f"the page sent an invalid request ({first_problem(error)}); reload it") from None


@dataclass(frozen=True)
class AskedQuestion:
    """A question to ask in a saved conversation, or in a new one if `conversation` is None.

    `query` is searched as it is, unless None. The answer takes the place of the turns that it `replaces`, else it is the last.
    """

    text: str
    conversation: SavedConversation | None
    documents: tuple[str, ...] = ()
    query: str | None = None
    replaces: range | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.text) <= LONGEST_QUESTION:
            raise ConversationError(f"a question has 1 to {LONGEST_QUESTION:,} characters; shorten it and ask again")

    @property
    def before(self) -> SavedConversation | None:
        """The conversation up to this question."""
        if self.conversation is None or self.replaces is None:
            return self.conversation
        return self.conversation.before(self.replaces.start)

    def answered(self, now: SavedConversation, turn: SavedTurn) -> SavedConversation:
        """`now`, which may have changed since the question was asked, with the answer; turns that came since are kept."""
        if self.replaces is None:
            return now.with_turn(turn)
        return replace(now, turns=(*now.turns[: self.replaces.start], turn, *now.turns[self.replaces.stop :]))


def typed_question(text: str, conversation: SavedConversation | None, desk: Desk) -> AskedQuestion:
    """What was typed into the question box: a new question, another wording of a question, or another query for it."""
    documents = tuple(desk.documents)
    if conversation is None or not desk.mode or desk.turn >= len(conversation.turns):
        return AskedQuestion(text, conversation, documents)
    replaces = range(desk.turn, len(conversation.turns))
    if desk.mode == "query":
        return AskedQuestion(conversation.turns[desk.turn].question, conversation, documents, text, replaces)
    return AskedQuestion(text, conversation, documents, None, replaces)


def offered_question(text: str, conversation: SavedConversation | None, desk: Desk) -> AskedQuestion:
    """A question that the page offered; a reading of the last question is searched exactly as it is."""
    readings = conversation.turns[-1].answer.readings if conversation and conversation.turns else ()
    return AskedQuestion(text, conversation, tuple(desk.documents), text if text in readings else None)


def repeated_question(conversation: SavedConversation | None, desk: Desk, *, as_typed: bool) -> AskedQuestion:
    """The latest question again; `as_typed` searches exactly its words. Raises ConversationError if there is none."""
    if conversation is None or not conversation.turns:
        raise ConversationError("there is no question to ask again yet")
    question, last = conversation.turns[-1].question, len(conversation.turns) - 1
    query = question if as_typed else None
    return AskedQuestion(question, conversation, tuple(desk.documents), query, range(last, last + 1))
