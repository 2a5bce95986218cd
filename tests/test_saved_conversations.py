"""Conversations that are kept: whole, each its user's own, and the answers in them the very same."""

import json
from pathlib import Path

import pytest

from rag.accounts.conversations import Conversations, SavedTurn
from rag.accounts.users import LOCAL, User
from rag.config import Settings
from rag.conversation import Chat
from rag.errors import ConversationError
from rag.wire import answer_from, answer_values
from tests.conftest import SIMILARITY, WordEmbedder, updated


@pytest.fixture
def chat(corpus: Path, words: WordEmbedder, tmp_path: Path) -> Chat:
    settings = Settings(corpus=corpus, index=tmp_path / "index", answering=SIMILARITY)
    updated(corpus, settings.index, words)
    return Chat(settings, words)


def turn(chat: Chat, question: str) -> SavedTurn:
    return SavedTurn(question, answer_values(chat.ask(question)), "model", "reader", ("faq.txt",))


@pytest.mark.parametrize("question", ["How often should I repot a fern?", "Who won the cup?", "", "Bracken height?"])
def test_an_answer_is_the_same_after_a_restart(question: str, chat: Chat) -> None:
    answer = chat.ask(question)
    values = answer_values(answer)
    again = answer_from(json.loads(json.dumps(values)))
    assert answer_values(again) == values
    assert again.citations == answer.citations


def test_saved_found_renamed_deleted(chat: Chat, tmp_path: Path) -> None:
    kept = Conversations(tmp_path, LOCAL)
    one, other = kept.new("How often should\nI repot a fern? " * 20), kept.new("Height")
    one = type(one)(one.id, one.title, one.changed, (turn(chat, "How often should I repot a fern?"),))
    kept.save(one)
    kept.save(other)
    assert kept.load(one.id).turns == one.turns
    assert len(one.title) == 80 and "\n" not in one.title
    assert [found.id for found in kept.find()] == [other.id, one.id]
    assert [found.id for found in kept.find("TWO years repot")] == [one.id]
    kept.rename(one.id, "  Ferns \n and me ")
    assert kept.load(one.id).title == "Ferns and me"
    kept.delete(one.id)
    assert [found.id for found in kept.find()] == [other.id]
    with pytest.raises(ConversationError, match="no longer there"):
        kept.load(one.id)


def test_others_cannot_name_it(tmp_path: Path) -> None:
    mine = Conversations(tmp_path, User("../local", "reader"))
    one = mine.new("Mine")
    mine.save(one)
    for other in (LOCAL, User("eve", "curator")):
        assert Conversations(tmp_path, other).find() == []
        with pytest.raises(ConversationError):
            Conversations(tmp_path, other).load(one.id)


@pytest.mark.parametrize("name", [None, 7, "", "../x", "a" * 15, "A" * 16, {"id": 1}, "0" * 16 + "\n"])
def test_forged_names(name: object, tmp_path: Path) -> None:
    for act in (Conversations(tmp_path, LOCAL).load, Conversations(tmp_path, LOCAL).delete):
        with pytest.raises(ConversationError, match="no conversation"):
            act(name)


def test_one_that_cannot_be_read_is_passed_over_in_the_list(tmp_path: Path) -> None:
    kept = Conversations(tmp_path, LOCAL)
    one = kept.new("Torn")
    kept.save(one)
    (tmp_path / "local" / f"{one.id}.json").write_text('{"id": 1')
    assert kept.find() == []
    with pytest.raises(ConversationError, match="cannot be read"):
        kept.load(one.id)
