"""Conflicts over HTTP, for curators."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from rag.conflicts.finding_values import findings_values
from rag.library import Library
from rag.review.conflict_check import checked_conflicts
from rag.server.api import MOST_NAMES, Name
from rag.server.authentication import curators_only

MOST_CONFLICTS = 1_000


def add_conflicts(router: APIRouter, library: Library) -> None:
    """Adds GET /conflicts."""

    @router.get("/conflicts", dependencies=[Depends(curators_only)])
    def conflicts(
        documents: Annotated[list[Name] | None, Query(max_length=MOST_NAMES)] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_CONFLICTS)] = 100,
    ) -> dict[str, Any]:
        """Lists sentences that contradict each other, best first, and versions of documents. The first request takes minutes."""
        return findings_values(checked_conflicts(library.chat, documents), limit=limit)
