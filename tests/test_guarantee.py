"""The guarantee about strong answers: the bound, the test of thresholds, and whether it still holds later."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, binomtest, ks_2samp

from rag.accounts.users import LOCAL, User
from rag.answering.confidence import FILE, SIGNALS, Band, Calibration, default_calibration, save_calibration, stored_calibration
from rag.answering.guarantee_state import GuaranteeState, guarantee_state
from rag.answering.guarantees import Guarantee, answering_digest, with_guarantee
from rag.answering.wording import in_plain_words
from rag.config import AnsweringSettings, Settings
from rag.errors import QuestionSetError
from rag.evaluation.calibration import learn
from rag.evaluation.drift import ASKED_AGAIN, check_guarantee, save_sample, shifts
from rag.evaluation.guarantee import (
    GRID,
    Border,
    Judged,
    border_at,
    fewest_answers,
    guaranteed_border,
    judged_from,
    labels_needed,
    learn_guarantee,
    most_wrong,
    refusal,
)
from rag.evaluation.question_sets import Question, load_question_set
from rag.evaluation.runs import Outcome, save_run
from rag.library import Library
from rag.reader.networks import NETWORKS
from rag.reader.similarity_reader import SimilarityReader
from rag.receipts import receipt_text
from rag.records import Answer, Citation, QuotedSentence, Span, Strength
from rag.ui.calls import Reply, answer_call
from rag.ui.evaluation_acts import EVALUATION_ACTS, EvaluationPart
from rag.wire import answer_from, answer_values
from tests.conftest import SIMILARITY, WordEmbedder
from tests.test_library import QUESTION, write_questions

GUARANTEE = Guarantee(0.1, 0.95, questions=240, strong=120, wrong=4, index="i", settings=answering_digest(Settings()))


NEWER = Calibration(0.0, (0.0,) * 4, 0.4, (Band("strong", 0.8, 30, 0.95),), {}, {}, GUARANTEE)


@pytest.mark.parametrize(
    ("wrong", "answers", "upper"),
    [(81, 263, 0.3676), (15, 148, 0.1617), (0, 20, 0.1684), (1, 29, 0.1776)],
)
def test_the_bound_is_the_published_one(wrong: int, answers: int, upper: float) -> None:
    """Newcombe, Statistics in Medicine 17 (1998), table I, method 5: two-sided at 95%, so one-sided at 97.5%."""
    assert most_wrong(wrong, answers, 0.975) == pytest.approx(upper, abs=5e-5)


def test_the_bound_is_that_of_scipy() -> None:
    for answers in (1, 2, 29, 240):
        for wrong in {0, answers // 10, answers // 2, answers - 1, answers}:
            interval = binomtest(wrong, answers).proportion_ci(confidence_level=0.9, method="exact")
            assert most_wrong(wrong, answers, 0.95) == pytest.approx(interval.high, abs=1e-9)


def test_the_fewest_answers_are_those_of_wilks() -> None:
    """Wilks 1941: 59 observations for 95/95, 22 for 90/90, 299 for 99/95."""
    assert [fewest_answers(0.05, 0.95), fewest_answers(0.1, 0.9), fewest_answers(0.01, 0.95)] == [59, 22, 299]
    for at_most, certainty in ((0.1, 0.95), (0.3, 0.8)):
        fewest = fewest_answers(at_most, certainty)
        assert most_wrong(0, fewest, certainty) <= at_most < most_wrong(0, fewest - 1, certainty)


def judged(random: np.random.Generator, size: int, wrong_at: float) -> list[Judged]:
    """Confidences from 0.5 to 1; the share of wrong answers falls from `wrong_at` to 0."""
    confidences = random.uniform(0.5, 1, size)
    right = random.random(size) >= wrong_at * 2 * (1 - confidences)
    return [Judged(float(c), bool(r)) for c, r in zip(confidences, right, strict=True)]


def share_wrong(lowest: float, wrong_at: float) -> float:
    """The true share of wrong answers from `lowest` up in `judged`: the mean of a line that ends at 0."""
    return wrong_at * (1 - lowest)


@pytest.mark.parametrize(("size", "wrong_at"), [(200, 0.8), (200, 0.45), (800, 0.5), (60, 1.0)])
def test_a_guarantee_is_broken_no_more_often_than_it_says(size: int, wrong_at: float) -> None:
    """The law, by simulation: of 2,000 samples, at most 5% (and three standard errors) lead to a border with more wrong answers."""
    random = np.random.default_rng(11)
    broken = 0
    for _ in range(2000):
        border = guaranteed_border(judged(random, size, wrong_at), at_most=0.1, certainty=0.95)
        broken += border is not None and share_wrong(border.lowest, wrong_at) > 0.1
    assert broken / 2000 <= 0.05 + 3 * (0.05 * 0.95 / 2000) ** 0.5


def test_with_many_questions_the_border_comes_close_to_the_best() -> None:
    """From 0.8 up, 10% are wrong: no border below is true, and 20,000 questions show nearly all above it."""
    border = guaranteed_border(judged(np.random.default_rng(3), 20_000, 0.5), at_most=0.1, certainty=0.95)
    assert border is not None and 0.8 <= border.lowest <= 0.83


def test_the_first_failure_ends_the_tests() -> None:
    """Right from 0.8 up and below 0.77, wrong in between: the border stays above, though all together would pass."""
    sample = [Judged(0.9, True)] * 200 + [Judged(0.78, False)] * 40 + [Judged(0.755, True)] * 160
    assert most_wrong(40, 400, 0.95) < 0.15
    assert guaranteed_border(sample, at_most=0.15, certainty=0.95) == Border(0.79, 200, 0)


def test_thresholds_that_too_few_answers_reach_are_skipped() -> None:
    """Two wrong answers at the top do not end the tests, because 28 answers cannot show anything."""
    top = [Judged(0.99, False)] * 2 + [Judged(0.99, True)] * 26
    assert guaranteed_border(top, at_most=0.1, certainty=0.95) is None
    border = guaranteed_border(top + [Judged(0.9, True)] * 200, at_most=0.1, certainty=0.95)
    assert border == Border(0.75, 228, 2)


def test_a_refusal_says_how_many_questions_it_would_take() -> None:
    few = [Judged(0.9, True)] * 10 + [Judged(0.1, False)] * 10
    assert labels_needed(border_at(0.75, few), 20, at_most=0.1, certainty=0.95) == 58  # 29 strong answers, one in two
    told = refusal("birds", few, at_most=0.1, certainty=0.95)
    assert "of 10 strong answers in birds, 0 were wrong" in told
    assert "about 58 judged questions instead of 20" in told
    assert "at most 10% are" in told and "\n" not in told
    some = [Judged(0.9, n % 20 != 0) for n in range(60)]  # one in twenty
    labels = labels_needed(border_at(0.75, some), 60, at_most=0.1, certainty=0.95)
    assert labels is not None and binom.cdf(np.ceil(labels / 20), labels, 0.1) <= 0.05
    assert "more questions would not show" in refusal(
        "x", [Judged(0.9, n % 5 != 0) for n in range(60)], at_most=0.1, certainty=0.95
    )
    assert refusal("empty", [], at_most=0.1, certainty=0.95).startswith("of 0 strong answers in empty")


def outcome(
    id: str, confidence: float, *, strength: Strength | None = "strong", signals: bool = True, right: bool = True
) -> Outcome:
    place = Span(0, 1)
    answer = Answer(
        id, id, (QuotedSentence("x", 1),), (Citation(1, "d", "d", place, "x", None, (), ""),),
        confidence=confidence, strength=strength, signals=dict.fromkeys(SIGNALS, 0.0) if signals else {},
    )  # fmt: skip
    return Outcome(id, answer, False, confidence, None, {}, right)


def test_what_is_called_strong_is_what_is_counted() -> None:
    """With the weights 0 every answer that was read has the confidence 0.8176 = logistic(1.5)."""
    calibration = Calibration(1.5, (0.0,) * 4, 0.3, (), {}, {})
    outcomes = [
        outcome("read", 0.8176),
        outcome("two in one", 0.4088, strength="weak"),  # half an answer: the confidence was halved
        outcome("another language", 0.8176, strength=None),
        outcome("from a table", 0.98, signals=False),
        outcome("from a table, fair", 0.9, signals=False, strength="fair"),
    ]
    questions = [Question(o.question_id, o.question_id, unanswerable=True) for o in outcomes]
    counted = judged_from(questions, {o.question_id: o for o in outcomes}, calibration)
    assert [one.confidence for one in counted] == [0.8176, 0.4088, 0.0, 1.0, 0.0]
    other = replace(calibration, bias=-1.5)  # the run had other weights, so only the signals count
    counted = judged_from(questions, {o.question_id: o for o in outcomes}, other)
    assert [one.confidence for one in counted] == [0.1824, 0.1824, 0.0, 1.0, 0.0]
    assert judged_from([Question("read", "read")], {"read": outcomes[0]}, calibration) == []  # nobody knows its answer


def test_the_line_is_told_with_strong_answers_only_while_it_holds() -> None:
    line = "at most 10% of strong answers are wrong (95% certain, 240 judged questions)"
    assert GUARANTEE.line == line
    strong = replace(outcome("q", 0.9).answer, index="i", expected_wrong=0.04)
    told = with_guarantee(strong, GUARANTEE, Settings())
    assert told.guarantee == line
    assert in_plain_words(told).endswith(f"; {line}")
    assert answer_from(answer_values(told)) == told
    assert line in receipt_text(told, "md", model="m", reader="r")
    assert line in receipt_text(told, "html", model="m", reader="r")
    assert with_guarantee(replace(strong, strength="fair"), GUARANTEE, Settings()).guarantee == ""
    assert with_guarantee(strong, None, Settings()).guarantee == ""
    assert with_guarantee(replace(strong, index="new"), GUARANTEE, Settings()).guarantee == ""
    shorter = Settings(answering={"max_sentences": 1})
    assert with_guarantee(strong, GUARANTEE, shorter).guarantee == ""
    assert with_guarantee(strong, GUARANTEE, Settings(answering={"min_confidence": 0.5})).guarantee == line
    assert with_guarantee(strong, replace(GUARANTEE, drift="x differs"), Settings()).guarantee == ""
    old = answer_values(strong)
    del old["guarantee"]  # an answer that an earlier release saved
    assert answer_from(old).guarantee == ""


def test_stored_with_the_calibration(tmp_path: Path) -> None:
    calibration = Calibration(0.0, (0.0,) * 4, 0.4, (Band("strong", 0.8, 30, 0.95),), {}, {}, GUARANTEE)
    save_calibration(calibration, tmp_path / FILE)
    assert stored_calibration(tmp_path) == calibration


def test_shifted_signals_are_found_and_equal_ones_are_not() -> None:
    random = np.random.default_rng(5)
    before = random.normal(size=(200, 4))
    assert shifts(before, before) == []
    moved = before.copy()
    moved[:, 1] += 1
    moved[:, 3] -= 2
    found = shifts(before, moved)
    assert [shift.signal for shift in found] == ["unnamed", "similarity"]
    assert found[0].p == pytest.approx(ks_2samp(before[:, 3], moved[:, 3], method="asymp").pvalue)
    assert shifts(before, np.empty((0, 4))) == []


def test_several_signals_raise_no_more_false_alarms_than_one() -> None:
    """Holm's correction: without it, about 18% of these pairs would differ in one signal or another."""
    random = np.random.default_rng(7)
    alarms = sum(bool(shifts(random.normal(size=(60, 4)), random.normal(size=(60, 4)))) for _ in range(300))
    assert alarms <= 300 * 0.05 + 3 * (300 * 0.05 * 0.95) ** 0.5


