"""A real server under load and faults: a full queue, slow and disconnecting clients, new indexes, a full disk, a shutdown."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from rag.conversation import Chat
from rag.index.updating import Recipe, update_index
from rag.records import Answer
from tests.conftest import ROOT, WordEmbedder
from tests.serving import served, two_users, word_chat

pytestmark = pytest.mark.slow
QUESTION = {"question": "Are ferns toxic to cats?"}


class HeldChat(Chat):
    """Answers once `go` is set; notes the questions that it has started."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.go = threading.Event()
        self.started: list[str] = []

    def ask(self, question: str, **named: Any) -> Answer:
        self.started.append(question)
        self.go.wait(30)
        return super().ask(question, **named)


def ask(address: tuple[str, int], question: str = QUESTION["question"]) -> httpx.Response:
    return httpx.post(f"http://{address[0]}:{address[1]}/api/ask", json={"question": question}, timeout=60)


def until(condition: Any) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("this did not happen within 30 seconds")


def test_a_full_queue_answers_503_with_retry_after(corpus: Path, tmp_path: Path) -> None:
    chat = word_chat(corpus, tmp_path, HeldChat, workers=1, waiting=2)
    assert isinstance(chat, HeldChat)
    with served(chat) as address, ThreadPoolExecutor(20) as clients:
        asked = [clients.submit(ask, address, f"Question {number}?") for number in range(20)]
        until(lambda: sum(one.done() for one in asked) == 17)
        assert httpx.get(f"http://{address[0]}:{address[1]}/healthz").status_code == 200
        chat.go.set()
        answers = [one.result() for one in asked]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(refused) == 17 and sum(answer.status_code == 200 for answer in answers) == 3
    assert all(answer.json()["error"]["code"] == "busy" and int(answer.headers["retry-after"]) >= 1 for answer in refused)


def test_a_question_whose_client_disconnected_is_never_started(corpus: Path, tmp_path: Path) -> None:
    chat = word_chat(corpus, tmp_path, HeldChat, workers=1)
    assert isinstance(chat, HeldChat)
    with served(chat) as address, ThreadPoolExecutor() as clients:
        first = clients.submit(ask, address)
        until(lambda: len(chat.started) == 1)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"http://{address[0]}:{address[1]}/api/ask", json={"question": "left"}, timeout=0.3)
        third = clients.submit(ask, address, "stayed")
        time.sleep(0.3)  # lets the server notice both the client that left and the new one
        chat.go.set()
        assert first.result().status_code == third.result().status_code == 200
    assert chat.started == [QUESTION["question"], "stayed"]


