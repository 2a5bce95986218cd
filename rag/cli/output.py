"""What all commands share: options, exit codes and output.

The text of documents, questions, file names and errors is printed as it is: without markup or emoji codes, and with
control characters made visible, so that no text can drive the terminal.
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from rag.library import Library

_console = Console(highlight=False, markup=False, emoji=False)
error_console = Console(stderr=True, highlight=False, markup=False, emoji=False)


def _folder(text: str) -> Path:
    if not text.strip():
        raise typer.BadParameter("the path is empty")
    return Path(text)


CorpusOption = Annotated[
    Path | None, typer.Option("--corpus", metavar="DIR", help="Document folder.", show_default="corpus", parser=_folder)
]
IndexOption = Annotated[
    Path | None, typer.Option("--index", metavar="DIR", help="Index folder.", show_default="index", parser=_folder)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output and nothing else.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="If the index is being built by another process, wait for it.")]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="DOC",
        help='Use only this document, folder ("reports/"), type ("*.md") or language ("language:de"). Repeatable.',
    ),
]

SOME_FAILED = 3

Part = str | tuple[str, str]
"""Text, or text with a Rich style."""

_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # all control characters but tab and newline; surrogates


def open_library(corpus: Path | None, index: Path | None) -> "Library":
    """The library of the folders given; those not given are the settings'."""
    from rag.library import Library

    return Library.open(corpus=corpus, index=index)


def visible(text: str) -> str:
    """The text with control pictures (such as ␛) for control characters and � for what no terminal can print."""
    return _INVISIBLE.sub(lambda match: chr(0x2400 + ord(match[0])) if match[0] < " " else "�", text)


def print_line(*parts: Part) -> None:
    """Prints one line on standard output; it is not wrapped. Line breaks are made visible: a file's name cannot forge a line."""
    _console.print(_assembled(parts, one_line=True), soft_wrap=True)


def print_text(*parts: Part) -> None:
    """Prints text with its line breaks on standard output; lines are not wrapped."""
    _console.print(_assembled(parts), soft_wrap=True)


def print_note(*parts: Part) -> None:
    """Prints one line on standard error, like `print_line`."""
    error_console.print(_assembled(parts, one_line=True), soft_wrap=True)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table

    table = Table(box=None)
    for name in header:
        table.add_column(_assembled([name]))
    for row in rows:
        table.add_row(*(_assembled([cell]) for cell in row))
    _console.print(table)


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=True) + "\n")
    sys.stdout.flush()


def read_line(prompt: str) -> str:
    """What is typed after the prompt. Raises EOFError at the end of the input."""
    _console.print(_assembled([(prompt, "bold")]), end="")
    return input()


def _assembled(parts: Sequence[Part], *, one_line: bool = False) -> Text:
    texts = [(part, "") if isinstance(part, str) else part for part in parts]
    shown = ((visible(text), style) for text, style in texts)
    return Text.assemble(*((text.replace("\n", "␊") if one_line else text, style) for text, style in shown))
