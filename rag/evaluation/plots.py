"""A run as plots: inline SVG that needs nothing else, follows light and dark, and is named for screen readers."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import numpy as np

from rag.evaluation.measures import abstention_values, risk_coverage
from rag.evaluation.question_sets import Question
from rag.evaluation.runs import Outcome, Run

WIDTH, HEIGHT, MARGIN = 460, 240, 44
TIMES = 24  # bars of the latency plot


def _escaped(value: object) -> str:
    return escape(str(value), quote=True)


def plots(run: Run, asked: Sequence[Question], outcomes: Mapping[str, Outcome]) -> Iterable[str]:
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
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{_escaped(title)}">{inside}</svg>'
        f"<figcaption>{_escaped(title)}</figcaption></figure>"
    )


def _whiskers(title: str, values: Mapping[str, float], intervals: Mapping[str, Sequence[float]]) -> str:
    left, step = 130, (HEIGHT - MARGIN) / max(1, len(values))

    def x(value: float) -> float:
        return left + value * (WIDTH - left - 20)

    inside = [_tick(x(tick / 4), f"{tick / 4:.2f}") for tick in range(5)]
    for number, (name, value) in enumerate(values.items()):
        y = 14 + step * number
        low, high = intervals.get(name, (value, value))
        inside.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{_escaped(name)}</text>')
        inside.append(f'<line class="mark" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        inside.append(f'<circle class="mark" cx="{x(value):.1f}" cy="{y:.1f}" r="4"><title>{value:.4f}</title></circle>')
    return _svg(title, "".join(inside))


def _tick(x: float, label: str) -> str:
    return (
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="6" y2="{HEIGHT - MARGIN + 8}"/>'
        f'<text x="{x:.1f}" y="{HEIGHT - MARGIN + 24}" text-anchor="middle">{_escaped(label)}</text>'
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
