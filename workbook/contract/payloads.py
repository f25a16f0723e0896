"""Promises of `event_data`: what is accepted reads back equal, and the rest is refused before anything is written."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid5

from workbook.contract.promises import SPACE, event, promise
from workbook.expect import expect, expect_error


def _nested(depth: int) -> dict[str, Any]:
    """An object of this many levels, the outermost counted."""
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"in": value}
    return value


ACCEPTED: dict[str, Any] = {
    "an empty object": {},
    "an empty key": {"": ""},
    "all plain types": {"text": "x", "int": -7, "float": 0.5, "true": True, "false": False, "null": None, "list": []},
    "text of all kinds": {"ä €": 'quote " backslash \\ newline \n tab \t 🂡 \u2028 \x7f \x01'},
    "text that only looks like U+0000": {"text": "\\u0000"},
    "small and fine floats": {"values": [0.1, 1 / 3, 5e-324, 2.2250738585072014e-308, 1e15 + 0.3]},
    "the largest float below 2**53": {"value": math.nextafter(2.0**53, 0)},
    "minus zero, which equals zero": {"value": -0.0},
    "large integers": {"values": [2**53, 2**63, -(2**64), 10**400]},
    "an integer of 4,000 digits": {"value": 10**4_000 - 1},
    "64 levels": _nested(64),
    "many objects side by side": {"seats": [{"seat": seat} for seat in range(200)]},
    "text that looks like numbers": {"value": "1e300 12345678901234567890"},
    "nearly the longest payload": {"value": "x" * (1_000_000 - len('{"value":""}'))},
}

REFUSED: dict[str, tuple[str, Any]] = {
    "NaN": ("event_data.value", {"value": math.nan}),
    "infinity": ("event_data.seats[1]", {"seats": [0, math.inf]}),
    "minus infinity": ("event_data.value.deep", {"value": {"deep": -math.inf}}),
    "U+0000 in text": ("event_data", {"value": "a\0b"}),
    "U+0000 in a key": ("event_data", {"a\0b": 1}),
    "U+0000 after a backslash": ("event_data", {"value": "\\\0"}),
    "half of a surrogate pair": ("event_data.value", {"value": "\ud83c"}),
    "half of a surrogate pair in a key": ("event_data", {"\udca1": 1}),
    "a number as key": ("event_data", {1: "one"}),
    "None as key": ("event_data", {None: 1}),
    "true as key": ("event_data.deep", {"deep": {True: 1}}),
    "a tuple": ("event_data.value", {"value": (1, 2)}),
    "a set": ("event_data.value", {"value": {1}}),
    "bytes": ("event_data.value", {"value": b"x"}),
    "a Decimal": ("event_data.value", {"value": Decimal("1.5")}),
    "a UUID": ("event_data.value", {"value": uuid5(SPACE, "x")}),
    "a float of 2**53": ("event_data.value", {"value": 2.0**53}),
    "a huge float": ("event_data.value", {"value": -1e300}),
    "an integer of 4,001 digits": ("event_data.value", {"value": 10**4_000}),
    "65 levels": ("event_data", _nested(65)),
    "a payload that holds too many bytes": ("event_data", {"value": "x" * 1_000_000}),
    "too many bytes, few characters": ("event_data", {"value": "€" * 333_400}),
    "a list": ("event_data", []),
    "text": ("event_data", "{}"),
}


@promise(day=None)
def what_is_accepted_reads_back_equal(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    for version, (what, data) in enumerate(ACCEPTED.items(), start=1):
        stored = store.append(event(names, version, event_data=data))
        [read] = store.get_by_aggregate("hand-1", version)
        for where, got in [("the answer of append", stored.event_data), ("what is read", read.event_data)]:
            expect(got == data and _types(got) == _types(data), True, f"{where} equals what was sent: {what}")


@promise(day=None)
def the_envelope_reads_back_equal(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    metadata = names.EventMetadata(
        causation_id=uuid5(SPACE, "cause"), correlation_id=uuid5(SPACE, "evening"), user_id="dealer"
    )
    sent = [event(names, 1), event(names, 2, metadata=metadata, schema_version=7)]
    store.append_many(sent)
    for one, read in zip(sent, store.get_by_aggregate("hand-1"), strict=True):
        for name in ("id", "event_type", "version", "metadata", "schema_version", "event_timestamp", "event_data"):
            expect(getattr(read, name) == getattr(one, name), True, f"{name} equals what was sent")


@promise(day=None)
def what_would_not_read_back_equal_is_refused(names: Any, new_store: Callable[[], Any]) -> None:
    for what, (field, data) in REFUSED.items():
        try:
            event(names, event_data=data)
        except names.InvalidEventError as error:
            expect(error.field.startswith(field), True, f"the error names {field} for {what}")
            continue
        expect("an event", "InvalidEventError", what)


@promise(day=None)
def a_payload_that_contains_itself_is_refused(names: Any, new_store: Callable[[], Any]) -> None:
    data: dict[str, Any] = {}
    data["self"] = data
    expect_error(names.InvalidEventError, lambda: event(names, event_data=data), "an endless payload")


def _types(value: Any) -> Any:
    """The shape of a value: true is told from 1, but 1.0 is not told from 1, because jsonb keeps plain numbers."""
    if isinstance(value, dict):
        return {key: _types(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_types(item) for item in value]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
