"""The commands for events: write them, read them, follow them, count them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table
from rich.text import Text

from eventstore import database
from eventstore.cli.printing import (
    PAGE,
    EventTable,
    escaped,
    events_from,
    parse_json,
    print_json,
    to_the_second,
)
from eventstore.errors import StoreUnavailableError, VersionConflictError
from eventstore.events import DomainEvent, EventMetadata, EventQueryFilter
from eventstore.postgres import PostgresEventStore, connect

SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  # seconds
# Columns, where the output is no terminal and so has no edge.
WIDTH_OF_A_PIPE = 160

# The counts of all types and that of the whole log in one statement, so that they agree while others append.
STATISTICS = """
SELECT event_type, event_count, aggregate_count, first_event_at, last_event_at, events_per_day
FROM event_statistics
UNION ALL
SELECT NULL, count(*), count(DISTINCT aggregate_id), min(event_timestamp), max(event_timestamp), NULL
FROM domain_events
ORDER BY event_type NULLS LAST
"""


Schema = Annotated[str, typer.Option("--schema", help="The schema of the store; made if it is not there.")]
AsJson = Annotated[bool, typer.Option("--json", help="One line of JSON for each, whole and in UTC.")]
Types = Annotated[
    list[str] | None, typer.Option("--type", metavar="T", help="Only events of this type; may be repeated.")
]


def _moment(text: str) -> datetime:
    """A time with its zone, as a command line gives it."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time: write it like 2030-01-31T20:15:00Z") from None
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no time zone: put Z for UTC, or +02:00, behind it")
    return moment


def append(
    aggregate_id: Annotated[str | None, typer.Argument(metavar="AGGREGATE_ID", help="The stream to write to.")] = None,
    event_type: Annotated[str | None, typer.Argument(metavar="EVENT_TYPE", help="What happened.")] = None,
    event_data: Annotated[str, typer.Argument(metavar="DATA", help="The details, as a JSON object.")] = "{}",
    version: Annotated[int | None, typer.Option(help="Its place in the stream; the next one if left out.")] = None,
    user: Annotated[str | None, typer.Option(help="Who acted.")] = None,
    correlation: Annotated[UUID | None, typer.Option(metavar="UUID", help="The piece of work it belongs to.")] = None,
    causation: Annotated[UUID | None, typer.Option(metavar="UUID", help="What directly led to it.")] = None,
    timestamp: Annotated[
        datetime | None,
        typer.Option(parser=_moment, metavar="TIME", help="When it happened; now if left out."),
    ] = None,
    event_id: Annotated[
        UUID | None, typer.Option("--id", metavar="UUID", help="Its id; a new one if left out.")
    ] = None,
    schema_version: Annotated[int, typer.Option(metavar="N", help="The version of the shape of DATA.")] = 1,
    lines: Annotated[
        typer.FileBinaryRead | None,
        typer.Option("--json", metavar="FILE", help="Read events from a file, or from - for stdin."),
    ] = None,
    schema: Schema = "public",
) -> None:
    """Write one event, or with --json many, and print what is stored.

    Without --version the event takes the next place in its stream, however many others are writing to it.

    --json reads events in the form that `stream --json` prints, one on a line,
    each with its version. All of them are written, or none. A second try with
    the same ids adds nothing. sequence_number and recorded_at may be there, but
    the store gives them anew.

    python -m eventstore append hand-1 game.created '{"blinds": [50, 100]}'
    python -m eventstore append hand-1 game.ended --version 2 --user dealer-7
    python -m eventstore append --json events.jsonl
    """
    if lines is not None:
        others = (aggregate_id, version, user, correlation, causation, timestamp, event_id)
        if any(value is not None for value in others):
            raise typer.BadParameter("--json brings whole events: give nothing else but --schema")
        events = list(events_from(lines))
        with connect(schema=schema) as store:
            print_json(store.append_many(events))
        return
    if aggregate_id is None or event_type is None:
        raise typer.BadParameter("give AGGREGATE_ID and EVENT_TYPE, or --json FILE")
    given: dict[str, Any] = {"id": event_id, "event_timestamp": timestamp}
    event = DomainEvent(
        aggregate_id=aggregate_id,
        event_type=event_type,
        version=1 if version is None else version,
        event_data=parse_json("event_data", event_data),
        metadata=EventMetadata(causation_id=causation, correlation_id=correlation, user_id=user),
        schema_version=schema_version,
        **{name: value for name, value in given.items() if value is not None},
    )
    with connect(schema=schema) as store:
        stored = _append(store, event, at_the_end=version is None)
    print(f"{escaped(stored.aggregate_id)} version {stored.version}, number {stored.sequence_number}, id {stored.id}")


