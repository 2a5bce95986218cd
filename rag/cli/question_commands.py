"""Commands that search the index, ask it and check answers."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag.cli.output import CorpusOption, IndexOption, JsonOption, OnlyOption, open_library, print_json, print_line, read_line
from rag.cli.unanswered_commands import note_answer
from rag.errors import SettingsError

if TYPE_CHECKING:
    from rag.library import Library
    from rag.receipts import Checked
    from rag.records import Answer

HistoryOption = Annotated[
    Path | None, typer.Option("--history", metavar="FILE", help='Earlier turns: a JSON list of {"speaker", "text"}.')
]
Turns = list[dict[str, Any]]
"""Earlier turns as they are in JSON: {"speaker", "text"}, with more from an agent."""


@dataclass(frozen=True)
class Request:
    """A question with what it is asked of: `documents`, `history`, and the `query` to search instead of the question.

    `correct`: misspelt words are searched as the documents spell them.
    """

    question: str
    documents: Sequence[str] | None
    history: Turns
    query: str | None = None
    correct: bool = True

    def answered_by(self, library: "Library") -> "Answer":
        return library.ask(self.question, history=self.history, documents=self.documents, query=self.query, correct=self.correct)


def search(
    query: str,
    k: Annotated[int | None, typer.Option("-k", min=1, help="Number of passages.", show_default="10")] = None,
    only: OnlyOption = None,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the passages that match a query best."""
    from rag.cli.printing import print_hits
    from rag.wire import hit_values

    hits = open_library(corpus, index).search(query, k=k, documents=only)
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
            help='Answer JSON lines {"question", "documents"?, "history"?, "query"?, "correct"?}, one JSON object per line. '
            "--only, --history, --as-written and --as-typed apply to the lines that do not set these themselves.",
        ),
    ] = None,
    receipt: Annotated[
        Path | None,
        typer.Option("--receipt", metavar="FILE", help="Save the answer with its proof: .json for `rag verify`, .md or .html."),
    ] = None,
    only: OnlyOption = None,
    history: HistoryOption = None,
    as_written: Annotated[
        bool, typer.Option("--as-written", help="Search the question as typed, without words from earlier turns.")
    ] = False,
    as_typed: Annotated[bool, typer.Option("--as-typed", help="Correct no spelling and spell out no abbreviations.")] = False,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question in exact sentences of the documents. If they do not answer it, say so."""
    if (question is None) == (batch is None):
        raise typer.BadParameter("give either a question or --batch with a file of questions")
    if receipt and batch:
        raise typer.BadParameter("--receipt saves a single answer; leave out --batch")
    from rag.cli.printing import print_answer
    from rag.wire import answer_values

    library = open_library(corpus, index)
    turns = _turns(_read_json(history), str(history)) if history else []
    if batch is not None:
        for request in _requests(batch, documents=only, history=turns, as_written=as_written, correct=not as_typed):
            print_json(answer_values(request.answered_by(library)))
        return
    answer = Request(question or "", only, turns, question if as_written else None, not as_typed).answered_by(library)
    if not only:
        note_answer(library.settings, answer)
    if receipt:
        from rag.receipts import save_receipt

        save_receipt(receipt, answer, model=library.chat.embedder.identity.digest, reader=library.chat.reader.identity)
    if as_json:
        print_json(answer_values(answer))
    else:
        print_answer(answer)


def verify(
    receipt: Annotated[Path, typer.Argument(metavar="RECEIPT", help="A JSON file saved by `rag ask --receipt` or `rag matrix`.")],
    corpus: CorpusOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a saved answer or evidence matrix against the files as they are now. Exit code 1 unless every citation is valid."""
    from rag.receipts import VALID
    from rag.storage.files import from_json

    citations = open_library(corpus, None).verify(receipt)
    valid = all(citation.state == VALID for citation in citations)
    if as_json:
        question = from_json(receipt.read_bytes()).get("question")  # a matrix has several
        print_json({"question": question, "valid": valid, "citations": [_checked_values(c) for c in citations]})
    else:
        for citation in citations:
            _print_checked(citation, moved=citation.state != VALID)
        if not citations:
            print_line("the receipt holds no citations: nothing was answered")
    if not valid:
        raise typer.Exit(1)


