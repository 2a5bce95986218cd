"""What the page's handlers do with what a browser may send, and who may do what."""

import json
import socket
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gradio.utils import get_upload_folder

from rag.accounts.conversations import Conversations, SavedConversation, SavedTurn
from rag.accounts.users import LOCAL, User
from rag.config import EvaluationSettings, ServerSettings, Settings
from rag.conversation import Chat
from rag.errors import IndexMissing
from rag.index.builds import Report
from rag.index.changes import BuildRecord, Changes
from rag.index.contents import Index
from rag.index.file_listing import ListedFile, Watch, chosen_files, list_files
from rag.index.manifest import Failure
from rag.sources import document_reference, source_view
from rag.ui.ask_tab import Asking, Desk, desk_from
from rag.ui.documents_tab import Documents
from rag.ui.documents_view import AddedFile, added_files_html, build_changes_html, files_html, job_html
from rag.ui.evaluation_tab import Evaluating
from rag.ui.jobs import Job, JobState
from rag.ui.outbound import outbound_count, watch_outbound
from rag.ui.suggestions import example_questions, follow_ups
from tests.conftest import SIMILARITY, WordEmbedder, library_of, updated

READER = User("ann", "reader")
HOSTILE = '<img src=x onerror="alert(1)"> ${x} {{y}} "quotes" & <b>'


@pytest.fixture
def chat(corpus: Path, words: WordEmbedder, tmp_path: Path) -> Chat:
    settings = Settings(
        corpus=corpus,
        index=tmp_path / "index",
        answering=SIMILARITY,
        server=ServerSettings(conversations=tmp_path / "conversations"),
        evaluation=EvaluationSettings(feedback=tmp_path / "feedback", sets=tmp_path / "sets", runs=tmp_path / "runs"),
    )
    updated(corpus, settings.index, words)
    return Chat(settings, words)


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    folder = Path(get_upload_folder()) / "a1b2"
    folder.mkdir(parents=True)
    return folder


def documents(chat: Chat, user: User = LOCAL) -> Documents:
    return Documents(library_of(chat), lambda _: user)


def test_an_uploaded_file_is_taken_in_and_answered_from(chat: Chat, uploads: Path) -> None:
    (uploads / "zebra.txt").write_text("The zebra drinks lemonade.\n")
    library = documents(chat)
    told = library.call({"do": "add", "paths": [str(uploads / "zebra.txt")]}, None)
    library.job.join()
    assert "zebra.txt</span> added" in told["html"]
    assert library.job.state == JobState(result="Done: 1 added. The index holds 3 documents, 6 passages.")
    assert chat.index().documents["zebra.txt"].text == "The zebra drinks lemonade.\n"
    assert not uploads.exists()


@pytest.mark.parametrize(
    "path", ["/etc/hostname", "../../etc/hostname", "", ".", None, 7, {"path": "/etc/hostname"}, "a\0b", "link"]
)
def test_only_what_was_uploaded_is_taken_in(path: Any, chat: Chat, uploads: Path, corpus: Path) -> None:
    """Gradio hands on whatever path a browser names; a link of that name in the folder is no way round either."""
    (uploads / "secret.txt").symlink_to("/etc/hostname")
    before = sorted(corpus.iterdir())
    named = str(uploads / "secret.txt") if path == "link" else path
    told = documents(chat).call({"do": "add", "paths": [named]}, None)
    assert told == {"error": "this file was not given to the page; choose it again"}
    assert sorted(corpus.iterdir()) == before


@pytest.mark.parametrize("act", ["add", "remove", "build", "stop", "back"])
def test_a_reader_changes_nothing(act: str, chat: Chat, corpus: Path) -> None:
    told = documents(chat, READER).call({"do": act, "id": "faq.txt", "paths": ["x"]}, None)
    assert told == {"error": "Only a curator may change the documents."}
    assert (corpus / "faq.txt").exists()
    assert "Remove" not in documents(chat, READER).call({"do": "list"}, None)["html"]


@pytest.mark.parametrize("act", ["overview", "start", "show", "questions", "question", "save", "calibrate", "stop"])
def test_a_reader_evaluates_nothing(act: str, chat: Chat) -> None:
    assert Evaluating(library_of(chat), lambda _: READER).call({"do": act}, None) == {"error": "Only a curator may evaluate."}


@pytest.mark.parametrize(
    "told", [None, 7, [], {"do": "__init__"}, {"do": None}, {"do": "list", "page": "x", "sort": 3, "words": None}]
)
def test_odd_requests_get_plain_words_or_the_list(told: Any, chat: Chat) -> None:
    for handler in (documents(chat), Evaluating(library_of(chat), lambda _: LOCAL), Asking(chat, lambda _: LOCAL)):
        assert handler.call(told, None).keys() & {"error", "html"}


