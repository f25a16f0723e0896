"""Promises about questions: a filter does not change, and what no event can have is refused before anyone is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from workbook.contract.hands import EIGHT_O_CLOCK, EVENING, expect_places, two_hands
from workbook.contract.promises import event, promise
from workbook.expect import describe, expect, expect_error


@promise(day=4)
def a_filter_cannot_be_changed(names: Any, new_store: Callable[[], Any]) -> None:
    question = names.EventQueryFilter(user_id="dealer")

    def ask_another() -> None:
        question.user_id = "seat-1"

    expect_error(FrozenInstanceError, ask_another, "filter.user_id = 'seat-1'")
    expect(question.user_id, "dealer", "filter.user_id")


@promise(day=4)
def a_filter_can_be_the_model_of_another(names: Any, new_store: Callable[[], Any]) -> None:
    store = two_hands(names, new_store)
    question = names.EventQueryFilter(
        event_type=["bet", "fold"], to_timestamp=EIGHT_O_CLOCK, data_contains={"place": 4}
    )
    other = replace(question, to_timestamp=None, data_contains=None, limit=2)
    expect([one.event_data["place"] for one in store.query(other)], [2, 4], "query(replace(filter, ...))")
    expect([one.event_data["place"] for one in store.query(question)], [4], "query(filter), afterwards")


@promise(day=4)
def a_filter_is_made_with_named_fields_only(names: Any, new_store: Callable[[], Any]) -> None:
    expect_error(TypeError, lambda: names.EventQueryFilter("hand-1"), "EventQueryFilter without names")
    expect_error(TypeError, lambda: names.EventQueryFilter(agregate_id="hand-1"), "EventQueryFilter(agregate_id=...)")


@promise(day=None)
def a_filter_keeps_its_own_copy(names: Any, new_store: Callable[[], Any]) -> None:
    store = two_hands(names, new_store)
    types, data = ["fold", "bet"], {"place": 4}
    question = names.EventQueryFilter(event_type=types, data_contains=data)
    types.remove("fold")
    data["place"] = 2
    expect(question.data_contains, {"place": 4}, "filter.data_contains, after the dict outside has changed")
    expect([one.event_data["place"] for one in store.query(question)], [4], "query, after the list outside has changed")


@promise(day=None)
def several_types_may_come_in_any_collection(names: Any, new_store: Callable[[], Any]) -> None:
    store = two_hands(names, new_store)
    for types in (("bet", "fold"), {"bet", "fold"}, frozenset(["bet", "fold"])):
        expect_places(names, store, [2, 4, 5, 6], event_type=types)


NAIVE = datetime(2025, 3, 1, 20, 0)
REFUSED: dict[str, list[Any]] = {
    "aggregate_id": ["", 7, b"hand-1", ["hand-1"], "a\0b", "\ud800", "x" * 256],
    "event_type": ["", 7, [""], ["bet", 7], ["bet", None], ["a\0b"], "x" * 256, {"bet": 1}],
    "user_id": [7, "a\0b", "\ud800", "x" * 256],
    "correlation_id": ["x", str(EVENING), EVENING.int],
    "causation_id": ["x", str(EVENING), EVENING.int],
    "from_timestamp": [NAIVE, "2025-03-01", 0, datetime.min.replace(tzinfo=UTC)],
    "to_timestamp": [NAIVE, "2025-03-01", 0, datetime.max.replace(tzinfo=UTC)],
    "data_contains": [
        [],
        "{}",
        7,
        {1: 1},
        {"at": EIGHT_O_CLOCK},
        {"chips": float("nan")},
        {"a": "\0"},
        {"a": "\ud800"},
    ],
    "after_sequence": [-1, 1.0, "1", True, 2**63],
    "limit": [-1, 1.0, "1", True, 2**63],
    "order_by": ["id", "", None, 1, "recorded_at", "sequence_number ASC", "1; DROP TABLE domain_events"],
    "order_direction": ["desc", "", None, "DESC NULLS LAST", "ASC; DROP TABLE domain_events"],
}


@promise(day=None)
def a_filter_that_no_event_could_fit_is_not_made(names: Any, new_store: Callable[[], Any]) -> None:
    for field, values in REFUSED.items():
        for wrong in values:
            what = f"EventQueryFilter({field}={describe(wrong)})"
            try:
                names.EventQueryFilter(**{field: wrong})
            except names.InvalidEventError as error:
                # The place inside may be named as well: event_type[1], data_contains.at.
                expect(error.field.startswith(field), True, f"the error names {field} for {what}")
                expect(bool(error.fix), True, f"the error says what to do about {what}")
                continue
            expect("a filter", "InvalidEventError", what)


@promise(day=None)
def a_question_is_a_filter(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    no_filters: list[Any] = [None, {}, "hand-1", names.EventQueryFilter]
    for wrong in no_filters:
        expect_error(names.InvalidEventError, partial(store.query, wrong), f"query({wrong!r:.20})", field="filter")


@promise(day=None)
def an_aggregate_id_that_no_event_can_have_is_refused(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append(event(names))
    for wrong in ("", None, 7, "x" * 256, "a\0b", "\ud800"):
        for call in (store.get_by_aggregate, store.get_stream, store.get_latest_version, store.exists):
            _expect_refused(names, "aggregate_id", call, wrong)
        if wrong is not None:
            _expect_refused(names, "aggregate_id", store.get_event_count, wrong)


@promise(day=None)
def bounds_of_a_stream_are_whole_numbers(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    for call in (store.get_by_aggregate, store.get_stream):
        for wrong in ("1", 1.0, True, [1]):
            _expect_refused(names, "from_version", call, "hand-1", wrong)
            _expect_refused(names, "to_version", call, "hand-1", 1, wrong)
        _expect_refused(names, "from_version", call, "hand-1", None)


@promise(day=None)
def any_whole_number_bounds_a_stream(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append_many([event(names, version) for version in (1, 2, 3)])
    for call in (store.get_by_aggregate, store.get_stream):
        for bounds, versions in [
            ((-1,), [1, 2, 3]),
            ((-(2**70), 2**70), [1, 2, 3]),
            ((1, 0), []),
            ((1, -1), []),
            ((2, 2**31), [2, 3]),
            ((2**31 - 1,), []),
            ((2**63,), []),
        ]:
            asked = ", ".join(map(repr, ("hand-1", *bounds)))
            expect([one.version for one in call("hand-1", *bounds)], versions, f"{call.__name__}({asked})")


@promise(day=None)
def a_type_that_no_event_can_have_is_refused(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    no_types: list[Any] = ["", None, 7, ["bet"], "x" * 256, "a\0b"]
    for wrong in no_types:
        _expect_refused(names, "event_type", store.get_by_type, wrong)
    for wrong in (-1, 1.0, "1", True):
        _expect_refused(names, "limit", store.get_by_type, "bet", wrong)


def _expect_refused(names: Any, field: str, call: Callable[..., Any], *arguments: Any) -> None:
    asked = f"{call.__name__}({', '.join(map(describe, arguments))})"
    # Before the first event is asked for: `call` is not followed by `next`.
    expect_error(names.InvalidEventError, partial(call, *arguments), asked, field=field)
