"""Asking on the page: answers streamed into conversations that change in the meantime."""

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rag.accounts.conversations import Conversations, SavedConversation
from rag.accounts.users import LOCAL
from rag.conversation import Chat
from rag.question_queue import QuestionQueue
from rag.ui.answer_acts import ANSWER_ACTS
from rag.ui.asked_question import Desk
from rag.ui.asking import Asking
from rag.ui.calls import answer_call
from tests.serving import word_chat

REPOT, CATS, SEASON = "How often should I repot a fern?", "Are ferns toxic to cats?", "Is spring the best season?"


@pytest.fixture
def chat(corpus: Path, tmp_path: Path) -> Chat:
    return word_chat(corpus, tmp_path)


@pytest.fixture
def asking(chat: Chat) -> Asking:
    return Asking(QuestionQueue(chat), lambda _: LOCAL)


@pytest.fixture
def store(chat: Chat) -> Conversations:
    return Conversations(chat.settings.server.conversations, LOCAL)


def desk(conversation: SavedConversation, **values: Any) -> str:
    return Desk(conversation=conversation.id, **values).model_dump_json()


def session(name: str = "a") -> Any:
    """A request of one open page."""
    return SimpleNamespace(session_hash=name)


def event_of(data: Any) -> Any:
    return SimpleNamespace(_data=data)


def finished(updates: Iterator[tuple[Any, Any, Any]]) -> tuple[Any, Any, Any]:
    """The last update."""
    return list(updates)[-1]


def asked(asking: Asking, store: Conversations, *questions: str) -> SavedConversation:
    """A conversation in which the questions were asked."""
    value = "{}"
    for question in questions:
        value = finished(asking.ask(question, value, session()))[2]
    return store.load(Desk.model_validate_json(value).conversation)


def questions_of(conversation: SavedConversation) -> list[str]:
    return [turn.question for turn in conversation.turns]


def test_a_question_starts_a_conversation_and_the_next_continues_it(asking: Asking, store: Conversations) -> None:
    conversation = asked(asking, store, REPOT, CATS)
    assert questions_of(conversation) == [REPOT, CATS]
    assert [turn.answer.citations[0].quote for turn in conversation.turns] == [
        "Repot a fern every two years.", "True ferns are safe for cats."
    ]  # fmt: skip


def test_what_is_shown_while_waiting_and_after(asking: Asking) -> None:
    waiting, done = list(asking.ask(REPOT, "{}", session()))
    assert [message["role"] for message in waiting[0]] == ["user", "assistant"]
    assert "pending" in waiting[0][1]["content"] and waiting[1].stop_btn is True
    assert "Repot a fern every two " in done[0][1]["content"] and done[1].stop_btn is False


def test_a_rename_while_an_answer_is_pending_is_kept(asking: Asking, store: Conversations) -> None:
    conversation = asked(asking, store, REPOT)
    pending = asking.ask(CATS, desk(conversation), session())
    next(pending)
    store.rename(conversation.id, "Ferns")
    finished(pending)
    assert store.load(conversation.id).title == "Ferns"
    assert questions_of(store.load(conversation.id)) == [REPOT, CATS]


def test_a_verdict_while_an_answer_is_pending_is_kept(asking: Asking, chat: Chat, store: Conversations) -> None:
    conversation = asked(asking, store, REPOT)
    pending = asking.ask(CATS, desk(conversation), session())
    next(pending)
    payload = {"do": "judge", "conversation": conversation.id, "turn": 0, "verdict": "helpful"}
    assert "message" in answer_call(ANSWER_ACTS, chat, LOCAL, payload)
    shown, _, _ = finished(pending)
    assert [turn.judged for turn in store.load(conversation.id).turns] == ["helpful", ""]
    assert "Marked as helpful" in shown[1]["content"]


def test_a_conversation_deleted_while_an_answer_is_pending_stays_deleted(asking: Asking, store: Conversations) -> None:
    conversation = asked(asking, store, REPOT)
    pending = asking.ask(CATS, desk(conversation), session())
    next(pending)
    store.delete(conversation.id)
    shown, _, value = finished(pending)
    assert store.find().conversations == ()
    assert "safe for" in shown[-2]["content"]
    assert "The answer was not saved: this conversation no longer exists" in shown[-1]["content"]
    assert Desk.model_validate_json(value).conversation == ""


