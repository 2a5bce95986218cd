"""Commands that serve: the page with the HTTP API, tools for assistants, and who may come in."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from rag.cli.output import CorpusOption, IndexOption, JsonOption, notes, out, print_json

if TYPE_CHECKING:
    from rag.accounts.users import Accounts
    from rag.library import Library

users = typer.Typer(help="Who may come in, once other machines can reach the page.", no_args_is_help=True, rich_markup_mode=None)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the user.")]


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.", show_default="7860")
    ] = None,
    build_first: Annotated[bool, typer.Option("--build/--no-build", help="Bring the index up to date first.")] = True,
    corpus: CorpusOption = None,
    index: IndexOption = None,
) -> None:
    """Serve the page and the HTTP API. The index is brought up to date first."""
    from rag.config import load_settings

    settings = load_settings(corpus=corpus, index=index)
    named = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update={"server": settings.server.model_copy(update=named)})
    from rag.library import Library
    from rag.server.launch import require_users, run

    require_users(settings.server)
    library = Library(settings)
    if build_first:
        _build(library)
    notes.print("loading the model …")
    run(library)


def _build(library: "Library") -> None:
    from rag.cli.progress import progress_bars

    with progress_bars() as progress:
        report = library.build(progress=progress)
    for failure in report.changes.failed:
        notes.print(f"could not read {escape(failure.path)}: {escape(failure.reason)}", soft_wrap=True)


def mcp(corpus: CorpusOption = None, index: IndexOption = None) -> None:
    """Answer an assistant by the Model Context Protocol. It is spoken over standard input and output."""
    import asyncio

    from rag.library import Library
    from rag.server.limits import Workers
    from rag.server.mcp import tools_server

    library = Library.open(corpus=corpus, index=index)
    limits = library.settings.server
    server = tools_server(library.chat, Workers(limits.workers, limits.waiting, limits.answer_seconds))
    asyncio.run(server.run_stdio_async())


@users.command()
def add(
    name: NameArgument,
    role: Annotated[str, typer.Option("--role", help="reader: asks; curator: also changes documents.")] = "reader",
) -> None:
    """Make a user, or give one another role and password. The password is asked for, or the first line of standard input."""
    accounts = _accounts()
    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    first = not accounts.all()
    accounts.add(name, role, password)
    out.print(f"{escape(name)} may come in as {role}", soft_wrap=True)
    if first:
        out.print("the page asks for a login when it is started next")


@users.command()
def remove(name: NameArgument) -> None:
    """Take a user out, with all sessions and tokens."""
    _accounts().remove(name)
    out.print(f"{escape(name)} is out", soft_wrap=True)


@users.command("list")
def show(as_json: JsonOption = False) -> None:
    """Show the users, their roles and the labels of their tokens."""
    accounts = _accounts().all()
    listed = [{"name": name, "role": account.role, "tokens": sorted(account.tokens)} for name, account in accounts.items()]
    if as_json:
        print_json({"users": listed})
        return
    for user in listed:
        tokens = f"  tokens: {', '.join(user['tokens'])}" if user["tokens"] else ""
        out.print(escape(f"{user['name']}  {user['role']}{tokens}"), soft_wrap=True)
    if not listed:
        out.print("nobody; make one with `rag users add NAME`")


@users.command()
def token(
    name: NameArgument,
    label: Annotated[str, typer.Option("--label", help="What the token is for.")] = "program",
    revoke: Annotated[bool, typer.Option("--revoke", help="Make the token of this label worthless.")] = False,
) -> None:
    """Make a token with which a program may ask as this user. It is shown this once."""
    accounts = _accounts()
    if revoke:
        accounts.revoke_token(name, label)
        out.print(f"the token {escape(label)} of {escape(name)} is worthless now", soft_wrap=True)
        return
    sys.stdout.write(accounts.make_token(name, label) + "\n")


def _accounts() -> "Accounts":
    from rag.accounts.users import Accounts
    from rag.config import load_settings

    return Accounts(load_settings().server.users)
