"""Appends that meet: each schedule is driven step by step over real connections, or run hot with many threads."""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from waiting import PATIENCE, wait_until

import eventstore
from eventstore import DomainEvent, VersionConflictError

PLAIN_INSERT = """
INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data) VALUES (%s, %s, %s, %s, %s)
"""


def event(aggregate_id: str, version: int) -> DomainEvent:
    return DomainEvent(event_type="moved", aggregate_id=aggregate_id, version=version, event_data={"to": version})


def insert(connection: psycopg.Connection, event: DomainEvent) -> None:
    """What a program does that goes around the store."""
    row = (event.id, event.event_type, event.aggregate_id, event.version, event.payload_json)
    connection.execute(PLAIN_INSERT, row)


def wait_for_blocked_backends(connection: psycopg.Connection, count: int) -> None:
    """Wait until so many sessions of this store wait for a lock."""
    query = """
        SELECT count(*)
        FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND application_name = current_setting('application_name')
    """
    wait_until(lambda: connection.execute(query).fetchone() == (count,), f"{count} appends that wait")


@pytest.mark.parametrize("commits", [True, False])
def test_an_append_that_meets_an_open_one_waits_and_then_knows(
    store: eventstore.PostgresEventStore, commits: bool
) -> None:
    """Both have passed the version check; the unique key decides when the first one ends."""
    store.append(event("hand", 1))
    with ThreadPoolExecutor(1) as thread, store.connection() as first, store.connection() as watcher:
        with first.transaction() as transaction:
            insert(first, event("hand", 2))
            second = thread.submit(store.append, event("hand", 2))
            wait_for_blocked_backends(watcher, 1)
            if not commits:
                raise psycopg.Rollback(transaction)
        if commits:
            with pytest.raises(VersionConflictError) as caught:
                second.result(PATIENCE)
            assert (caught.value.attempted_version, caught.value.latest_version) == (2, 2)
        else:
            assert second.result(PATIENCE).version == 2
    assert store.get_latest_version("hand") == 2


def test_a_conflict_that_has_vanished_when_we_look_is_no_conflict(store: eventstore.PostgresEventStore) -> None:
    """The batch has looked at the streams and waits for its turn; meanwhile the event before it is written."""
    with ThreadPoolExecutor(1) as thread, store.connection() as third, store.connection() as watcher:
        with third.transaction():
            third.execute("SELECT pg_advisory_xact_lock(2026, bucket) FROM generate_series(0, 63) AS bucket")
            batch = thread.submit(store.append_many, [event("hand", 2), event("other", 1)])
            wait_for_blocked_backends(watcher, 1)
            store.append(event("hand", 1))
        assert [each.version for each in batch.result(PATIENCE)] == [2, 1]


class Stepwise(psycopg.Connection[Any]):
    """A caller's connection on which something happens just before a certain exchange with the server."""

    exchanges = 0
    turn = 0

    def before(self, turn: int, happens: Callable[[], None]) -> None:
        """Let something happen before an exchange. They are counted from 1, and the count begins now."""
        self.exchanges, self.turn, self.happens = 0, turn, happens

    def wait(self, *arguments: Any, **named: Any) -> Any:
        """What psycopg calls for each exchange."""
        self.exchanges += 1
        if self.exchanges == self.turn:
            self.happens()
        return super().wait(*arguments, **named)


@pytest.mark.parametrize("others", [[], ["other"]], ids=["single event", "batch"])
def test_a_copy_that_arrives_while_we_look_back_is_no_conflict(
    store: eventstore.PostgresEventStore, others: list[str]
) -> None:
    """Version 2 is sent before version 1. Then both arrive by another way, before each step of the append in turn."""
    outcomes: list[str] = []
    with Stepwise.connect(os.environ["EVENTSTORE_URL"]) as connection:
        turn = 0
        while connection.exchanges >= turn:  # until the append is over before it is the turn of the copies
            turn += 1
            first, *batch = [
                event(f"hand {turn}", 1),
                event(f"hand {turn}", 2),
                *(event(f"{other} {turn}", 1) for other in others),
            ]
            connection.before(turn, partial(append_each, store, [first, *batch]))
            try:
                stored = store.append_many(batch, connection=connection)
            except VersionConflictError as conflict:
                outcomes.append(f"conflict with version {conflict.latest_version}")
            else:
                assert stored == store.append_many(batch)
                outcomes.append("stored")
            connection.rollback()
    assert outcomes == sorted(outcomes, reverse=True), "stored when they came early enough, and a conflict after that"
    assert set(outcomes) == {"stored", "conflict with version 0"}


def append_each(store: eventstore.PostgresEventStore, events: list[DomainEvent]) -> None:
    """One by one, since batches would wait for each other's turn."""
    for each in events:
        store.append(each)


