"""Watched questions on the command line, over HTTP, and on the page's Review tab."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rag.accounts.users import LOCAL, User
from rag.cli.main import main
from rag.config import EvaluationSettings, ServerSettings
from rag.evaluation.labelling import add_question
from rag.evaluation.question_sets import GoldSpan
from rag.library import Library
from rag.question_queue import QuestionQueue
from rag.records import Span
from rag.review.watch_list import load_watch_list
from rag.ui.answer_acts import ANSWER_ACTS
from rag.ui.asking import ASKING_ACTS
from rag.ui.calls import Reply, answer_call
from rag.ui.changes_acts import CHANGES_ACTS, ChangesPart
from rag.ui.room import Room
from tests.conftest import ReadHere, library_of
from tests.serving import PASSWORD, client_of, sign_in, two_users, word_chat

QUESTION = "How often should I repot a fern?"
READER = User("rita", "reader")


def change_faq(corpus: Path, *, years: str = "three") -> None:
    text = (corpus / "faq.txt").read_text()
    (corpus / "faq.txt").write_text(text.replace("every two years", f"every {years} years"))


# The page


@pytest.fixture
def watching(corpus: Path, tmp_path: Path) -> ChangesPart:
    chat = word_chat(corpus, tmp_path)
    evaluation = EvaluationSettings(sets=tmp_path / "sets", feedback=tmp_path / "feedback", runs=tmp_path / "runs")
    server = ServerSettings(conversations=tmp_path / "conversations")
    chat.settings = chat.settings.model_copy(update={"evaluation": evaluation, "server": server})
    library = library_of(chat)
    library._corpus = ReadHere(corpus)
    return ChangesPart(library)


def act(watching: ChangesPart, user: User = LOCAL, **request: Any) -> Reply:
    """The reply, once nothing is being asked any more."""
    reply = answer_call(CHANGES_ACTS, watching, user, request)
    watching.job.join()
    return reply


def test_the_tab_shows_old_beside_new_until_it_is_accepted(watching: ChangesPart, corpus: Path) -> None:
    assert "No question is watched" in act(watching, do="show")["html"]
    assert act(watching, do="add", question=QUESTION) == {"message": "This question is now watched."}
    assert act(watching, do="add", question=f" {QUESTION}") == {"message": "This question is watched already."}
    assert "0 of 1 watched answers changed" in act(watching, do="show")["html"]
    change_faq(corpus)
    watching.library.build()
    shown = act(watching, do="show")
    assert (shown["changed"], shown["questions"], shown["running"]) == (1, 1, False)
    html = str(shown["html"])
    assert "Other sentences" in html and "faq.txt changed" in html
    assert "<mark> two</mark>" in html and "<mark> three</mark>" in html
    assert html.count('class="open-source"') == len(load_watch_list(watching.path).questions[0].answer.sentences)  # type: ignore[union-attr]
    (watched,) = load_watch_list(watching.path).questions
    assert act(watching, do="accept", ids=[watched.id]) == {}
    assert act(watching, do="show")["changed"] == 0
    assert act(watching, do="remove", ids=[watched.id]) == {}
    assert act(watching, do="show")["questions"] == 0


def test_questions_wait_to_be_asked_again_as_soon_as_a_setting_differs(watching: ChangesPart) -> None:
    act(watching, do="add", question=QUESTION)
    assert "not asked of" not in act(watching, do="show")["html"]
    chat = watching.library.chat
    answering = chat.settings.answering.model_copy(update={"max_sentences": 1})
    chat.settings = chat.settings.model_copy(update={"answering": answering})
    assert "1 not asked of the present documents yet" in act(watching, do="show")["html"]
    act(watching, do="ask")
    assert "not asked of" not in act(watching, do="show")["html"]


def test_all_changes_are_accepted_at_once(watching: ChangesPart, corpus: Path) -> None:
    for question in (QUESTION, "When should I repot a fern?"):
        act(watching, do="add", question=question)
    change_faq(corpus)
    watching.library.build()
    assert act(watching, do="show")["changed"] == 2
    assert act(watching, do="all")["message"].startswith("2 new answers accepted")
    assert act(watching, do="show")["changed"] == 0


def test_a_question_set_is_watched(watching: ChangesPart, tmp_path: Path) -> None:
    gold = [GoldSpan("faq.txt", Span(43, 72), "Repot a fern every two years.")]
    add_question(tmp_path / "sets" / "ferns", QUESTION, gold)
    add_question(tmp_path / "sets" / "ferns", "What is the tax on gold?", [])
    assert act(watching, do="show")["sets"] == [{"name": "ferns", "label": "ferns"}]
    assert act(watching, do="set", set="ferns")["message"] == "2 questions added, 0 were watched already."
    assert act(watching, do="set", set="../ferns") == {"error": "choose a question set first"}
    assert all(watched.answer for watched in load_watch_list(watching.path).questions)


@pytest.mark.parametrize(
    "request_",
    [
        {"do": "add", "question": "x" * 2001}, {"do": "add", "question": " "}, {"do": "remove", "ids": ["w-1"]}, {"do": "remove", "ids": []},
        {"do": "accept", "ids": "w-1"}, {"do": "show", "page": "1"}, {"do": "set"}, {"do": "nothing"},
    ],
)  # fmt: skip
def test_bad_requests_get_one_plain_line_and_change_nothing(request_: dict[str, Any], watching: ChangesPart) -> None:
    act(watching, do="add", question=QUESTION)
    before = watching.path.read_bytes()
    error = act(watching, **request_)["error"]
    assert error and "\n" not in error
    assert watching.path.read_bytes() == before


def test_readers_see_the_changes_but_change_nothing(watching: ChangesPart) -> None:
    act(watching, do="add", question=QUESTION)
    shown = act(watching, READER, do="show")
    assert (shown["questions"], shown["may_curate"]) == (1, False)
    assert "data-accept" not in shown["html"] and "data-remove" not in shown["listed"]
    (watched,) = load_watch_list(watching.path).questions
    for request in (
        {"do": "add", "question": "x"}, {"do": "remove", "ids": [watched.id]}, {"do": "accept", "ids": [watched.id]},
        {"do": "all"}, {"do": "ask"}, {"do": "set", "set": "ferns"}, {"do": "stop"},
    ):  # fmt: skip
        assert "Only curators" in act(watching, READER, **request)["error"]


def test_hostile_text_is_shown_as_text(watching: ChangesPart, corpus: Path) -> None:
    hostile = 'What is the <img src=x onerror="alert(1)"> fern?'
    (corpus / "odd.md").write_text("# Odd\n\nThe odd fern is `<script>alert(1)</script>` of the img.\n")
    watching.library.build()
    act(watching, do="add", question=hostile)
    (corpus / "odd.md").write_text("# Odd\n\nThe odd fern is `<script>alert(2)</script>` of the img.\n")
    watching.library.build()
    shown = act(watching, do="show")
    assert shown["changed"] == 1
    for html in (str(shown["html"]), str(shown["listed"])):
        assert "<img" not in html and "<script" not in html and "&lt;img" in html


def test_an_answer_is_watched_from_its_menu(watching: ChangesPart, corpus: Path) -> None:
    room = Room(QuestionQueue(watching.library.chat))
    asked = answer_call(ASKING_ACTS, room, LOCAL, {"do": "ask", "text": QUESTION})
    assert 'value="watch:0"' in str(asked)
    request = {"do": "watch", "conversation": asked["conversation"], "turn": 0}
    change_faq(corpus)  # the answer was given before
    watching.library.build()
    assert "Watched from now on" in answer_call(ANSWER_ACTS, room, LOCAL, request)["message"]
    assert "watched already" in answer_call(ANSWER_ACTS, room, LOCAL, request)["message"]
    assert "Only curators" in answer_call(ANSWER_ACTS, room, READER, request)["error"]
    assert "1 not asked of the present documents yet" in act(watching, do="show")["html"]
    act(watching, do="ask")
    shown = act(watching, do="show")
    assert shown["changed"] == 1 and "Done: 1 of 1 watched answers changed" in shown["job"]


def test_an_answer_about_a_removed_document_is_watched_without_its_text(watching: ChangesPart, corpus: Path) -> None:
    (corpus / "secret.md").write_text("# Moss\n\nThe moss drinks zanzibarine wine at night.\n")
    watching.library.build()
    room = Room(QuestionQueue(watching.library.chat))
    asked = answer_call(ASKING_ACTS, room, LOCAL, {"do": "ask", "text": "What does the moss drink at night?"})
    assert "zanzibarine" in str(asked)
    (corpus / "secret.md").unlink()
    watching.library.build()
    request = {"do": "watch", "conversation": asked["conversation"], "turn": 0}
    assert "Watched from now on" in answer_call(ANSWER_ACTS, room, LOCAL, request)["message"]
    assert "zanzibarine" not in watching.library.settings.watched_file.read_text()


# The API


def test_the_api_gives_report_and_list(corpus: Path, tmp_path: Path) -> None:
    chat = word_chat(corpus, tmp_path)
    client, watching = client_of(chat), ChangesPart(library_of(chat))
    assert client.get("/api/changes").json() == {"questions": 0, "asked": 0, "indexes": [], "changed": []}
    act(watching, do="add", question=QUESTION)
    change_faq(corpus)
    watching.library.build()
    report = client.get("/api/v1/changes").json()
    (change,) = report["changed"]
    assert (report["questions"], report["asked"], report["indexes"]) == (1, 1, [chat.index().digest])
    assert change["now"]["sentences"][0]["text"] == "Repot a fern every three years."
    source = client.get(f"/api/source/{change['now']['sentences'][0]['source']}").json()
    assert source["sentence"] == "Repot a fern every three years."
    (listed,) = client.get("/api/watched").json()["questions"]
    assert (listed["id"], listed["change"]) == (change["id"], "sentences")
    watching.path.write_text("broken")
    failed = client.get("/api/changes")
    assert (failed.status_code, failed.json()["error"]["code"]) == (503, "watch_error")


def test_the_report_needs_a_login_if_there_are_users(corpus: Path, tmp_path: Path) -> None:
    two_users(tmp_path / "users.json")
    client = client_of(word_chat(corpus, tmp_path, users=tmp_path / "users.json"))
    assert client.get("/api/changes").status_code == 401
    sign_in(client, "rita", PASSWORD)
    assert client.get("/api/changes").status_code == 200


# The command line


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def rag(corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs the command line in this process, in the folder of the corpus."""

    def run(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["rag", *arguments])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as error:
            code = int(error.code or 0)
        return Ran(code, *capsys.readouterr())

    return run


