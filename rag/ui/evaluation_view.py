"""Runs and what became of their questions to HTML. Every text of a question, a document or a set's name is escaped."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from rag.evaluation.measures import ABSTENTION, ANSWERS, RETRIEVAL
from rag.evaluation.plots import plots
from rag.evaluation.question_sets import Question
from rag.evaluation.run_comparison import Difference
from rag.evaluation.runs import Outcome, Run
from rag.evaluation.verdicts import verdict
from rag.ui.documents_view import ROWS, steps_html

MEANING = {
    "nDCG@10": "how well the documents are ranked",
    "RR@10": "1 / rank of the first right document",
    "R@5": "right documents among the first 5",
    "R@10": "right documents among the first 10",
    "R@20": "right documents among the first 20",
    "R@100": "right documents among the first 100",
    "Success@5": "a right document among the first 5",
    "hit": "a right sentence is quoted",
    "first_hit": "the first quoted sentence is right",
    "sentence_precision": "quoted sentences that are right",
    "sentence_recall": "right sentences that are quoted",
    "sentence_f1": "both of these in one",
    "phrase_em": "the answer phrase is exactly right",
    "phrase_f1": "words the answer phrase shares with the right one",
    "sentences_shown": "sentences shown",
    "characters_shown": "characters shown",
    "auroc": "confidence tells answerable from unanswerable",
    "answered": "questions that got an answer",
    "false_answers": "unanswerable questions that got an answer",
    "false_abstentions": "answerable questions that got none",
    "aurc": "wrong answers, over all thresholds",
}


def sets_html(sets: Sequence[tuple[str, str]]) -> str:
    """Question sets to choose from: name and where it is."""
    if not sets:
        return '<p class="hint">There is no question set yet: judge answers on the page, or run <code>rag eval label</code>.</p>'
    options = "".join(f'<option value="{escape(name, quote=True)}">{escape(label)}</option>' for name, label in sets)
    return f'<label for="set">Question set</label> <select id="set">{options}</select>'


def runs_html(runs: Sequence[Run], chosen: str, other: str) -> str:
    """The kept runs, latest first, to open and to compare with."""
    if not runs:
        return '<p class="hint">No run is kept yet.</p>'

    def options(name: str) -> str:
        return "".join(
            f'<option value="{escape(run.name, quote=True)}"{" selected" if run.name == name else ""}>{escape(run.name)} '
            f"({run.summary['questions']} questions)</option>"
            for run in reversed(runs)
        )

    return (
        f'<label for="run">Run</label> <select id="run">{options(chosen)}</select> '
        f'<label for="against">compared with</label> <select id="against"><option value="">none</option>{options(other)}</select>'
    )


def measures_html(summary: Mapping[str, Any]) -> str:
    rows = ""
    for part, names in (("retrieval", RETRIEVAL), ("answers", ANSWERS), ("abstention", ABSTENTION)):
        for name in names:
            value = (summary[part] or {}).get(name)
            if value is not None:
                low, high = summary["intervals"].get(name, (None, None))
                between = "" if low is None else f"{low:.3f} – {high:.3f}"
                rows += (
                    f'<tr><th scope="row">{escape(name)}</th><td>{value:.3f}</td><td>{between}</td>'
                    f"<td>{escape(MEANING.get(name, ''))}</td></tr>"
                )
    times = summary["timings_ms"]
    return (
        '<table><thead><tr><th scope="col">Measure</th><th scope="col">Value</th><th scope="col">95% interval</th>'
        f'<th scope="col">Says</th></tr></thead><tbody>{rows}</tbody></table>'
        f'<p class="hint">Half of the answers take {times["p50"]} ms at most, 95 of 100 {times["p95"]} ms.</p>'
    )


def plots_html(run: Run, questions: Sequence[Question], outcomes: Mapping[str, Outcome]) -> str:
    return f'<div class="plots">{"".join(plots(run, questions, outcomes))}</div>'


def comparison_html(old: Run, differences: Sequence[Difference], changed: Sequence[tuple[str, str, str, str]]) -> str:
    """`changed` are the questions that changed most: id, text, answer before, answer now."""
    rows = "".join(
        f'<tr class="{"worse" if one.worse else ""}"><th scope="row">{escape(one.measure)}</th>'
        f"<td>{one.old:.3f}</td><td>{one.new:.3f}</td>"
        f"<td>{one.difference:+.3f}</td><td>{one.interval[0]:+.3f} – {one.interval[1]:+.3f}</td><td>{one.p:.3f}</td>"
        f"<td>{one.wins} / {one.losses} / {one.ties}</td></tr>"
        for one in differences
    )
    heads = "".join(
        f'<th scope="col">{head}</th>'
        for head in ("Measure", "Before", "Now", "Difference", "95% interval", "p", "Better / worse / same")
    )
    moved = "".join(
        f"<li><b>{escape(text)}</b><p>before: {escape(before) or '(nothing)'}</p><p>now: {escape(now) or '(nothing)'}</p></li>"
        for _, text, before, now in changed
    )
    most = f"<h3>Questions that changed most</h3><ul>{moved}</ul>" if moved else ""
    return f"<h3>Compared with {escape(old.name)}</h3><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{most}"


def questions_html(questions: Sequence[Question], outcomes: Mapping[str, Outcome], *, page: int) -> str:
    """One page of the questions, each a button that opens it."""
    pages = max(1, -(-len(questions) // ROWS))
    page = min(max(0, page), pages - 1)
    shown = questions[page * ROWS : (page + 1) * ROWS]
    if not shown:
        return '<p class="hint">No question fits.</p>'
    rows = ""
    for question in shown:
        outcome = outcomes[question.id]
        right, words = verdict(question, outcome)
        name = escape(question.id, quote=True)
        rows += (
            f'<tr class="{"right" if right else "miss"}"><td>{"✓" if right else "✗"}</td>'
            f'<th scope="row"><button type="button" class="open" data-question="{name}">{escape(question.text)}</button></th>'
            f"<td>{escape(words)}</td><td>{outcome.confidence:.2f}</td></tr>"
        )
    heads = '<th scope="col"><span class="hidden-label">Right</span></th>' + "".join(
        f'<th scope="col">{head}</th>' for head in ("Question", "Outcome", "Confidence")
    )
    steps = steps_html(page, pages, shown=len(shown), total=len(questions), rows=ROWS)
    return f'<table class="questions"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{steps}'


def question_detail_html(question: Question, outcome: Outcome, digests: Mapping[str, str]) -> str:
    """A question with its answer, what is right, and the hits; `digests` of the documents that can be opened."""

    def opened(document_id: str, start: int, end: int, label: str) -> str:
        if document_id not in digests:
            return f'<span class="place">{escape(label)}</span>'
        value = escape(f"{digests[document_id]}:{start}:{end}:{document_id}", quote=True)
        return f'<button type="button" class="cite" value="{value}">{escape(label)}</button>'

    turns = "".join(f"<p>{escape(str(t.get('speaker', '')))}: {escape(str(t.get('text', '')))}</p>" for t in question.history)
    quotes = "".join(
        f"<li><q>{escape(c['quote'])}</q> {opened(c['document_id'], c['start'], c['end'], c['document_id'])}</li>"
        for c in outcome.answer["citations"]
    )
    golds = "".join(
        f"<li><q>{escape(g.text)}</q> {opened(g.document_id, g.span.start, g.span.end, g.document_id)}</li>"
        for g in question.answers
    )
    hits = "".join(
        f"<li>{opened(h['document_id'], h['start'], h['end'], h['document_id'])} {escape(' › '.join(h['headings']))} "
        f"<small>{h['score']:.3f}</small><p>{escape(h['text'][:300])}</p></li>"
        for h in outcome.hits
    )
    right, words = verdict(question, outcome)
    held = " (held back)" if outcome.abstained else ""
    return (
        f'<div class="detail answer"><h3 tabindex="-1" id="detail-title">{escape(question.text)}</h3>{turns}'
        f'<p class="{"right" if right else "miss"}">{"✓" if right else "✗"} {escape(words)} · '
        f"confidence {outcome.confidence:.2f}</p>"
        f"<h4>Answer{held}</h4><ul>{quotes or '<li>none</li>'}</ul>"
        + (f"<h4>Right sentences</h4><ul>{golds}</ul>" if golds else "")
        + (f"<h4>Hits</h4><ol>{hits}</ol>" if hits else "")
        + "</div>"
    )
