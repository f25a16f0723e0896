"""Promises of `query`: in which order, how many, page by page, and never as SQL from outside."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from workbook.contract.hands import expect_places, places_of, two_hands
from workbook.contract.promises import event, promise
from workbook.expect import expect, expect_error


@promise(day=4)
def after_sequence_asks_for_what_came_later(names: Any, new_store: Callable[[], Any]) -> None:
    store = two_hands(names, new_store)
    numbers = [one.sequence_number for one in store.query(names.EventQueryFilter())]
    expect_places(names, store, [4, 5, 6], after_sequence=numbers[2])
    expect_places(names, store, [1, 2, 3, 4, 5, 6], after_sequence=0)
    expect_places(names, store, [], after_sequence=numbers[5])
    expect_places(names, store, [6, 5], after_sequence=numbers[3], order_direction="DESC")


@promise(day=4)
def reading_page_by_page_leaves_no_gap_and_repeats_nothing(names: Any, new_store: Callable[[], Any]) -> None:
    for size in (1, 2, 3, 6, 7):
        store = two_hands(names, new_store)
        read: list[Any] = []
        for turn in range(20):
            last = read[-1].sequence_number if read else 0
            page = store.query(names.EventQueryFilter(event_type=["bet", "fold"], after_sequence=last, limit=size))
            if not page:
                break
            read += page
            # The log grows while it is read, as it does in life.
            if turn == 0:
                store.append(event(names, 4, "hand-1", event_type="fold", event_data={"place": 7}))
        expect(places_of(read), [2, 4, 5, 6, 7], f"the places of all pages of {size}")


@promise(day=4)
def events_come_in_the_order_that_was_asked_for(names: Any, new_store: Callable[[], Any]) -> None:
    store = two_hands(names, new_store)
    expect_places(names, store, [1, 2, 3, 4, 5, 6], order_by="sequence_number")
    expect_places(names, store, [6, 5, 4, 3, 2, 1], order_direction="DESC")
    expect_places(names, store, [1, 2, 4], aggregate_id="hand-1", order_by="version")
    expect_places(names, store, [4, 2, 1], aggregate_id="hand-1", order_by="version", order_direction="DESC")


@promise(day=4)
def what_is_equal_follows_by_sequence_number_in_the_same_direction(names: Any, new_store: Callable[[], Any]) -> None:
    store = two_hands(names, new_store)
    expect_places(names, store, [1, 4, 2, 3, 5, 6], order_by="event_timestamp")
    expect_places(names, store, [6, 5, 3, 2, 4, 1], order_by="event_timestamp", order_direction="DESC")
    expect_places(names, store, [1, 3, 2, 5, 4, 6], order_by="version", order_direction="ASC")
    expect_places(names, store, [6, 4, 5, 2, 3, 1], order_by="version", order_direction="DESC")


@promise(day=4)
def a_limit_cuts_after_ordering(names: Any, new_store: Callable[[], Any]) -> None:
    store = two_hands(names, new_store)
    expect_places(names, store, [1, 2], limit=2)
    expect_places(names, store, [6, 5], order_direction="DESC", limit=2)
    expect_places(names, store, [1, 4, 2], order_by="event_timestamp", limit=3)
    expect_places(names, store, [1, 2, 3, 4, 5, 6], limit=99)


@promise(day=4)
def a_limit_of_nothing_gives_nothing(names: Any, new_store: Callable[[], Any]) -> None:
    expect_places(names, two_hands(names, new_store), [], limit=0)


@promise(day=4)
def a_question_is_never_sql(names: Any, new_store: Callable[[], Any]) -> None:
    store = two_hands(names, new_store)
    for text in ("bet' OR 'a' = 'a", "'; DROP TABLE domain_events; --", "%s", "%(limit)s", "{conditions}", '"', "\\"):
        for field in ("aggregate_id", "event_type", "user_id"):
            expect_places(names, store, [], **{field: text})
        expect_places(names, store, [], data_contains={"place": text})
        expect_places(names, store, [], data_contains={text: 1})
        expect(store.get_by_type(text), [], f"get_by_type({text!r})")
    expect_places(names, store, [1, 2, 3, 4, 5, 6])


@promise(day=4)
def an_order_is_one_of_three_words_never_sql(names: Any, new_store: Callable[[], Any]) -> None:
    store = two_hands(names, new_store)

    def ask(**order: Any) -> None:
        store.query(names.EventQueryFilter(**order))

    for field in ("order_by", "order_direction"):
        for wrong in ("version; DROP TABLE domain_events", "event_data", "version DESC", '"version"', "asc", "", None):
            asked = f"query({field}={wrong!r})"
            expect_error(names.InvalidEventError, partial(ask, **{field: wrong}), asked, field=field)
    expect_places(names, store, [1, 2, 3, 4, 5, 6])
