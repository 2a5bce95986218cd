"""A guarantee about strong answers: from which confidence up at most a given share is wrong, with a given certainty.

The bound is that of Clopper and Pearson (Biometrika 26, 1934), which is exact for any number of answers. The thresholds of a
grid that was fixed beforehand are tested from strict to lax until one fails. Tests in a fixed order need no correction for
their number (Maurer, Hothorn and Lehmacher 1995; Angelopoulos and others, "Learn then test", Annals of Applied Statistics 19,
2025). Only the questions' confidences, not whether their answers were right, determine where the tests begin; that keeps the
certainty as long as answers of lower confidence are not right more often: docs/evaluation.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, log

from scipy.special import betaincinv

from rag.answering.confidence import FILE, Band, Calibration, default_calibration, save_calibration
from rag.answering.guarantees import Guarantee, answering_digest
from rag.conversation import Chat
from rag.errors import QuestionSetError
from rag.evaluation.calibration import LEAST, about_questions, asked_from, calibrate
from rag.evaluation.current_runs import check_asked_of
from rag.evaluation.drift import save_sample
from rag.evaluation.question_sets import Question, QuestionSet
from rag.evaluation.runs import Outcome

GRID = tuple(round(hundredths / 100, 2) for hundredths in range(99, round(100 * LEAST["strong"]) - 1, -1))
START_SHARE = 0.5  # of the answers from the grid's lowest threshold up, where the tests begin: benchmarks/README.md
ALWAYS = 1.0  # confidence of answers that are called strong whatever the threshold
NEVER = 0.0  # of those that are not
MOST_LABELS = 100_000  # more are not worth asking for


@dataclass(frozen=True, slots=True)
class Judged:
    """An answered question: from which confidence down its answer is called strong, and whether it was right."""

    confidence: float
    right: bool


@dataclass(frozen=True, slots=True)
class Border:
    """The answers from confidence `lowest` up: how many, and how many of them were wrong."""

    lowest: float
    strong: int
    wrong: int


def most_wrong(wrong: int, answers: int, certainty: float) -> float:
    """The upper bound of Clopper and Pearson for the share of wrong answers, if `wrong` of `answers` were."""
    return 1.0 if wrong >= answers else float(betaincinv(wrong + 1, answers - wrong, certainty))


def fewest_answers(at_most: float, certainty: float) -> int:
    """The fewest answers that can carry a guarantee: as many as it takes if none is wrong."""
    return ceil(log(1 - certainty) / log(1 - at_most))


def judged_from(questions: Sequence[Question], outcomes: Mapping[str, Outcome], calibration: Calibration) -> list[Judged]:
    """What the questions of a run with known answers say about strong answers under a calibration.

    An answer looked up in a table is strong or not whatever its confidence. An answer whose strength was withheld, as it is
    for other languages than the reader's, is never strong.
    """
    known = [outcomes[question.id] for question in questions if question.answers or question.unanswerable]
    read = {outcome.question_id: calibration.confidence(outcome.answer.signals) for outcome in known}
    # In a run with the same weights, an answer put together from several has a lower confidence than its signals say.
    same_weights = all(outcome.confidence <= read[outcome.question_id] for outcome in known if outcome.answer.signals)
    claimed = min((outcome.confidence for outcome in known if outcome.answer.strength and outcome.answer.signals), default=1.0)
    judged = []
    for outcome in known:
        answer = outcome.answer
        confidence = outcome.confidence if same_weights else read[outcome.question_id]
        if not answer.signals:
            confidence = ALWAYS if answer.strength == "strong" else NEVER
        elif answer.abstained or (answer.strength is None and outcome.confidence >= claimed):
            confidence = NEVER
        judged.append(Judged(confidence, outcome.right))
    return judged


def guaranteed_border(judged: Sequence[Judged], *, at_most: float, certainty: float) -> Border | None:
    """The laxest threshold that passes; None if the first one fails, or if there are too few answers."""
    borders = [border_at(lowest, judged) for lowest in GRID]
    start = max(fewest_answers(at_most, certainty), ceil(START_SHARE * borders[-1].strong))
    passed = None
    for border in borders:
        if border.strong < start:
            continue
        if most_wrong(border.wrong, border.strong, certainty) > at_most:
            break
        passed = border
    return passed


def border_at(lowest: float, judged: Sequence[Judged]) -> Border:
    strong = [question.right for question in judged if question.confidence >= lowest]
    return Border(lowest, len(strong), strong.count(False))


def refusal(name: str, judged: Sequence[Judged], *, at_most: float, certainty: float) -> str:
    """Why a set cannot carry a guarantee, and how many questions it would take: in one line."""
    widest = border_at(GRID[-1], judged)
    start = max(fewest_answers(at_most, certainty), ceil(START_SHARE * widest.strong))
    border = next((border for border in (border_at(lowest, judged) for lowest in GRID) if border.strong >= start), widest)
    most = f"{100 * at_most:.4g}%"
    outcome = f"of {border.strong} strong answers in {name}, {border.wrong} were wrong"
    labels = labels_needed(border, len(judged), at_most=at_most, certainty=certainty)
    if labels is None:
        return f"{outcome}, so more questions would not show that at most {most} are; name a larger share with --at-most"
    bound = most_wrong(border.wrong, border.strong, certainty) if border.strong else 1.0
    return (
        f"{outcome}, so up to {bound:.0%} of all may be ({100 * certainty:.4g}% certain); to show that at most {most} are would "
        f"take about {labels} judged questions instead of {len(judged)}: judge those that `rag eval label SET --next` offers, or "
        "name a larger share with --at-most"
    )


def labels_needed(border: Border, questions: int, *, at_most: float, certainty: float) -> int | None:
    """The number of questions that would pass if their answers were wrong as often as these; None if no number would."""
    answers = fewest_answers(at_most, certainty)
    share = border.wrong / border.strong if border.strong else 0.0
    strong_share = border.strong / questions if border.strong else 1.0
    while most_wrong(ceil(share * answers), answers, certainty) > at_most:
        answers += max(1, answers // 100)
        if answers / strong_share > MOST_LABELS:
            return None
    return ceil(answers / strong_share)


def learn_guarantee(
    questions: QuestionSet,
    outcomes: Mapping[str, Outcome],
    chat: Chat,
    *,
    at_most: float,
    certainty: float,
    false_answers: float | None = None,
) -> Calibration:
    """Stores with the index a calibration whose strong band has a guarantee, from the outcomes of a run of `chat`.

    The weights of the signals stay those that come with the reader: weights fitted to the same questions would spoil the test. So
    does the threshold, unless `false_answers` is given (see `calibrate`).
    Raises QuestionSetError if the questions do not carry the guarantee, or if answers are not from the live build; then nothing
    is stored.
    """
    reader, model = chat.reader.identity, chat.embedder.identity.digest
    base, index = default_calibration(reader, model), chat.index().digest
    check_asked_of(outcomes, index)
    answered = [question for question in questions.questions if question.id in outcomes]
    judged = judged_from(answered, outcomes, base)
    border = guaranteed_border(judged, at_most=at_most, certainty=certainty)
    if border is None:
        raise QuestionSetError(refusal(questions.name, judged, at_most=at_most, certainty=certainty))
    calibration = calibrate(
        asked_from(answered, outcomes),
        base,
        false_answers=false_answers,
        made_with={"reader": reader, "model": model},
        about=about_questions(questions, index),
        strong=Band("strong", border.lowest, border.strong, round(1 - border.wrong / border.strong, 4)),
    )
    settings = answering_digest(chat.settings)
    guarantee = Guarantee(at_most, certainty, len(judged), border.strong, border.wrong, index, settings)
    calibration = replace(calibration, guarantee=guarantee)
    save_sample(chat.settings.index, answered, outcomes)
    save_calibration(calibration, chat.settings.index / FILE)
    return calibration
