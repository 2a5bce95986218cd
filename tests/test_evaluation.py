import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wilcoxon
from selectolax.lexbor import LexborHTMLParser
from sklearn.metrics import ndcg_score, roc_auc_score

from rag.config import EvaluationSettings, Settings
from rag.conversation import Chat
from rag.errors import QuestionSetError
from rag.evaluation.labelling import add_question, label, outdated_questions
from rag.evaluation.measures import (
    RETRIEVAL,
    _word_f1,
    _words,
    auroc,
    bootstrap,
    means_of,
    meets,
    per_question,
    risk_coverage,
    summarise,
)
from rag.evaluation.plots import plots
from rag.evaluation.question_sets import GoldSpan, Question, QuestionSet, load_question_set
from rag.evaluation.report import report_page, write_report
from rag.evaluation.run_comparison import compare, gate, most_changed
from rag.evaluation.runs import (
    Outcome,
    Run,
    list_runs,
    load_gate,
    load_outcomes,
    load_run,
    outcome_values,
    save_gate,
    save_run,
)
from rag.evaluation.verdicts import as_csv, thresholds, verdict
from rag.library import Library
from rag.records import Answer, Citation, Hit, Passage, QuotedSentence, Span, Strength
from tests.conftest import SIMILARITY, WordEmbedder, updated


def outcome(
    id: str, ranking: Sequence[str] | None = None, *, quotes: Sequence[tuple[str, int, int]] = (), **fields: Any
) -> Outcome:
    """An outcome whose answer quotes these spans of documents."""
    citations = tuple(
        Citation(number, document, "", Span(start, end), "x" * (end - start), None, (), "")
        for number, (document, start, end) in enumerate(quotes, start=1)
    )
    sentences = tuple(QuotedSentence(citation.quote, citation.number) for citation in citations)
    defaults: dict[str, Any] = {"abstained": not quotes, "confidence": 0.5, "timings_ms": {"total": 1.0}}
    ranked = None if ranking is None else tuple(ranking)
    return Outcome(id, Answer(id, id, sentences, citations), ranking=ranked, **(defaults | fields))


documents = st.sampled_from([f"d{n}" for n in range(30)])


@given(st.dictionaries(documents, st.integers(0, 3), min_size=1), st.lists(documents, unique=True, max_size=25))
def test_ranking_measures_equal_their_definitions(relevance: dict[str, int], ranking: list[str]) -> None:
    """nDCG also equals that of scikit-learn. A question without hits counts as 0."""
    relevant = {name for name, grade in relevance.items() if grade > 0}
    values = per_question([Question("q", "?", relevance=relevance)], {"q": outcome("q", ranking)}, {})
    if not relevant:
        assert values == {}
        return
    gains = [relevance.get(name, 0) for name in ranking[:10]]
    ideal = sorted(relevance.values(), reverse=True)[:10]
    dcg, best = (sum(gain / math.log2(i + 2) for i, gain in enumerate(part)) for part in (gains, ideal))
    first = next((rank for rank, name in enumerate(ranking[:10], start=1) if name in relevant), None)
    expected = {"nDCG@10": dcg / best, "RR@10": 1 / first if first else 0.0}
    expected |= {f"R@{k}": len(relevant & set(ranking[:k])) / len(relevant) for k in (5, 10, 20, 100)}
    expected["Success@5"] = float(bool(relevant & set(ranking[:5])))
    assert {name: values[name]["q"] for name in RETRIEVAL} == pytest.approx(expected, abs=1e-9)
    if len(ranking) > 1 and relevant <= set(ranking):
        grades = np.array([[relevance.get(name, 0) for name in ranking]])
        theirs = ndcg_score(grades, -np.arange(len(ranking))[None, :], k=10)
        assert values["nDCG@10"]["q"] == pytest.approx(theirs, abs=1e-9)


