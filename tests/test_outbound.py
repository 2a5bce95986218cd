"""Attempts to reach other machines are counted from the start of the server, and gradio makes none."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rag.outbound import outbound_count, watch_outbound
from tests.conftest import ROOT

OFFLINE = """
import os, sys
from pathlib import Path
{before}
import rag.ui.page  # imports gradio
assert "GRADIO_ANALYTICS_ENABLED" not in os.environ, "importing sets nothing"
from rag.outbound import outbound_count, watch_outbound
from tests.conftest import library_of
from tests.serving import word_chat
chat = word_chat(Path(sys.argv[1]), Path(sys.argv[2]))
assert outbound_count() is None
from rag.server.app import create_app
watch_outbound()
app = create_app(library_of(chat))
from gradio.analytics import analytics_enabled
from huggingface_hub import constants
page = next(route.app for route in app.routes if hasattr(getattr(route, "app", None), "get_blocks")).get_blocks()
print(analytics_enabled(), page.analytics_enabled, constants.HF_HUB_OFFLINE, constants.HF_HUB_DISABLE_TELEMETRY, outbound_count())
"""


def test_attempts_to_reach_other_machines_are_counted() -> None:
    watch_outbound()
    before = outbound_count()
    assert before is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as loopback:
        loopback.connect(("127.0.0.1", 9))
    assert outbound_count() == before
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outside:
        outside.connect_ex(("192.0.2.1", 9))  # sets a datagram's address without sending a packet
    assert outbound_count() == before + 1
    watch_outbound()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outside:
        outside.connect_ex(("192.0.2.1", 9))
    assert outbound_count() == before + 2, "counted once, however often watching was started"


@pytest.mark.slow
@pytest.mark.parametrize("before", ["", "import gradio, huggingface_hub.constants"], ids=["gradio later", "gradio first"])
def test_gradio_sends_nothing_whenever_it_was_imported(before: str, corpus: Path, tmp_path: Path) -> None:
    names = ("GRADIO_", "HF_HUB_", "TRANSFORMERS_OFFLINE", "DISABLE_TELEMETRY")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(names)} | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OFFLINE.format(before=before), str(corpus), str(tmp_path)],
        env=environment, cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.stdout.split() == ["False", "False", "True", "True", "0"]
