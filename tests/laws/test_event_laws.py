"""What both stores do alike with the oddest of callers, and what a replay is."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Any

import pandas as pd
import pytest

import eventstore
from eventstore import DomainEvent, EventQueryFilter, replay
from eventstore.events import new_event_id


def event(version: int = 1, **fields: Any) -> DomainEvent:
    given = {"event_type": "moved", "aggregate_id": "hand", "event_data": {"by": version}} | fields
    return DomainEvent(version=version, **given)


@pytest.mark.parametrize("later", [2, float("nan"), {1, 2}])
def test_an_event_is_stored_as_it_was_made_whatever_its_payload_became(
    any_store: eventstore.EventStore, later: Any
) -> None:
    sent = event()
    sent.event_data["by"] = later
    stored = any_store.append(sent)
    assert stored.event_data == {"by": 1}
    assert any_store.get_by_aggregate("hand") == [stored]
    assert any_store.append(sent) == stored


@pytest.mark.parametrize("later", [2, float("nan"), {1, 2}])
def test_a_filter_asks_what_it_asked_when_it_was_made(any_store: eventstore.EventStore, later: Any) -> None:
    stored = any_store.append(event())
    filter = EventQueryFilter(data_contains={"by": 1})
    assert filter.data_contains is not None
    filter.data_contains["by"] = later
    assert any_store.query(filter) == [stored]


class Kind(StrEnum):
    MOVED = "moved"


def test_fields_are_plain_values_before_and_after(any_store: eventstore.EventStore) -> None:
    moment = pd.Timestamp("2030-01-01T00:00:00.000000123Z")
    sent = event(event_type=Kind.MOVED, aggregate_id=Kind.MOVED, event_timestamp=moment)
    stored = any_store.append(sent)
    for each in (sent, stored, *any_store.get_by_aggregate("moved")):
        assert [type(each.event_type), type(each.aggregate_id)] == [str, str]
        assert type(each.event_timestamp).__name__ == "datetime"
        assert each.event_timestamp == sent.event_timestamp


def test_ids_made_within_one_millisecond_keep_their_order() -> None:
    ids = [new_event_id().int for _ in range(2_000)]
    moments = [number >> 64 for number in ids]
    assert moments == sorted(moments)
    if time.get_clock_info("time").resolution < 1e-5:  # some clocks stand still for milliseconds
        assert len(set(moments)) > 10 * len({number >> 80 for number in ids}), "more moments than milliseconds"


def test_a_replay_is_a_fold(any_store: eventstore.EventStore) -> None:
    any_store.append_many(event(version) for version in (1, 2, 3))

    def total(so_far: tuple[int, ...], event: DomainEvent) -> tuple[int, ...]:
        return (*so_far, event.event_data["by"])

    nothing: tuple[int, ...] = ()
    assert replay(any_store.get_by_aggregate("hand"), total, nothing) == (1, 2, 3)
    assert replay([], total, nothing) is nothing


def test_either_store_is_put_to_use_in_the_same_way(any_store: eventstore.EventStore) -> None:
    assert isinstance(any_store, eventstore.InMemoryEventStore | eventstore.PostgresEventStore)
    with any_store as entered:
        assert entered is any_store
        stored = any_store.append(event())
        assert any_store.get_by_aggregate("hand") == [stored]
    any_store.close()  # a second time, which does no harm
    with pytest.raises(ZeroDivisionError), eventstore.InMemoryEventStore() as other:
        other.append(event(version=1 // 0))
