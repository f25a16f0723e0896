"""The library eventsource-py, https://github.com/tyevans/eventsource-py, by its own API: SQLAlchemy over asyncpg."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import psycopg
from eventsource.adapters.postgresql.store import PostgreSQLEventStore
from eventsource.domain import StreamId
from eventsource.domain.event import DomainEvent
from eventsource.domain.event_registry import register_event
from eventsource.ports import ExpectedVersion, FeedReadOptions
from eventsource.ports.store import collect
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.work import Contender, payload

DATABASE = "eventsource_py"
CATEGORY = "Hand"
PAGE = FeedReadOptions(limit=2_000)


@register_event
class ActionProcessed(DomainEvent):
    aggregate_type: str = CATEGORY
    seat: int
    kind: str
    amount: int
    to: int
    street: str
    pot_before: int


def _event(stream: UUID, version: int) -> ActionProcessed:
    return ActionProcessed(aggregate_id=stream, aggregate_version=version, **payload(version))


class EventsourcePy(Contender):
    def __init__(self, url: str, create_schema: bool = False) -> None:
        address = make_url(url).set(drivername="postgresql+asyncpg", database=DATABASE)
        self._engine = create_async_engine(address)
        self._store = PostgreSQLEventStore(self._engine, create_schema=create_schema)
        self._loop = asyncio.new_event_loop()

    @classmethod
    def prepare(cls, url: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        contender = cls(url, create_schema=True)
        contender.read(UUID(int=0))
        contender.close()

    def _run(self, work: Any) -> Any:
        return self._loop.run_until_complete(work)

    def append(self, stream: UUID, version: int) -> object:
        expected = ExpectedVersion.exact(version - 1)
        return self._run(self._store.append(StreamId(stream, CATEGORY), [_event(stream, version)], expected))

    def batch(self, streams: Sequence[UUID], count: int) -> Callable[[], object]:
        [stream] = streams  # it takes one stream a call

        def append() -> None:
            events = [_event(stream, version) for version in range(1, count + 1)]
            self._run(self._store.append(StreamId(stream, CATEGORY), events, ExpectedVersion.exact(0)))

        return append

    def read(self, stream: UUID) -> list[Any]:
        found: list[Any] = self._run(collect(self._store.read_stream(StreamId(stream, CATEGORY))))
        return found

    def follow(self) -> int:
        """Page by page; no position is kept."""
        seen, last = 0, None
        while page := self._run(collect(self._store.read_all(last, PAGE))):
            seen, last = seen + len(page), page[-1].position
        return seen

    def close(self) -> None:
        self._run(self._engine.dispose())
        self._loop.close()