def test_answer_measures_of_a_worked_example() -> None:
    """The gold sentence is 10 to 30 of a. The quotes are 0 to 10 and 10 to 30 of a: one of two is right, the first is not."""
    gold = (GoldSpan("a", Span(12, 28), "gold"),)
    questions = [
        Question("hit", "?", answers=gold),
        Question("miss", "?", answers=gold),
        Question("none", "?", unanswerable=True),
    ]
    outcomes = {
        "hit": outcome("hit", quotes=[("a", 0, 10), ("a", 10, 30)]),
        "miss": outcome("miss", quotes=[("b", 10, 30)], abstained=True),
        "none": outcome("none", quotes=[("a", 10, 30)]),
    }
    sentences = {"a": [Span(0, 10), Span(10, 30), Span(30, 40)]}
    values = per_question(questions, outcomes, sentences)
    assert values["hit"] == {"hit": 1.0, "miss": 0.0}
    assert values["first_hit"] == {"hit": 0.0, "miss": 0.0}
    assert (values["sentence_precision"]["hit"], values["sentence_recall"]["hit"]) == (0.5, 1.0)
    assert values["sentence_f1"]["hit"] == pytest.approx(2 / 3)
    assert values["false_abstentions"] == {"hit": 0.0, "miss": 1.0}
    assert values["false_answers"] == {"none": 1.0}
    assert values["answered"] == {"hit": 1.0, "miss": 0.0, "none": 1.0}
    assert values["sentences_shown"] == {"hit": 2.0}


def test_measures_of_strong_answers_of_a_worked_example() -> None:
    """Four answerable questions: strong and right, strong and wrong, fair, strong but below the threshold; two without an answer."""
    gold = (GoldSpan("a", Span(12, 28), "gold"),)
    questions = [Question(name, "?", answers=gold) for name in ("right", "wrong", "fair", "hidden")]
    questions += [Question(name, "?", unanswerable=True) for name in ("misled", "refused")]
    right, wrong = [("a", 10, 30)], [("b", 10, 30)]
    outcomes = {
        "right": with_strength("strong", "right", quotes=right),
        "wrong": with_strength("strong", "wrong", quotes=wrong),
        "fair": with_strength("fair", "fair", quotes=right),
        "hidden": with_strength("strong", "hidden", quotes=right, abstained=True),
        "misled": with_strength("strong", "misled", quotes=right),
        "refused": with_strength(None, "refused", abstained=True),
    }
    values = per_question(questions, outcomes, {})
    assert values["strong_precision"] == {"right": 1.0, "wrong": 0.0}
    assert values["strong_coverage"] == {"right": 1.0, "wrong": 1.0, "fair": 0.0, "hidden": 0.0}
    assert values["strong_false_answers"] == {"misled": 1.0, "refused": 0.0}
    # Where no strength is claimed, nothing is measured of it.
    unclaimed = {name: with_strength(None, name, quotes=right) for name in outcomes}
    assert not {name for name in per_question(questions, unclaimed, {}) if name.startswith("strong")}


def with_strength(strength: Strength | None, name: str, **named: Any) -> Outcome:
    made = outcome(name, **named)
    return replace(made, answer=replace(made.answer, strength=strength))


@pytest.mark.parametrize(
    ("span", "met"),
    [(Span(0, 40), True), (Span(12, 14), True), (Span(24, 60), False), (Span(18, 60), True), (Span(30, 40), False)],
)
def test_a_gold_span_is_met_by_an_overlap_of_more_than_half(span: Span, met: bool) -> None:
    assert meets(GoldSpan("a", Span(10, 30), ""), "a", span) is met
    assert not meets(GoldSpan("a", Span(10, 30), ""), "b", span)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.booleans()), min_size=1, max_size=30))
def test_auroc_equals_that_of_scikit_learn(pairs: list[tuple[float, bool]]) -> None:
    confidence, answerable = np.array([c for c, _ in pairs]), np.array([a for _, a in pairs])
    if answerable.all() or not answerable.any():
        assert auroc(confidence, answerable) is None
    else:
        assert auroc(confidence, answerable) == pytest.approx(roc_auc_score(answerable, confidence), abs=1e-9)


def test_risk_coverage_of_a_worked_example() -> None:
    coverage, risk = risk_coverage(np.array([0.9, 0.1, 0.5, 0.7]), np.array([True, False, True, False]))
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 2 / 4])


