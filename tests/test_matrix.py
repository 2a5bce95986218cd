"""The evidence matrix: exact sentences, the same bytes however it came about, and only what changed is read again."""

import csv
import io
import json
import re
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, cast

import pytest

from rag.accounts.users import LOCAL, User
from rag.answering.confidence import DEFAULTS, default_calibration
from rag.cli.main import main
from rag.config import Settings
from rag.conversation import Chat
from rag.errors import MatrixError, ReadingsError, ReceiptError
from rag.index.updating import Recipe, update_index
from rag.reader.scored_sentences import ScoredSentence
from rag.reader.similarity_reader import SimilarityReader
from rag.receipts import load_citations, verify
from rag.records import Passage
from rag.retrieval import retrieve, retrieve_of_each
from rag.review import matrix as matrix_module
from rag.review.matrix import Matrix, fill, make_matrix, plan_matrix
from rag.review.matrix_calibration import cell_calibration
from rag.review.matrix_cells import Asked, Cell
from rag.review.matrix_files import FORMS, form_of, matrix_file
from rag.review.matrix_questions import questions_in, read_questions
from rag.review.matrix_readings import FILE, KeptReadings
from rag.review.matrix_values import cell_values, matrix_values
from rag.ui.calls import answer_call
from rag.ui.jobs import Stopped
from rag.ui.matrix_acts import MATRIX_ACTS, MatrixPart
from rag.ui.matrix_view import matrix_html
from tests.conftest import ReadHere, WordEmbedder, library_of
from tests.serving import build_with_other_words, client_of, two_users, until_built, word_chat

QUESTIONS = ["How often should I repot a fern?", "Are ferns toxic to cats?", "What is the height of Bracken?"]


@pytest.fixture
def chat(corpus: Path, tmp_path: Path) -> Chat:
    (corpus / "moss.txt").write_text("Moss grows on stones. Repot moss never. Cats like moss, which is not toxic to cats.")
    (corpus / "empty words.txt").write_text("Zyx.")
    return word_chat(corpus, tmp_path)


class CountingReader(SimilarityReader):
    """Notes the documents that it reads."""

    def __init__(self, embedder: WordEmbedder) -> None:
        super().__init__(embedder)
        self.documents: list[str] = []

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        self.documents += {passage.document_id for passage in passages}
        return super().read(query, passages)


def counting(chat: Chat) -> tuple[Chat, CountingReader]:
    reader = CountingReader(WordEmbedder())
    return Chat(chat.settings, chat.embedder, reader), reader


def made(chat: Chat, questions: Sequence[str] = QUESTIONS, documents: Sequence[str] | None = None) -> Matrix:
    return make_matrix(plan_matrix(chat, questions, documents))


def files_of(matrix: Matrix) -> dict[str, bytes]:
    return {form: matrix_file(matrix, form, server="http://127.0.0.1:7860") for form in FORMS}


def test_each_cell_is_the_lead_of_the_answer_that_its_document_gives_alone(chat: Chat) -> None:
    matrix = made(chat)
    index = chat.index()
    asked = chat.settings.model_copy(
        update={"answering": chat.settings.answering.model_copy(update={"min_confidence": 0.0, "read": 4})}
    )
    alone = Chat(asked, chat.embedder, chat.reader)
    stated = 0
    for question, row in zip(matrix.questions, matrix.cells, strict=True):
        for document, cell in zip(matrix.documents, row, strict=True):
            if cell.citation is None:
                continue
            stated += 1
            lead = next(s for s in alone.ask(question.text, documents=[document.id]).sentences if not s.context)
            assert cell.citation.quote == lead.text == cell.citation.span.of(index.documents[document.id].text)
            assert cell.citation.digest == document.digest
    assert stated > 3