def saved(chat: Chat, user: User, question: str = "How often should I repot a fern?") -> SavedConversation:
    store = Conversations(chat.settings.server.conversations, user)
    fresh = store.new(question)
    turn = SavedTurn(question, chat.ask(question), "m", "r")
    kept = SavedConversation(fresh.id, fresh.title, fresh.changed, (turn,))
    store.save(kept)
    return kept


@pytest.mark.parametrize("act", ["written", "save", "judge", "rename"])
def test_conversations_of_others_cannot_be_reached(act: str, chat: Chat) -> None:
    kept = saved(chat, LOCAL)
    told = {"do": act, "id": kept.id, "conversation": kept.id, "turn": 0, "verdict": "helpful", "form": "md"}
    assert "no longer exists" in Asking(chat, lambda _: READER).call(told, None)["error"]
    assert "error" not in Asking(chat, lambda _: LOCAL).call(told, None)


@pytest.mark.parametrize("turn", [-1, 1, "0", None, 0.5])
def test_a_turn_that_is_not_there(turn: Any, chat: Chat) -> None:
    told = {"do": "written", "conversation": saved(chat, LOCAL).id, "turn": turn}
    assert "no longer in the conversation" in Asking(chat, lambda _: LOCAL).call(told, None)["error"]


@pytest.mark.parametrize(
    "value", [None, 7, "", "{", "[]", '{"documents": 7, "mode": {}, "turn": -1}', '{"documents": [1, null], "turn": "x"}']
)
def test_a_desk_may_hold_anything(value: Any) -> None:
    assert desk_from(value) == Desk()


def test_what_a_source_changed_since_is_said_in_an_old_conversation(chat: Chat, corpus: Path) -> None:
    kept = saved(chat, LOCAL)
    asking = Asking(chat, lambda _: LOCAL)
    assert "has changed since" not in json.dumps(asking.messages(kept))
    (corpus / "faq.txt").write_text("Repot a fern every nine years.\n")
    updated(corpus, chat.settings.index, WordEmbedder())
    assert "has changed since this answer" in json.dumps(asking.messages(kept))


def test_chosen_sentences_must_stand_in_a_document(chat: Chat) -> None:
    kept = saved(chat, LOCAL)
    for chosen in (["x"], [document_reference(chat.index().documents["faq.txt"])], [], None, [7]):
        told = {"do": "judge", "conversation": kept.id, "turn": 0, "verdict": "chosen", "chosen": chosen}
        assert "error" in Asking(chat, lambda _: LOCAL).call(told, None)
    assert not (chat.settings.evaluation.feedback / "queries.jsonl").exists()


def test_pieces_are_the_whole_text_and_its_sentences(chat: Chat) -> None:
    index = chat.index()
    for document in index.documents.values():
        view = source_view(index, document_reference(document), choose=True)
        assert "".join(text for text, _ in view["pieces"]) == document.text
        assert [source_view(index, reference)["sentence"] for text, reference in view["pieces"] if reference] == [
            text for text, reference in view["pieces"] if reference
        ]


def questions_of(index: Index) -> set[str]:
    return {p.headings[-1] for p in index.passages if p.headings and p.headings[-1].endswith("?")}


def test_suggestions_are_questions_that_the_documents_answer(chat: Chat) -> None:
    index, asked = chat.index(), "How often should I repot a fern?"
    assert set(example_questions(index)) == questions_of(index)
    assert follow_ups(index, chat.ask(asked), [asked]) == ["Are ferns toxic to cats?"]
    assert follow_ups(index, chat.ask(asked), list(questions_of(index))) == []


def test_the_list_says_what_became_of_each_file(chat: Chat, corpus: Path) -> None:
    (corpus / "faq.txt").write_text("Other.\n")
    (corpus / "new.txt").write_text("New.\n")
    (corpus / "twin.txt").write_text("New.\n")
    (corpus / "odd.xyz").write_text("x")
    (corpus / "guide.md").unlink()
    manifest = chat.index().manifest
    watch = Watch(corpus)
    files = list_files(corpus, manifest, watch.changes(manifest))
    assert {file.id: file.state for file in files} == {
        "faq.txt": "changed", "guide.md": "removed", "new.txt": "new", "odd.xyz": "new", "twin.txt": "new",
    }  # fmt: skip
    assert [file.id for file in chosen_files(files, "TXT new", "name", descending=True)] == ["twin.txt", "new.txt"]
    assert [file.id for file in chosen_files(files, "", "size", descending=True)][0] == "faq.txt"
    updated(corpus, chat.settings.index, WordEmbedder())
    manifest = chat.index().manifest
    states = {file.id: (file.state, file.note.split(";")[0]) for file in list_files(corpus, manifest, watch.changes(manifest))}
    assert states == {
        "faq.txt": ("", ""), "new.txt": ("", ""), "odd.xyz": ("not read", "format .xyz is not known"), "twin.txt": ("same as", "new.txt"),
    }  # fmt: skip


