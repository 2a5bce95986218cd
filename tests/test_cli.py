"""The command line, run in this process with the real model on a small corpus."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rag.cli import main as cli
from rag.cli.printing import print_answer
from rag.records import Answer
from tests.conftest import HEAVY, loaded_by

pytestmark = pytest.mark.slow


COMMANDS = [command.name or getattr(command.callback, "__name__", "") for command in cli.app.registered_commands]


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
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
        "question", "query", "abstained", "reason", "confidence", "strength", "guarantee", "expected_wrong", "measured_on", "signals",
        "text", "sentences", "citations", "more", "closest", "corrected", "parts", "nearest", "looked_for", "unknown", "readings", "choices",
        "message", "overview", "timings_ms", "index",
    }  # fmt: skip
    assert (answer["abstained"], answer["reason"], answer["index"]) == (False, None, built["manifest"])
    assert answer["sentences"][0] == {"text": "Repot a fern every two years.", "citation": 1, "context": False}
    citation = answer["citations"][0]
    assert set(citation) == {
        "number", "document_id", "title", "start", "end", "quote", "headings", "page", "digest", "answer_phrase", "also", "differs", "dated",
        "superseded_by", "language",
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


def test_plain_output(rag: Run) -> None:
    assert "2 added" in rag("build").out
    assert "Repot a fern every two years. [1]" in rag("ask", "How often should a fern be repotted?").out
    assert "There is nothing about this in the documents" in rag("ask", "Who won the football world cup?").out
    assert "faq.txt › How often" in rag("search", "repot").out
    assert rag("status").out.endswith("up to date\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_no_name_and_no_text_drives_the_terminal_or_forges_a_line(rag: Run, corpus: Path) -> None:
    (corpus / "fern\n9 added.txt").write_text("Ferns \x1b]0;owned\x07 glow \x1b[31m in the dark.\n", encoding="utf-8")
    (corpus / "bad\nall is well.pdf").write_bytes(b"%PDF-1.4 broken")
    built = rag("build")
    assert built.code == 3
    asked, listed = rag("ask", "Which ferns glow in the dark?"), rag("search", "glow dark")
    for run in (built, asked, listed, rag("status")):
        for stream in (run.out, run.err):
            assert not set(stream) & {"\x1b", "\x07"}
            assert not any(line.startswith(("9 added.txt", "all is well")) for line in stream.split("\n"))
    assert "fern␊9 added.txt" in asked.out and "bad␊all is well.pdf" in built.out + built.err


def test_batch_answers_each_line_in_order(rag: Run, tmp_path: Path) -> None:
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


def test_unreadable_files_give_exit_code_3(rag: Run, corpus: Path) -> None:
    (corpus / "photo.xyz").write_bytes(b"x")
    ran = rag("build", "--json")
    assert ran.code == 3
    assert [failure["path"] for failure in ran.json["failed"]] == ["photo.xyz"]
    assert "could not read photo.xyz: format .xyz is not known" in rag("build").err


def test_add_and_remove(rag: Run, corpus: Path, tmp_path: Path) -> None:
    rag("build")
    (tmp_path / "moss.txt").write_text("Moss drinks CANARY99 ml of water a day.")
    (tmp_path / "photo.xyz").write_bytes(b"x")
    added = rag("add", "moss.txt", "photo.xyz", "--into", "plants", "--json")
    assert (added.code, added.json["added"]) == (3, ["plants/moss.txt"])
    assert [failure["path"] for failure in added.json["failed"]] == ["photo.xyz"]
    assert "CANARY99" in rag("ask", "How much water does moss drink a day?").out
    assert rag("add", "moss.txt", "--into", "plants").out.startswith("0 added, 0 changed, 0 removed, 3 unchanged")
    (tmp_path / "moss.txt").write_text("Moss drinks nothing.")
    assert rag("add", "moss.txt", "--into", "plants").code == 1
    assert "changed    plants/moss.txt" in rag("add", "moss.txt", "--into", "plants", "--replace").out

    removed = rag("remove", "corpus/plants/moss.txt", "--json").json
    assert (removed["removed"], removed["documents"]) == (["plants/moss.txt"], 2)
    assert not [p for p in (tmp_path / "index").rglob("*") if p.is_file() and b"CANARY99" in p.read_bytes()]
    assert "CANARY99" not in rag("ask", "How much water does moss drink a day?", "--json").out
    assert rag("remove", "plants/moss.txt").err == (
        "rag: plants/moss.txt is not in the corpus corpus, nothing was removed; `rag status --files` lists the documents\n"
    )
    assert "guide.md: Guide to ferns, 2 passages" in rag("status", "--files").out


def test_rollback(rag: Run, corpus: Path) -> None:
    first = rag("build", "--json").json["manifest"]
    refused = rag("rollback")
    assert (refused.code, "`rag build`" in refused.err) == (1, True)
    (corpus / "moss.txt").write_text("Moss grows on stones.")
    second = rag("build", "--json").json["manifest"]
    back = rag("rollback", "--json").json
    assert back == {"manifest": first, "documents": 2, "passages": 4, "up_to_date": False}
    status = rag("status", "--json").json
    assert (status["manifest"], status["added"], bool(status["former"])) == (first, ["moss.txt"], True)
    assert "restored the previous build: 3 documents" in rag("rollback").out
    assert rag("status", "--json").json["manifest"] == second


def test_conflicts(rag: Run, corpus: Path) -> None:
    (corpus / "a.md").write_text("# Refunds\n\nRefunds are paid within 60 days of the purchase.\n")
    rag("build")
    assert rag("conflicts").code == 0
    (corpus / "b.md").write_text("# Returns\n\nWithin 30 days of the purchase refunds are paid.\n")
    rag("build")
    ran = rag("conflicts")
    assert ran.code == 4
    assert "number: 60 days / 30 days" in ran.out
    assert "a.md (11–59)" in ran.out
    listed = rag("conflicts", "--json")
    assert listed.code == 4
    (conflict,) = listed.json["conflicts"]
    assert (conflict["kind"], [side["document_id"] for side in conflict["sides"]]) == ("number", ["a.md", "b.md"])
    assert [side["quote"][slice(*side["differing"][0])] for side in conflict["sides"]] == ["60 days", "30 days"]
    assert rag("conflicts", "--only", "a.md").code == 0


def test_verify(rag: Run, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verified = rag("build", "--verify", "--json")
    assert (verified.code, verified.json["verified"], verified.json["differs"]) == (0, True, [])
    assert "verified: a build from scratch is identical" in rag("build", "--verify").out
    from rag.index import updating

    real = updating.rebuild_differs

    def changed_meanwhile(*arguments: Any, **named: Any) -> list[str]:
        (corpus / "moss.txt").write_text("Moss grows on stones.")
        return real(*arguments, **named)

    monkeypatch.setattr(updating, "rebuild_differs", changed_meanwhile)
    ran = rag("build", "--verify")
    assert ran.code == 1
    assert ran.err == "rag: a build from scratch differs in contents, documents, passages; run `rag build --full`\n"


def test_doctor(rag: Run, tmp_path: Path) -> None:
    built = rag("build", "--json").json
    sound = rag("doctor", "--json")
    assert (sound.code, sound.json["ok"]) == (0, True)
    assert "ok    vectors" in rag("doctor").out
    vectors = tmp_path / "index" / "builds" / built["manifest"][:16] / "vectors.npy"
    data = bytearray(vectors.read_bytes())
    data[-1] ^= 1
    vectors.write_bytes(data)
    ill = rag("doctor", "--json")
    assert (ill.code, ill.json["ok"]) == (1, False)
    faults = [fault for check in ill.json["checks"] for fault in check["faults"]]
    assert [(Path(fault["what"].split(" ")[0]).name, fault["mend"]) for fault in faults] == [("vectors.npy", "run `rag build`")]
    for command in (["ask", "Why?"], ["search", "fern"], ["status"]):
        assert "vectors.npy is damaged" in rag(*command).err
    assert rag("build").code == rag("doctor").code == 0


def test_eval(rag: Run, corpus: Path, tmp_path: Path) -> None:
    rag("build")
    text = (corpus / "faq.txt").read_text()
    gold = "Repot a fern every two years."
    questions = tmp_path / "mine"
    (questions / "qrels").mkdir(parents=True)
    (questions / "queries.jsonl").write_text(
        '{"_id": "1", "text": "How often should a fern be repotted?"}\n{"_id": "2", "text": "Who won the football world cup?"}\n'
    )
    (questions / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\tfaq.txt\t1\n")
    answer = {"query_id": "1", "answers": [{"text": gold, "doc_id": "faq.txt", "start": text.index(gold)}]}
    (questions / "answers.jsonl").write_text(json.dumps(answer) + "\n")
    (questions / "unanswerable.jsonl").write_text('{"query_id": "2"}\n')

    first = rag("eval", "mine", "--json", "--save-gate", "gate.json", "--report", "report.html").json
    assert first["retrieval"]["nDCG@10"] == first["answers"]["first_hit"] == first["abstention"]["auroc"] == 1.0
    assert first["abstention"]["false_answers"] == first["abstention"]["false_abstentions"] == 0.0
    assert "How often should a fern" in (tmp_path / "report.html").read_text()
    second = rag("eval", "mine", "--json", "--compare", first["run"], "--gate", "gate.json").json
    assert second["compared"]["with"] == first["run"]
    assert all(row["difference"] == 0 and row["p"] == 1 for row in second["compared"]["differences"])
    assert second["gate"] == {"file": "gate.json", "passed": True, "worse": []}
    assert "first_hit" in rag("eval", "mine", "--compare", first["run"]).out
    assert rag("eval", "mine", "--given", "--json").json["retrieval"] is None
    assert [run["run"] for run in rag("eval", "runs", "--json").json["runs"]][:2] == [first["run"], second["run"]]
    assert first["run"][:20] in rag("eval", "runs").out
    refused = rag("eval", "mine", "--sweep", "--vary", "retrieval.dense_weight=0,1", "--vary", "passages.max_tokens=32", "--json")
    assert refused.code == 1  # the index has other passages; the set has no corpus of its own that could be built
    swept = rag("eval", "mine", "--sweep", "--vary", "retrieval.dense_weight=0,1", "--json").json
    assert {row["retrieval.dense_weight"] for row in swept["rows"]} == {0, 1}

    stored = json.loads((tmp_path / "gate.json").read_text())
    stored["values"]["hit"] = dict.fromkeys(map(str, range(1, 9)), 1.0)
    (tmp_path / "gate.json").write_text(json.dumps(stored))
    assert rag("eval", "mine", "--gate", "gate.json").code == 0  # one question cannot be a significant loss
    assert "is not a saved run" in rag("eval", "mine", "--compare", "nothing").err
    assert "write SETTING=A,B" in rag("eval", "mine", "--sweep", "--vary", "retrieval.depth=x").err
    assert "only passages and retrieval settings can be varied" in rag("eval", "mine", "--sweep", "--vary", "server.port=1,2").err

    (corpus / "faq.txt").write_text("Questions\n\n" + text)
    rag("build")
    assert "faq.txt has changed: the gold sentences of 1 have moved" in rag("eval", "mine").err
    assert rag("eval", "label", "grown", stdin="Do ferns like sun?\n1\n\n").code == 0
    assert (tmp_path / "grown" / "answers.jsonl").exists()


def test_receipts_are_checked_against_the_files(rag: Run, corpus: Path, tmp_path: Path) -> None:
    rag("build")
    assert rag("ask", "How often should I repot a fern?", "--receipt", "r.json").code == 0
    checked = rag("verify", "r.json", "--json")
    assert (checked.code, checked.json["valid"]) == (0, True)
    assert {citation["state"] for citation in checked.json["citations"]} == {"valid"}
    faq = corpus / "faq.txt"
    faq.write_text("Plants\n\n" + faq.read_text())
    checked = rag("verify", "r.json")
    assert checked.code == 1
    assert "source changed; the same words are now at" in checked.out
    rag("build")  # an old answer can be checked after a rebuild too
    assert "source changed" in rag("verify", "r.json").out
    faq.unlink()
    assert "source missing (no such file)" in rag("verify", "r.json").out
    for name in ("r.md", "r.html"):
        assert rag("ask", "How high is bracken?", "--receipt", name).code == 0
        assert "bracken" in (tmp_path / name).read_text()
    edited = Path("r.json").read_text().replace("two years", "ten years")
    Path("r.json").write_text(edited)
    refused = rag("verify", "r.json")
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "changed after it was written" in refused.err


def test_calibration_is_stored_with_the_index(rag: Run, corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (folder / "qrels").mkdir(parents=True)
    known = [
        ("How often should I repot a fern?", "faq.txt", "Repot a fern every two years."),
        ("What kind of soil do ferns need?", "guide.md", "Ferns need damp soil."),
    ]
    rows: dict[str, list[dict[str, Any]]] = {"queries": [], "answers": [], "unanswerable": []}
    for number in range(44):
        question, document, gold = known[number % 2]
        rows["queries"] += [{"_id": f"y{number}", "text": question}, {"_id": f"n{number}", "text": "Who invented the telephone?"}]
        start = (corpus / document).read_text().index(gold)
        rows["answers"].append({"query_id": f"y{number}", "answers": [{"text": gold, "doc_id": document, "start": start}]})
        rows["unanswerable"].append({"query_id": f"n{number}"})
    for name, records in rows.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    rag("build")
    made = rag("calibrate", str(folder), "--false-answers", "0.1", "--json").json
    assert (made["answerable"], made["unanswerable"], made["wanted_false_answers"]) == (44, 44, 0.1)
    assert made["false_answers"] == 0
    answer = rag("ask", "How often should I repot a fern?", "--json").json
    assert answer["expected_wrong"] == 0
    assert answer["confidence"] >= made["threshold"]
    assert "about 0 in 100 were wrong" in rag("ask", "How often should I repot a fern?").out
    assert rag("doctor").code == 0
    (tmp_path / "index" / "calibration.json").write_text("{")
    refused = rag("ask", "How often should I repot a fern?")
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "run `rag calibrate` again" in refused.err


def test_duplicates_are_listed(rag: Run, corpus: Path) -> None:
    shutil.copy(corpus / "faq.txt", corpus / "same.txt")
    built = rag("build", "--json").json
    assert (built["duplicates"], built["documents"]) == ([{"path": "same.txt", "same_as": "faq.txt"}], 2)
    assert "same as faq.txt: same.txt" in rag("status").out
    assert "same as faq.txt, indexed once:  same.txt" in rag("build").out


def test_commands_that_need_no_model_load_none(rag: Run) -> None:
    """The slow imports are left out."""
    rag("build")
    for command in ("build", "status", "doctor"):
        assert not loaded_by(command) & HEAVY, command
    assert not loaded_by("status") & {
        "faiss",
        "numpy",
        "filelock",
        "rag.index.lexical",
        "rag.index.updating",
        "rag.loading.process.pool",
    }


def test_interrupted_builds_keep_their_embeddings(
    rag: Run, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rag.models.embedder import ModelEmbedder

    for n in range(40):
        (corpus / f"{n}.txt").write_text(f"Bed {n} has {n} ferns.")
    real = ModelEmbedder.embed_passages
    batches: list[int] = []

    def stopped(self: ModelEmbedder, texts: list[str]) -> object:
        if batches:
            raise KeyboardInterrupt
        batches.append(len(texts))
        return real(self, texts)

    with monkeypatch.context() as patch:
        patch.setattr(ModelEmbedder, "embed_passages", stopped)
        ran = rag("build")
    assert (ran.code, ran.err) == (
        130,
        "rag: stopped; the index is unchanged, and the work done so far is kept for the next build\n",
    )
    built = rag("build", "--json").json
    assert built["embedded"] == built["passages"] - batches[0]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["ask", "Why?"], 1, "there is no index in index; run `rag build` to make one"),
        (["build", "--corpus", "nowhere"], 1, "the corpus folder nowhere does not exist"),
        (["status", "--index", "corpus/faq.txt"], 1, "cannot be read"),
        (["build", "--index", "corpus/faq.txt"], 1, "corpus/faq.txt"),
        (["ask"], 2, "give either a question or --batch"),
        (["ask", "Why?", "--batch", "-"], 2, "give either a question or --batch"),
        (["ask", "--batch", "-", "--receipt", "r.json"], 2, "--receipt saves a single answer"),
        (["eval", "label"], 2, "name the set to add questions to"),
        (["search"], 2, "Missing argument"),
        (["unknown"], 2, "No such command"),
        (["serve", "--no-build"], 1, "there is no index in index"),
        (["serve", "--host", "0.0.0.0"], 1, "server.host = '0.0.0.0' lets other machines reach the server"),
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
def test_errors_in_a_batch_name_the_line(line: str, rag: Run) -> None:
    rag("build")
    ran = rag("ask", "--batch", "-", stdin='{"question": "Do ferns like sun?"}\n' + line + "\n")
    assert ran.code == 1
    assert ran.err.startswith("rag: - line 2")
    assert json.loads(ran.out)["question"] == "Do ferns like sun?"


def test_an_index_of_another_model_is_refused(rag: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rag.models.bundled import bundled_folder

    rag("build")
    shutil.copytree(bundled_folder(), tmp_path / "other")
    monkeypatch.setenv("RAG_EMBEDDING__MODEL", str(tmp_path / "other"))
    for command in (["ask", "Do ferns like sun?"], ["status"]):
        ran = rag(*command)
        assert ran.code == 1
        assert "built with model name all-MiniLM-L6-v2, the settings ask for" in ran.err


def test_chat_shows_sources(rag: Run) -> None:
    rag("build")
    out = rag("chat", stdin="How often should a fern be repotted?\n1\n\n").out
    assert "Repot a fern every two years. [1]" in out
    assert "Are ferns toxic to cats?" in out  # the source around it


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_has_help(command: str, rag: Run) -> None:
    ran = rag(*filter(None, [command]), "--help")
    assert ran.code == 0
    assert "Usage: rag" in ran.out


def test_follow_ups(rag: Run, tmp_path: Path) -> None:
    rag("build")
    out = rag("chat", stdin="How often should a fern be repotted?\nAnd in which season?\n/as-written\ntell me more\n\n").out
    assert out.count("understood as:") == 2 and "repot" in out.split("understood as:")[1].splitlines()[0].casefold()
    history = [
        {"speaker": "user", "text": "How often should a fern be repotted?"},
        {"speaker": "agent", "text": "Every two years."},
    ]
    (tmp_path / "turns.json").write_text(json.dumps(history))
    asked = ("ask", "And in which season?", "--history", str(tmp_path / "turns.json"), "--json")
    assert "repotted" in rag(*asked).json["query"] and rag(*asked).json["readings"] == []
    assert rag(*asked, "--as-written").json["query"] == "And in which season?"
    lines = json.dumps({"question": "And in which season?", "history": history, "query": "Do ferns like sun?"})
    assert json.loads(rag("ask", "--batch", "-", stdin=lines).out)["query"] == "Do ferns like sun?"


def batch_line(**values: Any) -> str:
    return json.dumps({"question": "And in which season?", **values})


def test_options_are_defaults_for_the_lines_of_a_batch(rag: Run, tmp_path: Path) -> None:
    rag("build")
    history = [
        {"speaker": "user", "text": "How often should a fern be repotted?"},
        {"speaker": "agent", "text": "Every two years."},
    ]
    (tmp_path / "turns.json").write_text(json.dumps(history))
    lines = "\n".join(
        [
            batch_line(),
            batch_line(documents=["faq.txt"], history=[]),
            batch_line(query="Do ferns like sun?"),
            batch_line(documents=None, history=None, query=None),
        ]
    )

    def answers(*options: str) -> list[Any]:
        ran = rag("ask", "--batch", "-", *options, stdin=lines)
        assert ran.code == 0
        return [json.loads(line) for line in ran.out.splitlines()]

    def cited(answer: Any) -> set[str]:
        return {place["document_id"] for place in [*answer["citations"], *answer["nearest"]]}

    only = answers("--only", "guide.md")
    assert [cited(answer) for answer in only] == [{"guide.md"}, {"faq.txt"}, {"guide.md"}, {"guide.md"}]
    queries = [answer["query"] for answer in answers("--history", "turns.json")]
    assert queries[1:3] == ["And in which season?", "Do ferns like sun?"]
    assert "repotted" in queries[0] and queries[3] == queries[0]
    as_typed = [answer["query"] for answer in answers("--history", "turns.json", "--as-written")]
    assert as_typed == ["And in which season?", "And in which season?", "Do ferns like sun?", "And in which season?"]


HOSTILE = "Press [Enter] or [/quit] to leave the [red]programme[/] :smile: \x1b[31m safely."
PRINTED = HOSTILE.replace("\x1b", "␛")
ASKED = "How do I leave the [/programme] :smile: safely?"


@pytest.fixture
def hostile(rag: Run, corpus: Path) -> str:
    """The id of a document whose path, title, heading and text look like terminal markup."""
    (corpus / "[bold]a[").mkdir()
    (corpus / "[bold]a[" / "x]b.md").write_text(f"# Title [/x] :smile:\n\n## Leaving [/y]\n\n{HOSTILE}\n")
    assert rag("build").code == 0
    return "[bold]a[/x]b.md"


def test_index_commands_print_file_names_and_titles_as_they_are(rag: Run, hostile: str, corpus: Path) -> None:
    (corpus / "[").mkdir()
    (corpus / "[" / "p].xyz").write_bytes(b"x")
    shutil.copy(corpus / hostile, corpus / "[" / "q].md")
    built = rag("build", "--full")
    assert f"added      {hostile}" in built.out or "added      [/q].md" in built.out
    assert "could not read [/p].xyz: " in built.err
    status = rag("status", "--files").out
    assert ": Title [/x] :smile:, 1 passages" in status
    assert "not read: [/p].xyz: " in status
    assert "same as [/q].md: " in status
    (corpus / "guide.md").rename(corpus / "[" / "g].md")
    assert "added since: [/g].md" in rag("status").out
    assert "[/g].md was added since the build" in rag("doctor").out
    assert "removed    [/q].md" in rag("remove", "[/q].md").out


def test_question_commands_print_quotes_and_questions_as_they_are(rag: Run, hostile: str, corpus: Path) -> None:
    where = f"{hostile} › Leaving [/y]"
    assert PRINTED in (found := rag("search", ASKED).out) and where in found
    assert PRINTED in (answered := rag("ask", ASKED).out) and where in answered
    assert rag("chat", stdin=f"{ASKED}\n1\n\n").out.count(PRINTED) == 2  # the answer and its source
    refused = rag("ask", "Who won the football world cup?", "--only", hostile).out
    assert "Closest, not confirmed:" in refused and PRINTED in refused and where in refused
    assert rag("ask", ASKED, "--receipt", "r].json").code == 0
    assert f"1  valid: {hostile}  {PRINTED[:80]}" in rag("verify", "r].json").out


def test_abstentions_and_readings_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    answer = Answer(
        "And [/x]?", "[/query] \x1b?", reason="near_miss", looked_for=("[/l]",), unknown=("[/u]",), readings=("[/r]?",)
    )
    print_answer(answer)
    assert capsys.readouterr().out.splitlines() == [
        "understood as: [/query] ␛?",
        "I found nothing that clearly answers this.",
        "  Looked for: [/l].",
        "  In no document: [/u].",
        "This could mean several things. Which one? (“the first one” …)",
        "  [/r]?",
    ]


def test_evaluation_commands_print_sets_runs_and_answers_as_they_are(rag: Run, hostile: str, tmp_path: Path) -> None:
    folder = tmp_path / "[" / "set]"
    (folder / "qrels").mkdir(parents=True)
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "[/q]", "text": ASKED}) + "\n")
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n[/q]\t{hostile}\t1\n")
    gold = [{"text": HOSTILE, "doc_id": hostile, "start": 0}]
    (folder / "answers.jsonl").write_text(json.dumps({"query_id": "[/q]", "answers": gold}) + "\n")
    first = rag("eval", "[/set]", "--json", "--save-gate", "[/gate].json").json["run"]
    assert first.startswith("set]")
    for outcomes in (tmp_path / "runs").glob("*/outcomes.jsonl"):  # as if another answer had been given
        outcomes.write_text(outcomes.read_text().replace("programme", "program [/x]"))
    summary = json.loads((tmp_path / "runs" / first / "summary.json").read_text())
    summary["values"]["nDCG@10"]["[/q]"] = 0.5
    (tmp_path / "runs" / first / "summary.json").write_text(json.dumps(summary))
    compared = rag("eval", "[/set]", "--compare", first)
    assert f"{hostile} has changed: the gold sentences of [/q] have moved" in compared.err
    assert "1 questions of set], run set]-" in compared.out
    assert "+0.50 [/q]\n" in compared.out
    assert "now:    Press [Enter] or [/quit] to leave" in compared.out
    assert first in rag("eval", "runs").out
    labelled = rag("eval", "label", "[/new]", stdin=f"{ASKED}\n1\n\n").out
    assert PRINTED in labelled and "stored in [/new]" in labelled


def test_user_commands_print_names_and_labels_as_they_are(rag: Run) -> None:
    assert "[/ann] added as reader" in rag("users", "add", "[/ann]", stdin="a long password\n").out
    assert rag("users", "token", "[/ann]", "--label", "[/night]").code == 0
    assert "[/ann]  reader  tokens: [/night]" in rag("users", "list").out
    assert rag("users", "token", "[/ann]", "--label", "[/night]", "--revoke").out == "Token [/night] of [/ann] revoked\n"
    assert rag("users", "remove", "[/ann]").out == "User [/ann] removed\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["build", "--corpus", "[/x] :smile: \x1b"],
        ["status", "--index", "[/x] :smile: \x1b"],
        ["eval", "[/x] :smile: \x1b"],
        ["verify", "[/x] :smile: \x1b"],
        ["add", "[/x] :smile: \x1b"],
        ["users", "remove", "[/x] :smile: ␛"],
        ["ask", "--batch", "[/x] :smile: \x1b"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_errors_print_names_as_they_are(arguments: list[str], rag: Run) -> None:
    ran = rag(*arguments)
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "[/x] :smile: ␛" in ran.err


def test_output_survives_an_encoding_that_lacks_a_character(rag: Run, tmp_path: Path) -> None:
    rag("build")
    command = [sys.executable, "-m", "rag", "search", "fern"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert rb"guide.md \u203a Water" in ran.stdout


def test_unanswered_questions_are_listed_made_a_set_and_cleared(rag: Run, corpus: Path, tmp_path: Path) -> None:
    rag("build")
    assert rag("unanswered", "list").out.strip() == "no unanswered questions"
    for question in ("Who invented the telephone?", "Who invented the telephone?", "Which king built castles?"):
        rag("ask", question)
    rag("ask", "How often should I repot a fern?")
    rag("ask", "Who was the first emperor?", "--only", "faq.txt")
    listed = rag("unanswered", "list", "--json").json
    assert (listed["questions"], listed["logged"], listed["outdated"]) == (2, True, 0)
    assert [(group["questions"][0]["query"], group["times"]) for group in listed["groups"]] == [
        ("Who invented the telephone?", 2),
        ("Which king built castles?", 1),
    ]
    assert "1 question, asked 2 times: found nothing" in rag("unanswered", "list").out
    made = rag("unanswered", "to-set", str(tmp_path / "open"), "--json").json
    assert made == {"set": str(tmp_path / "open"), "added": 2}
    following = rag("eval", "label", str(tmp_path / "open"), "--next", "--json").json["next"]
    assert {question["text"] for question in following} == {"Who invented the telephone?", "Which king built castles?"}
    (corpus / "castles.txt").write_text("Questions\n\nWhich king built castles?\nKing Edward built castles in Wales.\n")
    rag("build")
    listed = rag("unanswered", "list")
    assert "1 of the questions is answered by now" in listed.err and "Which king" not in listed.out
    (group,) = rag("unanswered", "list", "--json").json["groups"]
    assert (
        rag("unanswered", "clear", "nonsense").err == "rag: there is no group nonsense; `rag unanswered list` shows the groups\n"
    )
    assert rag("unanswered", "clear", group["id"], "--json").json == {"deleted": 1}
    assert rag("unanswered", "clear").out.strip() == "0 questions deleted"
    assert rag("unanswered", "to-set").err == "rag: there are no unanswered questions to add\n"
    assert not (tmp_path / "index.unanswered.json").exists()


def test_a_guarantee_is_given_refused_and_checked(rag: Run, corpus: Path, tmp_path: Path) -> None:
    from tests.test_library import write_questions

    rag("build")
    assert rag("calibrate").code == 2 and rag("calibrate", "x", "--check").code == 2
    refused = rag("calibrate", str(write_questions(tmp_path / "few", answered=20, unanswerable=20)), "--at-most", "0.1")
    assert refused.code == 1 and "judged questions instead of 40" in refused.err and refused.err.count("\n") == 1
    assert rag("calibrate", "--check").err == "rag: there is no guarantee to check; `rag calibrate SET --at-most 0.1` gives one\n"
    given = rag("calibrate", str(write_questions(tmp_path / "many", answered=40, unanswerable=20)), "--at-most", "0.1", "--json")
    line = "at most 10% of strong answers are wrong (95% certain, 60 judged questions)"
    assert given.json["guarantee"]["line"] == line
    assert f"guaranteed: {line}" in rag("status").out
    assert rag("status", "--json").json["guarantee"] == {"line": line, "trouble": ""}
    assert rag("ask", "How often should I repot a fern? 3", "--json").json["guarantee"] == line
    assert rag("calibrate", "--check").out == f"the guarantee holds: {line}\n"
    (corpus / "faq.txt").write_text("The museum of glass is closed on Mondays.")
    rag("build")
    assert "run `rag calibrate --check`" in rag("status").out
    checked = rag("calibrate", "--check", "--json")
    assert (checked.code, checked.json["holds"]) == (1, False)
    assert "the guarantee no longer holds" in rag("doctor").out
