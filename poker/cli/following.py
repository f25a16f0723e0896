"""Read models kept up to date: `python -m poker follow`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from threading import Event, Thread
from time import monotonic, sleep

from rich.live import Live
from rich.table import Column, Table

from eventstore import PostgresEventStore, StoreUnavailableError, Subscription, SubscriptionStatus, connect
from eventstore.embedded import host
from eventstore.subscription import subscriptions
from poker.cli.common import Schema, Url, err, out, plain_errors
from poker.projections import PROJECTIONS

LOOKS = 0.2  # seconds between two looks at the followers
QUESTIONS = 1.0  # seconds between two questions how far they are
LINES = 5.0  # seconds between two lines, where no table can be drawn


class Follower(Thread):
    """A subscription at work.

    Attributes:
        error: what ended the work, None if nothing did.
    """

    def __init__(self, subscription: Subscription) -> None:
        # As a daemon, so that a program which is told to end at once need not wait.
        super().__init__(name=subscription.name, daemon=True)
        self.error: Exception | None = None
        self._subscription = subscription

    def run(self) -> None:
        """Follow. Called by `start()`."""
        try:
            self._subscription.run()
        except Exception as error:
            self.error = error

    def stop(self) -> None:
        """Go home when the event at work is done."""
        self._subscription.stop()


def follow_command(url: Url = None, schema: Schema = "public") -> None:
    """Keep the read models up to date: pots per table, leader board, unfinished hands.

    Ctrl-C, or SIGTERM, ends it when the events at work are done. Start it again, and
    it goes on there. Start it twice, and the second one stands by.
    """
    stop = Event()
    with plain_errors("stopped at once"), connect(url, schema=schema) as store:
        followers = [Follower(projection.subscription(store)) for projection in PROJECTIONS.values()]
        with host.asked_to_end(stop.set):
            for follower in followers:
                follower.start()
            out.print(f"following: {', '.join(PROJECTIONS)}")
            try:
                _watch(store, followers, stop)
            except KeyboardInterrupt:
                err.print("finishing the events at work; Ctrl-C again ends at once")
            for follower in followers:
                follower.stop()
            while any(follower.is_alive() for follower in followers):
                sleep(LOOKS)  # not `join`, which on Windows hears no Ctrl-C
        for error in (follower.error for follower in followers if follower.error):
            raise error
        out.print(_line(_statuses(store)))


def _watch(store: PostgresEventStore, followers: Sequence[Follower], stop: Event) -> None:
    """Show how far the followers are, until one of them has failed, or we are told to stop."""
    next_question = next_line = monotonic()
    with Live(console=out, auto_refresh=False, transient=True) if out.is_terminal else nullcontext() as live:
        while not stop.is_set() and not any(follower.error for follower in followers):
            sleep(LOOKS)
            now = monotonic()
            if now >= (next_question if live else next_line):
                next_question, next_line = now + QUESTIONS, now + LINES
                _show(store, live)


def _show(store: PostgresEventStore, live: Live | None) -> None:
    try:
        statuses = _statuses(store)
    except StoreUnavailableError as error:  # the followers wait until it is back, and so do we
        err.print(f"{error}; trying again")
        return
    if live is not None:
        live.update(_table(statuses), refresh=True)
    else:
        out.print(_line(statuses))


def _statuses(store: PostgresEventStore) -> list[SubscriptionStatus]:
    return [status for status in subscriptions(store) if status.name in PROJECTIONS]


def _table(statuses: Sequence[SubscriptionStatus]) -> Table:
    table = Table("read model", *(Column(name, justify="right") for name in ("position", "behind")), "state")
    for status in statuses:
        table.add_row(status.name, f"{status.position:,}", f"{status.lag:,}", status.state)
    return table


def _line(statuses: Sequence[SubscriptionStatus]) -> str:
    return ", ".join(f"{status.name} at {status.position} ({status.lag} behind)" for status in statuses)
