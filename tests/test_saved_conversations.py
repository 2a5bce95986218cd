"""Saved conversations: answers survive exactly, users are kept apart, and no change undoes another."""

import errno
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random

import pytest

from rag.accounts.conversations import Conversations, SavedConversation, SavedTurn
from rag.accounts.users import LOCAL, User
from rag.config import Settings
from rag.conversation import Chat
from rag.errors import ConversationError
from rag.records import Answer, Citation, QuotedSentence, Span
from rag.ui.conversation_view import conversations_html, turns_html
from rag.wire import answer_values
from tests.conftest import SIMILARITY, WordEmbedder, updated


@pytest.fixture
def chat(corpus: Path, words: WordEmbedder, tmp_path: Path) -> Chat:
    settings = Settings(corpus=corpus, index=tmp_path / "index", answering=SIMILARITY)
    updated(corpus, settings.index, words)
    return Chat(settings, words)


@pytest.fixture
def store(tmp_path: Path) -> Conversations:
    return Conversations(tmp_path, LOCAL)


def turn(question: str) -> SavedTurn:
    citation = Citation(1, "faq.txt", "FAQ", Span(0, 5), "Ferns", None, ("Care",), "d" * 64)
    answer = Answer(question, question, (QuotedSentence("Ferns", 1),), (citation,), readings=("Which ferns?",))
    return SavedTurn(question, answer, "model", "reader", ("faq.txt",))


def saved(store: Conversations, title: str, *questions: str) -> SavedConversation:
    conversation = replace(store.new(title), turns=tuple(turn(question) for question in questions))
    store.save(conversation)
    return store.load(conversation.id)


def file_of(folder: Path, conversation: SavedConversation) -> Path:
    return folder / "local" / f"{conversation.id}.json"


@pytest.mark.parametrize("question", ["How often should I repot a fern?", "Who won the cup?", "", "Bracken \ud800 height?"])
def test_an_answer_is_the_same_after_a_restart(question: str, chat: Chat, tmp_path: Path) -> None:
    conversation = Conversations(tmp_path, LOCAL).new(question).with_turn(SavedTurn(question, chat.ask(question), "m", "r"))
    Conversations(tmp_path, LOCAL).save(conversation)
    (loaded,) = Conversations(tmp_path, LOCAL).load(conversation.id).turns
    assert answer_values(loaded.answer) == answer_values(conversation.turns[0].answer)
    assert loaded.answer.citations == conversation.turns[0].answer.citations


def test_history_is_what_the_chat_takes(store: Conversations) -> None:
    history = saved(store, "Ferns", "Which?").history
    assert history == [
        {"speaker": "user", "text": "Which?"},
        {
            "speaker": "agent",
            "text": "Ferns [1]",
            "query": "Which?",
            "citations": [{"document_id": "faq.txt", "start": 0, "end": 5, "digest": "d" * 64}],
            "readings": ["Which ferns?"],
        },
    ]


def test_save_find_rename_and_delete(store: Conversations) -> None:
    first = saved(store, "How often should\nI repot a fern? " * 20, "How often do I repot it?")
    second = saved(store, "Height")
    assert len(first.title) == 80 and "\n" not in first.title
    assert [conversation.id for conversation in store.find().conversations] == [second.id, first.id]
    assert [conversation.id for conversation in store.find("FERNS repot").conversations] == [first.id]
    store.rename(first.id, "  Ferns \n and me ")
    assert store.load(first.id).title == "Ferns and me"
    store.delete(first.id)
    assert [conversation.id for conversation in store.find().conversations] == [second.id]
    with pytest.raises(ConversationError, match="no longer exists"):
        store.load(first.id)


def test_a_rename_while_an_answer_is_pending_survives(store: Conversations) -> None:
    asked = saved(store, "Old title", "First?")
    store.rename(asked.id, "New title")
    store.update(asked.id, lambda conversation: conversation.with_turn(turn("Second?")))
    conversation = store.load(asked.id)
    assert conversation.title == "New title"
    assert [t.question for t in conversation.turns] == ["First?", "Second?"]


def test_a_verdict_while_an_answer_is_pending_survives(store: Conversations) -> None:
    asked = saved(store, "Title", "First?")
    store.update(asked.id, lambda conversation: conversation.with_verdict(0, asked.turns[0], "helpful"))
    store.update(asked.id, lambda conversation: conversation.with_turn(turn("Second?")))
    assert [t.judged for t in store.load(asked.id).turns] == ["helpful", ""]


def test_a_conversation_deleted_while_an_answer_is_pending_stays_deleted(store: Conversations) -> None:
    asked = saved(store, "Title", "First?")
    store.delete(asked.id)
    with pytest.raises(ConversationError, match="no longer exists"):
        store.update(asked.id, lambda conversation: conversation.with_turn(turn("Second?")))
    assert store.find().conversations == ()


def test_answers_to_several_tabs_at_once_are_all_kept(store: Conversations, tmp_path: Path) -> None:
    asked = saved(store, "Title")

    def ask(number: int) -> None:
        tab = Conversations(tmp_path, LOCAL)
        tab.update(asked.id, lambda conversation: conversation.with_turn(turn(f"Question {number}?")))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(20)))
    questions = [t.question for t in store.load(asked.id).turns]
    assert sorted(questions) == sorted(f"Question {number}?" for number in range(20))


