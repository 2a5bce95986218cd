"""What the Review tab can do with unanswered questions. They may be other users', so all of it is for curators."""

from functools import partial

from pydantic import Field

from rag.accounts.users import User
from rag.answering.wording import counted
from rag.evaluation.labelling import add_unlabelled
from rag.index.builds import Report
from rag.library import Library
from rag.review.unanswered import ASKED_AT_ONCE, Group, Likeness, ask_again, chosen_groups, outdated
from rag.review.unanswered_log import forget, load_log
from rag.ui.calls import Act, Acts, Reply, Request
from rag.ui.documents_view import job_html
from rag.ui.jobs import Job
from rag.ui.unanswered_view import unanswered_html

STOPPED = "Stopped. What was asked again is kept."
NOT_A_CURATOR = "Only curators can see unanswered questions."
LONGEST_ID = 64  # characters


class UnansweredPart:
    """What the acts share: the library, the vectors of questions, and the job that asks questions again."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.likeness = Likeness()
        self.job = Job(STOPPED)

    def groups(self) -> list[Group]:
        chat = self.library.chat.current()
        return self.likeness.groups(load_log(self.library.settings).questions, chat.index(), chat.embedder)

    def ask_again(self, report: Report, *, most: int | None) -> str:
        """Asks questions of an earlier build again; returns the result in one line."""
        answered = ask_again(self.library.chat, load_log(self.library.settings), report, most=most)
        are = "question is" if answered == 1 else "questions are"
        return f"{answered} {are} answered by now, and no longer listed." if answered else ""


class ShowUnanswered(Request):
    """A page of the groups. With `check`, some of the questions that an earlier build was asked are asked again first."""

    page: int = 0
    check: bool = False


class AskAgain(Request):
    """Asks every question again that an earlier build was asked."""


class StopAsking(Request):
    """Ends the asking."""


class DismissGroup(Request):
    group: str = Field(max_length=LONGEST_ID)


class MakeSet(Request):
    """Adds the questions of a group, or all if it is empty, to the question set of unanswered questions."""

    group: str = Field("", max_length=LONGEST_ID)


class ClearLog(Request):
    """Deletes all questions."""


def show_unanswered(part: UnansweredPart, _: User, request: ShowUnanswered) -> Reply:
    chat, settings = part.library.chat, part.library.settings
    log, index = load_log(settings), chat.index()
    left = len(outdated(log.questions, index))
    if request.check and left and not part.job.state.running:
        part.job.start(partial(part.ask_again, most=ASKED_AT_ONCE))
    html = unanswered_html(part.groups(), log, index, page=request.page, left=left, logged=settings.review.log_unanswered)
    state = part.job.state
    return {"html": html, "job": job_html(state), "running": state.running}


def ask_all_again(part: UnansweredPart, _: User, _request: AskAgain) -> Reply:
    started = part.job.start(partial(part.ask_again, most=None))
    return {} if started else {"error": "The questions are being asked again already."}


def stop_asking(part: UnansweredPart, _: User, _request: StopAsking) -> Reply:
    part.job.stop()
    return {}


def dismiss_group(part: UnansweredPart, _: User, request: DismissGroup) -> Reply:
    chosen = {question.id for group in chosen_groups(part.groups(), [request.group]) for question in group.questions}
    forget(part.library.settings, lambda question: question.id in chosen)
    return {}


def make_set(part: UnansweredPart, _: User, request: MakeSet) -> Reply:
    groups = part.groups()
    chosen = chosen_groups(groups, [request.group]) if request.group else groups
    folder = part.library.settings.evaluation.sets / "unanswered"
    added = add_unlabelled(folder, [question.query for group in chosen for question in group.questions])
    return {"message": f"{counted(added, 'question')} added to {folder}. Judge them with: rag eval label {folder} --next"}


def clear_log(part: UnansweredPart, _: User, _request: ClearLog) -> Reply:
    forget(part.library.settings, lambda question: True)
    return {}


UNANSWERED_ACTS: Acts[UnansweredPart] = {
    "show": Act(ShowUnanswered, show_unanswered, NOT_A_CURATOR),
    "again": Act(AskAgain, ask_all_again, NOT_A_CURATOR),
    "stop": Act(StopAsking, stop_asking, NOT_A_CURATOR),
    "dismiss": Act(DismissGroup, dismiss_group, NOT_A_CURATOR),
    "set": Act(MakeSet, make_set, NOT_A_CURATOR),
    "clear": Act(ClearLog, clear_log, NOT_A_CURATOR),
}
