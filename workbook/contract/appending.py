"""Promises of `append` and `append_many`: one writer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from workbook.contract.promises import essence, event, expect_stream, promise
from workbook.expect import expect, expect_error


@promise(day=1)
def append_gives_the_event_back(names: Any, new_store: Callable[[], Any]) -> None:
    first = event(names)
    expect(essence(new_store().append(first)), essence(first), "append(event)")


@promise(day=1)
def append_counts_on_from_one(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    for version in (1, 2, 3):
        store.append(event(names, version))
        expect(store.get_latest_version("hand-1"), version, f"get_latest_version after {version} appends")
    expect_stream(store, [1, 2, 3])


@promise(day=1)
def a_version_that_is_taken_is_refused(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append_many([event(names, 1), event(names, 2)])
    late = names.DomainEvent(event_type="game.created", aggregate_id="hand-1", version=2, event_data={})
    refusal = {"aggregate_id": "hand-1", "attempted_version": 2, "latest_version": 2}
    expect_error(names.VersionConflictError, lambda: store.append(late), "append at a taken version", **refusal)
    expect_stream(store, [1, 2])


@promise(day=1)
def a_version_that_leaves_a_hole_is_refused(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    refusal = {"aggregate_id": "hand-1", "attempted_version": 2, "latest_version": 0}
    expect_error(names.VersionConflictError, lambda: store.append(event(names, 2)), "append of version 2", **refusal)
    store.append(event(names, 1))
    refusal = {"aggregate_id": "hand-1", "attempted_version": 3, "latest_version": 1}
    expect_error(names.VersionConflictError, lambda: store.append(event(names, 3)), "append of version 3", **refusal)
    expect_stream(store, [1])


@promise(day=1)
def each_aggregate_counts_for_itself(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append_many([event(names, 1), event(names, 2)])
    store.append(event(names, 1, "hand-2"))
    expect(store.get_latest_version("hand-1"), 2, "get_latest_version of hand-1")
    expect(store.get_latest_version("hand-2"), 1, "get_latest_version of hand-2")


@promise(day=1)
def append_many_of_nothing_does_nothing(names: Any, new_store: Callable[[], Any]) -> None:
    expect(new_store().append_many([]), [], "append_many([])")


@promise(day=1)
def append_many_gives_all_events_back_in_order(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    batch = [event(names, 1, "hand-2"), event(names, 1), event(names, 2, "hand-2"), event(names, 2)]
    got = store.append_many(batch)
    expect([essence(stored) for stored in got], [essence(sent) for sent in batch], "append_many(events)")
    expect_stream(store, [1, 2])
    expect_stream(store, [1, 2], "hand-2")


@promise(day=1)
def append_many_takes_any_iterable(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append_many(event(names, version) for version in (1, 2, 3))
    expect_stream(store, [1, 2, 3])


@promise(day=1)
def append_many_is_all_or_nothing(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append(event(names, 1, "hand-2"))
    batch = [event(names, 1), event(names, 2), event(names, 3, "hand-2")]
    refusal = {"aggregate_id": "hand-2", "attempted_version": 3, "latest_version": 1}
    expect_error(names.VersionConflictError, lambda: store.append_many(batch), "append_many", **refusal)
    expect_stream(store, [])
    expect_stream(store, [1], "hand-2")


@promise(day=1)
def a_hole_inside_a_batch_is_refused(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    batch = [event(names, 1), event(names, 3)]
    refusal = {"aggregate_id": "hand-1", "attempted_version": 3, "latest_version": 1}
    expect_error(names.VersionConflictError, lambda: store.append_many(batch), "append_many of 1 and 3", **refusal)
    expect_stream(store, [])


@promise(day=1)
def a_repeat_inside_a_batch_is_refused(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    again = names.DomainEvent(event_type="game.created", aggregate_id="hand-1", version=1, event_data={})
    refusal = {"aggregate_id": "hand-1", "attempted_version": 1, "latest_version": 1}
    expect_error(
        names.VersionConflictError, lambda: store.append_many([event(names, 1), again]), "append_many", **refusal
    )
    expect_stream(store, [])


@promise(day=1)
def a_refused_append_can_be_put_right(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    expect_error(names.VersionConflictError, lambda: store.append(event(names, 2)))
    store.append(event(names, 1))
    store.append(event(names, 2))
    expect_stream(store, [1, 2])


@promise(day=3)
def the_order_of_the_log_is_the_order_of_the_calls(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    stored = [
        *store.append_many([event(names, 1, "hand-2"), event(names, 1), event(names, 2, "hand-2")]),
        store.append(event(names, 2)),
    ]
    numbers = [one.sequence_number for one in stored]
    expect([type(number).__name__ for number in numbers], ["int"] * 4, "the types of the sequence numbers")
    expect(numbers == sorted(set(numbers)), True, "sequence numbers that ascend")
    read = [one.sequence_number for one in store.get_by_aggregate("hand-2")]
    expect(read, [numbers[0], numbers[2]], "the sequence numbers when read")


@promise(day=3)
def the_store_notes_when_it_wrote(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    stored = store.append(event(names))
    expect(stored.recorded_at.utcoffset(), timedelta(0), "recorded_at.utcoffset()")
    [read] = store.get_by_aggregate("hand-1")
    expect(read.recorded_at == stored.recorded_at, True, "recorded_at read again is the same")


@promise(day=None)
def what_the_caller_writes_into_the_store_s_own_fields_is_ignored(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append(event(names, 1, "hand-2"))
    stored = store.append(event(names, 1, sequence_number=1, recorded_at=event(names).event_timestamp))
    expect(stored.sequence_number != 1, True, "a sequence number given by the store")
    [read] = store.get_by_aggregate("hand-1")
    expect(read.sequence_number == stored.sequence_number, True, "the sequence number read again is the same")


@promise(day=None)
def every_error_is_an_error_of_the_event_store(names: Any, new_store: Callable[[], Any]) -> None:
    for name in (
        "InvalidEventError",
        "VersionConflictError",
        "DuplicateEventError",
        "StoreUnavailableError",
        "SchemaError",
    ):
        expect(issubclass(getattr(names, name), names.EventStoreError), True, f"{name} is an EventStoreError")


@promise(day=None)
def only_events_are_appended(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    for wrong in (None, {"version": 1}, "event"):
        expect_error(names.InvalidEventError, partial(store.append, wrong), "append of something else")
        expect_error(names.InvalidEventError, partial(store.append_many, [event(names), wrong]))
    expect_stream(store, [])


@promise(day=None)
def a_large_batch_is_stored_whole(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append_many([event(names, version) for version in range(1, 2_001)])
    expect(store.get_latest_version("hand-1"), 2_000, "get_latest_version")
    expect_stream(store, range(1, 2_001))