def test_the_bootstrap_interval_is_the_normal_one_and_deterministic() -> None:
    sample = np.random.default_rng(1).normal(0.5, 0.1, 400)
    low, high = bootstrap(sample, np.mean)
    assert (low, high) == tuple(bootstrap(sample, np.mean)) == tuple(bootstrap(sample, lambda rows: rows.mean()))
    half = 1.96 * sample.std() / 20
    assert (low, high) == pytest.approx((sample.mean() - half, sample.mean() + half), abs=0.002)


def run_of(name: str, values: dict[str, list[float]]) -> Run:
    by_id = {measure: {f"q{i}": value for i, value in enumerate(row)} for measure, row in values.items()}
    return Run(name, {}, summarise("x", {}, [], {}, {}), by_id)


def test_comparison_of_a_worked_example() -> None:
    """Six questions improve by 0.5: 2 of 2^6 sign patterns are as far from 0, so p = 1/32, as in Wilcoxon's exact test."""
    old, new = [0.1, 0.2, 0.3, 0.1, 0.2, 0.3, 0.4], [0.6, 0.7, 0.8, 0.6, 0.7, 0.8, 0.4]
    (difference,) = compare(run_of("new", {"nDCG@10": new}), run_of("old", {"nDCG@10": old}))
    assert difference.p == pytest.approx(wilcoxon(new[:6], old[:6]).pvalue) == pytest.approx(1 / 32)
    assert difference.difference == pytest.approx(3 / 7)
    assert (difference.wins, difference.losses, difference.ties) == (6, 0, 1)
    assert not difference.worse
    (back,) = compare(run_of("old", {"nDCG@10": old}), run_of("new", {"nDCG@10": new}))
    assert back.worse and (back.wins, back.losses) == (0, 6)


def test_the_gate_passes_chance_differences_and_fails_losses() -> None:
    stored = run_of("stored", {"hit": [1.0] * 20, "false_answers": [0.0] * 20, "answered": [1.0] * 20})
    assert gate(run_of("a", {"hit": [1.0] * 19 + [0.0], "answered": [0.0] * 20}), stored) == []
    assert [d.measure for d in gate(run_of("b", {"hit": [1.0] * 10 + [0.0] * 10}), stored)] == ["hit"]
    assert [d.measure for d in gate(run_of("c", {"false_answers": [1.0] * 10 + [0.0] * 10}), stored)] == ["false_answers"]
    with pytest.raises(QuestionSetError, match="share no question"):
        gate(replace(stored, values={"hit": {"other": 1.0}}), stored)


def test_the_questions_that_changed_most() -> None:
    old, new = run_of("old", {"hit": [1.0, 0.0, 1.0]}), run_of("new", {"hit": [0.0, 1.0, 1.0]})
    assert most_changed(new, old) == [("q0", -1.0), ("q1", 1.0)]


@pytest.fixture
def ferns(tmp_path: Path) -> Path:
    """A set with its own corpus."""
    folder = tmp_path / "ferns"
    (folder / "qrels").mkdir(parents=True)

    def write(name: str, *records: dict[str, Any]) -> None:
        (folder / name).write_text("".join(json.dumps(record) + "\n" for record in records))

    bracken = "Bracken roots dye wool yellow. They are dug in autumn."
    write(
        "corpus.jsonl", {"_id": "b", "title": "Bracken", "text": bracken}, {"_id": "m", "title": "Moss", "text": "Moss is soft."}
    )
    write(
        "queries.jsonl",
        {"_id": "1", "text": "What do bracken roots dye?"},
        {"_id": "2", "text": "When are they dug?", "metadata": {"history": [{"speaker": "user", "text": "Bracken roots?"}]}},
        {"_id": "3", "text": "Who won the cup?"},
    )
    write(
        "answers.jsonl",
        {"query_id": "1", "answers": [{"text": bracken[:30], "doc_id": "b", "start": 0}]},
        {"query_id": "2", "answers": [{"text": bracken[31:], "doc_id": "b", "start": 31}]},
    )
    write("unanswerable.jsonl", {"query_id": "3", "doc_id": "m"})
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\tb\t1\n2\tb\t1\n2\tgone\t1\n")
    return folder


