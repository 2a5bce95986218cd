"""Questions of many users at once: users take turns, equal questions are answered once, and recent answers are remembered."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Any

from rag.answering.overview_answer import overview_of
from rag.conversation import Chat, History
from rag.errors import RagError, ServerBusy
from rag.records import Answer, Hit
from rag.storage.files import sha256_json

ANSWERS_REMEMBERED = 256  # some kB each
TYPICAL_SECONDS = 0.3  # of an answer, until one was measured
TO_RESTART = 5  # seconds, about what a start takes
SHARE_OF_LATEST = 0.1  # weight of the latest task in the moving mean of their durations


class QuestionQueue:
    """Asks and searches one chat. Safe to share between threads; `close` ends its threads.

    Searches have a thread of their own, so that they never wait for answers, which take ten times as long.
    """

    def __init__(self, chat: Chat, answered: Callable[[str, Answer], None] = lambda user, answer: None) -> None:
        """`answered` is called with the user and every answer from all documents; it must return at once."""
        self.chat = chat
        self._answered = answered
        settings = chat.settings.server
        self._asks = FairQueue(settings.workers, settings.waiting)
        self._searches = FairQueue(1, settings.waiting)
        self._remembered = RememberedAnswers()

    @property
    def taken(self) -> int:
        """Questions and searches that are running or waiting."""
        return self._asks.taken + self._searches.taken

    def ask(
        self, user: str, question: str, *, history: History = (), documents: Sequence[str] | None = None, **named: Any
    ) -> "Future[Answer]":
        """The future answer; `named` are further arguments of `Chat.ask`. Raises ServerBusy."""
        asked = self._asked(user, question, named | {"history": history, "documents": documents})
        if not documents:
            asked.add_done_callback(partial(self._told, user))
        return asked

    def _told(self, user: str, asked: "Future[Answer]") -> None:
        if not asked.cancelled() and asked.exception() is None:
            self._answered(user, asked.result())

    def _asked(self, user: str, question: str, named: Mapping[str, Any]) -> "Future[Answer]":
        state = self._state()
        key = sha256_json([state, question, named]) if state else ""
        answer = self._remembered.get(state, key)
        if answer is not None:
            done: Future[Answer] = Future()
            done.set_result(answer)
            return done
        return self._asks.submit(user, partial(self._answer, state, key, question, named), key)

    def search(self, user: str, query: str, *, k: int, documents: Sequence[str] | None = None) -> "Future[list[Hit]]":
        """The future hits. Raises ServerBusy."""
        return self._searches.submit(user, partial(self.chat.search, query, k=k, documents=documents))

    def overview(self, user: str, name: str, sentences: int) -> "Future[Answer]":
        """The future overview of a document or folder: see `overview_of`. Raises ServerBusy."""
        key = sha256_json(["overview", name, sentences])
        return self._asks.submit(user, lambda: overview_of(name, self.chat.index(), sentences), key)

    def close(self) -> None:
        """Drops what is waiting."""
        self._asks.close()
        self._searches.close()

    def _answer(self, state: str, key: str, question: str, named: Mapping[str, Any]) -> Answer:
        answer = self.chat.ask(question, **named)
        if state and state == self._state():  # otherwise another build may have answered
            self._remembered.put(state, key, answer)
        return answer

    def _state(self) -> str:
        """What answers depend on besides the question; the settings stay the same. Empty if nothing can be asked."""
        try:
            return f"{self.chat.index().digest} {self.chat.trouble} {self.chat.calibration()}"
        except RagError:
            return ""


class RememberedAnswers:
    """The latest answers, all from one state: with another state, every answer of the previous one is forgotten."""

    def __init__(self) -> None:
        self._state = ""
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, state: str, key: str) -> Answer | None:
        with self._lock:
            self._enter(state)
            if key in self._answers:
                self._answers.move_to_end(key)
            return self._answers.get(key)

    def put(self, state: str, key: str, answer: Answer) -> None:
        with self._lock:
            self._enter(state)
            self._answers[key] = answer
            if len(self._answers) > ANSWERS_REMEMBERED:
                self._answers.popitem(last=False)

    def _enter(self, state: str) -> None:
        if state != self._state:
            self._state = state
            self._answers.clear()


@dataclass(eq=False)
class _Task:
    """Work that a user waits for; others may wait for the same work."""

    user: str
    work: Callable[[], Any]
    key: str
    waiters: list["Future[Any]"] = field(default_factory=list)


class FairQueue:
    """Runs tasks on a few threads. Users take turns, so that nobody waits behind all tasks of another user.

    When the queue is full, the newest task of the user with the most waiting tasks is dropped, unless that is the user who
    asks for more.
    """

    def __init__(self, threads: int, waiting: int) -> None:
        self._threads, self._room = threads, threads + waiting
        self._waiting: OrderedDict[str, deque[_Task]] = OrderedDict()  # by user; the first user is next
        self._in_flight: dict[str, _Task] = {}  # by key
        self._running = 0
        self._mean = TYPICAL_SECONDS
        self._closed = False
        self._changed = threading.Condition()
        for number in range(threads):
            threading.Thread(target=self._work, name=f"questions-{number}", daemon=True).start()

    @property
    def taken(self) -> int:
        """Tasks that are running or waiting."""
        with self._changed:
            return self._taken()

    def submit(self, user: str, work: Callable[[], Any], key: str = "") -> "Future[Any]":
        """The future result of `work`, or of a running or waiting task with the same key, unless the key is empty.

        A task whose futures are all cancelled before it starts is never started. Raises ServerBusy if it is full or closed.
        """
        waiter: Future[Any] = Future()
        with self._changed:
            if self._closed:
                raise ServerBusy("the server is stopping", TO_RESTART)
            task = self._in_flight.get(key)
            if task is None:
                if self._taken() >= self._room:
                    self._make_room(user)
                task = _Task(user, work, key)
                self._waiting.setdefault(user, deque()).append(task)
                if key:
                    self._in_flight[key] = task
                self._changed.notify()
            task.waiters.append(waiter)
        waiter.add_done_callback(partial(self._cancelled, task))
        return waiter

    def close(self) -> None:
        """Ends the threads after their running tasks, and cancels what is waiting."""
        with self._changed:
            self._closed = True
            for task in [task for tasks in self._waiting.values() for task in tasks]:
                self._remove(task)
                for waiter in task.waiters:
                    waiter.cancel()
            self._changed.notify_all()

    def _taken(self) -> int:
        return self._running + sum(map(len, self._waiting.values()))

    def _make_room(self, user: str) -> None:
        """Drops a task of the user who has the most. Raises ServerBusy if that would not be fair."""
        seconds = ceil(self._taken() * self._mean / self._threads) + 1
        full = ServerBusy(f"{self._room} questions are already running or waiting", seconds)
        greedy = max(self._waiting, key=lambda name: (len(self._waiting[name]), name), default=user)
        if greedy == user or len(self._waiting[greedy]) <= len(self._waiting.get(user, ())) + 1:
            raise full
        dropped = self._waiting[greedy][-1]
        self._remove(dropped)
        _finish(dropped, error=full)

    def _remove(self, task: _Task) -> None:
        tasks = self._waiting[task.user]
        tasks.remove(task)
        if not tasks:
            del self._waiting[task.user]
        self._in_flight.pop(task.key, None)

    def _cancelled(self, task: _Task, waiter: "Future[Any]") -> None:
        """Removes a waiting task that nobody waits for any more; called when one of its futures is done."""
        with self._changed:
            if (
                waiter.cancelled()
                and all(other.cancelled() for other in task.waiters)
                and task in self._waiting.get(task.user, ())
            ):
                self._remove(task)

    def _work(self) -> None:
        while (task := self._next()) is not None:
            started, result, error = time.monotonic(), None, None
            try:
                result = task.work()
            except BaseException as raised:  # noqa: BLE001 - whoever waits gets it
                error = raised
            with self._changed:
                self._running -= 1
                self._mean += SHARE_OF_LATEST * (time.monotonic() - started - self._mean)
                self._in_flight.pop(task.key, None)
            _finish(task, result, error)

    def _next(self) -> _Task | None:
        """Waits for the next task of the user whose turn it is; None once the queue is closed."""
        with self._changed:
            while not self._closed:
                if not self._waiting:
                    self._changed.wait()
                    continue
                user, tasks = self._waiting.popitem(last=False)
                task = tasks.popleft()
                if tasks:
                    self._waiting[user] = tasks  # at the end: the others come first
                self._running += 1
                return task
            return None


def _finish(task: _Task, result: Any = None, error: BaseException | None = None) -> None:
    for waiter in task.waiters:
        if waiter.set_running_or_notify_cancel():
            if error is None:
                waiter.set_result(result)
            else:
                waiter.set_exception(error)
