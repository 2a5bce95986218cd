"""Confidence, threshold and bands from questions with known answers."""

from pathlib import Path

import numpy as np
import pytest

from rag.answering.confidence import (
    NOT_MEASURED,
    SIGNALS,
    Band,
    Calibration,
    default_calibration,
    index_calibration,
    names_in,
    save_calibration,
    signals_of,
)
from rag.answering.wording import in_plain_words
from rag.config import Settings, load_settings
from rag.conversation import Chat
from rag.errors import IndexBroken, QuestionSetError
from rag.evaluation.calibration import FEWEST, NOTHING_READ, Asked, asked_from, calibrate
from rag.evaluation.question_sets import Question
from rag.evaluation.runs import Outcome
from rag.library import Library
from rag.models.model_identity import model_identity
from rag.reader.scored_sentences import ScoredSentence
from rag.reader.similarity_reader import SimilarityReader
from rag.reader.trained_reader import TrainedReader
from rag.records import Answer, Hit
from rag.text.terms import terms
from tests.conftest import WordEmbedder, index_of, updated

START = Calibration(0.0, (1.0, 0.0, 0.0, 0.0), 0.5, (), {}, {})


def questions(number: int, *, noise: float = 1.0) -> list[Asked]:
    """Answerable questions have a strong first signal, unanswerable ones a weak one; the other signals are noise."""
    random = np.random.default_rng(3)
    asked = []
    for i in range(number):
        answerable = i % 3 != 0
        best = (2.0 if answerable else -2.0) + noise * random.normal()
        asked.append(Asked(f"d{i % 40}", (best, *random.normal(size=3)), answerable, answerable and best > 0.5))
    return asked


def test_learns_which_signal_separates_right_from_wrong() -> None:
    calibration = calibrate(questions(600), START, false_answers=0.1, made_with={}, about={"set": "x"})
    assert calibration.weights[0] > 1
    assert max(abs(weight) for weight in calibration.weights[1:]) < 0.5
    measured = calibration.measured
    assert (measured["set"], measured["answerable"], measured["unanswerable"]) == ("x", 400, 200)
    assert measured["false_answers"] == pytest.approx(0.1, abs=0.06)


def test_bands_keep_their_promise_and_reach_down_to_the_threshold() -> None:
    calibration = calibrate(questions(900, noise=2.5), START, false_answers=0.4, made_with={}, about={})
    strong, fair, weak = calibration.bands
    assert [band.strength for band in calibration.bands] == ["strong", "fair", "weak"]
    assert strong.right >= 0.9 and fair.right >= 2 / 3 > weak.right
    assert strong.lowest > fair.lowest > weak.lowest == calibration.threshold
    assert strong.questions + fair.questions + weak.questions > 300
    assert calibration.band(strong.lowest) is strong
    assert calibration.band(strong.lowest - 0.0001) is fair
    assert calibration.band(weak.lowest) is weak
    assert calibration.band(weak.lowest - 0.0001) is None


def test_a_band_that_no_border_reaches_is_missing() -> None:
    """Right or wrong by the toss of a coin: no confidence is right nine times of ten."""
    random = np.random.default_rng(5)
    asked = [Asked(f"d{i}", tuple(random.normal(size=4)), i % 3 != 0, i % 3 != 0 and i % 2 == 0) for i in range(600)]
    calibration = calibrate(asked, START, false_answers=0.9, made_with={}, about={})
    assert [band.strength for band in calibration.bands] == ["weak"]
    assert calibration.bands[0].right == pytest.approx(1 / 3, abs=0.05)


def test_a_band_of_too_few_questions_is_missing() -> None:
    """Fewer than FEWEST questions were answered, all rightly: too little to call them strong."""
    asked = [Asked(f"d{i}", (3.0 if i < FEWEST - 1 else -3.0, 0, 0, 0), i < 60, i < FEWEST - 1) for i in range(120)]
    calibration = calibrate(asked, START, false_answers=0.0, made_with={}, about={})
    assert "strong" not in [band.strength for band in calibration.bands]


def test_the_fit_is_that_of_scikit_learn() -> None:
    """The penalty PULL / 2 * |w - start|^2 with start 0 is scikit-learn's with C = 1 / PULL, except that it spares the bias."""
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
def test_the_threshold_lets_through_no_more_than_the_share_asked_for(share: float) -> None:
    asked = questions(300, noise=2.0)
    calibration = calibrate(asked, START, false_answers=share, made_with={}, about={})
    confidences = [calibration.confidence(dict(zip(SIGNALS, one.signals, strict=True))) for one in asked if not one.answerable]
    let_through = np.mean([confidence >= calibration.threshold for confidence in confidences])
    assert let_through <= share
    assert let_through >= share - 0.02


