"""Commands that ask the index."""

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from rag.cli.output import CorpusOption, IndexOption, JsonOption, OnlyOption, out, print_json
from rag.errors import SettingsError

if TYPE_CHECKING:
    from rag.library import Library


def search(
    query: str,
    k: Annotated[int | None, typer.Option("-k", min=1, help="Passages to show.", show_default="10")] = None,
    only: OnlyOption = None,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the passages that fit a query best."""
    from rag.cli.printing import print_hits
    from rag.wire import hit_values

    hits = _library(corpus, index).search(query, k=k, documents=only)
    if as_json:
        print_json({"hits": [hit_values(hit) for hit in hits]})
    else:
        print_hits(hits)


def ask(
    question: Annotated[str | None, typer.Argument(help="The question.", show_default=False)] = None,
    batch: Annotated[
        str | None,
        typer.Option(
            "--batch",
            metavar="FILE|-",
            help='Answer JSON lines {"question", "history"?, "documents"?, "query"?}, one object a line.',
        ),
    ] = None,
    receipt: Annotated[
        Path | None,
        typer.Option("--receipt", metavar="FILE", help="Keep the answer with its proof: .json for `rag verify`, .md or .html."),
    ] = None,
    only: OnlyOption = None,
    history: Annotated[
        Path | None,
        typer.Option("--history", metavar="FILE", help='Earlier turns: a JSON list of {"speaker", "text"}.'),
    ] = None,
    as_written: Annotated[
        bool, typer.Option("--as-written", help="Search the words as typed, whatever was said before.")
    ] = False,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question in exact sentences of the documents. Where they do not answer it, it says so."""
    if (question is None) == (batch is None):
        raise typer.BadParameter("give a question, or --batch with a file of questions")
    if receipt and batch:
        raise typer.BadParameter("--receipt keeps one answer; leave out --batch")
    from rag.cli.printing import print_answer
    from rag.wire import answer_values

    library = _library(corpus, index)
    if batch is not None:
        for request in _requests(batch):
            print_json(answer_values(library.ask(request.pop("question"), **request)))
        return
    turns = _turns(_read_json(history), str(history)) if history else []
    answer = library.ask(question or "", history=turns, documents=only, query=question if as_written else None)
    if receipt:
        from rag.receipts import save_receipt

        save_receipt(receipt, answer, model=library.chat.embedder.identity.digest, reader=library.chat.reader.identity)
    if as_json:
        print_json(answer_values(answer))
    else:
        print_answer(answer)


def verify(
    receipt: Annotated[Path, typer.Argument(metavar="RECEIPT", help="A file that `rag ask --receipt` wrote.")],
    corpus: CorpusOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a kept answer against the files as they are now. Exit code 1 unless every citation is valid."""
    from rag.receipts import VALID

    checked = _library(corpus, None).verify(receipt)
    good = all(one.state == VALID for one in checked)
    if as_json:
        citations = [
            {"number": c.number, "document_id": c.document_id, "state": c.state, "quote": c.quote, "reason": c.reason}
            | {"now": {"start": c.now.start, "end": c.now.end} if c.now else None}
            for c in checked
        ]
        print_json({"question": json.loads(receipt.read_bytes())["question"], "valid": good, "citations": citations})
    else:
        for one in checked:
            moved = f"; the same words now stand at {one.now.start}–{one.now.end}" if one.state != VALID and one.now else ""
            why = f" ({one.reason})" if one.reason else ""
            out.print(
                f"{one.number}  {one.state}{why}{moved}: {escape(one.document_id)}  {escape(one.quote[:80])}", soft_wrap=True
            )
        if not checked:
            out.print("it holds no citations: nothing was answered")
    if not good:
        raise typer.Exit(1)


def chat(corpus: CorpusOption = None, index: IndexOption = None) -> None:
    """Ask one question after the other. A number shows the source of that citation, /as-written asks the last
    question again in its own words alone, an empty line ends."""
    from rag.cli.printing import print_answer, print_source
    from rag.wire import answer_values

    opened = _library(corpus, index).chat
    answer: Any = None
    turns: list[dict[str, Any]] = []
    while line := _read_line():
        if line.isdecimal() and answer and 1 <= int(line) <= len(answer.citations):
            print_source(answer.citations[int(line) - 1], opened.index().documents)
            continue
        if line == "/as-written" and answer:
            turns = turns[:-2]
            answer = opened.ask(answer.question, history=turns, query=answer.question)
        else:
            answer = opened.ask(line, history=turns)
        turns += [{"speaker": "user", "text": answer.question}, {"speaker": "agent", **answer_values(answer)}]
        print_answer(answer)


def _library(corpus: Path | None, index: Path | None) -> "Library":
    from rag.library import Library

    return Library.open(corpus=corpus, index=index)


def _read_line() -> str:
    try:
        return out.input("[bold]> [/]").strip()
    except EOFError:
        return ""


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read as JSON: {error}") from error


def _requests(batch: str) -> Iterator[dict[str, Any]]:
    """One checked request a line; blank lines are passed over. Raises SettingsError naming the line."""
    try:
        with nullcontext(sys.stdin) if batch == "-" else Path(batch).open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _request(line, f"{batch} line {number}")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{batch} cannot be read: {error}") from error


def _request(line: str, where: str) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except ValueError as error:
        raise SettingsError(f"{where} is not JSON: {error}") from error
    documents = request.get("documents") if isinstance(request, dict) else None
    if not isinstance(request, dict) or not isinstance(request.get("question"), str):
        raise SettingsError(f'{where} needs an object with a "question" text')
    if documents is not None and not (isinstance(documents, list) and all(isinstance(name, str) for name in documents)):
        raise SettingsError(f'{where}: "documents" must be a list of document ids')
    query = request.get("query")
    if query is not None and not isinstance(query, str):
        raise SettingsError(f'{where}: "query" must be the text to search instead of the question')
    return {
        "question": request["question"],
        "documents": documents,
        "history": _turns(request.get("history") or [], where),
        "query": query,
    }


def _turns(value: Any, where: str) -> list[dict[str, str]]:
    fine = isinstance(value, list) and all(
        isinstance(turn, dict) and turn.get("speaker") in ("user", "agent") and isinstance(turn.get("text"), str)
        for turn in value
    )
    if not fine:
        raise SettingsError(f'{where}: the history must be a list of {{"speaker": "user" or "agent", "text": ...}}')
    turns: list[dict[str, str]] = value
    return turns
