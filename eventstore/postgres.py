"""The store on PostgreSQL: append with a version check, and read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg.errors import DeadlockDetected, SerializationFailure, UniqueViolation

from eventstore.database import Connections, install
from eventstore.errors import EventStoreError, VersionConflictError
from eventstore.events import DomainEvent, EventMetadata, check_name
from eventstore.store import check_versions, first_versions, known_batch

# How often an append is tried again whose conflict had vanished when we looked. Each time, another append of the
# same stream must have been in flight; more often than this in a row does not happen.
MAX_ATTEMPTS = 20

# Somebody else was faster, or two batches that name the same ids in different orders wait for each other.
LOST_RACES = (UniqueViolation, SerializationFailure, DeadlockDetected)

# The batch comes as one array per column, so that this is one statement, prepared once, for any number of events.
#   heads  which version each aggregate of the batch must go on from
#   turn   lets batches that name several aggregates queue up in the same order, so that they cannot deadlock: 64
#          locks for all streams together, because one lock for each stream would exhaust the server's lock table
#   ready  is true when every aggregate goes on exactly where its stream ends: all or nothing
# Two transactions may still pass the check at the same moment. Then the unique key on (aggregate_id, version) lets
# only one of them in.
APPEND = """
WITH batch AS MATERIALIZED (
    SELECT *
    FROM unnest(
        %b::uuid[], %b::text[], %b::text[], %b::int[], %b::text[]::jsonb[], %b::int[], %b::timestamptz[],
        %b::uuid[], %b::uuid[], %b::text[]
    ) WITH ORDINALITY AS b (
        id, event_type, aggregate_id, version, event_data, schema_version, event_timestamp,
        causation_id, correlation_id, user_id, place
    )
),
heads AS MATERIALIZED (
    SELECT aggregate_id, min(version) - 1 AS version FROM batch GROUP BY aggregate_id
),
turn AS MATERIALIZED (
    SELECT count(pg_advisory_xact_lock(20251, bucket)) AS taken
    FROM (SELECT DISTINCT hashtext(aggregate_id) & 63 AS bucket FROM heads WHERE %b ORDER BY bucket) AS buckets
),
ready AS MATERIALIZED (
    SELECT (SELECT taken FROM turn) >= 0 AND NOT EXISTS (
        SELECT FROM heads
        WHERE version <> (
            SELECT coalesce(max(stored.version), 0)
            FROM domain_events AS stored
            WHERE stored.aggregate_id = heads.aggregate_id
        )
    ) AS yes
)
INSERT INTO domain_events (
    id, event_type, aggregate_id, version, event_data, schema_version, event_timestamp,
    causation_id, correlation_id, user_id
)
SELECT
    id, event_type, aggregate_id, version, event_data, schema_version, event_timestamp,
    causation_id, correlation_id, user_id
FROM batch
WHERE (SELECT yes FROM ready)
ORDER BY place
RETURNING sequence_number, recorded_at
"""

GET_BY_IDS = """
SELECT id, event_type, aggregate_id, version, event_data::text, schema_version, event_timestamp,
       causation_id, correlation_id, user_id, sequence_number, recorded_at
FROM domain_events
WHERE id = ANY (%b::uuid[])
"""

GET_BY_AGGREGATE = """
SELECT id, event_type, aggregate_id, version, event_data::text, schema_version, event_timestamp,
       causation_id, correlation_id, user_id, sequence_number, recorded_at
