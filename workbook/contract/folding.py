"""Promises of `replay` and `Repository`: what the facts add up to, now and at any version of the past."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from workbook.contract.promises import event, promise
from workbook.expect import expect, expect_error

EMPTY = {"chips": 0, "versions": []}


def _bet(state: dict[str, Any], fact: Any) -> dict[str, Any]:
    """A state that shows which events went into it, and in which order."""
    return {"chips": state["chips"] + fact.event_data["amount"], "versions": [*state["versions"], fact.version]}


def _after(version: int) -> dict[str, Any]:
    """The state after so many events of `event(names, version)`."""
    versions = list(range(1, version + 1))
    return {"chips": sum(10 * each for each in versions), "versions": versions}


@promise(day=5)
def replay_lets_each_event_change_the_state(names: Any, new_store: Callable[[], Any]) -> None:
    events = [event(names, version) for version in (1, 2, 3)]
    expect(names.replay(events, _bet, EMPTY), _after(3), "replay(events, apply, initial)")


@promise(day=5)
def replay_keeps_the_order_of_the_events(names: Any, new_store: Callable[[], Any]) -> None:
    events = [event(names, version) for version in (3, 1, 2)]
    state = names.replay(events, lambda state, fact: f"{state} {fact.version}", "start")
    expect(state, "start 3 1 2", "replay of versions 3, 1, 2")


@promise(day=5)
def replay_of_nothing_is_the_initial_state(names: Any, new_store: Callable[[], Any]) -> None:
    expect(names.replay([], _bet, EMPTY), _after(0), "replay([], apply, initial)")


@promise(day=5)
def replay_takes_any_iterable(names: Any, new_store: Callable[[], Any]) -> None:
    def facts() -> Iterator[Any]:
        yield event(names, 1)
        yield event(names, 2)

    expect(names.replay(facts(), _bet, EMPTY), _after(2), "replay of a generator")


@promise(day=5)
def replay_twice_gives_the_same(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append_many([event(names, version) for version in (1, 2, 3)])
    for turn in ("first", "second"):
        expect(names.replay(store.get_by_aggregate("hand-1"), _bet, EMPTY), _after(3), f"the {turn} replay")
    expect(EMPTY, {"chips": 0, "versions": []}, "the initial state, afterwards")


@promise(day=5)
def an_error_of_apply_reaches_the_caller(names: Any, new_store: Callable[[], Any]) -> None:
    def refuse(state: Any, fact: Any) -> Any:
        raise ZeroDivisionError

    expect_error(ZeroDivisionError, lambda: names.replay([event(names)], refuse, EMPTY), "replay with a broken apply")


@promise(day=6)
def a_repository_loads_the_state_of_now(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    repository = names.Repository(store, _bet, EMPTY)
    expect(repository.load("hand-1"), _after(0), "load of an unknown aggregate")
    store.append_many([event(names, 1), event(names, 2), event(names, 1, "hand-2")])
    expect(repository.load("hand-1"), _after(2), "load('hand-1')")
    store.append(event(names, 3))
    expect(repository.load("hand-1"), _after(3), "load('hand-1'), one event later")


@promise(day=6)
def a_repository_loads_the_state_at_a_version(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append_many([event(names, version) for version in (1, 2, 3)])
    repository = names.Repository(store, _bet, EMPTY)
    for version in (0, 1, 2, 3):
        expect(repository.load_at("hand-1", version), _after(version), f"load_at('hand-1', {version})")
    expect(repository.load_at("hand-1", 99), _after(3), "load_at beyond the newest event")
    expect(repository.load_at("hand-2", 5), _after(0), "load_at of an unknown aggregate")


@promise(day=6)
def snapshots_change_no_state(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append_many([event(names, version) for version in range(1, 8)])
    for saved in (5, 2, 7):
        store.save_snapshot(names.EventSnapshot(aggregate_id="hand-1", version=saved, state=_after(saved)))
        repository = names.Repository(store, _bet, EMPTY)
        expect(repository.load("hand-1"), _after(7), f"load, with a snapshot at {saved}")
        for version in range(8):
            got = repository.load_at("hand-1", version)
            expect(got, _after(version), f"load_at('hand-1', {version}), with a snapshot at {saved}")


@promise(day=6)
def a_snapshot_saves_the_events_before_it(names: Any, new_store: Callable[[], Any]) -> None:
    store, applied = new_store(), []

    def noting(state: dict[str, Any], fact: Any) -> dict[str, Any]:
        applied.append(fact.version)
        return _bet(state, fact)

    store.append_many([event(names, version) for version in range(1, 8)])
    for saved in (2, 5):
        store.save_snapshot(names.EventSnapshot(aggregate_id="hand-1", version=saved, state=_after(saved)))
    repository = names.Repository(store, noting, EMPTY)
    for what, load, versions in [
        ("load", lambda: repository.load("hand-1"), [6, 7]),
        ("load_at version 6", lambda: repository.load_at("hand-1", 6), [6]),
        ("load_at version 5", lambda: repository.load_at("hand-1", 5), []),
        ("load_at version 4", lambda: repository.load_at("hand-1", 4), [3, 4]),
        ("load_at version 1", lambda: repository.load_at("hand-1", 1), [1]),
    ]:
        applied.clear()
        load()
        expect(applied, versions, f"the versions that {what} applies, with snapshots at 2 and 5")


@promise(day=6)
def a_snapshot_of_another_schema_version_is_ignored(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append_many([event(names, version) for version in (1, 2, 3)])
    for old in (1, 3):
        store.save_snapshot(
            names.EventSnapshot(aggregate_id="hand-1", version=2, state={"of another shape": True}, schema_version=old)
        )
        repository = names.Repository(store, _bet, EMPTY, schema_version=2)
        expect(repository.load("hand-1"), _after(3), f"load for schema version 2, past a snapshot of {old}")
        expect(repository.load_at("hand-1", 2), _after(2), f"load_at for schema version 2, past a snapshot of {old}")


@promise(day=None)
def a_repository_saves_a_snapshot_when_loading_took_long(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    repository = names.Repository(store, _bet, EMPTY, schema_version=4, snapshot_after=3)
    store.append_many([event(names, 1), event(names, 2)])
    repository.load("hand-1")
    expect(store.get_latest_snapshot("hand-1"), None, "the snapshot after replaying two events")
    store.append(event(names, 3))
    expect(repository.load("hand-1"), _after(3), "load('hand-1')")
    saved = store.get_latest_snapshot("hand-1")
    expect((saved.version, saved.state, saved.schema_version), (3, _after(3), 4), "the snapshot after three")
    store.append_many([event(names, 4), event(names, 5)])
    expect(repository.load("hand-1"), _after(5), "load('hand-1'), two events later")
    expect(store.get_latest_snapshot("hand-1").version, 3, "the version of the snapshot, two events later")
    repository.load_at("hand-1", 5)
    expect(store.get_snapshot_at_version("hand-1", 5).version, 3, "the version of the snapshot after load_at")


@promise(day=None)
def a_repository_saves_no_snapshot_unasked(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append_many([event(names, version) for version in range(1, 201)])
    names.Repository(store, _bet, EMPTY).load("hand-1")
    expect(store.get_latest_snapshot("hand-1"), None, "the snapshot of a repository without snapshot_after")


@promise(day=None)
def a_state_that_json_cannot_hold_is_turned_into_one_that_it_can(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()

    def seen(state: frozenset[int], fact: Any) -> frozenset[int]:
        return state | {fact.version}

    repository = names.Repository(store, seen, frozenset(), snapshot_after=2, dump=sorted, restore=frozenset)
    store.append_many([event(names, version) for version in (1, 2, 3)])
    repository.load("hand-1")
    expect(store.get_latest_snapshot("hand-1").state, [1, 2, 3], "the state as it was saved")
    store.append(event(names, 4))
    expect(repository.load("hand-1") == frozenset({1, 2, 3, 4}), True, "the state is a frozenset of 1 to 4 again")


def _clocks(names: Any, store: Any) -> Any:
    """Four events; the clock of whoever wrote the third one is an hour slow."""
    eight = datetime(2025, 3, 1, 20, 0, tzinfo=UTC)
    for version, minutes in [(1, 0), (2, 1), (3, -58), (4, 3)]:
        store.append(event(names, version, event_timestamp=eight + timedelta(minutes=minutes)))
        store.append(event(names, version, "hand-2"))
    return eight


@promise(day=None)
def a_repository_loads_the_state_at_a_place_in_the_log(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    _clocks(names, store)
    repository = names.Repository(store, _bet, EMPTY)
    for version, one in enumerate(store.get_by_aggregate("hand-1"), start=1):
        number = one.sequence_number
        expect(repository.load_at("hand-1", sequence_number=number), _after(version), f"load_at event {version}")
        got = repository.load_at("hand-1", sequence_number=number - 1)
        expect(got, _after(version - 1), f"load_at just before event {version}")
    expect(repository.load_at("hand-1", sequence_number=10**12), _after(4), "load_at beyond the log")


@promise(day=None)
def a_repository_loads_what_the_store_knew_at_a_moment(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    _clocks(names, store)
    repository = names.Repository(store, _bet, EMPTY)
    stored = store.get_by_aggregate("hand-1")
    for moment in [one.recorded_at + timedelta(microseconds=shift) for one in stored for shift in (-1, 0, 1)]:
        known = sum(one.recorded_at <= moment for one in stored)
        expect(repository.load_at("hand-1", recorded_at=moment), _after(known), f"load_at, {known} events recorded")


@promise(day=None)
def a_repository_loads_what_had_happened_at_a_moment(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    eight = _clocks(names, store)
    repository = names.Repository(store, _bet, EMPTY)
    # The state is always that of a prefix of the stream, even where a clock was wrong.
    for minutes, version in [(-59, 0), (-58, 0), (0, 1), (0.5, 1), (1, 3), (2.9, 3), (3, 4), (60, 4)]:
        moment = eight + timedelta(minutes=minutes)
        got = repository.load_at("hand-1", event_timestamp=moment)
        expect(got, _after(version), f"load_at {minutes} minutes after eight")


@promise(day=None)
def load_at_wants_exactly_one_point(names: Any, new_store: Callable[[], Any]) -> None:
    repository = names.Repository(new_store(), _bet, EMPTY)
    now = datetime.now(UTC)
    for points in ({}, {"version": 1, "sequence_number": 1}, {"recorded_at": now, "event_timestamp": now}):
        expect_error(
            names.InvalidEventError, partial(repository.load_at, "hand-1", **points), f"load_at of {len(points)}"
        )


@promise(day=None)
def load_and_load_at_refuse_what_cannot_be(names: Any, new_store: Callable[[], Any]) -> None:
    repository = names.Repository(new_store(), _bet, EMPTY)
    for wrong in ("", None, 7):
        expect_error(names.InvalidEventError, partial(repository.load, wrong), "load", field="aggregate_id")
        expect_error(names.InvalidEventError, partial(repository.load_at, wrong, 1), "load_at", field="aggregate_id")
    refused: dict[str, Any] = {
        "version": (-1, 1.0, "1", True),
        "sequence_number": (-1, 1.0, "1", True),
        "recorded_at": (datetime(2025, 3, 1), "2025-03-01", 7),
        "event_timestamp": (datetime(2025, 3, 1), "2025-03-01", 7),
    }
    for point, values in refused.items():
        for wrong in values:
            load_at = partial(repository.load_at, "hand-1", **{point: wrong})
            expect_error(names.InvalidEventError, load_at, f"load_at({point}={wrong!r})", field=point)
