"""Fitting the confidence and the threshold of an index to questions with known answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from rag.answering.confidence import FILE, SIGNALS, Band, Calibration, default_calibration, save_calibration
from rag.conversation import Chat
from rag.errors import QuestionSetError
from rag.evaluation.current_runs import check_asked_of
from rag.evaluation.question_sets import Question, QuestionSet
from rag.evaluation.runs import Outcome
from rag.records import Strength
from rag.storage.files import sha256_bytes

FOLDS = 5  # of cross-validation, the customary number
FEWEST = 20  # questions of each kind, and in a band: with fewer, the error rates are noise
PULL = 2.0  # prior precision: how strongly the fit is pulled towards the initial weights
NOTHING_READ = (-9.0, *(0.0,) * (len(SIGNALS) - 1))  # signals of a question without hits: the lowest score, nothing else
RIGHT: dict[Strength, float] = {
    "strong": 0.9,
    "fair": 2 / 3,
}  # the share that must be right in a band; the weak band takes the rest
LEAST: dict[Strength, float] = {
    "strong": 0.75,
    "fair": 0.5,
}  # lowest confidence: a sure majority must not pull in doubtful answers


@dataclass(frozen=True, slots=True)
class Asked:
    """One observation: a question's signals, whether the documents answer it, and whether its answer was right.

    Questions of one `group` share a document and are held out together.
    """

    group: str
    signals: tuple[float, ...]
    answerable: bool
    right: bool


def asked_from(questions: Sequence[Question], outcomes: Mapping[str, Outcome]) -> list[Asked]:
    """The questions known to be answerable or unanswerable; questions about one document share a group.

    An answer looked up in a table is left out: no reading led to it, and its confidence was measured for itself. So is a
    question that was chosen because its answer would be strong: such questions are not like those that users ask.
    """
    asked = []
    for question in questions:
        outcome = outcomes[question.id]
        if not (question.answers or question.unanswerable) or question.chosen:
            continue
        signals = outcome.answer.signals
        if not signals and outcome.confidence > 0:
            continue
        if signals and signals.keys() != set(SIGNALS):
            raise QuestionSetError("an earlier version answered these questions, with other signals; evaluate the set again")
        values = tuple(float(signals[name]) for name in SIGNALS) if signals else NOTHING_READ
        group = (question.given or [question.id])[0]
        asked.append(Asked(group, values, not question.unanswerable, outcome.right))
    return asked


def learn(questions: QuestionSet, outcomes: Mapping[str, Outcome], chat: Chat, *, false_answers: float) -> Calibration:
    """Fits a calibration to the outcomes of a run of `chat` and stores it with its index.

    Raises QuestionSetError if the set has too few questions of either kind, or if answers are not from the live build.
    """
    reader, model, index = chat.reader.identity, chat.embedder.identity.digest, chat.index().digest
    check_asked_of(outcomes, index)
    calibration = calibrate(
        asked_from([question for question in questions.questions if question.id in outcomes], outcomes),
        default_calibration(reader, model),
        false_answers=false_answers,
        made_with={"reader": reader, "model": model},
        about=about_questions(questions, index),
    )
    save_calibration(calibration, chat.settings.index / FILE)
    return calibration


def about_questions(questions: QuestionSet, index: str) -> dict[str, str]:
    """What a calibration says of the questions it was learned from; `index` is the digest of the build that answered them."""
    return {
        "asked": f"the question set {questions.name}",
        "set": questions.name,
        "set_digest": questions.digest,
        "index": index,
    }


def calibrate(
    asked: Sequence[Asked],
    start: Calibration,
    *,
    false_answers: float | None,
    made_with: dict[str, str],
    about: dict[str, Any],
    strong: Band | None = None,
) -> Calibration:
    """A calibration fitted to all questions; its error rates are measured by cross-validation over documents.

    The threshold is the lowest at which at most the share `false_answers` of the unanswerable questions is answered, or that of
    `start` if that is None. With a `strong` band that was measured before, the weights stay those of `start`, and the other bands
    begin below it.
    Raises QuestionSetError if there are too few questions of either kind.
    """
    answerable = np.array([question.answerable for question in asked], dtype=bool)
    if answerable.sum() < FEWEST or (~answerable).sum() < FEWEST:
        raise QuestionSetError(
            f"calibration needs at least {FEWEST} questions that the documents answer and {FEWEST} that they do not; "
            f"the set has {int(answerable.sum())} and {int((~answerable).sum())}"
        )
    signals = np.array([question.signals for question in asked])
    right = np.array([question.right for question in asked], dtype=bool)
    folds = np.array([_fold(question.group) for question in asked])
    fit = _unfitted if strong else _fit
    limit: Limit = partial(_threshold, false_answers=false_answers, otherwise=start.threshold)
    held_out, answered = _cross_validated(signals, right, answerable, folds, partial(fit, start=start), limit)
    bias, weights = fit(signals, right, start)
    threshold = limit(_confidences(signals, bias, weights)[~answerable])
    measured = about | {
        "wanted_false_answers": false_answers,
        "answerable": int(answerable.sum()),
        "unanswerable": int((~answerable).sum()),
        "false_answers": _share(answered[~answerable]),
        "false_abstentions": _share(~answered[answerable]),
        "wrong": _share(~right[answered]),
    }
    bands = _bands(held_out, right, threshold, strong)
    return Calibration(round(bias, 4), tuple(round(w, 4) for w in weights), threshold, bands, made_with, measured)


Fit = Callable[[NDArray[Any], NDArray[Any]], tuple[float, list[float]]]
"""From signals and whether the answers were right to bias and weights."""
Limit = Callable[[NDArray[Any]], float]
"""From the confidences of unanswerable questions to the threshold."""


def _cross_validated(
    signals: NDArray[Any], right: NDArray[Any], answerable: NDArray[Any], folds: NDArray[Any], fit: Fit, limit: Limit
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Each question's confidence, and whether it is answered, by a calibration fitted to the other folds."""
    held_out, answered = np.zeros(len(right)), np.zeros(len(right), dtype=bool)
    for fold in range(FOLDS):
        training, test = folds != fold, folds == fold
        bias, weights = fit(signals[training], right[training])
        threshold = limit(_confidences(signals[training], bias, weights)[~answerable[training]])
        held_out[test] = _confidences(signals[test], bias, weights)
        answered[test] = held_out[test] >= threshold
    return held_out, answered