def test_the_best_passages_of_each_document_are_those_of_a_search_in_it_alone(chat: Chat) -> None:
    index, settings = chat.index(), chat.settings.retrieval
    for query in [*QUESTIONS, "moss", "nothing of this occurs", ""]:
        vector = chat.embedder.embed_query(query)
        each = retrieve_of_each(index, query, vector, settings, sorted(index.entries), k=3)
        assert each == {name: retrieve(index, query, vector, settings, k=3, documents=[name]) for name in index.entries}


def test_the_same_matrix_gives_the_same_bytes_in_every_form(chat: Chat, tmp_path: Path) -> None:
    first = files_of(made(chat))
    assert files_of(made(chat)) == first  # from what was kept
    (chat.settings.index / FILE).unlink()
    assert files_of(made(chat)) == first  # read anew


def test_a_stopped_matrix_goes_on_where_it_stopped(chat: Chat) -> None:
    whole = files_of(made(chat))
    (chat.settings.index / FILE).unlink()
    asked, reader = counting(chat)
    plan = plan_matrix(asked, QUESTIONS)

    def stop(what: str, done: int, total: int) -> None:
        if done == total // 2:
            raise Stopped

    with pytest.raises(Stopped):
        make_matrix(plan, stop)
    before = len(reader.documents)
    again = make_matrix(plan)
    assert files_of(again) == whole
    assert 0 < len(reader.documents) - before < plan.size - plan.size // 2  # what was begun when it stopped is kept too
    reader.documents.clear()
    make_matrix(plan)
    assert reader.documents == []


def test_only_a_changed_document_is_read_again(chat: Chat, corpus: Path, tmp_path: Path) -> None:
    made(chat)
    (corpus / "moss.txt").write_text("Moss grows on stones. Repot moss always.")
    update_index(ReadHere(corpus), chat.settings.index, Recipe(WordEmbedder(), chat.settings.passages))
    asked, reader = counting(chat)
    updated = made(asked)
    assert set(reader.documents) == {"moss.txt"} and len(reader.documents) == len(QUESTIONS)
    (chat.settings.index / FILE).unlink()
    assert files_of(made(Chat(chat.settings, WordEmbedder(), chat.reader))) == files_of(updated)


def test_what_is_kept_holds_no_text(chat: Chat) -> None:
    made(chat, ["Do pelicans repot a fern?"])
    kept = b"".join(path.read_bytes() for path in chat.settings.index.glob(f"{FILE}*"))
    assert kept and not re.search(rb"pelican|fern|moss|stones|faq", kept, re.IGNORECASE)


def test_a_damaged_file_of_readings_is_one_plain_line(chat: Chat) -> None:
    (chat.settings.index / FILE).write_bytes(b"no database " * 1000)
    with pytest.raises(
        ReadingsError, match=r"readings.sqlite cannot be used \(.*\); free space, or delete the file and try again"
    ):
        made(chat)
    response = client_of(chat).post("/api/matrix", json={"questions": QUESTIONS})
    assert (response.status_code, response.json()["error"]["code"]) == (503, "readings_error")


