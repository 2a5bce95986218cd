"""Unanswered questions as HTML."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from rag.answering.wording import place
from rag.index.contents import Index
from rag.review.unanswered import Closest, Group, closest_of
from rag.review.unanswered_log import MOST_KEPT, UnansweredFile
from rag.templates import render
from rag.ui.paging import table_page


@dataclass(frozen=True)
class _ShownGroup:
    group: Group
    headline: str
    closest: Sequence[tuple[Closest, str]]


def unanswered_html(groups: Sequence[Group], log: UnansweredFile, index: Index, *, page: int, left: int, logged: bool) -> Markup:
    """One page of the groups; `left` questions were not asked of this build."""
    shown, table = table_page(groups, page)
    rows = [_ShownGroup(group, _headline(group), [(c, _place(c)) for c in closest_of(group, index)]) for group in shown]
    return render("page/unanswered.html", rows=rows, table=table, log=log, left=left, logged=logged, most=MOST_KEPT)


def _headline(group: Group) -> str:
    """ "These 14 questions found nothing, asked 20 times." """
    number = len(group.questions)
    which = "This question" if number == 1 else f"These {number} questions"
    if group.refused == number:
        found = "found nothing"
    elif not group.refused:
        found = "got only weak answers" if number > 1 else "got only a weak answer"
    else:
        found = f"found little: {group.refused} nothing, {number - group.refused} a weak answer"
    times = f", asked {group.times} times" if group.times > number else ""
    users = f" by {group.users} users" if group.users > 1 else ""
    return f"{which} {found}{times}{users}."


def _place(closest: Closest) -> str:
    return place(closest.document_id, closest.page, closest.headings)
