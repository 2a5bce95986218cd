"""A run as plots: inline SVG without dependencies, in the colours of the page, with names for screen readers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10

import numpy as np
from markupsafe import Markup

from rag.evaluation.measures import Mean, abstention_data, means_of, risk_coverage
from rag.evaluation.question_sets import Question
from rag.evaluation.runs import Outcome, Run
from rag.templates import render

WIDTH, HEIGHT, MARGIN = 460, 240, 44  # of the view box
LABELS = 130  # width of the names of measures
SHOWN = ("nDCG@10", "Success@5", "hit", "first_hit", "sentence_f1", "auroc", "false_answers", "false_abstentions")
RECALL_DEPTHS = (5, 10, 20, 100)
BARS = 24  # of the histogram


@dataclass(frozen=True)
class Tick:
    """A grid line and its label, at a position of the view box."""

    at: float
    label: str


@dataclass(frozen=True)
class Whisker:
    """A value with its interval as positions of the view box, and the value itself."""

    label: str
    y: float
    low: float
    x: float
    high: float
    value: float


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    count: int


@dataclass(frozen=True)
class Plot:
    """What the template draws, in units of the view box. Marks start at `left`."""

    title: str
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick] = ()
    whiskers: Sequence[Whisker] = ()
    points: Sequence[tuple[float, float]] = ()
    bars: Sequence[Bar] = ()
    left: float = MARGIN


def plots(run: Run, asked: Sequence[Question], outcomes: Mapping[str, Outcome]) -> list[Markup]:
    """The plots that the run has data for, as SVG figures."""
    figures = [*_measures(run), *_recall(run), *_risk(run, asked, outcomes)]
    figures.append(_histogram("Time per question, ms", [outcome.timings_ms["total"] for outcome in outcomes.values()]))
    return [render("report/plot.html", plot=plot, width=WIDTH, height=HEIGHT, margin=MARGIN) for plot in figures]


def _measures(run: Run) -> list[Plot]:
    means = {mean.measure: mean for mean in means_of(run.summary)}
    shown = [means[name] for name in SHOWN if name in means]
    return [_whiskers("Measures with 95% intervals", shown)] if shown else []


def _recall(run: Run) -> list[Plot]:
    retrieval = run.summary["retrieval"]
    if not retrieval:
        return []
    points = [(log10(k), retrieval[f"R@{k}"] or 0.0) for k in RECALL_DEPTHS]
    return [_line("Recall by number of documents", points, ticks=[(log10(k), str(k)) for k in RECALL_DEPTHS])]


def _risk(run: Run, asked: Sequence[Question], outcomes: Mapping[str, Outcome]) -> list[Plot]:
    if not run.summary["abstention"]:
        return []
    data = abstention_data(asked, outcomes)
    coverage, risk = risk_coverage(data.confidence, data.right)
    points = list(zip(coverage.tolist(), risk.tolist(), strict=True))
    return [_line("Share of wrong answers by share answered", points, ticks=[(x / 4, f"{x / 4:.2f}") for x in range(5)])]


def _whiskers(title: str, means: Sequence[Mean]) -> Plot:
    step = (HEIGHT - MARGIN) / len(means)

    def x(value: float) -> float:
        return LABELS + value * (WIDTH - LABELS - 20)

    whiskers = []
    for row, mean in enumerate(means):
        low, high = mean.interval or (mean.value, mean.value)
        whiskers.append(Whisker(mean.measure, 14 + step * row, x(low), x(mean.value), x(high), mean.value))
    ticks = [Tick(x(quarter / 4), f"{quarter / 4:.2f}") for quarter in range(5)]
    return Plot(title, ticks, whiskers=whiskers, left=LABELS)


def _line(title: str, points: Sequence[tuple[float, float]], *, ticks: Sequence[tuple[float, str]]) -> Plot:
    """`points` and `ticks` in data units: x from the first to the last tick, y from 0 to 1."""
    low, high = ticks[0][0], ticks[-1][0]

    def x(value: float) -> float:
        return MARGIN + (value - low) / ((high - low) or 1) * (WIDTH - MARGIN - 20)

    def y(value: float) -> float:
        return 10 + (1 - value) * (HEIGHT - MARGIN - 10)

    return Plot(
        title,
        [Tick(x(value), label) for value, label in ticks],
        y_ticks=[Tick(y(quarter / 4), f"{quarter / 4:.2f}") for quarter in range(5)],
        points=[(x(a), y(b)) for a, b in points],
    )


def _histogram(title: str, times: Sequence[float]) -> Plot:
    counts, edges = np.histogram(times or [0.0], bins=BARS)
    width = (WIDTH - MARGIN - 20) / BARS
    heights = counts / counts.max() * (HEIGHT - MARGIN - 10)
    bars = [
        Bar(MARGIN + i * width, HEIGHT - MARGIN - height, width - 1, height, count)
        for i, (count, height) in enumerate(zip(counts.tolist(), heights.tolist(), strict=True))
    ]
    ticks = [Tick(MARGIN + i * width, f"{edges[i]:.0f}") for i in range(0, BARS + 1, BARS // 4)]
    return Plot(title, ticks, bars=bars)
