"""What the Review tab can do with watched questions: show whose answers changed. Only curators change the list."""

from pydantic import Field

from rag.accounts.users import User
from rag.errors import RagError, WatchError
from rag.evaluation.question_sets import load_question_set
from rag.index.builds import Report
from rag.index.contents import Index
from rag.library import Library
from rag.records import LONGEST_QUESTION
from rag.review.watch_asking import ask_watched, describe_asked, due_questions
from rag.review.watch_changes import changes_of
from rag.review.watch_list import accept_answers, add_watched, load_watch_list, remove_watched, watched_question
from rag.review.watch_sources import watched_after
from rag.ui.calls import Act, Acts, Reply, Request
from rag.ui.changes_view import changes_html, watched_html
from rag.ui.documents_view import job_html
from rag.ui.jobs import Job
from rag.ui.opened_runs import OpenedRuns

STOPPED = "Stopped. The answers so far are kept; the next update asks the other questions."
NOT_A_CURATOR = "Only curators can change the list of watched questions."


class ChangesPart:
    """What the acts share: the library, and the asking that is running."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.path = library.settings.watched_file
        self.sets = OpenedRuns(library.settings.evaluation)
        self.job = Job(STOPPED)

    def ask(self, report: Report) -> str:
        """Asks what is due; returns the result in one line."""
        return f"Done: {describe_asked(ask_watched(self.library.chat, self.path, report))}."

    def index(self) -> Index | None:
        """None if there is no usable index; the list can be shown without."""
        try:
            return self.library.chat.index()
        except RagError:
            return None


class ShowChanges(Request):
    """`page` of the changed answers, `listed` that of the watched questions, from 0."""

    page: int = 0
    listed: int = 0


class ShowProgress(Request):
    """The state of the asking that is running."""


class AddQuestion(Request):
    question: str = Field(max_length=LONGEST_QUESTION)


class AddSet(Request):
    set: str


class ChangeList(Request):
    """Ids of watched questions."""

    ids: list[str] = Field(min_length=1, max_length=1_000)


class AcceptAll(Request):
    """Accepts all changed answers."""


class AskAgain(Request):
    """Asks the questions that were not yet asked of the present documents."""


class StopAsking(Request):
    """Ends the asking that is running."""


def show_changes(part: ChangesPart, user: User, request: ShowChanges) -> Reply:
    watch_list, index = load_watch_list(part.path), part.index()
    waiting = len(due_questions(part.library.chat, watch_list.questions)) if index else 0
    changes = changes_of(watch_list)
    html = changes_html(
        changes, index, questions=len(watch_list.questions), waiting=waiting, page=request.page, may_curate=user.may_curate
    )
    return {
        "html": html,
        "listed": watched_html(watch_list, page=request.listed, may_curate=user.may_curate),
        "questions": len(watch_list.questions),
        "changed": len(changes),
        "sets": [{"name": name, "label": label} for name, label in part.sets.labels()] if user.may_curate else [],
        "may_curate": user.may_curate,
    } | show_progress(part, user, ShowProgress())


def show_progress(part: ChangesPart, _: User, _request: ShowProgress) -> Reply:
    state = part.job.state
    return {"job": job_html(state), "running": state.running}


def add_question(part: ChangesPart, _: User, request: AddQuestion) -> Reply:
    new, _known = add_watched(part.path, [watched_question(request.question)])
    part.job.start_or_queue(part.ask)
    return {"message": "This question is now watched." if new else "This question is watched already."}


def add_set(part: ChangesPart, _: User, request: AddSet) -> Reply:
    folder = part.sets.sets().get(request.set)
    if folder is None:
        raise WatchError("choose a question set first")
    questions = load_question_set(folder)
    if questions.corpus is not None:
        raise WatchError(f"{request.set} asks about documents of its own; choose a set about these documents")
    chat = part.library.chat
    new, known = add_watched(part.path, [watched_after(chat, q.text, q.history) for q in questions.questions])
    part.job.start_or_queue(part.ask)
    return {"message": f"{len(new):,} questions added, {len(known):,} were watched already."}


def remove_questions(part: ChangesPart, _: User, request: ChangeList) -> Reply:
    remove_watched(part.path, request.ids)
    return {}


def accept_changes(part: ChangesPart, _: User, request: ChangeList) -> Reply:
    wanted = set(request.ids)
    changes = [change for change in changes_of(load_watch_list(part.path)) if change.watched.id in wanted]
    accept_answers(part.path, {change.watched.id: change.now for change in changes})
    return {}


def accept_all(part: ChangesPart, _: User, _request: AcceptAll) -> Reply:
    changes = changes_of(load_watch_list(part.path))
    accept_answers(part.path, {change.watched.id: change.now for change in changes})
    return {"message": f"{len(changes):,} new answers accepted. Later answers are compared with them."}


def ask_again(part: ChangesPart, _: User, _request: AskAgain) -> Reply:
    started = part.job.start(part.ask)
    return {} if started else {"error": "The questions are being asked already."}


def stop_asking(part: ChangesPart, _: User, _request: StopAsking) -> Reply:
    part.job.stop()
    return {}


CHANGES_ACTS: Acts[ChangesPart] = {
    "show": Act(ShowChanges, show_changes),
    "progress": Act(ShowProgress, show_progress),
    "add": Act(AddQuestion, add_question, NOT_A_CURATOR),
    "set": Act(AddSet, add_set, NOT_A_CURATOR),
    "remove": Act(ChangeList, remove_questions, NOT_A_CURATOR),
    "accept": Act(ChangeList, accept_changes, NOT_A_CURATOR),
    "all": Act(AcceptAll, accept_all, NOT_A_CURATOR),
    "ask": Act(AskAgain, ask_again, NOT_A_CURATOR),
    "stop": Act(StopAsking, stop_asking, NOT_A_CURATOR),
}
