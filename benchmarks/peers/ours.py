"""This package, by its public API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from uuid import UUID

import eventstore
from benchmarks.work import EVENT_TYPE, Contender, payload, places
from eventstore import DomainEvent, Subscription


def domain_event(stream: UUID, version: int) -> DomainEvent:
    return DomainEvent(event_type=EVENT_TYPE, aggregate_id=str(stream), version=version, event_data=payload(version))


class Ours(Contender):
    _names = count(1)

    def __init__(self, url: str) -> None:
        self.store = eventstore.connect(url)

    @classmethod
    def prepare(cls, url: str) -> None:
        eventstore.connect(url).close()

    def append(self, stream: UUID, version: int) -> object:
        return self.store.append(domain_event(stream, version))

    def batch(self, streams: Sequence[UUID], count: int) -> Callable[[], object]:
        return lambda: self.store.append_many([domain_event(*place) for place in places(streams, count)])

    def load(self, streams: Sequence[UUID], count: int) -> Callable[[], object]:
        return lambda: self.store.load([domain_event(*place) for place in places(streams, count)])

    def read(self, stream: UUID) -> list[DomainEvent]:
        return self.store.get_by_aggregate(str(stream))

    def follow(self) -> int:
        """A new subscription, whose checkpoint is committed with each batch."""
        seen = 0

        def handle(event: DomainEvent, connection: object) -> None:
            nonlocal seen
            seen += 1

        Subscription(self.store, f"follower {next(self._names)}", handle).catch_up()
        return seen

    def close(self) -> None:
        self.store.close()


class OursMade(Ours):
    """From events that were made before."""

    def batch(self, streams: Sequence[UUID], count: int) -> Callable[[], object]:
        events = [domain_event(*place) for place in places(streams, count)]
        return lambda: self.store.append_many(events)
