"""Error responses: {"error": {"code", "message"}} with the matching status."""

import re
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from rag.errors import MatrixError, RagError, SelectionError, ServerBusy


class Problem(Exception):
    """A refused request, with the status and message of the response."""

    def __init__(self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, headers

    def response(self) -> JSONResponse:
        return problem(self.status, self.code, str(self), headers=self.headers)


def problem(status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status, headers=headers)


def code_of(error: RagError) -> str:
    """The name of the error in snake case: `index_missing` for IndexMissing."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()


def add_handlers(app: FastAPI) -> None:
    """Gives every error of the API the same form. Unforeseen ones reveal nothing but the id of the request."""

    @app.exception_handler(Problem)
    def refused(request: Request, error: Problem) -> JSONResponse:  # noqa: ARG001 - FastAPI passes it
        return error.response()

    @app.exception_handler(RagError)
    def ours(request: Request, error: RagError) -> JSONResponse:  # noqa: ARG001
        if isinstance(error, ServerBusy):
            return problem(503, "busy", str(error), headers={"Retry-After": str(error.seconds)})
        return problem(422 if isinstance(error, SelectionError | MatrixError) else 503, code_of(error), str(error))

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> JSONResponse:  # noqa: ARG001
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        return problem(422, "malformed_request", f"{where or 'the body'}: {first['msg'].lower()}")

    @app.exception_handler(HTTPException)
    def foreseen(request: Request, error: HTTPException) -> JSONResponse:  # noqa: ARG001
        return problem(error.status_code, f"http_{error.status_code}", str(error.detail).lower(), headers=error.headers)

    @app.exception_handler(Exception)
    def unforeseen(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
        number = request.scope["state"].get("request_id", "")
        return problem(500, "internal_error", f"something went wrong; the server's log has the details of request {number}")
