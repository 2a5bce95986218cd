"""Whether a guarantee still holds after the documents changed: judged questions are asked again, and their signals compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.answering.confidence import FILE, SIGNALS, save_calibration, stored_calibration
from rag.answering.guarantees import Guarantee, answering_digest
from rag.conversation import Chat
from rag.errors import QuestionSetError
from rag.evaluation.question_sets import Question
from rag.evaluation.runs import Outcome
from rag.index.builds import Report
from rag.storage.files import replace_file, sha256_json
from rag.storage.versioned import VersionedFormat

ASKED_AGAIN = 200  # questions: about half a minute, and enough to see a shift of a sixth of the distribution
SIGNIFICANT = 0.05  # family-wise error rate of the tests, over all signals
MEANING = {
    "best": "the score of the best sentence",
    "similarity": "the similarity of question and passage",
    "rank": "the rank of the passage with the best sentence",
    "unnamed": "the number of missing names",
}


@dataclass(frozen=True)
class AskedQuestion:
    """A judged question with the signals of its answer when the guarantee was measured."""

    text: str
    history: tuple[Mapping[str, Any], ...]
    signals: dict[str, float]


@dataclass(frozen=True)
class AskedQuestions:
    """A fixed sample of the judged questions, at most ASKED_AGAIN."""

    questions: tuple[AskedQuestion, ...]


FORMAT = VersionedFormat("sample of judged questions", AskedQuestions, 1, QuestionSetError)
SAMPLE_FILE = "judged_questions.json"  # in an index folder


@dataclass(frozen=True, slots=True)
class Shift:
    """A signal whose distribution has changed: the greatest difference between the two, and its p-value."""

    signal: str
    difference: float
    p: float


def save_sample(folder: Path, questions: Sequence[Question], outcomes: Mapping[str, Outcome]) -> None:
    """Keeps what a later check needs: the questions that were read for, sampled by the hash of their text."""
    asked = [
        AskedQuestion(question.text, question.history, outcomes[question.id].answer.signals)
        for question in questions
        if (question.answers or question.unanswerable) and outcomes[question.id].answer.signals
    ]
    sample = sorted(asked, key=lambda question: sha256_json([question.text, list(question.history)]))[:ASKED_AGAIN]
    replace_file(folder / SAMPLE_FILE, FORMAT.dump(AskedQuestions(tuple(sample))), mode=0o600)


def shifts(before: NDArray[Any], now: NDArray[Any]) -> list[Shift]:
    """The signals (columns) whose distribution differs, by two-sample Kolmogorov-Smirnov tests with Holm's correction."""
    from scipy.stats import ks_2samp  # takes a second to import

    if not len(before) or not len(now):
        return []
    # The asymptotic p-value: the exact one cannot be computed for some samples with many equal values.
    tests = [ks_2samp(before[:, column], now[:, column], method="asymp") for column in range(len(SIGNALS))]
    ranked = sorted(zip(SIGNALS, tests, strict=True), key=lambda test: float(test[1].pvalue))
    shifted = []
    for row, (signal, test) in enumerate(ranked):
        if test.pvalue * (len(ranked) - row) > SIGNIFICANT:
            break
        shifted.append(Shift(signal, float(test.statistic), float(test.pvalue)))
    return shifted


def check_guarantee(chat: Chat, report: Report) -> Guarantee:
    """Asks the sample again, and stores with the calibration whether the guarantee holds for the present build.

    Raises QuestionSetError if there is none to check, or if the documents or the calibration change meanwhile.
    """
    folder, path = chat.settings.index, chat.settings.index / SAMPLE_FILE
    calibration = stored_calibration(folder)
    if calibration is None or calibration.guarantee is None:
        raise QuestionSetError("there is no guarantee to check; `rag calibrate SET --at-most 0.1` gives one")
    made_with = {"reader": chat.reader.identity, "model": chat.embedder.identity.digest}
    if calibration.made_with != made_with or calibration.guarantee.settings != answering_digest(chat.settings):
        raise QuestionSetError(
            "the guarantee was measured with another model or other settings; run `rag calibrate SET --at-most …` again"
        )
    try:
        sample = FORMAT.load(path.read_bytes(), path).questions
    except OSError as error:
        raise QuestionSetError(f"{path} cannot be read ({error.strerror}); run `rag calibrate SET --at-most …` again") from error
    index, again = chat.index().digest, []
    for done, question in enumerate(sample):
        report("asking again", done, len(sample))
        again.append(chat.ask(question.text, history=question.history))
    report("asking again", len(sample), len(sample))
    if any(answer.index != index for answer in again):
        raise QuestionSetError("the documents changed while questions were asked; check again")
    shifted = shifts(_rows([question.signals for question in sample]), _rows([answer.signals for answer in again]))
    guarantee = replace(calibration.guarantee, index=index, drift=_described(shifted, len(sample)))
    save_calibration(replace(calibration, guarantee=guarantee), folder / FILE, instead_of=calibration)
    return guarantee


def _rows(signals: Sequence[Mapping[str, float]]) -> NDArray[Any]:
    """One row per question that was read for."""
    return np.array([[values[name] for name in SIGNALS] for values in signals if values]).reshape(-1, len(SIGNALS))


def _described(shifted: Sequence[Shift], asked: int) -> str:
    what = " and ".join(f"{MEANING[shift.signal]} (by {shift.difference:.2f}, p = {shift.p:.2g})" for shift in shifted)
    return f"asked again, {asked} judged questions differ in {what}" if what else ""
