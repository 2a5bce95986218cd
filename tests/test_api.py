"""The HTTP API: what it answers is what the command line says, and whatever is sent, it answers in its own words."""

import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.answering.overview_answer import overview_of
from rag.conversation import Chat
from rag.index.updating import Recipe, update_index
from rag.server.api import Answered
from rag.sources import reference
from rag.wire import answer_values, hit_values
from tests.conftest import WordEmbedder
from tests.serving import client_of, word_chat

QUESTION = "Are ferns toxic to cats?"


@pytest.fixture
def chat(corpus: Path, tmp_path: Path) -> Chat:
    (corpus / "sub").mkdir()
    (corpus / "sub" / "odd näme: 1.html").write_text("<h1>Moss</h1><p>Moss grows on stones.</p><script>alert(1)</script>")
    return word_chat(corpus, tmp_path)


@pytest.fixture
def client(chat: Chat) -> TestClient:
    return client_of(chat)


def without_time(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "timings_ms"}


@pytest.mark.parametrize("version", ["/api", "/api/v1"])
def test_asking_answers_as_the_command_line_does(version: str, client: TestClient, chat: Chat) -> None:
    answered = client.post(f"{version}/ask", json={"question": QUESTION, "documents": ["faq.txt"]})
    assert answered.status_code == 200
    assert without_time(answered.json()) == without_time(answer_values(chat.ask(QUESTION, documents=["faq.txt"])))
    assert answered.json()["citations"][0]["quote"] == "True ferns are safe for cats."


def test_searching_and_listing(client: TestClient, chat: Chat) -> None:
    found = client.get("/api/search", params={"q": "repot a fern", "k": 2, "documents": "*.txt"}).json()
    assert found == {"hits": [hit_values(hit) for hit in chat.search("repot a fern", k=2, documents=["*.txt"])]}
    listed = client.get("/api/documents").json()
    assert [one["id"] for one in listed["documents"]] == ["faq.txt", "guide.md", "sub/odd näme: 1.html"]
    assert sum(one["passages"] for one in listed["documents"]) == len(chat.index().passages)
    assert listed["index"] == chat.index().digest


def test_an_overview_is_that_of_the_command_line(client: TestClient, chat: Chat) -> None:
    reply = client.get("/api/overview", params={"document": "guide.md", "sentences": 3})
    assert reply.status_code == 200
    assert reply.json() == answer_values(overview_of("guide.md", chat.index(), 3))
    assert reply.json()["overview"]["documents"] == ["guide.md"]
    refused = client.get("/api/overview", params={"document": "nothere.md"})
    assert refused.status_code == 404 and refused.json()["error"]["message"] == "I have no document called nothere.md."
    assert client.get("/api/overview", params={"document": "guide.md", "sentences": 0}).status_code == 422


def test_a_citation_leads_to_its_source(client: TestClient, chat: Chat) -> None:
    for question in (QUESTION, "Where does moss grow?"):
        cited = chat.ask(question).citations[0]
        view = client.get(f"/api/source/{quote(reference(cited))}").json()
        assert view["sentence"] == cited.quote
        assert view["before"] + view["sentence"] + view["after"] == chat.index().documents[cited.document_id].text
    assert client.get("/api/source/nonsense").json()["error"]["code"] == "no_source"


def test_files_are_served_unchanged_and_only_safe_formats_inline(client: TestClient, corpus: Path) -> None:
    plain = client.get("/api/file/faq.txt")
    assert plain.content == (corpus / "faq.txt").read_bytes()
    assert plain.headers["content-type"] == "text/plain; charset=utf-8"
    assert plain.headers["content-disposition"] == "inline; filename*=UTF-8''faq.txt"
    assert plain.headers["etag"] == f'"{sha256(plain.content).hexdigest()}"'
    page = client.get("/api/file/sub/odd näme: 1.html")
    assert page.content == (corpus / "sub" / "odd näme: 1.html").read_bytes()
    assert page.headers["content-type"] == "application/octet-stream"
    assert page.headers["content-disposition"] == "attachment; filename*=UTF-8''odd%20n%C3%A4me%3A%201.html"
    assert client.get("/api/file/faq.txt?download=true").headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "name", ["../index/CURRENT", "%2e%2e/index/CURRENT", "/etc/passwd", "%2Fetc%2Fpasswd", "hidden.txt", "", "faq.txt%00", "sub"]
)
def test_only_files_of_documents(name: str, client: TestClient, corpus: Path) -> None:
    (corpus / "hidden.txt").write_text("not indexed")
    assert client.get(f"/api/file/{name}").status_code == 404