@pytest.fixture
def library(corpus: Path, tmp_path: Path) -> Library:
    library = Library(Settings(corpus=corpus, index=tmp_path / "index", answering=SIMILARITY), embedder=WordEmbedder())
    library.build()
    return library


def test_given_checked_after_a_change_and_told_on_the_way(library: Library, tmp_path: Path) -> None:
    """From a judged set to the line in the answer, and what becomes of it when the documents change."""
    evaluation = library.evaluate(write_questions(tmp_path / "set", answered=60, unanswerable=30))
    learned = learn_guarantee(evaluation.questions, evaluation.outcome_of, evaluation.chat, at_most=0.1, certainty=0.95)
    guarantee = learned.guarantee
    assert guarantee is not None and guarantee.wrong == 0 and guarantee.questions == 90 and guarantee.strong >= 29
    assert learned.bands[0].strength == "strong" and learned.bands[0].lowest in GRID
    default = default_calibration(library.chat.reader.identity, library.embedder.identity.digest)
    assert (learned.weights, learned.threshold) == (default.weights, default.threshold)
    assert learned.bands[-1].lowest == learned.threshold or len(learned.bands) == 1
    assert library.ask(f"{QUESTION} 1").guarantee == guarantee.line
    assert library.ask("Who painted ceiling 1?").guarantee == ""
    state = guarantee_state(library.settings)
    assert state is not None and (state.line, state.trouble) == (guarantee.line, "")
    assert {check.name: check.faults for check in library.doctor()}["guarantee"] == []

    faq = library.settings.corpus / "faq.txt"
    faq.write_text(faq.read_text() + "\n\n")
    library.build()
    assert library.ask(f"{QUESTION} 1").guarantee == ""
    faults = {check.name: check.faults for check in library.doctor()}["guarantee"]
    assert faults == [("the documents have changed since the guarantee was measured", "run `rag calibrate --check`")]
    asked: list[int] = []
    checked = check_guarantee(library.chat, lambda what, done, total: asked.append(done))
    assert checked.drift == "" and asked[-1] == 90
    assert library.ask(f"{QUESTION} 1").guarantee == guarantee.line

    faq.write_text("The museum of glass is closed on Mondays.")
    library.build()
    checked = check_guarantee(library.chat, lambda what, done, total: None)
    assert "the score of the best sentence" in checked.drift
    assert checked.trouble(library.settings, library.chat.index().digest).startswith("the guarantee no longer holds: asked again")
    assert {check.name: check.faults for check in library.doctor()}["guarantee"] != []


