"""`rag eval`: measure, compare and gate runs, report them, vary settings, and label questions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag.cli.output import (
    CorpusOption,
    IndexOption,
    JsonOption,
    open_library,
    print_json,
    print_line,
    print_note,
    print_table,
    read_line,
)
from rag.errors import QuestionSetError, SettingsError

if TYPE_CHECKING:
    from rag.config import Settings
    from rag.evaluation.experiment import Evaluation
    from rag.evaluation.run_comparison import Difference
    from rag.evaluation.runs import Run
    from rag.library import Library

VARIED = ("retrieval.dense_weight=0.6,0.75,0.9", "retrieval.depth=50,100,200")  # by --sweep, unless --vary says otherwise
LISTED = ("nDCG@10", "Success@5", "hit", "first_hit", "false_answers")  # measures in the list of runs
QUOTED = 300  # characters of an answer in a comparison


@dataclass(frozen=True)
class ChangedAnswer:
    """A question whose answer differs between two runs; `change` is the sum over its measures, below 0 if it got worse."""

    question_id: str
    change: float
    before: str
    after: str


@dataclass(frozen=True)
class Comparison:
    """A run against the one named `old`."""

    old: str
    differences: "Sequence[Difference]"
    changed: Sequence[ChangedAnswer]


def evaluate(
    dataset: Annotated[str, typer.Argument(metavar="DATASET|runs|label", help="Question set folder, or runs or label.")],
    label_set: Annotated[Path | None, typer.Argument(metavar="SET", help="With label: the set to add questions to.")] = None,
    given: Annotated[bool, typer.Option("--given", help="Ask each question of its gold documents only.")] = False,
    answers: Annotated[bool, typer.Option("--answers/--no-answers", help="Measure answers too, or only retrieval.")] = True,
    following: Annotated[
        bool, typer.Option("--next", help="With label: judge the set's unlabelled questions, those that help a guarantee first.")
    ] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Ask a fixed sample of this many questions.")] = None,
    compare_with: Annotated[str | None, typer.Option("--compare", metavar="RUN", help="Compare with a saved run.")] = None,
    gate_file: Annotated[
        Path | None, typer.Option("--gate", metavar="FILE", help="Fail if significantly worse than this stored run.")
    ] = None,
    save_gate: Annotated[Path | None, typer.Option("--save-gate", metavar="FILE", help="Store this run for --gate.")] = None,
    report: Annotated[Path | None, typer.Option("--report", metavar="FILE", help="Write an HTML report.")] = None,
    sweep: Annotated[bool, typer.Option("--sweep", help="Compare settings; see --vary.")] = False,
    vary: Annotated[
        list[str] | None, typer.Option("--vary", metavar="SETTING=A,B", help="With --sweep: values of a setting. Repeatable.")
    ] = None,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure retrieval, answers and abstention on a question set. The run is saved.

    `rag eval runs` lists saved runs; `rag eval label SET` adds questions to a set.
    """

    library = open_library(corpus, index)
    if dataset == "runs":
        _list_runs(library.settings.evaluation.runs, as_json=as_json)
    elif dataset == "label":
        _label(library, label_set, following=following, limit=limit, as_json=as_json)
    elif sweep:
        _sweep(library, Path(dataset), vary or VARIED, limit=limit, as_json=as_json)
    else:
        evaluation = _evaluate(library, Path(dataset), given=given, answers=answers, limit=limit, report=report)
        runs = library.settings.evaluation.runs
        comparison = _compared(runs, evaluation.run, compare_with) if compare_with else None
        _finish(evaluation.run, comparison, gate_file=gate_file, save_gate=save_gate, as_json=as_json)


def _evaluate(
    library: "Library", folder: Path, *, given: bool, answers: bool, limit: int | None, report: Path | None
) -> "Evaluation":
    """Evaluates and saves the run; warns of gold sentences that have moved."""
    from rag.cli.progress import progress_bars
    from rag.evaluation.report import write_report
    from rag.evaluation.runs import save_run

    with progress_bars() as progress:
        evaluation = library.evaluate(folder, given=given, answers=answers, limit=limit, progress=progress)
    if evaluation.questions.corpus is None:
        _warn_of_moved_gold(evaluation)
    save_run(library.settings.evaluation.runs, evaluation.run, evaluation.outcomes)
    if report is not None:
        outcomes = evaluation.outcome_of
        write_report(report, evaluation.run, evaluation.questions, outcomes)
    return evaluation