def test_file_names_are_shown_as_text(chat: Chat, corpus: Path) -> None:
    name = HOSTILE.replace("/", "") + ".txt"
    (corpus / name).write_text(f"{HOSTILE}\n\nA sentence.\n")
    manifest = chat.index().manifest
    listed = list_files(corpus, manifest, Watch(corpus).changes(manifest))
    html = files_html(listed, page=0, sort="name", descending=False, may_curate=True)
    html += added_files_html([AddedFile(name, "failed", HOSTILE)]) + job_html(JobState(result=HOSTILE, failed=True))
    failed = [Failure(name, HOSTILE)]
    changes = Changes(added=[name], changed=[], removed=[HOSTILE], unchanged=[], failed=failed, duplicates=[], embedded=2)
    html += build_changes_html(BuildRecord(changes, "now", 1.0))
    assert "<img" not in html and "<b>" not in html
    assert html.count("&lt;img") >= 6


def test_long_lists_come_in_pages() -> None:
    files = [ListedFile(f"{number:05}.txt", "", "txt", 1, 1, 0.0, "", "") for number in range(10_001)]
    html = files_html(files, page=200, sort="name", descending=False, may_curate=True)
    assert html.count('<tr><th scope="row">') == 1
    assert "10,001–10,001 of 10,001" in html
    assert files_html(files, page=99_999, sort="name", descending=False, may_curate=True) == html
    assert "No matching documents." in files_html([], page=3, sort="name", descending=False, may_curate=True)


def test_work_reports_stops_and_fails_in_words() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work(report: Any) -> str:
        report("reading", 1, 4)
        begun.set()
        go_on.wait(5)
        report("reading", 2, 4)
        return "done"

    def broken(report: Any) -> str:
        raise IndexMissing("there is no index")

    job = Job("stopped, all as it was")
    assert job.start(work)
    assert begun.wait(5)
    assert not job.start(work)
    assert (job.state.running, job.state.what, job.state.done, job.state.total) == (True, "reading", 1, 4)
    assert "Reading the files: 1 of 4" in job_html(job.state)
    job.stop()
    go_on.set()
    job.join()
    assert job.state == JobState(result="stopped, all as it was")
    assert job.start(work)
    job.join()
    assert job.state == JobState(result="done")
    assert job.start(broken)
    job.join()
    assert job.state == JobState(result="there is no index", failed=True)


def test_time_left_is_told_by_what_was_done_since_the_first_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """By then embedding has done some beside reading: 40 of 140. Ten more in two seconds: the other 90 take 18."""
    clock = iter([100.0, 102.0])
    left = []

    def work(report: Any) -> str:
        for done in (40, 50):
            report("embedding", done, 140)
            left.append(job.state.left)
        return "done"

    job = Job("stopped")
    monkeypatch.setattr("rag.ui.jobs.time", SimpleNamespace(monotonic=lambda: next(clock)))
    job._run(work)
    assert left == [None, 18.0]


def test_a_stopped_build_leaves_the_index_as_it_was(chat: Chat, corpus: Path) -> None:
    (corpus / "new.txt").write_text("Moss grows.\n")
    before = chat.index().digest
    library = documents(chat)
    library.job.stop()

    def stopped_build(report: Report) -> str:
        library.job.stop()
        return library._build(report)

    library.job.start(stopped_build)
    library.job.join()
    assert library.job.state.result.startswith("Stopped: the index is as it was")
    assert chat.index().digest == before


def test_the_corpus_is_followed(chat: Chat, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.ui.documents_tab.WATCHED_EVERY", 0.02)
    library, stopped = documents(chat), threading.Event()
    thread = threading.Thread(target=library.follow_corpus, args=(stopped,))
    thread.start()
    try:
        (corpus / "new.txt").write_text("Moss grows.\n")
        for _ in range(500):
            if "new.txt" in chat.index().documents:
                break
            stopped.wait(0.02)
        assert "new.txt" in chat.index().documents
    finally:
        stopped.set()
        thread.join()
        library.job.join()


def test_what_would_leave_the_machine_is_counted() -> None:
    watch_outbound()
    before = outbound_count()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as loop:
        loop.connect(("127.0.0.1", 9))
    assert outbound_count() == before
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect_ex(("192.0.2.1", 9))  # a datagram's address is set without a packet
    assert outbound_count() == before + 1
