"""Asking on the page: questions answered into conversations that change in the meantime."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rag.accounts.conversations import Conversations, SavedConversation
from rag.accounts.users import LOCAL, User
from rag.question_queue import QuestionQueue
from rag.ui.answer_acts import ANSWER_ACTS
from rag.ui.asking import ASKING_ACTS
from rag.ui.calls import Reply, answer_call
from rag.ui.conversation_acts import CONVERSATION_ACTS
from rag.ui.room import Room
from tests.serving import word_chat

REPOT, CATS, SEASON = "How often should I repot a fern?", "Are ferns toxic to cats?", "Is spring the best season?"
ACTS = {**ASKING_ACTS, **CONVERSATION_ACTS, **ANSWER_ACTS}


@pytest.fixture
def room(corpus: Path, tmp_path: Path) -> Room:
    return Room(QuestionQueue(word_chat(corpus, tmp_path)))


@pytest.fixture
def store(room: Room) -> Conversations:
    return room.conversations(LOCAL)


def call(room: Room, user: User = LOCAL, **payload: Any) -> Reply:
    return answer_call(ACTS, room, user, payload)


def ask(room: Room, text: str = "", conversation: str = "", **payload: Any) -> Reply:
    return call(room, do="ask", text=text, conversation=conversation, **payload)


def asked(room: Room, *questions: str) -> SavedConversation:
    """A conversation in which the questions were asked."""
    id = ""
    for question in questions:
        id = ask(room, question, id)["conversation"]
    return room.conversations(LOCAL).load(id)


def questions_of(conversation: SavedConversation) -> list[str]:
    return [turn.question for turn in conversation.turns]


@contextmanager
def held_answers(room: Room, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Semaphore, threading.Event]]:
    """While it lasts, answers begin (the semaphore counts them) but do not end before the event is set."""
    begun, release, answer = threading.Semaphore(0), threading.Event(), room.chat.ask

    def slowly(*arguments: Any, **named: Any) -> Any:
        begun.release()
        assert release.wait(30)
        return answer(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(room.chat, "ask", slowly)
        yield begun, release
        release.set()


def during(room: Room, monkeypatch: pytest.MonkeyPatch, change: Any, **payload: Any) -> Reply:
    """The reply to a question; `change` is called while it is being answered."""
    with ThreadPoolExecutor() as threads, held_answers(room, monkeypatch) as (begun, release):
        pending: Future[Reply] = threads.submit(lambda: ask(room, **payload))
        assert begun.acquire(timeout=30)
        change()
        release.set()
        return pending.result(30)


def test_a_question_starts_a_conversation_and_the_next_continues_it(room: Room) -> None:
    conversation = asked(room, REPOT, CATS)
    assert questions_of(conversation) == [REPOT, CATS]
    assert [turn.answer.citations[0].quote for turn in conversation.turns] == [
        "Repot a fern every two years.", "True ferns are safe for cats."
    ]  # fmt: skip


def test_the_reply_is_the_new_turn(room: Room) -> None:
    first = ask(room, REPOT)
    assert (first["turn"], first["turns"], first["title"]) == (0, 1, REPOT)
    assert "Repot a fern every two " in first["html"] and first["html"].count("<article") == 1
    second = ask(room, CATS, first["conversation"])
    assert (second["turn"], second["turns"]) == (1, 2)
    opened = call(room, do="open", id=first["conversation"])["html"]
    assert opened.count("<article") == 2 and "safe for" in opened


def test_a_rename_while_an_answer_is_pending_is_kept(room: Room, store: Conversations, monkeypatch: pytest.MonkeyPatch) -> None:
    id = asked(room, REPOT).id
    during(room, monkeypatch, lambda: store.rename(id, "Ferns"), text=CATS, conversation=id)
    assert store.load(id).title == "Ferns"
    assert questions_of(store.load(id)) == [REPOT, CATS]


def test_a_verdict_while_an_answer_is_pending_is_kept(room: Room, store: Conversations, monkeypatch: pytest.MonkeyPatch) -> None:
    id = asked(room, REPOT).id

    def judge() -> None:
        assert "message" in call(room, do="judge", conversation=id, turn=0, verdict="helpful")

    during(room, monkeypatch, judge, text=CATS, conversation=id)
    assert [turn.judged for turn in store.load(id).turns] == ["helpful", ""]
    assert "Marked as helpful" in call(room, do="open", id=id)["html"]


def test_a_conversation_deleted_while_an_answer_is_pending_stays_deleted(
    room: Room, store: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = asked(room, REPOT).id
    reply = during(room, monkeypatch, lambda: store.delete(id), text=CATS, conversation=id)
    assert store.find().conversations == ()
    assert reply["conversation"] == "" and "safe for" in reply["html"]
    assert "The answer was not saved: this conversation no longer exists" in reply["html"]


def test_two_pages_that_ask_in_one_conversation_lose_no_answer(
    room: Room, store: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = asked(room, REPOT).id
    replies: list[Reply] = []
    with ThreadPoolExecutor() as threads, held_answers(room, monkeypatch) as (begun, release):
        pending = [threads.submit(ask, room, question, id) for question in (CATS, SEASON)]
        assert begun.acquire(timeout=30) and begun.acquire(timeout=30)
        release.set()
        replies += [future.result(30) for future in pending]
    assert sorted(questions_of(store.load(id))) == sorted([REPOT, CATS, SEASON])
    assert sorted(reply["turn"] for reply in replies) == [1, 2]


def test_asking_again_replaces_the_last_turn_and_keeps_later_ones(
    room: Room, store: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = asked(room, REPOT, CATS).id
    answer = room.chat.ask

    def later() -> None:
        monkeypatch.setattr(room.chat, "ask", answer)
        ask(room, SEASON, id)

    reply = during(room, monkeypatch, later, kind="written", conversation=id)
    assert questions_of(store.load(id)) == [REPOT, CATS, SEASON]
    assert (reply["turn"], reply["turns"]) == (1, 3)


def test_an_edited_question_replaces_its_turn_and_those_after_it(room: Room, store: Conversations) -> None:
    id = asked(room, REPOT, CATS).id
    ask(room, SEASON, id, kind="edit", turn=0)
    assert questions_of(store.load(id)) == [SEASON]


def test_an_edited_query_is_searched_for_the_same_question(room: Room, store: Conversations) -> None:
    id = asked(room, REPOT).id
    ask(room, "ferns toxic cats", id, kind="query", turn=0)
    (turn,) = store.load(id).turns
    assert (turn.question, turn.answer.query) == (REPOT, "ferns toxic cats")
    ask(room, "", id, kind="written")
    (turn,) = store.load(id).turns
    assert (turn.question, turn.answer.query) == (REPOT, REPOT)


def test_an_offered_question_is_searched_as_it_is(room: Room, store: Conversations) -> None:
    id = asked(room, CATS).id
    ask(room, "How often should I repot it?", id, kind="offered")
    assert store.load(id).turns[1].answer.query == "How often should I repot it?"


def test_a_stopped_question_changes_nothing(room: Room, store: Conversations, monkeypatch: pytest.MonkeyPatch) -> None:
    conversation = asked(room, REPOT)
    arguments = {"conversation": conversation.id, "kind": "edit", "turn": 0, "ticket": "t1"}
    stopped = during(room, monkeypatch, lambda: call(room, do="stop", ticket="t1"), text=CATS, **arguments)
    assert stopped == {"stopped": True}
    assert store.load(conversation.id) == conversation


def test_one_user_cannot_stop_the_question_of_another(room: Room, store: Conversations) -> None:
    call(room, User("ann", "reader"), do="stop", ticket="t1")
    assert "html" in ask(room, REPOT, ticket="t1")
    call(room, do="stop", ticket="t1")
    assert ask(room, REPOT, ticket="t1") == {"stopped": True}


def test_an_answer_that_takes_too_long_is_given_up(room: Room, store: Conversations, monkeypatch: pytest.MonkeyPatch) -> None:
    server = room.chat.settings.server.model_copy(update={"answer_seconds": 0.2})
    with held_answers(room, monkeypatch):
        monkeypatch.setattr(room.chat, "settings", room.chat.settings.model_copy(update={"server": server}))
        assert "takes longer than 0.2 seconds" in ask(room, REPOT)["error"]
    assert store.find().conversations == ()


@pytest.mark.parametrize(
    "payload",
    [{}, {"text": "  "}, {"text": 7}, {"text": "x" * 1_001}, {"kind": "x"}, {"kind": "same"}, {"kind": "written"}, {"turn": -1},
     {"documents": 7}, {"documents": [1]}, {"text": REPOT, "conversation": "../../x"}, {"text": REPOT, "conversation": "0" * 16}],
)  # fmt: skip
def test_odd_questions_are_refused_and_save_nothing(payload: Any, room: Room, store: Conversations) -> None:
    assert call(room, do="ask", **payload).keys() == {"error"}
    assert store.find().conversations == ()


def test_a_deleted_conversation_can_be_brought_back_by_its_user_only(room: Room, store: Conversations) -> None:
    conversation = asked(room, REPOT, CATS)
    assert call(room, do="delete", id=conversation.id) == {}
    assert store.find().conversations == ()
    assert "error" in call(room, User("ann", "reader"), do="bring back", id=conversation.id)
    assert call(room, do="bring back", id=conversation.id) == {}
    assert store.load(conversation.id).turns == conversation.turns
    assert "can no longer be brought back" in call(room, do="bring back", id=conversation.id)["error"]


def test_the_empty_page_offers_questions_of_the_documents(room: Room) -> None:
    html = call(room, do="open")["html"]
    assert "Ask your 2 documents." in html and f'value="ask:{REPOT}"' in html


def test_conversations_are_listed_by_day_and_pinned_ones_first(room: Room) -> None:
    first, second = asked(room, REPOT), asked(room, CATS)
    html = call(room, do="list", pinned=[first.id], conversation=second.id)["html"]
    assert html.index("Pinned") < html.index(REPOT) < html.index("Today") < html.index(CATS)
    assert "No conversation contains this." in call(room, do="list", words="zebra")["html"]


def test_a_long_text_finds_similar_passages(room: Room) -> None:
    text = "Notes on plants. " * 200 + "Repot a fern every two years."
    html = call(room, do="similar", text=text)["html"]
    assert "Passages similar to your text" in html and 'class="card"' in html
