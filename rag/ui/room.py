"""What the parts of the Ask tab share: the queue of questions, which of them were stopped, and deleted conversations."""

import threading
import time
from collections import OrderedDict
from concurrent.futures import wait
from math import ceil
from typing import Any

from rag.accounts.conversations import Conversations, SavedConversation
from rag.accounts.users import User
from rag.errors import ConversationError, RagError, ServerBusy
from rag.index.contents import Index
from rag.question_queue import QuestionQueue
from rag.records import Answer
from rag.ui.asked_question import AskedQuestion

POLL_SECONDS = 0.05  # between two looks whether the answer is there or was stopped
MOST_KEPT = 50  # deleted conversations that can be brought back, and stopped questions, of all users together


class Room:
    """The Ask tab of all users. Thread-safe."""

    def __init__(self, questions: QuestionQueue) -> None:
        self.questions, self.chat = questions, questions.chat
        self._lock = threading.Lock()
        self._stopped: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._deleted: OrderedDict[tuple[str, str], SavedConversation] = OrderedDict()

    def conversations(self, user: User) -> Conversations:
        return Conversations(self.chat.settings.server.conversations, user)

    def index(self) -> Index | None:
        """The index, or None if there is none; conversations can be read without it."""
        try:
            return self.chat.index()
        except RagError:
            return None

    def answer(self, user: User, ticket: str, asked: AskedQuestion) -> Answer | None:
        """None if the question is stopped. Raises ServerBusy if the queue is full or the answer takes too long."""
        history = asked.before.history if asked.before else ()
        documents, seconds = list(asked.documents) or None, self.chat.settings.server.answer_seconds
        late = time.monotonic() + seconds
        answering = self.questions.ask(user.name, asked.text, history=history, documents=documents, query=asked.query)
        while not self.stopped(user, ticket):
            if not wait([answering], timeout=POLL_SECONDS).not_done:
                return answering.result()
            if time.monotonic() > late:
                answering.cancel()
                raise ServerBusy(f"the answer takes longer than {seconds:g} seconds", ceil(seconds))
        answering.cancel()
        return None

    def stop(self, user: User, ticket: str) -> None:
        """Nobody waits any longer for the answer to the question with this ticket."""
        with self._lock:
            self._stopped[user.name, ticket] = None
            _trim(self._stopped)

    def stopped(self, user: User, ticket: str) -> bool:
        with self._lock:
            return (user.name, ticket) in self._stopped

    def delete(self, user: User, id: str) -> None:
        """Deletes a conversation; until the server ends it can be brought back."""
        store = self.conversations(user)
        try:
            deleted = store.load(id)
        except ConversationError:  # it is gone, or was never readable
            deleted = None
        store.delete(id)
        if deleted is not None:
            with self._lock:
                self._deleted[user.name, id] = deleted
                _trim(self._deleted)

    def bring_back(self, user: User, id: str) -> None:
        """Raises ConversationError if this user has deleted no such conversation since the server started."""
        with self._lock:
            deleted = self._deleted.pop((user.name, id), None)
        if deleted is None:
            raise ConversationError("this conversation can no longer be brought back")
        self.conversations(user).save(deleted)


def _trim(kept: OrderedDict[tuple[str, str], Any]) -> None:
    while len(kept) > MOST_KEPT:
        kept.popitem(last=False)
