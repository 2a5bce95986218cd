"""The question set about the default corpus: it fits the documents, is large enough, and answers do not get worse."""

import json
import sys
from collections import Counter
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from rag.config import Settings
from rag.conversation import Chat
from rag.evaluation.experiment import evaluate
from rag.evaluation.labelling import outdated_questions
from rag.evaluation.question_sets import load_question_set
from rag.evaluation.run_comparison import gate
from rag.evaluation.runs import load_gate
from rag.loading.containers.members import LoadedFile
from rag.loading.corpus import FolderCorpus
from rag.models.embedder import ModelEmbedder
from rag.records import Span
from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
from judgements import is_gold, kappa  # noqa: E402

SET = ROOT / "evaluation" / "denervation"


def test_every_gold_span_fits_the_documents() -> None:
    """On failure, shows the documents that have changed and the affected questions."""
    corpus = FolderCorpus(ROOT / "corpus")
    loaded = (file for file in corpus.read(corpus.names()) if isinstance(file, LoadedFile))
    documents = [document for file in loaded for document in file.documents]
    assert outdated_questions(load_question_set(SET), {document.id: document.text for document in documents}) == {}


def test_there_are_enough_questions_of_each_kind() -> None:
    questions = load_question_set(SET).questions
    single = [question for question in questions if question.answers and not question.history]
    assert len(single) >= 270
    wordings = Counter(question.metadata["wording"] for question in single)
    assert set(wordings) == {"full", "keywords", "typo", "lay", "clinical"}
    assert min(wordings.values()) >= 40
    kinds = Counter(question.metadata.get("kind") for question in single)
    assert kinds["table"] >= 15
    assert kinds["comparison"] >= 10
    assert sum(bool(question.history and question.rewrite and question.answers) for question in questions) >= 40
    unanswerable = [question for question in questions if question.unanswerable]
    assert len(unanswerable) >= 120
    assert sum(bool(question.metadata["near_miss"]) for question in unanswerable) >= 100
    assert len({question.id for question in questions}) == len(questions)
    assert len({(question.text.casefold(), question.history == ()) for question in single}) == len(single)
    names = set(FolderCorpus(ROOT / "corpus").names())
    assert {name for question in questions for name in question.relevance} <= names


def test_questions_with_typing_errors_have_a_corrected_twin() -> None:
    answered = [question for question in load_question_set(SET).questions if question.answers]
    typed = [question for question in answered if question.metadata["wording"] == "typo"]
    assert [question.id for question in answered if "corrected" in question.metadata] == [question.id for question in typed]
    for question in typed:
        assert 0.7 < SequenceMatcher(None, question.text, question.metadata["corrected"]).ratio() < 1, question.id


def test_gold_and_judgements_agree() -> None:
    """Every sentence judged right is gold. The sentences of gold that were judged wrong are few, all found by authors."""
    questions = {question.id: question for question in load_question_set(SET).questions}
    pools = [json.loads(line) for line in (SET / "pool.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sorted(pool["query_id"] for pool in pools) == sorted(questions)
    overruled = 0
    for pool in pools:
        for document, start, end, right, *_ in pool["sentences"]:
            gold = is_gold(questions[pool["query_id"]], document, Span(start, end))
            assert gold or not right, (pool["query_id"], document, start)
            overruled += gold and not right
    assert overruled == 8


def test_documents_with_gold_are_relevant() -> None:
    for question in load_question_set(SET).questions:
        assert {gold.document_id for gold in question.answers} <= question.relevance.keys(), question.id


def test_kappa_is_that_of_a_worked_example() -> None:
    """50 grants, two readers (Wikipedia, "Cohen's kappa"): both accept 20, both refuse 15, 5 and 10 by one of them."""
    first = [True] * 25 + [False] * 25
    second = [True] * 20 + [False] * 5 + [True] * 10 + [False] * 15
    assert kappa(first, second) == pytest.approx(0.4)


@pytest.mark.slow
def test_answers_are_not_worse_than_in_the_stored_run(handbook: Settings, embedder: ModelEmbedder) -> None:
    """The same as `rag eval evaluation/denervation --gate evaluation/denervation/stored.json`."""
    stored: Path = SET / "stored.json"
    run = evaluate(load_question_set(SET), Chat(handbook, embedder)).run
    assert [(worse.measure, worse.old, worse.new, worse.p) for worse in gate(run, load_gate(stored))] == []