FROM domain_events
WHERE aggregate_id = %b AND version >= %b AND version <= coalesce(%b, 2147483647)
ORDER BY version
"""

GET_LATEST_VERSIONS = """
SELECT aggregate_id, (SELECT coalesce(max(version), 0) FROM domain_events AS e WHERE e.aggregate_id = a.aggregate_id)
FROM unnest(%b::text[]) AS a (aggregate_id)
"""


def connect(url: str | None = None, *, schema: str = "public") -> PostgresEventStore:
    """Open the store: find or start a server, install the schema, and keep a few connections.

    Args:
        url: a PostgreSQL URL; None means `EVENTSTORE_URL`, and where that is not set, a private server that is
            started on this machine if it is not running yet.
        schema: the PostgreSQL schema that holds the tables; it is made if it does not exist.

    Returns:
        The store. Close it with `close()`, or use it in a `with` statement.

    Raises:
        StoreUnavailableError: no server can be reached or started.
        SchemaError: the schema is of another version, or this role may not create it.
    """
    connections = Connections(url, schema)
    try:
        connections.run(lambda connection: install(connection, schema))
    except BaseException:
        connections.close()
        raise
    return PostgresEventStore(connections)


class PostgresEventStore:
    """An `EventStore` whose events survive the process, the crash of the server, and the night. Made by `connect`.

    Safe to use from several threads; a process that forks must connect again in the child.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def append(self, event: DomainEvent) -> DomainEvent:
        """See `EventStore.append`. One round trip where nobody else is in the way."""
        return self.append_many([event])[0]

    def append_many(self, events: Iterable[DomainEvent]) -> list[DomainEvent]:
        """See `EventStore.append_many`. One statement, whatever the number of events."""
        batch = list(events)
        firsts = first_versions(batch)
        if not batch:
            return []
        return self._connections.run(lambda connection: _append(connection, batch, firsts))

    def get_by_aggregate(
        self, aggregate_id: str, from_version: int = 1, to_version: int | None = None
    ) -> list[DomainEvent]:
        """See `EventStore.get_by_aggregate`."""
        check_name("aggregate_id", aggregate_id)
        check_versions(from_version, to_version)
        rows = self._select(GET_BY_AGGREGATE, (aggregate_id, from_version, to_version))
        return [_event(row) for row in rows]

    def get_latest_version(self, aggregate_id: str) -> int:
        """See `EventStore.get_latest_version`."""
        check_name("aggregate_id", aggregate_id)
        [(_, version)] = self._select(GET_LATEST_VERSIONS, ([aggregate_id],))
        return int(version)

    def exists(self, aggregate_id: str) -> bool:
        """See `EventStore.exists`."""
        return self.get_latest_version(aggregate_id) > 0

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """Open a connection for SQL of your own; it finds the tables by their plain names, and is closed at the end.

        It is in autocommit mode: open a transaction on it with `connection.transaction()`. The store itself never uses
        it, so whatever you set on it ends with it.

        Raises:
            StoreUnavailableError: the server is away.
            psycopg.Error: what the server says of your SQL.
        """
        with closing(self._connections.open()) as connection:
            yield connection

    def close(self) -> None:
        """Close the connections. The server goes on running."""
        self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _select(self, statement: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        return self._connections.run(lambda connection: _rows(connection, statement, parameters))


def _append(connection: psycopg.Connection, batch: list[DomainEvent], firsts: dict[str, int]) -> list[DomainEvent]:
    columns = _columns(batch, several_streams=len(firsts) > 1)
    for _ in range(MAX_ATTEMPTS):
        try:
            rows = _rows(connection, APPEND, columns)
        except LOST_RACES:
            rows = []
        if rows:
            return [event.as_stored(number, moment) for event, (number, moment) in zip(batch, rows, strict=True)]
        stored = _why_not(connection, batch, firsts)
        if stored:
            return stored
    raise EventStoreError(f"gave up after {MAX_ATTEMPTS} attempts to append to {', '.join(firsts)}: append again")


def _why_not(connection: psycopg.Connection, batch: list[DomainEvent], firsts: dict[str, int]) -> list[DomainEvent]:
    """Find out why nothing was written, in statements that see what has been committed meanwhile.

    The ids come first: an append that is sent again after a lost answer has the old version too, and is no conflict.

    Returns:
        The stored events, if this batch was stored before. An empty list, if the reason has vanished: then the
        version check had looked just before somebody else's append became visible, and is worth trying again.

    Raises:
        DuplicateEventError, VersionConflictError: the reason.
    """
    rows = _rows(connection, GET_BY_IDS, ([event.id for event in batch],))
    stored = known_batch(batch, {event.id: event for event in map(_event, rows)})
    if stored:
        return stored
    latest = dict(_rows(connection, GET_LATEST_VERSIONS, (list(firsts),)))
    for aggregate_id, first in firsts.items():
        if first != latest[aggregate_id] + 1:
            raise VersionConflictError(aggregate_id, first, latest[aggregate_id])
    return []


def _columns(batch: list[DomainEvent], several_streams: bool) -> list[object]:
    """The parameters of `APPEND`: one list per column, and whether the streams need to queue up."""
    return [
        [event.id for event in batch],
        [event.event_type for event in batch],
        [event.aggregate_id for event in batch],
        [event.version for event in batch],
        [event.payload_json for event in batch],
        [event.schema_version for event in batch],
        [event.event_timestamp for event in batch],
        [event.metadata.causation_id for event in batch],
        [event.metadata.correlation_id for event in batch],
        [event.metadata.user_id for event in batch],
        several_streams,
    ]


def _rows(connection: psycopg.Connection, statement: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    # Prepared at the first use and binary both ways: half the time of a text round trip for a batch of events.
    return connection.execute(statement, parameters, prepare=True, binary=True).fetchall()


def _event(row: tuple[Any, ...]) -> DomainEvent:
    """An event from a row. What the store holds was checked on its way in, so the checks are not run again."""
    try:
        event_data = json.loads(row[4])
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
        event_timestamp=row[6],
        metadata=EventMetadata(causation_id=row[7], correlation_id=row[8], user_id=row[9]),
        sequence_number=row[10],
        recorded_at=row[11],
    )
    return event
