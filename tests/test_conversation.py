import threading
from collections import Counter
from pathlib import Path

import pytest

from rag.config import Settings
from rag.conversation import Chat
from rag.errors import IndexMissing
from rag.index.builds import previous_build, roll_back
from rag.index.updating import Recipe, update_index
from tests.conftest import SIMILARITY, WordEmbedder


@pytest.fixture
def chat(corpus: Path, words: WordEmbedder, tmp_path: Path) -> Chat:
    settings = Settings(corpus=corpus, index=tmp_path / "index", answering=SIMILARITY)
    update_index(corpus, settings.index, Recipe(words, settings.passages))
    return Chat(settings, words)


def test_switches_to_a_new_build(chat: Chat, corpus: Path) -> None:
    before = chat.ask("Are ferns toxic to cats?")
    assert before.text.startswith("True ferns are safe for cats. [1]")
    (corpus / "faq.txt").write_text("Are ferns toxic to cats?\nNobody knows for certain.\n")
    update_index(corpus, chat.settings.index, Recipe(WordEmbedder(), chat.settings.passages))
    after = chat.ask("Are ferns toxic to cats?")
    assert after.text.startswith("Nobody knows for certain. [1]")
    assert after.index != before.index


@pytest.mark.slow
def test_no_question_fails_while_builds_come_and_go(chat: Chat, corpus: Path) -> None:
    """Four threads ask while the index is repeatedly built, rolled back and cleaned up."""
    stop = threading.Event()
    failures: list[Exception] = []
    answered: Counter[str | None] = Counter()

    def ask() -> None:
        while not stop.is_set():
            try:
                answered[chat.ask("Are ferns toxic to cats?").index] += 1
            except Exception as error:  # noqa: BLE001 - any exception fails the test
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    built = set()
    for n in range(15):
        (corpus / "moss.txt").write_text(f"Moss needs {n} ml.")
        built.add(update_index(corpus, chat.settings.index, Recipe(WordEmbedder(), chat.settings.passages))[0].hash)
        if n % 3 == 0 and (former := previous_build(chat.settings.index)):
            roll_back(chat.settings.index, former)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(built & answered.keys()) > 3


def test_removed_index_is_an_error(chat: Chat) -> None:
    (chat.settings.index / "CURRENT").unlink()
    with pytest.raises(IndexMissing):
        chat.ask("Are ferns toxic to cats?")


@pytest.mark.parametrize("question", ["", "  \n\t", "\u00a0"])
def test_empty_questions(chat: Chat, question: str) -> None:
    assert chat.ask(question).reason == "empty_question"
    assert chat.search(question) == []


@pytest.mark.parametrize("question", ["?!", "the of and", "😀" * 50, "x" * 100_000, "\ud800 fern", "İß\u202e\u0000"])
def test_odd_questions_get_an_answer_or_a_reason(chat: Chat, question: str) -> None:
    answer = chat.ask(question)
    assert answer.citations or answer.reason in ("not_in_documents", "near_miss", "gibberish")


def test_empty_corpus(tmp_path: Path, words: WordEmbedder) -> None:
    (tmp_path / "corpus").mkdir()
    settings = Settings(corpus=tmp_path / "corpus", index=tmp_path / "index", answering=SIMILARITY)
    update_index(settings.corpus, settings.index, Recipe(words, settings.passages))
    assert Chat(settings, words).ask("Why?").reason == "no_documents"


def test_only_named_documents_are_asked(chat: Chat) -> None:
    answer = chat.ask("How often should I repot a fern?", documents=["guide.md"])
    assert {citation.document_id for citation in answer.citations} <= {"guide.md"}
