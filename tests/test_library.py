"""The façade: every verb, what it loads, and laws that hold across rooms."""

import shutil
from pathlib import Path

import pytest

from rag.config import Settings
from rag.conversation import History
from rag.errors import DocumentError
from rag.library import Library
from rag.receipts import VALID, save_receipt
from rag.sources import reference, resolve, source_view, stale_citations
from rag.wire import answer_values
from tests.conftest import SIMILARITY, WordEmbedder

QUESTION = "How often should I repot a fern?"


@pytest.fixture
def library(corpus: Path, tmp_path: Path) -> Library:
    return Library(Settings(corpus=corpus, index=tmp_path / "index", answering=SIMILARITY), embedder=WordEmbedder())


def test_a_citation_survives_a_copy_that_takes_the_place_of_its_document(library: Library, tmp_path: Path) -> None:
    """Of identical files the first by name is indexed, so that an update equals a rebuild; citations of the others stay valid."""
    library.build()
    answer = library.ask(QUESTION)
    cited = answer.citations[0]
    assert cited.document_id == "faq.txt"
    save_receipt(tmp_path / "receipt.json", answer, model="words", reader="similarity")
    values = answer_values(answer)
    history: History = [{"speaker": "user", "text": QUESTION}, {"speaker": "agent", "text": "", **values}]
    before = [library.ask(reply, history=history) for reply in ("Where does it say that?", "Tell me more.")]

    shutil.copy(library.settings.corpus / "faq.txt", library.settings.corpus / "a copy.txt")
    report = library.build()
    assert report.manifest.corpus.digests.keys() == {"a copy.txt", "faq.txt", "guide.md"}
    index = library.chat.index()
    assert set(index.documents) == {"a copy.txt", "guide.md"}

    document, span = resolve(index, reference(cited))
    assert (document.id, span.of(document.text)) == ("a copy.txt", cited.quote)
    view = source_view(index, reference(cited))
    assert (view["sentence"], view["document_id"]) == (cited.quote, "a copy.txt")
    assert stale_citations(index, answer) == []
    assert {checked.state for checked in library.verify(tmp_path / "receipt.json")} == {VALID}
    after = [library.ask(reply, history=history) for reply in ("Where does it say that?", "Tell me more.")]
    assert [answer.text for answer in after] == [answer.text for answer in before]
    assert all(answer.citations for answer in after)


def test_a_citation_does_not_survive_other_content_under_the_same_name(library: Library) -> None:
    """A duplicate stands for a cited document only while the bytes are those that were cited."""
    library.build()
    answer = library.ask(QUESTION)
    (library.settings.corpus / "faq.txt").write_text("Ferns like soil.")
    shutil.copy(library.settings.corpus / "faq.txt", library.settings.corpus / "a copy.txt")
    library.build()
    index = library.chat.index()
    assert stale_citations(index, answer) == [citation.number for citation in answer.citations]
    with pytest.raises(DocumentError, match=r"faq.txt has changed"):
        resolve(index, reference(answer.citations[0]))
    (library.settings.corpus / "faq.txt").unlink()
    library.build()
    with pytest.raises(DocumentError, match=r"faq.txt is no longer among the documents"):
        resolve(library.chat.index(), reference(answer.citations[0]))
