"""A reader follows the log while eight writers do all that writers do. Nothing is missed, nothing comes twice."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count, pairwise
from uuid import UUID

import psycopg
import pytest
from schedules import COPY

from eventstore import DomainEvent, EventQueryFilter, PostgresEventStore, VersionConflictError

WRITERS = 8

# Everybody knows that this stream has an event, and that another first one will be refused.
SETTLED = "settled"


def event(aggregate_id: str, version: int = 1) -> DomainEvent:
    return DomainEvent(event_type="moved", aggregate_id=aggregate_id, version=version, event_data={})


class Tail:
    """Follows the log in the documented way: asks for the mark, and reads up to it in a later statement."""

    def __init__(self, store: PostgresEventStore) -> None:
        self.store = store
        self.position = 0
        self.read: list[tuple[int | None, UUID]] = []
        self.rounds = 0
        self.over = threading.Event()

    def follow(self) -> None:
        """Read on until it is over; if the reader fails, it is over for the writers as well."""
        try:
            while not self.over.is_set():
                self.read_on()
                self.rounds += 1
                time.sleep(0.001)
        finally:
            self.over.set()

    def read_on(self) -> None:
        mark = self.store.high_water_mark()
        for found in self.store.query(EventQueryFilter(after_sequence=self.position)):
            if (found.sequence_number or 0) <= mark:
                self.read.append((found.sequence_number, found.id))
        self.position = max(self.position, mark)

    def come_by(self, times: int) -> None:
        """Return when the reader has been here so many times: somebody dawdles, with a transaction open."""
        rounds = self.rounds + times
        while self.rounds < rounds and not self.over.is_set():
            time.sleep(0.001)


class Writer:
    """Does one piece of work after the other, as the dice fall."""

    def __init__(self, store: PostgresEventStore, tail: Tail, seed: int) -> None:
        self.store, self.tail = store, tail
        self.dice = random.Random(seed)
        self.new_streams: Iterator[str] = (f"writer {seed}, stream {number}" for number in count())

    def write(self, target: int) -> list[UUID]:
        """Write so many events or a few more.

        Returns:
            The ids of those that are committed.
        """
        written: list[UUID] = []
        kinds = [self.single_event, self.batch, self.open_transaction, self.copy]
        with self.store.connection() as connection:
            while len(written) < target and not self.tail.over.is_set():
                [work] = self.dice.choices(kinds, [12, 6, 2, 1])
                with suppress(VersionConflictError):  # somebody else was faster
                    written += work(connection)
        return written

    def single_event(self, connection: psycopg.Connection) -> list[UUID]:
        return [self.store.append(event(next(self.new_streams))).id]

    def batch(self, connection: psycopg.Connection) -> list[UUID]:
        """Several streams, which the others write to as well."""
        streams = self.dice.sample([f"shared {number}" for number in range(30)], 3)
        batch = [event(stream, self.store.get_latest_version(stream) + 1) for stream in streams]
        return [stored.id for stored in self.store.append_many(batch)]

    def open_transaction(self, connection: psycopg.Connection) -> list[UUID]:
        """What callers do in transactions of their own: take back, dawdle, meet a conflict, give up."""
        written: list[UUID] = []
        with connection.transaction() as whole:
            if self.dice.random() < 0.5:
                with connection.transaction() as savepoint:
                    self.store.append(event(next(self.new_streams)), connection=connection)
                    raise psycopg.Rollback(savepoint)
                self.tail.come_by(1)
            if self.dice.random() < 0.5:
                with pytest.raises(VersionConflictError):
                    self.store.append(event(SETTLED), connection=connection)
                self.tail.come_by(1)
            for _ in range(2):
                written.append(self.store.append(event(next(self.new_streams)), connection=connection).id)
                self.tail.come_by(2)
            if self.dice.random() < 0.3:
                written.clear()
                raise psycopg.Rollback(whole)
        return written

    def copy(self, connection: psycopg.Connection) -> list[UUID]:
        """An import that goes around the store: a new stream by plain COPY."""
        stream = next(self.new_streams)
        batch = [event(stream, version) for version in range(1, 41)]
        with connection.cursor().copy(COPY) as copy:
            for new in batch:
                copy.write_row((new.id, new.event_type, new.aggregate_id, new.version, new.payload_json))
        return [new.id for new in batch]


def test_a_tailing_reader_gets_every_event_once(store: PostgresEventStore, request: pytest.FixtureRequest) -> None:
    target = 100_000 if request.config.getoption("--long") else 8_000
    settled = store.append(event(SETTLED))
    tail = Tail(store)
    with ThreadPoolExecutor(WRITERS + 1) as threads:
        following = threads.submit(tail.follow)
        try:
            writers = [Writer(store, tail, seed) for seed in range(WRITERS)]
            written = list(threads.map(lambda writer: writer.write(target // WRITERS), writers))
        finally:
            tail.over.set()
    following.result()
    tail.read_on()

    log = [(stored.sequence_number, stored.id) for stored in store.query(EventQueryFilter())]
    assert {event_id for _, event_id in log} == {settled.id}.union(*written)
    missed = set(log) - set(tail.read)
    assert not missed, f"{len(missed)} of {len(log)} events missed"
    assert all((before or 0) < (after or 0) for (before, _), (after, _) in pairwise(tail.read))
    assert tail.read == log
