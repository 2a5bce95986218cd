"""The routes of the Review tab's features: what changed, what disagrees, what each document says, what was not answered."""

from fastapi import APIRouter, FastAPI

from rag.library import Library
from rag.server.api import REFUSALS
from rag.server.matrix_api import add_matrix


def add_review_api(app: FastAPI, library: Library) -> None:
    """Adds the routes under /api/v1/… and the same under /api/… for the latest version."""
    app.include_router(_router("/api/v1", library), responses=REFUSALS)
    app.include_router(_router("/api", library), include_in_schema=False)


def _router(prefix: str, library: Library) -> APIRouter:
    router = APIRouter(prefix=prefix, tags=["review"])
    add_matrix(router, library)
    return router
