"""The store on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg.errors import ForeignKeyViolation

from eventstore import reading
from eventstore.appending import Appending, open_read_committed, refuse_unfit_to_join
from eventstore.bus import EventBus, check_bus
from eventstore.connections import Connections
from eventstore.database import in_our_words, install
from eventstore.errors import InvalidEventError
from eventstore.events import MAX_VERSION, DomainEvent, EventQueryFilter, EventSnapshot, check_count, check_name
from eventstore.loading import Loading
from eventstore.reading import PAYLOAD, events_from, rows
from eventstore.store import (
    above_the_head,
    check_event,
    check_filter,
    check_snapshot,
    check_versions,
    take_batch,
)

if TYPE_CHECKING:
    from eventstore.projection import Projection

# A stream is read page by page: enough for a hand of poker at first, then more, as long as the events are small.
FIRST_PAGE = 32
LARGEST_PAGE = 1_000
PAGE_BYTES = 4_000_000

# A COPY takes six trips to the server, and an append one: below this it is not worth it.
SMALLEST_LOAD = 300  # events


def connect(
    url: str | None = None,
    *,
    schema: str = "public",
    bus: EventBus | None = None,
    inline: Sequence[Projection] = (),
) -> PostgresEventStore:
    """Open the store: find or start a server, install the schema, and keep a few connections.

    Args:
        url: a PostgreSQL URL; None means `EVENTSTORE_URL`, and where that is not set, a private server that is
            started on this machine if it is not running yet.
        schema: the PostgreSQL schema that holds the tables; it is made if it does not exist.
        bus: where each event is published after it was committed; see `EventBus`.
        inline: projections that each append changes in its own transaction; those that are not there yet are built
            from the log. Appends by stores that were connected without them do not change them.

    Returns:
        The store. Close it with `close()`, or use it in a `with` statement.

    Raises:
        InvalidEventError: the bus is no `EventBus`, or what stands in `inline` is no list of `Projection` objects.
        StoreUnavailableError: no server can be reached or started.
        SchemaError: the schema is of another version, or this role may not create it.
    """
    check_bus(bus)
    inline = _check_inline(inline)
    connections = Connections(url, schema)
    try:
        connections.run(lambda connection: install(connection, schema))
        store = PostgresEventStore(connections, bus, inline)
        for projection in inline:
            projection.begin_inline(store)
    except BaseException:
        connections.close()
        raise
    return store


def _check_inline(inline: object) -> tuple[Projection, ...]:
    if isinstance(inline, str) or not isinstance(inline, Iterable):
        raise InvalidEventError("inline", f"is {type(inline).__name__}", "pass a list of projections")
    projections = tuple(inline)
    for projection in projections:
        if isinstance(projection, type) or not hasattr(projection, "begin_inline"):
            raise InvalidEventError("inline", f"holds {projection!r}", "pass objects of your own Projection")
    return projections


class PostgresEventStore:
    """An `EventStore` whose events survive the process, the crash of the server, and the night. Made by `connect`.

    Safe to use from several threads. After a fork, the child opens connections of its own. It can be pickled, to be
    used in another process; the pickle holds the URL that was given to `connect`, with its password, the inline
    projections, and no bus: handlers live in one process.
    """

    def __init__(
        self, connections: Connections, bus: EventBus | None = None, inline: tuple[Projection, ...] = ()
    ) -> None:
        self._connections = connections
        self._bus, self._inline = bus, inline
        self._appending = Appending(connections.schema, inline)
        self._loading = Loading(connections.schema)

    @property
    def schema(self) -> str:
        """The PostgreSQL schema that holds the tables."""
        return self._connections.schema

    def append(self, event: DomainEvent, *, connection: psycopg.Connection | None = None) -> DomainEvent:
        """See `EventStore.append`. One round trip where nobody else is in the way.

        Args:
            event: the event to write.
            connection: join the transaction that is open on this connection; see `append_many`.
        """
        return self._append([check_event(event)], connection)[0]

    def append_many(
        self, events: Iterable[DomainEvent], *, connection: psycopg.Connection | None = None
    ) -> list[DomainEvent]:
        """See `EventStore.append_many`. One statement, whatever the number of events.

        Args:
            events: the events to write.
            connection: join the transaction that is open on this connection to the same database. Then the events are
                written when that transaction commits, and vanish when it is rolled back. An error leaves the
                transaction usable and without the events. A connection without autocommit that has no open
                transaction gets one. It must load numbers, text, UUIDs and times as psycopg does by default.
                A batch over several streams keeps one of 64 locks for each of them until the transaction ends: others
                may have to wait for these streams and some more, and two transactions with several batches may meet in
                a deadlock. Then roll back, and run the whole transaction again.
                Nothing is published: do that yourself, once you have committed.

        Raises:
            InvalidEventError: the connection is idle in autocommit mode, in a failed transaction, above READ
                COMMITTED, in pipeline mode, not in UTF-8, or none at all.
        """
        return self._append(take_batch(events), connection)

    def load(self, events: Iterable[DomainEvent], *, connection: psycopg.Connection | None = None) -> None:
        """Append many events, all or nothing, as `append_many` does and with the same errors, without an answer.

        For imports. They come by COPY, in about two thirds of the time of `append_many`. Loading the same events again
        changes nothing. With a bus or inline projections, which want to see each event, this is `append_many`.

        Args:
            events: the events to write. The batch stands in memory as a whole: some ten thousand are enough.
            connection: join the transaction that is open on this connection, as with `append_many`.
        """
        batch = take_batch(events)
        if self._bus is not None or self._inline or len(batch) < SMALLEST_LOAD:
            self.append_many(batch, connection=connection)
            return
        if connection is None:
            written = self._connections.run(lambda own: self._loading.load(own, batch))
        else:
            refuse_unfit_to_join(connection)
            with in_our_words(connection):
                open_read_committed(connection)
                written = self._loading.load(connection, batch, joined=True)
        if not written:
            self.append_many(batch, connection=connection)  # it knows what to say, and what to do about it

    def get_by_aggregate(
        self, aggregate_id: str, from_version: int = 1, to_version: int | None = None
    ) -> list[DomainEvent]:
        """See `EventStore.get_by_aggregate`."""
        check_name("aggregate_id", aggregate_id)
        first, last = check_versions(from_version, to_version)
        found = self._select(reading.GET_BY_AGGREGATE, aggregate_id, first, last, None)
        return list(events_from(found))

    def get_stream(
        self, aggregate_id: str, from_version: int = 1, to_version: int | None = None
    ) -> Iterator[DomainEvent]:
        """See `EventStore.get_stream`. Read page by page: between two pages no connection is held."""
        check_name("aggregate_id", aggregate_id)
        return self._pages(aggregate_id, *check_versions(from_version, to_version))

    def get_by_type(self, event_type: str, limit: int | None = None) -> list[DomainEvent]:
        """See `EventStore.get_by_type`."""
        check_name("event_type", event_type)
        return self.query(EventQueryFilter(event_type=event_type, limit=limit))

    def query(self, filter: EventQueryFilter) -> list[DomainEvent]:
        """See `EventStore.query`."""
        check_filter(filter)
        return self._connections.run(lambda connection: reading.query_events(connection, filter))

    def get_latest_version(self, aggregate_id: str) -> int:
        """See `EventStore.get_latest_version`."""
        check_name("aggregate_id", aggregate_id)
        return self._number(reading.GET_LATEST_VERSION, aggregate_id)

    def exists(self, aggregate_id: str) -> bool:
        """See `EventStore.exists`."""
        return self.get_latest_version(aggregate_id) > 0

    def get_event_count(self, aggregate_id: str | None = None) -> int:
        """See `EventStore.get_event_count`."""
        if aggregate_id is None:
            return self._number(reading.COUNT_ALL)
        check_name("aggregate_id", aggregate_id)
        return self._number(reading.COUNT_STREAM, aggregate_id, prepare=False)

    def high_water_mark(self) -> int:
        """See `EventStore.high_water_mark`."""
        return self._number(reading.HIGH_WATER_MARK)

    def save_snapshot(self, snapshot: EventSnapshot) -> None:
        """See `EventStore.save_snapshot`."""
        check_snapshot(snapshot)
        values = (snapshot.aggregate_id, snapshot.version, snapshot.state_json, snapshot.schema_version)

        def save(connection: psycopg.Connection) -> None:
            try:
                rows(connection, reading.SAVE_SNAPSHOT, values)
            except ForeignKeyViolation:
                raise above_the_head(snapshot) from None

        self._connections.run(save)

    def get_latest_snapshot(self, aggregate_id: str) -> EventSnapshot | None:
        """See `EventStore.get_latest_snapshot`."""
        return self.get_snapshot_at_version(aggregate_id, MAX_VERSION)

    def get_snapshot_at_version(self, aggregate_id: str, version: int) -> EventSnapshot | None:
        """See `EventStore.get_snapshot_at_version`."""
        check_name("aggregate_id", aggregate_id)
        check_count("version", version)
        found = self._select(reading.GET_SNAPSHOT, aggregate_id, version)
        return reading.snapshot_from(found[0]) if found else None

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

    def __reduce__(self) -> tuple[type[Self], tuple[Connections, None, tuple[Projection, ...]]]:
        return type(self), (self._connections, None, self._inline)

    def _append(self, batch: list[DomainEvent], connection: psycopg.Connection | None) -> list[DomainEvent]:
        if connection is None:
            run = self._connections.run_and_lend if self._inline else self._connections.run
            stored = run(lambda own: self._appending.append(own, batch)) if batch else []
            if self._bus is not None:
                self._bus.publish(*stored)
            return stored
        refuse_unfit_to_join(connection)
        with in_our_words(connection):
            open_read_committed(connection)
            return self._appending.append(connection, batch, joined=True) if batch else []

    def _pages(self, aggregate_id: str, first: int, last: int) -> Iterator[DomainEvent]:
        size = FIRST_PAGE
        while True:
            page = self._select(reading.GET_BY_AGGREGATE, aggregate_id, first, last, size)
            yield from events_from(page)
            if len(page) < size:
                return
            first = page[-1][3] + 1
            size = max(1, min(LARGEST_PAGE, PAGE_BYTES * size // sum(len(row[PAYLOAD]) for row in page)))

    def _select(self, statement: str, *parameters: object, prepare: bool = True) -> list[tuple[Any, ...]]:
        return self._connections.run(lambda connection: rows(connection, statement, parameters, prepare))

    def _number(self, statement: str, *parameters: object, prepare: bool = True) -> int:
        [(number,)] = self._select(statement, *parameters, prepare=prepare)
        return int(number)
