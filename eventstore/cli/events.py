"""The commands for events: write them, read them, follow them, count them."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from psycopg.rows import dict_row

from eventstore import database
from eventstore.cli.common import MOMENT, AsJson, Schema, Types, installed, show
from eventstore.cli.printing import (
    escaped,
    events_from,
    lines_of,
    parse_object,
    print_error,
    print_json,
    print_table,
    to_the_second,
)
from eventstore.errors import EventStoreError, StoreUnavailableError, VersionConflictError
from eventstore.events import DomainEvent, EventMetadata, EventQueryFilter, OrderColumn
from eventstore.postgres import PostgresEventStore, connect

# The counts of all types and that of the whole log in one statement, so that they agree while others append.
STATISTICS = """
SELECT event_type, event_count, aggregate_count, first_event_at, last_event_at, events_per_day
FROM event_statistics
UNION ALL
SELECT NULL, count(*), count(DISTINCT aggregate_id), min(event_timestamp), max(event_timestamp), NULL
FROM domain_events
ORDER BY event_type NULLS LAST
"""


def append(
    aggregate_id: Annotated[str | None, typer.Argument(metavar="AGGREGATE_ID", help="The stream to write to.")] = None,
    event_type: Annotated[str | None, typer.Argument(metavar="EVENT_TYPE", help="What happened.")] = None,
    event_data: Annotated[
        str | None, typer.Argument(metavar="DATA", help="The details, as a JSON object; {} if left out.")
    ] = None,
    version: Annotated[int | None, typer.Option(help="Its place in the stream; the next one if left out.")] = None,
    user: Annotated[str | None, typer.Option(help="Who acted.")] = None,
    correlation: Annotated[UUID | None, typer.Option(metavar="UUID", help="The piece of work it belongs to.")] = None,
    causation: Annotated[UUID | None, typer.Option(metavar="UUID", help="What directly led to it.")] = None,
    timestamp: Annotated[
        datetime | None,
        typer.Option(**MOMENT, help="When it happened; now if left out."),
    ] = None,
    event_id: Annotated[
        UUID | None, typer.Option("--id", metavar="UUID", help="Its id; a new one if left out.")
    ] = None,
    schema_version: Annotated[
        int | None, typer.Option(metavar="N", help="The version of the shape of DATA; 1 if left out.")
    ] = None,
    file: Annotated[
        typer.FileBinaryRead | None,
        typer.Option(metavar="FILE", help="Read events as lines of JSON from a file, or from - for stdin."),
    ] = None,
    as_json: AsJson = False,
    schema: Annotated[str, typer.Option(help="The schema of the store; made if it is not there.")] = "public",
) -> None:
    """Write one event, or with --file many, and print what is stored.

    Without --version the event takes the next place in its stream, however many others are writing to it.

    --file reads events in the form that `stream --json` prints, one on a line,
    each with its version. All of them are written, or none. A second try with
    the same ids adds nothing. sequence_number and recorded_at may be there, but
    the store gives them anew.

    python -m eventstore append hand-1 game.created '{"blinds": [50, 100]}'
    python -m eventstore append hand-1 game.ended --version 2 --user dealer-7
    python -m eventstore append --file events.jsonl
    """
    about_one = {
        "id": event_id,
        "event_timestamp": timestamp,
        "schema_version": schema_version,
        "event_data": None if event_data is None else parse_object("event_data", event_data),
    }
    others = (aggregate_id, version, user, correlation, causation, *about_one.values())
    if file is not None:
        if any(value is not None for value in others):
            raise typer.BadParameter("--file brings whole events: give nothing else but --json and --schema")
        events = list(events_from(lines_of(file.read())))
        with connect(schema=schema) as store:
            _print_stored(store.append_many(events), as_json)
        return
    if aggregate_id is None or event_type is None:
        raise typer.BadParameter("give AGGREGATE_ID and EVENT_TYPE, or --file FILE")
    given: dict[str, Any] = {name: value for name, value in about_one.items() if value is not None}
    event = DomainEvent(
        aggregate_id=aggregate_id,
        event_type=event_type,
        version=1 if version is None else version,
        metadata=EventMetadata(causation_id=causation, correlation_id=correlation, user_id=user),
        **{"event_data": {}} | given,
    )
    with connect(schema=schema) as store:
        _print_stored([_append(store, event, at_the_end=version is None)], as_json)


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
    python -m eventstore stream hand-1 --json | python -m eventstore append --schema copy --file -
    """
    with installed(schema) as store:
        show(store.get_stream(aggregate_id, from_version, to_version), as_json)


def query(
    types: Types = None,
    aggregate: Annotated[str | None, typer.Option(help="Only of this aggregate.")] = None,
    user: Annotated[str | None, typer.Option(help="Only what this user did.")] = None,
    correlation: Annotated[UUID | None, typer.Option(metavar="UUID", help="Only of this piece of work.")] = None,
    causation: Annotated[UUID | None, typer.Option(metavar="UUID", help="Only what this led to.")] = None,
    from_timestamp: Annotated[
        datetime | None,
        typer.Option("--from", **MOMENT, help="Only from this time on."),
    ] = None,
    to_timestamp: Annotated[
        datetime | None,
        typer.Option("--to", **MOMENT, help="Only up to this time."),
    ] = None,
    contains: Annotated[str | None, typer.Option(metavar="JSON", help="Only if the data contain this object.")] = None,
    after: Annotated[int | None, typer.Option(metavar="N", help="Only with a higher sequence number.")] = None,
    order_by: Annotated[OrderColumn, typer.Option(help="What the order goes by.")] = "sequence_number",
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
        data_contains=None if contains is None else parse_object("data_contains", contains),
        after_sequence=after,
        order_by=order_by,
        order_direction="DESC" if desc else "ASC",
        limit=limit,
    )
    with installed(schema) as store:
        show(store.query(wanted), as_json)


def stats(as_json: AsJson = False, schema: Schema = "public") -> None:
    """Count the events: of each type, and in the last line of all (with --json, the one whose event_type is null).

    A terminal that is too narrow for all columns shows the first of them.
    """
    with installed(schema) as store, store.connection() as connection, database.in_our_words(connection):
        rows = connection.cursor(row_factory=dict_row).execute(STATISTICS).fetchall()
    if as_json:
        for row in rows:
            print(json.dumps(row, default=datetime.isoformat))
        return
    table = [("type", "events", "aggregates", "a day", "first (UTC)", "last (UTC)")]
    for row in rows:
        every = row["event_type"] is None
        table.append(
            (
                "all" if every else escaped(row["event_type"]),
                f"{row['event_count']:,}",
                f"{row['aggregate_count']:,}",
                "-" if every else f"{row['events_per_day']:,.1f}",
                to_the_second(row["first_event_at"])[:-3] or "-",
                to_the_second(row["last_event_at"])[:-3] or "-",
            )
        )
    print_table(table)


def check_schema(schema: Schema = "public") -> None:
    """Compare the tables, functions and views with those that this version makes.

    The exit code is 1 if they differ, and 2 if that could not be found out.
    """
    try:
        with closing(database.open_connection(database.server_url(), schema)) as connection:
            differences = database.check_schema(connection, schema)
    except EventStoreError as error:
        print_error(error)
        raise typer.Exit(2) from None
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


def _print_stored(events: list[DomainEvent], as_json: bool) -> None:
    if as_json:
        print_json(events)
        return
    for event in events:
        print(f"{escaped(event.aggregate_id)} version {event.version}, number {event.sequence_number}, id {event.id}")