def test_a_file_that_was_deleted_or_became_a_link_is_not_served(client: TestClient, corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (corpus / "faq.txt").unlink()
    assert client.get("/api/file/faq.txt").json()["error"]["code"] == "no_file"
    (corpus / "faq.txt").symlink_to(tmp_path / "secret")
    assert client.get("/api/file/faq.txt").json()["error"]["code"] == "no_file"


def test_history_is_validated_and_used(client: TestClient) -> None:
    turns = [
        {"speaker": "user", "text": "Hello"},
        {"speaker": "agent", "text": "x [1]", "query": "Hello", "citations": [{"document_id": "faq.txt", "start": 0, "end": 1}]},
    ]
    assert client.post("/api/ask", json={"question": QUESTION, "history": turns}).status_code == 200
    wrong = client.post("/api/ask", json={"question": QUESTION, "history": [{"speaker": "system", "text": "x"}]})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "malformed_request")
    assert wrong.json()["error"]["message"].startswith("history.0.speaker")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/ask", {}, 422), ("POST", "/api/ask", {"question": 7}, 422), ("POST", "/api/ask", [], 422),
        ("POST", "/api/ask", {"question": "x" * 2001}, 422), ("POST", "/api/ask", {"question": "x", "surprise": 1}, 422), ("GET", "/api/ask", None, 404),
        ("GET", "/api/search", None, 422), ("GET", "/api/search?q=x&k=0", None, 422), ("GET", "/api/search?q=x&k=101", None, 422),
        ("GET", "/api/nothing", None, 404), ("GET", "/api/v2/documents", None, 404), ("DELETE", "/api/documents", None, 404),
    ],
)  # fmt: skip
def test_refusals_have_one_shape(method: str, path: str, body: object, status: int, client: TestClient) -> None:
    refused = client.request(method, path, json=body)
    assert refused.status_code == status
    assert set(refused.json()["error"]) == {"code", "message"}


def test_a_missing_index_is_reported_in_one_line(client: TestClient, chat: Chat) -> None:
    (chat.settings.index / "CURRENT").unlink()
    missing = client.post("/api/ask", json={"question": QUESTION})
    assert (missing.status_code, missing.json()["error"]["code"]) == (503, "index_missing")
    assert "rag build" in missing.json()["error"]["message"]


