"""Promises about writers that do not know: a lost answer, the same event twice, eight threads at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid5

from workbook.contract.promises import SPACE, WRITERS, at_once, event, expect_stream, promise
from workbook.expect import expect, expect_error


@promise(day=3)
def the_same_append_again_gives_the_stored_event(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    stored = store.append(event(names))
    again = store.append(event(names))
    expect(again.sequence_number, stored.sequence_number, "the sequence number of the second answer")
    expect_stream(store, [1])


@promise(day=3)
def the_first_timestamp_stays(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    first = event(names)
    store.append(first)
    again = store.append(replace(first, event_timestamp=first.event_timestamp + timedelta(hours=1)))
    expect(again.event_timestamp == first.event_timestamp, True, "the timestamp is that of the first append")


@promise(day=3)
def a_late_repeat_is_no_conflict(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append_many([event(names, 1), event(names, 2), event(names, 3)])
    expect(store.append(event(names, 1)).version, 1, "append of a stored event, after others")
    expect_stream(store, [1, 2, 3])


@promise(day=3)
def an_id_with_other_content_is_refused(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    first = store.append(event(names))
    for name, value in [
        ("event_type", "game.created"),
        ("event_data", {"amount": 11}),
        ("event_data", {"amount": True}),
        ("metadata", names.EventMetadata(user_id="someone else")),
        ("schema_version", 2),
        ("version", 2),
        ("aggregate_id", "hand-2"),
    ]:
        other = event(names, **({"id": first.id} | {name: value}))
        expect_error(names.DuplicateEventError, partial(store.append, other), f"append with another {name}")
    expect_stream(store, [1])
    expect_stream(store, [], "hand-2")


@promise(day=3)
def one_and_one_point_zero_are_the_same_content(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append(event(names, event_data={"amount": 1, "seats": [1, {"b": 2, "a": 0}]}))
    again = store.append(event(names, event_data={"seats": [1.0, {"a": 0.0, "b": 2}], "amount": 1.0}))
    expect(again.version, 1, "append with 1.0 for 1")


@promise(day=None)
def true_and_one_are_different_content(names: Any, new_store: Callable[[], Any]) -> None:
    for stored, sent in [(1, True), (0, False), (True, 1.0), ([1], [True]), ({"a": 0}, {"a": False})]:
        store = new_store()
        store.append(event(names, event_data={"value": stored}))
        other = event(names, event_data={"value": sent})
        expect_error(names.DuplicateEventError, partial(store.append, other))


@promise(day=3)
def the_same_batch_again_gives_the_stored_events(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    batch = [event(names, 1), event(names, 1, "hand-2"), event(names, 2)]
    stored = [one.sequence_number for one in store.append_many(batch)]
    store.append(event(names, 3))
    again = [one.sequence_number for one in store.append_many(batch)]
    expect(again == stored, True, "the second answer has the sequence numbers of the first")
    expect_stream(store, [1, 2, 3])


@promise(day=3)
def a_batch_that_is_stored_in_part_is_refused(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append(event(names, 1))
    batch = [event(names, 1), event(names, 2)]
    expect_error(names.DuplicateEventError, lambda: store.append_many(batch), "append_many, half of it stored")
    expect_stream(store, [1])


@promise(day=3)
def a_stored_batch_in_another_order_is_refused(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    one, other = event(names, 1), event(names, 1, "hand-2")
    store.append_many([one, other])
    expect_error(names.DuplicateEventError, lambda: store.append_many([other, one]), "append_many, turned round")


@promise(day=None)
def a_stored_batch_of_one_stream_in_another_order_is_refused(names: Any, new_store: Callable[[], Any]) -> None:
    """The ids count for more than the versions, which would be in conflict as well."""
    store = new_store()
    one, other = event(names, 1), event(names, 2)
    store.append_many([one, other])
    expect_error(names.DuplicateEventError, lambda: store.append_many([other, one]), "append_many, turned round")
    expect_stream(store, [1, 2])


@promise(day=3)
def one_id_twice_in_a_batch_is_refused(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    same = uuid5(SPACE, "the same")
    batch = [event(names, 1, id=same), event(names, 1, "hand-2", id=same)]
    expect_error(names.DuplicateEventError, lambda: store.append_many(batch), "append_many", event_id=same)
    expect_error(names.DuplicateEventError, lambda: store.append_many([event(names), event(names)]), "append_many")
    expect_stream(store, [])
    expect_stream(store, [], "hand-2")


@promise(day=3)
def of_eight_writers_of_one_version_one_wins(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append(event(names, 1))

    def write(writer: int) -> str:
        try:
            store.append(event(names, 2, id=uuid5(SPACE, f"writer {writer}")))
        except names.VersionConflictError as conflict:
            return f"conflict: {conflict.attempted_version} after {conflict.latest_version}"
        return "stored"

    got = Counter(at_once(write))
    expect(dict(got), {"stored": 1, f"conflict: 2 after {2}": WRITERS - 1}, "eight appends of version 2")
    expect_stream(store, [1, 2])


@promise(day=3)
def eight_writers_that_try_again_lose_nothing(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    each = 10

    def write(writer: int) -> str:
        for turn in range(each):
            while True:
                version = store.get_latest_version("hand-1") + 1
                try:
                    store.append(event(names, version, id=uuid5(SPACE, f"writer {writer}, turn {turn}")))
                    break
                except names.VersionConflictError:
                    continue
        return "done"

    expect(at_once(write), ["done"] * WRITERS, "eight writers of ten events")
    expect_stream(store, range(1, WRITERS * each + 1))


@promise(day=None)
def eight_senders_of_the_same_event_all_get_it(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    got = at_once(lambda _: str(store.append(event(names)).sequence_number))
    expect(len(set(got)), 1, "the number of different answers")
    expect_stream(store, [1])


@promise(day=None)
def batches_over_the_same_streams_in_opposite_order_all_end(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()

    def write(writer: int) -> str:
        streams = ["hand-1", "hand-2"] if writer % 2 else ["hand-2", "hand-1"]
        while True:
            ids = [uuid5(SPACE, f"{stream}, writer {writer}") for stream in streams]
            batch = [
                event(names, store.get_latest_version(stream) + 1, stream, id=id)
                for stream, id in zip(streams, ids, strict=True)
            ]
            try:
                store.append_many(batch)
                return "done"
            except names.VersionConflictError:
                continue

    expect(at_once(write), ["done"] * WRITERS, "eight batches")
    expect_stream(store, range(1, WRITERS + 1))
    expect_stream(store, range(1, WRITERS + 1), "hand-2")
