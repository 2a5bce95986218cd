"""What a run is worth: each measure of each question, their means, and how sure the means are.

Retrieval measures are those of ir_measures (trec_eval's); documents are ranked by their best passage. A question that finds
nothing counts as 0. A part for which a set has no data is None.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import RagError
from rag.evaluation.question_sets import GoldSpan, Question
from rag.evaluation.runs import Outcome
from rag.records import Span

RETRIEVAL = ("nDCG@10", "RR@10", "R@5", "R@10", "R@20", "R@100", "Success@5")
ANSWERS = (
    "hit",
    "first_hit",
    "sentence_precision",
    "sentence_recall",
    "sentence_f1",
    "phrase_em",
    "phrase_f1",
    "sentences_shown",
    "characters_shown",
)
ABSTENTION = ("auroc", "answered", "false_answers", "false_abstentions", "aurc")
RESAMPLES = 1000
SEED = 7

Values = dict[str, dict[str, float]]
"""The value of each measure for each question that it is defined for: {measure: {question id: value}}."""


def per_question(questions: Sequence[Question], outcomes: Mapping[str, Outcome], sentences: Mapping[str, list[Span]]) -> Values:
    """All measures that are means over questions. `sentences` are those of each document that gold spans lie in, in order."""
    values: Values = {name: {} for name in (*RETRIEVAL, *ANSWERS, "answered", "false_answers", "false_abstentions")}
    _of_rankings(questions, outcomes, values)
    for question in questions:
        outcome = outcomes[question.id]
        if question.unanswerable or question.answers:
            values["answered"][question.id] = float(not outcome.abstained)
        if question.unanswerable:
            values["false_answers"][question.id] = float(not outcome.abstained)
        elif question.answers:
            values["false_abstentions"][question.id] = float(outcome.abstained)
            for name, value in _of_answer(question.answers, outcome, sentences).items():
                values[name][question.id] = value
    return {name: found for name, found in values.items() if found}


def _of_rankings(questions: Sequence[Question], outcomes: Mapping[str, Outcome], values: Values) -> None:
    judged = {question.id: relevance_of(question) for question in questions if outcomes[question.id].ranking is not None}
    judged = {name: relevance for name, relevance in judged.items() if any(grade > 0 for grade in relevance.values())}
    if not judged:
        return
    # Scores are made from ranks: the order of tied scores is ours, not that of trec_eval.
    run = {name: {found: -float(rank) for rank, found in enumerate(outcomes[name].ranking or ())} for name in judged}
    for name in RETRIEVAL:
        values[name] = dict.fromkeys(judged, 0.0)
    ir_measures = _ir_measures()
    for measured in ir_measures.iter_calc([ir_measures.parse_measure(name) for name in RETRIEVAL], judged, run):
        values[str(measured.measure)][measured.query_id] = float(measured.value)


def _ir_measures() -> Any:
    """Asked for when it is used: its core has no wheels for some machines."""
    try:
        return import_module("ir_measures")
    except ModuleNotFoundError:
        raise RagError("measuring retrieval needs the package ir-measures; run `pip install ir-measures`") from None


def relevance_of(question: Question) -> dict[str, int]:
    """Judged documents; where there are no judgements, those that an answer stands in."""
    return question.relevance or {gold.document_id: 1 for gold in question.answers}


def meets(gold: GoldSpan, document_id: str, span: Span) -> bool:
    """Whether a gold span lies in a quoted sentence, or they share more than half of the shorter of the two."""
    shared = min(gold.span.end, span.end) - max(gold.span.start, span.start)
    shorter = min(gold.span.end - gold.span.start, span.end - span.start)
    return gold.document_id == document_id and shared > shorter / 2


def _of_answer(answers: Sequence[GoldSpan], outcome: Outcome, sentences: Mapping[str, list[Span]]) -> dict[str, float]:
    quoted = [] if outcome.abstained else outcome.quoted
    hits = [any(meets(gold, *quote) for gold in answers) for quote in quoted]
    wanted = {
        (gold.document_id, span.start)
        for gold in answers
        for span in sentences.get(gold.document_id, ())
        if span.start < gold.span.end and gold.span.start < span.end
    }
    shared = len(wanted & {(name, span.start) for name, span in quoted})
    precision, recall = shared / len(quoted) if quoted else 0.0, shared / len(wanted) if wanted else 0.0
    values = {
        "hit": float(any(hits)),
        "first_hit": float(bool(hits) and hits[0]),
        "sentence_precision": precision,
        "sentence_recall": recall,
        "sentence_f1": 2 * precision * recall / (precision + recall) if shared else 0.0,
    }
    if quoted:
        values |= {"sentences_shown": float(len(quoted)), "characters_shown": float(len(outcome.answer["text"]))}
    if outcome.phrase is not None:
        golds = [gold.text for gold in answers]
        values["phrase_em"] = max(float(_words(outcome.phrase) == _words(gold)) for gold in golds)
        values["phrase_f1"] = max(_overlap(_words(outcome.phrase), _words(gold)) for gold in golds)
    return values


def _words(phrase: str) -> list[str]:
    """As SQuAD's evaluation script has it: lower case, without punctuation and articles."""
    kept = "".join(letter for letter in phrase.lower() if letter not in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
    return [word for word in kept.split() if word not in ("a", "an", "the")]


def _overlap(ours: list[str], theirs: list[str]) -> float:
    """SQuAD's F1: of words, counted as often as they stand in both."""
    shared = sum(min(ours.count(word), theirs.count(word)) for word in set(ours))
    return 2 * shared / (len(ours) + len(theirs)) if shared else float(ours == theirs)


def abstention_values(questions: Sequence[Question], outcomes: Mapping[str, Outcome], values: Values) -> dict[str, NDArray[Any]]:
    """Confidence, answerability and rightness of each question that tells something about abstaining, sorted by id."""
    telling = sorted(question.id for question in questions if question.unanswerable or question.answers)
    unanswerable = {question.id for question in questions if question.unanswerable}
    return {
        "confidence": np.array([outcomes[name].confidence for name in telling]),
        "answerable": np.array([name not in unanswerable for name in telling], dtype=bool),
        "right": np.array([outcomes[name].right for name in telling], dtype=bool),
    }


def auroc(confidence: NDArray[Any], answerable: NDArray[Any]) -> float | None:
    """The chance that an answerable question is trusted more than an unanswerable one, ties counting half; None without both."""
    positives, negatives = confidence[answerable], np.sort(confidence[~answerable])
    if not len(positives) or not len(negatives):
        return None
    below = np.searchsorted(negatives, positives, side="left")
    ties = np.searchsorted(negatives, positives, side="right") - below
    return float((below + ties / 2).mean() / len(negatives))


def risk_coverage(confidence: NDArray[Any], right: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Share answered, and share wrong among these, as ever less confident answers are given; ties keep their order."""
    order = np.argsort(-confidence, kind="stable")
    answered = np.arange(1, len(order) + 1)
    return answered / max(1, len(order)), np.cumsum(~right[order]) / answered


def summarise(questions: Sequence[Question], outcomes: Mapping[str, Outcome], values: Values) -> dict[str, Any]:
    """Means and intervals, in the shape of `rag eval --json`."""

    def means(names: Sequence[str]) -> dict[str, float | None] | None:
        found = {name: _mean(values.get(name)) for name in names}
        return found if any(value is not None for value in found.values()) else None

    telling = abstention_values(questions, outcomes, values)
    abstention = means(ABSTENTION)
    intervals = {name: bootstrap(np.array([found[key] for key in sorted(found)]), np.mean) for name, found in values.items()}
    if abstention is not None:
        whole = telling["confidence"], telling["answerable"]
        abstention["auroc"] = auroc(*whole)
        abstention["aurc"] = float(risk_coverage(telling["confidence"], telling["right"])[1].mean())
        if abstention["auroc"] is not None:
            intervals["auroc"] = bootstrap(np.arange(len(whole[0])), lambda rows: auroc(whole[0][rows], whole[1][rows]) or 0.0)
    times = np.array([outcome.timings_ms["total"] for outcome in outcomes.values()])
    return {
        "questions": len(questions),
        "retrieval": means(RETRIEVAL),
        "answers": means(ANSWERS),
        "abstention": abstention,
        "timings_ms": {"p50": _percentile(times, 50), "p95": _percentile(times, 95)},
        "intervals": intervals,
    }


def _percentile(times: NDArray[Any], share: float) -> float | None:
    return round(float(np.percentile(times, share)), 1) if len(times) else None


def _mean(found: Mapping[str, float] | None) -> float | None:
    return float(np.mean(list(found.values()))) if found else None


def bootstrap(sample: NDArray[Any], statistic: Callable[[NDArray[Any]], Any]) -> list[float]:
    """The 95% percentile interval of a statistic over questions drawn with replacement; the same in every call."""
    draws = np.random.default_rng(SEED).integers(0, len(sample), size=(RESAMPLES, len(sample)))
    drawn = sample[draws].mean(axis=1) if statistic is np.mean else np.array([statistic(sample[rows]) for rows in draws])
    return [round(float(bound), 4) for bound in np.percentile(drawn, [2.5, 97.5])]
