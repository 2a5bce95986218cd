"""The requests that ask a question, and the question that follows from each."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field

from rag.accounts.conversations import SavedConversation, SavedTurn
from rag.errors import ConversationError
from rag.ui.calls import Request

LONGEST_QUESTION = 1_000  # characters
MOST_DOCUMENTS = 10_000  # that a question can be limited to

DocumentId = Annotated[str, Field(max_length=4_096)]  # characters: the longest path that Linux takes
Ticket = Annotated[str, Field(max_length=64)]  # characters; the page makes a random one for each question


class AskQuestion(Request):
    """A question in a conversation, or in a new one if `conversation` is "".

    `kind` says what `text` is: a "new" question, one that the page "offered", the "edit" of the question of turn `turn`, or
    another "query" for it. "same" asks the latest question again, "written" also, searching exactly its words. The search is
    limited to `documents`; to none of them if empty. `ticket` identifies the question for `StopQuestion`.
    """

    conversation: str = ""
    kind: Literal["new", "offered", "edit", "query", "same", "written"] = "new"
    text: str = Field("", max_length=20_000)  # characters: far more than a question may have, so that its length is reported
    turn: int = Field(0, ge=0)
    documents: list[DocumentId] = Field([], max_length=MOST_DOCUMENTS)
    ticket: Ticket = ""


class StopQuestion(Request):
    """The answer to this question is no longer wanted."""

    ticket: Ticket


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


def asked_question(request: AskQuestion, conversation: SavedConversation | None) -> AskedQuestion:
    """The question that a request asks in its conversation. Raises ConversationError if there is none."""
    text, documents = request.text.strip(), tuple(request.documents)
    turns = conversation.turns if conversation else ()
    if request.kind in ("same", "written"):
        if not turns:
            raise ConversationError("there is no question to ask again yet")
        question, last = turns[-1].question, len(turns) - 1
        return AskedQuestion(question, conversation, documents, _query(question, request), range(last, last + 1))
    if request.kind in ("edit", "query") and request.turn < len(turns):
        replaces = range(request.turn, len(turns))
        question = turns[request.turn].question if request.kind == "query" else text
        return AskedQuestion(question, conversation, documents, _query(text, request), replaces)
    return AskedQuestion(text, conversation, documents, _query(text, request))


def _query(text: str, request: AskQuestion) -> str | None:
    """What is searched whatever the question is understood as. An offered question is complete, so it is searched as it is."""
    return text if request.kind in ("offered", "query", "written") else None