def test_copies_in_any_order_are_no_conflict(
    store: eventstore.PostgresEventStore, request: pytest.FixtureRequest
) -> None:
    """8 threads send the same events in orders of their own; what came too early is sent again."""
    hands = [f"hand {number}" for number in range(1_000 if request.config.getoption("--long") else 100)]
    streams = {hand: [event(hand, version) for version in range(1, 7)] for hand in hands}
    false_conflicts: list[VersionConflictError] = []

    def send(seed: int) -> None:
        dice = random.Random(seed)
        for stream in streams.values():
            waiting = dice.sample(stream, len(stream))
            while waiting and not false_conflicts:
                each = waiting.pop(0)
                try:
                    assert store.append(each).id == each.id
                except VersionConflictError as conflict:
                    # Nobody sends anything else, so a version that is taken is taken by this very event.
                    false_conflicts.extend([conflict] * (conflict.attempted_version <= conflict.latest_version))
                    waiting.append(each)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(send, range(8)))
    assert not false_conflicts
    for hand, stream in streams.items():
        assert [stored.id for stored in store.get_by_aggregate(hand)] == [each.id for each in stream]


def test_one_batch_sent_twice_in_opposite_orders_is_stored_once(store: eventstore.PostgresEventStore) -> None:
    def send(batch: list[DomainEvent]) -> str:
        try:
            store.append_many(batch)
        except eventstore.DuplicateEventError:
            return "duplicate"
        return "stored"

    with ThreadPoolExecutor(2) as threads:
        for turn in range(100):
            batch = [event(f"hand {turn}", 1), event(f"other {turn}", 1)]
            outcomes = threads.map(send, [batch, batch[::-1]])
            assert sorted(outcomes) == ["duplicate", "stored"]


def test_conflicts_stay_conflicts_where_the_server_prefers_serializable(
    store: eventstore.PostgresEventStore, schema: str
) -> None:
    url = make_conninfo(os.environ["EVENTSTORE_URL"], options="-c default_transaction_isolation=serializable")
    with eventstore.connect(url, schema=schema) as strict, ThreadPoolExecutor(4) as threads:

        def write(version: int) -> str:
            try:
                strict.append(event("hand", version))
            except VersionConflictError:
                return "conflict"
            return "stored"

        for version in range(1, 31):
            assert sorted(threads.map(write, [version] * 4)) == ["conflict"] * 3 + ["stored"]


def test_a_retry_that_meets_its_own_first_try_gets_its_result(store: eventstore.PostgresEventStore) -> None:
    bet = event("hand", 1)
    with ThreadPoolExecutor(1) as thread, store.connection() as first, store.connection() as watcher:
        with first.transaction():
            insert(first, bet)
            retry = thread.submit(store.append, bet)
            wait_for_blocked_backends(watcher, 1)
        assert retry.result(PATIENCE).id == bet.id
    assert [stored.id for stored in store.get_by_aggregate("hand")] == [bet.id]


def test_batches_in_opposite_order_do_not_deadlock(store: eventstore.PostgresEventStore) -> None:
    """Two batches name two streams in opposite orders and both wait for a third writer, who then gives way.

    Without the locks that let batches queue up, each would then hold one stream and wait for the other.
    """

    def outcome(batch: list[DomainEvent]) -> str:
        try:
            stored = store.append_many(batch)
        except VersionConflictError:
            return "conflict"
        numbers = [each.sequence_number or 0 for each in stored]
        return (
            "stored" if numbers == sorted(numbers) and [e.id for e in stored] == [e.id for e in batch] else "mixed up"
        )

    for turn in range(10):
        one, other = f"one {turn}", f"other {turn}"
        with ThreadPoolExecutor(2) as threads, store.connection() as third, store.connection() as watcher:
            with third.transaction() as transaction:
                insert(third, event(one, 1))
                forwards = threads.submit(outcome, [event(one, 1), event(other, 1)])
                wait_for_blocked_backends(watcher, 1)
                backwards = threads.submit(outcome, [event(other, 1), event(one, 1)])
                wait_for_blocked_backends(watcher, 2)
                raise psycopg.Rollback(transaction)
            assert sorted([forwards.result(PATIENCE), backwards.result(PATIENCE)]) == ["conflict", "stored"]


def test_many_writers_leave_no_hole_and_lose_nothing(
    store: eventstore.PostgresEventStore, request: pytest.FixtureRequest
) -> None:
    """8 threads, single events and batches over few streams: what is acknowledged is stored."""
    target = 8_000 if request.config.getoption("--long") else 800
    acknowledged: Counter[str] = Counter()
    false_conflicts: list[VersionConflictError] = []
    lock = threading.Lock()

    def write(seed: int) -> None:
        dice = random.Random(seed)
        while acknowledged.total() < target:
            streams = dice.sample([f"hand {number}" for number in range(6)], dice.choice([1, 1, 2, 4]))
            try:
                stored = store.append_many([event(name, store.get_latest_version(name) + 1) for name in streams])
            except VersionConflictError as conflict:
                false_conflicts.extend([conflict] * (conflict.attempted_version == conflict.latest_version + 1))
            else:
                with lock:
                    acknowledged.update(each.aggregate_id for each in stored)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(8)))
    assert not false_conflicts
    for stream, count in acknowledged.items():
        versions = [each.version for each in store.get_by_aggregate(stream)]
        assert versions == list(range(1, count + 1))
        numbers = [each.sequence_number or 0 for each in store.get_by_aggregate(stream)]
        assert all(before < after for before, after in pairwise(numbers))