def stream(
    aggregate_id: Annotated[str, typer.Argument(metavar="AGGREGATE_ID", help="Whose events.")],
    from_version: Annotated[int, typer.Option("--from", metavar="N", help="The first version wanted.")] = 1,
    to_version: Annotated[int | None, typer.Option("--to", metavar="N", help="The last version wanted.")] = None,
    as_json: AsJson = False,
    schema: Schema = "public",
) -> None:
    """Print the events of one aggregate in the order of their versions.

    The first are shown while others are still being read, and a long stream
    needs no more memory than a short one.

    python -m eventstore stream hand-1
    python -m eventstore stream hand-1 --json | jq .event_data
    python -m eventstore stream hand-1 --json | python -m eventstore append --schema copy --json -
    """
    with connect(schema=schema) as store:
        _printer(as_json)(store.get_stream(aggregate_id, from_version, to_version))


def query(
    types: Types = None,
    aggregate: Annotated[str | None, typer.Option(help="Only of this aggregate.")] = None,
    user: Annotated[str | None, typer.Option(help="Only what this user did.")] = None,
    correlation: Annotated[UUID | None, typer.Option(metavar="UUID", help="Only of this piece of work.")] = None,
    causation: Annotated[UUID | None, typer.Option(metavar="UUID", help="Only what this led to.")] = None,
    from_timestamp: Annotated[
        datetime | None,
        typer.Option("--from", parser=_moment, metavar="TIME", help="Only from this time on."),
    ] = None,
    to_timestamp: Annotated[
        datetime | None,
        typer.Option("--to", parser=_moment, metavar="TIME", help="Only up to this time."),
    ] = None,
    contains: Annotated[str | None, typer.Option(metavar="JSON", help="Only if the data contain this object.")] = None,
    after: Annotated[int | None, typer.Option(metavar="N", help="Only with a higher sequence number.")] = None,
    order_by: Annotated[
        str, typer.Option(metavar="COLUMN", help="sequence_number, event_timestamp or version.")
    ] = "sequence_number",
    desc: Annotated[bool, typer.Option("--desc", help="The highest first.")] = False,
    limit: Annotated[int | None, typer.Option(metavar="N", help="At most so many.")] = None,
    as_json: AsJson = False,
    schema: Schema = "public",
) -> None:
    """Print the events that fit all of the given conditions.

    The answer is read as a whole before it is printed. Ask a large log page by
    page: --limit 1000, and then --after with the last number printed.

    python -m eventstore query --type game.won --user alice --desc --limit 10
    python -m eventstore query --from 2030-01-31T20:00:00Z --contains '{"seat": 3}' --json
    """
    wanted = EventQueryFilter(
        event_type=types or None,
        aggregate_id=aggregate,
        user_id=user,
        correlation_id=correlation,
        causation_id=causation,
        from_timestamp=from_timestamp,
        to_timestamp=to_timestamp,
        data_contains=None if contains is None else parse_json("data_contains", contains),
        after_sequence=after,
        order_by=order_by,  # type: ignore[arg-type]  # the filter refuses what is no such column
        order_direction="DESC" if desc else "ASC",
        limit=limit,
    )
    with connect(schema=schema) as store:
        _printer(as_json)(store.query(wanted))


