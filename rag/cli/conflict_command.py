"""`rag conflicts`: the sentences of the documents that contradict each other."""

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

if TYPE_CHECKING:
    from rag.conflicts.finding import Conflict, Findings

CONFLICTS_FOUND = 4
SHOWN_VERSIONS = 20


def conflicts(
    only: OnlyOption = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Conflicts listed; --json lists all.")] = 20,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """List sentences that say the same but for a number, unit, date, name or negation.

    Versions of one document are listed apart. Exit code 4 if there is a conflict.
    """
    from rag.cli.progress import progress_bars
    from rag.conflicts.finding import find_conflicts
    from rag.conversation import Chat

    library = open_library(corpus, index)
    chat = Chat.open(settings=library.settings, embedder=library.embedder, reading=False).current()
    try:
        with progress_bars() as progress:
            findings = find_conflicts(chat.index(), chat.embedder, library.settings.index, only=only, progress=progress)
    except KeyboardInterrupt:
        print_note("rag: stopped; the documents read so far are kept for the next time")
        raise typer.Exit(130) from None
    if as_json:
        from rag.conflicts.finding_values import findings_values

        print_json(findings_values(findings))
    else:
        _print(findings, limit)
    if findings.conflicts:
        raise typer.Exit(CONFLICTS_FOUND)


def _print(findings: "Findings", limit: int) -> None:
    from rag.answering.wording import counted

    for conflict in findings.conflicts[:limit]:
        _print_conflict(conflict)
    if len(findings.conflicts) > limit:
        print_line(f"… and {len(findings.conflicts) - limit} more; --limit lists them, --json all")
    for versions in findings.versions[:SHOWN_VERSIONS]:
        newer, older = versions.newer.id, versions.older.id
        known = f"{newer} is the newer version of {older}"
        order = known if versions.known else f"{newer} and {older} are versions of one document"
        print_line((order, "bold"), f" ({versions.why}); they differ in {counted(len(versions.changes), 'sentence')}")
        for change in versions.changes[:limit]:
            print_line(f"  {change.summary}")
    if len(findings.versions) > SHOWN_VERSIONS:
        print_line(f"… and {len(findings.versions) - SHOWN_VERSIONS} more versions; --json lists all")
    total, sentences = counted(len(findings.conflicts), "conflict"), counted(findings.sentences, "sentence")
    print_line(f"{total} in {sentences} of {counted(findings.documents, 'document')}")


def _print_conflict(conflict: "Conflict") -> None:
    print_line((conflict.summary, "bold"), ", the first is newer" if conflict.newer else "")
    for side in (conflict.first, conflict.second):
        print_line("  ", *((text, "bold red") if differs else text for text, differs in side.pieces))
        place = side.places[0]
        also = f" and {len(side.places) - 1} more" if len(side.places) > 1 else ""
        print_line((f"    {place.document_id} ({place.span.start}–{place.span.end}){also}", "dim"))
