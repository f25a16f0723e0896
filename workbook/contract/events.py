"""Promises of `DomainEvent` and `EventMetadata`: what may be a fact, and that a fact does not change."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

from workbook.contract.promises import event, promise
from workbook.expect import NotKept, expect, expect_error


@promise(day=1)
def an_event_cannot_be_changed(names: Any, new_store: Callable[[], Any]) -> None:
    fact = event(names)

    def rewrite_history() -> None:
        fact.version = 2

    expect_error(FrozenInstanceError, rewrite_history, "event.version = 2")
    expect(fact.version, 1, "event.version")


@promise(day=1)
def the_surroundings_of_an_event_cannot_be_changed(names: Any, new_store: Callable[[], Any]) -> None:
    metadata = names.EventMetadata(user_id="dealer")

    def blame_another() -> None:
        metadata.user_id = "seat-1"

    expect_error(FrozenInstanceError, blame_another, "metadata.user_id = 'seat-1'")
    other = replace(metadata, user_id="seat-1")
    expect((metadata.user_id, other.user_id), ("dealer", "seat-1"), "replace(metadata, user_id='seat-1')")
    expect_error(TypeError, lambda: names.EventMetadata(None, None, "dealer"), "EventMetadata without names")


@promise(day=1)
def an_event_can_be_the_model_of_another(names: Any, new_store: Callable[[], Any]) -> None:
    fact = event(names)
    other = replace(fact, version=2)
    expect((other.version, other.event_data, other.id), (2, fact.event_data, fact.id), "replace(event, version=2)")
    expect(fact.version, 1, "event.version")


@promise(day=1)
def an_event_is_made_with_named_fields_only(names: Any, new_store: Callable[[], Any]) -> None:
    expect_error(TypeError, lambda: names.DomainEvent("game.created", "hand-1", 1, {}), "DomainEvent without names")


@promise(day=1)
def an_event_keeps_its_own_copy_of_the_data(names: Any, new_store: Callable[[], Any]) -> None:
    seats = [1, 2]
    fact = event(names, event_data={"seats": seats})
    seats.append(3)
    expect(fact.event_data, {"seats": [1, 2]}, "event_data, after the list outside has changed")


@promise(day=1)
def each_event_has_an_id_of_its_own(names: Any, new_store: Callable[[], Any]) -> None:
    def fact() -> Any:
        return names.DomainEvent(event_type="game.created", aggregate_id="hand-1", version=1, event_data={})

    expect(len({fact().id for _ in range(100)}), 100, "the number of ids of 100 events")


@promise(day=1)
def an_event_knows_when_it_happened_in_utc(names: Any, new_store: Callable[[], Any]) -> None:
    before = datetime.now(UTC)
    happened = event(names).event_timestamp
    expect(happened.utcoffset(), timedelta(0), "event_timestamp.utcoffset()")
    expect(before <= happened <= datetime.now(UTC), True, "event_timestamp is the present moment")


@promise(day=1)
def an_event_needs_a_type_and_an_aggregate(names: Any, new_store: Callable[[], Any]) -> None:
    for name in ("event_type", "aggregate_id"):
        for wrong in ("", None, 7):
            _expect_refused(names, name, wrong)


@promise(day=1)
def versions_are_whole_numbers_from_one_on(names: Any, new_store: Callable[[], Any]) -> None:
    for wrong in (0, -1, 1.0, "1", None, True):
        _expect_refused(names, "version", wrong)


@promise(day=1)
def event_data_is_a_json_object(names: Any, new_store: Callable[[], Any]) -> None:
    for wrong in (
        [1, 2],
        "text",
        7,
        None,
        {"at": datetime(2025, 3, 1, 20, tzinfo=UTC)},
        {"seats": {1, 2}},
        {"pot": math.inf},
    ):
        _expect_refused(names, "event_data", wrong)


@promise(day=1)
def an_event_needs_a_time_zone(names: Any, new_store: Callable[[], Any]) -> None:
    _expect_refused(names, "event_timestamp", datetime(2025, 3, 1, 20, 0))
    _expect_refused(names, "event_timestamp", "2025-03-01T20:00:00Z")


@promise(day=None)
def the_timestamp_is_kept_in_utc(names: Any, new_store: Callable[[], Any]) -> None:
    there = datetime(2025, 3, 1, 20, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    fact = event(names, event_timestamp=there)
    expect(fact.event_timestamp == there, True, "the same moment")
    expect(fact.event_timestamp.utcoffset(), timedelta(0), "event_timestamp.utcoffset()")


@promise(day=None)
def later_events_have_larger_ids(names: Any, new_store: Callable[[], Any]) -> None:
    def fact() -> Any:
        return names.DomainEvent(event_type="game.created", aggregate_id="hand-1", version=1, event_data={})

    first = fact()
    # Ids grow with the clock, whose ticks are finer than this on every system.
    while datetime.now(UTC) - first.event_timestamp < timedelta(milliseconds=2):
        pass
    expect(first.id.int < fact().id.int, True, "the later id is larger")


@promise(day=None)
def versions_fit_the_column(names: Any, new_store: Callable[[], Any]) -> None:
    expect(event(names, 2**31 - 1).version, 2**31 - 1, "the largest version")
    for name in ("version", "schema_version"):
        for wrong in (0, 2**31, 1.5, True):
            _expect_refused(names, name, wrong)


@promise(day=None)
def texts_fit_their_columns(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    longest = "ü" * 127 + "x"
    metadata = names.EventMetadata(user_id=longest)
    stored = store.append(event(names, aggregate_id=longest, event_type=longest, metadata=metadata))
    expect(stored.aggregate_id == longest, True, "255 bytes are accepted")
    for wrong in ("x" * 256, "ü" * 128, "a\0b", "\ud800"):
        for name in ("event_type", "aggregate_id"):
            _expect_refused(names, name, wrong)
        expect_error(
            names.InvalidEventError,
            partial(names.EventMetadata, user_id=wrong),
            "EventMetadata(user_id=...)",
            field="metadata.user_id",
        )


@promise(day=None)
def times_stay_within_what_every_zone_can_show(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    edges = [datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=UTC)]
    store.append_many([event(names, place, event_timestamp=edge) for place, edge in enumerate(edges, start=1)])
    read = [one.event_timestamp for one in store.get_by_aggregate("hand-1")]
    expect(read == edges, True, "the first and the last day are read back")
    for wrong in (
        edges[0] - timedelta(microseconds=1),
        edges[1] + timedelta(microseconds=1),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
    ):
        _expect_refused(names, "event_timestamp", wrong)


@promise(day=None)
def ids_are_uuids(names: Any, new_store: Callable[[], Any]) -> None:
    text = str(event(names).id)
    _expect_refused(names, "id", text)
    _expect_refused(names, "metadata", {"user_id": "dealer"})
    for name in ("causation_id", "correlation_id"):
        expect_error(
            names.InvalidEventError,
            partial(names.EventMetadata, **{name: text}),
            f"EventMetadata({name}=text)",
            field=f"metadata.{name}",
        )


def _expect_refused(names: Any, field: str, wrong: Any) -> None:
    """Expect that no event can be made with this value, and that the error names the field."""
    fields = {"event_type": "game.created", "aggregate_id": "hand-1", "version": 1, "event_data": {}} | {field: wrong}
    what = f"DomainEvent({field}={_short(wrong)})"
    try:
        names.DomainEvent(**fields)
    except names.InvalidEventError as error:
        named = str(getattr(error, "field", "no field"))
        # The reference also names the place inside the payload: event_data.seats[2].
        if not named.startswith(field):
            raise NotKept(f"got an error about {named} from {what}, expected one about {field}") from None
        return
    raise NotKept(f"got an event from {what}, expected InvalidEventError")


def _short(value: object) -> str:
    text = ascii(value)
    return text if len(text) < 50 else f"{text[:40]}..."
