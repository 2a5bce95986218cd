"""The question set about the default corpus: it fits the documents, is large enough, and answers do not get worse."""

from pathlib import Path

import pytest

from rag.config import Settings
from rag.conversation import Chat
from rag.evaluation.experiment import evaluate
from rag.evaluation.labelling import outdated_questions
from rag.evaluation.question_sets import load_question_set
from rag.evaluation.run_comparison import gate
from rag.evaluation.runs import load_gate
from rag.loading.corpus import FolderCorpus
from rag.models.embedder import ModelEmbedder
from rag.records import Document
from tests.conftest import ROOT

SET = ROOT / "evaluation" / "denervation"


def test_every_gold_span_fits_the_documents() -> None:
    """On failure, shows the documents that have changed and the affected questions."""
    corpus = FolderCorpus(ROOT / "corpus")
    documents = [document for document in corpus.read(corpus.names()) if isinstance(document, Document)]
    assert outdated_questions(load_question_set(SET), {document.id: document.text for document in documents}) == {}


def test_there_are_enough_questions_of_each_kind() -> None:
    questions = load_question_set(SET).questions
    single = [question for question in questions if question.answers and not question.history]
    assert len(single) >= 150
    assert {question.metadata["wording"] for question in single} == {"full", "keywords", "typo", "lay", "clinical"}
    assert sum(bool(question.history and question.rewrite and question.answers) for question in questions) >= 40
    unanswerable = [question for question in questions if question.unanswerable]
    assert len(unanswerable) >= 60
    assert sum(bool(question.metadata["near_miss"]) for question in unanswerable) >= 40
    assert len({question.id for question in questions}) == len(questions)
    assert len({(question.text.casefold(), question.history == ()) for question in single}) == len(single)
    names = set(FolderCorpus(ROOT / "corpus").names())
    assert {name for question in questions for name in question.relevance} <= names


@pytest.mark.slow
def test_answers_are_not_worse_than_in_the_stored_run(handbook: Settings, embedder: ModelEmbedder) -> None:
    """The same as `rag eval evaluation/denervation --gate evaluation/denervation/stored.json`."""
    stored: Path = SET / "stored.json"
    run = evaluate(load_question_set(SET), Chat(handbook, embedder)).run
    assert [(worse.measure, worse.old, worse.new, worse.p) for worse in gate(run, load_gate(stored))] == []