def test_refused_where_the_questions_do_not_carry_it(library: Library, tmp_path: Path) -> None:
    evaluation = library.evaluate(write_questions(tmp_path / "set", answered=22, unanswerable=22))
    with pytest.raises(QuestionSetError, match=r"of 22 strong answers in set, 0 were wrong.* about 58 judged questions"):
        learn_guarantee(evaluation.questions, evaluation.outcome_of, evaluation.chat, at_most=0.1, certainty=0.95)
    assert not (library.settings.index / FILE).exists()
    with pytest.raises(QuestionSetError, match="there is no guarantee to check"):
        check_guarantee(library.chat, lambda what, done, total: None)
    assert guarantee_state(library.settings) is None


def test_the_sample_is_bounded_private_and_always_the_same(tmp_path: Path) -> None:
    questions = [Question(f"q{n}", f"What is {n}?", unanswerable=True) for n in range(ASKED_AGAIN + 50)]
    outcomes = {question.id: outcome(question.id, 0.5) for question in questions}
    save_sample(tmp_path, questions, outcomes)
    kept = (tmp_path / "judged_questions.json").read_bytes()
    assert kept.count(b'"text"') == ASKED_AGAIN
    assert (tmp_path / "judged_questions.json").stat().st_mode & 0o077 == 0
    save_sample(tmp_path, questions[::-1], outcomes)
    assert (tmp_path / "judged_questions.json").read_bytes() == kept


