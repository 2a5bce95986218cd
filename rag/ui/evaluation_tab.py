"""The tab of the evaluation: handlers that only hand on; a run goes on in the background."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from rag.accounts.users import User
from rag.errors import QuestionSetError, RagError
from rag.evaluation.calibration import learn
from rag.evaluation.question_sets import Question, QuestionSet, load_question_set
from rag.evaluation.report import report_page
from rag.evaluation.run_comparison import compare, most_changed
from rag.evaluation.runs import Outcome, Run, list_runs, load_outcomes, load_run, outcome_values, save_run
from rag.evaluation.verdicts import as_csv, thresholds, verdict
from rag.index.builds import Report
from rag.library import Library
from rag.ui.documents_view import job_html
from rag.ui.evaluation_view import (
    ChangedQuestion,
    measures_html,
    plots_html,
    question_detail_html,
    question_sets_html,
    questions_html,
    run_comparison_html,
    runs_html,
)
from rag.ui.jobs import Job

STOPPED = "Stopped: no run was kept."


class Evaluating:
    """What the tab's handlers do. Questions may be those of others, so all of it is for curators."""

    def __init__(self, library: Library, user_of: Callable[[gr.Request | None], User]) -> None:
        self.library, self.chat, self.user_of = library, library.chat, user_of
        self.job = Job(STOPPED)
        self._opened: tuple[str, Run, QuestionSet, dict[str, Outcome]] | None = None

    def call(self, told: Any, request: gr.Request | None) -> dict[str, Any]:
        told = told if isinstance(told, dict) else {}
        try:
            if not self.user_of(request).may_curate:
                return {"error": "Only a curator may evaluate."}
            act = _ACTS.get(str(told.get("do")))
            return act(self, told) if act else {"error": "This is not known."}
        except (RagError, OSError) as error:
            return {"error": str(error)}

    def sets(self) -> dict[str, Path]:
        """The question sets that are offered, by name: what was judged on the page first."""
        settings = self.chat.settings.evaluation
        folders = [settings.feedback, *sorted(path.parent for path in settings.sets.glob("*/queries.jsonl"))]
        return {folder.name: folder for folder in folders if (folder / "queries.jsonl").is_file()}

    def _overview(self, told: Mapping[str, Any]) -> dict[str, Any]:
        labels = [
            (name, "judged on the page" if folder == self.chat.settings.evaluation.feedback else name)
            for name, folder in self.sets().items()
        ]
        runs = list_runs(self.chat.settings.evaluation.runs)
        chosen = str(told.get("run") or "") or (runs[-1].name if runs else "")
        other = str(told.get("against") or "")
        state = self.job.state
        return {
            "sets": question_sets_html(labels),
            "runs": runs_html(runs, chosen, other),
            "run": chosen,
            "job": job_html(state),
            "running": state.running,
        }

    def _progress(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return {"job": job_html(self.job.state), "running": self.job.state.running}

    def _start(self, told: Mapping[str, Any]) -> dict[str, Any]:
        folder = self.sets().get(str(told.get("set")))
        if folder is None:
            raise QuestionSetError("choose a question set first")
        started = self.job.start(lambda report: self._evaluate(folder, report))
        return {} if started else {"error": "An evaluation is running; stop it first."}

    def _evaluate(self, folder: Path, report: Report) -> str:
        questions = load_question_set(folder)
        if not questions.questions:
            raise QuestionSetError(f"{questions.name} holds no judged question yet; judge answers in the Ask tab")
        settings = self.chat.settings
        evaluation = self.library.evaluate(questions, progress=report)
        save_run(settings.evaluation.runs, evaluation.run, evaluation.outcomes)
        return f"Done: {evaluation.run.name} is kept."

    def _stop(self, _: Mapping[str, Any]) -> dict[str, Any]:
        self.job.stop()
        return {}

    def open(self, name: str) -> tuple[Run, QuestionSet, dict[str, Outcome], list[Question]]:
        """A run that is offered, with its set as it is now, and those of the set's questions that it asked."""
        opened = self._opened
        if opened is None or opened[0] != name:
            folder = self.chat.settings.evaluation.runs
            if name not in {run.name for run in list_runs(folder)}:
                raise QuestionSetError(f"there is no kept run {name}")
            run = load_run(folder, name)
            place = self.sets().get(str(run.summary["dataset"]))
            if place is None:
                raise QuestionSetError(f"the question set {run.summary['dataset']} of this run is not among those offered")
            opened = self._opened = (name, run, load_question_set(place), load_outcomes(folder, name))
        _, run, questions, outcomes = opened
        return run, questions, outcomes, [question for question in questions.questions if question.id in outcomes]

    def _show(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """All of a run but its questions."""
        run, questions, outcomes, asked = self.open(str(told.get("run")))
        compared = Markup()
        if told.get("against"):
            old, _, before, _ = self.open(str(told.get("against")))
            texts = {question.id: question.text for question in questions.questions}
            changed = [
                ChangedQuestion(texts.get(one, one), before[one].answer.text, outcomes[one].answer.text)
                for one, _ in most_changed(run, old)
            ]
            compared = run_comparison_html(old, compare(run, old), changed)
        return {
            "measures": measures_html(run.summary),
            "plots": plots_html(run, asked, outcomes),
            "compared": compared,
            "thresholds": [asdict(one) for one in thresholds(asked, outcomes)],
            "now": self.chat.threshold,
            "answerable": sum(bool(question.answers) for question in asked),
            "unanswerable": sum(question.unanswerable for question in asked),
        }

    def _questions(self, told: Mapping[str, Any]) -> dict[str, Any]:
        _, _, outcomes, asked = self.open(str(told.get("run")))
        words = str(told.get("words") or "")[:200].casefold().split()
        fitting = [question for question in asked if all(word in question.text.casefold() for word in words)]
        if told.get("misses"):
            fitting = [question for question in fitting if not verdict(question, outcomes[question.id])[0]]
        page = told.get("page")
        return {"html": questions_html(fitting, outcomes, page=page if isinstance(page, int) else 0)}

    def _question(self, told: Mapping[str, Any]) -> dict[str, Any]:
        _, questions, outcomes, asked = self.open(str(told.get("run")))
        question = next((one for one in asked if one.id == told.get("question")), None)
        if question is None:
            raise QuestionSetError("this question is not in the run")
        own = questions.corpus is None
        digests = {name: entry.digest for name, entry in self.chat.index().entries.items()} if own else {}
        return {"html": question_detail_html(question, outcomes[question.id], digests)}

    def _save(self, told: Mapping[str, Any]) -> dict[str, Any]:
        run, questions, outcomes, asked = self.open(str(told.get("run")))
        form = str(told.get("form"))
        if form == "csv":
            return {"name": f"{run.name}.csv", "text": as_csv(asked, outcomes)}
        if form == "json":
            values = {**run.summary, "run": run.name, "outcomes": [outcome_values(outcomes[one.id]) for one in asked]}
            return {"name": f"{run.name}.json", "text": json.dumps(values, ensure_ascii=False, indent=1)}
        return {"name": f"{run.name}.html", "text": report_page(run, questions, outcomes)}

    def _calibrate(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Takes the threshold at which so many unanswerable questions get an answer, learnt from a run's questions."""
        _, questions, outcomes, _ = self.open(str(told.get("run")))
        share = told.get("false_answers")
        if questions.corpus is not None or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise QuestionSetError("a threshold is learnt from a question set about the current documents")
        learnt = learn(questions, outcomes, self.chat, false_answers=float(share))
        measured = learnt.measured
        return {
            "told": f"From now on it answers from confidence {learnt.threshold:.2f}. On questions left out of the fit, "
            f"{measured['false_answers']:.0%} of the unanswerable were answered and {measured['false_abstentions']:.0%} of the "
            "answerable refused."
        }


_ACTS: dict[str, Callable[[Evaluating, Mapping[str, Any]], dict[str, Any]]] = {
    "overview": Evaluating._overview,
    "progress": Evaluating._progress,
    "start": Evaluating._start,
    "stop": Evaluating._stop,
    "show": Evaluating._show,
    "questions": Evaluating._questions,
    "question": Evaluating._question,
    "save": Evaluating._save,
    "calibrate": Evaluating._calibrate,
}
