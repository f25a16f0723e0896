"""The command that keeps `event_statistics` fast."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from eventstore.cli.common import Schema, installed
from eventstore.statistics import roll_up as roll_up_events
from eventstore.statistics import roll_up_subscription


def roll_up(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on: again after every 10,000 events, until Ctrl-C or SIGTERM.")
    ] = False,
    schema: Schema = "public",
) -> None:
    """Count the log once, so that event_statistics need only count what comes after.

    The answers stay the same, they come faster. Run it now and then, while others
    write: what they write meanwhile is counted as before. Stopped with Ctrl-C, it
    keeps what it has.
    """
    moved = 0
    with installed(schema) as store:
        with Console(stderr=True).status("rolling up") as status:

            def advance(events: int) -> None:
                nonlocal moved
                moved += events
                status.update(f"rolling up: {moved:,} events")

            roll_up_events(store, advance)
        print(f"{moved:,} events rolled up", flush=True)
        if follow:
            follower = roll_up_subscription(store)
            follower.reset(store.high_water_mark())  # what is counted need not be read
            follower.run()