def refusal(ran: Ran) -> str:
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    return ran.err


@pytest.mark.slow
def test_bad_input_is_one_plain_line_and_loses_nothing(rag: Callable[..., Ran]) -> None:
    def refused(*arguments: str) -> str:
        return refusal(rag("watch", *arguments))

    assert "no index" in refused("add", QUESTION)
    assert not Path("index.watched.json").exists()
    assert rag("build", "--json").json["watched"] is None
    assert rag("watch", "list").out.startswith("no question is watched")
    assert rag("watch", "report").out == "0 of 0 watched answers changed\n"
    assert "empty question" in refused("add", "")
    assert "no question was given" in refused("add")
    assert "holds no queries.jsonl" in refused("add", "--set", "nowhere")
    assert "not the id of a conversation" in refused("add", "--conversation", "nonsense")
    assert rag("watch", "add", QUESTION).code == 0
    assert "no watched question has the id w-1" in refused("report", "w-1")
    assert "no id was given" in refused("remove")
    (watched,) = rag("watch", "list", "--json").json["questions"]
    assert "nothing was changed" in refused("remove", watched["id"], "w-1")
    assert len(rag("watch", "list", "--json").json["questions"]) == 1
    Path("index.watched.json").write_text("{broken")
    for command in ("list", "report"):
        assert "index.watched.json is not a readable list of watched questions" in refused(command)
    assert rag("build").code == 0
    assert Path("index.watched.json").read_text() == "{broken"


