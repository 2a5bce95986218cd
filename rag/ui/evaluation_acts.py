"""What the Evaluation tab can do. Questions may be other users', so all of it is for curators."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from pydantic import Field

from rag.accounts.users import User
from rag.answering.guarantee_state import guarantee_state
from rag.answering.guarantees import UNCHECKED
from rag.errors import QuestionSetError
from rag.evaluation.calibration import learn
from rag.evaluation.current_runs import check_current
from rag.evaluation.drift import check_guarantee
from rag.evaluation.guarantee import learn_guarantee
from rag.evaluation.question_sets import Question, load_question_set
from rag.evaluation.report import report_page
from rag.evaluation.run_comparison import compare, most_changed
from rag.evaluation.runs import outcome_values, save_run
from rag.evaluation.verdicts import as_csv, thresholds, verdict
from rag.index.builds import Report
from rag.library import Library
from rag.ui.calls import LONGEST_SEARCH, Act, Acts, Reply, Request
from rag.ui.documents_view import job_html
from rag.ui.evaluation_view import (
    ChangedQuestion,
    headline_html,
    measures_html,
    plots_html,
    question_detail_html,
    question_sets_html,
    questions_html,
    run_comparison_html,
    runs_html,
)
from rag.ui.jobs import Job
from rag.ui.opened_runs import OpenedRun, OpenedRuns

STOPPED = "Stopped. No run was saved."
NOT_A_CURATOR = "Only curators can evaluate."


class EvaluationPart:
    """What the acts share: the library, the runs, and the evaluation that is running."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.runs = OpenedRuns(library.settings.evaluation)
        self.job = Job(STOPPED)

    def evaluate(self, folder: Path, report: Report) -> str:
        """Asks all questions of a set and saves the run; returns the result in one line."""
        questions = load_question_set(folder)
        if not questions.questions:
            raise QuestionSetError(f"{questions.name} has no judged questions yet; judge answers in the Ask tab")
        evaluation = self.library.evaluate(questions, progress=report)
        save_run(self.library.settings.evaluation.runs, evaluation.run, evaluation.outcomes)
        return f"Done: saved as {evaluation.run.name}."


class ShowOverview(Request):
    """Question sets and runs; `run` and `against` are chosen, the latest run and none if empty."""

    run: str = ""
    against: str = ""


class ShowProgress(Request):
    """The state of the evaluation that is running."""


class StartEvaluation(Request):
    set: str = ""


class StopEvaluation(Request):
    """Ends the evaluation that is running."""


class ShowRun(Request):
    """All of a run but its questions, compared with the run `against` unless that is empty."""

    run: str
    against: str = ""


class ListQuestions(Request):
    """The questions of a run that contain all `words`.

    `kind` keeps only those that went wrong ("missed"), got no answer ("refused"), got an answer that does not exist
    ("answered"), or came out otherwise in the run `against` ("changed").
    """

    run: str
    against: str = ""
    words: str = Field("", max_length=LONGEST_SEARCH)
    kind: Literal["", "missed", "refused", "answered", "changed"] = ""
    page: int = 0


class ShowQuestion(Request):
    run: str
    question: str


class SaveRun(Request):
    run: str
    form: Literal["csv", "json", "html"]


class Calibrate(Request):
    """Learns from a run the threshold at which this share of the unanswerable questions gets an answer."""

    run: str
    false_answers: float = Field(ge=0, le=1)


class Guarantee(Request):
    """From a run: the confidence from which at most the share `at_most` of the strong answers is wrong, with this certainty."""

    run: str
    at_most: float = Field(ge=0.001, le=0.999)
    certainty: float = Field(0.95, ge=0.5, le=0.9999)


class CheckGuarantee(Request):
    """Asks judged questions again, to see whether the guarantee holds for the present build."""


def show_overview(part: EvaluationPart, user: User, request: ShowOverview) -> Reply:
    runs = part.runs.runs()
    chosen = request.run or (runs[-1].name if runs else "")
    progress = show_progress(part, user, ShowProgress())
    sets = question_sets_html(part.runs.labels())
    return {"sets": sets, "runs": runs_html(runs, chosen, request.against), "run": chosen} | progress


def show_progress(part: EvaluationPart, _: User, _request: ShowProgress) -> Reply:
    state = part.job.state
    guarantee = guarantee_state(part.library.settings)
    note = (guarantee.trouble or f"Guaranteed: {guarantee.line}.") if guarantee else ""
    unchecked = guarantee is not None and guarantee.trouble == UNCHECKED
    return {"job": job_html(state), "running": state.running, "guarantee": note, "unchecked": unchecked}


def start_evaluation(part: EvaluationPart, _: User, request: StartEvaluation) -> Reply:
    folder = part.runs.sets().get(request.set)
    if folder is None:
        raise QuestionSetError("choose a question set first")
    started = part.job.start(lambda report: part.evaluate(folder, report))
    return {} if started else {"error": "An evaluation is already running. Stop it first."}


def stop_evaluation(part: EvaluationPart, _: User, _request: StopEvaluation) -> Reply:
    part.job.stop()
    return {}


def show_run(part: EvaluationPart, _: User, request: ShowRun) -> Reply:
    opened = part.runs.open(request.run)
    questions = opened.questions
    return {
        "headline": headline_html(questions, opened.outcomes),
        "measures": measures_html(opened.run.summary),
        "plots": plots_html(opened.run, questions, opened.outcomes),
        "compared": _comparison(opened, part.runs.open(request.against)) if request.against else "",
        "thresholds": [asdict(threshold) for threshold in thresholds(questions, opened.outcomes)],
        "now": part.library.chat.threshold,
        "answerable": sum(bool(question.answers) for question in questions),
        "unanswerable": sum(question.unanswerable for question in questions),
    }


