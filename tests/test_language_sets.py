"""The small German, Spanish and Chinese corpora: their question sets fit the documents, and are answered well."""

import pytest

from rag.evaluation.labelling import outdated_questions
from rag.evaluation.question_sets import load_question_set
from rag.loading.containers.members import LoadedFile
from rag.loading.corpus import FolderCorpus
from tests.conftest import ROOT

SETS = ROOT / "tests" / "languages"
LANGUAGES = ("de", "es", "zh")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_gold_span_fits_the_documents(language: str) -> None:
    corpus = FolderCorpus(SETS / language / "corpus")
    loaded = (file for file in corpus.read(corpus.names()) if isinstance(file, LoadedFile))
    documents = {document.id: document.text for file in loaded for document in file.documents}
    questions = load_question_set(SETS / language)
    assert outdated_questions(questions, documents) == {}
    for question in questions.questions:
        for gold in question.answers:
            assert gold.span.of(documents[gold.document_id]) == gold.text, question.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_five_documents_and_forty_questions(language: str) -> None:
    questions = load_question_set(SETS / language).questions
    assert len(FolderCorpus(SETS / language / "corpus").names()) == 5
    assert len({question.text for question in questions}) == 40
    assert sum(question.unanswerable for question in questions) == 12
    assert {gold.document_id for question in questions for gold in question.answers} == set(
        FolderCorpus(SETS / language / "corpus").names()
    )
