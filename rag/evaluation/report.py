"""A run as one page of HTML that needs nothing else: tables, plots, and every question with its hits and answer."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from rag.evaluation.measures import abstention_values, relevance_of, risk_coverage
from rag.evaluation.question_sets import Question, QuestionSet
from rag.evaluation.runs import Outcome, Run
from rag.storage import replace_file

STYLE = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
WIDTH, HEIGHT, MARGIN = 460, 240, 44
TIMES = 24  # bars of the latency plot


def write_report(path: Path, run: Run, questions: QuestionSet, outcomes: Mapping[str, Outcome]) -> None:
    """Writes the page; the questions that were asked are shown in the order of the set."""
    asked = [question for question in questions.questions if question.id in outcomes]
    body = [
        f"<h1>{_text(run.summary['dataset'])}</h1>",
        f"<p>{len(asked)} questions · run {_text(run.name)} · index {_text(run.signature['index'][:12])}</p>",
        '<div class="plots">',
        *_plots(run, asked, outcomes),
        "</div>",
        _measures(run.summary),
        "<h2>Questions</h2>",
        '<label><input type="checkbox" id="wrong"> only those that went wrong</label>',
        *(_question(question, outcomes[question.id]) for question in asked),
        f"<h2>Made with</h2><table>{_rows(_flat(run.signature))}</table>",
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{_text(run.name)}</title>'
    page = f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head><body>{"".join(body)}</body></html>\n'
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, page.encode("utf-8", "replace"))


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


def _plots(run: Run, asked: Sequence[Question], outcomes: Mapping[str, Outcome]) -> Iterable[str]:
    summary = run.summary
    parts = {**(summary["retrieval"] or {}), **(summary["answers"] or {}), **(summary["abstention"] or {})}
    named = ("nDCG@10", "Success@5", "hit", "first_hit", "sentence_f1", "auroc", "false_answers", "false_abstentions")
    shown = {name: parts[name] for name in named if parts.get(name) is not None}
    if shown:
        yield _whiskers("Measures with 95% intervals", shown, summary["intervals"])
    if summary["retrieval"]:
        recall = [(float(k), summary["retrieval"][f"R@{k}"]) for k in (5, 10, 20, 100)]
        points = [(np.log10(k), value) for k, value in recall]
        yield _line("Recall by number of documents", points, ticks=[(np.log10(k), f"{k:.0f}") for k, _ in recall])
    if summary["abstention"]:
        telling = abstention_values(asked, outcomes, run.values)
        coverage, risk = risk_coverage(telling["confidence"], telling["right"])
        points = list(zip(coverage.tolist(), risk.tolist(), strict=True))
        yield _line("Share of wrong answers by share answered", points, ticks=[(x / 4, f"{x / 4:.2f}") for x in range(5)])
    yield _histogram("Time of a question, ms", [outcome.timings_ms["total"] for outcome in outcomes.values()])


def _svg(title: str, inside: str) -> str:
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{_text(title)}">{inside}</svg>'
        f"<figcaption>{_text(title)}</figcaption></figure>"
    )


def _whiskers(title: str, values: Mapping[str, float], intervals: Mapping[str, Sequence[float]]) -> str:
    left, step = 130, (HEIGHT - MARGIN) / max(1, len(values))

    def x(value: float) -> float:
        return left + value * (WIDTH - left - 20)

    inside = [_tick(x(tick / 4), f"{tick / 4:.2f}") for tick in range(5)]
    for number, (name, value) in enumerate(values.items()):
        y = 14 + step * number
        low, high = intervals.get(name, (value, value))
        inside.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{_text(name)}</text>')
        inside.append(f'<line class="mark" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        inside.append(f'<circle class="mark" cx="{x(value):.1f}" cy="{y:.1f}" r="4"><title>{value:.4f}</title></circle>')
    return _svg(title, "".join(inside))


def _tick(x: float, label: str) -> str:
    return (
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="6" y2="{HEIGHT - MARGIN + 8}"/>'
        f'<text x="{x:.1f}" y="{HEIGHT - MARGIN + 24}" text-anchor="middle">{_text(label)}</text>'
    )


def _line(title: str, points: Sequence[tuple[float, float]], *, ticks: Sequence[tuple[float, str]]) -> str:
    low, high = ticks[0][0], ticks[-1][0]

    def x(value: float) -> float:
        return MARGIN + (value - low) / ((high - low) or 1) * (WIDTH - MARGIN - 20)

    def y(value: float) -> float:
        return 10 + (1 - value) * (HEIGHT - MARGIN - 10)

    path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points)
    levels = "".join(
        f'<line class="grid" x1="{MARGIN}" x2="{WIDTH - 20}" y1="{y(level / 4):.1f}" y2="{y(level / 4):.1f}"/>'
        f'<text x="{MARGIN - 6}" y="{y(level / 4) + 4:.1f}" text-anchor="end">{level / 4:.2f}</text>'
        for level in range(5)
    )
    return _svg(title, levels + "".join(_tick(x(at), label) for at, label in ticks) + f'<polyline points="{path}"/>')


def _histogram(title: str, times: Sequence[float]) -> str:
    counts, edges = np.histogram(times or [0.0], bins=TIMES)
    width = (WIDTH - MARGIN - 20) / TIMES
    bars = "".join(
        f'<rect class="mark" x="{MARGIN + i * width:.1f}" width="{width - 1:.1f}" '
        f'y="{10 + (1 - count / counts.max()) * (HEIGHT - MARGIN - 10):.1f}" '
        f'height="{count / counts.max() * (HEIGHT - MARGIN - 10):.1f}"><title>{count}</title></rect>'
        for i, count in enumerate(counts)
    )
    ticks = [(MARGIN + i * width, f"{edges[i]:.0f}") for i in range(0, TIMES + 1, TIMES // 4)]
    return _svg(title, bars + "".join(_tick(x, label) for x, label in ticks))


def _question(question: Question, outcome: Outcome) -> str:
    gold = relevance_of(question)
    first = next((rank for rank, name in enumerate(outcome.ranking or (), start=1) if gold.get(name, 0) > 0), None)
    if question.unanswerable:
        right, state = outcome.abstained, "rightly refused" if outcome.abstained else "answered, though nothing answers it"
    elif question.answers:
        right = outcome.right and not outcome.abstained
        state = "right" if right else "refused" if outcome.abstained else "wrong sentences"
    else:
        right = first is not None and first <= 5
        state = f"found at {first}" if first else "not found"
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
