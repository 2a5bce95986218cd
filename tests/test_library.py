"""The façade: every method, what it loads, and laws that hold across rooms."""

import json
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rag.answering.confidence import FILE, index_calibration
from rag.config import Settings
from rag.conversation import History
from rag.errors import DocumentError, IndexMismatch, IndexMissing, ReceiptError
from rag.evaluation.measures import means_of
from rag.index.builds import Builder, build_lock
from rag.index.manifest import Duplicate
from rag.library import Library
from rag.models.model_identity import ModelIdentity
from rag.receipts import MISSING, VALID, save_receipt
from rag.sources import reference, resolve, source_view, stale_citations
from rag.wire import answer_values
from tests.conftest import HEAVY, SIMILARITY, WordEmbedder

QUESTION = "How often should I repot a fern?"


@pytest.fixture
def library(corpus: Path, tmp_path: Path) -> Library:
    return Library(Settings(corpus=corpus, index=tmp_path / "index", answering=SIMILARITY), embedder=WordEmbedder())


def test_build_add_and_remove_report_what_changed(library: Library, tmp_path: Path) -> None:
    steps: list[str] = []
    built = library.build(progress=lambda what, done, total: steps.append(what))
    assert (built.changes.added, built.refused, built.seconds > 0) == (["faq.txt", "guide.md"], (), True)
    assert {"reading", "embedding"} <= set(steps)
    assert library.build().manifest == built.manifest

    (tmp_path / "moss.txt").write_text("Moss grows on stones.")
    (tmp_path / "photo.xyz").write_bytes(b"x")
    added = library.add([tmp_path / "moss.txt", tmp_path / "photo.xyz"], into="plants")
    assert (added.changes.added, added.manifest.passages) == (["plants/moss.txt"], built.manifest.passages + 1)
    assert [Path(failure.path).name for failure in added.refused] == ["photo.xyz"]
    (tmp_path / "moss.txt").write_text("Moss grows on trees.")
    with pytest.raises(DocumentError, match="other content"):
        library.add([tmp_path / "moss.txt"], into="plants")
    assert library.add([tmp_path / "moss.txt"], into="plants", replace=True).changes.changed == ["plants/moss.txt"]

    removed = library.remove(["plants/moss.txt"])
    assert (removed.changes.removed, removed.manifest.hash) == (["plants/moss.txt"], built.manifest.hash)
    with pytest.raises(DocumentError, match="nothing was removed"):
        library.remove(["faq.txt", "nowhere.txt"])
    assert library.status().changes.unchanged == ["faq.txt", "guide.md"]
    assert library.differences() == []


def test_the_page_is_served_with_the_index_as_it_is_if_it_cannot_be_updated(
    library: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    from rag.cli.server_commands import _build

    library.build()
    with build_lock(library.settings.index):
        _build(library)
    assert "the index was not updated: " in capsys.readouterr().err
    shutil.rmtree(library.settings.corpus)
    _build(library)
    assert "does not exist; create it" in " ".join(capsys.readouterr().err.split())


def test_rollback_restores_the_previous_build_and_again_undoes_that(library: Library) -> None:
    first = library.build().manifest.hash
    with pytest.raises(IndexMissing, match="keeps no previous build"):
        library.rollback()
    (library.settings.corpus / "moss.txt").write_text("Moss grows on stones.")
    second = library.build().manifest.hash
    status = library.rollback()
    assert (status.manifest.hash, status.changes.added) == (first, ["moss.txt"])
    assert library.rollback().manifest.hash == second


def test_status_compares_the_corpus_with_the_index(library: Library) -> None:
    with pytest.raises(IndexMissing, match="run `rag build`"):
        library.status()
    library.build()
    shutil.copy(library.settings.corpus / "faq.txt", library.settings.corpus / "zopy.txt")
    (library.settings.corpus / "guide.md").unlink()
    status = library.status()
    assert (status.changes.added, status.changes.removed) == (["zopy.txt"], ["guide.md"])
    assert (status.changes.duplicates, status.previous) == ([Duplicate("zopy.txt", "faq.txt")], None)
    assert status.building is None
    with build_lock(library.settings.index):
        building = library.status().building
        assert isinstance(building, Builder) and building.pid
    other = WordEmbedder()
    other.identity = ModelIdentity("other words", "1" * 64)
    with pytest.raises(IndexMismatch, match="model name words, the settings ask for other words"):
        Library(library.settings, embedder=other).status()


def test_doctor_finds_no_fault_until_there_is_one(library: Library) -> None:
    library.build()
    assert [check for check in library.doctor() if check.faults] == []
    (library.settings.corpus / "faq.txt").unlink()
    (check,) = (check for check in library.doctor() if check.faults)
    assert (check.name, check.faults) == ("corpus", [("faq.txt was removed since the build", "run `rag build`")])


def test_search_and_ask(library: Library) -> None:
    with pytest.raises(IndexMissing, match="run `rag build`"):
        library.ask(QUESTION)
    library.build()
    hits = library.search("repot a fern", k=2)
    assert [hit.rank for hit in hits] == [1, 2]
    assert "Repot a fern" in hits[0].passage.text
    assert {hit.passage.document_id for hit in library.search("repot a fern", documents=["*.md"])} == {"guide.md"}
    answer = library.ask(QUESTION)
    assert answer.text.startswith("Repot a fern every two years. [1]")
    assert library.ask("anything else", query=QUESTION).query == QUESTION
    assert not library.ask(QUESTION, documents=["nowhere.md"]).citations


def test_ask_uses_a_new_build_at_once(library: Library) -> None:
    library.build()
    library.ask(QUESTION)
    (library.settings.corpus / "faq.txt").write_text("How often should I repot a fern?\nRepot a fern every seven years.\n")
    Library(library.settings, embedder=WordEmbedder()).build()
    assert library.ask(QUESTION).text.startswith("Repot a fern every seven years.")


def test_questions_from_several_threads_load_the_model_once(library: Library) -> None:
    class SlowToLoad(WordEmbedder):
        loads = 0

        def load(self) -> None:
            SlowToLoad.loads += 1
            time.sleep(0.05)

    library.build()
    shared = Library(library.settings, embedder=SlowToLoad())
    start = threading.Barrier(4)

    def ask(_: int) -> str:
        start.wait()
        return shared.ask(QUESTION).text

    with ThreadPoolExecutor(4) as threads:
        answers = set(threads.map(ask, range(4)))
    assert answers == {library.ask(QUESTION).text}
    assert SlowToLoad.loads == 1


def write_questions(folder: Path, answered: int, unanswerable: int) -> Path:
    """A question set about the small corpus; its questions differ in a number."""
    (folder / "qrels").mkdir(parents=True)
    text, start = "Repot a fern every two years.", 44
    names = [f"a{n}" for n in range(answered)] + [f"u{n}" for n in range(unanswerable)]
    texts = [f"{QUESTION} {n}" for n in range(answered)] + [f"Who painted ceiling {n}?" for n in range(unanswerable)]
    gold = [{"text": text, "doc_id": "faq.txt", "start": start}]
    queries = [{"_id": name, "text": question} for name, question in zip(names, texts, strict=True)]
    answers = [{"query_id": name, "answers": gold} for name in names[:answered]]
    rows = [f"{name}\tfaq.txt\t1" for name in names[:answered]]
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *rows]) + "\n")
    for name, records in (
        ("queries", queries),
        ("answers", answers),
        ("unanswerable", [{"query_id": name} for name in names[answered:]]),
    ):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


