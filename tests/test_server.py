"""The hardening of the served application: every finding about Gradio stays fixed."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from rag.config import ServerSettings
from rag.conversation import Chat
from rag.errors import SelectionError, SettingsError
from rag.index.updating import Recipe, update_index
from rag.records import Citation, Span
from rag.server.app import create_app
from rag.server.launch import require_users
from rag.sources import reference, source_view
from tests.conftest import WordEmbedder, library_of
from tests.serving import HOME, blocks_of, client_of, two_users, word_chat

pytestmark = pytest.mark.slow


@pytest.fixture
def chat(corpus: Path, tmp_path: Path) -> Chat:
    return word_chat(corpus, tmp_path)


@pytest.fixture
def client(chat: Chat) -> TestClient:
    return client_of(chat)


def test_live_and_ready(client: TestClient, chat: Chat) -> None:
    assert client.get("/healthz").json() == {"status": "live"}
    assert client.get("/readyz").json() == {"status": "ready", "index": chat.index().digest}
    (chat.settings.index / "CURRENT").unlink()
    missing = client.get("/readyz")
    assert missing.status_code == 503
    assert "rag build" in missing.json()["error"]["message"]


def test_the_page_and_its_headers(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "connect-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=http://example.com/x", "/gradio_api/file=/etc/passwd", "/gradio_api/proxy=http://example.com/", "/gradio_api/dev/reload",
        "/gradio_api/call/ask", "/monitoring", "/gradio_api/runs", "/openapi.json", "/gradio_api/openapi.json", "/GRADIO_API/FILE=HTTP://x",
    ],
)  # fmt: skip
def test_closed_routes(path: str, client: TestClient) -> None:
    assert client.get(path).status_code in (403, 404)


def test_files_of_corpus_and_index_are_not_served(client: TestClient, corpus: Path) -> None:
    assert client.get(f"/gradio_api/file={corpus / 'faq.txt'}").status_code == 403


def test_uploads_have_a_size_limit(client: TestClient) -> None:
    assert client.post("/gradio_api/upload", files={"files": ("a.txt", b"text")}).status_code == 200
    assert (
        client.post(
            "/gradio_api/upload", content=b"", headers={"Content-Length": str(ServerSettings().largest_upload + 1)}
        ).status_code
        == 413
    )


def test_gradio_checks_paths_as_if_launched(client: TestClient) -> None:
    """Mounted without has_launched, gradio takes any file named in a request for an upload."""
    mounted = [route.app for route in client.app.routes if hasattr(getattr(route, "app", None), "get_blocks")]  # type: ignore[attr-defined]
    assert [page.get_blocks().has_launched for page in mounted] == [True]


def test_other_hosts_and_origins_are_refused(client: TestClient) -> None:
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
    for path in ("/gradio_api/component_server", "/gradio_api/upload", "/api/ask"):
        assert client.post(path, json={}, headers={"Origin": "http://evil.example"}).status_code == 403
        assert client.post(path, json={}, headers={"Origin": "null"}).status_code == 403
        assert client.post(path, json={}, headers={"Origin": HOME}).status_code != 403


def test_a_malformed_origin_is_refused(client: TestClient) -> None:
    assert client.post("/api/ask", json={}, headers={"Origin": "http://["}).status_code == 403


def test_no_cross_origin_sharing(client: TestClient) -> None:
    answered = client.get("/config", headers={"Origin": "http://evil.example"})
    assert "access-control-allow-origin" not in answered.headers


def test_requests_by_another_sites_page_are_refused_whatever_their_method(client: TestClient) -> None:
    for site, status in (("cross-site", 403), ("same-origin", 200), ("none", 200)):
        assert client.get("/api/search?q=fern", headers={"Sec-Fetch-Site": site}).status_code == status
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200  # a link to the page


@pytest.mark.parametrize("path", ["/static/" + "x" * 300, "/assets/" + "é" * 200, "/static/a%00b"])
def test_names_that_no_file_can_have_are_not_found(path: str, client: TestClient) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "kind",
    ["", "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "x" * 100, "text/plain"],
)
def test_a_malformed_upload_is_refused(kind: str, client: TestClient) -> None:
    answered = client.post("/gradio_api/upload", content=b"--x\r\n\r\n--x--", headers={"Content-Type": kind})
    assert answered.status_code == 415


def test_complex_patterns_are_refused_everywhere(client: TestClient, chat: Chat) -> None:
    for documents in (["*a" * 20], ["?" * 300], [f"*{number}" for number in range(60)]):
        answered = client.post("/api/ask", json={"question": "Are ferns toxic to cats?", "documents": documents})
        assert (answered.status_code, answered.json()["error"]["code"]) == (422, "selection_error")
        with pytest.raises(SelectionError):
            chat.search("fern", documents=documents)
    assert client.post("/api/ask", json={"question": "Are ferns toxic to cats?", "documents": ["*.txt", "x/"]}).status_code == 200


def test_events_cannot_be_called(client: TestClient) -> None:
    """The page has none; a route for them would be a way past the queue of questions."""
    assert list(blocks_of(cast(FastAPI, client.app)).fns) == []
    for path in ("queue/join", "queue/data", "run/predict", "api/predict", "cancel", "reset"):
        assert client.post(f"/gradio_api/{path}", json={"data": [], "fn_index": 0, "session_hash": "abc"}).status_code == 404


def test_large_bodies_are_refused(client: TestClient) -> None:
    assert client.post("/gradio_api/component_server", content=b"x" * 1_000_001).status_code == 413
    assert client.post("/gradio_api/component_server", content=iter([b"x" * 1000])).status_code == 411


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", ""])
def test_other_machines_need_users(host: str) -> None:
    with pytest.raises(SettingsError, match="lets other machines reach the server"):
        require_users(ServerSettings(host=host))


@pytest.mark.parametrize(
    "proxied",
    [{"names": ("docs.example",)}, {"prefix": "/ask"}, {"trusted_proxies": ("10.0.0.1",)}],
    ids=lambda value: next(iter(value)),
)
def test_a_server_behind_a_proxy_needs_users(proxied: dict[str, Any], tmp_path: Path) -> None:
    settings = ServerSettings(users=tmp_path / "users.json", **proxied)
    with pytest.raises(SettingsError, match=f"server.{next(iter(proxied))} .* {tmp_path / 'users.json'} has no users"):
        require_users(settings)
    two_users(settings.users)
    require_users(settings)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_addresses_need_no_users(host: str) -> None:
    require_users(ServerSettings(host=host))


def citation(chat: Chat) -> Citation:
    return chat.ask("Are ferns toxic to cats?").citations[0]


def test_a_citation_opens_at_its_sentence(chat: Chat) -> None:
    cited = citation(chat)
    view = source_view(chat.index(), reference(cited))
    assert view["sentence"] == cited.quote
    assert view["before"] + view["sentence"] + view["after"] == chat.index().documents[cited.document_id].text
    assert (view["title"], view["headings"]) == ("Questions", ["Are ferns toxic to cats?"])


def test_a_citation_of_a_changed_or_removed_document_says_so(chat: Chat, corpus: Path) -> None:
    asked = reference(citation(chat))
    (corpus / "faq.txt").write_text("Are ferns toxic to cats?\nTrue ferns are safe for cats and dogs.\n")
    update_index(corpus, chat.settings.index, Recipe(WordEmbedder(), chat.settings.passages))
    assert "has changed since" in source_view(chat.index(), asked)["error"]
    (corpus / "faq.txt").unlink()
    update_index(corpus, chat.settings.index, Recipe(WordEmbedder(), chat.settings.passages))
    assert "no longer among" in source_view(chat.index(), asked)["error"]


@pytest.mark.parametrize("asked", [None, 7, "", "x", [], {"a": 1}, "0" * 64 + ":5:1:faq.txt", "0" * 64 + ":1:2:../../etc/passwd"])
def test_forged_citations_get_an_error_in_one_line(asked: object, chat: Chat) -> None:
    assert list(source_view(chat.index(), asked)) == ["error"]


def test_a_span_outside_the_document(chat: Chat) -> None:
    document = chat.index().documents["faq.txt"]
    for span in (Span(5, 5), Span(9, 3), Span(0, len(document.text) + 1)):
        assert "error" in source_view(chat.index(), f"{document.digest}:{span.start}:{span.end}:faq.txt")


@pytest.mark.parametrize(
    "path", ["/gradio_api/run/ask", "/gradio_api/api/ask", "/gradio_api/call/v2/ask", "/gradio_api/stream/x", "/gradio_api/vibe-edit", "/gradio_api/process_recording", "/gradio_api/token", "/gradio_api/user", "/gradio_api/info", "/gradio_api/custom_component/1/client/component/style.css", "/unheard-of"],
)  # fmt: skip
def test_routes_that_the_page_does_not_use_are_closed(path: str, client: TestClient) -> None:
    for method in ("GET", "POST"):
        refused = client.request(method, path, json={})
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")


def test_addresses_in_the_page_come_from_the_host_alone(client: TestClient) -> None:
    """Gradio trusts X-Forwarded-Host and X-Gradio-Server from anyone; a cache could store a page that contains them."""
    lies = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Gradio-Server": "http://evil.example"}
    assert client.get("/config", headers=lies).json()["root"] == HOME
    assert "evil" not in client.get("/", headers=lies).text


def test_a_body_that_never_arrives_times_out(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.server.request_checks.BODY_SECONDS", 0.05)

    async def receive() -> dict[str, object]:
        await asyncio.sleep(1)
        return {"type": "http.request", "body": b"", "more_body": False}

    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/api/ask", "root_path": "", "query_string": b"", "scheme": "http", "http_version": "1.1",
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 7860), "headers": [(b"host", b"127.0.0.1"), (b"content-length", b"5")],
    }  # fmt: skip
    asyncio.run(client.app(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 408


def test_websockets_are_closed(client: TestClient) -> None:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/gradio_api/queue/join"):
        pass


def test_below_a_prefix_and_behind_a_proxy(corpus: Path, tmp_path: Path) -> None:
    chat = word_chat(corpus, tmp_path, prefix="/ask", trusted_proxies=("testclient",), names=("docs.example",))
    client = client_of(chat)
    proxied = {
        "Host": "docs.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "10.1.2.3",
        "Origin": "https://docs.example",
    }
    for path in ("/ask", ""):  # whether the proxy takes the prefix away or not
        assert client.get(f"{path}/api/documents", headers=proxied).status_code == 200
        assert client.post(f"{path}/api/ask", json={"question": "Are ferns toxic to cats?"}, headers=proxied).status_code == 200
        assert client.get(f"{path}/config", headers=proxied).json()["root"] == "https://docs.example/ask"
        assert client.get(f"{path}/gradio_api/info", headers=proxied).status_code == 404


def test_only_a_trusted_proxy_sets_the_client_address(corpus: Path, tmp_path: Path) -> None:
    from starlette.requests import Request

    seen = []
    for trusted in ((), ("10.0.0.1",), ("testclient",)):
        app = create_app(library_of(word_chat(corpus, tmp_path, trusted_proxies=trusted)))

        @app.get("/api/who")
        def who(request: Request) -> list[str]:
            return [request.client.host if request.client else "", request.url.scheme]

        app.router.routes.insert(0, app.router.routes.pop())
        headers = {"X-Forwarded-For": "10.1.2.3", "X-Forwarded-Proto": "https"}
        seen.append(TestClient(app, base_url=HOME).get("/api/who", headers=headers).json())
    assert seen == [["testclient", "http"], ["testclient", "http"], ["10.1.2.3", "https"]]
