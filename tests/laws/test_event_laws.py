"""What both stores do alike with the oddest of callers, and what a replay is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import pandas as pd
import pytest

import eventstore
from eventstore import DomainEvent, InvalidEventError, replay
from eventstore.events import new_event_id


@pytest.fixture(params=["memory", "postgres"])
def any_store(request: pytest.FixtureRequest, schema: str) -> Iterator[eventstore.EventStore]:
    if request.param == "memory":
        yield eventstore.InMemoryEventStore()
        return
    with eventstore.connect(os.environ["EVENTSTORE_URL"], schema=schema) as store:
        yield store


def event(version: int = 1, **fields: Any) -> DomainEvent:
    given = {"event_type": "moved", "aggregate_id": "hand", "version": version, "event_data": {"by": version}} | fields
    return DomainEvent(**given)


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


@pytest.mark.parametrize("fields", [{"event_timestamp": pd.NaT}, {"event_data": {10**5000: 1}}])
def test_odd_values_are_refused_by_name(fields: dict[str, Any]) -> None:
    [name] = fields
    with pytest.raises(InvalidEventError, match=name):
        event(**fields)


@pytest.mark.parametrize("bounds", [("1", None), (None, None), (True, None), (1, "2"), (1, float("nan")), (1.0, 2)])
def test_bounds_that_are_no_whole_numbers_are_refused(
    any_store: eventstore.EventStore, bounds: tuple[Any, Any]
) -> None:
    any_store.append(event())
    with pytest.raises(InvalidEventError, match="_version"):
        any_store.get_by_aggregate("hand", *bounds)


def test_ids_made_within_one_millisecond_keep_their_order() -> None:
    ids = [new_event_id().int for _ in range(2_000)]
    moments = [number >> 64 for number in ids]
    assert moments == sorted(moments)
    assert len(set(moments)) > 10 * len({number >> 80 for number in ids}), "more moments than milliseconds"


def test_a_replay_is_a_fold(any_store: eventstore.EventStore) -> None:
    any_store.append_many(event(version) for version in (1, 2, 3))

    def total(so_far: tuple[int, ...], event: DomainEvent) -> tuple[int, ...]:
        return (*so_far, event.event_data["by"])

    assert replay(any_store.get_by_aggregate("hand"), total, ()) == (1, 2, 3)
    assert replay([], total, (7,)) == (7,)
