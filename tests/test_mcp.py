"""The tools for assistants, asked by the official client: over standard input and output, and over HTTP."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

mcp = pytest.importorskip("mcp")
httpx = pytest.importorskip("httpx2")  # what that client uses
from mcp import Client, StdioServerParameters  # noqa: E402
from mcp.client.stdio import stdio_client  # noqa: E402
from mcp.client.streamable_http import streamable_http_client  # noqa: E402

from rag.config import Settings  # noqa: E402
from rag.errors import SettingsError  # noqa: E402
from rag.question_queue import QuestionQueue  # noqa: E402
from rag.server.matrix_api import matrix_turn  # noqa: E402
from rag.server.mcp import tools_server  # noqa: E402
from tests.conftest import ROOT  # noqa: E402
from tests.serving import served, two_users, word_chat  # noqa: E402

QUESTION = "Are ferns toxic to cats?"


async def ask_all(client: Any, question: str) -> dict[str, Any]:
    """Uses every tool, as an assistant would."""
    tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == {
        "ask",
        "search",
        "overview",
        "get_source",
        "list_documents",
        "evidence_matrix",
        "changed_answers",
        "list_unanswered",
        "find_conflicts",
    }
    assert all(tool.annotations.read_only_hint and not tool.annotations.destructive_hint for tool in tools)
    answer = (await client.call_tool("ask", {"question": question})).structured_content
    source = (await client.call_tool("get_source", {"citation": answer["citations"][0]["source"]})).structured_content
    hits = (await client.call_tool("search", {"query": question, "k": 2})).structured_content["hits"]
    documents = (await client.call_tool("list_documents", {})).structured_content["documents"]
    asked = {"questions": [question], "documents": [answer["citations"][0]["document_id"]]}
    matrix = (await client.call_tool("evidence_matrix", asked)).structured_content
    document = answer["citations"][0]["document_id"]
    overview = (await client.call_tool("overview", {"document": document, "sentences": 2})).structured_content
    cited = (await client.call_tool("get_source", {"citation": overview["citations"][0]["source"]})).structured_content
    assert cited["sentence"] == overview["citations"][0]["quote"] and overview["overview"]["documents"] == [document]
    wrong = [
        await client.call_tool("evidence_matrix", {"questions": [question] * 60}),
        await client.call_tool("overview", {"document": "nothere.md"}),
        await client.call_tool("get_source", {"citation": "nonsense"}),
        await client.call_tool("search", {"query": "x", "k": 1000}),
        await client.call_tool("ask", {"question": "x" * 5000}),
    ]
    assert all(result.is_error for result in wrong)
    return {"answer": answer, "source": source, "hits": hits, "documents": documents, "matrix": matrix}


def check(found: dict[str, Any]) -> None:
    (cited,) = found["answer"]["citations"]
    assert found["source"]["sentence"] == cited["quote"] == "True ferns are safe for cats."
    assert len(found["hits"]) == 2 and found["hits"][0]["document_id"] == "faq.txt"
    (((cell,),),) = (found["matrix"]["cells"],)
    assert cell["citation"]["source"] == cited["source"]
    assert [one["id"] for one in found["documents"]] == ["faq.txt", "guide.md"]


def test_all_tools_in_one_process(corpus: Path, tmp_path: Path) -> None:
    async def main() -> None:
        async with Client(tools_server(QuestionQueue(word_chat(corpus, tmp_path)))) as client:
            check(await ask_all(client, QUESTION))

    asyncio.run(main())


def over_http(address: tuple[str, int], use: Callable[[Any], Awaitable[Any]], **headers: str) -> Any:
    async def main() -> Any:
        async with httpx.AsyncClient(headers=headers) as http:
            transport = streamable_http_client(f"http://{address[0]}:{address[1]}/mcp", http_client=http)
            async with Client(transport) as client:
                return await use(client)

    return asyncio.run(main())


@pytest.mark.slow
def test_over_http(corpus: Path, tmp_path: Path) -> None:
    with served(word_chat(corpus, tmp_path, mcp=True)) as address:
        check(over_http(address, lambda client: ask_all(client, QUESTION)))
        refused = httpx.post(f"http://{address[0]}:{address[1]}/mcp", json={}, headers={"Origin": "http://evil.example"})
        assert refused.status_code == 403


@pytest.mark.slow
def test_over_http_with_a_token(corpus: Path, tmp_path: Path) -> None:
    accounts = two_users(tmp_path / "users.json")
    token = accounts.make_token("rita", "assistant")
    with served(word_chat(corpus, tmp_path, mcp=True)) as address:
        assert httpx.post(f"http://{address[0]}:{address[1]}/mcp", json={}).status_code == 401
        check(over_http(address, lambda client: ask_all(client, QUESTION), Authorization=f"Bearer {token}"))
        refused = over_http(address, _conflicts, Authorization=f"Bearer {token}")
        assert refused.is_error and "only curators may do this" in refused.content[0].text
        curator = accounts.make_token("carl", "assistant")
        assert over_http(address, _conflicts, Authorization=f"Bearer {curator}").structured_content["total"] == 0


async def _conflicts(client: Any) -> Any:
    return await client.call_tool("find_conflicts", {})


def test_a_matrix_waits_for_that_of_another_program(corpus: Path, tmp_path: Path) -> None:
    async def main() -> None:
        async with Client(tools_server(QuestionQueue(word_chat(corpus, tmp_path)))) as client:
            with matrix_turn():
                busy = await client.call_tool("evidence_matrix", {"questions": [QUESTION]})
            assert busy.is_error and "another matrix is being made" in str(busy.content[0])
            assert not (await client.call_tool("evidence_matrix", {"questions": [QUESTION]})).is_error
            assert (await _conflicts(client)).structured_content["total"] == 0

    asyncio.run(main())


@pytest.mark.slow
def test_over_standard_input_and_output(handbook: Settings, tmp_path: Path) -> None:
    command = ["-m", "rag", "mcp", "--corpus", str(handbook.corpus), "--index", str(handbook.index)]
    parameters = StdioServerParameters(
        command=sys.executable, args=command, cwd=str(tmp_path), env={"PYTHONPATH": str(ROOT), "PATH": ""}
    )

    async def main() -> dict[str, Any]:
        async with Client(stdio_client(parameters)) as client:
            return await ask_all(client, "How fast do nerves regrow?")

    found = asyncio.run(main())
    cited = found["answer"]["citations"][0]
    assert (
        found["source"]["sentence"] == cited["quote"] and cited["quote"] in (handbook.corpus / cited["document_id"]).read_text()
    )


def test_without_the_package_the_command_says_what_to_install(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    with pytest.raises(SettingsError, match=r"pip install \"quoted-answers\[mcp\]\""):
        tools_server(QuestionQueue(word_chat(corpus, tmp_path)))
