"""Nothing leaves the machine: every connection that building, asking and serving try to make is seen."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# Runs in a process of its own, so that nothing is imported before the sockets are watched.
WATCHED = """
import socket, sys
seen = []
def watch(name):
    real = getattr(socket.socket, name)
    def watched(self, address, *rest):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(("127.", "::1")):
            seen.append(address)
            raise OSError("no network in this test")
        return real(self, address, *rest)
    setattr(socket.socket, name, watched)
for name in ("connect", "connect_ex", "sendto"):
    watch(name)
real_lookup = socket.getaddrinfo
def lookup(host, *rest, **named):
    if host not in ("127.0.0.1", "localhost", "::1", None):
        seen.append(host)
        raise socket.gaierror("no names in this test")
    return real_lookup(host, *rest, **named)
socket.getaddrinfo = lookup

from pathlib import Path
from tests.conftest import library_of
from rag.config import Settings
from rag.conversation import Chat
from rag.models.embedder import ModelEmbedder
from rag.index.updating import Recipe, update_index
settings = Settings(corpus=Path(sys.argv[1]), index=Path(sys.argv[2]))
embedder = ModelEmbedder(settings.embedding)
update_index(settings.corpus, settings.index, Recipe(embedder, settings.passages))
chat = Chat(settings, embedder)
answer = chat.ask("How often should a fern be repotted?")
from rag.server.app import create_app
from fastapi.testclient import TestClient
page = TestClient(create_app(library_of(chat)), base_url="http://127.0.0.1").get("/")
import time
time.sleep(1)  # gradio asks its maker's server from a thread
print(answer.text, page.status_code, seen)
"""


def test_no_socket_leaves_loopback_during_build_ask_and_serve(corpus: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WATCHED, str(corpus), str(tmp_path / "index")],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert ran.stdout.splitlines()[-1] == "Repot a fern every two years. [1] 200 []"


def test_the_watch_would_see_a_connection(corpus: Path, tmp_path: Path) -> None:
    asking = WATCHED.replace(
        "import time",
        "from urllib.request import urlopen\ntry: urlopen('http://example.com')\nexcept OSError: pass\nimport time",
    )
    ran = subprocess.run(
        [sys.executable, "-c", asking, str(corpus), str(tmp_path / "index")],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert ran.stdout.splitlines()[-1].endswith("['example.com']")