def test_the_oldest_readings_make_room(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.review.matrix_readings.MOST_KEPT", 10)
    kept = KeptReadings(chat.settings.index, model="m")
    for number in range(25):
        kept[f"{number:02}"] = "[]"
    assert [kept.get(f"{number:02}") for number in (0, 5, 24)] == [None, None, "[]"]
    kept.close()


def test_a_table_row_comes_with_its_header(chat: Chat) -> None:
    (row,) = made(chat, QUESTIONS[2:], ["guide.md"]).cells
    (cell,) = row
    assert cell.citation and cell.citation.quote == "Bracken | 2 m"
    assert [context.quote for context in cell.context] == ["Fern | Height"]


def test_small_talk_is_stated_nowhere(chat: Chat) -> None:
    (row,) = made(chat, ["hello"]).cells
    assert not any(cell.stated for cell in row)


@pytest.mark.parametrize(
    ("questions", "documents", "message"),
    [
        ([], None, "there is no question to ask"),
        (["a", " "], None, "one of the questions is empty; remove it"),
        (["x" * 2001], None, "the question 'x+'… has 2,001 characters, more than 2,000"),
        (["a"] * 10_000, None, "10,000 questions are too many for one matrix; divide them into parts of 1,000"),
        (["a"], ["absent/"], "no document matches absent/; `rag status` lists the documents"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(
    questions: list[str], documents: list[str] | None, message: str, chat: Chat
) -> None:
    with pytest.raises(MatrixError, match=message):
        plan_matrix(chat, questions, documents)


def test_too_large_a_matrix_is_refused_with_its_size(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix_module, "MOST_CELLS", 11)
    with pytest.raises(MatrixError, match="3 questions × 4 documents are 12 cells, and a matrix may have 11; ask fewer"):
        plan_matrix(chat, QUESTIONS)
    assert plan_matrix(chat, QUESTIONS, ["*.txt"]).size == 9


def test_no_documents_is_one_plain_line(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(MatrixError, match="there are no documents to ask"):
        plan_matrix(word_chat(tmp_path / "none", tmp_path), QUESTIONS)


@pytest.mark.parametrize(
    ("name", "content", "questions"),
    [
        ("q.txt", "What is A?\n\n# a comment\n2. What is B?\n- What is C?\n", ["What is A?", "What is B?", "What is C?"]),
        ("q.txt", "\ufeffWas ist B\u00e4r?\r\nA. Smith wrote what?", ["Was ist B\u00e4r?", "A. Smith wrote what?"]),
        ("q.csv", 'id,Question\n1,"What, if not A?"\n2,\n3,"B\nor C?"\n', ["What, if not A?", "B or C?"]),
        ("q.csv", "question;note\nWhat, then?;x\n", ["What, then?"]),
        ("q.csv", "What is A?\nWhat is B?\n", ["What is A?", "What is B?"]),
        ("q.tsv", "x\tquestion\n1\tWhat is A?\n", ["What is A?"]),
    ],
)
def test_questions_are_read_from_lines_and_tables(name: str, content: str, questions: list[str], tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    assert read_questions(tmp_path / name) == questions


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("q.txt", b"", "holds no questions"),
        ("q.txt", b"# nothing\n\n", "holds no questions"),
        ("q.csv", b"question\n", "holds no questions"),
        ("q.csv", b'"What is\n', "is not a CSV table"),
        ("q.txt", b"\xff\xfeW\x00", "is not a text file in UTF-8"),
        ("q.txt", b"What\x00is?", "is not a text file"),
        ("absent.txt", None, "cannot be read"),
    ],
)
def test_a_broken_file_of_questions_is_one_plain_line(name: str, content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(MatrixError, match=message) as raised:
        read_questions(tmp_path / name)
    assert "\n" not in str(raised.value)


HOSTILE = ["=cmd|' /C calc'!A0", "+1+1", "-2 mg", "@SUM(A1)", "\tx", "<script>alert(1)</script>", "a\x0bb\ufffe", "x" * 40_000]


def hostile(chat: Chat) -> Matrix:
    """A matrix of one cell for each hostile text, which is also the question."""
    matrix = made(chat, QUESTIONS[:1], ["faq.txt"])
    ((cell,),) = matrix.cells
    assert cell.citation
    cells = tuple((replace(cell, citation=replace(cell.citation, quote=text)),) for text in HOSTILE)
    return replace(matrix, questions=tuple(Asked(text, text) for text in HOSTILE), cells=cells)


def sheets_of(workbook: bytes) -> tuple[list[str], str]:
    """The XML of the sheets, and of the strings."""
    archive = zipfile.ZipFile(io.BytesIO(workbook))
    names = [name for name in archive.namelist() if name.startswith("xl/worksheets/sheet")]
    assert all(entry.date_time == (1980, 1, 1, 0, 0, 0) for entry in archive.infolist())
    return [archive.read(name).decode() for name in names], archive.read("xl/sharedStrings.xml").decode()


def test_no_text_becomes_a_formula_or_markup(chat: Chat) -> None:
    matrix = hostile(chat)
    sheets, strings = sheets_of(matrix_file(matrix, "xlsx"))
    assert len(sheets) == 2 and not any("<f>" in sheet or "<f " in sheet for sheet in sheets)
    assert "=cmd|" in strings and "x" * 32_766 + "…" in strings and "x" * 32_768 not in strings
    lines = list(csv.DictReader(io.StringIO(matrix_file(matrix, "csv").decode())))
    assert [line["sentence"] for line in lines] == [*(f"'{text}" for text in HOSTILE[:5]), *HOSTILE[5:]]
    page = matrix_file(matrix, "html").decode()
    assert "<script" not in page and "&lt;script&gt;" in page
    values = json.loads(matrix_file(matrix, "json"))
    assert [row[0]["citation"]["quote"] for row in values["cells"]] == HOSTILE


def test_a_carriage_return_begins_no_line_of_a_csv_file(chat: Chat) -> None:
    """RTF documents can hold one. Some spreadsheets take it for the end of a line unless it is quoted."""
    text = "Costs rose.\r=cmd|' /C calc'!A0"
    matrix = hostile(chat)
    matrix = replace(matrix, questions=(Asked(text, text),), cells=matrix.cells[:1])
    assert f'\n"{text}",' in matrix_file(matrix, "csv").decode()


def test_documents_are_linked_only_to_a_known_server(chat: Chat) -> None:
    matrix = made(chat)
    for form in ("xlsx", "html"):
        without, linked = matrix_file(matrix, form), matrix_file(matrix, form, server="https://docs.example/ask/")
        if form == "xlsx":
            without, linked = (zipfile.ZipFile(io.BytesIO(file)) for file in (without, linked))  # type: ignore[assignment]
            name = "xl/worksheets/_rels/sheet1.xml.rels"
            assert name not in without.namelist()  # type: ignore[attr-defined]
            linked = linked.read(name)  # type: ignore[attr-defined]
        else:
            assert b"href" not in without
        assert b"https://docs.example/ask/api/file/empty%20words.txt" in linked
    for address in ("javascript:alert(1)", "file:///etc/passwd", "docs.example", "http://"):
        with pytest.raises(MatrixError, match="is not the address of a server"):
            matrix_file(matrix, "html", server=address)


def test_weak_sentences_can_be_left_out(chat: Chat) -> None:
    matrix = made(chat, QUESTIONS[:1], ["faq.txt"])
    ((cell,),) = matrix.cells
    weak = replace(matrix, cells=((replace(cell, strength="weak"),),))
    assert cell.citation and not weak.cells[0][0].stated
    for form in ("csv", "html"):
        assert cell.citation.quote not in matrix_file(weak, form, weak=False).decode()
        assert cell.citation.quote in matrix_file(weak, form).decode()
    assert json.loads(matrix_file(weak, "json"))["cells"][0][0]["strength"] == "weak"


def test_a_file_name_says_the_form() -> None:
    assert [form_of(Path(name)) for name in ("a.XLSX", "b.csv", "c.html", "d.json")] == list(FORMS)
    with pytest.raises(MatrixError, match=r"a.pdf: the name must end in .xlsx, .csv, .html or .json"):
        form_of(Path("a.pdf"))


def test_a_saved_matrix_is_verified_like_a_receipt(chat: Chat, corpus: Path, tmp_path: Path) -> None:
    matrix, path = made(chat), tmp_path / "m.json"
    path.write_bytes(matrix_file(matrix, "json"))
    checked = verify(load_citations(path), ReadHere(corpus))
    quotes = [q.quote for row in matrix.cells for cell in row if cell.citation for q in (*cell.context, cell.citation)]
    assert [check.quote for check in checked] == quotes and {check.state for check in checked} == {"valid"}
    assert [check.number for check in checked] == list(range(1, len(checked) + 1))
    (corpus / "moss.txt").write_text("Nothing of that.")
    states = {check.document_id: check.state for check in verify(load_citations(path), ReadHere(corpus))}
    assert states == {"faq.txt": "valid", "guide.md": "valid", "moss.txt": "source changed"}
    path.write_text(path.read_text().replace("every two years", "every ten years"))
    with pytest.raises(ReceiptError, match="was changed after it was written"):
        load_citations(path)
    for text in ('{"matrix": 1}', '{"matrix": 1, "cells": [[{"citation": {}}]], "digest": ""}', '{"matrix": 1, "cells": 3}'):
        path.write_text(text)
        with pytest.raises(ReceiptError, match="is not a receipt"):
            load_citations(path)


def act(comparing: MatrixPart, user: User = LOCAL, **request: Any) -> Any:
    return answer_call(MATRIX_ACTS, comparing, user, request)


def test_the_page_makes_shows_and_saves_a_matrix(chat: Chat) -> None:
    comparing = MatrixPart(library_of(chat))
    assert act(comparing, do="show") == {"table": "", "stale": False, "job": "", "running": False}
    assert act(comparing, do="save", form="csv") == {"error": "make a matrix first"}
    assert act(comparing, do="start", questions=" \n") == {"error": "there is no question to ask"}
    assert act(comparing, do="start", questions="\n".join(QUESTIONS), documents="*.txt, guide.md") == {}
    comparing.job.join()
    reply = act(comparing, do="show")
    cited = [cell.citation for row in made(chat).cells for cell in row if cell.citation]
    assert sorted(re.findall('class="open-source" value="([^"]*)"', reply["table"])) == sorted(
        f"{c.digest}:{c.span.start}:{c.span.end}:{c.document_id}" for c in cited
    )
    saved = act(comparing, do="save", form="csv", server="http://127.0.0.1:7860/")
    assert saved["text"] == matrix_file(made(chat), "csv").decode()
    assert act(comparing, do="save", form="csv", server="javascript:x")["error"].endswith("http://127.0.0.1:7860")
    rita = User("rita", "reader")
    assert act(comparing, rita, do="show") == {"error": "Only curators can make a matrix."}


def test_the_page_shows_at_most_a_hundred_questions(chat: Chat) -> None:
    matrix = made(chat, QUESTIONS[:1], ["faq.txt"])
    many = replace(matrix, questions=matrix.questions * 101, cells=matrix.cells * 101)
    html = matrix_html(many, weak=False, page=0)
    assert html.count('<th scope="col"') == 101 and html.count("<td") == 100
    assert "The first 100 of 101 questions are shown" in html


def test_over_http_the_cells_come_line_by_line(chat: Chat) -> None:
    client = client_of(chat)
    reply = client.post("/api/matrix", json={"questions": QUESTIONS, "documents": ["*.txt"]})
    assert reply.headers["content-type"] == "application/x-ndjson"
    head, *cells, last = map(json.loads, reply.text.splitlines())
    matrix = made(chat, QUESTIONS, ["*.txt"])
    values = matrix_values(matrix)
    assert (head["questions"], head["documents"], last) == (values["questions"], values["documents"], {"done": True})
    expected = [
        {"question": row, "document": column, **cell_values(cell)}
        for row, cells_of_question in enumerate(matrix.cells)
        for column, cell in enumerate(cells_of_question)
    ]
    assert cells == json.loads(json.dumps(expected))
    refused: list[dict[str, Any]] = [
        {"questions": []},
        {"questions": ["a"], "more": 1},
        {"questions": ["a"] * 1001},
        {"questions": ["a"], "documents": ["x/"]},
    ]
    for asked in refused:
        assert client.post("/api/matrix", json=asked).status_code == 422


def test_over_http_one_matrix_is_made_at_a_time(chat: Chat) -> None:
    from rag.server import matrix_api

    client = client_of(chat)
    with matrix_api._one_at_a_time:
        reply = client.post("/api/matrix", json={"questions": QUESTIONS})
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "60")
    assert client.post("/api/matrix", json={"questions": QUESTIONS}).status_code == 200
    assert client.post("/api/matrix", json={"questions": QUESTIONS}).status_code == 200  # released after the first


def test_a_client_that_reads_nothing_holds_up_nobody(chat: Chat) -> None:
    from rag.server import matrix_api

    unread = matrix_api._streamed(plan_matrix(chat, QUESTIONS))
    assert matrix_api._one_at_a_time.acquire(timeout=60)
    matrix_api._one_at_a_time.release()
    assert json.loads(list(unread)[-1]) == {"done": True}


def test_a_client_that_goes_away_stops_its_matrix(chat: Chat) -> None:
    from rag.server import matrix_api

    plan = plan_matrix(chat, [f"{QUESTIONS[0]} {number}" for number in range(200)])
    lines = matrix_api._streamed(plan)
    next(lines)
    cast(Any, lines).close()
    assert matrix_api._one_at_a_time.acquire(timeout=60)
    matrix_api._one_at_a_time.release()
    kept = KeptReadings(chat.settings.index, model=chat.embedder.identity.digest)
    assert len(kept) < 200
    kept.close()


def test_over_http_what_takes_minutes_is_for_curators(corpus: Path, tmp_path: Path) -> None:
    accounts = two_users(tmp_path / "users.json")
    client = client_of(word_chat(corpus, tmp_path, users=tmp_path / "users.json"))
    for name, status in (("rita", 403), ("carl", 200)):
        headers = {"Authorization": f"Bearer {accounts.make_token(name, 'script')}"}
        assert client.post("/api/matrix", json={"questions": QUESTIONS}, headers=headers).status_code == status
        assert client.get("/api/v1/conflicts", headers=headers).status_code == status


def test_an_empty_cell_is_not_stated() -> None:
    assert not Cell().stated and questions_in(" \n#x") == []


def test_cells_come_one_by_one(chat: Chat) -> None:
    plan, reports = plan_matrix(chat, QUESTIONS), []
    kept = KeptReadings(chat.settings.index, model="m")
    cells = fill(plan, kept, lambda what, done, total: reports.append((done, total)))
    next(cells)
    assert reports == [(0, plan.size)]
    assert len(list(cells)) == plan.size - 1 and reports[-1] == (plan.size, plan.size)
    kept.close()


@pytest.mark.slow
def test_the_handbook_states_what_it_is_judged_to_state(handbook: Settings) -> None:
    chat = Chat.open(settings=handbook)
    documents = ["wallerian-degeneration.md", "speed-and-limits-of-recovery.md", "kidney-denervation.md"]
    (row,) = made(chat, ["What is Wallerian degeneration?"], documents).cells
    stated = {d: cell.stated for d, cell in zip(sorted(documents), row, strict=True)}
    assert stated == {documents[0]: True, documents[1]: False, documents[2]: False}
    assert row[2].strength == "strong"


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Runs `rag` in this process; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["rag", *arguments])
    try:
        main()
    except SystemExit as error:
        return int(error.code or 0)
    return 0


@pytest.mark.slow
def test_the_command_writes_prints_and_goes_on(
    handbook: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "q.txt").write_text("What is Wallerian degeneration?\n")
    asked = ["matrix", "q.txt", "--only", "w*.md", "--corpus", str(handbook.corpus), "--index", str(handbook.index)]
    assert command(monkeypatch, *asked, "--out", "t.pdf") == 1
    assert capsys.readouterr().err == "rag: t.pdf: the name must end in .xlsx, .csv, .html or .json\n"
    with monkeypatch.context() as patched:
        patched.setattr("rag.review.matrix.make_matrix", interrupted)
        assert command(patched, *asked) == 130
    assert capsys.readouterr().err == "rag: stopped; what was read is kept, and the same command goes on from there\n"
    assert command(monkeypatch, *asked, "--out", "t.json", "--out", "t.csv") == 0
    assert capsys.readouterr().out == "1 question × 1 document: 1 of 1 cells stated, 0 more weakly; saved as t.json, t.csv\n"
    assert command(monkeypatch, "verify", "t.json", "--corpus", str(handbook.corpus)) == 0
    quote = load_citations(tmp_path / "t.json")[-1].quote
    assert quote[:80] in capsys.readouterr().out and quote in (tmp_path / "t.csv").read_text()
    assert command(monkeypatch, *asked, "--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "t.json").read_text())


def interrupted(*_: object) -> Matrix:
    raise KeyboardInterrupt


def test_cells_are_less_sure_than_answers_with_the_same_signals() -> None:
    answers = json.loads((DEFAULTS / "trained.json").read_text())["made_with"]
    cells, answered = (
        cell_calibration(answers["reader"], answers["model"]),
        default_calibration(answers["reader"], answers["model"]),
    )
    for best, similarity, rank, unnamed in product((-2.0, 0.0, 2.0), (0.2, 0.4, 0.6), (1.0, 2.0), (0.0, 2.0)):
        signals = {"best": best, "similarity": similarity, "rank": rank, "unnamed": unnamed}
        assert cells.confidence(signals) < answered.confidence(signals)


def test_the_calibration_of_cells_is_for_the_bundled_reader_and_model() -> None:
    """If this fails after new weights: `benchmarks/matrix.py --fit` as in benchmarks/README.md."""
    made_with = json.loads((DEFAULTS / "trained.json").read_text())["made_with"]
    calibration = cell_calibration(made_with["reader"], made_with["model"])
    assert calibration.made_with == made_with and calibration.claims("strong")


@pytest.mark.parametrize(("reader", "model"), [("trained-0", "m"), ("similarity-1", "m"), ("multilingual-0", "m")])
def test_cells_of_other_models_claim_no_strength(reader: str, model: str) -> None:
    calibration = cell_calibration(reader, model)
    assert calibration.bands == () and calibration.band(0.99) is None and calibration.threshold > 0


def test_a_matrix_is_read_with_the_models_of_its_index(chat: Chat) -> None:
    """A build with other models becomes live between plan and reading."""
    plan = plan_matrix(until_built(chat), QUESTIONS)
    build_with_other_words(chat)
    matrix = make_matrix(plan)
    assert (matrix.index, matrix.model) == (plan.index.digest, chat.embedder.identity.digest)


def test_a_matrix_with_a_removed_document_is_neither_shown_nor_saved(chat: Chat, corpus: Path) -> None:
    comparing = MatrixPart(library_of(chat))
    act(comparing, do="start", questions="\n".join(QUESTIONS), documents="moss.txt, faq.txt")
    comparing.job.join()
    (corpus / "new.txt").write_text("Ivy climbs.")
    rebuilt(chat)
    assert "moss.txt" in act(comparing, do="show")["table"], "a document that is not in the matrix is new"
    (corpus / "moss.txt").unlink()
    rebuilt(chat)
    assert act(comparing, do="save", form="json") == {"error": "the documents have changed; make the matrix again"}
    shown = act(comparing, do="show")
    assert (shown["table"], shown["stale"]) == ("", True)
    act(comparing, do="start", questions=QUESTIONS[0])
    comparing.job.join()
    shown = act(comparing, do="show")
    assert shown["table"] and not shown["stale"] and "moss.txt" not in shown["table"]


def rebuilt(chat: Chat) -> None:
    update_index(ReadHere(chat.settings.corpus), chat.settings.index, Recipe(chat.embedder, chat.settings.passages))
