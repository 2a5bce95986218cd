"""Follow-ups, acts and small talk in German, French, Spanish and Chinese, each turn labelled by what a person means by it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rag.answering.wording import abstention_text
from rag.config import Settings
from rag.conversation import Chat
from rag.followups.acts import Act, act_of
from rag.followups.foreign_questions import foreign_query
from rag.followups.foreign_replies import foreign_reply
from rag.followups.history import turns_of
from rag.followups.reply_kinds import ACTS, QUESTION, kind_of
from rag.index.updating import Recipe, update_index
from rag.records import Answer
from rag.wire import answer_values
from tests.conftest import ROOT, SIMILARITY, WordEmbedder

TURNS = ROOT / "tests" / "languages" / "turns.tsv"


def cases(*kinds: str) -> list[Any]:
    return list(_cases(kinds))


def _cases(kinds: tuple[str, ...]) -> Iterator[Any]:
    for line in TURNS.read_text(encoding="utf-8").splitlines()[1:]:
        language, kind, before, turn, words = line.split("\t")
        if kind.split()[0] in kinds or (not kinds and kind not in ("leans", "whole")):
            yield pytest.param(language, kind, before, turn, words.split(), id=f"{language} {turn}")


def history(before: str) -> list[dict[str, Any]]:
    return [{"speaker": "user", "text": before}, {"speaker": "agent", "text": "…", "query": before}] if before else []


@pytest.mark.parametrize(("language", "kind", "before", "turn", "words"), cases("leans"))
def test_leaning_questions_are_completed(language: str, kind: str, before: str, turn: str, words: list[str]) -> None:
    understood = foreign_query(turn, turns_of(history(before)))
    assert understood is not None
    assert understood.query != turn
    assert [word for word in words if word.casefold() not in understood.query.casefold()] == [], understood.query


@pytest.mark.parametrize(("language", "kind", "before", "turn", "words"), cases("whole"))
def test_whole_questions_are_left_alone(language: str, kind: str, before: str, turn: str, words: list[str]) -> None:
    understood = foreign_query(turn, turns_of(history(before)))
    assert understood is not None
    assert understood.query == understood.typed == turn


@pytest.mark.parametrize(("language", "kind", "before", "turn", "words"), cases())
def test_acts_and_small_talk_are_recognised(language: str, kind: str, before: str, turn: str, words: list[str]) -> None:
    name, _, number = kind.partition(" ")
    reply = foreign_reply(turn)
    assert reply is not None
    assert (reply.language, reply.kind) == (language, name)
    if name in (*ACTS, "next"):
        expected = Act("one", int(number)) if number else Act(name)  # type: ignore[arg-type]
        assert act_of(turn) == expected
    else:
        assert kind_of(turn) == name


@pytest.mark.parametrize(("language", "kind", "before", "turn", "words"), cases("leans", "whole"))
def test_questions_are_no_small_talk(language: str, kind: str, before: str, turn: str, words: list[str]) -> None:
    assert kind_of(turn) == QUESTION


def test_the_patterns_are_quick_on_any_reply() -> None:
    """Replies made of fillers and phrases only, which nothing else follows, take longest."""
    for reply in ("ja " * 33, "ok " * 30 + "x", "de la " * 16, "sí " * 30 + "x", "好的" * 49 + "x", "能不能" * 30):
        foreign_reply(reply)


CORPUS = {
    "farn.md": "# Farne\n\nFarne werden alle zwei Jahre umgetopft. Das Substrat muss locker sein.\n\nFarne sind für Katzen "
    "ungiftig.\n",
    "rosen.md": "# Rosen\n\nRosen werden im Frühjahr geschnitten. Sie brauchen viel Sonne.\n",
}


@pytest.fixture
def chat(words: WordEmbedder, tmp_path: Path) -> Chat:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for name, text in CORPUS.items():
        (corpus / name).write_text(text, encoding="utf-8")
    settings = Settings(corpus=corpus, index=tmp_path / "index", answering=SIMILARITY)
    update_index(settings.corpus, settings.index, Recipe(words, settings.passages))
    return Chat(settings, words)


@pytest.mark.parametrize(
    ("question", "reason", "said"),
    [
        ("danke", "small_talk", "Gern geschehen."),
        ("wer bist du?", "small_talk", "ein Programm und kein Mensch"),
        ("Welche Dokumente hast du?", "about_program", "Ich habe 2 Dokumente:\n- Farne (farn.md)"),
        ("merci beaucoup", "small_talk", "Je vous en prie."),
        ("Combien de documents as-tu ?", "about_program", "J'ai 2 documents"),
        ("¿qué documentos tienes?", "about_program", "Tengo 2 documentos:\n- Farne (farn.md)"),
        ("谢谢", "small_talk", "不客气。"),
        ("你有哪些文档？", "about_program", "我有2 个文档:\n- Farne (farn.md)"),
        ("thanks", "small_talk", "You're welcome."),
    ],
)
def test_the_program_speaks_the_language_of_the_question(chat: Chat, question: str, reason: str, said: str) -> None:
    answer = chat.ask(question)
    assert (answer.abstained, answer.reason, answer.citations) == (True, reason, ())
    assert said in answer.message


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Wer hat im Jahr 1850 die Dampfmaschine gebaut?", "Sprache"),
        ("Qui a inventé la machine à vapeur ?", "langue"),
        ("¿Quién inventó la máquina de vapor?", "idioma"),
        ("蒸汽机是谁发明的？", "语言"),
        ("Who built steam engines?", "documents"),
    ],
)
def test_refusals_are_in_the_language_of_the_question(question: str, said: str) -> None:
    reason = "other_language" if said != "documents" else "not_in_documents"
    assert said in abstention_text(Answer(question, question, reason=reason))


def test_a_leaning_question_is_searched_whole(chat: Chat) -> None:
    history: list[dict[str, Any]] = []
    for question in ("Wie oft werden Farne umgetopft?", "danke", "und warum?"):
        answer = chat.ask(question, history=history)
        history += [{"speaker": "user", "text": question}, {"speaker": "agent", **answer_values(answer)}]
    assert answer.query == "Wie oft werden Farne umgetopft, warum?"


def test_acts_continue_the_last_answer(chat: Chat) -> None:
    question = "Wie oft werden Farne umgetopft?"
    history: list[dict[str, Any]] = [
        {"speaker": "user", "text": question},
        {"speaker": "agent", **answer_values(chat.ask(question))},
    ]
    assert chat.ask("Wo steht das?", history=history).query == question
    refused = chat.ask("Nummer 9", history=history)
    assert refused.reason == "no_such_citation"
    assert "noch keine Antwort" in chat.ask("mehr", history=[{"speaker": "user", "text": "hallo"}]).message