def test_another_model_says_what_to_do(library: Library, tmp_path: Path) -> None:
    library.evaluate(write_questions(tmp_path / "set", answered=1, unanswerable=1))
    assert load_question_set(tmp_path / "set").questions
    calibration = Calibration(0.0, (0.0,) * 4, 0.4, (), {"reader": "similarity-1", "model": "another"}, {}, GUARANTEE)
    save_calibration(calibration, library.settings.index / FILE)
    state = guarantee_state(library.settings)
    assert state is not None and "another model or reader; run `rag calibrate SET" in state.trouble
    with pytest.raises(QuestionSetError, match="another model or other settings"):
        check_guarantee(library.chat, lambda what, done, total: None)


@pytest.mark.parametrize("reader", [network.name for network in NETWORKS.values()])
def test_the_guarantee_holds_with_each_reading_network(reader: str, library: Library) -> None:
    """The setting calls every network "trained", whatever its own name is."""
    settings = library.settings.model_copy(update={"answering": AnsweringSettings(reader="trained")})
    manifest = library.chat.index().manifest
    measured = replace(GUARANTEE, index=manifest.hash, settings=answering_digest(settings))
    made_with = {"reader": f"{reader}-0123456789abcdef", "model": manifest.contents.model.digest}
    save_calibration(Calibration(0.0, (0.0,) * 4, 0.4, (), made_with, {}, measured), library.settings.index / FILE)
    assert guarantee_state(settings) == GuaranteeState(GUARANTEE.line, "")
    other = guarantee_state(library.settings)
    assert other is not None and other.trouble.startswith("the guarantee was measured with another model or reader")


