"""Simulated hands while they are played: `python -m poker play`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from datetime import UTC, datetime
from threading import Event
from time import monotonic, sleep
from typing import Annotated

import typer
from rich.live import Live
from rich.table import Column, Table

from eventstore import connect
from poker.cli.common import Schema, Url, err, out, plain_errors
from poker.tables import DEALERS, Dealer

# Each dealer has a connection, and a server has a hundred as a rule.
MOST_TABLES = 30
LOOKS = 0.2  # seconds between two looks at the dealers
LINES = 5.0  # seconds between two lines, where no table can be drawn


def play_command(
    tables: Annotated[int, typer.Option(min=1, max=MOST_TABLES, help="How many tables.")] = 2,
    rate: Annotated[float, typer.Option(min=0, help="Events per second at each table; 0: as fast as possible.")] = 5,
    hands: Annotated[
        int | None, typer.Option(min=1, help="How many hands each table plays; else until Ctrl-C.", show_default=False)
    ] = None,
    evening: Annotated[
        str | None, typer.Option(help="Serve the tables of this evening, else new ones.", show_default=False)
    ] = None,
    url: Url = None,
    schema: Schema = "public",
) -> None:
    """Play at live tables, each served by two dealers who race for every event.

    Ctrl-C finishes the hands under way and ends; a second Ctrl-C ends at once.

    Give the same evening in a second terminal, and its dealers serve the same
    tables. Kill one of the two: the other goes on.
    """
    evening = evening or f"{datetime.now(UTC):%Y-%m-%d %H.%M.%S.%f}"
    stop = Event()
    with plain_errors("stopped at once"), ExitStack() as stores:
        dealers = [
            Dealer(stores.enter_context(connect(url, schema=schema)), evening, table, rate=rate, hands=hands, stop=stop)
            for table in range(1, tables + 1)
            for _ in range(DEALERS)
        ]
        out.print(f"evening: {evening}")
        start = monotonic()
        for dealer in dealers:
            dealer.start()
        try:
            _watch_until_stopped(dealers, stop, start)
        finally:
            _print_summary(dealers, start)
        for error in (dealer.error for dealer in dealers if dealer.error):
            raise error


def _watch_until_stopped(dealers: Sequence[Dealer], stop: Event, start: float) -> None:
    try:
        _watch(dealers, stop, start)
    except KeyboardInterrupt:
        stop.set()
        err.print("finishing the hands under way; Ctrl-C again ends at once")
        _watch(dealers, stop, start)


def _watch(dealers: Sequence[Dealer], stop: Event, start: float) -> None:
    """Show what the dealers do, until all of them have gone home."""
    next_line = monotonic() + LINES
    with Live(console=out, auto_refresh=False, transient=True) if out.is_terminal else nullcontext() as live:
        while any(dealer.is_alive() for dealer in dealers):
            sleep(LOOKS)  # not `join`, which on Windows hears no Ctrl-C
            if any(dealer.error for dealer in dealers):
                stop.set()
            if live is not None:
                live.update(_view(dealers, start), refresh=True)
            elif monotonic() >= next_line:
                next_line += LINES
                out.print(_totals(dealers, start))


def _view(dealers: Sequence[Dealer], start: float) -> Table:
    view = Table("table", *(Column(name, justify="right") for name in ("hands", "events", "events/s", "conflicts")))
    for table in sorted({dealer.table for dealer in dealers}):
        view.add_row(str(table), *_figures([dealer for dealer in dealers if dealer.table == table], start))
    view.add_row("all", *_figures(dealers, start), style="bold")
    return view


def _figures(dealers: Sequence[Dealer], start: float) -> tuple[str, str, str, str]:
    """Hands finished, events written, events per second so far, and conflicts."""
    events = sum(dealer.events for dealer in dealers)
    return (
        f"{sum(dealer.hands_finished for dealer in dealers):,}",
        f"{events:,}",
        f"{events / (monotonic() - start):,.1f}",
        f"{sum(dealer.conflicts for dealer in dealers):,}",
    )


def _totals(dealers: Sequence[Dealer], start: float) -> str:
    hands, events, pace, conflicts = _figures(dealers, start)
    return f"{hands} hands, {events} events ({pace} per second), {conflicts} conflicts"


def _print_summary(dealers: Sequence[Dealer], start: float) -> None:
    unfinished = {dealer.under_way for dealer in dealers if dealer.under_way}
    out.print(f"{_totals(dealers, start)}, {len(unfinished)} hands unfinished")
