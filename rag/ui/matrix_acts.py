"""What the Review tab can do with the evidence matrix. It is computed for minutes and seen by all curators, so it is for them."""

import base64
from typing import Literal

from pydantic import Field

from rag.accounts.users import User
from rag.errors import MatrixError
from rag.index.builds import Report
from rag.library import Library
from rag.records import LONGEST_QUESTION
from rag.review.matrix import MOST_QUESTIONS, Matrix, MatrixPlan, make_matrix, plan_matrix
from rag.review.matrix_files import matrix_file
from rag.review.matrix_questions import questions_in
from rag.ui.calls import Act, Acts, Reply, Request
from rag.ui.documents_view import job_html
from rag.ui.jobs import Job
from rag.ui.matrix_view import matrix_html

STOPPED = "Stopped. What was read is kept: start again to go on."
NOT_A_CURATOR = "Only curators can make a matrix."
LONGEST_TEXT = MOST_QUESTIONS * LONGEST_QUESTION  # characters of all questions together
LONGEST_CHOICE = 20_000  # characters of the names of documents


class MatrixPart:
    """What the acts share: the library, the latest matrix, and the one that is being made."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.made: Matrix | None = None
        self.stale = False
        self.job = Job(STOPPED)

    def make(self, plan: MatrixPlan, report: Report) -> str:
        """Makes a matrix, to be shown from then on; returns the result in one line."""
        self.made, self.stale = make_matrix(plan, report), False
        return ""

    def latest(self) -> Matrix | None:
        """The latest matrix. Once one of its documents has been changed or removed, it is dropped: nothing shows its text."""
        made = self.made
        if made is None:
            return None
        files = set(self.library.chat.index().manifest.corpus.digests.values())
        if {document.digest for document in made.documents} <= files:
            return made
        self.made, self.stale = None, True
        return None


class ShowMatrix(Request):
    """Page `page` of the latest matrix, with or without `weak` sentences, and the state of the one that is being made."""

    weak: bool = True
    page: int = 0


class ShowProgress(Request):
    """The state of the matrix that is being made."""


class StartMatrix(Request):
    """`questions` has one on each line; `documents` ids, folders or patterns, separated by commas or lines, all if empty."""

    questions: str = Field(max_length=LONGEST_TEXT)
    documents: str = Field("", max_length=LONGEST_CHOICE)


class StopMatrix(Request):
    """Ends the matrix that is being made."""


class SaveMatrix(Request):
    """The latest matrix as a file; `server` is the address of the page, to which documents are linked."""

    form: Literal["xlsx", "csv", "html", "json"]
    weak: bool = True
    server: str = Field("", max_length=1_000)


def show_matrix(part: MatrixPart, user: User, request: ShowMatrix) -> Reply:
    made = part.latest()
    table = matrix_html(made, weak=request.weak, page=request.page) if made else ""
    return {"table": table, "stale": part.stale} | show_progress(part, user, ShowProgress())


def show_progress(part: MatrixPart, _: User, _request: ShowProgress) -> Reply:
    state = part.job.state
    return {"job": job_html(state), "running": state.running}


def start_matrix(part: MatrixPart, _: User, request: StartMatrix) -> Reply:
    names = [name.strip() for line in request.documents.splitlines() for name in line.split(",")]
    chosen = [name for name in names if name]
    plan = plan_matrix(part.library.chat, questions_in(request.questions), chosen or None)
    started = part.job.start(lambda report: part.make(plan, report))
    return {} if started else {"error": "A matrix is already being made. Stop it first."}


def stop_matrix(part: MatrixPart, _: User, _request: StopMatrix) -> Reply:
    part.job.stop()
    return {}


def save_matrix(part: MatrixPart, _: User, request: SaveMatrix) -> Reply:
    """The file's name and content: text, or base64 of a workbook."""
    made = part.latest()
    if made is None:
        raise MatrixError("the documents have changed; make the matrix again" if part.stale else "make a matrix first")
    data = matrix_file(made, request.form, weak=request.weak, server=request.server)
    text = base64.b64encode(data).decode("ascii") if request.form == "xlsx" else data.decode("utf-8", "replace")
    return {"name": f"matrix.{request.form}", "text": text}


MATRIX_ACTS: Acts[MatrixPart] = {
    "show": Act(ShowMatrix, show_matrix, NOT_A_CURATOR),
    "progress": Act(ShowProgress, show_progress, NOT_A_CURATOR),
    "start": Act(StartMatrix, start_matrix, NOT_A_CURATOR),
    "stop": Act(StopMatrix, stop_matrix, NOT_A_CURATOR),
    "save": Act(SaveMatrix, save_matrix, NOT_A_CURATOR),
}
