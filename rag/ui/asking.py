"""Asking on the page: a question answered, saved in its conversation, and shown."""

from rag.accounts.conversations import SavedConversation, SavedTurn
from rag.accounts.users import User
from rag.errors import ConversationError
from rag.records import Answer
from rag.ui.asked_question import AskedQuestion, AskQuestion, StopQuestion, asked_question
from rag.ui.calls import Act, Acts, Reply
from rag.ui.conversation_view import turn_html, unsaved_turn_html
from rag.ui.room import Room


def ask_question(room: Room, user: User, request: AskQuestion) -> Reply:
    """The answered turn as HTML, with its conversation; or {"stopped": True} if it is no longer wanted, and nothing is saved.

    `turn` is its number, from 0, and `turns` how many the conversation has now. If the turn is not the last, or others came
    meanwhile, the page opens the conversation again.
    """
    store = room.conversations(user)
    asked = asked_question(request, store.load(request.conversation) if request.conversation else None)
    answer = room.answer(user, request.ticket, asked)
    if answer is None or room.stopped(user, request.ticket):
        return {"stopped": True}
    try:
        conversation = _save(room, user, asked, answer)
    except ConversationError as error:
        return {"conversation": "", "html": unsaved_turn_html(asked.text, answer, f"The answer was not saved: {error}")}
    number = asked.replaces.start if asked.replaces else len(conversation.turns) - 1
    return {
        "conversation": conversation.id,
        "title": conversation.title,
        "turn": number,
        "turns": len(conversation.turns),
        "html": turn_html(conversation, number, room.index()),
    }


def _save(room: Room, user: User, asked: AskedQuestion, answer: Answer) -> SavedConversation:
    """The conversation as it is now, with the answer. Raises ConversationError if it was deleted meanwhile."""
    store = room.conversations(user)
    model, reader = room.chat.embedder.identity.digest, room.chat.reader.identity
    turn = SavedTurn(asked.text, answer, model, reader, asked.documents)
    if asked.conversation is not None:
        return store.update(asked.conversation.id, lambda now: asked.answered(now, turn))
    conversation = store.new(asked.text).with_turn(turn)
    store.save(conversation)
    return conversation


def stop_question(room: Room, user: User, request: StopQuestion) -> Reply:
    room.stop(user, request.ticket)
    return {}


ASKING_ACTS: Acts[Room] = {"ask": Act(AskQuestion, ask_question), "stop": Act(StopQuestion, stop_question)}
