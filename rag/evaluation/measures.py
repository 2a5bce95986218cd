"""Measures of a run: per question, their means, and confidence intervals of the means.

Retrieval measures are computed by ir_measures (as trec_eval does); documents are ranked by their best passage. A question
without any hit counts as 0. A part of the summary for which a set has no data is None.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import RagError
from rag.evaluation.question_sets import GoldSpan, Question
from rag.evaluation.runs import Outcome, Part, Summary, Values
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
STRONG = ("strong_precision", "strong_coverage", "strong_false_answers")
ABSTENTION = ("auroc", "answered", "false_answers", "false_abstentions", "aurc", *STRONG)
RESAMPLES = 1000  # of the bootstrap: the customary number for percentile intervals
SEED = 7  # fixed, so that the same outcomes give the same intervals


def per_question(questions: Sequence[Question], outcomes: Mapping[str, Outcome], sentences: Mapping[str, list[Span]]) -> Values:
    """All measures that are means over questions.

    `sentences` are the spans of all sentences, in order, of each document that contains a gold span.
    """
    values: Values = {name: {} for name in (*RETRIEVAL, *ANSWERS, *ABSTENTION)}
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
    if any(outcome.answer.strength for outcome in outcomes.values()):  # else none was claimed
        _of_strong_answers(questions, outcomes, values)
    return {name: by_question for name, by_question in values.items() if by_question}


def _of_strong_answers(questions: Sequence[Question], outcomes: Mapping[str, Outcome], values: Values) -> None:
    """Which answerable questions got a strong answer, which of these answers hit, and which unanswerable questions got one."""
    for question in questions:
        outcome = outcomes[question.id]
        strong = not outcome.abstained and outcome.answer.strength == "strong"
        if question.unanswerable:
            values["strong_false_answers"][question.id] = float(strong)
        elif question.answers:
            values["strong_coverage"][question.id] = float(strong)
            if strong:
                values["strong_precision"][question.id] = values["hit"][question.id]


def _of_rankings(questions: Sequence[Question], outcomes: Mapping[str, Outcome], values: Values) -> None:
    judged = {question.id: relevance_of(question) for question in questions if outcomes[question.id].ranking is not None}
    judged = {name: relevance for name, relevance in judged.items() if any(grade > 0 for grade in relevance.values())}
    if not judged:
        return
    # Scores are derived from ranks, so that ties keep our order instead of trec_eval's.
    run = {name: {document: -float(rank) for rank, document in enumerate(outcomes[name].ranking or ())} for name in judged}
    for name in RETRIEVAL:
        values[name] = dict.fromkeys(judged, 0.0)
    ir_measures = _ir_measures()
    for measured in ir_measures.iter_calc([ir_measures.parse_measure(name) for name in RETRIEVAL], judged, run):
        values[str(measured.measure)][measured.query_id] = float(measured.value)


def _ir_measures() -> Any:
    """Imported on use: its core has no wheels for some platforms."""
    try:
        return import_module("ir_measures")
    except ModuleNotFoundError:
        raise RagError("retrieval measures need the package ir-measures; run `pip install ir-measures`") from None


def relevance_of(question: Question) -> dict[str, int]:
    """The grades of judged documents; without judgements, grade 1 for each document that contains an answer."""
    return question.relevance or {gold.document_id: 1 for gold in question.answers}


def meets(gold: GoldSpan, document_id: str, span: Span) -> bool:
    """Whether a gold span and a quoted one overlap by more than half of the shorter of the two."""
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
        values |= {"sentences_shown": float(len(quoted)), "characters_shown": float(len(outcome.answer.text))}
    if outcome.phrase is not None:
        phrase = _words(outcome.phrase)
        values["phrase_em"] = max(float(phrase == _words(gold.text)) for gold in answers)
        values["phrase_f1"] = max(_word_f1(phrase, _words(gold.text)) for gold in answers)
    return values


# ASCII as in SQuAD's script, and that of other scripts; curly quotes stay, which English has too.
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~，。、：；！？「」『』（）《》〈〉؟،؛"
_WITHOUT_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")  # kana and Han characters


def _words(phrase: str) -> list[str]:
    """Normalised as by SQuAD's evaluation script: lower case, without punctuation and articles.

    Chinese and Japanese have no spaces: each of their characters counts as a word, as MLQA and XTREME do it.
    """
    kept = "".join(letter for letter in phrase.lower() if letter not in _PUNCTUATION)
    kept = _WITHOUT_SPACES.sub(r" \g<0> ", kept)
    return [word for word in kept.split() if word not in ("a", "an", "the")]


def _word_f1(phrase: list[str], gold: list[str]) -> float:
    """SQuAD's F1 over words, with multiplicity."""
    shared = sum(min(phrase.count(word), gold.count(word)) for word in set(phrase))
    return 2 * shared / (len(phrase) + len(gold)) if shared else float(phrase == gold)