def test_saving_does_not_overwrite(store: Conversations) -> None:
    asked = saved(store, "Title", "First?")
    store.rename(asked.id, "New title")
    with pytest.raises(ConversationError, match="saved already"):
        store.save(asked)
    assert store.load(asked.id).title == "New title"


def test_a_change_that_fails_changes_nothing(store: Conversations, tmp_path: Path) -> None:
    asked = saved(store, "Title", "First?")
    content = file_of(tmp_path, asked).read_bytes()
    with pytest.raises(ConversationError, match="no longer in the conversation"):
        store.update(asked.id, lambda conversation: conversation.with_verdict(0, turn("Another?"), "wrong"))
    assert file_of(tmp_path, asked).read_bytes() == content


def test_users_cannot_reach_each_others_conversations(tmp_path: Path) -> None:
    mine = Conversations(tmp_path, User("../local", "reader"))
    conversation = saved(mine, "Mine")
    for user in (LOCAL, User("eve", "curator")):
        others = Conversations(tmp_path, user)
        assert others.find().conversations == ()
        for action in (others.load, lambda id: others.update(id, lambda found: found)):  # noqa: B023 - called at once
            with pytest.raises(ConversationError):
                action(conversation.id)
        others.delete(conversation.id)
    assert mine.load(conversation.id) == conversation


@pytest.mark.parametrize("id", [None, 7, "", "../x", "a" * 15, "A" * 16, {"id": 1}, "0" * 16 + "\n"])
def test_forged_ids_are_refused(id: object, store: Conversations) -> None:
    for action in (store.load, store.delete, lambda id: store.rename(id, "x")):
        with pytest.raises(ConversationError, match="not the id of a conversation"):
            action(id)


@pytest.mark.parametrize(
    "content",
    [
        b'{"id": 1',
        b"[]",
        b'{"id": "x", "title": "Torn", "changed": "", "turns": [7]}',
        b'{"id": "x", "title": "Torn", "changed": "", "turns": [{"question": "q", "answer": {}, "model": "", "reader": ""}]}',
        b"\xff",
    ],
)
def test_a_malformed_file_is_reported_once_and_the_others_are_listed(
    content: bytes, store: Conversations, tmp_path: Path
) -> None:
    sound, torn = saved(store, "Sound", "First?"), saved(store, "Torn")
    path = file_of(tmp_path, torn)
    path.write_bytes(content)
    with pytest.raises(ConversationError, match=path.name):
        store.load(torn.id)
    listing = store.find()
    assert [conversation.id for conversation in listing.conversations] == [sound.id]
    (problem,) = listing.problems
    assert str(path) in problem and f"renamed to {path.name}.damaged-1" in problem
    assert path.with_name(f"{path.name}.damaged-1").read_bytes() == content
    assert store.find().problems == ()


def test_a_flipped_bit_anywhere_leaves_conversations_that_can_be_shown_or_are_set_aside(
    chat: Chat, store: Conversations, tmp_path: Path
) -> None:
    sound = saved(store, "Sound", "First?")
    answers = [chat.ask("How often should I repot a fern?"), chat.ask("Who won the cup?")]
    torn = store.new("Torn")
    for answer in answers:
        torn = torn.with_turn(SavedTurn(answer.question, answer, "m", "r"))
    store.save(torn)
    path = file_of(tmp_path, torn)
    content, random = path.read_bytes(), Random(0)
    for _ in range(400):
        damaged = bytearray(content)
        damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
        path.write_bytes(damaged)
        listing = store.find()
        listed = {conversation.id for conversation in listing.conversations}
        assert sound.id in listed
        assert len(listing.conversations) + len(listing.problems) == 2
        conversations_html(listing.conversations, "", listing.problems, today=date(2026, 1, 1))
        for conversation in listing.conversations:
            turns_html(conversation, chat.index())


def test_what_cannot_be_saved_is_said_in_one_line(store: Conversations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes, *, mode: int) -> None:  # noqa: ARG001
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rag.storage.locked.replace_file", full)
    with pytest.raises(ConversationError, match=rf"{tmp_path / 'local'} cannot be written \(No space left on device\); free"):
        store.save(store.new("Ferns"))


def test_files_of_the_first_format_are_still_read(store: Conversations, tmp_path: Path) -> None:
    """It had no version, and answers had no readings yet."""
    conversation = saved(store, "Ferns", "Which?")
    path = file_of(tmp_path, conversation)
    values = json.loads(path.read_text())
    del values["version"], values["turns"][0]["answer"]["readings"], values["turns"][0]["judged"]
    path.write_text(json.dumps(values))
    (loaded,) = store.load(conversation.id).turns
    assert loaded == replace(turn("Which?"), answer=replace(turn("Which?").answer, readings=()))


def test_a_file_of_a_later_release_is_left_alone(store: Conversations, tmp_path: Path) -> None:
    conversation = saved(store, "Ferns")
    path = file_of(tmp_path, conversation)
    path.write_text(path.read_text().replace('"version": 1', '"version": 99'))
    assert "install a later release" in store.find().problems[0]
    assert path.exists()
    with pytest.raises(ConversationError, match="format 99"):
        store.rename(conversation.id, "x")
