"""Evaluation runs and their questions as HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from rag.evaluation.measures import means_of
from rag.evaluation.plots import plots
from rag.evaluation.question_sets import Question
from rag.evaluation.run_comparison import Difference
from rag.evaluation.runs import Outcome, Run, Summary
from rag.evaluation.verdicts import verdict
from rag.templates import render
from rag.ui.answer_view import STRENGTHS
from rag.ui.paging import table_page

EXCERPT = 300  # characters of a hit's text
MEANING = {
    "nDCG@10": "quality of the document ranking",
    "RR@10": "1 / rank of the first relevant document",
    "R@5": "relevant documents among the first 5",
    "R@10": "relevant documents among the first 10",
    "R@20": "relevant documents among the first 20",
    "R@100": "relevant documents among the first 100",
    "Success@5": "a relevant document is among the first 5",
    "hit": "a correct sentence is quoted",
    "first_hit": "the first quoted sentence is correct",
    "sentence_precision": "share of quoted sentences that are correct",
    "sentence_recall": "share of correct sentences that are quoted",
    "sentence_f1": "harmonic mean of sentence precision and recall",
    "phrase_em": "the answer phrase matches exactly",
    "phrase_f1": "words shared by the answer phrase and the correct one",
    "sentences_shown": "sentences per answer",
    "characters_shown": "characters per answer",
    "auroc": "how well confidence separates answerable from unanswerable questions",
    "answered": "share of questions that got an answer",
    "false_answers": "share of unanswerable questions that got an answer",
    "false_abstentions": "share of answerable questions that got none",
    "aurc": "share of wrong answers, averaged over all thresholds",
    "strong_precision": "share of strong answers that quote a correct sentence",
    "strong_coverage": "share of answerable questions that got a strong answer",
    "strong_false_answers": "share of unanswerable questions that got a strong answer",
}


def question_sets_html(sets: Sequence[tuple[str, str]]) -> Markup:
    """A menu of question sets; each is given as name and label."""
    return render("page/question_sets.html", sets=sets)


def runs_html(runs: Sequence[Run], chosen: str, other: str) -> Markup:
    """Menus of the saved runs, latest first: one to open, one to compare it with."""
    return render("page/runs.html", runs=runs, chosen=chosen, other=other)


@dataclass(frozen=True)
class Headline:
    """How many of a run's questions went right, by whether the documents answer them."""

    answerable: int
    right: int
    refused: int
    unanswerable: int
    answered: int
    bands: Sequence["Band"]


@dataclass(frozen=True)
class Band:
    """How many answers of one strength were given, and how many of them were wrong."""

    strength: str
    given: int
    wrong: int


def headline_html(questions: Sequence[Question], outcomes: Mapping[str, Outcome]) -> Markup:
    """The result of a run in one sentence."""
    answerable = [outcomes[question.id] for question in questions if question.answers]
    unanswerable = [outcomes[question.id] for question in questions if question.unanswerable]
    return render(
        "page/headline.html",
        result=Headline(
            len(answerable),
            sum(outcome.right and not outcome.abstained for outcome in answerable),
            sum(outcome.abstained for outcome in answerable),
            len(unanswerable),
            sum(not outcome.abstained for outcome in unanswerable),
            _bands([*answerable, *unanswerable]),
        ),
    )


def _bands(outcomes: Sequence[Outcome]) -> list[Band]:
    """The bands that have answers, strongest first."""
    bands = []
    for strength in STRENGTHS:
        given = [outcome for outcome in outcomes if outcome.answer.strength == strength and not outcome.abstained]
        if given:
            bands.append(Band(strength, len(given), sum(not outcome.right for outcome in given)))
    return bands


def measures_html(summary: Summary) -> Markup:
    return render("page/measures.html", means=means_of(summary), meaning=MEANING, times=summary["timings_ms"])


def plots_html(run: Run, questions: Sequence[Question], outcomes: Mapping[str, Outcome]) -> Markup:
    return render("page/plots.html", plots=plots(run, questions, outcomes))


@dataclass(frozen=True)
class ChangedQuestion:
    """A question whose answer differs between two runs; an answer is "" if there was none."""

    question: str
    before: str
    now: str


def run_comparison_html(old: Run, differences: Sequence[Difference], changed: Sequence[ChangedQuestion]) -> Markup:
    return render("page/run_comparison.html", old=old, differences=differences, changed=changed)


@dataclass(frozen=True)
class QuestionRow:
    question: Question
    outcome: Outcome
    right: bool
    verdict: str


def questions_html(
    questions: Sequence[Question], outcomes: Mapping[str, Outcome], *, page: int, before: Mapping[str, Outcome] | None = None
) -> Markup:
    """One page of the questions, each a button that opens it; `before` are the outcomes of the run it is compared with."""
    shown, table = table_page(questions, page)
    rows = [QuestionRow(question, outcomes[question.id], *verdict(question, outcomes[question.id])) for question in shown]
    old = {q.id: verdict(q, before[q.id]) for q in shown if q.id in before} if before is not None else {}
    return render("page/questions.html", rows=rows, table=table, compared=before is not None, old=old)


def question_detail_html(question: Question, outcome: Outcome, digests: Mapping[str, str]) -> Markup:
    """A question with its answer, the correct sentences and the hits; `digests` are those of documents that can be opened."""
    right, words = verdict(question, outcome)
    return render(
        "page/question_detail.html",
        question=question,
        outcome=outcome,
        right=right,
        verdict=words,
        digests=digests,
        excerpt=EXCERPT,
    )
