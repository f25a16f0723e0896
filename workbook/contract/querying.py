"""Promises of `query`, `get_by_type` and `get_event_count`: which events fit a question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta, timezone
from itertools import chain, combinations
from typing import Any

from workbook.contract.hands import CAUSE, EIGHT_O_CLOCK, EVENING, OTHER, expect_places, places_of, two_hands
from workbook.contract.promises import event, promise
from workbook.expect import describe, expect

MICROSECOND = timedelta(microseconds=1)


@promise(day=4)
def a_type_is_read_in_the_order_of_the_log(names: Any, new_store: Callable[[], Any]) -> None:
    store = two_hands(names, new_store)
    for wanted, places in [
        (("bet",), [2, 5, 6]),
        (("game.created",), [1, 3]),
        (("bet", 2), [2, 5]),
        (("bet", 99), [2, 5, 6]),
        (("bet", 0), []),
        (("raise",), []),
        (("b%",), []),
        (("Bet",), []),
    ]:
        expect(places_of(store.get_by_type(*wanted)), places, f"get_by_type{wanted}, as places in the log")
    expect(places_of(store.get_by_type("bet", limit=1)), [2], "get_by_type('bet', limit=1), as places in the log")


@promise(day=4)
def events_are_counted(names: Any, new_store: Callable[[], Any]) -> None:
    empty = new_store()
    expect(empty.get_event_count(), 0, "get_event_count() of an empty store")
    expect(empty.get_event_count("hand-1"), 0, "get_event_count('hand-1') of an empty store")
    store = two_hands(names, new_store)
    store.append(event(names, 1, "hand-3"))
    expect(store.get_event_count(), 7, "get_event_count()")
    for aggregate_id, count in [("hand-1", 3), ("hand-3", 1), ("hand-4", 0)]:
        expect(store.get_event_count(aggregate_id), count, f"get_event_count({aggregate_id!r})")


@promise(day=4)
def an_empty_filter_asks_for_the_whole_log(names: Any, new_store: Callable[[], Any]) -> None:
    expect(new_store().query(names.EventQueryFilter()), [], "query(EventQueryFilter()) of an empty store")
    expect_places(names, two_hands(names, new_store), [1, 2, 3, 4, 5, 6])


@promise(day=4)
def what_is_found_is_what_was_stored(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    metadata = names.EventMetadata(causation_id=CAUSE, correlation_id=EVENING, user_id="dealer")
    stored = store.append(event(names, metadata=metadata, schema_version=3, event_timestamp=EIGHT_O_CLOCK))
    [by_query], [by_type] = store.query(names.EventQueryFilter()), store.get_by_type(stored.event_type)
    for field in fields(stored):
        for how, found in [("query", by_query), ("get_by_type", by_type)]:
            same = getattr(found, field.name) == getattr(stored, field.name)
            expect(same, True, f"{field.name} by {how} is what was stored")


@promise(day=4)
def a_filter_by_aggregate(names: Any, new_store: Callable[[], Any]) -> None:
    store = two_hands(names, new_store)
    expect_places(names, store, [1, 2, 4], aggregate_id="hand-1")
    expect_places(names, store, [], aggregate_id="hand")


@promise(day=4)
def a_filter_by_one_type_or_several(names: Any, new_store: Callable[[], Any]) -> None:
    store = two_hands(names, new_store)
    expect_places(names, store, [2, 5, 6], event_type="bet")
    expect_places(names, store, [2, 5, 6], event_type=["bet"])
    expect_places(names, store, [2, 4, 5, 6], event_type=["fold", "bet"])
    expect_places(names, store, [4], event_type=["fold", "fold", "raise"])


@promise(day=4)
def an_empty_list_of_types_fits_no_event(names: Any, new_store: Callable[[], Any]) -> None:
    expect_places(names, two_hands(names, new_store), [], event_type=[])


@promise(day=4)
def a_filter_by_user(names: Any, new_store: Callable[[], Any]) -> None:
    store = two_hands(names, new_store)
    expect_places(names, store, [1, 3], user_id="dealer")
    expect_places(names, store, [], user_id="None")


@promise(day=4)
def a_filter_by_correlation_or_cause(names: Any, new_store: Callable[[], Any]) -> None:
    store = two_hands(names, new_store)
    expect_places(names, store, [1, 2, 3], correlation_id=EVENING)
    expect_places(names, store, [2, 3], causation_id=CAUSE)
    expect_places(names, store, [], causation_id=EVENING)


@promise(day=4)
def both_ends_of_a_span_of_time_belong_to_it(names: Any, new_store: Callable[[], Any]) -> None:
    store = two_hands(names, new_store)
    five_past = EIGHT_O_CLOCK + timedelta(minutes=5)
    expect_places(names, store, [3, 5, 6], from_timestamp=five_past)
    expect_places(names, store, [1, 2, 3, 4], to_timestamp=five_past)
    expect_places(names, store, [3], from_timestamp=five_past, to_timestamp=five_past)
    expect_places(names, store, [5, 6], from_timestamp=five_past + MICROSECOND)
    expect_places(names, store, [1, 2, 4], to_timestamp=five_past - MICROSECOND)
    expect_places(names, store, [], from_timestamp=five_past, to_timestamp=five_past - MICROSECOND)


@promise(day=4)
def a_moment_is_the_same_in_every_time_zone(names: Any, new_store: Callable[[], Any]) -> None:
    there = (EIGHT_O_CLOCK + timedelta(minutes=5)).astimezone(timezone(timedelta(hours=-7)))
    expect_places(names, two_hands(names, new_store), [3], from_timestamp=there, to_timestamp=there)


# What a payload holds, what is asked for, and whether it fits: as jsonb's operator @> has it.
CONTAINED = [
    ({"seat": 3}, {"seat": 3}, True),
    ({"seat": 3, "chips": 40}, {"seat": 3}, True),
    ({"seat": 3}, {"seat": 3, "chips": 40}, False),
    ({"seat": 3}, {"seat": 4}, False),
    ({"seat": 3}, {"Seat": 3}, False),
    ({"seat": 3}, {}, True),
    ({"bet": {"seat": 3, "chips": 40}}, {"bet": {"seat": 3}}, True),
    ({"bet": {"seat": 3, "chips": 40}}, {"seat": 3}, False),
    ({"bet": {"seat": 3}}, {"bet": {}}, True),
    ({"seats": [1, 2, 3]}, {"seats": [3, 1]}, True),
    ({"seats": [1, 2, 3]}, {"seats": [4]}, False),
    ({"seats": [1, 2, 3]}, {"seats": 3}, False),
    ({"seats": [1, 2, 3]}, {"seats": []}, True),
    ({"seats": 3}, {"seats": [3]}, False),
    ({"bets": [{"seat": 1, "chips": 5}, {"seat": 2, "chips": 9}]}, {"bets": [{"seat": 2}]}, True),
    ({"bets": [{"seat": 1, "chips": 5}, {"seat": 2, "chips": 9}]}, {"bets": [{"seat": 1, "chips": 9}]}, False),
    ({"chips": 1}, {"chips": 1.0}, True),
    ({"chips": 1.5}, {"chips": 1}, False),
    ({"chips": 1}, {"chips": "1"}, False),
    ({"all_in": True}, {"all_in": True}, True),
    ({"all_in": 1}, {"all_in": True}, False),
    ({"all_in": False}, {"all_in": 0}, False),
    ({"winner": None}, {"winner": None}, True),
    ({}, {"winner": None}, False),
    ({"note": "it's \"\\ €"}, {"note": "it's \"\\ €"}, True),
]

# What surprises even those who know the operator.
CONTAINED_ODDLY = [
    ({"seats": [1]}, {"seats": [1, 1, 1]}, True),
    ({"seats": [1]}, {"seats": [True]}, False),
    ({"seats": [[1, 2], [3]]}, {"seats": [[2]]}, True),
    ({"seats": [[1, 2], [3]]}, {"seats": [[2, 3]]}, False),
    ({"seats": [[1, 2], [3]]}, {"seats": [3]}, False),
    ({"seats": [[1, 2], [3]]}, {"seats": [[]]}, True),
    ({"seats": [1, 2]}, {"seats": [[]]}, False),
    ({"seats": [{"seat": 1}]}, {"seats": [{}]}, True),
    ({"seats": []}, {"seats": [{}]}, False),
    ({"seats": {}}, {"seats": []}, False),
    ({"seats": [{"at": {"table": [1, {"row": 2}]}}]}, {"seats": [{"at": {"table": [{"row": 2.0}]}}]}, True),
    ({"": {"": 0}}, {"": {"": -0.0}}, True),
    ({"chips": 2**60}, {"chips": 2**60 + 1}, False),
    ({"chips": 10**400}, {"chips": 10**400}, True),
    ({"chips": 0.1}, {"chips": 0.1}, True),
]


@promise(day=4)
def data_contains_looks_into_the_payload(names: Any, new_store: Callable[[], Any]) -> None:
    _expect_contained(names, new_store(), CONTAINED)


@promise(day=None)
def data_contains_is_the_operator_of_jsonb(names: Any, new_store: Callable[[], Any]) -> None:
    _expect_contained(names, new_store(), CONTAINED_ODDLY)


@promise(day=4)
def what_was_found_belongs_to_the_reader(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append(event(names, event_data={"seats": [1, 2]}))
    for read in (
        lambda: store.query(names.EventQueryFilter()),
        lambda: store.get_by_type("game.action_processed"),
        lambda: list(store.get_stream("hand-1")),
    ):
        read()[0].event_data["seats"].append(3)
        read().clear()
        expect(read()[0].event_data, {"seats": [1, 2]}, "event_data, after a reader changed its own copy")


@promise(day=4)
def every_combination_of_fields_is_one_question(names: Any, new_store: Callable[[], Any]) -> None:
    # The last event fits every field of the filter. Before it stands one for each field, which fits all but that one.
    misses: dict[str, dict[str, Any]] = {
        "after_sequence": {},  # nothing about it differs, but it comes first
        "aggregate_id": {"aggregate_id": "hand-2"},
        "event_type": {"event_type": "fold"},
        "user_id": {"user_id": "seat-2"},
        "correlation_id": {"correlation_id": OTHER},
        "causation_id": {"causation_id": None},
        "from_timestamp": {"event_timestamp": EIGHT_O_CLOCK - MICROSECOND},
        "to_timestamp": {"event_timestamp": EIGHT_O_CLOCK + MICROSECOND},
        "data_contains": {"seat": 4},
    }
    fits: dict[str, Any] = {"aggregate_id": "hand-1", "event_type": "bet", "event_timestamp": EIGHT_O_CLOCK, "seat": 3}
    fits |= {"user_id": "seat-1", "correlation_id": EVENING, "causation_id": CAUSE}
    store = new_store()
    for place, different in enumerate([*misses.values(), {}], start=1):
        given = fits | different
        metadata = names.EventMetadata(**{n: given.pop(n) for n in ("user_id", "correlation_id", "causation_id")})
        version = store.get_latest_version(given["aggregate_id"]) + 1
        data = {"place": place, "seat": given.pop("seat")}
        store.append(event(names, version, event_data=data, metadata=metadata, **given))

    [first, *_] = store.get_by_aggregate("hand-1")
    question = {name: fits[name] for name in misses.keys() & fits.keys()} | {
        "after_sequence": first.sequence_number,
        "event_type": ["bet", "raise"],
        "from_timestamp": EIGHT_O_CLOCK,
        "to_timestamp": EIGHT_O_CLOCK,
        "data_contains": {"seat": 3},
    }
    for asked in chain.from_iterable(combinations(misses, count) for count in range(len(misses) + 1)):
        found = store.query(names.EventQueryFilter(**{name: question[name] for name in asked}))
        fitting = [place for place, name in enumerate([*misses, "none"], start=1) if name not in asked]
        expect(places_of(found), fitting, f"query with {' and '.join(asked) or 'no field'}, as places in the log")


def _expect_contained(names: Any, store: Any, cases: list[tuple[Any, Any, bool]]) -> None:
    for number, (data, part, fits) in enumerate(cases, start=1):
        hand = f"hand-{number}"
        store.append(event(names, 1, hand, event_data=data))
        found = store.query(names.EventQueryFilter(aggregate_id=hand, data_contains=part))
        expect(len(found) == 1, fits, f"whether data_contains={describe(part)} fits {describe(data)}")
