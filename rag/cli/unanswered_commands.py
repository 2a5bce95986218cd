"""`rag unanswered`: the questions that got no answer, or a weak one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.output import CorpusOption, IndexOption, JsonOption, open_library, print_json, print_line, print_note

if TYPE_CHECKING:
    from rag.config import Settings
    from rag.index.contents import Index
    from rag.records import Answer
    from rag.review.unanswered import Group
    from rag.review.unanswered_log import UnansweredFile

SHOWN = 20  # groups, unless --all
QUESTIONS_SHOWN = 5  # of a group

unanswered = typer.Typer(
    help="Questions that got no answer, or a weak one: list them, clear the log, make a question set of them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@unanswered.command("list")
def show(
    all_of_them: Annotated[
        bool, typer.Option("--all", help="List every group, and ask every question again that was asked of an earlier build.")
    ] = False,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the questions, grouped by likeness. Those that the documents answer by now are deleted from the log first."""
    from rag.cli.progress import progress_bars
    from rag.review.unanswered import Likeness, ask_again, log_values
    from rag.review.unanswered_log import load_log

    library = open_library(corpus, index)
    log, settings = load_log(library.settings), library.settings
    if log.questions:
        with progress_bars() as progress:
            answered = ask_again(library.chat, log, progress, **({"most": None} if all_of_them else {}))
        if answered:
            print_note(f"{answered} of the questions {'is' if answered == 1 else 'are'} answered by now, and no longer listed")
            log = load_log(settings)
    chat = library.chat.current()
    current = chat.index()
    groups = Likeness().groups(log.questions, current, chat.embedder)
    if as_json:
        print_json(log_values(log, groups, current, logged=settings.review.log_unanswered))
    else:
        _print_groups(groups if all_of_them else groups[:SHOWN], current)
        _print_summary(log, len(groups), settings, current, all_of_them=all_of_them)


def _print_groups(groups: "list[Group]", current: "Index") -> None:
    from rag.answering.wording import counted
    from rag.review.unanswered import closest_of

    for group in groups:
        outcome = "found nothing" if group.refused == len(group.questions) else f"{group.refused} found nothing, the rest little"
        print_line((f"{group.id}  {counted(len(group.questions), 'question')}, asked {group.times} times: {outcome}", "bold"))
        for question in group.questions[:QUESTIONS_SHOWN]:
            print_line(f"   {question.query}" + (f"  ({question.times} times)" if question.times > 1 else ""))
        if len(group.questions) > QUESTIONS_SHOWN:
            print_line(f"   … and {len(group.questions) - QUESTIONS_SHOWN} more; --json lists all")
        for closest in closest_of(group, current)[:1]:
            print_line(f"   closest: {closest.quote}  ({closest.document_id})")


def _print_summary(log: "UnansweredFile", groups: int, settings: "Settings", current: "Index", *, all_of_them: bool) -> None:
    from rag.answering.wording import counted
    from rag.review.unanswered import outdated

    if not log.questions:
        print_line("no unanswered questions")
    if groups > SHOWN and not all_of_them:
        print_line(f"{counted(groups - SHOWN, 'more group')}; --all lists all")
    if left := len(outdated(log.questions, current)):
        print_line(f"{counted(left, 'question')} not asked again since the documents changed; --all asks all of them")
    if log.dropped:
        print_line(f"{counted(log.dropped, 'older question')} dropped, because the log is full")
    if not settings.review.log_unanswered:
        print_line("new questions are not noted: review.log_unanswered is false")


@unanswered.command()
def clear(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[GROUP]...", help="Groups by their id; all without any.", show_default=False)
    ] = None,
    user: Annotated[str | None, typer.Option("--user", help="Only the questions of this user.")] = None,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete questions from the log."""
    from rag.answering.wording import counted
    from rag.review.unanswered import Likeness, chosen_groups
    from rag.review.unanswered_log import digest_of, forget, load_log

    library = open_library(corpus, index)
    if ids:
        chat = library.chat.current()
        groups = Likeness().groups(load_log(library.settings).questions, chat.index(), chat.embedder)
        chosen = {question.id for group in chosen_groups(groups, ids) for question in group.questions}
        deleted = forget(library.settings, lambda question: question.id in chosen)
    else:
        deleted = forget(library.settings, lambda question: user is None or question.user == digest_of(user))
    if as_json:
        print_json({"deleted": deleted})
    else:
        print_line(f"{counted(deleted, 'question')} deleted")


@unanswered.command("to-set")
def to_set(
    folder: Annotated[
        Path | None, typer.Argument(metavar="SET", help="Folder of the set; by default unanswered/ among the question sets.")
    ] = None,
    ids: Annotated[list[str] | None, typer.Option("--group", metavar="GROUP", help="Only this group. Repeatable.")] = None,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add the questions to a question set, to be judged with `rag eval label SET --next`."""
    from rag.answering.wording import counted
    from rag.evaluation.labelling import add_unlabelled
    from rag.review.unanswered import Likeness, chosen_groups
    from rag.review.unanswered_log import load_log

    library = open_library(corpus, index)
    questions = load_log(library.settings).questions
    if ids:
        chat = library.chat.current()
        groups = Likeness().groups(questions, chat.index(), chat.embedder)
        questions = tuple(question for group in chosen_groups(groups, ids) for question in group.questions)
    folder = folder or library.settings.evaluation.sets / "unanswered"
    added = add_unlabelled(folder, [question.query for question in questions])
    if as_json:
        print_json({"set": str(folder), "added": added})
    else:
        print_line(f"{counted(added, 'question')} added to {folder}; judge them with `rag eval label {folder} --next`")


def note_answer(settings: "Settings", answer: "Answer") -> None:
    """Notes an answer that was asked for on the command line. That it could not be noted is no reason to fail."""
    from rag.errors import UnansweredError
    from rag.review.unanswered_log import note, unanswered_from

    try:
        note(settings, unanswered_from(answer, ""))
    except UnansweredError as error:
        print_note(f"the question was not noted: {error}")
