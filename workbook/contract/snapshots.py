"""Promises of `save_snapshot`, `get_latest_snapshot` and `get_snapshot_at_version`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from functools import partial
from typing import Any

from workbook.contract.promises import event, expect_stream, promise
from workbook.expect import describe, expect, expect_error


def _snapshot(names: Any, version: int, aggregate_id: str = "hand-1", **fields: Any) -> Any:
    return names.EventSnapshot(aggregate_id=aggregate_id, version=version, **({"state": {"chips": version}} | fields))


def _store_of_five(names: Any, new_store: Callable[[], Any]) -> Any:
    store = new_store()
    store.append_many([event(names, version) for version in range(1, 6)])
    return store


@promise(day=6)
def there_is_no_snapshot_at_first(names: Any, new_store: Callable[[], Any]) -> None:
    store = _store_of_five(names, new_store)
    for hand in ("hand-1", "hand-2"):
        expect(store.get_latest_snapshot(hand), None, f"get_latest_snapshot({hand!r})")
        expect(store.get_snapshot_at_version(hand, 5), None, f"get_snapshot_at_version({hand!r}, 5)")


@promise(day=6)
def a_snapshot_is_read_as_it_was_saved(names: Any, new_store: Callable[[], Any]) -> None:
    store = _store_of_five(names, new_store)
    store.save_snapshot(_snapshot(names, 3, state={"pot": 40, "seats": [1, {"chips": 0}]}, schema_version=2))
    for read in (store.get_latest_snapshot("hand-1"), store.get_snapshot_at_version("hand-1", 3)):
        got = (read.aggregate_id, read.version, read.state, read.schema_version)
        expect(got, ("hand-1", 3, {"pot": 40, "seats": [1, {"chips": 0}]}, 2), "the snapshot")


@promise(day=6)
def the_latest_snapshot_is_the_one_of_the_highest_version(names: Any, new_store: Callable[[], Any]) -> None:
    store = _store_of_five(names, new_store)
    for saved, latest in [(2, 2), (5, 5), (3, 5)]:  # a slow worker may save an old state late
        store.save_snapshot(_snapshot(names, saved))
        got = store.get_latest_snapshot("hand-1").version
        expect(got, latest, f"the version of the latest snapshot, after saving that of {saved}")


@promise(day=6)
def at_a_version_means_the_newest_at_or_below_it(names: Any, new_store: Callable[[], Any]) -> None:
    store = _store_of_five(names, new_store)
    for saved in (4, 2):
        store.save_snapshot(_snapshot(names, saved))
    for version, newest in [(1, None), (2, 2), (3, 2), (4, 4), (5, 4), (99, 4)]:
        got = store.get_snapshot_at_version("hand-1", version)
        expect(got and got.state, newest and {"chips": newest}, f"the state by get_snapshot_at_version({version})")


@promise(day=6)
def a_snapshot_of_the_same_version_is_replaced(names: Any, new_store: Callable[[], Any]) -> None:
    store = _store_of_five(names, new_store)
    store.save_snapshot(_snapshot(names, 3))
    store.save_snapshot(_snapshot(names, 3, state={"chips": 0}, schema_version=2))
    got = store.get_latest_snapshot("hand-1")
    expect((got.version, got.state, got.schema_version), (3, {"chips": 0}, 2), "the snapshot after the second save")


@promise(day=6)
def a_snapshot_above_the_head_is_refused(names: Any, new_store: Callable[[], Any]) -> None:
    store = _store_of_five(names, new_store)
    store.append(event(names, 1, "hand-2"))
    for hand, version in [("hand-1", 6), ("hand-2", 2), ("hand-3", 1)]:
        save = partial(store.save_snapshot, _snapshot(names, version, hand))
        expect_error(names.InvalidEventError, save, f"save_snapshot of {hand} at version {version}", field="version")
        expect(store.get_latest_snapshot(hand), None, f"get_latest_snapshot({hand!r}), afterwards")


@promise(day=6)
def each_aggregate_has_snapshots_of_its_own(names: Any, new_store: Callable[[], Any]) -> None:
    store = _store_of_five(names, new_store)
    store.append(event(names, 1, "hand-2"))
    store.save_snapshot(_snapshot(names, 4))
    expect(store.get_latest_snapshot("hand-2"), None, "get_latest_snapshot('hand-2')")
    store.save_snapshot(_snapshot(names, 1, "hand-2"))
    expect(store.get_latest_snapshot("hand-1").version, 4, "the version of the snapshot of hand-1")
    expect(store.get_latest_snapshot("hand-2").version, 1, "the version of the snapshot of hand-2")


@promise(day=6)
def a_snapshot_is_no_event(names: Any, new_store: Callable[[], Any]) -> None:
    store = _store_of_five(names, new_store)
    store.save_snapshot(_snapshot(names, 5))
    expect(store.get_event_count(), 5, "get_event_count()")
    expect(store.append(event(names, 6)).version, 6, "append of version 6, after a snapshot at 5")
    expect_stream(store, range(1, 7))


@promise(day=6)
def a_snapshot_cannot_be_changed(names: Any, new_store: Callable[[], Any]) -> None:
    snapshot = _snapshot(names, 3)

    def rewrite_history() -> None:
        snapshot.version = 4

    expect_error(FrozenInstanceError, rewrite_history, "snapshot.version = 4")
    other = replace(snapshot, version=4)
    expect((snapshot.version, other.version, other.state), (3, 4, snapshot.state), "replace(snapshot, version=4)")
    expect_error(TypeError, lambda: names.EventSnapshot("hand-1", 3, {}), "EventSnapshot without names")


@promise(day=6)
def a_state_that_was_read_belongs_to_the_reader(names: Any, new_store: Callable[[], Any]) -> None:
    store = _store_of_five(names, new_store)
    store.save_snapshot(_snapshot(names, 3, state={"seats": [1, 2]}))
    store.get_latest_snapshot("hand-1").state["seats"].append(3)
    store.get_snapshot_at_version("hand-1", 3).state["seats"].append(4)
    expect(
        store.get_latest_snapshot("hand-1").state, {"seats": [1, 2]}, "the state, after a reader changed its own copy"
    )


@promise(day=None)
def a_snapshot_keeps_its_own_copy_of_the_state(names: Any, new_store: Callable[[], Any]) -> None:
    store = _store_of_five(names, new_store)
    seats = [1, 2]
    snapshot = _snapshot(names, 3, state={"seats": seats})
    seats.append(3)
    expect(snapshot.state, {"seats": [1, 2]}, "the state, after the list outside has changed")
    store.save_snapshot(snapshot)
    snapshot.state["seats"].append(4)
    expect(store.get_latest_snapshot("hand-1").state, {"seats": [1, 2]}, "the state, after the sender changed its copy")


@promise(day=None)
def a_state_is_any_value_that_json_can_hold(names: Any, new_store: Callable[[], Any]) -> None:
    store = _store_of_five(names, new_store)
    for state in ({}, [], [1, [2, {"a": None}]], "text", "", 7, -0.5, True, False, None, 10**400, {"": {"ä €": "🂡"}}):
        store.save_snapshot(_snapshot(names, 3, state=state))
        expect(store.get_latest_snapshot("hand-1").state, state, "the state that was saved")


@promise(day=None)
def a_snapshot_that_no_store_can_keep_is_not_made(names: Any, new_store: Callable[[], Any]) -> None:
    refused: dict[str, Any] = {
        "aggregate_id": ("", None, 7, "x" * 256, "a\0b", "\ud800"),
        "version": (0, -1, 1.0, "1", None, True, 2**31),
        "schema_version": (0, 1.5, "1", None, True, 2**31),
        "state": ({1: 1}, {1, 2}, (1, 2), math.nan, -math.inf, "a\0b", "\ud800", 2.0**53, 10**4_000, "x" * 1_000_000),
    }
    for field, values in refused.items():
        for wrong in values:
            fields = {"aggregate_id": "hand-1", "version": 1, "state": {}} | {field: wrong}
            make = partial(names.EventSnapshot, **fields)
            expect_error(names.InvalidEventError, make, f"EventSnapshot({field}={describe(wrong)})", field=field)


@promise(day=None)
def only_snapshots_are_saved(names: Any, new_store: Callable[[], Any]) -> None:
    store = _store_of_five(names, new_store)
    for wrong in (None, {"chips": 1}, event(names, 1)):
        expect_error(names.InvalidEventError, partial(store.save_snapshot, wrong), "save_snapshot", field="snapshot")


@promise(day=None)
def a_snapshot_is_asked_for_by_aggregate_and_whole_number(names: Any, new_store: Callable[[], Any]) -> None:
    store = _store_of_five(names, new_store)
    store.save_snapshot(_snapshot(names, 3))
    for wrong_id in ("", None, 7, "x" * 256, "a\0b"):
        ask = partial(store.get_latest_snapshot, wrong_id)
        expect_error(names.InvalidEventError, ask, "get_latest_snapshot", field="aggregate_id")
        ask = partial(store.get_snapshot_at_version, wrong_id, 3)
        expect_error(names.InvalidEventError, ask, "get_snapshot_at_version", field="aggregate_id")
    for wrong in (-1, 1.0, "1", True, None):
        ask = partial(store.get_snapshot_at_version, "hand-1", wrong)
        expect_error(names.InvalidEventError, ask, f"get_snapshot_at_version(..., {wrong!r})", field="version")
    expect(store.get_snapshot_at_version("hand-1", 0), None, "get_snapshot_at_version('hand-1', 0)")
    expect(store.get_snapshot_at_version("hand-1", 2**40).version, 3, "the version of the snapshot at or below 2**40")
