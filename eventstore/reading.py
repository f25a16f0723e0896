"""Reading from PostgreSQL: a question becomes one SELECT, and rows become events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from eventstore.errors import EventStoreError
from eventstore.events import DomainEvent, EventMetadata, EventQueryFilter, EventSnapshot

GET_BY_AGGREGATE = """
SELECT id, event_type, aggregate_id, version, event_data::text, schema_version, event_timestamp,
       causation_id, correlation_id, user_id, sequence_number, recorded_at
FROM domain_events
WHERE aggregate_id = %b AND version BETWEEN %b AND %b
ORDER BY version
LIMIT %b
"""

GET_LATEST_VERSION = "SELECT coalesce(max(version), 0) FROM domain_events WHERE aggregate_id = %b"

COUNT_ALL = "SELECT count(*) FROM domain_events"
COUNT_STREAM = "SELECT count(*) FROM domain_events WHERE aggregate_id = %b"

# Reading millions of events, what is the same for many of them is made once, and a JSON decoder that expects no spaces
# around what PostgreSQL writes saves a quarter of the decoding.
NO_METADATA = EventMetadata()
DECODE = json.JSONDecoder().raw_decode

HIGH_WATER_MARK = "SELECT high_water_mark()"

# Where the mark stays 0 for ever, see `sql/100_order.sql`.
HAS_NO_MARK = """
SELECT pg_is_in_recovery() OR EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = 'domain_events'::regclass)
"""

# The next events for a follower of the log.
READ_ALL = """
SELECT id, event_type, aggregate_id, version, event_data::text, schema_version, event_timestamp,
       causation_id, correlation_id, user_id, sequence_number, recorded_at
FROM domain_events
WHERE sequence_number > %b AND sequence_number <= %b
ORDER BY sequence_number
LIMIT %b
"""

# Each type comes in the order of its index, and the first few of each are enough to find the first few of all.
READ_TYPES = """
SELECT event.*
FROM unnest(%b::text[]) AS wanted (type)
CROSS JOIN LATERAL (
    SELECT id, event_type, aggregate_id, version, event_data::text, schema_version, event_timestamp,
           causation_id, correlation_id, user_id, sequence_number, recorded_at
    FROM domain_events
    WHERE event_type = wanted.type AND sequence_number > %b AND sequence_number <= %b
    ORDER BY sequence_number
    LIMIT %b
) AS event
ORDER BY sequence_number
LIMIT %b
"""

SAVE_SNAPSHOT = "SELECT create_snapshot(%b, %b::int, %b::text::jsonb, %b::int)"

GET_SNAPSHOT = """
SELECT aggregate_id, version, state::text, schema_version
FROM event_snapshots
WHERE aggregate_id = %b AND version <= %b
ORDER BY version DESC
LIMIT 1
"""

QUERY = sql.SQL("""
SELECT id, event_type, aggregate_id, version, event_data::text, schema_version, event_timestamp,
       causation_id, correlation_id, user_id, sequence_number, recorded_at
