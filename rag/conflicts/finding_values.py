"""The JSON of conflicts and versions, the same from the command line, over HTTP and for assistants."""

from typing import Any

from rag.conflicts.finding import Conflict, Findings, Side, Versions
from rag.conflicts.versions import written_date
from rag.index.entries import Entry
from rag.records import Location


def findings_values(findings: Findings, *, limit: int | None = None) -> dict[str, Any]:
    """All that was found, or at most `limit` conflicts."""
    return {
        "documents": findings.documents,
        "sentences": findings.sentences,
        "embedded": findings.embedded,
        "total": len(findings.conflicts),
        "conflicts": [conflict_values(conflict) for conflict in findings.conflicts[:limit]],
        "versions": [_version_values(versions) for versions in findings.versions],
    }


def conflict_values(conflict: Conflict) -> dict[str, Any]:
    """`newer` says that the first side is known to be the newer one."""
    sides = [_side_values(side) for side in (conflict.first, conflict.second)]
    return {"kind": conflict.kind, "summary": conflict.summary, "score": conflict.score, "newer": conflict.newer, "sides": sides}


def _side_values(side: Side) -> dict[str, Any]:
    """`differing` are the differing words as offsets within the quote."""
    return {
        **_location_values(side.places[0]),
        "differing": [[span.start, span.end] for span in side.marks],
        "dated": written_date(side.date),
        "also": [_location_values(location) for location in side.places[1:]],
    }


def _location_values(location: Location) -> dict[str, Any]:
    return {
        "document_id": location.document_id,
        "title": location.title,
        "start": location.span.start,
        "end": location.span.end,
        "quote": location.quote,
        "page": location.page,
        "headings": list(location.headings),
        "digest": location.digest,
    }


def _version_values(versions: Versions) -> dict[str, Any]:
    return {
        "newer": _document_values(versions.newer),
        "older": _document_values(versions.older),
        "known": versions.known,
        "why": versions.why,
        "changes": [conflict_values(change) for change in versions.changes],
    }


def _document_values(entry: Entry) -> dict[str, str]:
    return {"document_id": entry.id, "title": entry.title, "digest": entry.digest}