def test_an_internal_error_reveals_only_its_request_id(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "search", lambda *_, **__: 1 // 0)
    failed = client_of(chat, raise_server_exceptions=False).get("/api/search?q=x")
    assert failed.status_code == 500
    assert failed.json()["error"]["code"] == "internal_error"
    assert re.search(r"request [0-9a-f]{16}$", failed.json()["error"]["message"])
    assert "Zero" not in failed.text


def test_openapi_lists_our_routes_and_describes_their_answers(client: TestClient, chat: Chat) -> None:
    listed = client.get("/api/openapi.json").json()
    assert set(listed["paths"]) == {
        "/api/v1/ask", "/api/v1/search", "/api/v1/overview", "/api/v1/documents", "/api/v1/source/{citation}", "/api/v1/file/{document_id}",
        "/api/v1/matrix", "/api/v1/watched", "/api/v1/changes", "/api/v1/conflicts", "/api/v1/unanswered", "/healthz", "/readyz", "/metrics",
    }  # fmt: skip
    Answered.model_validate(answer_values(chat.ask(QUESTION)))
    Answered.model_validate(answer_values(chat.ask("What is the tax on gold?")))


def test_measures_count_requests_and_contain_no_text(client: TestClient) -> None:
    client.post("/api/ask", json={"question": QUESTION})
    client.get("/api/file/faq.txt")
    client.get("/api/nothing/secretword")
    text = client.get("/metrics").text
    assert 'rag_requests_total{method="POST",route="/api/ask",status="200"} 1.0' in text
    assert 'route="/api/file/{document_id:path}"' in text
    assert 'rag_answers_total{reason="answered"} 1.0' in text
    assert "secretword" not in text and "faq" not in text and "toxic" not in text


def test_api_calls_do_not_use_gradios_queue(client: TestClient) -> None:
    (page,) = [route.app for route in client.app.routes if hasattr(getattr(route, "app", None), "get_blocks")]  # type: ignore[attr-defined]
    queue = page.get_blocks()._queue
    queue.push = None  # whoever used it would fail
    assert client.post("/api/ask", json={"question": QUESTION}).status_code == 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["question", "history", "documents", "speaker", "text", "x"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=JSON | st.fixed_dictionaries({"question": st.text(max_size=80)}, optional={"documents": JSON, "history": JSON}))
def test_any_body_gets_an_answer_or_a_refusal(body: object, client: TestClient) -> None:
    answered = client.post("/api/ask", json=body)
    assert answered.status_code in (200, 422)
    if answered.status_code == 200:
        Answered.model_validate(answered.json())
    else:
        assert set(answered.json()["error"]) == {"code", "message"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part=st.sampled_from(["source/", "file/", "search?q="]), name=st.text(max_size=60))
def test_any_document_or_citation_name_gets_a_reply(part: str, name: str, client: TestClient) -> None:
    answered = client.get(f"/api/{part}{quote(name.encode('utf-8', 'replace'), safe='')}")
    assert answered.status_code in (200, 404, 422)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    body=st.binary(max_size=300),
    kind=st.sampled_from(
        ["application/json", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
    ),
)
def test_bodies_that_are_not_json(body: bytes, kind: str, client: TestClient) -> None:
    answered = client.post("/api/ask", content=body, headers={"Content-Type": kind})
    assert answered.status_code in (200, 400, 422)


@pytest.mark.parametrize("question", [r"\ud800", r"\u0000", r"\ud83d\ude00", r"\u202e"])
def test_unusual_characters_in_json_escapes(question: str, client: TestClient) -> None:
    body = b'{"question": "Are ferns toxic to cats? %s"}' % question.encode()
    assert client.post("/api/ask", content=body, headers={"Content-Type": "application/json"}).status_code in (200, 422)
    assert client.post("/api/ask", content=b'{"question": NaN}', headers={"Content-Type": "application/json"}).status_code == 422


def test_an_unusable_new_index_is_reported_and_the_old_one_stays(client: TestClient, chat: Chat, corpus: Path) -> None:
    before = chat.index().digest
    (corpus / "new.md").write_text("# New\n\nLichen grows slowly.\n")
    update_index(corpus, chat.settings.index, Recipe(WordEmbedder(), chat.settings.passages))
    name = (chat.settings.index / "CURRENT").read_text().strip()
    passages = chat.settings.index / "builds" / name / "passages.jsonl"
    damaged = (
        next(p for p in sorted(passages.parent.iterdir()) if p.name != "manifest.json") if not passages.exists() else passages
    )
    kept = damaged.read_bytes()
    damaged.write_bytes(kept[:-1])
    for _ in range(2):
        assert client.post("/api/ask", json={"question": QUESTION}).json()["index"] == before
        said = client.get("/readyz").json()
        assert said["index"] == before and "rag build" in said["trouble"]
    (chat.settings.index / "CURRENT").write_text("../../etc\n")
    assert client.post("/api/ask", json={"question": QUESTION}).json()["index"] == before
    damaged.write_bytes(kept)
    update_index(corpus, chat.settings.index, Recipe(WordEmbedder(), chat.settings.passages), full=True)
    said = client.get("/readyz").json()
    assert said["index"] != before and "trouble" not in said
    assert client.get("/api/search?q=lichen").json()["hits"][0]["document_id"] == "new.md"