FROM domain_events
WHERE {conditions}
ORDER BY {order}
LIMIT %(limit)s
""")

# One for each field of the filter. What a caller passes only ever becomes a parameter.
CONDITIONS = {
    "aggregate_id": sql.SQL("aggregate_id = %(aggregate_id)s"),
    "event_type": sql.SQL("event_type = %(event_type)s"),
    "event_types": sql.SQL("event_type = ANY (%(event_types)s::text[])"),
    "user_id": sql.SQL("user_id = %(user_id)s"),
    "correlation_id": sql.SQL("correlation_id = %(correlation_id)s"),
    "causation_id": sql.SQL("causation_id = %(causation_id)s"),
    "from_timestamp": sql.SQL("event_timestamp >= %(from_timestamp)s"),
    "to_timestamp": sql.SQL("event_timestamp <= %(to_timestamp)s"),
    "data_contains": sql.SQL("event_data @> %(data_contains)s::jsonb"),
    "after_sequence": sql.SQL("sequence_number > %(after_sequence)s"),
}

DIRECTIONS = {"ASC": sql.SQL("ASC"), "DESC": sql.SQL("DESC")}


def query_events(connection: psycopg.Connection, filter: EventQueryFilter) -> list[DomainEvent]:
    """Ask the log one question.

    The statement is planned anew each time, because the best plan depends on the values: a type that nearly every
    event has is read in another way than a rare one.
    """
    given: dict[str, Any] = {name: getattr(filter, name) for name in CONDITIONS if hasattr(filter, name)}
    if isinstance(filter.event_type, tuple):
        given |= {"event_type": None, "event_types": list(filter.event_type)}
    given["data_contains"] = filter.data_contains_json
    conditions = [CONDITIONS[name] for name, value in given.items() if value is not None]
    columns = dict.fromkeys((filter.order_by, "sequence_number"))
    direction = DIRECTIONS[filter.order_direction]
    statement = QUERY.format(
        conditions=sql.SQL(" AND ").join(conditions or [sql.SQL("true")]),
        order=sql.SQL(", ").join(sql.SQL(" ").join((sql.Identifier(column), direction)) for column in columns),
    )
    cursor = connection.execute(statement, given | {"limit": filter.limit}, prepare=False, binary=True)
    return [event_from(row) for row in cursor]


def read_log(
    connection: psycopg.Connection, event_types: Sequence[str] | None, after: int, up_to: int, limit: int
) -> list[tuple[Any, ...]]:
    """The next events for a follower of the log, as rows for `event_from`.

    Args:
        connection: one of the store's.
        event_types: the types wanted; None for all.
        after: the sequence number to go on after.
        up_to: the last one that is safe to read: a high-water mark that an earlier statement has told.
        limit: at most so many.
    """
    # Planned each time: a plan from when the log was small would read all of it for each batch once it is large.
    if event_types is None:
        return rows(connection, READ_ALL, (after, up_to, limit), prepare=False)
    return rows(connection, READ_TYPES, (list(event_types), after, up_to, limit, limit), prepare=False)


def rows(
    connection: psycopg.Connection, statement: str, parameters: Sequence[object] = (), prepare: bool = True
) -> list[tuple[Any, ...]]:
    """Run one of the store's own statements, binary both ways: half the time of a text round trip for a batch.

    Args:
        connection: one of the store's, or a caller's, whose rows may be of another kind otherwise.
        statement: the statement.
        parameters: its parameters.
        prepare: whether to prepare it at the first use. Then it is planned once, for the table as it is by then.
    """
    with psycopg.Cursor(connection, row_factory=tuple_row) as cursor:
        return cursor.execute(statement, parameters, prepare=prepare, binary=True).fetchall()


def event_from(row: tuple[Any, ...]) -> DomainEvent:
    """An event from a row. What the store holds was checked on its way in, so the checks are not run again."""
    try:
        event_data, _ = DECODE(row[4])
    except ValueError as error:  # written around the store: a number of more digits than Python reads
        raise EventStoreError(f"event {row[0]} cannot be read: {error}") from None
    event = object.__new__(DomainEvent)
    event.__dict__.update(
        id=row[0],
        event_type=row[1],
        aggregate_id=row[2],
        version=row[3],
        event_data=event_data,
        _json=row[4],
        schema_version=row[5],
        event_timestamp=row[6].astimezone(UTC),  # a caller's own connection may be set to another time zone
        metadata=NO_METADATA
        if row[7:10] == (None, None, None)
        else EventMetadata(causation_id=row[7], correlation_id=row[8], user_id=row[9]),
        sequence_number=row[10],
        recorded_at=row[11].astimezone(UTC),
    )
    return event


def snapshot_from(row: tuple[Any, ...]) -> EventSnapshot:
    """A snapshot from a row."""
    return EventSnapshot(aggregate_id=row[0], version=row[1], state=json.loads(row[2]), schema_version=row[3])
