"""Where watched questions come from: saved conversations, and questions with a history such as those of judged sets."""

from collections.abc import Mapping, Sequence

from rag.accounts.conversations import SavedConversation, SavedTurn
from rag.answering.abstention import SMALL_TALK
from rag.conversation import Chat
from rag.followups.acts import act_of
from rag.review.watch_asking import kept_answer
from rag.review.watch_list import Watched, watched_question

NO_QUESTION = (*SMALL_TALK, "empty_question", "no_such_citation", "no_such_reading", "citation_gone", "nothing_more")


def watched_turn(turn: SavedTurn, *, first: bool) -> Watched | None:
    """The turn's question, with the answer that it got; None if it did not ask the documents anything, such as "tell me more".

    A follow-up, or a question with a search of its own, is watched as what was searched, and without that answer: asked by
    itself it may get another.
    """
    answer = turn.answer
    if answer.reason in NO_QUESTION or (not first and act_of(turn.question)):
        return None
    if answer.query.split() == turn.question.split() or (first and (answer.corrected or answer.parts)):
        return watched_question(turn.question, documents=turn.documents, answer=kept_answer(answer))
    if answer.parts:
        return watched_question(answer.query, documents=turn.documents)
    return watched_question(turn.question, query=answer.query, documents=turn.documents)


def watched_conversation(conversation: SavedConversation) -> list[Watched]:
    turns = (watched_turn(turn, first=number == 0) for number, turn in enumerate(conversation.turns))
    return [watched for watched in turns if watched is not None]


def watched_after(chat: Chat, question: str, history: Sequence[Mapping[str, str]]) -> Watched:
    """A question after earlier turns, as it is understood now. Raises WatchError for one that cannot be watched."""
    return watched_question(question, query=chat.understand(question, history).query if history else None)
