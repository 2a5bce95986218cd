"""Nothing leaves the machine: building, asking and serving attempt no connection to another host."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# Runs in its own process, so that the sockets are patched before anything else is imported.
WATCHED_SESSION = """
import socket, sys
attempts = []
def watch(name):
    real = getattr(socket.socket, name)
    def watched(self, address, *rest):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(("127.", "::1")):
            attempts.append(address)
            raise OSError("no network in this test")
        return real(self, address, *rest)
    setattr(socket.socket, name, watched)
for name in ("connect", "connect_ex", "sendto"):
    watch(name)
real_lookup = socket.getaddrinfo
def lookup(host, *rest, **named):
    if host not in ("127.0.0.1", "localhost", "::1", None):
        attempts.append(host)
        raise socket.gaierror("no name resolution in this test")
    return real_lookup(host, *rest, **named)
socket.getaddrinfo = lookup

import time
from rag import Library
library = Library.open(corpus=sys.argv[1], index=sys.argv[2])
library.build()
answer = library.ask("How often should a fern be repotted?")
from rag.server.app import create_app
from fastapi.testclient import TestClient
page = TestClient(create_app(library), base_url="http://127.0.0.1").get("/")
# here
time.sleep(1)  # gradio would contact its maker's server from a thread
print(answer.text, page.status_code, attempts)
"""


def last_line(session: str, corpus: Path, folder: Path) -> str:
    command = [sys.executable, "-c", session, str(corpus), str(folder / "index")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    return ran.stdout.splitlines()[-1]


def test_no_socket_leaves_loopback_during_build_ask_and_serve(corpus: Path, tmp_path: Path) -> None:
    line = last_line(WATCHED_SESSION, corpus, tmp_path)
    assert line.startswith("Repot a fern every two years. [1]") and line.endswith(" 200 []")


def test_the_watch_would_see_a_connection(corpus: Path, tmp_path: Path) -> None:
    fetch = "from urllib.request import urlopen\ntry: urlopen('http://example.com')\nexcept OSError: pass\n"
    assert last_line(WATCHED_SESSION.replace("# here", fetch), corpus, tmp_path).endswith("['example.com']")
