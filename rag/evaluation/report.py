"""A run as one page of HTML that needs nothing else: tables, plots, and every question with its hits and answer."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from rag.evaluation.measures import relevance_of
from rag.evaluation.plots import plots
from rag.evaluation.question_sets import Question, QuestionSet
from rag.evaluation.runs import Outcome, Run
from rag.evaluation.verdicts import verdict
from rag.storage.files import replace_file

STYLE = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")


def write_report(path: Path, run: Run, questions: QuestionSet, outcomes: Mapping[str, Outcome]) -> None:
    """Writes the page; see `report_page`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, report_page(run, questions, outcomes).encode("utf-8", "replace"))


def report_page(run: Run, questions: QuestionSet, outcomes: Mapping[str, Outcome]) -> str:
    """The questions that were asked are shown in the order of the set."""
    asked = [question for question in questions.questions if question.id in outcomes]
    body = [
        f"<h1>{_text(run.summary['dataset'])}</h1>",
        f"<p>{len(asked)} questions · run {_text(run.name)} · index {_text(run.signature['index'][:12])}</p>",
        '<div class="plots">',
        *plots(run, asked, outcomes),
        "</div>",
        _measures(run.summary),
        "<h2>Questions</h2>",
        '<label><input type="checkbox" id="wrong"> only those that went wrong</label>',
        *(_question(question, outcomes[question.id]) for question in asked),
        f"<h2>Made with</h2><table>{_rows(_flat(run.signature))}</table>",
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{_text(run.name)}</title>'
    return f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head><body>{"".join(body)}</body></html>\n'


def _text(value: object) -> str:
    return escape(str(value), quote=True)


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in values.items():
        rows += _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [(f"{prefix}{name}", value)]
    return rows


def _rows(rows: Iterable[Sequence[object]]) -> str:
    return "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)


def _measures(summary: Mapping[str, Any]) -> str:
    rows = []
    for part in ("retrieval", "answers", "abstention"):
        for name, value in (summary[part] or {}).items():
            if value is not None:
                low, high = summary["intervals"].get(name, (None, None))
                rows.append((part, name, f"{value:.4f}", "" if low is None else f"{low:.3f} – {high:.3f}"))
    times = summary["timings_ms"]
    rows += [("time", "half within, ms", times["p50"], ""), ("time", "95 of 100 within, ms", times["p95"], "")]
    head = "<tr><th>part</th><th>measure</th><th>value</th><th>95% interval</th></tr>"
    return f"<h2>Measures</h2><table>{head}{_rows(rows)}</table>"


def _question(question: Question, outcome: Outcome) -> str:
    gold = relevance_of(question)
    right, state = verdict(question, outcome)
    quotes = "".join(f"<q>{_text(sentence['text'])}</q> " for sentence in outcome.answer["sentences"])
    golds = "".join(f'<li class="gold"><mark>{_text(g.text)}</mark> {_text(g.document_id)}</li>' for g in question.answers)
    hits = "".join(_hit(hit, gold) for hit in outcome.hits)
    turns = "".join(f"<p>{_text(turn.get('speaker', ''))}: {_text(turn.get('text', ''))}</p>" for turn in question.history)
    return (
        f'<details class="{"ok" if right else "ko"}"><summary><b>{_text(question.text)}</b> '
        f"<span>{_text(state)} · confidence {outcome.confidence:.2f}</span></summary>{turns}"
        f"<h3>Answer{' (held back)' if outcome.abstained else ''}</h3><p>{quotes or 'none'}</p>"
        + (f"<h3>Gold</h3><ul>{golds}</ul>" if golds else "")
        + (f"<h3>Hits</h3><ol>{hits}</ol>" if hits else "")
        + "</details>"
    )


def _hit(hit: Mapping[str, Any], gold: Mapping[str, int]) -> str:
    name = _text(hit["document_id"])
    shown = f"<mark>{name}</mark>" if gold.get(hit["document_id"], 0) > 0 else name
    headings = _text(" › ".join(hit["headings"]))
    return f"<li>{shown} {headings} <small>{hit['score']:.3f}</small><p>{_text(hit['text'][:400])}</p></li>"
