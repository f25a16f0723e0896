"""The library eventsourcing, https://github.com/pyeventsourcing/eventsourcing, by its own API.

`Default` is its way for applications: a table lock lets one writer at a time draw numbers, so that its readers miss
nothing. `Function` sends the events to a function in the database instead, which takes no lock, so that its readers may
miss some. Both begin with the library's own domain events and its mapper. The two that are ready are handed what the
mapper would have made, so that nothing is left but to store it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any, ClassVar
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.domain import event as caused_by
from eventsourcing.persistence import StoredEvent
from eventsourcing.projection import ApplicationSubscription
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from benchmarks.work import Contender, payload, places


class Hand(Aggregate):
    """The library's own way to an event with our payload."""

    @caused_by("ActionProcessed")
    def process(self, seat: int, kind: str, amount: int, to: int, street: str, pot_before: int) -> None:
        pass


class Hands(Application):
    """An application as the library means it, with all its defaults."""


def environment(url: str, database: str) -> dict[str, str]:
    """The settings of the library for a database on this server."""
    address = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": database,
        "POSTGRES_HOST": address["host"],
        "POSTGRES_PORT": address.get("port", "5432"),
        "POSTGRES_USER": address["user"],
        "POSTGRES_PASSWORD": address.get("password", ""),
        # Each contender has one thread, and eight of them share a server.
        "POSTGRES_POOL_SIZE": "1",
    }


ActionProcessed: Any = vars(Hand)["ActionProcessed"]  # the class that the decorator has made


def domain_event(stream: UUID, version: int) -> Any:
    return ActionProcessed(
        originator_id=stream,
        originator_version=version,
        timestamp=ActionProcessed.create_timestamp(),
        **payload(version),
    )


class Default(Contender):
    database: ClassVar[str] = "eventsourcing_default"
    settings: ClassVar[dict[str, str]] = {}

    def __init__(self, url: str) -> None:
        # The tables are there, and eight writers that make them again at once would be in each other's way.
        self.application = Hands(environment(url, self.database) | self.settings | {"CREATE_TABLE": "n"})

    @classmethod
    def prepare(cls, url: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(cls.database)))
        Hands(environment(url, cls.database) | cls.settings).close()

    def append(self, stream: UUID, version: int) -> object:
        return self.application.events.put([domain_event(stream, version)])

    def batch(self, streams: Sequence[UUID], count: int) -> Callable[[], object]:
        return lambda: self.application.events.put([domain_event(*place) for place in places(streams, count)])

    def read(self, stream: UUID) -> list[Any]:
        return list(self.application.events.get(stream))

    def follow(self) -> int:
        """Its subscription, which keeps no position."""
        total = self.application.recorder.max_notification_id() or 0
        with ApplicationSubscription(self.application) as subscription:
            return sum(1 for _ in islice(subscription, total))

    def close(self) -> None:
        self.application.close()


class Made(Default):
    """From domain events that were made before; its mapper is still part of the work."""

    database = "eventsourcing_made"

    def batch(self, streams: Sequence[UUID], count: int) -> Callable[[], object]:
        events = [domain_event(*place) for place in places(streams, count)]
        return lambda: self.application.events.put(events)


class DefaultReady(Default):
    database = "eventsourcing_default_ready"

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._made: dict[int, StoredEvent] = {}

    def _stored(self, stream: UUID, version: int) -> StoredEvent:
        """What the mapper makes of an event; it was asked once for each version, and only the name changes."""
        if version not in self._made:
            self._made[version] = self.application.mapper.to_stored_event(domain_event(stream, version))
        return replace(self._made[version], originator_id=stream)

    def append(self, stream: UUID, version: int) -> object:
        return self.application.recorder.insert_events([self._stored(stream, version)])

    def batch(self, streams: Sequence[UUID], count: int) -> Callable[[], object]:
        ready = [self._stored(*place) for place in places(streams, count)]
        return lambda: self.application.recorder.insert_events(ready)


class Function(Default):
    database = "eventsourcing_function"
    settings: ClassVar = {"POSTGRES_ENABLE_DB_FUNCTIONS": "y"}


class FunctionMade(Made):
    database = "eventsourcing_function_made"
    settings: ClassVar = {"POSTGRES_ENABLE_DB_FUNCTIONS": "y"}


class FunctionReady(DefaultReady):
    database = "eventsourcing_function_ready"
    settings: ClassVar = {"POSTGRES_ENABLE_DB_FUNCTIONS": "y"}


@contextmanager
def loading(url: str, length: int) -> Iterator[dict[str, Callable[[], object]]]:
    """Two ways to load an aggregate with so many events: without a snapshot, and with one ten events before the end.

    The server is one that `Default` has prepared.
    """
    settings = environment(url, Default.database)
    with Hands(settings) as plain, Hands(settings | {"IS_SNAPSHOTTING_ENABLED": "y"}) as snapshotting:
        hand = Hand()
        for version in range(1, length):  # its creation is an event too
            hand.process(**payload(version))
        plain.save(hand)
        snapshotting.take_snapshot(hand.id, version=length - 10)
        yield {
            "without a snapshot": lambda: plain.repository.get(hand.id),
            "with a snapshot": lambda: snapshotting.repository.get(hand.id),
        }
