"""Commands that serve the page, the HTTP API and tools for assistants, and manage user accounts."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.output import CorpusOption, IndexOption, JsonOption, open_library, print_json, print_line, print_note
from rag.errors import RagError, SettingsError

if TYPE_CHECKING:
    from rag.accounts.users import Accounts
    from rag.library import Library

users = typer.Typer(
    help="Manage user accounts. They are required if other machines can reach the server.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the user.")]


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Port; 0 picks a free one.", show_default="7860")
    ] = None,
    build_first: Annotated[bool, typer.Option("--build/--no-build", help="Update the index first.")] = True,
    corpus: CorpusOption = None,
    index: IndexOption = None,
) -> None:
    """Update the index, then serve the page and the HTTP API."""
    from rag.config import load_settings

    address = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = load_settings(corpus=corpus, index=index, server=address)
    from rag.library import Library
    from rag.server.launch import require_users, run

    require_users(settings.server)
    library = Library(settings)
    if build_first:
        _build(library)
    run(library)


def _build(library: "Library") -> None:
    from rag.cli.progress import progress_bars

    try:
        with progress_bars() as progress:
            report = library.build(progress=progress)
    except SettingsError:
        raise
    except (RagError, OSError, MemoryError) as error:  # the page is served with the index as it is
        print_note(f"rag: the index was not updated: {error or 'there is not enough memory'}")
        return
    for failure in report.changes.failed:
        print_note(f"could not read {failure.path}: {failure.reason}")
    if report.watched:
        from rag.review.watch_asking import describe_asked

        print_note(f"rag: {describe_asked(report.watched)}")


def mcp(corpus: CorpusOption = None, index: IndexOption = None) -> None:
    """Serve tools for assistants. Speaks the Model Context Protocol over standard input and output."""
    import asyncio

    from rag.question_queue import QuestionQueue
    from rag.review.unanswered_log import Notes
    from rag.server.mcp import tools_server

    library = open_library(corpus, index)
    notes = Notes(library.settings)
    server = tools_server(QuestionQueue(library.chat, notes.note))
    try:
        asyncio.run(server.run_stdio_async())
    finally:
        notes.close()


@users.command()
def add(
    name: NameArgument,
    role: Annotated[str, typer.Option("--role", help="reader: asks; curator: also changes documents.")] = "reader",
) -> None:
    """Add a user, or change a user's role and password. The password is prompted for, or read from standard input."""
    accounts = _accounts()
    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    first = not accounts.all()
    accounts.add(name, role, password)
    print_line(f"User {name} added as {role}")
    if first:
        print_line("The page requires a login from its next start")


@users.command()
def remove(name: NameArgument) -> None:
    """Remove a user and end all their sessions and tokens."""
    _accounts().remove(name)
    print_line(f"User {name} removed")


@users.command("list")
def show(as_json: JsonOption = False) -> None:
    """List the users with their roles and token labels."""
    accounts = _accounts().all()
    if as_json:
        values = [{"name": name, "role": account.role, "tokens": sorted(account.tokens)} for name, account in accounts.items()]
        print_json({"users": values})
        return
    for name, account in accounts.items():
        tokens = f"  tokens: {', '.join(sorted(account.tokens))}" if account.tokens else ""
        print_line(f"{name}  {account.role}{tokens}")
    if not accounts:
        print_line("No users; add one with `rag users add NAME`")


@users.command()
def token(
    name: NameArgument,
    label: Annotated[str, typer.Option("--label", help="What the token is for.")] = "program",
    revoke: Annotated[bool, typer.Option("--revoke", help="Revoke the token with this label.")] = False,
) -> None:
    """Create a token that lets a program act as this user. It is shown only once."""
    accounts = _accounts()
    if revoke:
        accounts.revoke_token(name, label)
        print_line(f"Token {label} of {name} revoked")
        return
    sys.stdout.write(accounts.make_token(name, label) + "\n")


def _accounts() -> "Accounts":
    from rag.accounts.users import Accounts
    from rag.config import load_settings

    return Accounts(load_settings().server.users)