def test_two_pages_that_ask_in_one_conversation_lose_no_answer(asking: Asking, store: Conversations) -> None:
    conversation = asked(asking, store, REPOT)
    first, second = (asking.ask(q, desk(conversation), session(q)) for q in (CATS, SEASON))
    next(first)
    next(second)
    finished(first)
    finished(second)
    assert questions_of(store.load(conversation.id)) == [REPOT, CATS, SEASON]


def test_asking_again_replaces_the_last_turn_and_keeps_later_ones(asking: Asking, store: Conversations) -> None:
    conversation = asked(asking, store, REPOT, CATS)
    again = asking.ask_again(desk(conversation), event_of({"kind": "same"}), session())
    next(again)
    finished(asking.ask(SEASON, desk(conversation), session("other")))
    finished(again)
    assert questions_of(store.load(conversation.id)) == [REPOT, CATS, SEASON]


def test_an_edited_question_replaces_its_turn_and_those_after_it(asking: Asking, store: Conversations) -> None:
    conversation = asked(asking, store, REPOT, CATS)
    finished(asking.ask(SEASON, desk(conversation, mode="edit", turn=0), session()))
    assert questions_of(store.load(conversation.id)) == [SEASON]


def test_an_edited_query_is_searched_for_the_same_question(asking: Asking, store: Conversations) -> None:
    conversation = asked(asking, store, REPOT)
    finished(asking.ask("ferns toxic cats", desk(conversation, mode="query", turn=0), session()))
    (turn,) = store.load(conversation.id).turns
    assert (turn.question, turn.answer.query) == (REPOT, "ferns toxic cats")
    finished(asking.ask_again(desk(conversation), event_of({"kind": "written"}), session()))
    (turn,) = store.load(conversation.id).turns
    assert (turn.question, turn.answer.query) == (REPOT, REPOT)


def test_stop_keeps_the_conversation_as_it_is(
    asking: Asking, chat: Chat, store: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation, release, ask = asked(asking, store, REPOT), threading.Event(), chat.ask

    def slow(*arguments: Any, **named: Any) -> Any:
        release.wait(30)
        return ask(*arguments, **named)

    monkeypatch.setattr(chat, "ask", slow)
    updates = asking.ask(CATS, desk(conversation, mode="edit", turn=0), session())
    next(updates)
    asking.stop(session())
    shown, _, _ = finished(updates)
    release.set()
    assert len(shown) == 2 and "Repot a fern every two " in shown[1]["content"]
    assert store.load(conversation.id) == conversation


@pytest.mark.parametrize("data", [None, 7, {}, {"kind": "x"}, {"kind": "ask"}, {"kind": "ask", "text": 7}, {"kind": "same"}])
def test_asking_again_with_an_odd_request_or_nothing_to_repeat(data: Any, asking: Asking, store: Conversations) -> None:
    ((shown, _, _),) = asking.ask_again("{}", event_of(data), session())
    assert "failed" in shown[0]["content"]
    assert store.find().conversations == ()


@pytest.mark.parametrize("value", [None, 7, "{", '{"conversation": "../../x"}', '{"conversation": "0123456789abcdef"}'])
def test_an_odd_desk_shows_an_error_or_starts_a_conversation(value: Any, asking: Asking) -> None:
    shown, _, _ = finished(asking.ask(REPOT, value, session()))
    assert shown[-1]["role"] == "assistant"
    assert ("failed" in shown[-1]["content"]) == isinstance(value, str)


def test_nothing_typed_asks_nothing(asking: Asking, store: Conversations) -> None:
    for question in ("", "  ", None, 7, ["x"]):
        assert len(list(asking.ask(question, "{}", session()))) == 1
    assert store.find().conversations == ()


def test_an_opened_conversation_is_shown(asking: Asking, store: Conversations) -> None:
    conversation = asked(asking, store, REPOT, CATS)
    shown, _ = asking.resume(desk(conversation), session())
    assert [message["role"] for message in shown] == ["user", "assistant"] * 2
    assert asking.resume("{}", session())[0] == []
    store.delete(conversation.id)
    assert "no longer exists" in asking.resume(desk(conversation), session())[0][0]["content"]
