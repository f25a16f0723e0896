"""Reading from PostgreSQL: a question becomes one SELECT, and rows become events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from eventstore import payload
from eventstore.errors import EventStoreError, InvalidEventError
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

PAYLOAD, NUMBER = 4, 10  # where in a row they stand

NO_METADATA = EventMetadata()  # made once for the many events that have none

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
    return list(events_from(cursor))


class Page(NamedTuple):
    """The next events of the log: their rows, for `events_from`, and up to which number these are all there are."""

    rows: list[tuple[Any, ...]]
    up_to: int


def read_log(
    connection: psycopg.Connection, event_types: Sequence[str] | None, after: int, up_to: int, limit: int
) -> Page:
    """The next events for a follower of the log.

    Args:
        connection: one of the store's.
        event_types: the types wanted; None for all.
        after: the sequence number to go on after.
        up_to: the last one that is safe to read: a high-water mark that an earlier statement has told.
        limit: at most so many.
    """
    with _ask_log(connection, event_types, after, up_to, limit) as cursor:
        return _page(cursor, up_to, limit)


class ReadAhead:
    """Asks for the next events while those before are at work, so that the server looks them up meanwhile.

    Events up to a mark never change, so it does no harm to ask early. In pipeline mode a statement is sent at once, and
    its rows are waited for when they are wanted: no thread, and nothing to wait for in between.

    Args:
        connect: opens one of the store's connections. It is called when there is something to ask.
    """

    def __init__(self, connect: Callable[[], AbstractContextManager[psycopg.Connection]]) -> None:
        self._connect = connect
        self._session = ExitStack()
        self._connection: psycopg.Connection | None = None
        self._asked: _Asked | None = None

    def ask(self, event_types: Sequence[str] | None, after: int, up_to: int, limit: int) -> None:
        """Send the question that `read_log` would ask. Take the answer to the one before first."""
        if self._connection is None:
            self._connection = self._session.enter_context(self._connect())
        pipeline = ExitStack()
        pipeline.enter_context(self._connection.pipeline())
        self._asked = _Asked(
            pipeline, _ask_log(self._connection, event_types, after, up_to, limit), after, up_to, limit
        )

    def answer(self, after: int) -> Page | None:
        """The events after this number. None where it was not asked for them."""
        asked, self._asked = self._asked, None
        if asked is None:
            return None
        with asked.pipeline, asked.cursor:
            page = _page(asked.cursor, asked.up_to, asked.limit)
        return page if asked.after == after else None

    def close(self) -> None:
        """Close the connection, and forget what was asked. It may be used again."""
        self._connection = self._asked = None
        self._session.close()


class _Asked(NamedTuple):
    """A question that is on its way: it is there when the pipeline ends."""

    pipeline: ExitStack
    cursor: psycopg.Cursor[tuple[Any, ...]]
    after: int
    up_to: int
    limit: int


def _ask_log(
    connection: psycopg.Connection, event_types: Sequence[str] | None, after: int, up_to: int, limit: int
) -> psycopg.Cursor[tuple[Any, ...]]:
    cursor = psycopg.Cursor(connection, row_factory=tuple_row)
    # Planned each time: a plan from when the log was small would read all of it for each batch once it is large.
    if event_types is None:
        return cursor.execute(READ_ALL, (after, up_to, limit), prepare=False, binary=True)
    return cursor.execute(READ_TYPES, (list(event_types), after, up_to, limit, limit), prepare=False, binary=True)


def _page(cursor: psycopg.Cursor[tuple[Any, ...]], up_to: int, limit: int) -> Page:
    found = cursor.fetchall()
    return Page(found, up_to if len(found) < limit else found[-1][NUMBER])


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
    cursor = psycopg.Cursor(connection, row_factory=tuple_row)
    return cursor.execute(statement, parameters, prepare=prepare, binary=True).fetchall()


def events_from(found: Iterable[tuple[Any, ...]]) -> Iterator[DomainEvent]:
    """Events from rows, one after the other. What the store holds was checked on its way in, and is not checked again.

    Raises:
        EventStoreError: at an event whose payload Python cannot read, because it was written around the store.
    """
    for row in found:
        (
            id, event_type, aggregate_id, version, text, schema_version, event_timestamp,
            causation_id, correlation_id, user_id, sequence_number, recorded_at,
        ) = row  # fmt: skip
        try:
            event_data = payload.decode(text)
        except payload.UNREADABLE as error:
            raise EventStoreError(f"event {id} cannot be read: {error}") from None
        if recorded_at.tzinfo is not UTC:  # a caller's own connection may be set to another zone
            event_timestamp, recorded_at = event_timestamp.astimezone(UTC), recorded_at.astimezone(UTC)
        plain = causation_id is None and correlation_id is None and user_id is None
        event = object.__new__(DomainEvent)
        event.__dict__.update(
            id=id,
            event_type=event_type,
            aggregate_id=aggregate_id,
            version=version,
            event_data=event_data,
            _json=text,
            schema_version=schema_version,
            event_timestamp=event_timestamp,
            metadata=NO_METADATA
            if plain
            else EventMetadata(causation_id=causation_id, correlation_id=correlation_id, user_id=user_id),
            sequence_number=sequence_number,
            recorded_at=recorded_at,
        )
        yield event


def snapshot_from(row: tuple[Any, ...]) -> EventSnapshot:
    """A snapshot from a row.

    Raises:
        EventStoreError: Python cannot read its state, or could not write it, because it was saved around the store.
    """
    aggregate_id, version, text, schema_version = row
    try:
        state = payload.decode(text)
        return EventSnapshot(aggregate_id=aggregate_id, version=version, state=state, schema_version=schema_version)
    except (InvalidEventError, *payload.UNREADABLE) as error:
        raise EventStoreError(
            f"the snapshot of {aggregate_id} at version {version} cannot be read ({error}): delete it, it is a cache"
        ) from None
