"""What the acts of the page do with anything that a browser may send, and which users may do what."""

from pathlib import Path
from typing import Any

import pytest
from gradio.utils import get_upload_folder

from rag.accounts.conversations import Conversations, SavedConversation, SavedTurn
from rag.accounts.users import LOCAL, User
from rag.conversation import Chat
from rag.errors import ConversationError
from rag.index.changes import BuildRecord, Changes
from rag.index.contents import Index
from rag.index.file_listing import ListedFile, Watch, chosen_files, list_files
from rag.index.manifest import Failure
from rag.question_queue import QuestionQueue
from rag.sources import document_reference, source_view
from rag.ui.answer_acts import ANSWER_ACTS
from rag.ui.asked_question import LONGEST_QUESTION, AskedQuestion
from rag.ui.asking import ASKING_ACTS
from rag.ui.background_builds import BackgroundBuilds
from rag.ui.calls import Reply, answer_call
from rag.ui.conversation_acts import CONVERSATION_ACTS
from rag.ui.conversation_view import turns_html
from rag.ui.documents_acts import DOCUMENT_ACTS, STATE_ACTS
from rag.ui.documents_view import AddedFile, added_files_html, build_changes_html, files_html, job_html
from rag.ui.evaluation_acts import EVALUATION_ACTS, EvaluationPart
from rag.ui.help_acts import HELP_ACTS
from rag.ui.jobs import JobState
from rag.ui.room import Room
from rag.ui.source_acts import SOURCE_ACTS
from rag.ui.suggestions import example_questions, follow_ups
from tests.conftest import WordEmbedder, library_of, updated
from tests.serving import word_chat

ASK_TAB = {**ASKING_ACTS, **CONVERSATION_ACTS, **ANSWER_ACTS}
READER = User("ann", "reader")
HOSTILE = '<img src=x onerror="alert(1)"> ${x} {{y}} "quotes" & <b>'
REPOT = "How often should I repot a fern?"


@pytest.fixture
def chat(corpus: Path, tmp_path: Path) -> Chat:
    return word_chat(corpus, tmp_path)


@pytest.fixture
def builds(chat: Chat) -> BackgroundBuilds:
    return BackgroundBuilds(library_of(chat))


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which gradio stores one upload."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    folder = Path(get_upload_folder()) / "a1b2"
    folder.mkdir(parents=True)
    return folder


def ask_tab(chat: Chat, payload: object, user: User = LOCAL) -> Reply:
    return answer_call(ASK_TAB, Room(QuestionQueue(chat)), user, payload)


def documents_tab(builds: BackgroundBuilds, payload: object, user: User = LOCAL) -> Reply:
    return answer_call(DOCUMENT_ACTS, builds, user, payload)


def evaluation_tab(chat: Chat, payload: object, user: User = LOCAL) -> Reply:
    return answer_call(EVALUATION_ACTS, EvaluationPart(library_of(chat)), user, payload)


def test_an_uploaded_file_is_added_and_answers_questions(chat: Chat, builds: BackgroundBuilds, uploads: Path) -> None:
    (uploads / "zebra.txt").write_text("The zebra drinks lemonade.\n")
    reply = documents_tab(builds, {"do": "add", "paths": [str(uploads / "zebra.txt")]})
    builds.job.join()
    assert "zebra.txt</span> added" in reply["html"]
    assert builds.job.state == JobState(result="Done: 1 added. The index has 3 documents and 6 passages.")
    assert chat.index().documents["zebra.txt"].text == "The zebra drinks lemonade.\n"
    assert not uploads.exists()


@pytest.mark.parametrize("path", ["/etc/hostname", "../../etc/hostname", "", ".", "a\0b", "link"])
def test_only_uploaded_files_are_added(path: str, builds: BackgroundBuilds, uploads: Path, corpus: Path) -> None:
    """Gradio passes on any path that a browser names; a link in the upload folder does not get around the check either."""
    (uploads / "secret.txt").symlink_to("/etc/hostname")
    before = sorted(corpus.iterdir())
    named = str(uploads / "secret.txt") if path == "link" else path
    reply = documents_tab(builds, {"do": "add", "paths": [named]})
    assert reply == {"error": "this file was not uploaded here; choose it again"}
    assert sorted(corpus.iterdir()) == before