def _fold(group: str) -> int:
    """By hash: independent of the order of the questions."""
    return int(sha256_bytes(group.encode("utf-8", "surrogatepass"))[:8], 16) % FOLDS


def _unfitted(signals: NDArray[Any], right: NDArray[Any], start: Calibration) -> tuple[float, list[float]]:  # noqa: ARG001 - a Fit
    return start.bias, list(start.weights)


def _fit(signals: NDArray[Any], right: NDArray[Any], start: Calibration) -> tuple[float, list[float]]:
    """Bias and weights of a logistic regression with a Gaussian prior around the initial weights."""
    origin = np.array([start.bias, *start.weights])
    rows = np.hstack([np.ones((len(signals), 1)), signals])

    def cost(weights: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        logits = rows @ weights
        loss = np.logaddexp(0, logits).sum() - logits[right].sum() + PULL / 2 * ((weights - origin) ** 2).sum()
        slope = rows.T @ (1 / (1 + np.exp(-logits)) - right) + PULL * (weights - origin)
        return float(loss), slope

    bias, *weights = minimize(cost, origin, jac=True, method="L-BFGS-B").x.tolist()
    return bias, weights


def _confidences(signals: NDArray[Any], bias: float, weights: Sequence[float]) -> NDArray[Any]:
    confidences: NDArray[Any] = np.round(1 / (1 + np.exp(-(bias + signals @ np.array(weights)))), 4)
    return confidences


def _threshold(unanswerable: NDArray[Any], false_answers: float | None, otherwise: float) -> float:
    """Just above the most confident unanswerable question that must not be answered; 0 if all may be answered.

    `otherwise`, if no share of them is given.
    """
    if false_answers is None:
        return otherwise
    allowed = int(false_answers * len(unanswerable))
    ordered = np.sort(unanswerable)[::-1]
    return round(min(1.0, float(ordered[allowed]) + 0.0001), 4) if allowed < len(ordered) else 0.0


def _bands(confidences: NDArray[Any], right: NDArray[Any], threshold: float, strong: Band | None) -> tuple[Band, ...]:
    """From strong to weak. Each reaches down as far as RIGHT allows, the last one to the threshold.

    A band that would have fewer than FEWEST questions, or that no border reaches, is left out. A `strong` band that was
    measured before is taken as it is.
    """
    bands: list[Band] = [strong] if strong else []
    rest = (confidences >= threshold) & (confidences < (strong.lowest if strong else np.inf))
    for strength, share in list(RIGHT.items())[len(bands) :]:
        lowest = _lowest(confidences[rest], right[rest], share, LEAST[strength])
        if lowest is not None:
            inside = rest & (confidences >= lowest)
            bands.append(Band(strength, lowest, int(inside.sum()), _share(right[inside])))
            rest &= confidences < lowest
    if rest.any():
        bands.append(Band("weak", threshold, int(rest.sum()), _share(right[rest])))
    return tuple(bands)


def _lowest(confidences: NDArray[Any], right: NDArray[Any], share: float, least: float) -> float | None:
    """The lowest confidence from `least` up such that, of at least FEWEST questions above it, the share is right."""
    for lowest in np.unique(confidences[confidences >= least]):
        above = confidences >= lowest
        if above.sum() >= FEWEST and right[above].mean() >= share:
            return float(lowest)
    return None


def _share(flags: NDArray[Any]) -> float:
    return round(float(flags.mean()), 4) if len(flags) else 0.0
