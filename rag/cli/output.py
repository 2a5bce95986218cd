"""What all commands share: their options, and how they print."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar
from rich.text import Text

out = Console(highlight=False)
notes = Console(stderr=True, highlight=False)

CorpusOption = Annotated[
    Path | None, typer.Option("--corpus", metavar="DIR", help="Folder of the documents.", show_default="corpus")
]
IndexOption = Annotated[Path | None, typer.Option("--index", metavar="DIR", help="Folder of the index.", show_default="index")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output and nothing else.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait while another build of the index is running.")]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="DOC", help='Ask only this document, folder ("reports/") or type ("*.md"); may be repeated.'),
]

SOME_FAILED = 3


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=True) + "\n")
    sys.stdout.flush()


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


@contextmanager
def progress_bars() -> Iterator[Any]:
    """Calls with (what, done, total) move a bar each on standard error, with speed and time left, if that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Speed(), TimeRemainingColumn())
    with ProgressBar(*columns, console=notes, transient=True, disable=not notes.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def update(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield update
