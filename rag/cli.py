"""The command line.

Exit codes: 0 done; 1 failed, one line on standard error; 2 wrong usage; 3 done, but some files could not be read.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

from rag.config import Settings, load_settings
from rag.errors import IndexMismatch, RagError, SettingsError
from rag.exchange import ABSTENTIONS, answer_values, hit_values, place
from rag.records import Answer, Citation, Passage

app = typer.Typer(
    name="rag",
    help="Ask your own documents: exact sentences, each with a citation. Nothing leaves this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console(highlight=False)
notes = Console(stderr=True, highlight=False)

CorpusOption = Annotated[
    Path | None, typer.Option("--corpus", metavar="DIR", help="Folder of the documents.", show_default="corpus")
]
IndexOption = Annotated[Path | None, typer.Option("--index", metavar="DIR", help="Folder of the index.", show_default="index")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output and nothing else.")]

SOME_FAILED = 3


def main() -> None:
    """Runs the command line; an error of ours is one plain line."""
    try:
        app(prog_name="rag")
    except RagError as error:
        notes.print(f"rag: {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
    except OSError as error:  # a full disk, a folder that may not be written
        what = f"{error.filename or 'a file'}: {error.strerror or error}"
        notes.print(f"rag: {escape(what)}; mend that and try again", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        notes.print("rag: stopped")
        sys.exit(130)


@app.command()
def build(
    corpus: CorpusOption = None,
    index: IndexOption = None,
    full: Annotated[bool, typer.Option("--full", help="Take nothing from the former index.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make the index agree with the corpus; only what changed is read and embedded."""
    from rag.embedding import SentenceTransformerEmbedder
    from rag.index.building import update_index

    settings = load_settings(corpus=corpus, index=index)
    started = time.perf_counter()
    with _progress() as progress:
        embedder = SentenceTransformerEmbedder(settings.embedding)
        built, changes = update_index(settings.corpus, settings.index, embedder, settings.passages, full=full, progress=progress)
    seconds = round(time.perf_counter() - started, 2)
    if as_json:
        _print_json(_build_values(built, changes, seconds))
    else:
        for failure in changes.failed:
            notes.print(f"could not read {escape(failure.path)}: {escape(failure.reason)}", soft_wrap=True)
        if changes.cut:
            out.print(f"{changes.cut} passages hold part of a sentence that is longer than the model reads")
        counted = [
            (len(changes.added), "added"),
            (len(changes.changed), "changed"),
            (len(changes.removed), "removed"),
            (len(changes.unchanged), "unchanged"),
            (len(changes.failed), "failed"),
        ]
        out.print(", ".join(f"{number} {what}" for number, what in counted))
        out.print(
            f"{len(built.documents)} documents, {len(built.passages)} passages in {seconds} s, manifest {built.digest[:12]}"
        )
    if changes.failed:
        raise typer.Exit(SOME_FAILED)


