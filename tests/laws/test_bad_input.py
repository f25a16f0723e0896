"""Bad input: refused by both stores alike, with an error that names the field and the fix, and nothing is written."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum
from functools import partial
from itertools import product
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from side_by_side import BothStores

import eventstore
from eventstore import (
    DomainEvent,
    EventMetadata,
    EventQueryFilter,
    EventSnapshot,
    EventStore,
    EventStoreError,
    InvalidEventError,
    Repository,
    payload,
)
from eventstore.events import new_event_id

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
DROP = "'; DROP TABLE domain_events CASCADE; --"
AT_THE_END_OF_TIME = datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))


class Kind(StrEnum):
    HAND = "hand"


class Place(IntEnum):
    SECOND = 2


class OwnId(UUID):
    pass


TEXTS = ["", "\0", "a\0b", "\ud800", "a\udfff", "x" * 256, "x" * 10_000, DROP, "ASC", "asc", np.str_("hand"), Kind.HAND]
NUMBERS = [0, -1, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 2**200, -(2**200), 10**5_000, -(10**200_000), Place.SECOND]
FRACTIONS = [1.0, 1.5, float("nan"), float("inf"), Decimal(1), Decimal("sNaN")]
FROM_NUMPY = [
    np.int64(1),
    np.float64(1),
    np.bool_(True),
    np.array([1, 2]),
    np.array(["ASC", ""]),
    np.datetime64("2030"),
]
FROM_PANDAS = [pd.NA, pd.NaT, pd.Series([1, 2]), pd.DataFrame({"a": [1]}), pd.Timestamp("2030"), pd.Timestamp(NOON)]
MOMENTS = [datetime(2030, 1, 1), AT_THE_END_OF_TIME, date(2030, 1, 1), timedelta(1), "2030-01-01T00:00:00Z"]
COLLECTIONS = [[], [1], ["x"], ["\0"], [None], (), ("x",), set(), {"x"}, {"\ud800"}, range(3), b"x"]
OBJECTS = [{}, {"a": 1}, {1: 2}, {"\0": 1}, {"a": "\ud800"}, {"a": float("nan")}, {"a": 10**5_000}, {"a": {1, 2}}]
OTHERS = [None, True, False, object(), int, ..., OwnId(int=5), str(UUID(int=5)), EventMetadata(), EventQueryFilter()]
JUNK: list[Any] = [
    *TEXTS, *NUMBERS, *FRACTIONS, *FROM_NUMPY, *FROM_PANDAS, *MOMENTS, *COLLECTIONS, *OBJECTS, *OTHERS
]  # fmt: skip


def event(**fields: Any) -> DomainEvent:
    given: dict[str, Any] = {"event_type": "moved", "aggregate_id": "hand", "version": 1, "event_data": {}}
    return DomainEvent(**given | fields)


def snapshot(**fields: Any) -> EventSnapshot:
    given: dict[str, Any] = {"aggregate_id": "hand", "version": 1, "state": {}}
    return EventSnapshot(**given | fields)


def count(state: int, event: DomainEvent) -> int:
    return state + 1


def right_calls(version: int) -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    """Every call with arguments that are right, of which a test may replace any one by junk.

    Args:
        version: the one that the next event of the aggregate must have.
    """
    about: dict[str, Any] = {"causation_id": UUID(int=1), "correlation_id": UUID(int=2), "user_id": "ann"}
    new: dict[str, Any] = {
        "event_type": "moved",
        "aggregate_id": "hand",
        "version": version,
        "event_data": {"by": version},
        "metadata": EventMetadata(**about),
        "event_timestamp": NOON,
        "schema_version": 1,
        "id": new_event_id(),
        "sequence_number": None,
        "recorded_at": None,
    }
    question: dict[str, Any] = {
        "aggregate_id": "hand",
        "event_type": "moved",
        "user_id": "ann",
        "correlation_id": UUID(int=2),
        "causation_id": UUID(int=1),
        "from_timestamp": NOON,
        "to_timestamp": NOON,
        "data_contains": {},
        "after_sequence": 0,
        "order_by": "sequence_number",
        "order_direction": "ASC",
        "limit": None,
    }
    following = DomainEvent(**new)
    stream = {"aggregate_id": "hand", "from_version": 1, "to_version": None}
    state: dict[str, Any] = {"aggregate_id": "hand", "version": 1, "state": {}, "schema_version": 1}

    def ask(method: str, store: EventStore, **arguments: Any) -> Any:
        return getattr(store, method)(**arguments)

    def load(store: EventStore, aggregate_id: Any, **options: Any) -> int:
        return Repository(store, count, 0, **options).load(aggregate_id)

    def load_at(store: EventStore, **point: Any) -> int:
        return Repository(store, count, 0).load_at(**point)

    methods: dict[str, dict[str, Any]] = {
        "append": {"event": following},
        "append_many": {"events": [following]},
        "get_by_aggregate": stream,
        "get_stream": stream,
        "get_by_type": {"event_type": "moved", "limit": None},
        "query": {"filter": EventQueryFilter()},
        "get_latest_version": {"aggregate_id": "hand"},
        "exists": {"aggregate_id": "hand"},
        "get_event_count": {"aggregate_id": "hand"},
        "save_snapshot": {"snapshot": EventSnapshot(**state)},
        "get_latest_snapshot": {"aggregate_id": "hand"},
        "get_snapshot_at_version": {"aggregate_id": "hand", "version": 3},
    }
    return {name: (partial(ask, name), arguments) for name, arguments in methods.items()} | {
        "append_many of a list": (lambda store, second: store.append_many([following, second]), {"second": following}),
        "load": (load, {"aggregate_id": "hand", "schema_version": 3, "snapshot_after": 1}),
        "load_at a version": (load_at, {"aggregate_id": "hand", "version": 3}),
        "load_at a number": (load_at, {"aggregate_id": "hand", "sequence_number": 3}),
        "load_at a recording": (load_at, {"aggregate_id": "hand", "recorded_at": NOON}),
        "load_at a moment": (load_at, {"aggregate_id": "hand", "event_timestamp": NOON}),
        "append of fields": (lambda store, **fields: store.append(DomainEvent(**fields)), new),
        "append of metadata": (
            lambda store, **fields: store.append(DomainEvent(**new | {"metadata": EventMetadata(**fields)})),
            about,
        ),
        "query of fields": (lambda store, **fields: store.query(EventQueryFilter(**fields)), question),
        "save_snapshot of fields": (lambda store, **fields: store.save_snapshot(EventSnapshot(**fields)), state),
    }


def parameters(function: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(function).parameters) - {"self"}


def test_the_list_of_calls_is_complete() -> None:
    listed = {call: set(right) for call, (_, right) in right_calls(1).items()}
    methods = {name: method for name, method in vars(EventStore).items() if name[0] != "_" and parameters(method)}
    assert {name: parameters(method) for name, method in methods.items()}.items() <= listed.items()
    for call, kind in {
        "append of fields": DomainEvent,
        "append of metadata": EventMetadata,
        "query of fields": EventQueryFilter,
        "save_snapshot of fields": EventSnapshot,
    }.items():
        assert listed[call] == parameters(kind)


def test_junk_in_any_place_is_taken_alike_or_refused_alike(store: eventstore.PostgresEventStore) -> None:
    both = BothStores(store)
    past = [event(version=version) for version in (1, 2, 3)]
    both.ask(lambda store: store.append_many(past))
    wrong = []
    for call, (_, right) in right_calls(1).items():
        for place, junk in product(right, JUNK):
            before = both.memory.get_event_count()
            do, arguments = right_calls(both.memory.get_latest_version("hand") + 1)[call]
            try:
                answer = both.ask(partial(do, **arguments | {place: junk}))
                if isinstance(answer, EventStoreError):
                    assert both.memory.get_event_count() == store.get_event_count() == before
            except Exception as error:
                wrong.append(f"{call}({place}={shown(junk)}): {type(error).__name__} {error!s:.200}")
    both.check_everything()
    assert not wrong, "\n".join(wrong)


def shown(junk: object) -> str:
    try:
        return f"{junk!r:.60}"
    except ValueError:
        return "an integer of thousands of digits"


# What is wrong, and how the field is called in the error.
BAD_TEXTS = ["\0", "a\0b", "\ud800", "x" * 256, "ä" * 128, "x" * 10_000, b"x", 5, 1.5, True, ["x"], np.array(["x"])]
BAD_NAMES = ["", None, *BAD_TEXTS]
BAD_IDS = [str(UUID(int=5)), 5, b"x" * 16, UUID]
BAD_MOMENTS = [*MOMENTS, pd.NaT, pd.Timestamp("2030"), np.datetime64("2030"), datetime.min.replace(tzinfo=UTC), 0, True]
NO_INTEGERS = [True, False, *FRACTIONS, np.int64(1), np.bool_(True), "1", [1], pd.NA, object()]
BAD_VERSIONS = [None, *NO_INTEGERS, 0, -1, 2**31, 2**63, 2**200, 10**5_000]
BAD_COUNTS = [*NO_INTEGERS, -1, 2**63, 2**200, -(2**200), 10**5_000]
BAD_FIELDS: list[tuple[Callable[..., Any], str, str, list[Any]]] = [
    (event, "event_type", "event_type", BAD_NAMES),
    (event, "aggregate_id", "aggregate_id", BAD_NAMES),
    (event, "version", "version", BAD_VERSIONS),
    (event, "schema_version", "schema_version", BAD_VERSIONS),
    (event, "event_timestamp", "event_timestamp", [None, *BAD_MOMENTS]),
    (event, "id", "id", [None, *BAD_IDS]),
    (event, "metadata", "metadata", [None, {}, {"user_id": "ann"}, "ann"]),
    (
        event,
        "event_data",
        "event_data",
        [None, [], "{}", 1, pd.Series([1]), {1: 2}, {None: 1}, {10**5_000: 1}],
    ),
    (EventMetadata, "user_id", "metadata.user_id", BAD_TEXTS),
    (EventMetadata, "causation_id", "metadata.causation_id", BAD_IDS),
    (EventMetadata, "correlation_id", "metadata.correlation_id", BAD_IDS),
    (snapshot, "aggregate_id", "aggregate_id", BAD_NAMES),
    (snapshot, "version", "version", BAD_VERSIONS),
    (snapshot, "schema_version", "schema_version", BAD_VERSIONS),
    (snapshot, "state", "state", [{1: 2}, {1, 2}, (1, 2), Decimal(1), NOON, float("nan"), "\0", "\ud800", 2.0**53]),
    (EventQueryFilter, "aggregate_id", "aggregate_id", ["", *BAD_TEXTS]),
    (EventQueryFilter, "user_id", "user_id", BAD_TEXTS),
    (EventQueryFilter, "event_type", "event_type", ["", "\0", "x" * 256, 5, b"x", {"x": 1}, np.array(["x"])]),
    (EventQueryFilter, "event_type", "event_type[1]", [["x", bad] for bad in BAD_NAMES]),
    (EventQueryFilter, "correlation_id", "correlation_id", BAD_IDS),
    (EventQueryFilter, "causation_id", "causation_id", BAD_IDS),
    (EventQueryFilter, "from_timestamp", "from_timestamp", BAD_MOMENTS),
    (EventQueryFilter, "to_timestamp", "to_timestamp", BAD_MOMENTS),
    (EventQueryFilter, "data_contains", "data_contains", [[], "{}", 1, [{}], {1: 2}]),
    (EventQueryFilter, "after_sequence", "after_sequence", BAD_COUNTS),
    (EventQueryFilter, "limit", "limit", BAD_COUNTS),
    (EventQueryFilter, "order_by", "order_by", [None, "", "id", "VERSION", "version ASC", DROP, 1, ["version"]]),
    (EventQueryFilter, "order_direction", "order_direction", [None, "", "asc", "ASC, id", DROP, 1, np.array(["ASC"])]),
]


@pytest.mark.parametrize(
    ("make", "argument", "field", "values"),
    BAD_FIELDS,
    ids=[f"{make.__name__} {field}" for make, _, field, _ in BAD_FIELDS],
)
def test_a_bad_field_is_named_with_the_fix(make: Any, argument: str, field: str, values: list[Any]) -> None:
    for bad in values:
        with pytest.raises(InvalidEventError) as caught:
            make(**{argument: bad})
        assert caught.value.field == field, shown(bad)
        assert str(caught.value).startswith(f"{field} ")
        assert caught.value.fix
        assert len(str(caught.value)) < 300, "a megabyte of bad input is not quoted"


@pytest.mark.parametrize("make", [event, EventMetadata, snapshot, EventQueryFilter])
def test_an_unknown_field_is_a_type_error_as_with_any_python_call(make: Any) -> None:
    with pytest.raises(TypeError, match="agregate_id"):
        make(agregate_id="hand")


def test_the_place_within_a_payload_is_named() -> None:
    payloads: list[tuple[str, dict[str, Any]]] = [
        ("event_data.pot", {"pot": {1, 2}}),
        ("event_data.pot", {"pot": float("nan")}),
        ("event_data.pot", {"pot": float("-inf")}),
        ("event_data.pot", {"pot": 2.0**53}),
        ("event_data.pot", {"pot": 10**4_000}),
        ("event_data.pot", {"pot": -(10**5_000)}),
        ("event_data.pot", {"pot": Decimal("1.5")}),
        ("event_data.seats[1]", {"seats": [1, (2, 3)]}),
        ("event_data.seats[1].name", {"seats": [{}, {"name": "\ud800"}]}),
        ("event_data.at", {"at": NOON}),
        ("event_data.at", {"at": pd.Timestamp(NOON)}),
        ("event_data.count", {"count": np.int64(1)}),
        ("event_data.missing", {"missing": pd.NA}),
        ("event_data.cards", {"cards": np.array([1])}),
        ("event_data.cards", {"cards": range(3)}),
        ("event_data.table", {"table": {2: "ann"}}),
    ]
    for place, event_data in payloads:
        with pytest.raises(InvalidEventError) as caught:
            event(event_data=event_data)
        assert caught.value.field == place


def nested(levels: int) -> dict[str, Any]:
    """An object of so many levels, lists among them, with more brackets than levels."""
    value: Any = {}
    for level in range(levels - 2):
        value = [value] if level % 2 else {"in": value}
    return {"in": value, "beside": [[], {}]}


def test_payloads_up_to_the_limits_are_kept_and_the_next_larger_refused(any_store: EventStore) -> None:
    frame = len('{"text":""}')
    largest: list[dict[str, Any]] = [
        {"text": "x" * (payload.MAX_PAYLOAD_BYTES - frame)},
        {"text": "ä" * ((payload.MAX_PAYLOAD_BYTES - frame) // 2)},
        nested(payload.MAX_PAYLOAD_DEPTH),
        {"chips": 10**payload.MAX_INTEGER_DIGITS - 1},
        {"chips": 2.0**53 - 1, "small": 5e-324},
        {str(key): key for key in range(20_000)},
    ]
    for version, fits in enumerate(largest, start=1):
        any_store.append(event(version=version, event_data=fits))
        any_store.save_snapshot(EventSnapshot(aggregate_id="hand", version=version, state=fits))
        [stored] = any_store.get_by_aggregate("hand", version)
        assert stored.event_data == fits
        assert any_store.append(event(version=version, event_data=fits, id=stored.id)) == stored
        saved = any_store.get_latest_snapshot("hand")
        assert saved is not None
        assert (saved.version, saved.state) == (version, fits)
    for too_large in (
        {"text": "x" * (payload.MAX_PAYLOAD_BYTES - frame + 1)},
        {"text": "x" * 5_000_000},
        nested(payload.MAX_PAYLOAD_DEPTH + 1),
        nested(100_000),
        {"chips": 10**payload.MAX_INTEGER_DIGITS},
    ):
        with pytest.raises(InvalidEventError, match="event_data"):
            event(version=len(largest) + 1, event_data=too_large)
        with pytest.raises(InvalidEventError, match="data_contains"):
            EventQueryFilter(data_contains=too_large)


def test_a_payload_that_holds_itself_is_refused() -> None:
    seats: list[Any] = []
    seats.append({"seats": seats})
    with pytest.raises(InvalidEventError, match="deeper than 64 levels"):
        event(event_data={"seats": seats})


def test_names_at_the_limit_are_kept(any_store: EventStore) -> None:
    for name in ("x" * 255, "ä" * 127, "\U0001f0a1" * 63):
        sent = event(event_type=name, aggregate_id=name, metadata=EventMetadata(user_id=name))
        stored = any_store.append(sent)
        assert (stored.event_type, stored.aggregate_id, stored.metadata.user_id) == (name, name, name)
        assert any_store.query(EventQueryFilter(event_type=name, aggregate_id=name, user_id=name)) == [stored]


def test_sql_in_a_text_is_text(any_store: EventStore) -> None:
    texts = [
        DROP,
        '"; DROP TABLE domain_events; --',
        "%s",
        "%(limit)s",
        "%%b",
        "{schema}",
        "$1",
        "\\'; --",
        "/*",
        "\n--",
    ]
    for text in texts:
        stored = any_store.append(
            event(event_type=text, aggregate_id=text, metadata=EventMetadata(user_id=text), event_data={text: text})
        )
        any_store.save_snapshot(EventSnapshot(aggregate_id=text, version=1, state={text: [text]}))
        snapshot = any_store.get_latest_snapshot(text)
        assert snapshot is not None
        assert (snapshot.aggregate_id, snapshot.state) == (text, {text: [text]})
        assert any_store.get_by_aggregate(text) == list(any_store.get_stream(text)) == [stored]
        assert any_store.get_by_type(text) == [stored]
        for question in ({"user_id": text}, {"data_contains": {text: text}}, {"event_type": [text]}):
            assert any_store.query(EventQueryFilter(**question)) == [stored]
    assert any_store.get_event_count() == len(texts)


def test_a_stream_refuses_bad_arguments_at_the_call(any_store: EventStore) -> None:
    any_store.append(event())
    for arguments in ((None,), ("",), ("hand", None), ("hand", 1, "2")):
        with pytest.raises(InvalidEventError):
            any_store.get_stream(*arguments)


def test_nothing_of_a_batch_is_written_that_holds_something_else(any_store: EventStore) -> None:
    others: list[Any] = [None, {}, "event", 5, [event(version=2)], DomainEvent]
    for junk in others:
        with pytest.raises(InvalidEventError, match="event"):
            any_store.append_many([event(), junk])
    assert any_store.get_event_count() == 0


def test_a_bad_url_is_refused() -> None:
    urls: list[Any] = [5, True, b"postgresql://", object(), "\ud800", "nonsense", np.array([1])]
    for junk in urls:
        with pytest.raises(EventStoreError):
            eventstore.connect(junk)


@pytest.mark.parametrize("password", ["sesame/open", "open@sesame", "open@sesame/1", "sesame:open", "open:sesame@1"])
def test_no_part_of_a_password_is_printed_that_was_written_into_a_url_as_it_is(password: str) -> None:
    """Some characters end it too early, and what follows looks like the host or the port."""
    with pytest.raises(EventStoreError) as caught:
        eventstore.connect(f"postgresql://localhost:{password}@127.0.0.1:1/nowhere?connect_timeout=2")
    assert "sesame" not in str(caught.value)


def test_a_bad_schema_is_refused() -> None:
    names: list[Any] = [None, 5, 10**5_000, "", "\0", "\ud800", "x" * 64, b"public", pd.NA, np.array(["a"])]
    for junk in names:
        with pytest.raises(EventStoreError):
            eventstore.connect(os.environ["EVENTSTORE_URL"], schema=junk)


INSERT = """
INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data)
VALUES (gen_random_uuid(), 'moved', 'hand', 1, %s)
"""


@pytest.mark.parametrize("number", ["1" * 5_000, "1" * 500 + ".5", "[" * 2_000 + "]" * 2_000])
def test_what_was_written_around_the_store_and_python_cannot_read_is_named(
    store: eventstore.PostgresEventStore, number: str
) -> None:
    text = f'{{"n": {number}}}'
    with store.connection() as connection:
        connection.execute(INSERT, (text,))
        connection.execute("SELECT create_snapshot('hand', 1, %s)", (text,))
    with pytest.raises(eventstore.EventStoreError, match=r"^event .* cannot be read"):
        store.get_by_aggregate("hand")
    with pytest.raises(eventstore.EventStoreError, match=r"^the snapshot of hand at version 1 cannot be read"):
        store.get_latest_snapshot("hand")


def test_a_state_that_no_snapshot_may_hold_was_saved_around_the_store_and_is_named(
    store: eventstore.PostgresEventStore,
) -> None:
    with store.connection() as connection:
        connection.execute(INSERT, ("{}",))
        connection.execute("SELECT create_snapshot('hand', 1, %s)", ('{"n": 9007199254740993.5}',))
    with pytest.raises(eventstore.EventStoreError, match=r"^the snapshot of hand at version 1 .* 2\*\*53"):
        store.get_latest_snapshot("hand")
