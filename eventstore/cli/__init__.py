"""The commands of `python -m eventstore`."""

from __future__ import annotations

import errno
import os
import sys

import typer

from eventstore.cli import events, server
from eventstore.cli.exporting import export
from eventstore.cli.following import subscriptions
from eventstore.cli.printing import print_error
from eventstore.cli.rolling_up import roll_up
from eventstore.cli.tail import tail
from eventstore.embedded import host
from eventstore.errors import EventStoreError

app = typer.Typer(
    help="An event store on PostgreSQL: its events, and a private server that keeps them.",
    epilog=(
        "Exit codes: 0 if all is well. 1 if it failed; check-schema: the schema differs; status: the private server"
        " does not run. 2 for wrong usage; check-schema: it could not check. 130 after Ctrl-C. psql gives back its own."
    ),
    no_args_is_help=True,
    add_completion=False,
    # What is not an error of ours is a bug, and then a plain traceback helps most.
    pretty_exceptions_enable=False,
)
ABOUT_EVENTS = (events.append, events.stream, events.query, tail, events.stats)
ABOUT_THE_LOG = (export, roll_up, subscriptions, events.check_schema)
for about_events in (*ABOUT_EVENTS, *ABOUT_THE_LOG):
    app.command(rich_help_panel="Events")(about_events)
for about_server in (server.up, server.down, server.status, server.url):
    app.command(rich_help_panel="The private PostgreSQL")(about_server)
app.command(rich_help_panel="The private PostgreSQL", context_settings={"ignore_unknown_options": True})(server.psql)


def main() -> None:
    """Run a command. What goes wrong in a way that a person can mend is one line on stderr and exit code 1."""
    host.print_what_the_console_cannot_show()
    try:
        try:
            app(prog_name="python -m eventstore")
        finally:
            print(end="", flush=True)  # here, where a pipe that nobody reads any more can be dealt with
    except EventStoreError as error:
        print_error(error)
        raise SystemExit(1) from None
    except OSError as error:
        # Whoever read the pipe has seen enough, as `head -1` has: then be quiet. Windows calls that EINVAL.
        if error.errno not in (errno.EPIPE, errno.EINVAL):
            print_error(error)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still in the buffer
        raise SystemExit(1) from None
