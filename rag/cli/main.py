"""The command line.

Exit codes: 0 success; 1 failure, with one line on standard error; 2 wrong usage; 3 success, but some files could not be read;
4 success, and there are conflicts; 130 stopped by Ctrl-C.
"""

import io
import os
import sys
from typing import Annotated

import typer

from rag import __version__
from rag.cli import (
    calibration_command,
    conflict_command,
    corpus_commands,
    evaluation_commands,
    index_commands,
    matrix_command,
    question_commands,
    review_commands,
    server_commands,
    unanswered_commands,
)
from rag.cli.output import print_note
from rag.errors import RagError

app = typer.Typer(
    name="rag",
    help="Ask your own documents: answers in exact sentences, each with a citation. Nothing leaves this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: boxes and colours take longer to load than everything else that help needs
    context_settings={"max_content_width": 100},
)


def print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[  # noqa: ARG001 - handled by its callback
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


for command in (
    index_commands.build,
    index_commands.add,
    index_commands.remove,
    index_commands.status,
    index_commands.doctor,
    index_commands.rollback,
    question_commands.search,
    question_commands.ask,
    question_commands.chat,
    question_commands.verify,
    corpus_commands.overview,
    matrix_command.matrix,
    conflict_command.conflicts,
    server_commands.serve,
    server_commands.mcp,
):
    app.command()(command)
app.command("eval")(evaluation_commands.evaluate)
app.command()(calibration_command.calibrate)
app.add_typer(review_commands.watch, name="watch")
app.add_typer(unanswered_commands.unanswered, name="unanswered")
app.add_typer(server_commands.users, name="users")


def main() -> None:
    """Runs the command line; a RagError or OSError becomes one plain line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an encoding that lacks a character of a quote is no reason to fail
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # it would search every installed package for them
    try:
        app(prog_name="rag")
    except RagError as error:
        print_note(f"rag: {error}")
        sys.exit(1)
    except OSError as error:  # a full disk, a folder that cannot be written
        print_note(f"rag: {error.filename or 'a file'}: {error.strerror or error}; fix this and try again")
        sys.exit(1)