def _warn_of_moved_gold(evaluation: "Evaluation") -> None:
    from rag.evaluation.labelling import outdated_questions

    documents = evaluation.chat.index().documents
    gold = {span.document_id for question in evaluation.questions.questions for span in question.answers}
    texts = {name: documents[name].text for name in gold if name in documents}
    for name, ids in outdated_questions(evaluation.questions, texts).items():
        print_note(f"{name} has changed: the gold sentences of {', '.join(ids)} have moved")


def _compared(runs: Path, run: "Run", with_name: str) -> Comparison:
    from rag.evaluation.run_comparison import compare, most_changed
    from rag.evaluation.runs import load_outcomes, load_run

    old = load_run(runs, with_name)
    before, after = load_outcomes(runs, old.name), load_outcomes(runs, run.name)
    changed = [
        ChangedAnswer(name, change, before[name].answer.text, after[name].answer.text) for name, change in most_changed(run, old)
    ]
    return Comparison(old.name, compare(run, old), changed)


def _finish(run: "Run", comparison: Comparison | None, *, gate_file: Path | None, save_gate: Path | None, as_json: bool) -> None:
    """Prints a run, stores or applies a gate, and exits with code 1 if the gate fails."""
    from rag.evaluation.run_comparison import gate
    from rag.evaluation.runs import load_gate
    from rag.evaluation.runs import save_gate as save_gate_file

    failed = gate(run, load_gate(gate_file)) if gate_file else []
    if save_gate:
        save_gate_file(save_gate, run)
    if as_json:
        gated = {"file": str(gate_file), "passed": not failed, "worse": [asdict(difference) for difference in failed]}
        compared = {"compared": _comparison_values(comparison)} if comparison else {}
        print_json({**run.summary, "run": run.name} | compared | ({"gate": gated} if gate_file else {}))
    else:
        _print_summary(run)
        if comparison:
            _print_comparison(comparison)
    for difference in failed:
        print_note(
            f"rag: {difference.measure} fell from {difference.old:.4f} to {difference.new:.4f} (p = {difference.p:.4f}); "
            f"if this is intended, store the run with --save-gate {gate_file}"
        )
    if failed:
        raise typer.Exit(1)


def _comparison_values(comparison: Comparison) -> dict[str, Any]:
    return {
        "with": comparison.old,
        "differences": [asdict(difference) for difference in comparison.differences],
        "changed": [asdict(answer) for answer in comparison.changed],
    }


def _print_summary(run: "Run") -> None:
    from rag.evaluation.measures import means_of

    summary = run.summary
    rows = [
        (mean.measure, f"{mean.value:.4f}", f"{mean.interval[0]:.3f} – {mean.interval[1]:.3f}" if mean.interval else "")
        for mean in means_of(summary)
    ]
    print_line(f"{summary['questions']} questions of {summary['dataset']}, run {run.name}")
    print_table(("measure", "value", "95% interval"), rows)
    times = summary["timings_ms"]
    print_line(f"median time per question {times['p50']} ms, 95th percentile {times['p95']} ms")


def _print_comparison(comparison: Comparison) -> None:
    rows = []
    for row in comparison.differences:
        low, high = row.interval
        numbers = (f"{row.old:.4f}", f"{row.new:.4f}", f"{row.difference:+.4f}", f"{low:+.3f} – {high:+.3f}", f"{row.p:.3f}")
        rows.append((row.measure, *numbers, str(row.wins), str(row.losses), str(row.ties)))
    print_line(f"compared with {comparison.old}")
    print_table(("measure", "before", "now", "difference", "95% interval", "p", "wins", "losses", "ties"), rows)
    for answer in comparison.changed:
        print_line(f"{answer.change:+.2f} {answer.question_id}")
        print_line(f"   before: {answer.before[:QUOTED] or '(no answer)'}")
        print_line(f"   now:    {answer.after[:QUOTED] or '(no answer)'}")


