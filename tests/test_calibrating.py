"""Confidence and threshold from questions with known answers."""

from pathlib import Path

import numpy as np
import pytest

from rag.answering.confidence import (
    SIGNALS,
    Bin,
    Calibration,
    default_calibration,
    index_calibration,
    save_calibration,
    signals_of,
)
from rag.errors import IndexBroken, QuestionSetError
from rag.evaluation.calibration import Asked, calibrate
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Hit
from tests.conftest import WordEmbedder, index_of

START = Calibration(0.0, (1.0, 0.0, 0.0, 0.0), 0.5, (), {}, {})


def questions(number: int, *, noise: float = 1.0) -> list[Asked]:
    """Answerable questions have a strong first signal, unanswerable ones a weak one; the others say nothing."""
    random = np.random.default_rng(3)
    asked = []
    for i in range(number):
        answerable = i % 3 != 0
        best = (2.0 if answerable else -2.0) + noise * random.normal()
        asked.append(Asked(f"d{i % 40}", (best, *random.normal(size=3)), answerable, answerable and best > 0.5))
    return asked


def test_learns_what_tells_right_from_wrong() -> None:
    calibration = calibrate(questions(600), START, false_answers=0.1, made_with={}, about={"set": "x"})
    assert calibration.weights[0] > 1
    assert max(abs(weight) for weight in calibration.weights[1:]) < 0.5
    measured = calibration.measured
    assert (measured["set"], measured["answerable"], measured["unanswerable"]) == ("x", 400, 200)
    assert measured["false_answers"] == pytest.approx(0.1, abs=0.06)
    assert sum(one.questions for one in calibration.bins) > 300
    assert [one.lowest for one in calibration.bins] == sorted(one.lowest for one in calibration.bins)


def test_the_fit_is_that_of_scikit_learn() -> None:
    """The same penalty: PULL / 2 * |w - start|^2 with start 0 is scikit-learn's with C = 1 / PULL, but that it spares the bias."""
    from scipy.optimize import minimize

    from rag.evaluation import calibration

    asked = questions(200)
    signals, right = np.array([a.signals for a in asked]), np.array([a.right for a in asked])
    none = Calibration(0.0, (0.0,) * 4, 0.5, (), {}, {})
    bias, weights = calibration._fit(signals, right, none)

    def cost(all_weights: np.ndarray) -> float:
        chances = 1 / (1 + np.exp(-(all_weights[0] + signals @ all_weights[1:])))
        likelihood = np.where(right, chances, 1 - chances)
        return float(-np.log(likelihood).sum() + calibration.PULL / 2 * (all_weights**2).sum())

    expected = minimize(cost, np.zeros(5), method="Nelder-Mead", options={"maxiter": 20000, "xatol": 1e-8, "fatol": 1e-10}).x
    assert [bias, *weights] == pytest.approx(expected.tolist(), abs=1e-3)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.1, 0.5, 1.0])
def test_the_threshold_lets_no_more_through_than_was_asked_for(share: float) -> None:
    asked = questions(300, noise=2.0)
    calibration = calibrate(asked, START, false_answers=share, made_with={}, about={})
    confidences = [calibration.confidence(dict(zip(SIGNALS, one.signals, strict=True))) for one in asked if not one.answerable]
    let_through = np.mean([confidence >= calibration.threshold for confidence in confidences])
    assert let_through <= share
    assert let_through >= share - 0.02


def test_too_few_questions_are_refused() -> None:
    with pytest.raises(QuestionSetError, match="at least 20 questions"):
        calibrate(questions(40), START, false_answers=0.1, made_with={}, about={})


def test_kept_with_the_index_for_one_reader_and_model(tmp_path: Path) -> None:
    calibration = Calibration(
        -1.0, (1.0, 2.0, 3.0, 4.0), 0.4, (Bin(0.4, 10, 0.2),), {"reader": "r-1", "model": "m"}, {"set": "x"}
    )
    assert index_calibration(tmp_path, "r-1", "m") is None
    save_calibration(calibration, tmp_path / "calibration.json")
    assert index_calibration(tmp_path, "r-1", "m") == calibration
    assert index_calibration(tmp_path, "r-2", "m") is None
    assert index_calibration(tmp_path, "r-1", "other") is None
    for broken in ("", "{}", '{"weights": [1]}', "[]"):
        (tmp_path / "calibration.json").write_text(broken)
        with pytest.raises(IndexBroken, match="run `rag calibrate` again"):
            index_calibration(tmp_path, "r-1", "m")


@pytest.mark.parametrize("reader", ["similarity-1", "trained-0123"])
def test_each_reader_has_one_to_begin_with(reader: str) -> None:
    calibration = default_calibration(reader)
    assert 0 < calibration.threshold < 1
    assert len(calibration.weights) == len(SIGNALS)


def test_signals_of_a_worked_example(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Ferns need iron. Mosses do not.")
    (tmp_path / "b.txt").write_text("Nothing of the kind.")
    index = index_of(tmp_path, WordEmbedder())
    first, second = index.passages
    scored = [ScoredSentence(first, 0, 0.2), ScoredSentence(first, 1, 0.3), ScoredSentence(second, 0, 0.9)]
    hits = [Hit(first, 1.0, 1, similarity=0.4), Hit(second, 0.5, 2, similarity=0.6)]
    signals = signals_of("iron nothing", hits, scored, index)
    # ln(0.9 / 0.1); the larger similarity; one of two terms as rare as each other; the second of the passages read.
    assert signals == pytest.approx({"best": 2.19722, "similarity": 0.6, "coverage": 0.5, "rank": 1.0}, abs=1e-4)
    assert signals_of("iron ferns", hits, scored[:2], index)["coverage"] == pytest.approx(1.0)
    assert signals_of("iron", hits, [], index) == {}
