"""Promises of `high_water_mark`: how far a reader of the log can go without ever missing an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid5

from workbook.contract.promises import SPACE, WRITERS, at_once, event, promise
from workbook.expect import expect, expect_error


@promise(day=9)
def the_mark_of_an_empty_log_is_zero(names: Any, new_store: Callable[[], Any]) -> None:
    expect(new_store().high_water_mark(), 0, "high_water_mark() of an empty store")


@promise(day=9)
def where_nobody_writes_the_mark_is_the_newest_number(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    for version in (1, 2, 3):
        stored = store.append(event(names, version))
        expect(store.high_water_mark(), stored.sequence_number, f"high_water_mark() after {version} appends")
    stored = store.append_many([event(names, 1, "hand-2"), event(names, 4)])[-1]
    expect(store.high_water_mark(), stored.sequence_number, "high_water_mark() after a batch")


@promise(day=9)
def a_refused_append_does_not_hold_the_mark(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    stored = store.append(event(names, 1))
    expect_error(names.VersionConflictError, lambda: store.append(event(names, 5)), "append of version 5")
    expect(store.high_water_mark(), stored.sequence_number, "high_water_mark() after a conflict")
    stored = store.append(event(names, 2))
    expect(store.high_water_mark(), stored.sequence_number, "high_water_mark() after the next append")


@promise(day=9)
def a_reader_who_follows_the_mark_misses_nothing(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    ended: list[int] = []
    read: list[Any] = []

    def write(writer: int) -> str:
        try:
            for version in range(1, 21):
                hands = [f"hand {writer}", f"other hand {writer}"]
                ids = [uuid5(SPACE, f"{hand}, {version}") for hand in hands]
                batch = [event(names, version, hand, id=id) for hand, id in zip(hands, ids, strict=True)]
                # One writer in two appends event by event.
                for part in [batch] if writer % 2 else [[each] for each in batch]:
                    store.append_many(part)
        finally:
            ended.append(writer)
        return "done"

    def follow() -> str:
        position = 0
        while True:
            last_look = len(ended) == WRITERS - 1
            mark = store.high_water_mark()
            page = store.query(names.EventQueryFilter(after_sequence=position))
            read.extend(one for one in page if one.sequence_number <= mark)
            position = max(position, mark)
            if last_look:
                return "done"

    outcomes = at_once(lambda thread: write(thread) if thread else follow())
    expect(outcomes, ["done"] * WRITERS, "seven writers and a reader")
    expect(len(read), (WRITERS - 1) * 40, "the number of events that the reader saw")
    numbers = [one.sequence_number for one in read]
    expect(numbers == sorted(set(numbers)), True, "each event was read once, in order")
