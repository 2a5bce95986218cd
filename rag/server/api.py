"""The HTTP API: `rag ask --json`, `rag search --json` and sources, over HTTP. Read-only."""

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, JSONResponse, Response

from rag.answering.overview_requests import MOST_SENTENCES
from rag.conversation import Chat
from rag.errors import DocumentError, RagError, UnreadableFile
from rag.loading.process.safe_open import checked_path, holding_file
from rag.overview.covering import SENTENCES
from rag.question_queue import QuestionQueue
from rag.records import LONGEST_QUESTION
from rag.server.limits import outcome
from rag.server.monitoring import Measures
from rag.server.problems import Problem, code_of, problem
from rag.sources import source_view
from rag.storage.files import sha256_file
from rag.wire import answer_values, hit_values

MOST_NAMES = 1_000  # that a search can be limited to
LONGEST_TURN = 20_000  # characters: an answer of many long sentences
# Formats that a browser may display. Any other could contain scripts, so it is only offered as a download.
SHOWN_INLINE = {
    ".txt": "text/plain",
    ".text": "text/plain",
    ".md": "text/plain",
    ".markdown": "text/plain",
    ".pdf": "application/pdf",
}

Name = Annotated[str, Field(max_length=1_000)]


class Turn(BaseModel):
    """An earlier turn; an agent's may carry the query it answered, its citations and its readings."""

    speaker: Literal["user", "agent"]
    text: str = Field(max_length=LONGEST_TURN)
    query: str | None = Field(None, max_length=LONGEST_QUESTION)
    citations: list[dict[str, Any]] | None = Field(None, max_length=100)
    readings: list[Annotated[str, Field(max_length=LONGEST_QUESTION)]] | None = Field(None, max_length=20)


class Question(BaseModel):
    model_config = ConfigDict(extra="forbid")

    question: str = Field(max_length=LONGEST_QUESTION)
    history: list[Turn] = Field([], max_length=100, description="oldest first")
    documents: list[Name] | None = Field(
        None,
        max_length=MOST_NAMES,
        description='search only these: ids, folders ("reports/"), patterns ("*.md") or languages ("language:de")',
    )
    query: str | None = Field(
        None, max_length=LONGEST_QUESTION, description="searched instead, as it is; for a question offered to choose, its text"
    )
    correct: bool = Field(True, description="search misspelt words as the documents spell them; false: as typed")


class Citation(BaseModel):
    """`quote` is the document's text from `start` to `end`, in code points."""

    model_config = ConfigDict(extra="allow")

    number: int
    document_id: str
    title: str
    start: int
    end: int
    quote: str
    headings: list[str]
    page: int | None
    digest: str


class Answered(BaseModel):
    """Quoted sentences, each with a citation; or an abstention and its reason."""

    model_config = ConfigDict(extra="allow")

    question: str
    query: str
    abstained: bool
    reason: str | None
    message: str
    confidence: float
    text: str
    citations: list[Citation]
    index: str


class Refused(BaseModel):
    """The body of every error response."""

    error: dict[Literal["code", "message"], str]


REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refused, "description": description}
    for status, description in {
        401: "no session and no token", 403: "only for curators", 404: "not found", 413: "too large", 422: "malformed",
        429: "too many requests; see Retry-After", 503: "no index, or the queue of questions is full; see Retry-After",
    }.items()
}  # fmt: skip


