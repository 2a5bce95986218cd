"""The hardening of the served application: each finding about Gradio stays closed."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from rag.config import Settings
from rag.conversation import Chat
from rag.errors import SettingsError
from rag.index.building import update_index
from rag.records import Citation, Span
from rag.server.app import LARGEST_UPLOAD, create_app, require_loopback
from rag.ui.source import reference, source_view
from tests.conftest import SIMILARITY, WordEmbedder

pytestmark = pytest.mark.slow
HOME = "http://127.0.0.1:7860"


@pytest.fixture
def chat(corpus: Path, words: WordEmbedder, tmp_path: Path) -> Chat:
    settings = Settings(corpus=corpus, index=tmp_path / "index", answering=SIMILARITY)
    update_index(corpus, settings.index, words, settings.passages)
    return Chat(settings, words)


@pytest.fixture
def client(chat: Chat) -> TestClient:
    return TestClient(create_app(chat), base_url=HOME)


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


def test_uploads_are_no_larger_than_what_is_read(client: TestClient) -> None:
    assert client.post("/gradio_api/upload", files={"files": ("a.txt", b"text")}).status_code == 200
    assert client.post("/gradio_api/upload", content=b"", headers={"Content-Length": str(LARGEST_UPLOAD + 1)}).status_code == 413
    assert client.get("/gradio_api/upload_progress?upload_id=x").status_code == 404


def test_gradio_checks_paths_as_if_launched(client: TestClient) -> None:
    """Mounted without has_launched, gradio takes any file named in a request for an upload."""
    mounted = [route.app for route in client.app.routes if hasattr(getattr(route, "app", None), "get_blocks")]  # type: ignore[attr-defined]
    assert [page.get_blocks().has_launched for page in mounted] == [True]


def test_other_hosts_and_origins_are_refused(client: TestClient) -> None:
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
    for path in ("/gradio_api/queue/join", "/gradio_api/component_server", "/gradio_api/reset"):
        assert client.post(path, json={}, headers={"Origin": "http://evil.example"}).status_code == 403
        assert client.post(path, json={}, headers={"Origin": "null"}).status_code == 403
        assert client.post(path, json={}, headers={"Origin": HOME}).status_code != 403


def test_an_origin_that_is_no_address_is_refused(client: TestClient) -> None:
    assert client.post("/gradio_api/reset", json={}, headers={"Origin": "http://["}).status_code == 403


def test_no_cross_origin_sharing(client: TestClient) -> None:
    answered = client.get("/config", headers={"Origin": "http://evil.example"})
    assert "access-control-allow-origin" not in answered.headers


def test_large_bodies_are_refused(client: TestClient) -> None:
    assert client.post("/gradio_api/queue/join", content=b"x" * 1_000_001).status_code == 413
    assert client.post("/gradio_api/queue/join", content=iter([b"x" * 1000])).status_code == 411


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", ""])
def test_only_this_machine(host: str) -> None:
    with pytest.raises(SettingsError, match="can be reached by others"):
        require_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_is_fine(host: str) -> None:
    require_loopback(host)


def citation(chat: Chat) -> Citation:
    return chat.ask("Are ferns toxic to cats?").citations[0]


def test_a_citation_opens_at_its_sentence(chat: Chat) -> None:
    cited = citation(chat)
    view = source_view(chat.index(), reference(cited))
    assert view["sentence"] == cited.quote
    assert view["before"] + view["sentence"] + view["after"] == chat.index().documents[cited.document_id].text
    assert (view["title"], view["headings"]) == ("Questions", ["Are ferns toxic to cats?"])


def test_a_citation_whose_document_changed_or_went_says_so(chat: Chat, corpus: Path) -> None:
    asked = reference(citation(chat))
    (corpus / "faq.txt").write_text("Are ferns toxic to cats?\nTrue ferns are safe for cats and dogs.\n")
    update_index(corpus, chat.settings.index, WordEmbedder(), chat.settings.passages)
    assert "has changed since" in source_view(chat.index(), asked)["error"]
    (corpus / "faq.txt").unlink()
    update_index(corpus, chat.settings.index, WordEmbedder(), chat.settings.passages)
    assert "no longer among" in source_view(chat.index(), asked)["error"]


@pytest.mark.parametrize("asked", [None, 7, "", "x", [], {"a": 1}, "0" * 64 + ":5:1:faq.txt", "0" * 64 + ":1:2:../../etc/passwd"])
def test_forged_citations_get_plain_words(asked: object, chat: Chat) -> None:
    assert list(source_view(chat.index(), asked)) == ["error"]


def test_a_span_outside_the_document(chat: Chat) -> None:
    document = chat.index().documents["faq.txt"]
    for span in (Span(5, 5), Span(9, 3), Span(0, len(document.text) + 1)):
        assert "error" in source_view(chat.index(), f"{document.digest}:{span.start}:{span.end}:faq.txt")
