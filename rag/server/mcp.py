"""Tools for assistants by the Model Context Protocol: ask, search, give overviews, show sources, list documents. Read-only."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from rag.answering.overview_requests import MOST_SENTENCES
from rag.conflicts.finding_values import findings_values
from rag.conversation import Chat
from rag.errors import MatrixError, RagError, SettingsError
from rag.overview.covering import SENTENCES
from rag.question_queue import QuestionQueue
from rag.records import LONGEST_QUESTION, Answer
from rag.review.conflict_check import checked_conflicts
from rag.review.matrix import make_matrix, plan_matrix
from rag.review.matrix_values import matrix_values
from rag.review.watch_changes import changes_of, report_values
from rag.review.watch_list import load_watch_list
from rag.server.api import MOST_NAMES, Name, listed_documents
from rag.server.authentication import curators_only
from rag.server.limits import outcome
from rag.server.matrix_api import matrix_turn
from rag.server.problems import Problem
from rag.server.unanswered_api import unanswered_for_assistants
from rag.sources import reference, source_view
from rag.wire import answer_values, hit_values

ABOUT = (
    "Answers questions about a collection of documents in exact sentences of them, each with a citation, "
    "or says that the documents do not answer. "
    "Quote the sentences unchanged and name their document. `get_source` shows the text around a citation."
)
MOST_CELLS = 60  # of a matrix: some ten seconds of reading
USER = "an assistant"  # whoever uses it; no account can have this name
Text = Annotated[str, Field(max_length=LONGEST_QUESTION)]
Documents = Annotated[
    list[Name] | None,
    Field(
        max_length=MOST_NAMES,
        description='search only these: ids, folders ("reports/"), patterns ("*.md") or languages ("language:de")',
    ),
]


def tools_server(questions: QuestionQueue) -> Any:
    """An MCPServer. Raises SettingsError if the package `mcp` is not installed."""
    try:
        from mcp.server import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
        from mcp.types import ToolAnnotations
    except ImportError:
        raise SettingsError('tools for assistants need the package mcp; run `pip install "quoted-answers[mcp]"`') from None
    server = MCPServer("rag", title="Ask your documents", instructions=ABOUT, log_level="WARNING")

    def tool_error(error: Exception) -> Exception:
        return ToolError(str(error))

    for tool in _tools(questions, tool_error):
        hints = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
        server.add_tool(tool, annotations=hints, structured_output=True)
    return server


def _tools(questions: QuestionQueue, tool_error: Callable[[Exception], Exception]) -> list[Callable[..., Any]]:
    chat, seconds = questions.chat, questions.chat.settings.server.answer_seconds

    @contextmanager
    def tool_errors() -> Iterator[None]:
        try:
            yield
        except (RagError, Problem) as error:
            raise tool_error(error) from None

    async def ask(question: Text, documents: Documents = None) -> dict[str, Any]:
        """Answer a question in exact sentences of the documents with numbered citations, or abstain with the reason."""
        with tool_errors():
            asked = await run_in_threadpool(questions.ask, USER, question, documents=documents)
            return _with_references(await outcome(asked, seconds))

    async def search(query: Text, k: Annotated[int, Field(ge=1, le=100)] = 10, documents: Documents = None) -> dict[str, Any]:
        """Find the best passages for a query."""
        with tool_errors():
            hits = await outcome(questions.search(USER, query, k=k, documents=documents), seconds)
            return {"hits": [hit_values(hit) for hit in hits]}

    async def get_source(citation: Annotated[str, Field(description="the `source` of a citation")]) -> dict[str, Any]:
        """Show a cited sentence with the text around it."""
        with tool_errors():
            view = await run_in_threadpool(lambda: source_view(chat.index(), citation))
        if "error" in view:
            raise tool_error(ValueError(view["error"]))
        return view

    async def list_documents() -> dict[str, Any]:
        """List the documents that can be searched."""
        with tool_errors():
            return await run_in_threadpool(listed_documents, chat)

    async def evidence_matrix(
        questions: Annotated[list[Text], Field(min_length=1, max_length=MOST_CELLS)], documents: Documents = None
    ) -> dict[str, Any]:
        """Put questions to each document by itself: its best sentence for each, or "stated": false. For small matrices only."""
        with tool_errors():
            return await run_in_threadpool(_small_matrix, chat, questions, documents)

    tools = (_overview_tool(questions, tool_errors), _changes_tool(chat, tool_errors))
    more = (*tools, _unanswered_tool(chat, tool_errors), _conflicts_tool(chat, tool_errors))
    return [ask, search, get_source, list_documents, evidence_matrix, *more]


def _overview_tool(questions: QuestionQueue, tool_errors: Callable[[], AbstractContextManager[None]]) -> Callable[..., Any]:
    seconds = questions.chat.settings.server.answer_seconds

    async def overview(
        document: Annotated[Name, Field(description='a document by its id or title, a folder ("reports/") or a pattern')],
        sentences: Annotated[int, Field(ge=1, le=MOST_SENTENCES)] = SENTENCES,
    ) -> dict[str, Any]:
        """Show what is in a document or folder: the exact sentences that cover most of its terms, with lists of facts."""
        with tool_errors():
            return _with_references(await outcome(questions.overview(USER, document, sentences), seconds))

    return overview


def _changes_tool(chat: Chat, tool_errors: Callable[[], AbstractContextManager[None]]) -> Callable[..., Any]:
    async def changed_answers() -> dict[str, Any]:
        """List the watched questions whose answers changed with the documents: the old answer, the new one and what caused it."""
        with tool_errors():
            watch_list = await run_in_threadpool(load_watch_list, chat.settings.watched_file)
            return report_values(watch_list, changes_of(watch_list))

    return changed_answers


def _unanswered_tool(chat: Chat, tool_errors: Callable[[], AbstractContextManager[None]]) -> Callable[..., Any]:
    async def list_unanswered() -> dict[str, Any]:
        """List the questions that got no answer, or a weak one, grouped by likeness and each with the closest sentences."""
        with tool_errors():
            return await run_in_threadpool(unanswered_for_assistants, chat)

    return list_unanswered


def _conflicts_tool(chat: Chat, tool_errors: Callable[[], AbstractContextManager[None]]) -> Callable[..., Any]:
    from mcp.server.mcpserver import Context

    async def find_conflicts(
        context: Context[Any, Any], documents: Documents = None, limit: Annotated[int, Field(ge=1, le=100)] = 20
    ) -> dict[str, Any]:
        """List sentences that say the same but for a number, unit, date, name or negation, and versions of one document."""
        with tool_errors():
            if request := context.request_context.request:  # None over standard input
                curators_only(request)
            return findings_values(await run_in_threadpool(checked_conflicts, chat, documents), limit=limit)

    return find_conflicts


def _small_matrix(chat: Chat, questions: Sequence[str], documents: Sequence[str] | None) -> dict[str, Any]:
    """The matrix's values without their digest, which is for files; each citation has the `source` that `get_source` takes."""
    plan = plan_matrix(chat, questions, documents)
    if plan.size > MOST_CELLS:
        raise MatrixError(f"{plan.size:,} cells are too many, at most {MOST_CELLS}; name fewer documents or questions")
    with matrix_turn():
        matrix = make_matrix(plan)
    values = matrix_values(matrix)
    for row, cells in zip(values["cells"], matrix.cells, strict=True):
        for entry, cell in zip(row, cells, strict=True):
            if cell.citation:
                entry["citation"]["source"] = reference(cell.citation)
    del values["digest"]
    return values


def _with_references(answer: Answer) -> dict[str, Any]:
    """The answer's values; each citation has the `source` that `get_source` takes."""
    values: dict[str, Any] = dict(answer_values(answer))
    for name, citations in (("citations", answer.citations), ("more", answer.more), ("closest", answer.closest)):
        for entry, citation in zip(values[name], citations, strict=True):
            entry["source"] = reference(citation)
    return values


def add_tools(app: FastAPI, questions: QuestionQueue) -> None:
    """Adds the tools at /mcp. The application around them checks hosts, origins and logins."""
    from mcp.server.transport_security import TransportSecuritySettings

    server = tools_server(questions)
    unchecked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    served = server.streamable_http_app(stateless_http=True, json_response=True, transport_security=unchecked)
    app.router.routes.extend(served.routes)
    before = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[Any]:
        async with before(application) as state, server.session_manager.run():
            yield state

    app.router.lifespan_context = lifespan