@app.command()
def status(corpus: CorpusOption = None, index: IndexOption = None, as_json: JsonOption = False) -> None:
    """Tell what the index holds and whether the corpus has changed since."""
    from rag.index.building import corpus_changes
    from rag.index.files import load_index
    from rag.storage import live_build

    settings = load_settings(corpus=corpus, index=index)
    live = load_index(live_build(settings.index), settings=settings.passages)
    if live.manifest["model"]["name"] != settings.embedding.model:
        raise IndexMismatch("model name", in_index=live.manifest["model"]["name"], wanted=settings.embedding.model)
    changes = corpus_changes(settings.corpus, live)
    changed = {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
    values = {
        "documents": len(live.documents),
        "passages": len(live.passages),
        "model": live.manifest["model"],
        "manifest": live.digest,
        "up_to_date": not any(changed.values()),
        "failed": [{"path": failure.path, "reason": failure.reason} for failure in changes.failed],
        **changed,
    }
    if as_json:
        _print_json(values)
        return
    held = f"{len(live.documents)} documents, {len(live.passages)} passages"
    out.print(f"{held}, model {live.manifest['model']['name']}, manifest {live.digest[:12]}")
    for failure in changes.failed:
        out.print(f"not read: {escape(failure.path)}: {escape(failure.reason)}")
    for what, names in changed.items():
        for name in names:
            out.print(f"{what} since: {escape(name)}")
    out.print("up to date" if values["up_to_date"] else "run `rag build` to bring the index up to date")


@app.command()
def search(
    query: str,
    k: Annotated[int | None, typer.Option("-k", min=1, help="Passages to show.", show_default="10")] = None,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the passages that fit a query best."""
    hits = _open_chat(load_settings(corpus=corpus, index=index)).search(query, k=k)
    if as_json:
        _print_json({"hits": [hit_values(hit) for hit in hits]})
        return
    for hit in hits:
        out.print(f"[bold]{hit.rank}[/] {hit.score:.3f}  {escape(_place(hit.passage))}", soft_wrap=True)
        out.print(escape(hit.passage.text.strip()) + "\n", soft_wrap=True)


@app.command()
def ask(
    question: Annotated[str | None, typer.Argument(help="The question.", show_default=False)] = None,
    batch: Annotated[
        str | None,
        typer.Option(
            "--batch",
            metavar="FILE|-",
            help='Answer JSON lines {"question", "history"?, "documents"?}, one object a line.',
        ),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option("--history", metavar="FILE", help='Earlier turns: a JSON list of {"speaker", "text"}.'),
    ] = None,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question in exact sentences of the documents, or say that they do not answer it."""
    if (question is None) == (batch is None):
        raise typer.BadParameter("give a question, or --batch with a file of questions")
    chat = _open_chat(load_settings(corpus=corpus, index=index))
    if batch is not None:
        for request in _requests(batch):
            _print_json(answer_values(chat.ask(request["question"], history=request["history"], documents=request["documents"])))
        return
    turns = _turns(_read_json(history), str(history)) if history else []
    answer = chat.ask(question or "", history=turns)
    if as_json:
        _print_json(answer_values(answer))
    else:
        _print_answer(answer)


@app.command()
def chat(corpus: CorpusOption = None, index: IndexOption = None) -> None:
    """Ask one question after the other; a number shows the source of that citation, an empty line ends."""
    opened = _open_chat(load_settings(corpus=corpus, index=index))
    answer: Answer | None = None
    turns: list[dict[str, str]] = []
    while line := _read_line():
        if line.isdecimal() and answer and 1 <= int(line) <= len(answer.citations):
            _print_source(answer.citations[int(line) - 1], opened.index().documents)
            continue
        answer = opened.ask(line, history=turns)
        turns += [{"speaker": "user", "text": line}, {"speaker": "agent", "text": answer.text}]
        _print_answer(answer)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.", show_default="7860")
    ] = None,
    build_first: Annotated[bool, typer.Option("--build/--no-build", help="Bring the index up to date first.")] = True,
    corpus: CorpusOption = None,
    index: IndexOption = None,
) -> None:
    """Serve the page on this machine, after bringing the index up to date."""
    settings = load_settings(corpus=corpus, index=index)
    named = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update={"server": settings.server.model_copy(update=named)})
    from rag.conversation import Chat
    from rag.embedding import SentenceTransformerEmbedder
    from rag.index.building import update_index
    from rag.server.app import require_loopback, run
    from rag.storage import live_build

    require_loopback(settings.server.host)
    if not build_first:
        live_build(settings.index)
    notes.print("loading the model …")
    embedder = SentenceTransformerEmbedder(settings.embedding)
    if build_first:
        with _progress() as progress:
            _, changes = update_index(settings.corpus, settings.index, embedder, settings.passages, progress=progress)
        for failure in changes.failed:
            notes.print(f"could not read {escape(failure.path)}: {escape(failure.reason)}", soft_wrap=True)
    opened = Chat(settings, embedder)
    opened.index()
    run(opened)


def _open_chat(settings: Settings) -> Any:
    from rag.conversation import Chat

    return Chat.open(settings=settings)


def _build_values(built: Any, changes: Any, seconds: float) -> dict[str, Any]:
    return {
        "added": changes.added,
        "changed": changes.changed,
        "removed": changes.removed,
        "unchanged": changes.unchanged,
        "failed": [{"path": failure.path, "reason": failure.reason} for failure in changes.failed],
        "documents": len(built.documents),
        "passages": len(built.passages),
        "embedded": changes.embedded,
        "cut": changes.cut,
        "seconds": seconds,
        "manifest": built.digest,
    }


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=True) + "\n")
    sys.stdout.flush()


def _print_answer(answer: Answer) -> None:
    if answer.abstained:
        out.print(f"[bold]{ABSTENTIONS[answer.reason or 'not_in_documents']}[/]")
        for hit in answer.nearest:
            out.print(f"  nearest, not an answer: {escape(_place(hit.passage))}", soft_wrap=True)
        return
    for sentence in answer.sentences:
        style = "dim" if sentence.context else "default"
        out.print(f"[{style}]{escape(sentence.text)}[/] [bold]{escape(f'[{sentence.citation}]')}[/]", soft_wrap=True)
    for citation in answer.citations:
        out.print(f"  {citation.number}  {escape(_place(citation))} ({citation.span.start}–{citation.span.end})", soft_wrap=True)
    out.print(f"  confidence {answer.confidence:.2f}, {answer.timings_ms['total']:.0f} ms, index {answer.index[:12]}")


def _place(found: Citation | Passage) -> str:
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


@contextmanager
def _progress() -> Iterator[Any]:
    """Calls with (what, done, total) move a bar on standard error, if that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with ProgressBar(*columns, console=notes, transient=True, disable=not notes.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def update(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield update


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
    return {
        "question": request["question"],
        "documents": documents,
        "history": _turns(request.get("history") or [], where),
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
