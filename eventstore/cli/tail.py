"""The command that follows the log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, NoReturn

import typer

from eventstore.cli.common import AsJson, Schema, Types, installed, printer, show
from eventstore.cli.printing import PAGE
from eventstore.database import in_our_words
from eventstore.errors import StoreUnavailableError
from eventstore.events import DomainEvent, EventQueryFilter
from eventstore.postgres import PostgresEventStore
from eventstore.reading import HAS_NO_MARK, events_from

SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  # seconds

# Bounded by the mark in the database: what lies above it may be half of the log, while a long transaction is open.
NEWEST = """
SELECT id, event_type, aggregate_id, version, event_data::text, schema_version, event_timestamp,
       causation_id, correlation_id, user_id, sequence_number, recorded_at
FROM domain_events
WHERE sequence_number <= %s AND (%s::text[] IS NULL OR event_type = ANY (%s::text[]))
ORDER BY sequence_number DESC
LIMIT %s
"""


def tail(
    count: Annotated[int, typer.Option("-n", min=0, help="How many of the newest events to begin with.")] = 10,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new ones until Ctrl-C.")] = False,
    types: Types = None,
    as_json: AsJson = False,
    schema: Schema = "public",
) -> None:
    """Print the newest events of the log, and with --follow each new one as it comes.

    --follow shows every event once, in the order of the log. So there an event
    waits until none with a lower number can appear any more: until the
    transactions that began to write before it have ended. On a standby or a
    subscriber nobody can tell when that is, and --follow is refused.

    python -m eventstore tail -n 3
    python -m eventstore tail --follow --type game.won --json
    """
    wanted = EventQueryFilter(event_type=types or None, limit=count)
    with installed(schema) as store:
        if follow:
            _follow(store, wanted, as_json)
        else:
            show(store.query(replace(wanted, order_direction="DESC"))[::-1], as_json)


def _follow(store: PostgresEventStore, wanted: EventQueryFilter, as_json: bool) -> NoReturn:
    """Print the newest events up to the mark, and then whatever comes, until somebody interrupts."""
    mark = store.high_water_mark()
    show_more = printer(as_json)
    show_more(_newest(store, wanted, mark))
    pause = SHORTEST_PAUSE
    while True:
        print(end="", flush=True)
        time.sleep(pause)
        # First the mark, then in a later statement the events up to it: see `sql/100_order.sql`. It may fall back
        # a little, when a floor is published late; what was above it is seen already.
        seen, mark = mark, max(mark, store.high_water_mark())
        show_more(_between(store, wanted, seen, mark))
        pause = SHORTEST_PAUSE if mark > seen else min(2 * pause, LONGEST_PAUSE)


def _newest(store: PostgresEventStore, wanted: EventQueryFilter, mark: int) -> list[DomainEvent]:
    """The last events up to the mark, in the order of the log."""
    types = None if wanted.event_type is None else list(wanted.event_type)
    with store.connection() as connection, in_our_words(connection):
        if mark == 0 and connection.execute(HAS_NO_MARK).fetchone() == (True,):
            raise StoreUnavailableError(
                "this server is a standby or a subscriber, where nobody can tell which events are still on their way:"
                " follow the server that is written to, or leave out --follow"
            )
        found = connection.execute(NEWEST, (mark, types, types, wanted.limit), prepare=False, binary=True).fetchall()
    return list(events_from(found[::-1]))


def _between(store: PostgresEventStore, wanted: EventQueryFilter, seen: int, mark: int) -> Iterator[DomainEvent]:
    """The events with numbers above `seen`, up to the mark."""
    while seen < mark:
        page = store.query(replace(wanted, after_sequence=seen, limit=PAGE))
        yield from (event for event in page if _number(event) <= mark)
        seen = _number(page[-1]) if len(page) == PAGE else mark


def _number(event: DomainEvent) -> int:
    assert event.sequence_number is not None  # every stored event has one
    return event.sequence_number
