"""What is judged on the page is a question set that can be evaluated at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rag.config import Settings
from rag.conversation import Chat
from rag.errors import QuestionSetError
from rag.evaluation.experiment import evaluate
from rag.evaluation.feedback import Judgement, judge, read_judgements
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
    assert run.summary["retrieval"]["Success@5"] == 1.0
    assert run.values["hit"].keys() | run.values["false_answers"].keys() == {outcome.question_id for outcome in outcomes}


def test_the_last_judgement_of_a_question_counts(corpus: Path, tmp_path: Path) -> None:
    right = gold(corpus, "Spring is the best season.")
    for judgement in (Judgement(REPOT, "nothing"), Judgement("Other?", "nothing"), Judgement(REPOT, "chosen", (right,))):
        judge(tmp_path, judgement)
    first, second = load_question_set(tmp_path).questions
    assert (first.text, first.answers, first.unanswerable) == (REPOT, (right,), False)
    assert (second.text, second.answers, second.unanswerable) == ("Other?", (), True)
    assert first.relevance == {"faq.txt": 1}


def test_a_wrong_sentence_is_kept_but_is_no_judged_question(tmp_path: Path) -> None:
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
    assert sorted(one.question for one in read_judgements(tmp_path)) == sorted(f"Question {number}?" for number in range(20))