@pytest.mark.parametrize("act", ["add", "remove", "build", "stop", "undo"])
def test_readers_cannot_change_documents(act: str, builds: BackgroundBuilds, corpus: Path) -> None:
    reply = documents_tab(builds, {"do": act, "ids": ["faq.txt"], "paths": ["x"]}, READER)
    assert reply == {"error": "Only curators can change the documents."}
    assert (corpus / "faq.txt").exists()
    assert "Remove" not in documents_tab(builds, {"do": "list"}, READER)["html"]
    assert "Remove" in documents_tab(builds, {"do": "list"})["html"]


def test_the_state_of_the_index_cannot_be_used_to_change_documents(builds: BackgroundBuilds) -> None:
    """The chip that shows it is a component of its own, which every user can call."""
    assert "chip" in answer_call(STATE_ACTS, builds, READER, {"do": "state"})
    assert answer_call(STATE_ACTS, builds, READER, {"do": "remove", "ids": ["faq.txt"]}).keys() == {"error"}


@pytest.mark.parametrize("act", EVALUATION_ACTS)
def test_readers_cannot_evaluate(act: str, chat: Chat) -> None:
    assert evaluation_tab(chat, {"do": act}, READER) == {"error": "Only curators can evaluate."}


ODD_VALUES = [None, True, -1, 0.5, 10**30, "", "x" * 100_000, "\ud800", [], [None], {}, {"x": 1}, [["x"]]]


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: repr(value)[:20])
def test_odd_requests_get_a_reply_in_plain_words(value: object, chat: Chat, builds: BackgroundBuilds) -> None:
    parts: list[tuple[Any, Any]] = [
        (ASK_TAB, Room(QuestionQueue(chat))), (DOCUMENT_ACTS, builds), (STATE_ACTS, builds), (HELP_ACTS, chat),
        (SOURCE_ACTS, chat), (EVALUATION_ACTS, EvaluationPart(library_of(chat))),
    ]  # fmt: skip
    for acts, context in parts:
        assert answer_call(acts, context, LOCAL, value).keys() == {"error"}
        assert answer_call(acts, context, LOCAL, {"do": value}).keys() == {"error"}
        for name, act in acts.items():
            for field in act.request.model_fields if name != "build" else ():
                reply = answer_call(acts, context, LOCAL, {"do": name, field: value})
                assert "error" not in reply or (isinstance(reply["error"], str) and "\n" not in reply["error"])


def test_an_invalid_request_names_the_field(chat: Chat) -> None:
    reply = answer_call(SOURCE_ACTS, chat, LOCAL, {"do": "source", "reference": "x", "windows": 0})
    assert reply == {"error": "Invalid request: windows: Input should be greater than or equal to 1."}


def saved(chat: Chat, user: User, question: str = REPOT) -> SavedConversation:
    """A saved conversation of one turn."""
    store = Conversations(chat.settings.server.conversations, user)
    conversation = store.new(question).with_turn(SavedTurn(question, chat.ask(question), "m", "r"))
    store.save(conversation)
    return conversation


@pytest.mark.parametrize("act", ["written", "save", "judge", "rename", "open"])
def test_conversations_of_others_cannot_be_reached(act: str, chat: Chat) -> None:
    id = saved(chat, LOCAL).id
    payload = {"do": act, "id": id, "conversation": id, "turn": 0, "verdict": "helpful", "form": "md", "title": "Ferns"}
    assert "no longer exists" in ask_tab(chat, payload, READER)["error"]
    assert "error" not in ask_tab(chat, payload)


