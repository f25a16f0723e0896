"""A process forks while its store is open, as servers of web applications and `multiprocessing` do."""

from __future__ import annotations

import multiprocessing

import pytest
from waiting import PATIENCE

import eventstore

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


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork")
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
