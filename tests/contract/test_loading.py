"""Loading: a batch by COPY, with the promises of `append_many`. Its retries are in `test_retry_truth_table.py`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
from callers import event, versions

import eventstore
from eventstore import (
    DomainEvent,
    EventBus,
    EventMetadata,
    EventQueryFilter,
    InvalidEventError,
    PostgresEventStore,
    VersionConflictError,
)

STREAMS, LENGTH = 40, 25  # 1,000 events: far above the smallest batch that is loaded


def hands(first: int = 1, length: int = LENGTH) -> list[DomainEvent]:
    """Events of forty hands, which take turns."""
    return [event(version, f"hand {number}") for version in range(first, first + length) for number in range(STREAMS)]


def log(store: PostgresEventStore) -> list[DomainEvent]:
    return store.query(EventQueryFilter())


def as_sent(stored: DomainEvent) -> DomainEvent:
    return replace(stored, sequence_number=None, recorded_at=None)


def test_events_are_stored_in_the_order_of_the_call_as_they_were(store: PostgresEventStore) -> None:
    batch = hands()
    batch[7] = event(
        1,
        "hand 7",
        event_type="tab\tand\nnew line\\N",
        event_data={"text": "\\N \\. \t\n\r \u2028 ü 🂡", "null": None, "pot": 10**30, "share": 0.1},
        metadata=EventMetadata(causation_id=uuid4(), correlation_id=uuid4(), user_id="\\N"),
        event_timestamp=datetime(1, 1, 2, tzinfo=UTC),
        schema_version=3,
    )
    store.load(iter(batch))
    stored = log(store)
    assert [as_sent(each) for each in stored] == batch
    assert all(each.recorded_at for each in stored)
    assert store.high_water_mark() == stored[-1].sequence_number


def test_a_second_load_goes_on_where_the_first_has_ended(store: PostgresEventStore) -> None:
    store.load(hands())
    store.load(hands(LENGTH + 1))
    assert versions(store, "hand 3") == list(range(1, 2 * LENGTH + 1))


@pytest.mark.parametrize("place", [0, 500, 999])
def test_a_conflict_anywhere_refuses_all_of_it_and_names_the_stream(store: PostgresEventStore, place: int) -> None:
    batch = hands()
    taken = batch[place]
    for version in range(1, taken.version + 1):
        store.append(event(version, taken.aggregate_id))
    before = log(store)
    with pytest.raises(VersionConflictError) as caught:
        store.load(batch)
    assert (caught.value.aggregate_id, caught.value.latest_version) == (taken.aggregate_id, taken.version)
    assert log(store) == before


def test_a_hole_within_the_batch_is_refused(store: PostgresEventStore) -> None:
    batch = hands()
    del batch[500]
    with pytest.raises(VersionConflictError):
        store.load(batch)
    assert log(store) == []


def test_a_hole_between_the_log_and_the_batch_is_refused(store: PostgresEventStore) -> None:
    store.load(hands())
    with pytest.raises(VersionConflictError):
        store.load(hands(LENGTH + 2))
    assert len(log(store)) == STREAMS * LENGTH


def test_the_events_are_part_of_a_callers_transaction(store: PostgresEventStore, caller: psycopg.Connection) -> None:
    store.load(hands(), connection=caller)
    assert log(store) == []
    caller.rollback()
    assert log(store) == []
    store.load(hands(), connection=caller)
    with pytest.raises(VersionConflictError):
        store.load([*hands(LENGTH + 1), event(1, "hand 0")], connection=caller)
    store.append(event(1, "after the conflict"), connection=caller)
    caller.commit()
    assert len(log(store)) == STREAMS * LENGTH + 1


def test_a_connection_without_a_transaction_is_refused(store: PostgresEventStore) -> None:
    with store.connection() as connection, pytest.raises(InvalidEventError, match="no open transaction"):
        store.load(hands(), connection=connection)


def test_a_bus_hears_of_each_event(store: PostgresEventStore, schema: str) -> None:
    heard: list[DomainEvent] = []
    bus = EventBus()
    bus.subscribe("*", heard.append)
    with eventstore.connect(schema=schema, bus=bus) as publishing:
        publishing.load(hands())
    assert heard == log(store)