@dataclass(frozen=True)
class AbstentionData:
    """The questions known to be answerable or unanswerable, sorted by id: arrays of the same length."""

    confidence: NDArray[np.float64]
    answerable: NDArray[np.bool_]
    right: NDArray[np.bool_]


def abstention_data(questions: Sequence[Question], outcomes: Mapping[str, Outcome]) -> AbstentionData:
    known = sorted((q.id, not q.unanswerable) for q in questions if q.unanswerable or q.answers)
    return AbstentionData(
        np.array([outcomes[id].confidence for id, _ in known], dtype=np.float64),
        np.array([answerable for _, answerable in known], dtype=bool),
        np.array([outcomes[id].right for id, _ in known], dtype=bool),
    )


def auroc(confidence: NDArray[Any], answerable: NDArray[Any]) -> float | None:
    """The probability that an answerable question has a higher confidence than an unanswerable one; ties count half.

    None unless there are questions of both kinds.
    """
    positives, negatives = confidence[answerable], np.sort(confidence[~answerable])
    if not len(positives) or not len(negatives):
        return None
    below = np.searchsorted(negatives, positives, side="left")
    ties = np.searchsorted(negatives, positives, side="right") - below
    return float((below + ties / 2).mean() / len(negatives))


def risk_coverage(confidence: NDArray[Any], right: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The share of questions answered and the share of wrong answers among them, for each threshold from high to low.

    Ties keep their order.
    """
    order = np.argsort(-confidence, kind="stable")
    answered = np.arange(1, len(order) + 1)
    return answered / max(1, len(order)), np.cumsum(~right[order]) / answered


@dataclass(frozen=True)
class Mean:
    """The mean of a measure over questions; `part` is "retrieval", "answers" or "abstention", `interval` the 95% interval."""

    part: str
    measure: str
    value: float
    interval: tuple[float, float] | None


def means_of(summary: Summary) -> list[Mean]:
    """The measures that the run has, in a fixed order."""
    parts: list[tuple[str, Sequence[str], Part]] = [
        ("retrieval", RETRIEVAL, summary["retrieval"]),
        ("answers", ANSWERS, summary["answers"]),
        ("abstention", ABSTENTION, summary["abstention"]),
    ]
    means = []
    for part, names, values in parts:
        for name in names:
            value, interval = (values or {}).get(name), summary["intervals"].get(name)
            if value is not None:
                means.append(Mean(part, name, value, (interval[0], interval[1]) if interval else None))
    return means


def summarise(
    dataset: str, signature: dict[str, Any], questions: Sequence[Question], outcomes: Mapping[str, Outcome], values: Values
) -> Summary:
    """The means of all measures with their 95% intervals."""

    def means(names: Sequence[str]) -> Part:
        part = {name: _mean(values.get(name)) for name in names}
        return part if any(value is not None for value in part.values()) else None

    data = abstention_data(questions, outcomes)
    abstention = means(ABSTENTION)
    intervals = {name: bootstrap(np.array([by_id[id] for id in sorted(by_id)]), np.mean) for name, by_id in values.items()}
    if abstention is not None:
        abstention["auroc"] = auroc(data.confidence, data.answerable)
        abstention["aurc"] = float(risk_coverage(data.confidence, data.right)[1].mean())
        if abstention["auroc"] is not None:
            rows = np.arange(len(data.confidence))
            intervals["auroc"] = bootstrap(rows, lambda rows: auroc(data.confidence[rows], data.answerable[rows]) or 0.0)
    times = np.array([outcome.timings_ms["total"] for outcome in outcomes.values()])
    return {
        "dataset": dataset,
        "signature": signature,
        "questions": len(questions),
        "retrieval": means(RETRIEVAL),
        "answers": means(ANSWERS),
        "abstention": abstention,
        "timings_ms": {"p50": _percentile(times, 50), "p95": _percentile(times, 95)},
        "intervals": intervals,
    }


def _percentile(times: NDArray[Any], share: float) -> float | None:
    return round(float(np.percentile(times, share)), 1) if len(times) else None


def _mean(by_question: Mapping[str, float] | None) -> float | None:
    return float(np.mean(list(by_question.values()))) if by_question else None


def bootstrap(sample: NDArray[Any], statistic: Callable[[NDArray[Any]], Any]) -> list[float]:
    """The 95% percentile interval of a statistic, over resamples drawn with replacement. Deterministic."""
    draws = np.random.default_rng(SEED).integers(0, len(sample), size=(RESAMPLES, len(sample)))
    drawn = sample[draws].mean(axis=1) if statistic is np.mean else np.array([statistic(sample[rows]) for rows in draws])
    return [round(float(bound), 4) for bound in np.percentile(drawn, [2.5, 97.5])]
