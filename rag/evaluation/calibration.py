"""From questions with known answers to the confidence and the threshold of an index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from rag.answering.confidence import FILE, SIGNALS, Bin, Calibration, default_calibration, save_calibration
from rag.conversation import Chat
from rag.errors import QuestionSetError
from rag.evaluation.question_sets import Question, QuestionSet
from rag.evaluation.runs import Outcome
from rag.storage.files import sha256_bytes

FOLDS = 5
BINS = 4
FEWEST = 20  # questions of either kind: fewer say nothing
PULL = 2.0  # towards the weights to start from, in questions' worth of evidence
NOTHING_READ = (-9.0, 0.0, 0.0, 0.0)  # signals of a question that found nothing


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question tells: its signals, whether it has an answer, and whether the best one given was right."""

    group: str
    signals: tuple[float, ...]
    answerable: bool
    right: bool


def asked_from(questions: Sequence[Question], outcomes: Mapping[str, Outcome]) -> list[Asked]:
    """The questions of which it is known whether they can be answered; those of one document share a group."""
    found = []
    for question in questions:
        outcome = outcomes[question.id]
        if not (question.answers or question.unanswerable):
            continue
        signals = outcome.answer.get("signals") or {}
        values = tuple(float(signals[name]) for name in SIGNALS) if signals else NOTHING_READ
        group = (question.given or [question.id])[0]
        found.append(Asked(group, values, not question.unanswerable, outcome.right))
    return found


def learn(questions: QuestionSet, outcomes: Mapping[str, Outcome], chat: Chat, *, false_answers: float) -> Calibration:
    """Fits a calibration to the outcomes of a run of `chat` and stores it with its index.

    Raises QuestionSetError if the set has too few questions.
    """
    reader = chat.reader.identity
    calibration = calibrate(
        asked_from([question for question in questions.questions if question.id in outcomes], outcomes),
        default_calibration(reader),
        false_answers=false_answers,
        made_with={"reader": reader, "model": chat.embedder.identity.digest},
        about={
            "asked": f"the question set {questions.name}",
            "set": questions.name,
            "set_digest": questions.digest,
            "index": chat.index().digest,
        },
    )
    save_calibration(calibration, chat.settings.index / FILE)
    return calibration


def calibrate(
    asked: Sequence[Asked], start: Calibration, *, false_answers: float, made_with: dict[str, str], about: dict[str, Any]
) -> Calibration:
    """Fitted to all questions; what it costs is measured on questions that it was not fitted to (FOLDS, by document).

    The threshold is the lowest at which no more than the share `false_answers` of the unanswerable questions is answered.
    Raises QuestionSetError where there are too few questions of either kind.
    """
    answerable = np.array([one.answerable for one in asked], dtype=bool)
    if answerable.sum() < FEWEST or (~answerable).sum() < FEWEST:
        raise QuestionSetError(
            f"calibrating needs at least {FEWEST} questions that the documents answer and {FEWEST} that they do not; "
            f"the set has {int(answerable.sum())} and {int((~answerable).sum())}"
        )
    signals = np.array([one.signals for one in asked])
    right = np.array([one.right for one in asked], dtype=bool)
    folds = np.array([int(sha256_bytes(one.group.encode("utf-8", "surrogatepass"))[:8], 16) % FOLDS for one in asked])
    held_out, answered = np.zeros(len(asked)), np.zeros(len(asked), dtype=bool)
    for fold in range(FOLDS):
        rest, now = folds != fold, folds == fold
        bias, weights = _fit(signals[rest], right[rest], start)
        threshold = _threshold(_chances(signals[rest], bias, weights)[~answerable[rest]], false_answers)
        held_out[now] = _chances(signals[now], bias, weights)
        answered[now] = held_out[now] >= threshold
    bias, weights = _fit(signals, right, start)
    threshold = _threshold(_chances(signals, bias, weights)[~answerable], false_answers)
    measured = about | {
        "wanted_false_answers": false_answers,
        "answerable": int(answerable.sum()),
        "unanswerable": int((~answerable).sum()),
        "false_answers": _share(answered[~answerable]),
        "false_abstentions": _share(~answered[answerable]),
        "wrong": _share(~right[answered]),
    }
    bins = _bins(held_out[answered], right[answered])
    return Calibration(round(bias, 4), tuple(round(w, 4) for w in weights), threshold, bins, made_with, measured)


def _fit(signals: NDArray[Any], right: NDArray[Any], start: Calibration) -> tuple[float, list[float]]:
    """Logistic regression, pulled towards the weights to start from."""
    origin = np.array([start.bias, *start.weights])
    rows = np.hstack([np.ones((len(signals), 1)), signals])

    def cost(weights: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        logits = rows @ weights
        loss = np.logaddexp(0, logits).sum() - logits[right].sum() + PULL / 2 * ((weights - origin) ** 2).sum()
        slope = rows.T @ (1 / (1 + np.exp(-logits)) - right) + PULL * (weights - origin)
        return float(loss), slope

    bias, *weights = minimize(cost, origin, jac=True, method="L-BFGS-B").x.tolist()
    return bias, weights


def _chances(signals: NDArray[Any], bias: float, weights: Sequence[float]) -> NDArray[Any]:
    chances: NDArray[Any] = np.round(1 / (1 + np.exp(-(bias + signals @ np.array(weights)))), 4)
    return chances


def _threshold(unanswerable: NDArray[Any], false_answers: float) -> float:
    """Just above the most confident of the unanswerable that must not be answered; 0 where all may be."""
    allowed = int(false_answers * len(unanswerable))
    ordered = np.sort(unanswerable)[::-1]
    return round(min(1.0, float(ordered[allowed]) + 0.0001), 4) if allowed < len(ordered) else 0.0


def _bins(confidences: NDArray[Any], right: NDArray[Any]) -> tuple[Bin, ...]:
    """Of about as many questions each, least confident first."""
    order = np.argsort(confidences, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    return tuple(Bin(round(float(confidences[part[0]]), 4), len(part), _share(~right[part])) for part in parts)


def _share(of: NDArray[Any]) -> float:
    return round(float(of.mean()), 4) if len(of) else 0.0
