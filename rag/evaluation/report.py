"""The report of a run: one self-contained HTML page with tables, plots, and every question with its hits and answer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from rag.evaluation.measures import means_of, relevance_of
from rag.evaluation.plots import plots
from rag.evaluation.question_sets import QuestionSet
from rag.evaluation.runs import Outcome, Run, Summary
from rag.evaluation.verdicts import verdict
from rag.storage.files import replace_file
from rag.templates import render

EXCERPT = 400  # characters of a hit: some five lines


def write_report(path: Path, run: Run, questions: QuestionSet, outcomes: Mapping[str, Outcome]) -> None:
    """Writes `report_page` to a file; its folder is created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, report_page(run, questions, outcomes).encode("utf-8", "replace"))


def report_page(run: Run, questions: QuestionSet, outcomes: Mapping[str, Outcome]) -> Markup:
    """Shows the questions that were asked, in the order of the set."""
    asked = [question for question in questions.questions if question.id in outcomes]
    return render(
        "report/report.html",
        run=run,
        plots=plots(run, asked, outcomes),
        measures=_measure_rows(run.summary),
        questions=asked,
        outcomes=outcomes,
        verdict_of=verdict,
        relevance_of=relevance_of,
        signature=_flat(run.signature),
        excerpt=EXCERPT,
    )


def _measure_rows(summary: Summary) -> list[tuple[str, str, str, str]]:
    """Part, measure, value and 95% interval."""
    rows = []
    for mean in means_of(summary):
        interval = f"{mean.interval[0]:.3f} – {mean.interval[1]:.3f}" if mean.interval else ""
        rows.append((mean.part, mean.measure, f"{mean.value:.4f}", interval))
    times = summary["timings_ms"]
    return [*rows, ("time", "median, ms", str(times["p50"]), ""), ("time", "95th percentile, ms", str(times["p95"]), "")]


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested objects as rows with dotted names."""
    rows: list[tuple[str, Any]] = []
    for name, value in values.items():
        rows += _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [(f"{prefix}{name}", value)]
    return rows