def test_the_evaluation_tab_gives_and_checks_a_guarantee(library: Library, tmp_path: Path) -> None:
    sets, runs = tmp_path / "evaluation", tmp_path / "runs"
    folder = write_questions(sets / "ferns", answered=60, unanswerable=30)
    assert library.settings.evaluation.sets.resolve() == sets
    evaluation = library.evaluate(folder)
    save_run(runs, evaluation.run, evaluation.outcomes)
    evaluating = EvaluationPart(library)

    def act(user: User = LOCAL, **payload: object) -> Reply:
        return answer_call(EVALUATION_ACTS, evaluating, user, payload)

    run = evaluation.run.name
    assert act(do="progress")["guarantee"] == ""
    assert "no guarantee to check" in _checked(evaluating, act)
    assert act(User("ann", "reader"), do="guarantee", run=run, at_most=0.1)["error"] == "Only curators can evaluate."
    assert "Invalid request: at_most" in act(do="guarantee", run=run, at_most=0.0)["error"]
    assert "judged questions instead of 90" in act(do="guarantee", run=run, at_most=0.001)["error"]
    assert act(do="guarantee", run=run, at_most=0.1)["message"].startswith("Answers are now strong from a confidence of 0.")
    line = "at most 10% of strong answers are wrong (95% certain, 90 judged questions)"
    state = act(do="progress")
    assert (state["guarantee"], state["unchecked"]) == (f"Guaranteed: {line}.", False)
    faq = library.settings.corpus / "faq.txt"
    faq.write_text(faq.read_text() + "\n\n")
    library.build()
    assert act(do="progress")["unchecked"]
    assert _checked(evaluating, act) == "Done: the guarantee holds."
    assert act(do="progress")["guarantee"] == f"Guaranteed: {line}."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda library: save_calibration(NEWER, library.settings.index / FILE), "a new calibration was saved"),
        (lambda library: ((library.settings.corpus / "new.txt").write_text("Ferns."), library.build()), "the documents changed"),
    ],
)
def test_a_check_overwrites_nothing_newer(
    change: Callable[[Library], object], message: str, library: Library, tmp_path: Path
) -> None:
    evaluation = library.evaluate(write_questions(tmp_path / "set", answered=60, unanswerable=30))
    learn_guarantee(evaluation.questions, evaluation.outcome_of, evaluation.chat, at_most=0.1, certainty=0.95)
    stored: list[bytes] = []

    def change_halfway(_: str, done: int, total: int) -> None:
        if done == total // 2:
            change(library)
            stored.append((library.settings.index / FILE).read_bytes())

    with pytest.raises(QuestionSetError, match=f"{message} while questions were asked; check again"):
        check_guarantee(library.chat, change_halfway)
    assert (library.settings.index / FILE).read_bytes() == stored[0]
    assert {check.name: check.faults for check in library.doctor()}["leftovers"] == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda library, folder: _append(library.settings.corpus / "faq.txt", "\n\n"), "the documents"),
        (lambda library, folder: _append(folder / "unanswerable.jsonl", '{"query_id": "a0"}\n'), "the question set"),
        (lambda library, folder: setattr(library.chat, "settings", _longer(library.settings)), "the settings"),
        (lambda library, folder: setattr(library.chat, "reader", _Reader(library.embedder)), "the reader"),
    ],
)
def test_a_run_from_before_a_change_is_refused(
    change: Callable[[Library, Path], object], what: str, library: Library, tmp_path: Path
) -> None:
    sets, runs = tmp_path / "evaluation", tmp_path / "runs"
    evaluation = library.evaluate(write_questions(sets / "ferns", answered=60, unanswerable=30))
    save_run(runs, evaluation.run, evaluation.outcomes)
    evaluating, run = EvaluationPart(library), evaluation.run.name
    assert answer_call(EVALUATION_ACTS, evaluating, LOCAL, {"do": "show", "run": run})["answerable"] == 60  # opened before
    change(library, sets / "ferns")
    library.build()
    refused = {"error": f"since the run {run}, {what} changed; evaluate the set again"}
    for request in ({"do": "guarantee", "at_most": 0.1}, {"do": "calibrate", "false_answers": 0.1}):
        assert answer_call(EVALUATION_ACTS, evaluating, LOCAL, request | {"run": run}) == refused
    assert not (library.settings.index / FILE).exists()


class _Reader(SimilarityReader):
    identity = "similarity-0"


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def _longer(settings: Settings) -> Settings:
    return settings.model_copy(update={"answering": settings.answering.model_copy(update={"max_sentences": 9})})


def test_refused_where_a_build_became_live_while_questions_were_asked(library: Library, tmp_path: Path) -> None:
    evaluation = library.evaluate(write_questions(tmp_path / "set", answered=60, unanswerable=30))
    _append(library.settings.corpus / "faq.txt", "\n\n")
    library.build()
    arguments = evaluation.questions, evaluation.outcome_of, evaluation.chat
    with pytest.raises(QuestionSetError, match="the documents changed after questions were asked"):
        learn_guarantee(*arguments, at_most=0.1, certainty=0.95)
    with pytest.raises(QuestionSetError, match="the documents changed after questions were asked"):
        learn(*arguments, false_answers=0.1)
    assert not (library.settings.index / FILE).exists()


def _checked(evaluating: EvaluationPart, act: Callable[..., Reply]) -> str:
    assert act(do="check") == {}
    evaluating.job.join()
    return evaluating.job.state.result
