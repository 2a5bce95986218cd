"""Where there are users: nothing is reached without a login, roles are kept, and users are kept apart."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from fastapi.testclient import TestClient

from rag.accounts.users import Accounts, User
from rag.conversation import Chat
from rag.server.app import create_app, user_of
from rag.server.authentication import WITHOUT_LOGIN
from rag.ui import page as ui_page
from tests.conftest import library_of
from tests.serving import HOME, PASSWORD, blocks_of, client_of, sign_in, two_users, word_chat

pytestmark = pytest.mark.slow


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    return two_users(tmp_path / "users.json")


@pytest.fixture
def chat(corpus: Path, tmp_path: Path, accounts: Accounts) -> Chat:  # noqa: ARG001 - the users come first
    return word_chat(corpus, tmp_path, uploads=True, mcp=True, requests_a_minute=0)


@pytest.fixture
def app(chat: Chat) -> Any:
    return create_app(library_of(chat))


@pytest.fixture
def client(app: Any) -> Iterator[TestClient]:
    with TestClient(app, base_url=HOME) as client:
        yield client


def all_paths(app: Any) -> set[tuple[str, str]]:
    """Every method and path that the application answers, with parameters filled in."""
    found = set()
    page = next(route.app for route in app.routes if hasattr(getattr(route, "app", None), "get_blocks"))
    routes = [*app.routes, *page.routes]
    routes += [
        each for route in routes if hasattr(route, "effective_route_contexts") for each in route.effective_route_contexts()
    ]
    for route in routes:
        for method in getattr(route, "methods", None) or ():
            path = str(route.path)
            for name in (
                "{citation:path}",
                "{document_id:path}",
                "{rest:path}",
                "{path:path}",
                "{url_path:path}",
                "{path_or_url:path}",
            ):
                path = path.replace(name, "documents")
            found.add((method, path.replace("{session_hash}", "abc").replace("{", "").replace("}", "")))
    return found


def test_without_a_login_only_the_login_can_be_reached(app: Any, client: TestClient) -> None:
    paths = all_paths(app)
    assert {
        ("POST", "/gradio_api/queue/join"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/cancel"),
        ("GET", "/gradio_api/heartbeat/abc"),
        ("POST", "/api/v1/ask"),
    } <= paths
    for method, path in sorted(paths):
        answered = client.request(method, path, json={} if method == "POST" else None, follow_redirects=False)
        if path.rstrip("/") in WITHOUT_LOGIN:
            continue
        if path == "/" and method in ("GET", "HEAD"):
            assert (answered.status_code, answered.headers["location"]) == (303, "/login")
        elif path == "/logout":
            assert answered.status_code in (401, 404)
        else:
            assert answered.status_code in (401, 404), f"{method} {path}: {answered.status_code}"


FORGED = {"data": ["x", None], "fn_index": 0, "session_hash": "abc123", "event_data": None, "trigger_id": 1}


def test_gradios_routes_need_a_login(client: TestClient) -> None:
    for path in ("queue/join", "run/predict", "component_server", "call/ask", "run/ask", "upload", "cancel", "reset"):
        for token in ("", "Bearer", "Bearer x", "Basic cml0YTp4", "Bearer rag_x"):
            answered = client.post(f"/gradio_api/{path}", json=FORGED, headers={"Authorization": token} if token else {})
            assert answered.status_code in (401, 404)


def test_signing_in_and_out(client: TestClient) -> None:
    assert "<form" in client.get("/login").text
    entered = sign_in(client, "rita")
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert client.get("/").status_code == 200
    assert client.get("/api/documents").status_code == 200
    assert "rita" in client.get("/login").text
    [(cookie, secret)] = client.cookies.items()
    assert client.post("/logout", follow_redirects=False).headers["location"] == "/login"
    assert client.get("/api/documents").status_code == 401
    assert (
        client.get("/api/documents", headers={"Cookie": f"{cookie}={secret}"}).status_code == 401
    )  # the session, not the cookie, is over


def test_the_cookie_cannot_be_read_or_sent_by_others(client: TestClient, corpus: Path, tmp_path: Path) -> None:
    plain = sign_in(client, "rita").headers["set-cookie"].lower()
    assert "httponly" in plain and "samesite=strict" in plain and "path=/" in plain and "secure" not in plain
    behind = client_of(word_chat(corpus, tmp_path, trusted_proxies=("testclient",), prefix="/ask"))
    secure = behind.post(
        "/ask/login", data={"name": "rita", "password": PASSWORD}, headers={"X-Forwarded-Proto": "https"}, follow_redirects=False
    )
    assert "secure" in secure.headers["set-cookie"].lower() and "path=/ask/" in secure.headers["set-cookie"].lower()
    assert secure.headers["location"] == "/ask/"


def test_wrong_passwords_reveal_nothing_and_are_throttled(client: TestClient) -> None:
    wrong, unknown = sign_in(client, "rita", "wrong password"), sign_in(client, "nobody", "wrong password")
    assert wrong.status_code == unknown.status_code == 403
    assert wrong.text == unknown.text and not client.cookies
    statuses = [sign_in(client, f"x{number}", "wrong password").status_code for number in range(10)]
    assert statuses == [403] * 8 + [429] * 2
    slowed = sign_in(client, "rita")
    assert slowed.status_code == 429 and int(slowed.headers["retry-after"]) > 0


def test_a_form_with_many_fields_is_refused(client: TestClient) -> None:
    assert client.post("/login", data={f"field{number}": "x" for number in range(20)}).status_code == 422


def test_gradios_own_login_is_not_reachable(client: TestClient) -> None:
    for answered in (client.post("/login/", data={"username": "rita", "password": PASSWORD}), client.get("/login/")):
        assert "<form" in answered.text, answered.text


def test_two_servers_on_one_host_have_cookies_of_their_own(corpus: Path, tmp_path: Path) -> None:
    names = []
    for folder in ("first", "second"):
        two_users(tmp_path / folder / "users.json")
        client = client_of(word_chat(corpus, tmp_path / folder, users=tmp_path / folder / "users.json"))
        sign_in(client, "rita")
        names += list(client.cookies)
    assert len(set(names)) == 2


def test_another_site_cannot_sign_a_user_in(client: TestClient) -> None:
    forged = client.post("/login", data={"name": "rita", "password": PASSWORD}, headers={"Origin": "http://evil.example"})
    assert forged.status_code == 403 and not client.cookies


def test_names_on_the_login_page_are_escaped(client: TestClient, accounts: Accounts) -> None:
    accounts.add("<b>x</b>", "reader", PASSWORD)
    sign_in(client, "<b>x</b>")
    assert "<b>x" not in client.get("/login").text and "&lt;b&gt;x" in client.get("/login").text


def test_a_removed_user_is_signed_out_at_once(client: TestClient, accounts: Accounts) -> None:
    sign_in(client, "rita")
    token = accounts.make_token("rita", "script")
    accounts.remove("rita")
    assert client.get("/api/documents").status_code == 401
    assert client.get("/api/documents", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_with_a_broken_file_of_users_nobody_can_sign_in(client: TestClient, accounts: Accounts) -> None:
    sign_in(client, "rita")
    accounts.path.write_text("{")
    refused = client.get("/api/documents")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "users_error")
    accounts.path.unlink()
    assert client.get("/api/documents").status_code == 401  # not: everybody is local again


def test_a_token_opens_the_api(client: TestClient, accounts: Accounts) -> None:
    bearer = {"Authorization": f"Bearer {accounts.make_token('rita', 'script')}"}
    assert client.get("/api/documents", headers=bearer).status_code == 200
    assert client.get("/metrics", headers=bearer).status_code == 200


def test_the_request_rate_is_limited_for_each_user(corpus: Path, tmp_path: Path, accounts: Accounts) -> None:
    client = client_of(word_chat(corpus, tmp_path, requests_a_minute=3))
    rita, carl = ({"Authorization": f"Bearer {accounts.make_token(name, 'x')}"} for name in ("rita", "carl"))
    assert [client.get("/api/documents", headers=rita).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert int(client.get("/api/documents", headers=rita).headers["retry-after"]) > 0
    assert client.get("/api/documents", headers=carl).status_code == 200
    assert client.get("/login", headers=rita).status_code == 200


def test_without_a_login_the_state_reveals_no_paths(client: TestClient, chat: Chat) -> None:
    (chat.settings.index / "CURRENT").unlink()
    refused = client.get("/readyz")
    assert refused.status_code == 503 and str(chat.settings.index) not in refused.text


class Watched:
    """A page of one server function, which notes the user."""

    def __init__(self) -> None:
        self.seen: list[User] = []

    def build(self, library: Any, questions: Any, user_of: Any, builds: Any) -> gr.Blocks:  # noqa: ARG002
        def function(asked: Any, request: gr.Request | None = None) -> Any:
            self.seen.append(user_of(request))
            return asked

        with gr.Blocks() as page:
            gr.HTML(server_functions=[function])
        return page


def test_the_page_gets_the_signed_in_user(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched()
    monkeypatch.setattr(ui_page, "build_page", watched.build)
    app = create_app(library_of(chat))
    for user in (User("rita", "reader"), User("carl", "curator")):
        client = TestClient(app, base_url=HOME)
        sign_in(client, user.name)
        blocks = blocks_of(app)
        component = next(number for number, block in blocks.blocks.items() if isinstance(block, gr.HTML))
        call = {"session_hash": user.name, "username": "carl", "request": {"username": "carl"}}
        server_call = {"data": 1, "component_id": component, "fn_name": "function", **call}
        assert client.post("/gradio_api/component_server/", json=server_call).status_code == 200
        assert watched.seen == [user]
        watched.seen.clear()


def test_without_a_request_nobody_is_a_curator() -> None:
    assert not user_of(None).may_curate and not user_of(gr.Request()).may_curate


def test_the_page_of_one_user_is_closed_to_another(app: Any) -> None:
    rita, carl = TestClient(app, base_url=HOME), TestClient(app, base_url=HOME)
    sign_in(rita, "rita")
    sign_in(carl, "carl")
    room = next(number for number, block in blocks_of(app).blocks.items() if block.elem_id == "room")
    own = {"data": {}, "component_id": room, "fn_name": "call", "session_hash": "ritaspage"}
    assert rita.post("/gradio_api/component_server", json=own).status_code == 200
    for path in ("component_server", "component_server/"):
        refused = carl.post(f"/gradio_api/{path}", json=own)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_yours")
    assert carl.get("/gradio_api/heartbeat/ritaspage").status_code == 403
    assert carl.post("/gradio_api/component_server", data={"session_hash": "ritaspage"}).status_code == 415
    assert rita.post("/gradio_api/component_server", json=own).status_code == 200


def upload(client: TestClient, size: int = 10, **files: bytes) -> Any:
    sent = files or {"a.txt": b"x" * size}
    return client.post("/gradio_api/upload", files=[("files", (name, data)) for name, data in sent.items()])


def test_only_curators_upload(app: Any) -> None:
    rita, carl = TestClient(app, base_url=HOME), TestClient(app, base_url=HOME)
    sign_in(rita, "rita")
    sign_in(carl, "carl")
    refused = upload(rita)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_a_curator")
    assert upload(carl).status_code == 200


def test_uploads_are_limited_by_file_request_hour_and_disk(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))

    def status(size: int, times: int = 1, **limits: Any) -> list[int]:
        client = client_of(word_chat(corpus, tmp_path, uploads=True, **limits))
        sign_in(client, "carl")
        return [upload(client, size).status_code for _ in range(times)]

    two_users(tmp_path / "users.json")
    assert status(1_000) == [200]
    assert status(1_001, largest_file=1_000) == [413]
    assert status(3_000, largest_upload=2_000) == [413]
    assert status(3_000, 3, uploads_an_hour=8_000) == [200, 200, 429]
    assert status(3_000, 2, uploads_kept=1) == [507, 507]


def test_uploads_are_private_and_abandoned_ones_are_deleted(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / "rag-uploads-4194305-x"  # no process has this number: it is above Linux's limit
    left.mkdir()
    two_users(tmp_path / "users.json")
    client = client_of(word_chat(corpus, tmp_path, uploads=True))
    sign_in(client, "carl")
    assert upload(client, 3_000).status_code == 200
    [folder] = tmp_path.glob("rag-uploads-*")
    assert folder != left and folder.stat().st_mode & 0o077 == 0
    [uploaded] = [path for path in folder.rglob("*") if path.is_file()]
    os.utime(uploaded, (0, 0))
    monkeypatch.setattr("rag.server.upload_quota.MEASURE_SECONDS", 0)
    assert upload(client, 10).status_code == 200
    assert not uploaded.exists()
