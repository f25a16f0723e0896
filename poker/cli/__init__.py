"""The commands of `python -m poker`."""

from __future__ import annotations

import typer

from poker.cli.fetching import fetch_command
from poker.cli.following import follow_command
from poker.cli.importing import import_command
from poker.cli.leaders import leaders_command
from poker.cli.playing import play_command
from poker.cli.pots import pots_command
from poker.cli.quarantine import quarantine_command
from poker.cli.rebuilding import rebuild_command
from poker.cli.reporting import report_command
from poker.cli.rolling_up import roll_up_command
from poker.cli.simulating import simulate_command
from poker.cli.statistics import statistics_command

app = typer.Typer(
    help="Poker hands into an event store, and pots out of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they would show the password of a URL
)
app.command("fetch")(fetch_command)
app.command("follow")(follow_command)
app.command("import")(import_command)
app.command("leaders")(leaders_command)
app.command("play")(play_command)
app.command("pots")(pots_command)
app.command("quarantine")(quarantine_command)
app.command("rebuild")(rebuild_command)
app.command("report")(report_command)
app.command("roll-up")(roll_up_command)
app.command("simulate")(simulate_command)
app.command("statistics")(statistics_command)