def stats(as_json: AsJson = False, schema: Schema = "public") -> None:
    """Count the events: of each type, and in the last line of all (with --json, the one whose event_type is null)."""
    with connect(schema=schema) as store, store.connection() as connection, database.in_our_words(connection):
        rows = connection.cursor(row_factory=dict_row).execute(STATISTICS).fetchall()
    if as_json:
        for row in rows:
            print(json.dumps(row, default=datetime.isoformat))
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("type", overflow="fold")
    for name in ("events", "aggregates", "first (UTC)", "last (UTC)", "a day"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        every = row["event_type"] is None
        table.add_row(
            Text("all" if every else escaped(row["event_type"])),
            f"{row['event_count']:,}",
            f"{row['aggregate_count']:,}",
            to_the_second(row["first_event_at"])[:-3],
            to_the_second(row["last_event_at"])[:-3],
            "" if every else f"{row['events_per_day']:,.1f}",
            style="bold" if every else "",
        )
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH_OF_A_PIPE
    console.print(table)


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
    transactions that began to write before it have ended.

    python -m eventstore tail -n 3
    python -m eventstore tail --follow --type game.won --json
    """
    wanted = EventQueryFilter(event_type=types or None)
    show = _printer(as_json)
    with connect(schema=schema) as store:
        if not follow:
            show(_newest(store, wanted, count))
            return
        mark = store.high_water_mark()
        show(_newest(store, wanted, count, mark))
        pause = SHORTEST_PAUSE
        while True:
            print(end="", flush=True)
            time.sleep(pause)
            # First the mark, then in a later statement the events up to it: see `sql/100_order.sql`. It may fall back
            # a little, when a floor is published late; what was above it is seen already.
            seen, mark = mark, max(mark, store.high_water_mark())
            show(_between(store, wanted, seen, mark))
            pause = SHORTEST_PAUSE if mark > seen else min(2 * pause, LONGEST_PAUSE)


def check_schema(schema: Schema = "public") -> None:
    """Compare the tables, functions and views with those that this version makes. The exit code is 1 if they differ."""
    with closing(database.open_connection(database.server_url(), schema)) as connection:
        differences = database.check_schema(connection, schema)
    for difference in differences:
        print(escaped(difference))
    if differences:
        raise typer.Exit(1)
    print(f"The schema {escaped(schema)} is as this version makes it.")


def _append(store: PostgresEventStore, event: DomainEvent, at_the_end: bool) -> DomainEvent:
    """Append an event at its version, or at the end of its stream, wherever that is by now."""
    if at_the_end:
        event = replace(event, version=store.get_latest_version(event.aggregate_id) + 1)
    while True:
        try:
            return store.append(event)
        except VersionConflictError as conflict:
            if not at_the_end:
                raise
            event = replace(event, version=conflict.latest_version + 1)
        except StoreUnavailableError as error:
            # Whether it is stored is unknown. Only the same id at the same version makes a second try harmless.
            again = f"run the same command again with --id {event.id} --version {event.version}"
            raise StoreUnavailableError(f"{error}; to have it stored once, {again}") from None


def _newest(
    store: PostgresEventStore, wanted: EventQueryFilter, count: int, mark: int | None = None
) -> list[DomainEvent]:
    """The last `count` events up to a mark, in the order of the log."""
    limit = count
    while True:
        found = store.query(replace(wanted, order_direction="DESC", limit=limit))
        events = [event for event in found if mark is None or _number(event) <= mark][:count]
        if len(events) == count or len(found) < limit:
            return events[::-1]
        limit *= 2  # the newest ones are above the mark


def _between(store: PostgresEventStore, wanted: EventQueryFilter, seen: int, mark: int) -> Iterator[DomainEvent]:
    """The events with numbers above `seen`, up to the mark."""
    while seen < mark:
        page = store.query(replace(wanted, after_sequence=seen, limit=PAGE))
        yield from (event for event in page if _number(event) <= mark)
        seen = _number(page[-1]) if len(page) == PAGE else mark


def _number(event: DomainEvent) -> int:
    assert event.sequence_number is not None  # every stored event has one
    return event.sequence_number


def _printer(as_json: bool) -> Callable[[Iterable[DomainEvent]], None]:
    return print_json if as_json else EventTable().print