@pytest.fixture
def settings(corpus: Path, tmp_path: Path) -> Settings:
    updated(corpus, tmp_path / "index")
    return Settings(
        corpus=corpus, index=tmp_path / "index", answering=SIMILARITY, evaluation=EvaluationSettings(runs=tmp_path / "runs")
    )


def evaluated(folder: Path, settings: Settings, **named: Any) -> tuple[Run, dict[str, Outcome]]:
    questions = load_question_set(folder)
    evaluation = Library(settings, embedder=WordEmbedder()).evaluate(questions, **named)
    return evaluation.run, evaluation.outcome_of


def test_evaluating_a_set_with_its_own_corpus(ferns: Path, settings: Settings) -> None:
    run, outcomes = evaluated(ferns, settings)
    assert run.values["nDCG@10"] == {"1": 1.0, "2": 1.0}  # the document that is not in the corpus does not count
    assert outcomes["1"].ranking == ("b", "m")
    assert outcomes["1"].answer.citations[0].quote == "Bracken roots dye wool yellow."
    assert run.summary["questions"] == 3
    assert set(run.summary) == {
        "dataset", "signature", "questions", "retrieval", "answers", "abstention", "timings_ms", "intervals"
    }  # fmt: skip
    assert run.signature["model"]["name"] == "words"
    again, _ = evaluated(ferns, settings)
    assert again.values == run.values


def test_given_measures_reading_without_retrieval(ferns: Path, settings: Settings) -> None:
    run, outcomes = evaluated(ferns, settings, given=True)
    assert run.summary["retrieval"] is None
    assert {citation.document_id for citation in outcomes["3"].answer.citations} <= {"m"}
    assert outcomes["1"].right


def test_without_answers_only_retrieval_is_measured(ferns: Path, settings: Settings) -> None:
    run, _ = evaluated(ferns, settings, answers=False)
    assert (run.summary["answers"], run.summary["abstention"]) == (None, None)
    assert run.summary["retrieval"] and run.summary["retrieval"]["Success@5"] == 1.0
    limited, _ = evaluated(ferns, settings, answers=False, limit=1)
    assert limited.summary["questions"] == 1


def test_a_saved_run_is_loaded_as_it_was(ferns: Path, settings: Settings, tmp_path: Path) -> None:
    run, outcomes = evaluated(ferns, settings)
    save_run(tmp_path / "runs", run, outcomes.values())
    assert load_run(tmp_path / "runs", run.name) == run == list_runs(tmp_path / "runs")[0]
    loaded = load_outcomes(tmp_path / "runs", run.name)
    assert [outcome_values(loaded[id]) for id in outcomes] == [outcome_values(outcome) for outcome in outcomes.values()]
    assert [loaded[id].quoted for id in outcomes] == [outcome.quoted for outcome in outcomes.values()]
    trec = (tmp_path / "runs" / run.name / "run.trec").read_text().splitlines()
    assert trec[0] == f"1 Q0 b 1 1.000000 {run.name}"
    with pytest.raises(QuestionSetError, match="not a saved run"):
        load_run(tmp_path / "runs", "nothing")


def test_the_report_shows_everything_and_is_self_contained(ferns: Path, settings: Settings, tmp_path: Path) -> None:
    (ferns / "queries.jsonl").write_text(
        (ferns / "queries.jsonl").read_text() + json.dumps({"_id": "4", "text": "<script>alert(1)</script>"}) + "\n"
    )
    run, outcomes = evaluated(ferns, settings)
    write_report(tmp_path / "report.html", run, load_question_set(ferns), outcomes)
    page = (tmp_path / "report.html").read_text()
    assert "&lt;script&gt;alert(1)" in page and "<script" not in page
    assert "http" not in page.replace("http-equiv", "") and "url(" not in page
    assert page.count("<svg") >= 3 and page.count("<details") == 4
    assert "<li><q>Bracken roots dye wool yellow.</q> <mark>b</mark></li>" in page


INJECTIONS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style></title><img src=x onerror=alert(1)>",
    "\"' onmouseover=alert(1) x='",
    "{{ 7 * 7 }}{% raw %}{# #}",
    "<!-- ",
]


