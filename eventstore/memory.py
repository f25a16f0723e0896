"""The same promises without a database: the model that the tests compare PostgreSQL with."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from operator import attrgetter
from types import TracebackType
from typing import Self
from uuid import UUID

from eventstore import payload
from eventstore.bus import EventBus, check_bus
from eventstore.errors import VersionConflictError
from eventstore.events import (
    MAX_VERSION,
    DomainEvent,
    EventQueryFilter,
    EventSnapshot,
    check_count,
    check_name,
    utc_now,
)
from eventstore.store import (
    above_the_head,
    check_filter,
    check_snapshot,
    check_versions,
    first_versions,
    known_batch,
    take_batch,
)


class InMemoryEventStore:
    """An `EventStore` that forgets everything when the process ends. Safe to use from several threads.

    Args:
        bus: where each event is published after it was stored; see `EventBus`.

    Raises:
        InvalidEventError: the bus is no `EventBus`.
    """

    def __init__(self, bus: EventBus | None = None) -> None:
        self._bus = check_bus(bus)
        self._log: list[DomainEvent] = []
        self._by_id: dict[UUID, DomainEvent] = {}
        self._streams: dict[str, list[DomainEvent]] = {}
        self._snapshots: dict[str, dict[int, EventSnapshot]] = {}
        self._lock = threading.Lock()

    def append(self, event: DomainEvent) -> DomainEvent:
        """See `EventStore.append`."""
        return self.append_many([event])[0]

    def append_many(self, events: Iterable[DomainEvent]) -> list[DomainEvent]:
        """See `EventStore.append_many`."""
        batch = take_batch(events)
        with self._lock:
            stored = [_copy(event) for event in self._known_or_written(batch)]
        # Without the lock: a handler may append.
        if self._bus is not None:
            self._bus.publish(*stored)
        return stored

    def get_by_aggregate(
        self, aggregate_id: str, from_version: int = 1, to_version: int | None = None
    ) -> list[DomainEvent]:
        """See `EventStore.get_by_aggregate`."""
        check_name("aggregate_id", aggregate_id)
        first, last = check_versions(from_version, to_version)
        with self._lock:
            stream = list(self._streams.get(aggregate_id, []))
        return [_copy(event) for event in stream if first <= event.version <= last]

    def get_stream(
        self, aggregate_id: str, from_version: int = 1, to_version: int | None = None
    ) -> Iterator[DomainEvent]:
        """See `EventStore.get_stream`."""
        return iter(self.get_by_aggregate(aggregate_id, from_version, to_version))

    def get_by_type(self, event_type: str, limit: int | None = None) -> list[DomainEvent]:
        """See `EventStore.get_by_type`."""
        check_name("event_type", event_type)
        return self.query(EventQueryFilter(event_type=event_type, limit=limit))

    def query(self, filter: EventQueryFilter) -> list[DomainEvent]:
        """See `EventStore.query`."""
        check_filter(filter)
        with self._lock:
            log = list(self._log)
        fitting = [event for event in log if _fits(event, filter)]
        fitting.sort(key=attrgetter(filter.order_by, "sequence_number"), reverse=filter.order_direction == "DESC")
        return [_copy(event) for event in islice(fitting, filter.limit)]

    def get_latest_version(self, aggregate_id: str) -> int:
        """See `EventStore.get_latest_version`."""
        check_name("aggregate_id", aggregate_id)
        with self._lock:
            return len(self._streams.get(aggregate_id, []))

    def exists(self, aggregate_id: str) -> bool:
        """See `EventStore.exists`."""
        return self.get_latest_version(aggregate_id) > 0

    def get_event_count(self, aggregate_id: str | None = None) -> int:
        """See `EventStore.get_event_count`."""
        if aggregate_id is not None:
            return self.get_latest_version(aggregate_id)
        with self._lock:
            return len(self._log)

    def high_water_mark(self) -> int:
        """See `EventStore.high_water_mark`. Nothing is ever on its way here, so it is the last number."""
        return self.get_event_count()

    def save_snapshot(self, snapshot: EventSnapshot) -> None:
        """See `EventStore.save_snapshot`."""
        check_snapshot(snapshot)
        with self._lock:
            if snapshot.version > len(self._streams.get(snapshot.aggregate_id, [])):
                raise above_the_head(snapshot)
            self._snapshots.setdefault(snapshot.aggregate_id, {})[snapshot.version] = _copy_snapshot(snapshot)

    def get_latest_snapshot(self, aggregate_id: str) -> EventSnapshot | None:
        """See `EventStore.get_latest_snapshot`."""
        return self.get_snapshot_at_version(aggregate_id, MAX_VERSION)

    def get_snapshot_at_version(self, aggregate_id: str, version: int) -> EventSnapshot | None:
        """See `EventStore.get_snapshot_at_version`."""
        check_name("aggregate_id", aggregate_id)
        check_count("version", version)
        with self._lock:
            saved = self._snapshots.get(aggregate_id, {})
            newest = max((each for each in saved if each <= version), default=None)
            return None if newest is None else _copy_snapshot(saved[newest])

    def close(self) -> None:
        """Does nothing: there is nothing to let go of. It is here so that either kind of store can be put to use."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _known_or_written(self, batch: list[DomainEvent]) -> list[DomainEvent]:
        known = known_batch(batch, self._by_id)
        firsts = first_versions(batch)
        if known:
            return known
        for aggregate_id, first in firsts.items():
            latest = len(self._streams.get(aggregate_id, []))
            if first != latest + 1:
                raise VersionConflictError(aggregate_id, first, latest)
        return [self._write(event) for event in batch]

    def _write(self, event: DomainEvent) -> DomainEvent:
        stored = event.as_stored(len(self._log) + 1, utc_now())
        self._log.append(stored)
        self._by_id[stored.id] = stored
        self._streams.setdefault(stored.aggregate_id, []).append(stored)
        return stored


def _fits(event: DomainEvent, filter: EventQueryFilter) -> bool:
    """Whether an event fits every field that the filter gives."""
    types = (filter.event_type,) if isinstance(filter.event_type, str) else filter.event_type
    part = None if filter.data_contains_json is None else payload.decode(filter.data_contains_json)
    equal = (
        (filter.aggregate_id, event.aggregate_id),
        (filter.user_id, event.metadata.user_id),
        (filter.correlation_id, event.metadata.correlation_id),
        (filter.causation_id, event.metadata.causation_id),
    )
    return (
        all(wanted is None or wanted == got for wanted, got in equal)
        and (types is None or event.event_type in types)
        and (filter.from_timestamp is None or filter.from_timestamp <= event.event_timestamp)
        and (filter.to_timestamp is None or event.event_timestamp <= filter.to_timestamp)
        and (part is None or payload.contains(event.event_data, part))
        and (filter.after_sequence is None or (event.sequence_number or 0) > filter.after_sequence)
    )


def _copy(event: DomainEvent) -> DomainEvent:
    """An equal event whose payload the caller may change without changing the store."""
    return event.as_stored(event.sequence_number, event.recorded_at)


def _copy_snapshot(snapshot: EventSnapshot) -> EventSnapshot:
    return replace(snapshot, state=payload.decode(snapshot.state_json))
