"""Commands for what a curator reviews: watched questions."""

import typer

watch = typer.Typer(help="Watch questions: every build tells which answers changed.", no_args_is_help=True, rich_markup_mode=None)
