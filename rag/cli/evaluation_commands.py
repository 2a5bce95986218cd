"""`rag eval`: measures, kept runs, comparison, gate, report, sweep and labelling."""

import json
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from rag.cli.output import CorpusOption, IndexOption, JsonOption, notes, out, print_json
from rag.errors import QuestionSetError, SettingsError

if TYPE_CHECKING:
    from rag.config import Settings

SWEPT = ("retrieval.dense_weight=0.6,0.75,0.9", "retrieval.depth=50,100,200")


def evaluate(
    dataset: Annotated[str, typer.Argument(metavar="DATASET|runs|label", help="Folder of a question set; or one of the words.")],
    label_set: Annotated[Path | None, typer.Argument(metavar="[SET]", help="For label: the set that grows.")] = None,
    given: Annotated[bool, typer.Option("--given", help="Ask each question of its own gold document alone.")] = False,
    answers: Annotated[bool, typer.Option("--answers/--no-answers", help="Measure answers, not retrieval alone.")] = True,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Ask only so many, drawn the same way each time.")] = None,
    compare_with: Annotated[str | None, typer.Option("--compare", metavar="RUN", help="Compare with a kept run.")] = None,
    gate_file: Annotated[Path | None, typer.Option("--gate", metavar="FILE", help="Fail if worse than this stored run.")] = None,
    save_gate: Annotated[Path | None, typer.Option("--save-gate", metavar="FILE", help="Store this run for --gate.")] = None,
    report: Annotated[Path | None, typer.Option("--report", metavar="FILE", help="Write an HTML page.")] = None,
    sweep: Annotated[bool, typer.Option("--sweep", help="Compare settings instead; see --vary.")] = False,
    vary: Annotated[
        list[str] | None, typer.Option("--vary", metavar="SETTING=A,B", help="A setting that --sweep varies.")
    ] = None,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure retrieval, answers and abstention on a question set. The run is kept."""
    from rag.config import load_settings

    settings = load_settings(corpus=corpus, index=index)
    if dataset == "runs":
        _list_runs(settings, as_json=as_json)
    elif dataset == "label":
        _label(settings, label_set)
    elif sweep:
        _sweep(Path(dataset), settings, vary or list(SWEPT), limit=limit, as_json=as_json)
    else:
        kept = _run(Path(dataset), settings, given=given, answers=answers, limit=limit, report=report)
        _show(kept, settings, compare_with=compare_with, gate_file=gate_file, save_gate=save_gate, as_json=as_json)


def _run(folder: Path, settings: "Settings", *, given: bool, answers: bool, limit: int | None, report: Path | None) -> Any:
    from rag.cli.progress import progress_bars
    from rag.evaluation.labelling import touched
    from rag.evaluation.report import write_report
    from rag.evaluation.runs import save_run
    from rag.library import Library

    with progress_bars() as progress:
        evaluation = Library(settings).evaluate(folder, given=given, answers=answers, limit=limit, progress=progress)
    questions, run, outcomes = evaluation.questions, evaluation.run, evaluation.outcomes
    if questions.corpus is None:
        documents = evaluation.chat.index().documents
        gold = {span.document_id for question in questions.questions for span in question.answers}
        texts = {name: documents[name].text for name in gold if name in documents}
        for name, ids in touched(questions, texts).items():
            notes.print(
                f"{escape(name)} has changed: the gold sentences of {', '.join(ids)} have moved",
                soft_wrap=True,
            )
    save_run(settings.evaluation.runs, run, outcomes)
    if report is not None:
        write_report(report, run, questions, {outcome.question_id: outcome for outcome in outcomes})
    return run


def _show(
    run: Any,
    settings: "Settings",
    *,
    compare_with: str | None,
    gate_file: Path | None,
    save_gate: Path | None,
    as_json: bool,
) -> None:
    from rag.evaluation.run_comparison import compare, gate, most_changed
    from rag.evaluation.runs import gate_values, load_outcomes, load_run, read_gate
    from rag.storage.files import canonical_json, replace_file

    values = run.summary | {"run": run.name}
    old = load_run(settings.evaluation.runs, compare_with) if compare_with else None
    if old:
        differences = compare(run, old)
        before, after = (load_outcomes(settings.evaluation.runs, name) for name in (old.name, run.name))
        changed = [
            {"question_id": name, "change": total, "before": before[name].answer["text"], "after": after[name].answer["text"]}
            for name, total in most_changed(run, old)
        ]
        values["compared"] = {"with": old.name, "differences": [_difference_values(d) for d in differences], "changed": changed}
    failed = gate(run, read_gate(gate_file)) if gate_file else []
    if gate_file:
        values["gate"] = {"file": str(gate_file), "passed": not failed, "worse": [_difference_values(d) for d in failed]}
    if save_gate:
        replace_file(save_gate, f"{canonical_json(gate_values(run))}\n".encode())
    if as_json:
        print_json(values)
    else:
        _print_summary(values)
        if old:
            _print_comparison(values["compared"])
    for difference in failed:
        notes.print(
            f"rag: {difference.measure} fell from {difference.old:.4f} to {difference.new:.4f} (p = {difference.p:.4f}); "
            f"if that is meant, store the run with --save-gate {gate_file}",
            soft_wrap=True,
        )
    if failed:
        raise typer.Exit(1)


def _difference_values(difference: Any) -> dict[str, Any]:
    return {name: getattr(difference, name) for name in difference.__dataclass_fields__}


def _print_summary(values: dict[str, Any]) -> None:
    from rich.table import Table

    out.print(f"{values['questions']} questions of {values['dataset']}, run {escape(values['run'])}", soft_wrap=True)
    table = Table("measure", "value", "95% interval", box=None)
    for part in ("retrieval", "answers", "abstention"):
        for name, value in (values[part] or {}).items():
            if value is not None:
                low, high = values["intervals"].get(name, (None, None))
                table.add_row(name, f"{value:.4f}", "" if low is None else f"{low:.3f} – {high:.3f}")
    out.print(table)
    times = values["timings_ms"]
    out.print(f"a question takes {times['p50']} ms in the middle, {times['p95']} ms at most for 95 of 100")


def _print_comparison(compared: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table("measure", "before", "now", "difference", "95% interval", "p", "wins", "losses", "ties", box=None)
    for row in compared["differences"]:
        low, high = row["interval"]
        numbers = [f"{row['old']:.4f}", f"{row['new']:.4f}", f"{row['difference']:+.4f}", f"{low:+.3f} – {high:+.3f}"]
        table.add_row(row["measure"], *numbers, f"{row['p']:.3f}", *(str(row[name]) for name in ("wins", "losses", "ties")))
    out.print(f"compared with {escape(compared['with'])}")
    out.print(table)
    for row in compared["changed"]:
        out.print(f"{row['change']:+.2f} {escape(row['question_id'])}", soft_wrap=True)
        out.print(f"   before: {escape(row['before'][:300]) or '(nothing)'}", soft_wrap=True)
        out.print(f"   now:    {escape(row['after'][:300]) or '(nothing)'}", soft_wrap=True)


def _list_runs(settings: "Settings", *, as_json: bool) -> None:
    from rag.evaluation.runs import list_runs

    runs = list_runs(settings.evaluation.runs)
    if as_json:
        print_json({"runs": [{"run": run.name, **run.summary} for run in runs]})
        return
    if not runs:
        out.print(f"no runs are kept in {settings.evaluation.runs}; `rag eval DATASET` makes one")
    for run in runs:
        found = {**(run.summary["retrieval"] or {}), **(run.summary["answers"] or {}), **(run.summary["abstention"] or {})}
        shown = [name for name in ("nDCG@10", "Success@5", "hit", "first_hit", "false_answers") if found.get(name) is not None]
        measured = "  ".join(f"{name} {found[name]:.4f}" for name in shown)
        out.print(f"{run.name}  {run.summary['questions']} questions  {measured}", soft_wrap=True)


def _sweep(folder: Path, settings: "Settings", vary: list[str], *, limit: int | None, as_json: bool) -> None:
    from rich.table import Table

    from rag.cli.progress import progress_bars
    from rag.evaluation.question_sets import load_question_set
    from rag.library import Library

    questions = load_question_set(folder)
    names, choices = zip(*(_varied(text) for text in vary), strict=True)
    rows = []
    embedder = Library(settings).embedder
    with progress_bars() as progress:
        for values in product(*choices):
            varied = dict(zip(names, values, strict=True))
            library = Library(_changed(settings, varied), embedder=embedder)
            run = library.evaluate(questions, answers=False, limit=limit, progress=progress).run
            retrieval = run.summary["retrieval"]
            if retrieval is None:
                raise QuestionSetError(f"{folder} has no judgements to measure retrieval by")
            rows.append({**varied, **retrieval, "p50": run.summary["timings_ms"]["p50"]})
    rows.sort(key=lambda row: -row["nDCG@10"])
    if as_json:
        print_json({"dataset": questions.name, "rows": rows})
        return
    table = Table(*rows[0], box=None)
    for row in rows:
        table.add_row(*(f"{value:.4f}" if isinstance(value, float) else str(value) for value in row.values()))
    out.print(table)


def _varied(text: str) -> tuple[str, list[Any]]:
    name, _, listed = text.partition("=")
    try:
        return name, [json.loads(value) for value in listed.split(",")]
    except ValueError as error:
        raise SettingsError(f"--vary {text}: write SETTING=A,B with numbers, such as retrieval.depth=50,100") from error


def _changed(settings: "Settings", chosen: dict[str, Any]) -> "Settings":
    from rag.config import load_settings

    values = settings.model_dump()
    for name, value in chosen.items():
        section, _, key = name.partition(".")
        if section not in ("passages", "retrieval") or key not in values[section]:
            raise SettingsError(f"--vary {name}: a sweep varies settings of passages and retrieval, such as retrieval.depth")
        values[section][key] = value
    return load_settings(**values)


def _label(settings: "Settings", folder: Path | None) -> None:
    from rag.evaluation.labelling import label
    from rag.library import Library

    if folder is None:
        raise typer.BadParameter("name the set that grows: rag eval label SET")
    chat = Library(settings).chat
    label(chat, folder, ask=lambda prompt: out.input(prompt), show=lambda text: out.print(escape(text), soft_wrap=True))