def add_api(app: FastAPI, questions: QuestionQueue, measures: Measures) -> None:
    """Adds /api/v1/…, the same under /api/… for the latest version, /healthz, /readyz and /metrics."""
    chat = questions.chat
    app.include_router(_router("/api/v1", questions, measures), responses=REFUSALS)
    app.include_router(_router("/api", questions, measures), include_in_schema=False)

    @app.api_route("/api/{rest:path}", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    async def no_endpoint(rest: str) -> None:  # noqa: ARG001 - names the route, which gradio would answer otherwise
        raise Problem(404, "not_found", "no such endpoint, or not with this method")

    @app.get("/healthz", tags=["operation"])
    async def healthz() -> dict[str, str]:
        """The server is running."""
        return {"status": "live"}

    @app.get("/readyz", tags=["operation"])
    def readyz(request: Request) -> JSONResponse:
        """The server has an index to answer from; `trouble` says why it is not the newest one."""
        signed_in = request.scope["state"]["user"] is not None
        try:
            index = chat.index()
        except RagError as error:
            return problem(503, code_of(error), str(error) if signed_in else "there is no usable index")
        trouble = {"trouble": chat.trouble if signed_in else "the newest index cannot be used"} if chat.trouble else {}
        return JSONResponse({"status": "ready", "index": index.digest} | trouble)

    @app.get("/metrics", tags=["operation"])
    def metrics() -> Response:
        """Measures in Prometheus text format."""
        return Response(measures.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _router(prefix: str, questions: QuestionQueue, measures: Measures) -> APIRouter:
    router = APIRouter(prefix=prefix, tags=["questions"])
    chat, seconds = questions.chat, questions.chat.settings.server.answer_seconds

    @router.post("/ask", responses={200: {"model": Answered}})
    async def ask(question: Question, request: Request) -> JSONResponse:
        """Answers a question in exact sentences of the documents, or abstains."""
        request.scope["state"]["question"] = question.question
        history = [turn.model_dump(exclude_none=True) for turn in question.history]
        user = request.scope["state"]["user"].name
        # In a thread, because it loads a new index when there is one.
        named = {"history": history, **question.model_dump(include={"documents", "query", "correct"})}
        asked = await run_in_threadpool(questions.ask, user, question.question, **named)
        answer = await outcome(asked, seconds, request)
        measures.answered(answer)
        return JSONResponse(answer_values(answer))

    @router.get("/search")
    async def search(
        request: Request,
        q: Annotated[str, Query(max_length=LONGEST_QUESTION)],
        k: Annotated[int, Query(ge=1, le=100)] = 10,
        documents: Annotated[list[Name] | None, Query(max_length=MOST_NAMES)] = None,
    ) -> JSONResponse:
        """Returns the best passages for a query."""
        request.scope["state"]["question"] = q
        searched = questions.search(request.scope["state"]["user"].name, q, k=k, documents=documents)
        hits = await outcome(searched, seconds, request)
        return JSONResponse({"hits": [hit_values(hit) for hit in hits]})

    @router.get("/documents")
    def documents() -> JSONResponse:
        """Lists the documents that can be searched."""
        return JSONResponse(listed_documents(chat))

    @router.get("/source/{citation:path}")
    def source(citation: str) -> JSONResponse:
        """Returns a cited sentence with the text around it; `citation` is `digest:start:end:document_id`."""
        view = source_view(chat.index(), citation)
        if "error" in view:
            raise Problem(404, "no_source", view["error"])
        return JSONResponse(view)

    @router.get("/file/{document_id:path}", response_class=Response)
    def file(document_id: str, download: bool = False) -> Response:
        """Returns the original file of a document. Its ETag is the SHA-256 of the bytes, like the digest of a citation."""
        return _file(chat, document_id, download)

    _add_overview(router, questions)
    return router


def _add_overview(router: APIRouter, questions: QuestionQueue) -> None:
    seconds = questions.chat.settings.server.answer_seconds

    @router.get("/overview", responses={200: {"model": Answered}})
    async def overview(
        request: Request,
        document: Annotated[
            Name, Query(description='a document by its id or title, a folder ("reports/") or a pattern ("*.md")')
        ],
        sentences: Annotated[int, Query(ge=1, le=MOST_SENTENCES)] = SENTENCES,
    ) -> JSONResponse:
        """Returns the sentences that together cover most of the terms of a document or folder, with lists of facts."""
        try:
            overview = questions.overview(request.scope["state"]["user"].name, document, sentences)
            answer = await outcome(overview, seconds, request)
        except DocumentError as error:
            raise Problem(404, "no_document", str(error)) from None
        return JSONResponse(answer_values(answer))


def listed_documents(chat: Chat) -> dict[str, Any]:
    index = chat.index()
    listed = [
        {"id": entry.id, "title": entry.title, "passages": entry.passages, "language": entry.language, "digest": entry.digest}
        for entry in index.manifest.corpus.documents
    ]
    return {"documents": listed, "index": index.digest}


def _file(chat: Chat, document_id: str, download: bool) -> Response:
    if chat.index().entry_for(document_id) is None:
        raise Problem(404, "no_document", "there is no such document")
    missing = Problem(404, "no_file", f"{document_id} is in the index, but its file is gone; run `rag build`")
    try:
        file = checked_path(chat.settings.corpus, document_id)
        digest = sha256_file(file)
    except (UnreadableFile, OSError):  # it was deleted, or has become a link that leads out of the corpus
        raise missing from None
    path = PurePosixPath(holding_file(chat.settings.corpus, document_id))  # a member comes within its container
    media_type = None if download else SHOWN_INLINE.get(path.suffix.lower())
    disposition = "inline" if media_type else "attachment"
    headers = {"Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(path.name, safe='')}", "ETag": f'"{digest}"'}
    return FileResponse(file, media_type=media_type or "application/octet-stream", headers=headers)
