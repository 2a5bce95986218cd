"""The Evaluation tab: its headline and the lists of questions are counted by hand."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rag.accounts.users import LOCAL
from rag.config import EvaluationSettings
from rag.evaluation.measures import summarise
from rag.evaluation.question_sets import GoldSpan, Question
from rag.evaluation.runs import Outcome
from rag.records import Answer, Span
from rag.ui.calls import Reply, answer_call
from rag.ui.evaluation_acts import EVALUATION_ACTS, EvaluationPart
from rag.ui.evaluation_view import headline_html
from rag.ui.opened_runs import OpenedRun, OpenedRuns
from tests.conftest import library_of
from tests.serving import word_chat

GOLD = (GoldSpan("a.md", Span(0, 3), "abc"),)
QUESTIONS = [
    *(Question(f"a{n}", f"answerable {n}", answers=GOLD) for n in range(4)),
    *(Question(f"u{n}", f"unanswerable {n}", unanswerable=True) for n in range(3)),
]


def outcome(id: str, *, abstained: bool = False, right: bool = False) -> Outcome:
    return Outcome(id, Answer("q", "q"), abstained, 0.5, None, {"total": 1.0}, right=right)


BEFORE = {question.id: outcome(question.id, abstained=True) for question in QUESTIONS}
NOW = BEFORE | {
    "a0": outcome("a0", right=True), "a1": outcome("a1", right=True), "a2": outcome("a2"), "u0": outcome("u0"),
}  # fmt: skip


def text_of(html: str) -> str:
    return " ".join(re.sub("<[^>]*>", "", html).split())


def test_the_headline_counts_questions() -> None:
    assert text_of(headline_html(QUESTIONS, NOW)) == (
        "Of 4 answerable questions, 2 got a right sentence and 1 got no answer. Of 3 unanswerable questions, 1 was answered wrongly."
    )
    assert text_of(headline_html(QUESTIONS[4:], NOW)) == "Of 3 unanswerable questions, 1 was answered wrongly."
    assert text_of(headline_html(QUESTIONS[:4], NOW)) == "Of 4 answerable questions, 2 got a right sentence and 1 got no answer."


def test_the_bands_are_counted() -> None:
    strong = Answer("q", "q", strength="strong")
    outcomes = NOW | {id: replace(NOW[id], answer=strong) for id in ("a0", "a2", "a3", "u0")}
    assert "Of 3 strong answers, 2 were wrong." in text_of(headline_html(QUESTIONS, outcomes))


@pytest.mark.parametrize(
    ("kind", "listed"),
    [("", ["a0", "a1", "a2", "a3", "u0", "u1", "u2"]), ("missed", ["a2", "a3", "u0"]), ("refused", ["a3"]), ("answered", ["u0"]),
     ("changed", ["a0", "a1", "a2", "u0"])],
)  # fmt: skip
def test_questions_are_listed_by_kind(
    kind: str, listed: list[str], corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(_: OpenedRuns, name: str) -> Any:
        outcomes = {"now": NOW, "before": BEFORE}[name]
        run: Any = type("Run", (), {"name": name, "summary": summarise(name, {}, QUESTIONS, outcomes, {})})
        questions: Any = type("Set", (), {"questions": QUESTIONS, "corpus": None})
        return OpenedRun(run, questions, outcomes)

    monkeypatch.setattr(OpenedRuns, "open", opened)
    evaluating = EvaluationPart(library_of(word_chat(corpus, tmp_path)))
    request = {"do": "questions", "run": "now", "against": "before", "kind": kind}
    reply: Reply = answer_call(EVALUATION_ACTS, evaluating, LOCAL, request)
    assert re.findall('data-question="(.*?)"', reply["html"]) == listed


def test_the_sets_of_the_settings_come_before_the_judged_questions(tmp_path: Path) -> None:
    for folder in (tmp_path / "sets" / "handbook", tmp_path / "feedback"):
        folder.mkdir(parents=True)
        (folder / "queries.jsonl").write_text("")
    runs = OpenedRuns(EvaluationSettings(sets=tmp_path / "sets", feedback=tmp_path / "feedback", runs=tmp_path / "runs"))
    assert list(runs.sets()) == ["handbook", "feedback"]
