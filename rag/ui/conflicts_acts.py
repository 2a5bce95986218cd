"""What the Review tab can do with conflicts: find them, in the background, and show them. The search is for curators."""

from rag.accounts.users import User
from rag.conflicts.finding import Findings
from rag.index.builds import Report
from rag.library import Library
from rag.review.conflict_check import checked_conflicts
from rag.ui.calls import Act, Acts, Reply, Request
from rag.ui.conflicts_view import conflicts_html
from rag.ui.documents_view import job_html
from rag.ui.jobs import Job

STOPPED = "Stopped. The documents read so far are kept: start again to go on."
NOT_A_CURATOR = "Only curators can look for conflicts."


class ConflictsPart:
    """What the acts share: the library, what was found last, and the search that is running."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.findings: Findings | None = None
        self.index = ""
        self.job = Job(STOPPED)

    def find(self, report: Report) -> str:
        """Finds the conflicts of the live index, to be shown from then on; returns the result in one line."""
        chat = self.library.chat
        index = chat.index().digest
        self.findings, self.index = checked_conflicts(chat, progress=report), index
        return ""


class ShowConflicts(Request):
    """A page of what was found last, and the state of the search that is running."""

    page: int = 0


class FindConflicts(Request):
    """Starts a search."""


class StopFinding(Request):
    """Ends the search that is running."""


def show_conflicts(part: ConflictsPart, _: User, request: ShowConflicts) -> Reply:
    state, findings = part.job.state, part.findings
    reply: Reply = {"job": job_html(state), "running": state.running, "found": "", "stale": False}
    if findings is not None:
        stale = part.library.chat.index().digest != part.index
        reply |= {"found": conflicts_html(findings, page=request.page), "stale": stale}
    return reply


def start_finding(part: ConflictsPart, _: User, _request: FindConflicts) -> Reply:
    return {} if part.job.start(part.find) else {"error": "A search is already running. Stop it first."}


def stop_finding(part: ConflictsPart, _: User, _request: StopFinding) -> Reply:
    part.job.stop()
    return {}


CONFLICTS_ACTS: Acts[ConflictsPart] = {
    "show": Act(ShowConflicts, show_conflicts, NOT_A_CURATOR),
    "find": Act(FindConflicts, start_finding, NOT_A_CURATOR),
    "stop": Act(StopFinding, stop_finding, NOT_A_CURATOR),
}
