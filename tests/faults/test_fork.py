"""A process forks while its store is open, as servers of web applications and `multiprocessing` do."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import deque
from functools import partial
from pathlib import Path

import psycopg
import pytest
from waiting import PATIENCE, begin, wait_until

import eventstore
from eventstore import connections
from eventstore.embedded import host

CHILDREN = 3
EVENTS = 40


def event(stream: str, version: int) -> eventstore.DomainEvent:
    return eventstore.DomainEvent(
        event_type="moved", aggregate_id=stream, version=version, event_data={"to": [stream, version]}
    )


def use(store: eventstore.PostgresEventStore, stream: str) -> None:
    """Append and read; each answer has to be that to our own question."""
    mine = []
    for version in range(1, EVENTS + 1):
        sent = event(stream, version)
        mine.append(store.append(sent))
        assert mine[-1].id == sent.id
        assert store.get_by_aggregate(stream) == mine


needs_fork = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork")


SESSIONS = "SELECT pid, wait_event_type = 'Lock' FROM pg_stat_activity WHERE application_name = %s"


def sessions(of: str, waiting: bool = False) -> set[int]:
    with psycopg.connect(os.environ["EVENTSTORE_URL"], autocommit=True) as watcher:
        return {pid for pid, waits in watcher.execute(SESSIONS, (of,)) if waits or not waiting}


@needs_fork
def test_parent_and_children_use_one_store(store: eventstore.PostgresEventStore) -> None:
    before = store.append(event("before", 1))  # from now on the store keeps a connection
    streams = [f"child {number}" for number in range(CHILDREN)]
    children = [multiprocessing.get_context("fork").Process(target=use, args=(store, stream)) for stream in streams]
    for child in children:
        child.start()
    for child in children:
        child.join(PATIENCE)
        child.kill()  # in case it waits for an answer that a sibling has taken
        child.join()
    assert [child.exitcode for child in children] == [0] * CHILDREN

    use(store, "parent")
    assert store.get_by_aggregate("before") == [before]
    log = list(store.query(eventstore.EventQueryFilter()))
    assert len(log) == 1 + EVENTS * (CHILDREN + 1)
    assert len({stored.sequence_number for stored in log}) == len(log)


@needs_fork
def test_a_child_that_closes_the_store_leaves_the_connections_to_its_parent(
    store: eventstore.PostgresEventStore, schema: str
) -> None:
    store.append(event("parent", 1))
    before = sessions(schema)
    child = multiprocessing.get_context("fork").Process(target=store.close)
    child.start()
    child.join(PATIENCE)
    assert child.exitcode == 0
    store.append(event("parent", 2))
    assert sessions(schema) == before


def append_in_two_threads(store: eventstore.PostgresEventStore) -> None:
    for each in [begin(partial(store.append, event(f"thread {number}", 1))) for number in (1, 2)]:
        each.result(timeout=PATIENCE)


@needs_fork
def test_no_thread_of_a_child_gets_a_connection_of_the_parent(
    store: eventstore.PostgresEventStore, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even while another one is about to find out that they are in a child."""
    store.append(event("parent", 1))
    kept = sessions(schema)

    def slow_deque() -> deque[psycopg.Connection]:
        time.sleep(0.3)
        return deque()

    monkeypatch.setattr(connections, "deque", slow_deque)
    child = multiprocessing.get_context("fork").Process(target=append_in_two_threads, args=(store,))
    with store.connection() as holder:
        with holder.transaction():
            holder.execute("LOCK TABLE domain_events IN ACCESS EXCLUSIVE MODE")
            child.start()
            wait_until(lambda: len(sessions(schema, waiting=True)) == 2, "two threads that wait for the lock")
            shared = sessions(schema, waiting=True) & kept
        child.join(PATIENCE)
    child.kill()
    assert not shared
    assert child.exitcode == 0


@needs_fork
def test_a_child_does_not_hold_the_lock_that_its_parent_has_given_back(tmp_path: Path) -> None:
    """The child was made by another thread while the lock was held, and would keep all others waiting till its end."""
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(2 * PATIENCE,))

    def take() -> bool:
        with host.exclusive(tmp_path / "lock"):
            return True

    with host.exclusive(tmp_path / "lock"):
        child.start()
    try:
        assert begin(take).result(timeout=5)
    finally:
        child.kill()
        child.join()
