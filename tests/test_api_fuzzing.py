"""Requests made from our own OpenAPI schema, valid and not: every one gets an answer or a refusal, never a server error."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from starlette.types import Receive, Scope, Send

from rag.server.app import create_app
from tests.conftest import library_of
from tests.serving import word_chat

pytestmark = pytest.mark.slow
HOST = {"Host": "127.0.0.1"}
EXAMPLES = 500  # for each operation
OPERATIONS = [
    ("DELETE", "/api/v1/unanswered"), ("GET", "/api/v1/changes"), ("GET", "/api/v1/conflicts"), ("GET", "/api/v1/documents"),
    ("GET", "/api/v1/file/{document_id}"), ("GET", "/api/v1/overview"), ("GET", "/api/v1/search"), ("GET", "/api/v1/source/{citation}"),
    ("GET", "/api/v1/unanswered"), ("GET", "/api/v1/watched"), ("GET", "/healthz"), ("GET", "/metrics"), ("GET", "/readyz"),
    ("POST", "/api/v1/ask"), ("POST", "/api/v1/matrix"),
]  # fmt: skip


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("fuzzing")
    corpus = folder / "corpus"
    corpus.mkdir()
    (corpus / "faq.txt").write_text("Are ferns toxic to cats?\n\nTrue ferns are safe for cats.\n", encoding="utf-8")
    app = create_app(library_of(word_chat(corpus, folder, requests_a_minute=0)))

    async def running(scope: Scope, receive: Receive, send: Send) -> None:
        """The application, which schemathesis would start and stop around its first request."""
        if scope["type"] == "http":
            await app(scope, receive, send)

    yield schemathesis.openapi.from_asgi("/api/openapi.json", running, headers=HOST)


def test_the_operations_below_are_all_there_are(schema: Any) -> None:
    assert sorted((result.ok().method.upper(), result.ok().path) for result in schema.get_all_operations()) == OPERATIONS


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_request_is_a_server_error(method: str, path: str, schema: Any) -> None:
    operation = schema[path][method]
    modes = [operation.as_strategy(generation_mode=mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)]
    seen: set[int] = set()

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(st.one_of(*modes))
    def ask(case: Any) -> None:
        response = case.call(headers=HOST)
        assert response.status_code < 500, response.text
        seen.add(response.status_code)

    ask()
    assert seen
