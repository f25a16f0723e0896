"""Loads that meet other writers and readers: nobody is in a deadlock, and no reader misses what a COPY still holds."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from waiting import PATIENCE

from eventstore import DomainEvent, EventQueryFilter, PostgresEventStore, VersionConflictError


def event(aggregate_id: str, version: int) -> DomainEvent:
    return DomainEvent(event_type="moved", aggregate_id=aggregate_id, version=version, event_data={"to": version})


def streams(names: list[str], length: int = 10) -> list[DomainEvent]:
    return [event(name, version) for name in names for version in range(1, length + 1)]


def test_the_mark_stays_below_a_load_that_is_not_committed(store: PostgresEventStore) -> None:
    """The load has drawn its numbers first, and becomes visible last."""
    first = store.append(event("before", 1))
    with store.connection() as loader:
        with loader.transaction():
            store.load(streams([f"loaded {number}" for number in range(100)]), connection=loader)
            later = store.append(event("later", 1))
            assert (later.sequence_number or 0) > (first.sequence_number or 0) + 1_000
            assert store.high_water_mark() == first.sequence_number
        assert store.high_water_mark() == later.sequence_number
    numbers = [each.sequence_number or 0 for each in store.query(EventQueryFilter())]
    assert len(numbers) == 1_002
    assert numbers[-1] == later.sequence_number


def test_loads_of_the_same_streams_in_opposite_orders_all_end_and_one_wins(store: PostgresEventStore) -> None:
    names = [f"hand {number}" for number in range(60)]
    barrier = threading.Barrier(6, timeout=PATIENCE)

    def race(number: int) -> str:
        mine = [*names, f"mine {number}"]
        batch = streams(mine if number % 2 else mine[::-1])
        # In transactions of callers, who are told of a deadlock; a load of its own would try again in silence.
        with store.connection() as connection:
            barrier.wait()
            try:
                with connection.transaction():
                    store.load(batch, connection=connection)
            except VersionConflictError:
                return "conflict"
        return "loaded"

    with ThreadPoolExecutor(6) as threads:
        assert Counter(threads.map(race, range(6))) == {"loaded": 1, "conflict": 5}
    stored = store.query(EventQueryFilter())
    assert len(stored) == 610
    assert {name: [each.version for each in stored if each.aggregate_id == name] for name in names} == {
        name: list(range(1, 11)) for name in names
    }


def test_single_appends_and_loads_to_the_same_streams_lose_nothing(store: PostgresEventStore) -> None:
    """Single appends take no locks, so they get in between the check of a load and its COPY."""
    names = [f"hand {number}" for number in range(40)]
    acknowledged: list[DomainEvent] = []
    done = threading.Event()

    def append() -> None:
        number = 0
        while not done.is_set():
            number += 1
            new = event(names[number % 40], store.get_latest_version(names[number % 40]) + 1)
            try:
                store.append(new)
            except VersionConflictError:
                continue
            acknowledged.append(new)

    def load() -> None:
        loaded = 0
        while loaded < 3:
            heads = {name: store.get_latest_version(name) for name in names}
            batch = [event(name, head + step) for name, head in heads.items() for step in range(1, 11)]
            try:
                store.load(batch)
            except VersionConflictError:
                done.wait(0.01)
                if len(acknowledged) > 2_000:
                    done.set()  # enough of conflicts: let the loads get through
                continue
            acknowledged.extend(batch)
            loaded += 1
        done.set()

    with ThreadPoolExecutor(3) as threads:
        for each in [threads.submit(append), threads.submit(load), threads.submit(load)]:
            each.result(timeout=PATIENCE)
    stored = store.query(EventQueryFilter())
    assert Counter(each.id for each in stored) == Counter(each.id for each in acknowledged)
    for name in names:
        mine = [each.version for each in stored if each.aggregate_id == name]
        assert mine == list(range(1, len(mine) + 1))