def test_conversations_of_others_cannot_be_deleted_or_listed(chat: Chat) -> None:
    id = saved(chat, LOCAL).id
    ask_tab(chat, {"do": "delete", "id": id}, READER)
    assert id not in ask_tab(chat, {"do": "list"}, READER)["html"]
    assert id in ask_tab(chat, {"do": "list"})["html"]


@pytest.mark.parametrize(
    ("turn", "error"),
    [(1, "this answer is no longer in the conversation"), (-1, "Invalid request: turn"), ("0", "Invalid request: turn"),
     (None, "Invalid request: turn"), (0.5, "Invalid request: turn"), (True, "Invalid request: turn")],
)  # fmt: skip
def test_a_turn_that_does_not_exist(turn: object, error: str, chat: Chat) -> None:
    reply = ask_tab(chat, {"do": "written", "conversation": saved(chat, LOCAL).id, "turn": turn})
    assert reply["error"].startswith(error)


def test_questions_are_limited_in_length() -> None:
    AskedQuestion("x" * LONGEST_QUESTION, None)
    for text in ("", "x" * (LONGEST_QUESTION + 1)):
        with pytest.raises(ConversationError, match="1 to 1,000 characters"):
            AskedQuestion(text, None)


def test_an_old_conversation_shows_which_sources_have_changed(chat: Chat, corpus: Path) -> None:
    conversation = saved(chat, LOCAL)
    assert "has changed since" not in turns_html(conversation, chat.index())
    (corpus / "faq.txt").write_text("Repot a fern every nine years.\n")
    updated(corpus, chat.settings.index, WordEmbedder())
    assert "has changed since this answer" in turns_html(conversation, chat.index())


def test_chosen_sentences_must_be_in_a_document(chat: Chat) -> None:
    conversation = saved(chat, LOCAL)
    for chosen in (["x"], [document_reference(chat.index().documents["faq.txt"])], [], None, [7]):
        payload = {"do": "judge", "conversation": conversation.id, "turn": 0, "verdict": "chosen", "chosen": chosen}
        assert "error" in ask_tab(chat, payload)
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


def test_the_list_gives_the_status_of_each_file(chat: Chat, corpus: Path) -> None:
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
    assert html.count('<th scope="row">') == 1
    assert "10,001–10,001 of 10,001" in html
    assert files_html(files, page=99_999, sort="name", descending=False, may_curate=True) == html
    assert "No matching documents." in files_html([], page=3, sort="name", descending=False, may_curate=True)


def test_a_replaced_file_is_called_replaced_and_undoing_drops_the_result(
    chat: Chat, builds: BackgroundBuilds, uploads: Path
) -> None:
    (uploads / "faq.txt").write_text("Repot a fern every nine years.\n")
    reply = documents_tab(builds, {"do": "add", "paths": [str(uploads / "faq.txt")], "replace": True})
    builds.job.join()
    assert "faq.txt</span> replaced" in reply["html"]
    assert "1 changed" in builds.job.state.result
    listed = documents_tab(builds, {"do": "list"})
    assert listed["changes"].count("<section>") == 2 and listed["can_undo"]
    documents_tab(builds, {"do": "undo"})
    assert builds.job.state == JobState()


def test_documents_are_listed_by_folder_with_the_warnings_of_their_files(corpus: Path, tmp_path: Path) -> None:
    (corpus / "reports").mkdir()
    (corpus / "reports" / "a.txt").write_text("A report.\n")
    (corpus / "reports" / "b.html").write_text("<p>Shown.</p><p style='display:none'>Hidden text is here.</p>\n")
    chat = word_chat(corpus, tmp_path)
    builds = BackgroundBuilds(library_of(chat))
    html = documents_tab(builds, {"do": "list", "folder": "reports/"})["html"]
    assert 'data-folder="reports/" aria-pressed="true"' in html
    assert "reports/a.txt" in html and "faq.txt" not in html
    for note in chat.index().documents["reports/b.html"].notes:
        assert note in html
