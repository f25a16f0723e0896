"""The way of an event into the log: one statement that checks and writes, and what follows when it wrote nothing."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.errors import DeadlockDetected, UniqueViolation
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import tuple_row

from eventstore.errors import EventStoreError, InvalidEventError, VersionConflictError
from eventstore.events import DomainEvent
from eventstore.reading import events_from, rows
from eventstore.store import first_versions, known_batch

if TYPE_CHECKING:
    from eventstore.projection import Projection

# How often an append is tried whose conflict has vanished when we look. Two attempts are the most that 32 writers of
# one stream ever needed.
MAX_ATTEMPTS = 20
LONGEST_PAUSE = 0.1  # seconds

# Somebody else was faster, or two batches that name the same ids in different orders wait for each other.
LOST_RACES = (UniqueViolation, DeadlockDetected)

# The version check stands in the INSERT itself: the row is written if the stream ends one version below it. Two
# transactions may still pass the check at the same moment, because neither sees the other's row yet. Then the unique
# key on (aggregate_id, version) lets only one of them in.
APPEND_ONE = """
INSERT INTO {schema}.domain_events (
    id, event_type, aggregate_id, version, event_data, schema_version, event_timestamp,
    causation_id, correlation_id, user_id
)
SELECT %b::uuid, %b, %b, %b, %b::text::jsonb, %b::int, %b::timestamptz, %b::uuid, %b::uuid, %b
WHERE (SELECT coalesce(max(version), 0) FROM {schema}.domain_events WHERE aggregate_id = %b) = %b - 1
RETURNING sequence_number, recorded_at
"""

# The same for a batch, with one array per column, so that this too is one statement, prepared once, for any number of
# events. It costs a single event half as much again, hence the two.
#   heads  which version each aggregate of the batch must go on from
#   turn   lets batches that name several aggregates queue up in the same order, so that they cannot deadlock: 64
#          locks for all streams together, because one lock for each stream would exhaust the server's lock table
#   ready  is true when every aggregate goes on exactly where its stream ends: all or nothing
# The lock number 2026 lies below 16384, where no table's oid is, so that these locks never meet those in which
# `sql/100_order.sql` publishes floors. They are taken after those: the trigger comes first.
APPEND_MANY = """
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
    SELECT count(pg_advisory_xact_lock(2026, bucket)) AS taken
    FROM (SELECT DISTINCT hashtext(aggregate_id) & 63 AS bucket FROM heads WHERE %b ORDER BY bucket) AS buckets
),
ready AS MATERIALIZED (
    SELECT (SELECT taken FROM turn) >= 0 AND NOT EXISTS (
        SELECT FROM heads
        WHERE version <> (
            SELECT coalesce(max(stored.version), 0)
            FROM {schema}.domain_events AS stored
            WHERE stored.aggregate_id = heads.aggregate_id
        )
    ) AS yes
)
INSERT INTO {schema}.domain_events (
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

# Why was nothing written? For each event that was sent: how far its stream has got, and what is stored under its id.
# One statement, so that both answers are of the same moment: a copy of the event, stored between two statements, would
# make the id look unknown and the version taken.
LOOK_BACK = """
SELECT
    sent.aggregate_id,
    (
        SELECT coalesce(max(version), 0)
        FROM {schema}.domain_events AS event
        WHERE event.aggregate_id = sent.aggregate_id
    ),
    stored.id, stored.event_type, stored.aggregate_id, stored.version, stored.event_data::text, stored.schema_version,
    stored.event_timestamp, stored.causation_id, stored.correlation_id, stored.user_id, stored.sequence_number,
    stored.recorded_at
FROM unnest(%b::uuid[], %b::text[]) AS sent (id, aggregate_id)
LEFT JOIN {schema}.domain_events AS stored ON stored.id = sent.id
"""


# For the projections of a store, which name their tables plainly, on a connection that may look elsewhere first: among
# temporary tables, too, unless these are named as the last place to look.
LOOK_HERE = "SELECT current_setting('search_path'), set_config('search_path', quote_ident(%b) || ', pg_temp', true)"
LOOK_THERE_AGAIN = "SELECT set_config('search_path', %b, true)"


class Appending:
    """Appends events to the log of one schema.

    The statements name the schema, because they also run on connections of callers, which may look elsewhere first.

    Args:
        schema: the schema of the log.
        inline: the projections that change with the log, in this order.
    """

    def __init__(self, schema: str, inline: Sequence[Projection] = ()) -> None:
        self._schema = schema
        self._inline = [(projection, projection.wanted_types()) for projection in inline]
        self._append_one, self._append_many, self._look_back = in_schema(schema, APPEND_ONE, APPEND_MANY, LOOK_BACK)

    def append(
        self, connection: psycopg.Connection, batch: list[DomainEvent], joined: bool = False
    ) -> list[DomainEvent]:
        """Write a batch, or find out why not.

        Args:
            connection: a connection in autocommit mode, or one with an open transaction.
            batch: one event or more.
            joined: whether the open transaction is a caller's, and has to stay usable.
        """
        if not self._inline:
            return self._append(connection, batch, joined)
        # What the projections write stands and falls with the events: in a transaction, or in a caller's savepoint.
        elsewhere = partial(_as_in_the_store, connection, self._schema) if joined else nullcontext
        for _ in range(MAX_ATTEMPTS):
            try:
                with connection.transaction(), elsewhere():
                    return self._append(connection, batch, joined=True)
            except DeadlockDetected:  # two appends have changed the same rows of a projection in opposite orders
                if joined:
                    raise
                time.sleep(random.uniform(0, LONGEST_PAUSE))  # or the same ones would meet again
        raise EventStoreError(f"gave up after {MAX_ATTEMPTS} deadlocks between projections: append again")

    def _append(self, connection: psycopg.Connection, batch: list[DomainEvent], joined: bool) -> list[DomainEvent]:
        attempt, savepoint = (_attempt_within_savepoint, connection.transaction) if joined else (_attempt, nullcontext)
        if len(batch) == 1:
            [event] = batch
            firsts = {event.aggregate_id: event.version}
            statement, parameters = self._append_one, [*values_of(event), event.aggregate_id, event.version]
        else:
            try:
                firsts = first_versions(batch)
            except VersionConflictError:
                with savepoint():
                    self._why_not(connection, batch, {})  # a known id counts for more than a version that is wrong
                raise
            columns = [list(column) for column in zip(*map(values_of, batch), strict=True)]
            statement, parameters = self._append_many, [*columns, len(firsts) > 1]
        for _ in range(MAX_ATTEMPTS):
            written = attempt(connection, statement, parameters)
            if written:
                stored = [
                    event.as_stored(number, moment.astimezone(UTC))
                    for event, (number, moment) in zip(batch, written, strict=True)
                ]
                self._project(connection, stored)  # here, and not for a batch that was stored before
                return stored
            with savepoint():
                stored = self._why_not(connection, batch, firsts)
            if stored:
                return stored
        raise EventStoreError(f"gave up after {MAX_ATTEMPTS} attempts to append to {', '.join(firsts)}: append again")

    def _project(self, connection: psycopg.Connection, events: list[DomainEvent]) -> None:
        """Apply new events to the inline projections, one event after the other."""
        for event in events:
            for projection, types in self._inline:
                if types is None or event.event_type in types:
                    # A copy, because a payload can be changed, and others shall see what was stored.
                    own = event.as_stored(event.sequence_number, event.recorded_at)
                    hand_over(projection.apply, own, connection)

    def _why_not(
        self, connection: psycopg.Connection, batch: list[DomainEvent], firsts: dict[str, int]
    ) -> list[DomainEvent]:
        """Find out why nothing was written, in a statement that sees what has been committed meanwhile.

        The ids come first: an append that is sent again after a lost answer has the old version too, and is no
        conflict.

        Returns:
            The stored events, if this batch was stored before. An empty list, if the reason has vanished: then the
            version check had looked just before somebody else's append became visible, or somebody who was faster has
            given up, and it is worth trying again.

        Raises:
            DuplicateEventError, VersionConflictError: the reason.
        """
        sent = ([event.id for event in batch], [event.aggregate_id for event in batch])
        # Planned for the table as it is now, since a plan that was made for a small one might read all of a large one.
        found = rows(connection, self._look_back, sent, prepare=False)
        known = events_from([row[2:] for row in found if row[2] is not None])
        stored = known_batch(batch, {event.id: event for event in known})
        if stored:
            return stored
        latest = {row[0]: row[1] for row in found}
        for aggregate_id, first in firsts.items():
            if first != latest[aggregate_id] + 1:
                raise VersionConflictError(aggregate_id, first, latest[aggregate_id])
        return []


@contextmanager
def _as_in_the_store(connection: psycopg.Connection, schema: str) -> Iterator[None]:
    """Let a caller's connection find the tables, and give the rows, as one of the store's does."""
    factory = connection.row_factory
    [(path, _)] = rows(connection, LOOK_HERE, (schema,))
    connection.row_factory = tuple_row
    try:
        yield
    finally:
        connection.row_factory = factory
    rows(connection, LOOK_THERE_AGAIN, (path,))  # after an error, the end of the savepoint does it


IN_TRANSACTION, NO_PIPELINE = TransactionStatus.INTRANS, PipelineStatus.OFF  # looked up once, not at each event


def hand_over(
    handler: Callable[[DomainEvent, psycopg.Connection], object], event: DomainEvent, connection: psycopg.Connection
) -> None:
    """Call a handler in an open transaction, which it must leave open and sound.

    Raises:
        RuntimeError: it has ended the transaction, or hides that it has failed, or has left something open in it.
    """
    try:
        handler(event, connection)
    except psycopg.Rollback as error:  # which would end the transaction in silence
        raise RuntimeError("the handler has asked for a rollback: raise another error instead") from error
    session = connection.pgconn
    if session.transaction_status != IN_TRANSACTION or session.pipeline_status != NO_PIPELINE:
        raise RuntimeError(
            "the handler has ended the transaction, hidden an error that spoiled it, or left something open in it"
        )


def in_schema(schema: str, *statements: str) -> list[str]:
    """Statements with the name of the schema where they say `{schema}`."""
    # A percent sign in the name would look like a parameter to the driver.
    name = sql.SQL(sql.Identifier(schema).as_string().replace("%", "%%"))
    return [sql.SQL(statement).format(schema=name).as_string() for statement in statements]


def _attempt(connection: psycopg.Connection, statement: str, parameters: list[object]) -> list[tuple[Any, ...]]:
    """Number and time of each event, or nothing where the check failed or somebody else was faster."""
    try:
        return rows(connection, statement, parameters)
    except LOST_RACES:
        return []


def _attempt_within_savepoint(
    connection: psycopg.Connection, statement: str, parameters: list[object]
) -> list[tuple[Any, ...]]:
    """The same within a caller's transaction, which stays as it was where nothing is written."""
    # A deadlock is not tried again here: the caller's own locks are part of it, and stay until the caller ends.
    try:
        with connection.transaction() as savepoint:
            # Not prepared: the plan would be made while the table is small, and kept while an import makes it large.
            written = rows(connection, statement, parameters, prepare=False)
            if not written:
                raise psycopg.Rollback(savepoint)  # gives the locks back that the attempt has taken
            return written
    except UniqueViolation:
        pass
    return []


def values_of(event: DomainEvent) -> tuple[object, ...]:
    """The columns of an event that come from the writer, in the order in which the statements name them."""
    return (
        event.id,
        event.event_type,
        event.aggregate_id,
        event.version,
        event.payload_json,
        event.schema_version,
        event.event_timestamp,
        event.metadata.causation_id,
        event.metadata.correlation_id,
        event.metadata.user_id,
    )


def refuse_unfit_to_join(connection: object) -> None:
    """Refuse a caller's connection on which an append would not be part of a transaction of the caller's."""
    if not isinstance(connection, psycopg.Connection):
        raise InvalidEventError("connection", f"is {type(connection).__name__}", "pass a psycopg.Connection")
    status = connection.info.transaction_status
    if connection.autocommit and status is TransactionStatus.IDLE:
        raise InvalidEventError(
            "connection",
            "is in autocommit mode and has no open transaction",
            "write 'with connection.transaction():' around the append, or leave the connection out",
        )
    if status is TransactionStatus.INERROR:
        raise InvalidEventError("connection", "is in a transaction that has failed", "roll it back first")
    if not connection.closed and connection.info.encoding != "utf-8":
        raise InvalidEventError(
            "connection",
            f"speaks {connection.info.encoding}, which lacks some letters",
            "connect with client_encoding=utf8",
        )
    if connection.pgconn.pipeline_status != PipelineStatus.OFF:
        raise InvalidEventError("connection", "is in pipeline mode", "append outside of the pipeline")


def open_read_committed(connection: psycopg.Connection) -> None:
    """Make sure that a transaction is open, and that each of its statements sees what others have committed.

    Without the first, psycopg would take `connection.transaction()` for a whole transaction, and commit it. Without
    the second, nobody could tell a conflict from an old view of the log.
    """
    was_idle = connection.info.transaction_status is TransactionStatus.IDLE
    [(isolation,)] = rows(connection, "SHOW transaction_isolation")
    if isolation not in ("read committed", "read uncommitted"):  # which are the same in PostgreSQL
        if was_idle:
            connection.rollback()
        raise InvalidEventError(
            "connection",
            f"is in a transaction at {isolation.upper()}, which does not see what others append meanwhile",
            "append at READ COMMITTED",
        )
