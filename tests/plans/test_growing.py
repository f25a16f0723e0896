"""A plan that was made while the log was small is not kept where it would read all of the log that it has become."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import count

import pytest
from psycopg import sql
from waiting import PATIENCE, wait_until
from watching import Watched

import eventstore
from eventstore import DomainEvent, PostgresEventStore, Subscription

BY_ID = "domain_events_pkey"
BY_STREAM = "domain_events_aggregate_version_key"

# More often than the five times after which the server may keep a plan.
REPEATS = 10

GROW = """
INSERT INTO {}.domain_events (id, event_type, aggregate_id, version, event_data)
SELECT gen_random_uuid(), 'bet', 'hand-' || n / 10, n % 10 + 1, '{{}}' FROM generate_series(0, 9999) AS n
"""

NEW = count(1)


def new_event(version: int = 1, aggregate_id: str | None = None) -> DomainEvent:
    aggregate_id = aggregate_id or f"new-{next(NEW)}"
    return DomainEvent(event_type="bet", aggregate_id=aggregate_id, version=version, event_data={})


@pytest.fixture(params=[(60, 1), (1, 20)], ids=["60 streams", "1 stream"])
def watched(store: PostgresEventStore, schema: str, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A small log, of which the server knows how small it is. It learns nothing more."""
    streams, length = request.param
    for stream in range(streams):
        store.append_many([new_event(version, f"stream-{stream}") for version in range(1, length + 1)])
    with store.connection() as connection:
        connection.execute("ALTER TABLE domain_events SET (autovacuum_enabled = off)")
        connection.execute("ANALYZE domain_events")
    with closing(Watched(os.environ["EVENTSTORE_URL"], schema)) as watched:
        yield watched


def assert_goes_by_index(watched: Watched, indexes: set[str]) -> None:
    assert set().union(*(plan.indexes() for plan in watched.plans)) == indexes, watched.plans
    assert [plan for plan in watched.plans if plan.scans_of("domain_events")] == []


@pytest.mark.parametrize("size", [1, 2])
def test_an_import_in_one_transaction_of_a_callers_own(watched: Watched, size: int) -> None:
    store = PostgresEventStore(watched)

    def append() -> None:
        store.append_many([new_event() for _ in range(size)], connection=connection)

    with watched.callers_connection() as connection:
        for _ in range(REPEATS):
            append()
        connection.execute(sql.SQL(GROW).format(sql.Identifier(watched.schema)))
        watched.plans.clear()
        for _ in range(REPEATS):
            append()
    assert_goes_by_index(watched, {BY_STREAM})


@dataclass(frozen=True)
class Case:
    """A call of the store, and what it has to go by in a log that has grown.

    Args:
        name: the call, for the reader.
        call: makes it; gets an event that is stored already.
        planned_anew: a part of that statement of the call which is planned anew each time; None if it is prepared.
        indexes: what the call goes by.
    """

    name: str
    call: Callable[[PostgresEventStore, DomainEvent], object]
    planned_anew: str | None
    indexes: set[str]


def append_too_late(store: PostgresEventStore, stored: DomainEvent) -> None:
    for batch in ([new_event(1, stored.aggregate_id)], [new_event(1, stored.aggregate_id), new_event()]):
        with pytest.raises(eventstore.VersionConflictError):
            store.append_many(batch)


LOOK_BACK = "AS sent"

CALLS = [
    Case("append", lambda store, stored: store.append(new_event()), None, {BY_STREAM}),
    Case("append_many", lambda store, stored: store.append_many([new_event(), new_event()]), None, {BY_STREAM}),
    Case("append again", lambda store, stored: store.append(stored), LOOK_BACK, {BY_STREAM, BY_ID}),
    Case("append too late", append_too_late, LOOK_BACK, {BY_STREAM, BY_ID}),
    Case("get_by_aggregate", lambda store, stored: store.get_by_aggregate(stored.aggregate_id), None, {BY_STREAM}),
    Case("get_latest_version", lambda store, stored: store.get_latest_version(stored.aggregate_id), None, {BY_STREAM}),
    Case("get_event_count", lambda store, stored: store.get_event_count(stored.aggregate_id), "count(*)", {BY_STREAM}),
]


@pytest.mark.parametrize("case", CALLS, ids=lambda case: case.name)
def test_a_session_that_began_when_the_log_was_small(watched: Watched, store: PostgresEventStore, case: Case) -> None:
    small, stored = PostgresEventStore(watched), store.append(new_event())
    for _ in range(REPEATS):
        case.call(small, stored)
    with store.connection() as connection:
        connection.execute(sql.SQL(GROW).format(sql.Identifier(watched.schema)))
    if case.planned_anew:
        watched.plans.clear()
        case.call(small, stored)
        watched.plans = [plan for plan in watched.plans if case.planned_anew in plan.text]
        assert_goes_by_index(watched, case.indexes)
    # What is prepared may read the whole table until the server counts it anew, which autovacuum makes it do.
    with store.connection() as connection:
        connection.execute("ANALYZE domain_events")
    watched.plans.clear()
    case.call(small, stored)
    assert_goes_by_index(watched, case.indexes)


@pytest.mark.parametrize("event_types", [None, ["bet", "fold"]])
def test_a_follower_that_began_when_the_log_was_small(
    watched: Watched, store: PostgresEventStore, event_types: list[str] | None
) -> None:
    """It keeps its connection, and goes through all that has come in one go."""
    subscription = Subscription(PostgresEventStore(watched), "follower", lambda event, connection: None, event_types)

    def has_come_to(number: int) -> bool:
        return subscription.status().position >= number

    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(subscription.run)
        for _ in range(REPEATS):
            number = store.append(new_event()).sequence_number or 0
            wait_until(lambda: has_come_to(number), "the follower")  # noqa: B023
        watched.plans.clear()
        with store.connection() as connection:
            connection.execute(sql.SQL(GROW).format(sql.Identifier(watched.schema)))
        wait_until(lambda: has_come_to(store.high_water_mark()), "the follower to catch up")
        subscription.stop()
        run.result(PATIENCE)
    reads = [plan for plan in watched.plans if "event_data" in plan.text]
    assert reads
    assert [plan for plan in reads if plan.scans_of("domain_events")] == []
