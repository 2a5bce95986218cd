"""Commands for what a curator reviews: watched questions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.output import (
    CorpusOption,
    IndexOption,
    JsonOption,
    OnlyOption,
    open_library,
    print_json,
    print_line,
    print_note,
)
from rag.errors import WatchError

if TYPE_CHECKING:
    from rag.library import Library
    from rag.review.watch_asking import AskedAgain
    from rag.review.watch_changes import Change
    from rag.review.watch_list import KeptAnswer, KeptSentence, Watched

watch = typer.Typer(help="Watch questions: every build tells which answers changed.", no_args_is_help=True, rich_markup_mode=None)


@watch.command()
def add(
    questions: Annotated[list[str] | None, typer.Argument(metavar="[QUESTION]...", help="Questions to watch.")] = None,
    question_set: Annotated[
        Path | None, typer.Option("--set", metavar="FOLDER", help="Watch the questions of a question set.")
    ] = None,
    conversation: Annotated[
        str | None, typer.Option("--conversation", metavar="ID", help="Watch the questions of a saved conversation.")
    ] = None,
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="Whose conversation it is, if there are users.")] = "",
    only: OnlyOption = None,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Watch questions. They are asked now; later answers are compared with these."""
    from rag.review.watch_changes import question_values
    from rag.review.watch_list import add_watched, watched_question

    library = open_library(corpus, index)
    wanted = [watched_question(question, documents=only or ()) for question in questions or ()]
    wanted += _of_set(library, question_set) if question_set else []
    wanted += _of_conversation(library, conversation, user) if conversation else []
    if not wanted:
        raise WatchError("no question was given; name one, --set FOLDER or --conversation ID")
    chat = library.chat  # without an index nothing is added
    new, known = add_watched(library.settings.watched_file, wanted, answered_by=library.settings.index)
    asked = _ask(library)
    if as_json:
        added, already = ([question_values(watched) for watched in part] for part in (new, known))
        print_json({"added": added, "already": already, "questions": asked.questions, "index": chat.index().digest})
        return
    for watched in new:
        print_line((f"{watched.id}  ", "bold"), watched.question)
    print_line(f"{len(new)} added, {len(known)} already watched; {asked.questions} watched in all")


def _of_set(library: "Library", folder: Path) -> "list[Watched]":
    from rag.evaluation.question_sets import load_question_set
    from rag.review.watch_sources import watched_after

    questions = load_question_set(folder)
    if questions.corpus is not None:
        raise WatchError(f"{folder} asks about documents of its own; watch a set about the indexed documents")
    return [watched_after(library.chat, question.text, question.history) for question in questions.questions]


def _of_conversation(library: "Library", id: str, user: str) -> "list[Watched]":
    from rag.accounts.conversations import Conversations
    from rag.accounts.users import User
    from rag.review.watch_sources import watched_conversation

    conversations = Conversations(library.settings.server.conversations, User(user, "reader"))
    return watched_conversation(conversations.load(id))


def _ask(library: "Library", *, again: bool = False) -> "AskedAgain":
    """Asks what is due. Ctrl-C keeps the answers so far; the other questions are asked next time."""
    from rag.cli.progress import progress_bars
    from rag.review.watch_asking import ask_watched

    try:
        with progress_bars() as progress:
            asked = ask_watched(library.chat, library.settings.watched_file, progress, again=again)
    except KeyboardInterrupt:
        print_note("rag: stopped; the answers so far are kept, and the next build or `rag watch report` asks the rest")
        raise typer.Exit(130) from None
    if asked.problem:
        print_note(f"rag: {asked.problem}")
    return asked


@watch.command("list")
def show(corpus: CorpusOption = None, index: IndexOption = None, as_json: JsonOption = False) -> None:
    """List the watched questions with their ids and latest answers."""
    from rag.review.watch_changes import changes_of, list_values
    from rag.review.watch_list import load_watch_list

    watch_list = load_watch_list(open_library(corpus, index).settings.watched_file)
    if as_json:
        print_json(list_values(watch_list))
        return
    changed = {change.watched.id for change in changes_of(watch_list)}
    for watched in watch_list.questions:
        mark = "  changed" if watched.id in changed else ""
        print_line((f"{watched.id}  ", "bold"), f"{watched.question}  {_summary(watched.answer)}{mark}")
    if not watch_list.questions:
        print_line("no question is watched; add one with `rag watch add QUESTION`")


def _summary(answer: "KeptAnswer | None") -> str:
    if answer is None:
        return "(not asked yet)"
    return "(no answer)" if answer.abstained else f"({answer.strength or 'answered'})"


@watch.command()
def remove(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Ids of watched questions.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove all of them.")] = False,
    corpus: CorpusOption = None,
    index: IndexOption = None,
) -> None:
    """Stop watching questions. Their answers are deleted."""
    from rag.review.watch_list import load_watch_list, remove_watched

    path = open_library(corpus, index).settings.watched_file
    unwanted = [watched.id for watched in load_watch_list(path).questions] if everything else list(dict.fromkeys(ids or ()))
    if not unwanted and not everything:
        raise WatchError("no id was given; `rag watch list` shows them, --all removes every question")
    remove_watched(path, unwanted)
    print_line(f"{len(unwanted)} removed")


@watch.command()
def report(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Report on these questions only.")] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Then compare later answers with the new ones.")] = False,
    again: Annotated[bool, typer.Option("--again", help="First ask every question again, reading everything anew.")] = False,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which answers changed, old beside new. Exit code 1 if any did, 0 if none.

    Questions that were not yet asked of the present index are asked first.
    """
    from rag.review.watch_changes import changes_of, report_values
    from rag.review.watch_list import accept_answers, check_ids, load_watch_list

    library = open_library(corpus, index)
    path = library.settings.watched_file
    check_ids(load_watch_list(path), set(ids or ()))
    problem = _ask(library, again=again).problem if path.exists() else ""
    watch_list = load_watch_list(path)
    changes = [change for change in changes_of(watch_list) if not ids or change.watched.id in ids]
    if as_json:
        print_json(report_values(watch_list, changes) | {"problem": problem})
    else:
        for change in changes:
            _print_change(change)
        print_line(f"{len(changes)} of {len(watch_list.questions)} watched answers changed")
    if accept:
        accept_answers(path, {change.watched.id: change.now for change in changes})
    if changes or problem:
        raise typer.Exit(1)


def _print_change(change: "Change") -> None:
    from rag.review.watch_changes import KINDS, described_causes

    print_line((change.watched.question, "bold"), f"  {change.watched.id}")
    strength = "" if change.before.strength == change.now.strength else f": {_strength(change.before)} → {_strength(change.now)}"
    print_line(f"  {KINDS[change.kind].lower()}{strength}; {described_causes(change)}")
    for label, answer in (("before", change.before), ("now", change.now)):
        lines = [_quoted(sentence) for sentence in answer.sentences] or ["no answer"]
        lines += [answer.message] if answer.message else []
        for line in lines:
            print_line(f"  {label:6}  {line}")


def _strength(answer: "KeptAnswer") -> str:
    return answer.strength or ("no answer" if answer.abstained else "without a strength")


def _quoted(sentence: "KeptSentence") -> str:
    from rag.answering.wording import place

    where = f"[{place(sentence.document_id, sentence.page, sentence.headings)}]"
    return f"(its document was removed, and the sentence with it) {where}" if sentence.forgotten else f"{sentence.quote} {where}"
