"""The evidence matrix over HTTP, for curators: its cells one by one as they are read, in JSON lines."""

import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from queue import SimpleQueue
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from rag.errors import MatrixError, RagError, ServerBusy
from rag.library import Library
from rag.records import LONGEST_QUESTION
from rag.review.matrix import MOST_QUESTIONS, MatrixPlan, fill, plan_matrix
from rag.review.matrix_readings import KeptReadings
from rag.review.matrix_values import cell_values, document_values, question_values
from rag.server.api import MOST_NAMES, Name
from rag.server.authentication import curators_only
from rag.server.problems import code_of
from rag.storage.files import json_line

MOST_CELLS_SERVED = 5_000  # of one request: some ten minutes of reading
RETRY_AFTER = 60  # seconds to wait before trying again while another matrix is made
_one_at_a_time = threading.Lock()


class MatrixQuestions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    questions: list[Annotated[str, Field(max_length=LONGEST_QUESTION)]] = Field(min_length=1, max_length=MOST_QUESTIONS)
    documents: list[Name] | None = Field(
        None, max_length=MOST_NAMES, description='only these: ids, folders ("reports/") or patterns ("*.md")'
    )


def add_matrix(router: APIRouter, library: Library) -> None:
    """Adds POST /matrix."""

    @router.post("/matrix", response_class=StreamingResponse, dependencies=[Depends(curators_only)])
    def matrix(asked: MatrixQuestions) -> StreamingResponse:
        """Puts questions to each document. One JSON object a line: the questions and documents, each cell, and "done".

        Cells are ordered by question, then by document. If the last line is not "done", it is the error.
        """
        plan = plan_matrix(library.chat, asked.questions, asked.documents)
        if plan.size > MOST_CELLS_SERVED:
            raise MatrixError(
                f"{plan.size:,} cells are too many for one request, which may have {MOST_CELLS_SERVED:,}; "
                "send fewer questions or documents"
            )
        return StreamingResponse(_streamed(plan), media_type="application/x-ndjson")


@contextmanager
def matrix_turn() -> Iterator[None]:
    """Raises ServerBusy while another matrix is made for a program."""
    if not _one_at_a_time.acquire(blocking=False):
        raise ServerBusy("another matrix is being made", RETRY_AFTER)
    try:
        yield
    finally:
        _one_at_a_time.release()


def _streamed(plan: MatrixPlan) -> Iterator[bytes]:
    """The matrix, made in a thread of its own: a client that does not read its lines holds up nobody.

    At most MOST_CELLS_SERVED lines wait to be read. Raises ServerBusy or ReadingsError at once, before the status is sent.
    """
    lines: SimpleQueue[bytes | None] = SimpleQueue()
    stopped = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(matrix_turn())
        kept = stack.enter_context(closing(KeptReadings(plan.chat.settings.index, model=plan.chat.embedder.identity.digest)))
        held = stack.pop_all()

    def make() -> None:
        try:
            with held, closing(_lines(plan, kept)) as made:
                for line in made:
                    lines.put(json_line(line))
                    if stopped.is_set():
                        break
        finally:
            lines.put(None)

    threading.Thread(target=make, name="matrix", daemon=True).start()
    return _received(lines, stopped)


def _received(lines: SimpleQueue[bytes | None], stopped: threading.Event) -> Iterator[bytes]:
    """Until None. If the client goes away, the matrix is stopped."""
    try:
        while (line := lines.get()) is not None:
            yield line
    finally:
        stopped.set()


def _lines(plan: MatrixPlan, kept: KeptReadings) -> Generator[dict[str, Any]]:
    try:
        yield {
            "questions": [question_values(asked) for asked in plan.questions],
            "documents": [document_values(document) for document in plan.documents],
            "index": plan.index.digest,
        }
        width = len(plan.documents)
        for number, cell in enumerate(fill(plan, kept, lambda what, done, total: None)):
            row, column = divmod(number, width)
            yield {"question": row, "document": column, **cell_values(cell)}
        yield {"done": True}
    except RagError as error:  # the status has been sent already
        yield {"error": {"code": code_of(error), "message": str(error)}}
