"""Commands that ask the index."""

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from rag.cli.output import CorpusOption, IndexOption, JsonOption, OnlyOption, out, print_json
from rag.config import Settings, load_settings
from rag.errors import SettingsError
from rag.exchange import ABSTENTIONS, abstention_notes, answer_values, hit_values, in_plain_words, place
from rag.records import Answer, Citation, Passage, Place


def search(
    query: str,
    k: Annotated[int | None, typer.Option("-k", min=1, help="Passages to show.", show_default="10")] = None,
    only: OnlyOption = None,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the passages that fit a query best."""
    hits = _open_chat(load_settings(corpus=corpus, index=index)).search(query, k=k, documents=only)
    if as_json:
        print_json({"hits": [hit_values(hit) for hit in hits]})
        return
    for hit in hits:
        out.print(f"[bold]{hit.rank}[/] {hit.score:.3f}  {escape(_place(hit.passage))}", soft_wrap=True)
        out.print(escape(hit.passage.text.strip()) + "\n", soft_wrap=True)


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
    """Answer a question in exact sentences of the documents, or say that they do not answer it."""
    if (question is None) == (batch is None):
        raise typer.BadParameter("give a question, or --batch with a file of questions")
    if receipt and batch:
        raise typer.BadParameter("--receipt keeps one answer; leave out --batch")
    chat = _open_chat(load_settings(corpus=corpus, index=index))
    if batch is not None:
        for request in _requests(batch):
            print_json(answer_values(chat.ask(request.pop("question"), **request)))
        return
    turns = _turns(_read_json(history), str(history)) if history else []
    answer = chat.ask(question or "", history=turns, documents=only, query=question if as_written else None)
    if receipt:
        from rag.receipts import save_receipt

        save_receipt(receipt, answer, model=chat.embedder.identity.digest, reader=chat.reader.identity)
    if as_json:
        print_json(answer_values(answer))
    else:
        _print_answer(answer)


def verify(
    receipt: Annotated[Path, typer.Argument(metavar="RECEIPT", help="A file that `rag ask --receipt` wrote.")],
    corpus: CorpusOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check an answer that was kept against the files as they are now; exit code 1 unless every citation is valid."""
    from rag.loading.files import FolderCorpus
    from rag.receipts import VALID, load_receipt
    from rag.receipts import verify as check

    values = load_receipt(receipt)
    settings = load_settings(corpus=corpus)
    checked = check(values, FolderCorpus(settings.corpus, settings.loading))
    good = all(one.state == VALID for one in checked)
    if as_json:
        citations = [
            {"number": c.number, "document_id": c.document_id, "state": c.state, "quote": c.quote, "reason": c.reason}
            | {"now": {"start": c.now.start, "end": c.now.end} if c.now else None}
            for c in checked
        ]
        print_json({"question": values["question"], "valid": good, "citations": citations})
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
    """Ask one question after the other; a number shows the source of that citation, /as-written asks the last
    question again in its own words alone, an empty line ends."""
    opened = _open_chat(load_settings(corpus=corpus, index=index))
    answer: Answer | None = None
    turns: list[dict[str, Any]] = []
    while line := _read_line():
        if line.isdecimal() and answer and 1 <= int(line) <= len(answer.citations):
            _print_source(answer.citations[int(line) - 1], opened.index().documents)
            continue
        if line == "/as-written" and answer:
            turns = turns[:-2]
            answer = opened.ask(answer.question, history=turns, query=answer.question)
        else:
            answer = opened.ask(line, history=turns)
        turns += [{"speaker": "user", "text": answer.question}, {"speaker": "agent", **answer_values(answer)}]
        _print_answer(answer)


def _open_chat(settings: Settings) -> Any:
    from rag.conversation import Chat

    return Chat.open(settings=settings)


def _print_answer(answer: Answer) -> None:
    if " ".join(answer.question.split()) != answer.query and answer.query:
        out.print(f"[dim]understood as: {escape(answer.query)}[/]", soft_wrap=True)
    _print_quotes(answer)
    if answer.readings:
        out.print("It could mean several things; which do you mean? (“the first one” …)")
        for reading in answer.readings:
            out.print(f"  {escape(reading)}", soft_wrap=True)


def _print_quotes(answer: Answer) -> None:
    if answer.abstained:
        out.print(f"[bold]{ABSTENTIONS[answer.reason or 'not_in_documents']}[/]")
        for line in abstention_notes(answer):
            out.print(f"  {escape(line)}", soft_wrap=True)
        for hit in answer.nearest:
            out.print(f"  nearest, not an answer: {escape(_place(hit.passage))}", soft_wrap=True)
        return
    for sentence, citation in zip(answer.sentences, answer.citations, strict=True):
        style = "dim" if sentence.context else "default"
        number = escape(f"[{citation.number}]")
        out.print(f"[{style}]{_emphasised(citation)}[/] [bold]{number}[/]", soft_wrap=True)
        if citation.differs:
            others = ", ".join(str(number) for number in citation.differs)
            out.print(f"  sources differ: compare {citation.number} with {others}", soft_wrap=True)
    for citation in answer.citations:
        out.print(f"  {citation.number}  {escape(_place(citation))} ({citation.span.start}–{citation.span.end})", soft_wrap=True)
        for other in citation.also:
            out.print(f"     also in {escape(_place(other))}", soft_wrap=True)
    out.print(f"  {in_plain_words(answer)}; {answer.timings_ms['total']:.0f} ms, index {answer.index[:12]}", soft_wrap=True)


def _emphasised(citation: Citation) -> str:
    """The quote with its answer phrase in bold."""
    phrase, quote, start = citation.answer_phrase, citation.quote, citation.span.start
    if phrase is None:
        return escape(quote)
    before, inside, after = (
        quote[: phrase.start - start],
        quote[phrase.start - start : phrase.end - start],
        quote[phrase.end - start :],
    )
    return f"{escape(before)}[bold]{escape(inside)}[/bold]{escape(after)}"


def _place(found: Citation | Passage | Place) -> str:
    return place(found.document_id, found.page, found.headings)


def _print_source(citation: Citation, documents: Any) -> None:
    document = documents.get(citation.document_id)
    if document is None or document.digest != citation.digest:
        out.print("the document has changed since; ask again")
        return
    before = document.text[max(0, citation.span.start - 400) : citation.span.start]
    after = document.text[citation.span.end : citation.span.end + 400]
    out.print(f"{escape(before)}[reverse]{escape(citation.quote)}[/]{escape(after)}", soft_wrap=True)


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
