"""The command that keeps the statistics fast: `python -m poker roll-up`."""

from __future__ import annotations

from eventstore import connect
from poker.cli.common import Schema, Url, err, out, plain_errors
from poker.rolling_up import roll_up


def roll_up_command(url: Url = None, schema: Schema = "public") -> None:
    """Look up the completed hands once, so that the statistics need not do so again.

    The answers stay the same, they come faster. Run it now and then, while others
    play. Stopped with Ctrl-C, it keeps what it has.
    """
    done = 0

    def show(hands: int) -> None:
        nonlocal done
        done += hands
        status.update(f"rolling up: {done:,} hands")

    with (
        plain_errors("stopped: what was rolled up stays"),
        connect(url, schema=schema) as store,
        err.status("rolling up") as status,
    ):
        roll_up(store, show)
    out.print(f"{done:,} hands rolled up")