def test_too_few_questions_are_refused() -> None:
    with pytest.raises(QuestionSetError, match="at least 20 questions"):
        calibrate(questions(40), START, false_answers=0.1, made_with={}, about={})


def test_answers_looked_up_in_a_table_teach_nothing_about_reading() -> None:
    read = dict.fromkeys(SIGNALS, 1.0)
    outcomes = {
        "read": Outcome("read", Answer("q", "q", signals=read), False, 0.4, None, {}),
        "looked up": Outcome("looked up", Answer("q", "q"), False, 0.97, None, {}),
        "nothing read": Outcome("nothing read", Answer("q", "q"), True, 0.0, None, {}),
    }
    asked = asked_from([Question(id, id, unanswerable=True) for id in outcomes], outcomes)
    assert [(row.group, row.signals) for row in asked] == [("read", (1.0,) * len(SIGNALS)), ("nothing read", NOTHING_READ)]


def test_stored_with_the_index_for_one_reader_and_model(tmp_path: Path) -> None:
    bands = (Band("strong", 0.8, 30, 0.95), Band("weak", 0.4, 10, 0.2))
    calibration = Calibration(-1.0, (1.0, 2.0, 3.0, 4.0), 0.4, bands, {"reader": "r-1", "model": "m"}, {"set": "x"})
    assert index_calibration(tmp_path, "r-1", "m") is None
    save_calibration(calibration, tmp_path / "calibration.json")
    assert index_calibration(tmp_path, "r-1", "m") == calibration
    assert index_calibration(tmp_path, "r-2", "m") is None
    assert index_calibration(tmp_path, "r-1", "other") is None
    for broken in ("", "{}", '{"weights": [1]}', "[]"):
        (tmp_path / "calibration.json").write_text(broken)
        with pytest.raises(IndexBroken, match="run `rag calibrate` again"):
            index_calibration(tmp_path, "r-1", "m")


def test_an_edited_calibration_is_refused_and_the_doctor_says_so(tmp_path: Path, corpus: Path) -> None:
    settings = Settings(corpus=corpus, index=tmp_path / "index")
    updated(corpus, settings.index)
    path = settings.index / "calibration.json"
    save_calibration(Calibration(-1.0, (1.0, 2.0, 3.0, 4.0), 0.4, (), {"reader": "r-1", "model": "m"}, {}), path)

    def faults() -> list[tuple[str, str]]:
        checks = Library(settings, embedder=WordEmbedder()).doctor()
        return next(check.faults for check in checks if check.name == "calibration")

    assert faults() == []
    for old, new in (('"threshold":0.4', '"threshold":0.1'), ('"digest":"', '"digest":"0')):
        sound = path.read_text()
        path.write_text(sound.replace(old, new))
        with pytest.raises(IndexBroken, match="it was changed after it was written"):
            index_calibration(settings.index, "r-1", "m")
        assert "run `rag calibrate` again" in faults()[0][1]
        path.write_text(sound)


def test_a_calibration_of_an_earlier_version_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text(
        '{"bias": -1, "bins": [], "made_with": {"model": "m", "reader": "r"}, "measured": {}, "threshold": 0.4, "weights": [1,2,3,4]}'
    )
    with pytest.raises(IndexBroken, match=r"an earlier version wrote it, without bands; .* run `rag calibrate` again") as refused:
        index_calibration(tmp_path, "r", "m")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("reader", ["similarity-1", "trained-0123"])
def test_each_reader_comes_with_one(reader: str) -> None:
    calibration = default_calibration(reader, "a model")
    assert 0 < calibration.threshold < 1
    assert len(calibration.weights) == len(SIGNALS)


def test_the_bundled_reader_and_model_come_with_bands() -> None:
    """New weights of either need a new calibration: benchmarks/confidence.py."""
    calibration = default_calibration(TrainedReader().identity, model_identity(load_settings().embedding).digest)
    strong, fair, weak = calibration.bands
    assert (strong.strength, fair.strength, weak.strength) == ("strong", "fair", "weak")
    assert strong.right >= 0.9 and fair.right >= 2 / 3
    assert min(strong.questions, fair.questions, weak.questions) >= FEWEST


