import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from rag import cli
from tests.conftest import ROOT

pytestmark = pytest.mark.slow


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def rag(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process, in a folder with a small corpus."""

    def run(*arguments: str, stdin: str = "") -> Ran:
        monkeypatch.setattr(sys, "argv", ["rag", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as error:
            code = int(error.code or 0)
        return Ran(code, *capsys.readouterr())

    return run


def test_build_search_ask_status(rag: Run, corpus: Path) -> None:
    built = rag("build", "--json").json
    assert (built["added"], built["unchanged"], built["failed"], built["documents"]) == (
        ["faq.txt", "guide.md"],
        [],
        [],
        2,
    )
    assert set(built) >= {
        "added",
        "changed",
        "removed",
        "unchanged",
        "failed",
        "documents",
        "passages",
        "seconds",
        "manifest",
    }

    hits = rag("search", "repot", "-k", "1", "--json").json["hits"]
    assert len(hits) == 1
    assert set(hits[0]) == {"rank", "score", "passage_id", "document_id", "start", "end", "text", "headings", "page"}
    text = (corpus / hits[0]["document_id"]).read_text()
    assert text[hits[0]["start"] : hits[0]["end"]] == hits[0]["text"]

    answer = rag("ask", "How often should a fern be repotted?", "--json").json
    assert set(answer) == {
        "question", "query", "abstained", "reason", "confidence", "text", "sentences", "citations", "nearest", "timings_ms", "index"
    }  # fmt: skip
    assert (answer["abstained"], answer["reason"], answer["index"]) == (False, None, built["manifest"])
    assert answer["sentences"][0] == {"text": "Repot a fern every two years.", "citation": 1, "context": False}
    citation = answer["citations"][0]
    assert set(citation) == {
        "number", "document_id", "title", "start", "end", "quote", "headings", "page", "digest", "answer_phrase"
    }  # fmt: skip
    assert (corpus / "faq.txt").read_text()[citation["start"] : citation["end"]] == citation["quote"]
    assert answer["text"].startswith("Repot a fern every two years. [1]")

    off = rag("ask", "Who won the football world cup in 2018?", "--json").json
    assert (off["abstained"], off["reason"], off["citations"], off["text"]) == (True, "not_in_documents", [], "")
    assert off["nearest"]

    assert rag("status", "--json").json["up_to_date"] is True
    (corpus / "faq.txt").unlink()
    status = rag("status", "--json").json
    assert (status["up_to_date"], status["removed"], status["manifest"]) == (False, ["faq.txt"], built["manifest"])


def test_the_same_for_people(rag: Run) -> None:
    assert "2 added" in rag("build").out
    assert "Repot a fern every two years. [1]" in rag("ask", "How often should a fern be repotted?").out
    assert "The documents do not answer this." in rag("ask", "Who won the football world cup?").out
    assert "faq.txt › How often" in rag("search", "repot").out
    assert "up to date" in rag("status").out


def test_batch_answers_in_order(rag: Run, tmp_path: Path) -> None:
    rag("build")
    requests = [
        {"question": "How often should a fern be repotted?"},
        {
            "question": "How often should a fern be repotted?",
            "documents": ["guide.md"],
            "history": [{"speaker": "user", "text": "Hello"}],
        },
        {"question": ""},
    ]
    lines = "\n".join(json.dumps(request) for request in requests) + "\n\n"
    (tmp_path / "batch.jsonl").write_text(lines)
    for ran in (rag("ask", "--batch", "-", stdin=lines), rag("ask", "--batch", str(tmp_path / "batch.jsonl"))):
        answers = [json.loads(line) for line in ran.out.splitlines()]
        assert answers[0]["citations"][0]["document_id"] == "faq.txt"
        assert all(citation["document_id"] == "guide.md" for citation in answers[1]["citations"])
        assert answers[2]["reason"] == "empty_question"


def test_the_same_question_gets_the_same_bytes(rag: Run) -> None:
    rag("build")
    first, second = (rag("ask", "Do ferns like sun?", "--json").json for _ in range(2))
    del first["timings_ms"], second["timings_ms"]
    assert first == second


def test_files_that_cannot_be_read_make_exit_code_3(rag: Run, corpus: Path) -> None:
    (corpus / "photo.xyz").write_bytes(b"x")
    ran = rag("build", "--json")
    assert ran.code == 3
    assert [failure["path"] for failure in ran.json["failed"]] == ["photo.xyz"]
    assert "could not read photo.xyz: format .xyz is not known" in rag("build").err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["ask", "Why?"], 1, "there is no index in index; run `rag build` to make one"),
        (["build", "--corpus", "nowhere"], 1, "the corpus folder nowhere does not exist"),
        (["status", "--index", "corpus/faq.txt"], 1, "cannot be read"),
        (["build", "--index", "corpus/faq.txt"], 1, "corpus/faq.txt"),
        (["ask"], 2, "give a question"),
        (["ask", "Why?", "--batch", "-"], 2, "give a question"),
        (["search"], 2, "Missing argument"),
        (["unknown"], 2, "No such command"),
        (["serve", "--no-build"], 1, "there is no index in index"),
        (["serve", "--host", "0.0.0.0"], 1, "server.host = '0.0.0.0' can be reached by others"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_errors_are_one_plain_line(arguments: list[str], code: int, message: str, rag: Run) -> None:
    ran = rag(*arguments)
    assert ran.code == code
    assert message in " ".join(ran.err.split())
    assert ran.out == ""
    assert "Traceback" not in ran.err
    if code == 1:
        assert ran.err.startswith("rag: ") and ran.err.count("\n") == 1


@pytest.mark.parametrize(
    "line", ["not json", '{"query": 1}', '{"question": "x", "documents": "a"}', '{"question": "x", "history": [1]}']
)
def test_a_bad_request_names_its_line(line: str, rag: Run) -> None:
    rag("build")
    ran = rag("ask", "--batch", "-", stdin='{"question": "Do ferns like sun?"}\n' + line + "\n")
    assert ran.code == 1
    assert ran.err.startswith("rag: - line 2")
    assert json.loads(ran.out)["question"] == "Do ferns like sun?"


def test_another_model_than_the_index_was_built_with(rag: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rag import embedding

    rag("build")
    shutil.copytree(embedding._carried_folder(), tmp_path / "other")
    monkeypatch.setenv("RAG_EMBEDDING__MODEL", str(tmp_path / "other"))
    for command in (["ask", "Do ferns like sun?"], ["status"]):
        ran = rag(*command)
        assert ran.code == 1
        assert "built with model name all-MiniLM-L6-v2, the settings ask for" in ran.err


def test_chat_in_the_terminal(rag: Run) -> None:
    rag("build")
    out = rag("chat", stdin="How often should a fern be repotted?\n1\n\n").out
    assert "Repot a fern every two years. [1]" in out
    assert "Are ferns toxic to cats?" in out  # the source around it


@pytest.mark.parametrize("command", ["", "build", "status", "search", "ask", "chat", "serve"])
def test_every_command_has_help(command: str, rag: Run) -> None:
    ran = rag(*filter(None, [command]), "--help")
    assert ran.code == 0
    assert "Usage: rag" in ran.out


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for command in cli.app.registered_commands:
        assert command.callback is not None
        assert f"rag {command.callback.__name__}" in readme