def test_evaluate_and_calibrate(library: Library, tmp_path: Path) -> None:
    library.build()
    corpus_text = (library.settings.corpus / "faq.txt").read_text()
    questions = write_questions(tmp_path / "set", answered=20, unanswerable=20)
    gold = json.loads((questions / "answers.jsonl").read_text().splitlines()[0])["answers"][0]
    assert corpus_text[gold["start"] :].startswith(gold["text"])

    evaluation = library.evaluate(questions, limit=10)
    assert len(evaluation.outcomes) == 10
    run = library.evaluate(questions).run
    means = {mean.measure: mean.value for mean in means_of(run.summary)}
    assert (run.summary["questions"], means["R@5"], means["hit"]) == (40, 1.0, 1.0)
    calibration = library.calibrate(questions, false_answers=0.1)
    embedder, reader = library.embedder.identity.digest, library.chat.reader.identity
    assert (library.settings.index / FILE).is_file()
    assert index_calibration(library.settings.index, reader, embedder) == calibration == library.chat.calibration()


def test_verify_checks_a_receipt_against_the_files(library: Library, tmp_path: Path) -> None:
    library.build()
    save_receipt(tmp_path / "receipt.json", library.ask(QUESTION), model="words", reader="similarity")
    assert {checked.state for checked in library.verify(tmp_path / "receipt.json")} == {VALID}
    (library.settings.corpus / "faq.txt").unlink()
    assert {checked.state for checked in library.verify(tmp_path / "receipt.json")} == {MISSING}
    with pytest.raises(ReceiptError, match="guide.md"):
        library.verify(library.settings.corpus / "guide.md")


FIVE_LINES = """
from rag import Library

library = Library.open(corpus="corpus", index="index")
library.build()
answer = library.ask("How often should I repot a fern?")
print(answer.text)
"""


@pytest.mark.slow
def test_five_lines_answer_a_question(corpus: Path) -> None:
    """With the real model, in a new process and with nothing but the defaults."""
    command = [sys.executable, "-W", "ignore", "-c", FIVE_LINES]
    run = subprocess.run(command, cwd=corpus.parent, capture_output=True, text=True, check=True)
    assert run.stdout.startswith("Repot a fern every two years. [1]")


NOT_LOADED = {
    "": {*HEAVY, "numpy", "faiss", "filelock", "rag.index.updating", "rag.conversation"},
    "library.status()": {*HEAVY, "numpy", "faiss", "filelock", "rag.index.lexical", "rag.index.updating", "rag.conversation"},
    "library.build()": HEAVY,
    "library.doctor()": HEAVY,
    "library.rollback()": HEAVY,
    "library.verify(Path('receipt.json'))": {*HEAVY, "faiss", "rag.index.updating", "rag.conversation"},
    "library.search('nerve')": {"torch", "transformers", "sentence_transformers", "gradio", "fastapi"},
    "library.ask('How fast do nerves regrow?')": {"torch", "transformers", "sentence_transformers", "gradio", "fastapi"},
}


@pytest.mark.slow
@pytest.mark.parametrize("call", NOT_LOADED)
def test_each_method_loads_only_what_it_needs(call: str, handbook: Settings, tmp_path: Path) -> None:
    if "verify" in call:
        save_receipt(tmp_path / "receipt.json", Library(handbook).ask("How fast do nerves regrow?"), model="m", reader="r")
    code = (
        "import sys; from pathlib import Path; from rag import Library; from rag.errors import IndexMissing\n"
        "library = Library.open(corpus=sys.argv[1], index=sys.argv[2])\n"
        f"try:\n    {call or 'pass'}\nexcept IndexMissing:\n    pass\nprint(*sys.modules)"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(handbook.corpus), str(handbook.index)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert not NOT_LOADED[call] & {*run.stdout.split()}


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
