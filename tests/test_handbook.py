"""Answers from the default corpus, to eight questions that people type into search engines and others about the handbook.

The gold sentences in handbook_questions.json were chosen by reading the handbook, not from answers of the program.
"""

import json
import re
from pathlib import Path

import pytest

from rag.config import Settings
from rag.conversation import Chat
from rag.index.build_files import load_index
from rag.index.builds import live_build
from rag.models.embedder import ModelEmbedder
from rag.records import Answer

pytestmark = pytest.mark.slow
QUESTIONS = json.loads((Path(__file__).parent / "handbook_questions.json").read_text(encoding="utf-8"))
OFF_SUBJECT = [
    "What is the capital of France?",
    "How do I bake sourdough bread?",
    "Who won the football world cup in 2018?",
    "What is the interest rate of a mortgage?",
    "How do I install Python on Windows?",
    "Which planets have rings?",
    "What are the symptoms of a broken carburettor?",
    "Who wrote Hamlet?",
    "best hotels in Lisbon",
    "How does photosynthesis work?",
]


@pytest.fixture(scope="module")
def chat(handbook: Settings, embedder: ModelEmbedder) -> Chat:
    return Chat(handbook, embedder)


def is_right(answer: Answer, gold: list[str]) -> bool:
    """Whether the first quoted sentence that is not context contains a gold sentence."""
    first = next((s.text for s in answer.sentences if not s.context), "")
    return any(_plain(sentence) in _plain(first) for sentence in gold)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


@pytest.mark.parametrize(("part", "least"), [("seed", 8), ("own", 17)])
def test_a_right_sentence_comes_first(part: str, least: int, chat: Chat) -> None:
    asked = {entry["question"]: chat.ask(entry["question"]) for entry in QUESTIONS[part]}
    wrong = [entry["question"] for entry in QUESTIONS[part] if not is_right(asked[entry["question"]], entry["gold"])]
    assert len(asked) - len(wrong) >= least, wrong


@pytest.mark.parametrize("question", OFF_SUBJECT)
def test_questions_about_other_subjects_are_not_answered(question: str, chat: Chat) -> None:
    answer = chat.ask(question)
    assert answer.abstained and answer.reason in ("not_in_documents", "near_miss")
    assert answer.closest or answer.reason == "not_in_documents"


def test_every_gold_sentence_is_in_the_handbook(handbook: Settings) -> None:
    texts = [_plain(document.text) for document in load_index(live_build(handbook.index)).documents.values()]
    for entry in QUESTIONS["seed"] + QUESTIONS["own"]:
        for sentence in entry["gold"]:
            assert any(_plain(sentence) in text for text in texts), sentence