def hostile_report(text: str) -> str:
    """A report in which every string that could come from outside is `text`."""
    span = Span(0, 4)
    question = Question("q", text, ({"speaker": text, "text": text},), relevance={text: 1}, answers=(GoldSpan(text, span, text),))
    citation = Citation(1, text, text, span, text, None, (text,), text)
    answer = Answer(text, text, (QuotedSentence(text, 1),), (citation,))
    hit = Hit(Passage(text, span, text, (text,)), 1.0, 1)
    outcomes = {"q": Outcome("q", answer, False, 0.5, (text,), {"total": 1.0}, hits=(hit,))}
    values = per_question([question], outcomes, {text: [span]})
    signature = {"index": text, "model": {"name": text}}
    summary = summarise(text, signature, [question], outcomes, values)
    return report_page(Run(text, signature, summary, values), QuestionSet(text, Path(), (question,), None), outcomes)


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_text_changes_the_structure_of_the_report(text: str) -> None:
    def tree(page: str) -> list[tuple[str | None, tuple[str, ...]]]:
        return [(node.tag, tuple(sorted(node.attributes))) for node in LexborHTMLParser(page).css("*")]

    assert tree(hostile_report(text)) == tree(hostile_report("plain"))
    assert [node.text() for node in LexborHTMLParser(hostile_report(text)).css("h1")] == [text]


def test_plots_mark_the_measured_values(ferns: Path, settings: Settings) -> None:
    run, outcomes = evaluated(ferns, settings)
    asked = load_question_set(ferns).questions
    figures = [LexborHTMLParser(figure) for figure in plots(run, asked, outcomes)]
    titles = [caption.text() for figure in figures for caption in figure.css("figcaption")]
    assert titles == [
        "Measures with 95% intervals",
        "Recall by number of documents",
        "Share of wrong answers by share answered",
        "Time per question, ms",
    ]
    values = [float(title.text()) for title in figures[0].css("circle title")]
    measures = {mean.measure: mean.value for mean in means_of(run.summary)}
    names = [text.text() for text in figures[0].css("text[text-anchor=end]")]
    assert values == [round(measures[name], 4) for name in names]
    assert [len((line.attributes["points"] or "").split()) for line in figures[1].css("polyline")] == [4]
    assert sum(int(bar.text()) for bar in figures[3].css("rect title")) == len(outcomes)


def test_runs_and_gates_of_the_first_format_are_read(ferns: Path, settings: Settings, tmp_path: Path) -> None:
    """They had no version, and a run without answers stored only a part of an empty answer."""
    run, outcomes = evaluated(ferns, settings, answers=False)
    save_run(tmp_path / "runs", run, outcomes.values())
    save_gate(tmp_path / "gate.json", run)
    folder = tmp_path / "runs" / run.name
    for path in (folder / "summary.json", folder / "outcomes.jsonl", tmp_path / "gate.json"):
        records = [json.loads(line) for line in path.read_text().splitlines()]
        for record in records:
            assert record.pop("version") == 1
            if "answer" in record:
                record["answer"] = {"citations": [], "sentences": [], "text": "", "query": record["answer"]["query"]}
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert load_run(tmp_path / "runs", run.name) == load_gate(tmp_path / "gate.json") == run
    loaded = load_outcomes(tmp_path / "runs", run.name)
    assert [outcome_values(loaded[id]) for id in outcomes] == [outcome_values(outcome) for outcome in outcomes.values()]


