"""Follow-ups, acts and small talk in German, French, Spanish and Chinese, each turn labelled by what a person means by it."""

from collections.abc import Iterator
from typing import Any

import pytest

from rag.followups.acts import Act, act_of
from rag.followups.foreign_questions import foreign_query
from rag.followups.foreign_replies import foreign_reply
from rag.followups.history import turns_of
from rag.followups.reply_kinds import ACTS, QUESTION, kind_of
from tests.conftest import ROOT

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
