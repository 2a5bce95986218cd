"""What the Review tab can do with conflicts: find them, in the background, and show them. The search is for curators."""

from rag.accounts.users import User
from rag.conflicts.finding import Findings
from rag.index.builds import Report
from rag.index.contents import Index
from rag.library import Library
from rag.review.conflict_check import checked_conflicts, forget_conflicts
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
        self.files: set[str] = set()
        self.job = Job(STOPPED)

    def find(self, report: Report) -> str:
        """Finds the conflicts of the live index, to be shown from then on; returns the result in one line."""
        chat = self.library.chat.current()
        index = chat.index()
        self.findings, self.index, self.files = checked_conflicts(chat, progress=report), index.digest, _files(index)
        return ""

    def latest(self, index: Index) -> Findings | None:
        """What was found last. Once a document has been changed or removed, it is dropped: nothing shows its text."""
        if not self.files <= _files(index):
            self.findings = None
            forget_conflicts()
        return self.findings


def _files(index: Index) -> set[str]:
    """The digests of all files."""
    return set(index.manifest.corpus.digests.values())


class ShowConflicts(Request):
    """A page of what was found last, and the state of the search that is running."""

    page: int = 0


class FindConflicts(Request):
    """Starts a search."""


class StopFinding(Request):
    """Ends the search that is running."""


def show_conflicts(part: ConflictsPart, _: User, request: ShowConflicts) -> Reply:
    state, found, stale = part.job.state, "", False
    if part.index:
        index = part.library.chat.index()
        findings, stale = part.latest(index), index.digest != part.index
        found = conflicts_html(findings, page=request.page) if findings else ""
    return {"job": job_html(state), "running": state.running, "found": found, "stale": stale}


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