@pytest.mark.parametrize("name", ["summary.json", "outcomes.jsonl", "gate.json"])
def test_runs_of_a_later_release_are_refused(name: str, ferns: Path, settings: Settings, tmp_path: Path) -> None:
    run, outcomes = evaluated(ferns, settings, answers=False)
    save_run(tmp_path / "runs", run, outcomes.values())
    folder = tmp_path / "runs" / run.name
    save_gate(folder / "gate.json", run)
    path = folder / name
    path.write_text(path.read_text().replace('"version":1', '"version":2'))
    loads: dict[str, Callable[[], object]] = {
        "summary.json": lambda: list_runs(tmp_path / "runs"),
        "outcomes.jsonl": lambda: load_outcomes(tmp_path / "runs", run.name),
        "gate.json": lambda: load_gate(path),
    }
    with pytest.raises(QuestionSetError, match="install a later release"):
        loads[name]()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("queries.jsonl", "[1]\n", "queries.jsonl line 1 cannot be used"),
        ("queries.jsonl", "{", "queries.jsonl cannot be read"),
        ("answers.jsonl", '{"query_id": "1"}\n', "answers.jsonl line 1 cannot be used .answers: Field required"),
        ("qrels/test.tsv", "head\n1 b 1\n", "test.tsv line 2 is not query-id, corpus-id and score"),
    ],
)
def test_errors_in_a_set_name_file_and_line(name: str, text: str, message: str, ferns: Path) -> None:
    (ferns / name).write_text(text)
    with pytest.raises(QuestionSetError, match=message):
        load_question_set(ferns)


def test_a_folder_without_a_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QuestionSetError, match="holds no queries.jsonl"):
        load_question_set(tmp_path)


def test_labelling_adds_questions(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shown: list[str] = []
    typed = iter(["How often should I repot a fern?", "1", "Who won the cup?", "n", "Why?", "", ""])
    label(Chat(settings, WordEmbedder()), folder, ask=lambda prompt: next(typed), show=shown.append)
    first, second = load_question_set(folder).questions
    assert (first.text, first.answers[0].text) == ("How often should I repot a fern?", "Repot a fern every two years.")
    assert first.relevance == {"faq.txt": 1}
    assert (second.unanswerable, second.answers) == (True, ())
    assert "skipped" in shown
    run, outcomes = evaluated(folder, settings)
    assert outcomes[first.id].right
    with pytest.raises(QuestionSetError, match="already"):
        add_question(folder, "Who won the cup?", [])


def test_questions_about_changed_documents_are_outdated(settings: Settings, tmp_path: Path) -> None:
    folder, text = tmp_path / "mine", (settings.corpus / "faq.txt").read_text()
    start = text.index("Repot a fern")
    name = add_question(folder, "How often?", [GoldSpan("faq.txt", Span(start, start + 29), text[start : start + 29])])
    assert outdated_questions(load_question_set(folder), {"faq.txt": text}) == {}
    assert outdated_questions(load_question_set(folder), {"faq.txt": "New first line.\n" + text}) == {"faq.txt": [name]}
    assert outdated_questions(load_question_set(folder), {}) == {"faq.txt": [name]}


def test_thresholds_agree_with_measures_and_the_csv_with_verdicts() -> None:
    right = GoldSpan("d", Span(0, 4), "text")
    questions = [
        Question("a", "=1+1", answers=(right,)),
        Question("b", "b?", unanswerable=True),
        Question("c", "c?", answers=(right,)),
    ]
    outcomes = {
        "a": outcome("a", quotes=[("d", 0, 4)], confidence=0.8, right=True),
        "b": outcome("b", quotes=[("d", 0, 4)], confidence=0.6),
        "c": outcome("c", quotes=[("e", 0, 4)], confidence=0.3, abstained=True),
    }
    values = per_question(questions, outcomes, {"d": [Span(0, 4)]})
    at = next(effect for effect in thresholds(questions, outcomes) if effect.threshold == 0.5)
    assert at.answered == sum(values["false_answers"].values()) == 1
    assert at.refused == sum(values["false_abstentions"].values()) == 1
    assert at.wrong == 1
    assert [effect.wrong for effect in thresholds(questions, outcomes)][::50] == [2, 1, 0]
    assert [verdict(question, outcomes[question.id])[0] for question in questions] == [True, False, False]
    assert as_csv(questions, outcomes).split("\n")[1] == "a,'=1+1,1,right,0.8,xxxx [1]"
    assert thresholds([Question("d", "d?")], {}) == []


def test_phrases_without_spaces_are_compared_character_by_character() -> None:
    assert _words("三个星期。") == ["三", "个", "星", "期"]
    assert _word_f1(_words("三个星期"), _words("三个星期内")) == pytest.approx(8 / 9)
    assert _words("The 4 Nerves, e.g.") == ["4", "nerves", "eg"]
    assert _words("أربعة؟") == ["أربعة"]
