"""The commands of `python -m poker`."""

from __future__ import annotations

import typer

from poker.cli.importing import import_command
from poker.cli.pots import pots_command

app = typer.Typer(
    help="Poker hands into an event store, and pots out of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they would show the password of a URL
)
app.command("import")(import_command)
app.command("pots")(pots_command)