def _checked_values(citation: "Checked") -> dict[str, Any]:
    return {
        "number": citation.number,
        "document_id": citation.document_id,
        "state": citation.state,
        "quote": citation.quote,
        "reason": citation.reason,
        "now": {"start": citation.now.start, "end": citation.now.end} if citation.now else None,
    }


def _print_checked(citation: "Checked", *, moved: bool) -> None:
    reason = f" ({citation.reason})" if citation.reason else ""
    now = f"; the same words are now at {citation.now.start}–{citation.now.end}" if moved and citation.now else ""
    print_line(f"{citation.number}  {citation.state}{reason}{now}: {citation.document_id}  {citation.quote[:80]}")


def chat(corpus: CorpusOption = None, index: IndexOption = None) -> None:
    """Ask questions one after another. A citation's number shows its source, /as-written asks the last question again
    without words from earlier turns, an empty line ends."""
    from rag.cli.printing import print_answer, print_source
    from rag.wire import answer_values

    opened = open_library(corpus, index).chat
    answer: Answer | None = None
    turns: Turns = []
    while line := _typed_line():
        if line.isdecimal() and answer and 1 <= int(line) <= len(answer.citations):
            print_source(answer.citations[int(line) - 1], opened.index().documents)
            continue
        if line == "/as-written" and answer:
            turns = turns[:-2]
            answer = opened.ask(answer.question, history=turns, query=answer.question)
        else:
            answer = opened.ask(line, history=turns)
            note_answer(opened.settings, answer)
        turns += [{"speaker": "user", "text": answer.question}, {"speaker": "agent", **answer_values(answer)}]
        print_answer(answer)


def _typed_line() -> str:
    try:
        return read_line("> ").strip()
    except EOFError:
        return ""


def _read_json(path: Path) -> Any:
    from rag.storage.files import from_json

    try:
        return from_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read as JSON: {error}") from error


def _requests(batch: str, *, as_written: bool, **defaults: Any) -> Iterator[Request]:
    """The request of each line, with what it leaves out as in `defaults`; blank lines are skipped.

    Raises SettingsError with the line's number.
    """
    try:
        with nullcontext(sys.stdin) if batch == "-" else Path(batch).open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    values = {**defaults, **_line_values(line, f"{batch} line {number}")}
                    if as_written:
                        values.setdefault("query", values["question"])
                    yield Request(**values)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{batch} cannot be read: {error}") from error


def _line_values(line: str, where: str) -> dict[str, Any]:
    """What a line sets; null sets nothing. Raises SettingsError."""
    from rag.storage.files import from_json

    try:
        values = from_json(line.encode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise SettingsError(f"{where} is not JSON: {error}") from error
    if not isinstance(values, Mapping) or not isinstance(values.get("question"), str):
        raise SettingsError(f'{where} must be a JSON object with a "question"')
    known = ("question", "documents", "history", "query", "correct")
    request = {name: values[name] for name in known if values.get(name) is not None}
    documents = request.get("documents", [])
    if not (isinstance(documents, list) and all(isinstance(name, str) for name in documents)):
        raise SettingsError(f'{where}: "documents" must be a list of document ids')
    if not isinstance(request.get("query", ""), str):
        raise SettingsError(f'{where}: "query" must be the text to search instead of the question')
    if not isinstance(request.get("correct", True), bool):
        raise SettingsError(f'{where}: "correct" must be true or false')
    _turns(request.get("history", []), where)
    return request


def _turns(value: Any, where: str) -> Turns:
    valid = isinstance(value, list) and all(
        isinstance(turn, dict) and turn.get("speaker") in ("user", "agent") and isinstance(turn.get("text"), str)
        for turn in value
    )
    if not valid:
        raise SettingsError(f'{where}: the history must be a list of {{"speaker": "user" or "agent", "text": ...}}')
    turns: Turns = value
    return turns