@pytest.mark.slow
def test_the_command_line(rag: Callable[..., Ran], corpus: Path) -> None:
    rag("build")
    added = rag("watch", "add", QUESTION, "What is the tax on gold?", "--json").json
    assert [watched["question"] for watched in added["added"]] == [QUESTION, "What is the tax on gold?"]
    first, second = (watched["id"] for watched in added["added"])
    assert rag("watch", "add", QUESTION).out.endswith("0 added, 1 already watched; 2 watched in all\n")
    listed = rag("watch", "list", "--json").json["questions"]
    assert [(watched["id"], watched["answer"]["abstained"]) for watched in listed] == [(first, False), (second, True)]
    assert f"{first}  {QUESTION}" in rag("watch", "list").out
    assert (rag("watch", "report").code, rag("watch", "report", first).code) == (0, 0)
    change_faq(corpus)
    built = rag("build")
    assert (built.code, built.out.splitlines()[-1]) == (
        0,
        "1 of 2 watched answers changed; see `rag watch report` or the Review tab",
    )
    ran = rag("watch", "report")
    assert ran.code == 1
    assert "other sentences" in ran.out and "faq.txt changed" in ran.out
    assert "before  Repot a fern every two years." in ran.out and "now     Repot a fern every three years." in ran.out
    assert rag("watch", "report", second).code == 0
    report = rag("watch", "report", "--json")
    assert (report.code, report.json["changed"][0]["change"], report.json["problem"]) == (1, "sentences", "")
    assert rag("watch", "report", "--accept").code == 1
    assert rag("watch", "report", "--again").code == 0
    assert rag("watch", "remove", second).out == "1 removed\n"
    assert rag("watch", "remove", "--all").out == "1 removed\n"
    assert not Path("index.watched.json").exists()


def test_a_library_without_a_list_builds_as_before(watching: ChangesPart, corpus: Path) -> None:
    change_faq(corpus)
    library: Library = watching.library
    assert library.build().watched is None
