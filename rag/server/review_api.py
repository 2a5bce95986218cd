"""The routes of the Review tab's features: what changed, what disagrees, what each document says, what was not answered."""

from typing import Any

from fastapi import APIRouter, FastAPI

from rag.library import Library
from rag.review.watch_changes import changes_of, list_values, report_values
from rag.review.watch_list import load_watch_list
from rag.server.api import REFUSALS
from rag.server.conflicts_api import add_conflicts
from rag.server.matrix_api import add_matrix
from rag.server.unanswered_api import add_unanswered


def add_review_api(app: FastAPI, library: Library) -> None:
    """Adds the routes under /api/v1/… and the same under /api/… for the latest version."""
    app.include_router(_router("/api/v1", library), responses=REFUSALS)
    app.include_router(_router("/api", library), include_in_schema=False)


def _router(prefix: str, library: Library) -> APIRouter:
    router = APIRouter(prefix=prefix, tags=["review"])
    add_matrix(router, library)
    add_unanswered(router, library)
    add_conflicts(router, library)

    @router.get("/watched")
    def watched() -> dict[str, Any]:
        """Lists the watched questions with their latest answers."""
        return list_values(load_watch_list(library.settings.watched_file))

    @router.get("/changes")
    def changes() -> dict[str, Any]:
        """Lists the watched questions whose answers changed: the old answer, the new one, and the documents that caused it."""
        watch_list = load_watch_list(library.settings.watched_file)
        return report_values(watch_list, changes_of(watch_list))

    return router
