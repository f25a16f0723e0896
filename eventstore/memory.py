"""The same promises without a database: the model that the tests compare PostgreSQL with."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from uuid import UUID

from eventstore.errors import VersionConflictError
from eventstore.events import DomainEvent, check_name, utc_now
from eventstore.store import check_versions, first_versions, known_batch


class InMemoryEventStore:
    """An `EventStore` that forgets everything when the process ends. Safe to use from several threads."""

    def __init__(self) -> None:
        self._log: list[DomainEvent] = []
        self._by_id: dict[UUID, DomainEvent] = {}
        self._streams: dict[str, list[DomainEvent]] = {}
        self._lock = threading.Lock()

    def append(self, event: DomainEvent) -> DomainEvent:
        """See `EventStore.append`."""
        return self.append_many([event])[0]

    def append_many(self, events: Iterable[DomainEvent]) -> list[DomainEvent]:
        """See `EventStore.append_many`."""
        batch = list(events)
        firsts = first_versions(batch)
        with self._lock:
            known = known_batch(batch, self._by_id)
            if known:
                return [_copy(event) for event in known]
            for aggregate_id, first in firsts.items():
                latest = len(self._streams.get(aggregate_id, []))
                if first != latest + 1:
                    raise VersionConflictError(aggregate_id, first, latest)
            return [_copy(self._write(event)) for event in batch]

    def get_by_aggregate(
        self, aggregate_id: str, from_version: int = 1, to_version: int | None = None
    ) -> list[DomainEvent]:
        """See `EventStore.get_by_aggregate`."""
        check_name("aggregate_id", aggregate_id)
        check_versions(from_version, to_version)
        with self._lock:
            stream = list(self._streams.get(aggregate_id, []))
        last = len(stream) if to_version is None else to_version
        return [_copy(event) for event in stream if from_version <= event.version <= last]

    def get_latest_version(self, aggregate_id: str) -> int:
        """See `EventStore.get_latest_version`."""
        check_name("aggregate_id", aggregate_id)
        with self._lock:
            return len(self._streams.get(aggregate_id, []))

    def exists(self, aggregate_id: str) -> bool:
        """See `EventStore.exists`."""
        return self.get_latest_version(aggregate_id) > 0

    def _write(self, event: DomainEvent) -> DomainEvent:
        stored = event.as_stored(len(self._log) + 1, utc_now())
        self._log.append(stored)
        self._by_id[stored.id] = stored
        self._streams.setdefault(stored.aggregate_id, []).append(stored)
        return stored


def _copy(event: DomainEvent) -> DomainEvent:
    """An equal event whose payload the caller may change without changing the store."""
    return event.as_stored(event.sequence_number, event.recorded_at)
