"""Which questions to judge next, and judging them."""

import json
from pathlib import Path

import numpy as np
import pytest

from rag.config import Settings
from rag.errors import QuestionSetError
from rag.evaluation.calibration import asked_from
from rag.evaluation.labelling import label_next, label_question
from rag.evaluation.next_questions import NextQuestion, in_order, next_questions, spread
from rag.evaluation.question_sets import Question, load_question_set
from rag.evaluation.runs import Outcome
from rag.library import Library
from rag.records import Answer
from tests.conftest import SIMILARITY, WordEmbedder


def silent(what: str, done: int, total: int) -> None:
    pass


def test_every_beginning_is_spread_evenly() -> None:
    """Van der Corput's order of eight: 0 4 2 6 1 5 3 7. Of any length, the gaps of a beginning differ little."""
    assert spread(range(8)) == [0, 4, 2, 6, 1, 5, 3, 7]
    for size in (1, 2, 5, 100, 129):
        order = spread(range(size))
        assert sorted(order) == list(range(size))
        for count in (4, 16, 64):
            gaps = np.diff(sorted([-1, *order[:count], size]))
            assert count > size or gaps.max() <= 2 * size / count + 1
    assert spread([]) == []


def test_strong_ones_come_first_from_all_kinds_and_documents() -> None:
    def question(name: str, confidence: float, document: str, kind: str = "") -> NextQuestion:
        return NextQuestion(Question(name, name, metadata={"kind": kind} if kind else {}), confidence, document)

    asked = [question(f"s{n}", 0.75 + n / 1000, f"d{n % 4}") for n in range(80)]
    asked += [question(f"t{n}", 0.9, "d0", "table") for n in range(16)] + [question(f"w{n}", n / 100, "d1") for n in range(70)]
    ordered = in_order(asked)
    assert in_order(asked[::-1]) == ordered
    first = ordered[:24]
    assert all(one.confidence >= 0.75 for one in ordered[:96])
    assert {kind: sum(one.kind == kind for one in first) for kind in {one.kind for one in asked[:96]}} == {
        ("", "d0"): 5, ("", "d1"): 5, ("", "d2"): 5, ("", "d3"): 5, ("table", "d0"): 4
    }  # fmt: skip
    assert np.mean([one.confidence for one in first if not one.kind[0]]) == pytest.approx(
        0.7895, abs=0.01
    )  # not the most confident
    assert [one.question.id for one in ordered[96:99]] == ["w69", "w68", "w67"]


@pytest.fixture
def library(corpus: Path, tmp_path: Path) -> Library:
    library = Library(Settings(corpus=corpus, index=tmp_path / "index", answering=SIMILARITY), embedder=WordEmbedder())
    library.build()
    return library


@pytest.fixture
def unlabelled(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    texts = ["Who painted the ceiling?", "How often should I repot a fern?", "Are ferns toxic to cats?"]
    (folder / "queries.jsonl").write_text("".join(json.dumps({"_id": f"q{n}", "text": t}) + "\n" for n, t in enumerate(texts)))
    return folder


def test_judged_one_after_another(library: Library, unlabelled: Path) -> None:
    following = next_questions(load_question_set(unlabelled), library.chat, silent)
    assert {one.question.id for one in following[:2]} == {"q1", "q2"} and following[-1].question.id == "q0"
    typed, shown = iter(["1", "", "n"]), list[str]()
    questions = [one.question for one in following]
    label_next(library.chat, unlabelled, questions, ask=lambda prompt: next(typed), show=shown.append)
    loaded = {question.id: question for question in load_question_set(unlabelled).questions}
    first, skipped, last = (loaded[question.id] for question in questions)
    assert (first.answers[0].text, first.chosen) == (shown[1][4:].split("   (")[0], True)
    assert first.relevance == {"faq.txt": 1}
    assert last.unanswerable and last.chosen and not skipped.labelled and not skipped.chosen
    assert "skipped" in shown
    assert [one.question.id for one in next_questions(load_question_set(unlabelled), library.chat, silent)] == [skipped.id]


def test_the_end_of_the_input_ends_the_judging(library: Library, unlabelled: Path) -> None:
    def closed(prompt: str) -> str:
        raise EOFError

    shown: list[str] = []
    questions = load_question_set(unlabelled).questions
    label_next(library.chat, unlabelled, questions, ask=closed, show=shown.append)
    assert sum(line.startswith("question ") for line in shown) == 1
    assert not any(question.labelled for question in load_question_set(unlabelled).questions)


def test_a_label_is_given_once(library: Library, unlabelled: Path) -> None:
    label_question(unlabelled, "q0", [])
    for id in ("q0", "other"):
        with pytest.raises(QuestionSetError, match="no unlabelled question"):
            label_question(unlabelled, id, [])
    assert [question.unanswerable for question in load_question_set(unlabelled).questions] == [True, False, False]
    for id in ("q1", "q2"):
        label_question(unlabelled, id, [])
    with pytest.raises(QuestionSetError, match=r"every question of set is judged; .*`rag unanswered to-set`"):
        next_questions(load_question_set(unlabelled), library.chat, silent)


def test_chosen_questions_do_not_move_the_threshold() -> None:
    """They were chosen for their strong answers; questions that users ask are not."""
    questions = [Question("a", "a", unanswerable=True), Question("b", "b", unanswerable=True, metadata={"chosen": "strong"})]
    outcomes = {id: Outcome(id, Answer(id, id), True, 0.0, None, {}) for id in "ab"}
    assert [row.group for row in asked_from(questions, outcomes)] == ["a"]