def _list_runs(folder: Path, *, as_json: bool) -> None:
    from rag.evaluation.measures import means_of
    from rag.evaluation.runs import list_runs

    runs = list_runs(folder)
    if as_json:
        print_json({"runs": [{"run": run.name, **run.summary} for run in runs]})
        return
    if not runs:
        print_line(f"no runs in {folder}; `rag eval DATASET` makes one")
    for run in runs:
        values = {mean.measure: mean.value for mean in means_of(run.summary)}
        measured = "  ".join(f"{name} {values[name]:.4f}" for name in LISTED if name in values)
        print_line(f"{run.name}  {run.summary['questions']} questions  {measured}")


def _sweep(library: "Library", folder: Path, vary: Sequence[str], *, limit: int | None, as_json: bool) -> None:
    """Measures retrieval for every combination of the varied settings, best first."""
    from rag.cli.progress import progress_bars
    from rag.evaluation.question_sets import load_question_set
    from rag.library import Library

    questions = load_question_set(folder)
    names, choices = zip(*(_varied(text) for text in vary), strict=True)
    rows = []
    with progress_bars() as progress:
        for values in product(*choices):
            varied = dict(zip(names, values, strict=True))
            changed = Library(_changed(library.settings, varied), embedder=library.embedder)
            run = changed.evaluate(questions, answers=False, limit=limit, progress=progress).run
            retrieval = run.summary["retrieval"]
            if retrieval is None:
                raise QuestionSetError(f"{folder} has no relevance judgements to measure retrieval with")
            rows.append({**varied, **retrieval, "p50": run.summary["timings_ms"]["p50"]})
    rows.sort(key=lambda row: -row["nDCG@10"])
    if as_json:
        print_json({"dataset": questions.name, "rows": rows})
        return
    cells = [[f"{value:.4f}" if isinstance(value, float) else str(value) for value in row.values()] for row in rows]
    print_table(list(rows[0]), cells)


def _varied(text: str) -> tuple[str, list[Any]]:
    name, _, values = text.partition("=")
    try:
        return name, [json.loads(value) for value in values.split(",")]
    except ValueError as error:
        raise SettingsError(f"--vary {text}: write SETTING=A,B with numbers, such as retrieval.depth=50,100") from error


def _changed(settings: "Settings", chosen: Mapping[str, Any]) -> "Settings":
    from rag.config import load_settings

    values = settings.model_dump()
    values["index"] = {"folder": values["index"], **values.pop("scale")}
    for name, value in chosen.items():
        section, _, key = name.partition(".")
        if section not in ("passages", "retrieval") or key not in values[section]:
            raise SettingsError(f"--vary {name}: only passages and retrieval settings can be varied, such as retrieval.depth")
        values[section][key] = value
    return load_settings(**values)


def _label(library: "Library", folder: Path | None, *, following: bool, limit: int | None, as_json: bool) -> None:
    from rag.evaluation.labelling import label

    if folder is None:
        raise typer.BadParameter("name the set to add questions to: rag eval label SET")
    if following:
        _label_next(library, folder, limit=limit, as_json=as_json)
    else:
        label(library.chat, folder, ask=read_line, show=print_line)


def _label_next(library: "Library", folder: Path, *, limit: int | None, as_json: bool) -> None:
    """Lists the unlabelled questions in the order in which to judge them, as JSON; or judges them."""
    from rag.cli.progress import progress_bars
    from rag.evaluation.labelling import label_next, own_corpus
    from rag.evaluation.next_questions import next_questions
    from rag.evaluation.question_sets import load_question_set

    questions = load_question_set(folder)
    if questions.corpus is not None:
        raise own_corpus(folder)
    with progress_bars() as progress:
        following = next_questions(questions, library.chat, progress)[:limit]
    if as_json:
        listed = [{"id": n.question.id, "text": n.question.text, "confidence": n.confidence} for n in following]
        print_json({"set": questions.name, "next": listed})
    else:
        label_next(library.chat, folder, [n.question for n in following], ask=read_line, show=print_line)
