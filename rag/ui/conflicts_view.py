"""Conflicts and versions of documents as HTML, the sentences side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from rag.answering.wording import place
from rag.conflicts.finding import Conflict, Findings, Side, Versions
from rag.conflicts.versions import written_date
from rag.index.entries import Entry
from rag.sources import reference
from rag.templates import render
from rag.ui.paging import table_page

MOST_CHANGES = 20  # of a pair of versions


@dataclass(frozen=True)
class ShownSide:
    """`pieces` are (text, differs); `others` further places of the same sentence."""

    pieces: Sequence[tuple[str, bool]]
    reference: str
    place: str
    dated: str
    others: int


@dataclass(frozen=True)
class ShownConflict:
    kind: str
    newer: bool
    sides: Sequence[ShownSide]


@dataclass(frozen=True)
class ShownVersions:
    newer: Entry
    older: Entry
    known: bool
    why: str
    changes: Sequence[ShownConflict]
    more: int


def conflicts_html(findings: Findings, *, page: int) -> Markup:
    shown, table = table_page(findings.conflicts, page)
    conflicts = [_shown(conflict) for conflict in shown]
    versions = [_versions(pair) for pair in findings.versions] if table.page == 0 else []
    return render("page/conflicts.html", findings=findings, conflicts=conflicts, versions=versions, table=table)


def _versions(pair: Versions) -> ShownVersions:
    changes = [_shown(change) for change in pair.changes[:MOST_CHANGES]]
    return ShownVersions(pair.newer, pair.older, pair.known, pair.why, changes, len(pair.changes) - len(changes))


def _shown(conflict: Conflict) -> ShownConflict:
    return ShownConflict(conflict.kind, conflict.newer, [_side(conflict.first), _side(conflict.second)])


def _side(side: Side) -> ShownSide:
    first = side.places[0]
    where = place(first.document_id, first.page, first.headings)
    return ShownSide(side.pieces, reference(first), where, written_date(side.date), len(side.places) - 1)
