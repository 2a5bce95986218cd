"""Judgements made on the page form a question set that can be evaluated at once."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rag.config import Settings
from rag.conversation import Chat
from rag.errors import QuestionSetError
from rag.evaluation.experiment import evaluate
from rag.evaluation.feedback import JUDGEMENTS, Judgement, judge, read_judgements
from rag.evaluation.labelling import add_question
from rag.evaluation.question_sets import GoldSpan, load_question_set
from rag.records import Span
from tests.conftest import SIMILARITY, WordEmbedder, updated

REPOT = "How often should I repot a fern?"


def gold(corpus: Path, text: str, name: str = "faq.txt") -> GoldSpan:
    start = (corpus / name).read_text(encoding="utf-8").index(text)
    return GoldSpan(name, Span(start, start + len(text)), text)


def test_judgements_are_evaluated_at_once(corpus: Path, tmp_path: Path, words: WordEmbedder) -> None:
    folder = tmp_path / "feedback"
    judge(folder, Judgement(REPOT, "helpful", (gold(corpus, "Repot a fern every two years."),)))
    judge(folder, Judgement("Who won the cup?", "nothing"))
    settings = Settings(corpus=corpus, index=tmp_path / "index", answering=SIMILARITY)
    updated(corpus, settings.index, words)
    evaluation = evaluate(load_question_set(folder), Chat(settings, words))
    run, outcomes = evaluation.run, evaluation.outcomes
    assert run.summary["questions"] == 2
    assert run.summary["retrieval"] and run.summary["retrieval"]["Success@5"] == 1.0
    assert run.values["hit"].keys() | run.values["false_answers"].keys() == {outcome.question_id for outcome in outcomes}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_what_was_asked_is_readable_by_its_owner_only(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "feedback"
    judge(folder, Judgement(REPOT, "helpful", (gold(corpus, "Repot a fern every two years."),)))
    judge(folder, Judgement("Who won the cup?", "nothing"))
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"queries.jsonl", "answers.jsonl", "unanswerable.jsonl", "test.tsv", JUDGEMENTS}
    assert [path.name for path in files if path.stat().st_mode & 0o077] == []


def test_the_last_judgement_of_a_question_counts(corpus: Path, tmp_path: Path) -> None:
    right = gold(corpus, "Spring is the best season.")
    for judgement in (Judgement(REPOT, "nothing"), Judgement("Other?", "nothing"), Judgement(REPOT, "chosen", (right,))):
        judge(tmp_path, judgement)
    first, second = load_question_set(tmp_path).questions
    assert (first.text, first.answers, first.unanswerable) == (REPOT, (right,), False)
    assert (second.text, second.answers, second.unanswerable) == ("Other?", (), True)
    assert first.relevance == {"faq.txt": 1}


def test_a_wrong_sentence_is_recorded_but_adds_no_question(tmp_path: Path) -> None:
    judge(tmp_path, Judgement(REPOT, "nothing"))
    judge(tmp_path, Judgement(REPOT, "wrong"))
    assert [judgement.verdict for judgement in read_judgements(tmp_path)] == ["wrong"]
    assert load_question_set(tmp_path).questions == ()


def test_a_follow_up_keeps_its_history(tmp_path: Path) -> None:
    history = ({"speaker": "user", "text": REPOT}, {"speaker": "agent", "text": "Repot a fern every two years. [1]"})
    judge(tmp_path, Judgement("And a cactus?", "nothing", history=history))
    judge(tmp_path, Judgement("And a cactus?", "nothing"))
    assert [question.history for question in load_question_set(tmp_path).questions] == [history, ()]


@pytest.mark.parametrize("verdict", ["helpful", "chosen", "great"])
def test_a_judgement_without_a_sentence_is_refused(verdict: str, tmp_path: Path) -> None:
    with pytest.raises(QuestionSetError, match="choose the sentence"):
        judge(tmp_path, Judgement(REPOT, verdict))
    assert not (tmp_path / "queries.jsonl").exists()


def test_judgements_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: judge(tmp_path, Judgement(f"Question {number}?", "nothing")), range(20)))
    assert sorted(judgement.question for judgement in read_judgements(tmp_path)) == sorted(
        f"Question {number}?" for number in range(20)
    )


def test_labelled_questions_survive_judgements_of_the_same_set(corpus: Path, tmp_path: Path) -> None:
    spring = gold(corpus, "Spring is the best season.")
    labelled = [add_question(tmp_path, "When?", [spring]), add_question(tmp_path, "Who won the cup?", [])]
    judge(tmp_path, Judgement(REPOT, "nothing"))
    judge(tmp_path, Judgement(REPOT, "chosen", (gold(corpus, "Repot a fern every two years."),)))
    labelled.append(add_question(tmp_path, "Where?", [spring]))
    judge(tmp_path, Judgement("Other?", "nothing"))
    questions = {question.id: question for question in load_question_set(tmp_path).questions}
    assert len(questions) == 5
    assert [questions[id].text for id in labelled] == ["When?", "Who won the cup?", "Where?"]
    assert [questions[id].answers for id in labelled] == [(spring,), (), (spring,)]
    assert [questions[id].relevance for id in labelled] == [{"faq.txt": 1}, {}, {"faq.txt": 1}]
    assert [questions[id].unanswerable for id in labelled] == [False, True, False]
    judged = questions[Judgement(REPOT, "wrong").id]
    assert (judged.unanswerable, judged.relevance) == (False, {"faq.txt": 1})
    judge(tmp_path, Judgement(REPOT, "wrong"))
    assert judged.id not in {question.id for question in load_question_set(tmp_path).questions}


def test_labels_and_judgements_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    def add(number: int) -> None:
        if number % 2:
            judge(tmp_path, Judgement(f"Question {number}?", "nothing"))
        else:
            add_question(tmp_path, f"Question {number}?", [])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(20)))
    questions = load_question_set(tmp_path).questions
    assert sorted(question.text for question in questions) == sorted(f"Question {number}?" for number in range(20))


def test_judgements_of_the_first_format_are_read(tmp_path: Path) -> None:
    """It had no version."""
    judge(tmp_path, Judgement(REPOT, "nothing"))
    path = tmp_path / JUDGEMENTS
    values = json.loads(path.read_text())
    assert values.pop("version") == 1
    path.write_text(json.dumps(values) + "\n")
    judge(tmp_path, Judgement("Other?", "nothing"))
    assert [judgement.question for judgement in read_judgements(tmp_path)] == [REPOT, "Other?"]


@pytest.mark.parametrize(
    ("line", "message"), [('{"version": 2}', "install a later release"), ("{", "not a readable judgement"), ("[]", JUDGEMENTS)]
)
def test_judgements_that_cannot_be_read_are_not_overwritten(line: str, message: str, tmp_path: Path) -> None:
    (tmp_path / JUDGEMENTS).write_text(line)
    with pytest.raises(QuestionSetError, match=message):
        judge(tmp_path, Judgement(REPOT, "nothing"))
    assert (tmp_path / JUDGEMENTS).read_text() == line
