"""The queue of questions: users take turns, equal questions are answered once, and answers are remembered for one index."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.conversation import Chat
from rag.errors import ServerBusy
from rag.question_queue import FairQueue, QuestionQueue
from rag.records import Answer
from tests.conftest import updated
from tests.serving import word_chat

CATS = "Are ferns toxic to cats?"


class Held:
    """A queue with one thread, which is busy until `go`; `started` are the names of the tasks run since, in order."""

    def __init__(self, waiting: int = 100) -> None:
        self.queue = FairQueue(1, waiting)
        self.started: list[str] = []
        self._go = threading.Event()
        self._first = self.queue.submit("holder", self._go.wait)
        until(lambda: self.queue.taken == 1 and not self.queue._waiting)

    def submit(self, user: str, name: str, key: str = "") -> "Future[Any]":
        def work() -> str:
            self.started.append(name)
            return name

        return self.queue.submit(user, work, key)

    def go(self) -> None:
        self._go.set()
        until(lambda: self.queue.taken == 0)
        self.queue.close()


def until(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("this did not happen within 30 seconds")


def test_users_take_turns() -> None:
    held = Held()
    for user, number in (("ann", 4), ("bob", 2), ("eve", 1)):
        for n in range(number):
            held.submit(user, f"{user}{n}")
    held.go()
    assert held.started == ["ann0", "bob0", "eve0", "ann1", "bob1", "ann2", "ann3"]


@given(st.lists(st.sampled_from("abc"), max_size=30))
def test_nobody_waits_for_more_than_one_task_of_each_other_user_per_task(users: list[str]) -> None:
    held = Held()
    for number, user in enumerate(users):
        held.submit(user, f"{user}{number}")
    held.go()
    assert sorted(held.started) == sorted(f"{user}{number}" for number, user in enumerate(users))
    order = [name[0] for name in held.started]
    for position, user in enumerate(order):
        before = order[:position]
        assert all(before.count(other) <= before.count(user) + 1 for other in set(before))


def test_equal_tasks_in_flight_are_run_once() -> None:
    held = Held()
    futures = [held.submit(user, "same", key="k") for user in ("ann", "bob", "ann")]
    futures.append(held.submit("ann", "other"))
    held.go()
    assert [future.result(30) for future in futures] == ["same", "same", "same", "other"]
    assert held.started == ["same", "other"]


def test_a_task_is_dropped_only_if_all_who_wait_for_it_cancel() -> None:
    held = Held()
    shared, alone = [held.submit(user, "shared", key="k") for user in ("ann", "bob")], held.submit("eve", "alone")
    shared[0].cancel()
    alone.cancel()
    assert held.queue.taken == 2
    held.go()
    assert held.started == ["shared"] and shared[1].result(30) == "shared"


def test_a_full_queue_refuses_the_user_who_fills_it_and_serves_the_others() -> None:
    held = Held(waiting=3)
    flood = [held.submit("ann", f"ann{n}") for n in range(3)]
    with pytest.raises(ServerBusy, match="4 questions are already running or waiting; try again in [0-9]+ seconds"):
        held.submit("ann", "ann3")
    other = held.submit("bob", "bob0")
    with pytest.raises(ServerBusy):
        flood[2].result(30)
    with pytest.raises(ServerBusy):  # both have their share
        held.submit("bob", "bob1")
    held.go()
    assert other.result(30) == "bob0" and held.started == ["ann0", "bob0", "ann1"]


def test_a_closed_queue_cancels_what_waits() -> None:
    held = Held()
    waiting = held.submit("ann", "never")
    held.queue.close()
    held._go.set()
    assert waiting.cancelled() and held.started == []
    with pytest.raises(ServerBusy, match="the server is stopping"):
        held.submit("ann", "late")


class CountingChat(Chat):
    asked = 0

    def ask(self, question: str, **named: Any) -> Answer:
        self.asked += 1
        return super().ask(question, **named)


@pytest.fixture
def questions(corpus: Path, tmp_path: Path) -> Iterator[QuestionQueue]:
    queue = QuestionQueue(word_chat(corpus, tmp_path, CountingChat))
    yield queue
    queue.close()


def asked(questions: QuestionQueue) -> int:
    assert isinstance(questions.chat, CountingChat)
    return questions.chat.asked


def test_an_equal_question_gets_the_same_answer_without_asking_again(questions: QuestionQueue) -> None:
    first, again = questions.ask("ann", CATS).result(30), questions.ask("bob", CATS).result(30)
    assert first is again and asked(questions) == 1
    for named in ({"documents": ["guide.md"]}, {"query": "ferns"}, {"history": [{"speaker": "user", "text": "Cats?"}]}):
        questions.ask("ann", CATS, **named).result(30)
    assert asked(questions) == 4


def test_answers_of_a_previous_index_are_forgotten(questions: QuestionQueue) -> None:
    settings = questions.chat.settings
    assert questions.ask("ann", CATS).result(30).citations
    (settings.corpus / "faq.txt").unlink()
    updated(settings.corpus, settings.index)
    assert "faq.txt" not in {citation.document_id for citation in questions.ask("ann", CATS).result(30).citations}
    assert len(questions._remembered._answers) == 1


def test_an_error_is_raised_to_everyone_and_not_remembered(questions: QuestionQueue) -> None:
    current = questions.chat.settings.index / "CURRENT"
    content = current.read_bytes()
    current.unlink()
    with pytest.raises(Exception, match="rag build"):
        questions.ask("ann", CATS).result(30)
    current.write_bytes(content)
    assert questions.ask("ann", CATS).result(30).citations


def test_searches_do_not_wait_for_answers(corpus: Path, tmp_path: Path) -> None:
    go = threading.Event()

    class SlowChat(Chat):
        def ask(self, question: str, **named: Any) -> Answer:
            go.wait(30)
            return super().ask(question, **named)

    questions = QuestionQueue(word_chat(corpus, tmp_path, SlowChat))
    answers = [questions.ask("ann", f"Question {number}?") for number in range(10)]
    assert questions.search("bob", "fern", k=3).result(30)
    assert not any(answer.done() for answer in answers)
    go.set()
    questions.close()
