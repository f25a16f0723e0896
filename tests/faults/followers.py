"""Consumers in processes of their own, and a read model that shows every event that was missed, repeated or swapped."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg

import eventstore
from eventstore import DomainEvent, PostgresEventStore, StoreUnavailableError, Subscription

NAME = "totals"

# `handled` has no unique key: an event that is handled twice stands there twice. Whoever handles an event holds the one
# row of `turn`, and does not wait for it: two who act at the same time make an error of which a line is left in a file.
READ_MODEL = """
CREATE TABLE turn (nobody int);
INSERT INTO turn VALUES (0);
CREATE TABLE handled (place bigint, number bigint);
CREATE INDEX ON handled (place);
CREATE TABLE totals (stream text PRIMARY KEY, events int, sum bigint);
CREATE FUNCTION handle(new_number bigint, new_stream text, amount bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM turn FOR UPDATE NOWAIT;
    INSERT INTO handled SELECT coalesce(max(place), 0) + 1, new_number FROM handled;
    INSERT INTO totals VALUES (new_stream, 1, amount)
    ON CONFLICT (stream) DO UPDATE SET events = totals.events + 1, sum = totals.sum + amount;
END
$$;
"""

RECOUNT = """
SELECT aggregate_id, count(*), sum((event_data ->> 'to')::bigint) FROM domain_events GROUP BY 1 ORDER BY 1
"""


def handle(folder: Path, event: DomainEvent, connection: psycopg.Connection) -> None:
    """Count one event in the read model."""
    values = (event.sequence_number, event.aggregate_id, event.event_data["to"])
    try:
        connection.execute("SELECT handle(%s, %s, %s)", values)
    except psycopg.errors.LockNotAvailable:
        (folder / "two have acted at once").touch()
        raise


def handle_slowly(folder: Path, event: DomainEvent, connection: psycopg.Connection) -> None:
    """The same, but slower than eight writers write."""
    handle(folder, event, connection)
    time.sleep(0.005)


def handle_and_dawdle(folder: Path, event: DomainEvent, connection: psycopg.Connection) -> None:
    """The same, but with the third event it stays in the middle of its work until it is told to go on."""
    handle(folder, event, connection)
    if event.sequence_number == 3:
        (folder / "dawdling").touch()
        while not (folder / "go on").exists():
            time.sleep(0.01)
        connection.execute("SELECT")


def follow(
    handler: Callable[[Path, DomainEvent, psycopg.Connection], None],
    url: str,
    schema: str,
    folder: Path,
    handler_timeout: float,
) -> None:
    """The life of a consumer process: it ends by SIGTERM, or with an error."""
    while True:
        try:
            with eventstore.connect(url, schema=schema) as store:
                subscription = Subscription(
                    store, NAME, partial(handler, folder), backoff=0.05, handler_timeout=handler_timeout
                )
                subscription.run()
                return
        except StoreUnavailableError:  # at the start: `run` itself waits for a server that is away
            time.sleep(0.05)


def has_handled_all(store: PostgresEventStore) -> bool:
    """Whether the checkpoint stands at the end of the log."""
    [status] = [status for status in eventstore.subscription.subscriptions(store) if status.name == NAME]
    return status.lag == 0


def assert_exact(store: PostgresEventStore, folder: Path) -> int:
    """Every event was handled once, in the order of the log, by one at a time, and the read model equals a recount.

    Returns:
        The number of events.
    """
    assert not (folder / "two have acted at once").exists()
    with store.connection() as connection:
        handled = connection.execute("SELECT number FROM handled ORDER BY place").fetchall()
        log = connection.execute("SELECT sequence_number FROM domain_events ORDER BY sequence_number").fetchall()
        assert handled == log
        totals = connection.execute("SELECT * FROM totals ORDER BY stream").fetchall()
        assert totals == connection.execute(RECOUNT).fetchall()
        assert connection.execute("SELECT FROM event_dead_letters").fetchall() == []
    return len(log)