def test_with_another_model_no_rate_and_no_strength_are_claimed(tmp_path: Path) -> None:
    """The bundled calibration was measured with the bundled model; its rates say nothing about another."""
    (tmp_path / "a.txt").write_text("Ferns need iron. Mosses do not.")
    settings = load_settings(corpus=str(tmp_path), index=str(tmp_path / "index"))
    embedder = WordEmbedder()

    class Certain(SimilarityReader):
        identity = TrainedReader().identity

    calibration = Chat(settings, embedder, Certain(embedder)).calibration()
    assert calibration.bands == ()
    assert calibration.measured == {"asked": NOT_MEASURED}
    unclaimed = Answer("q", "q", confidence=0.97, measured_on=NOT_MEASURED)
    assert in_plain_words(unclaimed) == f"confidence 0.97 ({NOT_MEASURED})"
    assert "rag calibrate" in NOT_MEASURED and "\n" not in NOT_MEASURED


def test_signals_of_a_worked_example(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Ferns need iron. Mosses do not.")
    (tmp_path / "b.txt").write_text("Nothing of the kind.")
    index = index_of(tmp_path, WordEmbedder())
    first, second = index.passages
    scored = [ScoredSentence(first, 0, 0.2), ScoredSentence(first, 1, 0.3), ScoredSentence(second, 0, 0.9)]
    hits = [Hit(first, 1.0, 1, similarity=0.4), Hit(second, 0.5, 2, similarity=0.6)]
    signals = signals_of("Does Nothing grow like Iron 57?", hits, scored, index)
    # ln(0.9 / 0.1); the larger similarity; second of the passages read; "Iron" and "57" are not in the best sentence.
    assert signals == pytest.approx({"best": 2.19722, "similarity": 0.6, "rank": 1.0, "unnamed": 2.0}, abs=1e-4)
    assert signals_of("iron", hits, [], index) == {}


SIBLINGS = [
    ("# Pumps\n\n## P50\n\nIt is red. It lifts 9 m.\n", "It lifts 9 m.", "P50"),
    ("# Pumps\n\nThe P35 lifts 4 m. The P50 lifts 9 m.\n", "The P50 lifts 9 m.", "P50"),
    ("# Pumps\n\nThe P50 is red. It lifts 9 m. The P35 is blue.\n", "It lifts 9 m.", "P50"),
    ("# Pumps\n\nThe P35 is blue. The P50 has:\n\n- a lift of 9 m\n- a red lid\n", "a lift of 9 m", "P50"),
    ("# Pumps\n\n| Pump | Lift |\n|---|---|\n| P35 | 4 m |\n| P50 | 9 m |\n", "P50 | 9 m", "P50"),
    ("# Lift\n\n| Height | P50 |\n|---|---|\n| in water | 9 m |\n\nThe P35 has none.\n", "in water | 9 m", "P50"),
    ("# Leave of 2024\n\n## Nurses\n\nThey have 30 days.\n\n## Doctors in 2025\n\nThey have 28.\n", "They have 30 days.", "2024"),
]


@pytest.mark.parametrize(("text", "quote", "name"), SIBLINGS)
def test_a_name_must_be_in_the_sentence_or_in_what_it_belongs_to(tmp_path: Path, text: str, quote: str, name: str) -> None:
    (tmp_path / "text.md").write_text(text)
    index = index_of(tmp_path, WordEmbedder())
    (best,) = [
        ScoredSentence(passage, n, 0.9)
        for passage in index.passages
        for n, sentence in enumerate(passage.sentences)
        if passage.text_of(sentence) == quote
    ]
    for sibling in ("P50", "P35", "2024", "2025"):
        signals = signals_of(f"How high does the {sibling} lift?", [Hit(best.passage, 1.0, 1)], [best], index)
        assert signals["unnamed"] == (sibling != name), sibling


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("What does the P50 weigh?", {"p50"}),
        ("When did Anna Berg cut it?", {"anna", "berg"}),
        ("when did anna cut it", set()),
        ("What is clause 3.2?", {"3.2"}),
        ("MTBF meaning", {"mtbf"}),
        ("What does MTBF stand for?", {"mtbf"}),
        ("MTBF", {"mtbf"}),
        ("How many 20-year-olds have it?", {"20"}),
        ("Which 3-phase motor is it?", {"3"}),
        ("the X-200 or the Y-200", {"x-200", "y-200"}),
        ("Weight Of The Pump", set()),
        ("WHAT DOES THE P50 WEIGH?", {"p50"}),
        ("Can I ask what it weighs?", set()),
    ],
)
def test_names_are_words_with_a_digit_or_a_capital(question: str, names: set[str]) -> None:
    assert names_in(question) == {term for name in names for term in terms(name)}