def _comparison(opened: OpenedRun, old: OpenedRun) -> str:
    texts = {question.id: question.text for question in opened.set.questions}
    changed = [
        ChangedQuestion(texts.get(id, id), old.outcomes[id].answer.text, opened.outcomes[id].answer.text)
        for id, _ in most_changed(opened.run, old.run)
    ]
    return run_comparison_html(old.run, compare(opened.run, old.run), changed)


def list_questions(part: EvaluationPart, _: User, request: ListQuestions) -> Reply:
    opened = part.runs.open(request.run)
    old = part.runs.open(request.against) if request.against else None
    words = request.words.casefold().split()
    matching = [
        question
        for question in opened.questions
        if all(word in question.text.casefold() for word in words) and _is_kind(request.kind, question, opened, old)
    ]
    return {"html": questions_html(matching, opened.outcomes, page=request.page, before=old.outcomes if old else None)}


def _is_kind(kind: str, question: Question, opened: OpenedRun, old: OpenedRun | None) -> bool:
    outcome = opened.outcomes[question.id]
    right, words = verdict(question, outcome)
    if kind == "changed":
        return old is not None and question.id in old.outcomes and verdict(question, old.outcomes[question.id]) != (right, words)
    if kind == "refused":
        return outcome.abstained and not question.unanswerable
    if kind == "answered":
        return not outcome.abstained and bool(question.unanswerable)
    return kind != "missed" or not right


def show_question(part: EvaluationPart, _: User, request: ShowQuestion) -> Reply:
    opened = part.runs.open(request.run)
    question = next((question for question in opened.questions if question.id == request.question), None)
    if question is None:
        raise QuestionSetError("this question is not in the run")
    asks_corpus = opened.set.corpus is None  # else its documents are not those of the page
    documents = part.library.chat.index().manifest.corpus.documents if asks_corpus else ()
    digests = {document.id: document.digest for document in documents}
    return {"html": question_detail_html(question, opened.outcomes[question.id], digests)}


def save_run_file(part: EvaluationPart, _: User, request: SaveRun) -> Reply:
    opened = part.runs.open(request.run)
    run, outcomes, name = opened.run, opened.outcomes, f"{opened.run.name}.{request.form}"
    if request.form == "csv":
        return {"name": name, "text": as_csv(opened.questions, outcomes)}
    if request.form == "html":
        return {"name": name, "text": report_page(run, opened.set, outcomes)}
    values = [outcome_values(outcomes[question.id]) for question in opened.questions]
    return {"name": name, "text": json.dumps({**run.summary, "run": run.name, "outcomes": values}, ensure_ascii=False, indent=1)}


def calibrate(part: EvaluationPart, _: User, request: Calibrate) -> Reply:
    opened = part.runs.open(request.run)
    if opened.set.corpus is not None:
        raise QuestionSetError("a threshold can only be learned from a question set about the current documents")
    chat = part.library.chat
    check_current(opened.run, load_question_set(opened.set.folder).digest, chat)
    learned = learn(opened.set, opened.outcomes, chat, false_answers=request.false_answers)
    measured = learned.measured
    return {
        "message": f"Answers now need a confidence of at least {learned.threshold:.2f}. On questions left out of the fit, "
        f"{measured['false_answers']:.0%} of unanswerable questions got an answer, and "
        f"{measured['false_abstentions']:.0%} of answerable questions got none."
    }


def give_guarantee(part: EvaluationPart, _: User, request: Guarantee) -> Reply:
    opened = part.runs.open(request.run)
    if opened.set.corpus is not None:
        raise QuestionSetError("a guarantee can only be given with a question set about the current documents")
    chat = part.library.chat
    check_current(opened.run, load_question_set(opened.set.folder).digest, chat)
    learned = learn_guarantee(opened.set, opened.outcomes, chat, at_most=request.at_most, certainty=request.certainty)
    return {"message": f"Answers are now strong from a confidence of {learned.bands[0].lowest:.2f}."}


def check_again(part: EvaluationPart, _: User, _request: CheckGuarantee) -> Reply:
    def check(report: Report) -> str:
        chat = part.library.chat
        return check_guarantee(chat, report).trouble(chat.settings, chat.index().digest) or "Done: the guarantee holds."

    return {} if part.job.start(check) else {"error": "An evaluation is running. Stop it first."}


EVALUATION_ACTS: Acts[EvaluationPart] = {
    "overview": Act(ShowOverview, show_overview, NOT_A_CURATOR),
    "progress": Act(ShowProgress, show_progress, NOT_A_CURATOR),
    "start": Act(StartEvaluation, start_evaluation, NOT_A_CURATOR),
    "stop": Act(StopEvaluation, stop_evaluation, NOT_A_CURATOR),
    "show": Act(ShowRun, show_run, NOT_A_CURATOR),
    "questions": Act(ListQuestions, list_questions, NOT_A_CURATOR),
    "question": Act(ShowQuestion, show_question, NOT_A_CURATOR),
    "save": Act(SaveRun, save_run_file, NOT_A_CURATOR),
    "guarantee": Act(Guarantee, give_guarantee, NOT_A_CURATOR),
    "check": Act(CheckGuarantee, check_again, NOT_A_CURATOR),
    "calibrate": Act(Calibrate, calibrate, NOT_A_CURATOR),
}
