"""What all commands share: their options, and how they print."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

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