def test_slow_clients_are_disconnected_and_others_served(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.server.launch.HEADER_SECONDS", 1)
    monkeypatch.setattr("rag.server.request_checks.BODY_SECONDS", 1)
    with served(word_chat(corpus, tmp_path)) as address:
        silent, half, body = (socket.create_connection(address, timeout=30) for _ in range(3))
        half.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        body.sendall(
            b"POST /api/ask HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        again = socket.create_connection(address, timeout=30)
        again.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert again.recv(65536).startswith(b"HTTP/1.1 200")
        again.sendall(b"GET /healthz HTTP/1.1\r\nHo")
        assert ask(address).status_code == 200
        assert body.recv(65536).startswith(b"HTTP/1.1 408")
        assert silent.recv(1) == half.recv(1) == b""
        rest = again.recv(65536)
        while chunk := again.recv(65536):
            rest += chunk
        assert b"200" not in rest.split(b"\r\n")[0]
        for one in (silent, half, body, again):
            one.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives a machine all addresses of 127.0.0.0/8")
def test_oversized_heads_and_too_many_connections_are_refused(corpus: Path, tmp_path: Path) -> None:
    with served(word_chat(corpus, tmp_path, connections=20)) as address:
        with socket.create_connection(address, timeout=30) as long:
            long.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"x" * 200_000)
            assert long.recv(65536).startswith(b"HTTP/1.1 400")
        held = [connect_from(f"127.0.0.{2 + number % 3}", address) for number in range(25)]
        until(lambda: httpx.get(f"http://{address[0]}:{address[1]}/healthz").status_code == 503)
        for one in held:
            one.close()
        until(lambda: httpx.get(f"http://{address[0]}:{address[1]}/healthz").status_code == 200)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives a machine all addresses of 127.0.0.0/8")
def test_one_address_cannot_take_all_connections(corpus: Path, tmp_path: Path) -> None:
    with served(word_chat(corpus, tmp_path, connections=80)) as address:
        held = [connect_from("127.0.0.2", address) for _ in range(80)]
        assert httpx.get(f"http://{address[0]}:{address[1]}/healthz").status_code == 200
        assert all(connection.recv(1) == b"" for connection in held[20:])
        for connection in held:
            connection.close()


def connect_from(source: str, address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=30, source_address=(source, 0))


def test_an_open_stream_ends_when_its_user_is_removed(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.server.authentication.RECHECK_SECONDS", 0.1)
    accounts = two_users(tmp_path / "users.json")
    token = accounts.make_token("rita", "test")
    with served(word_chat(corpus, tmp_path, users=accounts.path)) as (host, port):
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.stream("GET", f"http://{host}:{port}/gradio_api/heartbeat/abc", headers=headers, timeout=30) as stream:
            assert stream.status_code == 200
            accounts.remove("rita")
            with pytest.raises(httpx.RemoteProtocolError):
                list(stream.iter_bytes())


def test_one_user_has_a_limited_number_of_streams(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.server.authentication.STREAMS_OF_USER", 3)
    accounts = two_users(tmp_path / "users.json")
    headers = {"Authorization": f"Bearer {accounts.make_token('rita', 'test')}"}
    with served(word_chat(corpus, tmp_path, users=accounts.path)) as (host, port), ExitStack() as opened:
        page = f"http://{host}:{port}/gradio_api/heartbeat"
        statuses = [
            opened.enter_context(httpx.stream("GET", f"{page}/a{number}", headers=headers, timeout=30)).status_code
            for number in range(5)
        ]
        assert statuses == [200, 200, 200, 429, 429]


def test_twenty_index_updates_under_load_without_a_failed_request(corpus: Path, tmp_path: Path) -> None:
    chat = word_chat(corpus, tmp_path)
    done, failed, seen = threading.Event(), [], set()

    def load(address: tuple[str, int]) -> int:
        count = 0
        with httpx.Client(base_url=f"http://{address[0]}:{address[1]}", timeout=60) as client:
            while not done.is_set():
                for answer in (
                    client.post("/api/ask", json=QUESTION),
                    client.get("/api/search?q=ferns"),
                    client.get("/api/documents"),
                ):
                    count += 1
                    if answer.status_code != 200:
                        failed.append(answer.text)
                    elif "index" in answer.json():
                        seen.add(answer.json()["index"])
        return count

    with served(chat) as address, ThreadPoolExecutor(4) as clients:
        loading = [clients.submit(load, address) for _ in range(4)]
        for number in range(20):
            (corpus / "changing.md").write_text(f"# Changes\n\nThe fern was moved {number} times.\n")
            update_index(corpus, chat.settings.index, Recipe(WordEmbedder(), chat.settings.passages))
            until(lambda: chat.index().digest in seen)
        done.set()
        assert sum(one.result() for one in loading) > 100
    assert failed == [] and len(seen) >= 20


def test_a_running_answer_is_finished_when_the_server_is_stopped(corpus: Path, tmp_path: Path) -> None:
    chat = word_chat(corpus, tmp_path, HeldChat, shutdown_seconds=20)
    assert isinstance(chat, HeldChat)
    with ThreadPoolExecutor() as clients:
        with served(chat) as address:
            running = clients.submit(ask, address)
            until(lambda: chat.started)
            threading.Timer(1, chat.go.set).start()
        answered = running.result()  # the server was told to stop a second before it could answer
        assert answered.status_code == 200 and answered.json()["citations"]
    with pytest.raises(httpx.ConnectError):
        ask(address)


SERVER = """
import sys
from pathlib import Path
from tests.conftest import library_of
from tests.serving import word_chat
from rag.server.launch import run
run(library_of(word_chat(Path(sys.argv[1]), Path(sys.argv[2]), port=0, log_requests=True, log_questions=sys.argv[3] == "questions")))
"""


def start(corpus: Path, folder: Path, errors: Any, what: str = "") -> tuple[subprocess.Popen[str], tuple[str, int]]:
    command = [sys.executable, "-c", SERVER, str(corpus), str(folder), what]
    process = subprocess.Popen(
        command, cwd=folder, env={"PYTHONPATH": str(ROOT), "PATH": ""}, stdout=subprocess.PIPE, stderr=errors, text=True
    )
    assert process.stdout
    line = process.stdout.readline()
    return process, ("127.0.0.1", int(line.rpartition(":")[2].partition("/")[0]))


@pytest.mark.parametrize("what", ["", "questions"])
def test_logs_are_json_lines_without_questions_unless_configured(what: str, corpus: Path, tmp_path: Path) -> None:
    process, address = start(corpus, tmp_path, subprocess.PIPE, what)
    answered = ask(address)
    httpx.get(f"http://{address[0]}:{address[1]}/api/file/faq.txt?secret=word")
    httpx.get(f"http://{address[0]}:{address[1]}/api/source/{'0' * 64}:1:2:faq.txt")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    lines = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
    asked, filed, cited = (line for line in lines if line["message"] == "request")
    assert (asked["route"], asked["status"], asked["request"]) == ("/api/ask", 200, answered.headers["x-request-id"])
    assert (filed["route"], filed["status"]) == ("/api/file/{document_id:path}", 200)
    assert (cited["route"], cited["status"]) == ("/api/source/{citation:path}", 404)
    assert asked.get("question") == (QUESTION["question"] if what else None)
    assert "secret" not in errors and "faq.txt" not in errors and ("toxic" in errors) == bool(what)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here, which stands for a full disk")
def test_answers_go_on_when_the_disk_for_logs_is_full(corpus: Path, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process, address = start(corpus, tmp_path, full)
        assert [ask(address).status_code for _ in range(3)] == [200] * 3
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
