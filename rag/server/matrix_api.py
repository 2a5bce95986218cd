"""The evidence matrix over HTTP: its cells one by one as they are read, in JSON lines."""

import threading
from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from rag.errors import MatrixError, RagError, ServerBusy
from rag.library import Library
from rag.records import LONGEST_QUESTION
from rag.review.matrix import MOST_QUESTIONS, MatrixPlan, fill, plan_matrix
from rag.review.matrix_readings import KeptReadings
from rag.review.matrix_values import cell_values, document_values, question_values
from rag.server.api import MOST_NAMES, Name
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

    @router.post("/matrix", response_class=StreamingResponse)
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
        lines = _lines(plan)
        begun = chain([next(lines)], lines)  # what is refused is refused with a status, before the stream
        return StreamingResponse(map(json_line, begun), media_type="application/x-ndjson")


def _lines(plan: MatrixPlan) -> Iterator[dict[str, Any]]:
    """Raises ServerBusy, at first, while another matrix is made."""
    kept = KeptReadings(plan.chat.settings.index, model=plan.chat.embedder.identity.digest)
    if not _one_at_a_time.acquire(blocking=False):
        kept.close()
        raise ServerBusy("another matrix is being made", RETRY_AFTER)
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
    finally:
        kept.close()
        _one_at_a_time.release()
