"""Asking on the page: the events that send a question, and the answer streamed into its conversation."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from math import ceil
from typing import Any, Literal

import gradio as gr
from pydantic import ValidationError

from rag.accounts.conversations import Conversations, SavedConversation, SavedTurn
from rag.accounts.users import User
from rag.errors import ConversationError, RagError, ServerBusy
from rag.question_queue import QuestionQueue
from rag.records import Answer
from rag.ui.asked_question import AskedQuestion, Desk, desk_from, offered_question, repeated_question, typed_question
from rag.ui.calls import Request
from rag.ui.conversation_view import (
    Messages,
    answer_message,
    conversation_messages,
    failed_message,
    pending_message,
    question_message,
)

POLL_SECONDS = 0.05  # between two looks whether the answer is there or was stopped

UserOf = Callable[[Any], User]
"""Who makes a request: events are given a gr.Request, server functions the request inside it, or None."""
Updates = Iterator[tuple[Any, Any, Any]]
"""New values of the conversation, the question box and the desk."""
Plan = Callable[[SavedConversation | None, Desk], AskedQuestion]


class Again(Request):
    """An offered question ("ask" with its `text`), or the latest one, understood anew ("same") or as typed ("written")."""

    kind: Literal["ask", "same", "written"]
    text: str = ""


class Asking:
    """The event handlers of the Ask tab."""

    def __init__(self, questions: QuestionQueue, user_of: UserOf) -> None:
        self.questions, self.chat, self.user_of = questions, questions.chat, user_of
        self._stopped: set[str | None] = set()  # sessions that no longer wait for their answer

    def ask(self, question: object, desk: object, request: gr.Request) -> Updates:
        text = question.strip() if isinstance(question, str) else ""
        if text:
            yield from self._stream(lambda conversation, desk: typed_question(text, conversation, desk), desk, request)
        else:
            yield gr.skip(), gr.skip(), gr.skip()

    def ask_example(self, desk: object, event: gr.SelectData, request: gr.Request) -> Updates:
        yield from self.ask(event.value.get("text") if isinstance(event.value, dict) else "", desk, request)

    def ask_again(self, desk: object, event: gr.EventData, request: gr.Request) -> Updates:
        def plan(conversation: SavedConversation | None, desk: Desk) -> AskedQuestion:
            try:
                again = Again.model_validate(getattr(event, "_data", None))
            except ValidationError:
                raise ConversationError("the page sent an invalid request; reload it") from None
            if again.kind == "ask":
                return offered_question(again.text.strip(), conversation, desk)
            return repeated_question(conversation, desk, as_typed=again.kind == "written")

        yield from self._stream(plan, desk, request)

    def stop(self, request: gr.Request) -> None:
        """Stops waiting; the answer is dropped.

        Gradio's own way (`cancels`) would break the stream through which the next answer comes.
        """
        self._stopped.add(request.session_hash)

    def resume(self, desk: object, request: gr.Request) -> tuple[Any, Any]:
        """Shows the conversation that the desk names."""
        try:
            return self._messages(self._load(desk_from(desk), request)), gr.Textbox(value="", stop_btn=False)
        except ConversationError as error:
            return [failed_message(error)], gr.skip()

    def _stream(self, plan: Plan, value: object, request: gr.Request) -> Updates:
        desk = Desk()
        try:
            desk = desk_from(value)
            asked = plan(self._load(desk, request), desk)
        except RagError as error:
            yield [failed_message(error)], gr.skip(), _desk_value("", desk)
            return
        self._stopped.discard(request.session_hash)
        asked_so_far = [*self._messages(asked.before, latest=False), question_message(asked.text)]
        yield [*asked_so_far, pending_message()], gr.Textbox(value="", stop_btn=True), gr.skip()
        # What follows is one update, which ends the event: a question sent before the end might wait for ever (see page.py).
        done = gr.Textbox(stop_btn=False)
        try:
            answer = self._answer(asked, request)
        except RagError as error:
            yield [*asked_so_far, failed_message(error)], done, gr.skip()
            return
        if answer is None:
            yield self._messages(asked.conversation), done, gr.skip()
            return
        try:
            conversation = self._save(asked, answer, request)
        except ConversationError as error:
            unsaved = ConversationError(f"The answer was not saved: {error}")
            yield [*asked_so_far, answer_message(answer), failed_message(unsaved)], done, _desk_value("", desk)
            return
        yield self._messages(conversation), done, _desk_value(conversation.id, desk)

    def _answer(self, asked: AskedQuestion, request: gr.Request) -> Answer | None:
        """None if the user stopped waiting. Raises ServerBusy if the queue is full or the answer takes too long."""
        history = asked.before.history if asked.before else ()
        documents, seconds = list(asked.documents) or None, self.chat.settings.server.answer_seconds
        user, session, late = self.user_of(request).name, request.session_hash, time.monotonic() + seconds
        answering = self.questions.ask(user, asked.text, history=history, documents=documents, query=asked.query)
        while session not in self._stopped and wait([answering], timeout=POLL_SECONDS).not_done:
            if time.monotonic() > late:
                answering.cancel()
                raise ServerBusy(f"the answer takes longer than {seconds:g} seconds", ceil(seconds))
        if session in self._stopped:
            self._stopped.discard(session)
            answering.cancel()
            return None
        return answering.result()

    def _save(self, asked: AskedQuestion, answer: Answer, request: gr.Request) -> SavedConversation:
        """The conversation as it is now, with the answer. Raises ConversationError if it was deleted meanwhile."""
        store = self._store(request)
        model, reader = self.chat.embedder.identity.digest, self.chat.reader.identity
        turn = SavedTurn(asked.text, answer, model, reader, asked.documents)
        if asked.conversation is not None:
            return store.update(asked.conversation.id, lambda now: asked.answered(now, turn))
        conversation = store.new(asked.text).with_turn(turn)
        store.save(conversation)
        return conversation

    def _store(self, request: gr.Request) -> Conversations:
        return Conversations(self.chat.settings.server.conversations, self.user_of(request))

    def _load(self, desk: Desk, request: gr.Request) -> SavedConversation | None:
        return self._store(request).load(desk.conversation) if desk.conversation else None

    def _messages(self, conversation: SavedConversation | None, *, latest: bool = True) -> Messages:
        if conversation is None:
            return []
        try:
            index = self.chat.index()
        except RagError:  # a conversation can be read without an index
            index = None
        return conversation_messages(conversation, index, latest=latest)


def _desk_value(conversation: str, desk: Desk) -> str:
    """The desk after an answer: the choice of documents stays."""
    return Desk(conversation=conversation, documents=desk.documents).model_dump_json()
