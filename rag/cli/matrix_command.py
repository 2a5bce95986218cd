"""The command that makes an evidence matrix."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.output import CorpusOption, IndexOption, JsonOption, OnlyOption, open_library, print_json, print_line, print_note

if TYPE_CHECKING:
    from rag.review.matrix import Matrix

STOPPED = "rag: stopped; what was read is kept, and the same command goes on from there"


def matrix(
    questions: Annotated[
        Path,
        typer.Argument(metavar="QUESTIONS", help="A text file with a question a line, a CSV table, or a question set."),
    ],
    only: OnlyOption = None,
    out: Annotated[
        list[Path] | None,
        typer.Option("--out", metavar="FILE", help="Write .xlsx, .csv, .html or .json (for `rag verify`). Repeatable."),
    ] = None,
    weak: Annotated[bool, typer.Option("--weak/--no-weak", help="Show weak sentences, marked as weak.")] = True,
    server: Annotated[
        str, typer.Option("--server", metavar="URL", help="Link the documents to this server of theirs.", show_default=False)
    ] = "",
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put questions to each document: the exact best sentence of each, or "not stated"."""
    from rag.cli.progress import progress_bars
    from rag.review.matrix import make_matrix, plan_matrix
    from rag.review.matrix_files import check_server, form_of, matrix_file
    from rag.review.matrix_values import matrix_values
    from rag.storage.files import replace_file

    forms = [(path, form_of(path)) for path in out or ()]  # reject a wrong name before the work
    check_server(server)
    asked = _questions(questions)
    plan = plan_matrix(open_library(corpus, index).chat, asked, only)
    try:
        with progress_bars() as report:
            made = make_matrix(plan, report)
    except KeyboardInterrupt:
        print_note(STOPPED)
        raise typer.Exit(130) from None
    for path, form in forms:
        replace_file(path, matrix_file(made, form, weak=weak, server=server))
    if as_json:
        print_json(matrix_values(made))
    elif forms:
        print_line(_summary(made), "; saved as ", ", ".join(str(path) for path, _ in forms))
    else:
        _print_matrix(made, weak=weak)


def _questions(path: Path) -> Sequence[str]:
    """The questions of a file, or of a question set: those that stand alone, or whose stand-alone wording is known."""
    from rag.evaluation.question_sets import load_question_set
    from rag.review.matrix_questions import read_questions

    if not path.is_dir():
        return read_questions(path)
    asked = load_question_set(path).questions
    return [question.rewrite or question.text for question in asked if question.rewrite or not question.history]


def _summary(made: "Matrix") -> str:
    from rag.answering.wording import counted

    size = f"{counted(len(made.questions), 'question')} × {counted(len(made.documents), 'document')}"
    return f"{size}: {made.stated:,} of {made.size:,} cells stated, {made.weak:,} more weakly"


def _print_matrix(made: "Matrix", *, weak: bool) -> None:
    from rag.review.matrix_files import cell_text

    for asked, row in zip(made.questions, made.cells, strict=True):
        print_line((asked.text, "bold"))
        texts = [cell_text(cell, weak=weak) for cell in row]
        for document, text in zip(made.documents, texts, strict=True):
            if text.sentence:
                where = " › ".join(filter(None, [document.id, text.place]))
                print_line(f"  {text.sentence}")
                print_line((f"    {where} ({text.strength})", "dim"))
        print_line((f"  not stated in {sum(not text.sentence for text in texts):,} of {len(row):,} documents", "dim"))
    print_line(_summary(made))
