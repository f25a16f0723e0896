"""`eventstore.statistics`: counts and events as data frames, with every value that the store itself gives back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pandas as pd
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import eventstore
from eventstore import DomainEvent, EventMetadata, EventQueryFilter, EventStoreError, InvalidEventError
from eventstore.events import EARLIEST, LATEST
from eventstore.statistics import event_statistics, frame, recent_events, roll_up

TIME = "datetime64[us, UTC]"
EVENT_DTYPES = {
    "sequence_number": "int64",
    "id": "string",
    "event_type": "category",
    "aggregate_id": "string",
    "version": "int64",
    "event_data": "string",
    "schema_version": "int64",
    "event_timestamp": TIME,
    "recorded_at": TIME,
    "causation_id": "string",
    "correlation_id": "string",
    "user_id": "string",
}
STATISTICS_DTYPES = {
    "event_type": "category",
    "event_count": "int64",
    "aggregate_count": "int64",
    "first_event_at": TIME,
    "last_event_at": TIME,
    "events_per_day": "float64",
}

ID, OTHER_ID = UUID(int=7), UUID(int=8)
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

# What has to be quoted somewhere: in SQL, in an array, in a setting, in a placeholder, in a conninfo.
ODD = ["it's", 'a "quoted" one', "{a,b}", "a,b", "back\\slash", "%s %(limit)s %", "$1", "a\nb", " ", "NULL", "Zoë ♠"]

RECOUNT = """
SELECT event_type, count(*), count(DISTINCT aggregate_id), min(event_timestamp), max(event_timestamp),
       count(*) / greatest(extract(epoch FROM max(event_timestamp) - min(event_timestamp)) / 86400, 1)::float8
FROM domain_events
GROUP BY event_type
ORDER BY event_type
"""


def event(aggregate_id: str = "hand", version: int = 1, **fields: Any) -> DomainEvent:
    usual = {"event_type": "bet", "event_data": {"version": version}, "event_timestamp": NOON}
    return DomainEvent(aggregate_id=aggregate_id, version=version, **usual | fields)


def of_kind(frame: pd.DataFrame) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


def events_in(found: pd.DataFrame) -> list[DomainEvent]:
    """What a data frame holds, as the store would return it."""

    def given(value: Any) -> Any:
        return None if value is pd.NA else value

    return [
        DomainEvent(
            event_type=row.event_type,
            aggregate_id=row.aggregate_id,
            version=row.version,
            event_data=json.loads(row.event_data),
            metadata=EventMetadata(
                causation_id=given(row.causation_id) and UUID(row.causation_id),
                correlation_id=given(row.correlation_id) and UUID(row.correlation_id),
                user_id=given(row.user_id),
            ),
            event_timestamp=row.event_timestamp.to_pydatetime(),
            schema_version=row.schema_version,
            id=UUID(row.id),
            sequence_number=row.sequence_number,
            recorded_at=row.recorded_at.to_pydatetime(),
        )
        for row in found.itertuples()
    ]


@pytest.fixture
def odd_store(store: eventstore.PostgresEventStore) -> eventstore.PostgresEventStore:
    """Events with everything that an event may have, in an order that is neither that of time nor that of versions."""
    why = EventMetadata(causation_id=ID, correlation_id=OTHER_ID, user_id="alice")
    events = [
        event(event_timestamp=LATEST, metadata=why, schema_version=3),
        event(version=2, event_timestamp=EARLIEST, metadata=EventMetadata(user_id="")),
        event("other", event_data={"seats": [1, 3], "pot": 2**70, "rate": 0.1, "text": 'a "b" \\ \n ♠', "none": None}),
        event("other", 2, event_timestamp=NOON + timedelta(microseconds=1), event_data={}),
    ]
    for place, text in enumerate(ODD):
        odd = {"aggregate_id": text, "event_type": text, "event_data": {text: text}}
        events.append(replace(event(metadata=EventMetadata(user_id=text)), **odd))
        events.append(event("many", place + 1, event_timestamp=NOON - timedelta(seconds=place)))
    store.append_many(events)
    return store


FILTERS = [
    EventQueryFilter(),
    EventQueryFilter(aggregate_id="other"),
    EventQueryFilter(event_type="bet"),
    EventQueryFilter(event_type=ODD),
    EventQueryFilter(event_type=["bet", "nobody"], limit=3),
    EventQueryFilter(event_type=[]),
    EventQueryFilter(user_id=""),
    EventQueryFilter(user_id="alice", causation_id=ID, correlation_id=OTHER_ID),
    EventQueryFilter(causation_id=OTHER_ID),
    EventQueryFilter(from_timestamp=NOON + timedelta(microseconds=1)),
    EventQueryFilter(to_timestamp=NOON, order_by="event_timestamp", order_direction="DESC"),
    EventQueryFilter(from_timestamp=EARLIEST, to_timestamp=EARLIEST),
    EventQueryFilter(data_contains={"seats": [3], "pot": 2**70}),
    EventQueryFilter(after_sequence=5, order_by="version", order_direction="DESC", limit=7),
    EventQueryFilter(limit=0),
    *(EventQueryFilter(aggregate_id=text, event_type=text, user_id=text, data_contains={text: text}) for text in ODD),
]


def test_a_frame_holds_what_query_returns(odd_store: eventstore.PostgresEventStore) -> None:
    sizes = set()
    for filter in FILTERS:
        expected = odd_store.query(filter)
        found = frame(odd_store, filter)
        assert events_in(found) == expected, filter
        assert of_kind(found) == EVENT_DTYPES
        sizes.add(len(expected))
    assert {0, 1} < sizes
    assert events_in(frame(odd_store)) == odd_store.query(EventQueryFilter())


def test_statistics_are_those_of_a_recount(odd_store: eventstore.PostgresEventStore) -> None:
    with odd_store.connection() as connection:
        expected = connection.execute(RECOUNT).fetchall()
    for rolled_up in (False, True):
        found = event_statistics(odd_store)
        rows = [
            (kind, count, hands, first.to_pydatetime(), last.to_pydatetime(), rate)
            for kind, count, hands, first, last, rate in found.itertuples(index=False)
        ]
        assert rows == expected, f"rolled up: {rolled_up}"
        assert of_kind(found) == STATISTICS_DTYPES
        roll_up(odd_store)


def test_recent_events_are_the_last_hundred(store: eventstore.PostgresEventStore) -> None:
    store.append_many([event(version=version) for version in range(1, 151)])
    newest = EventQueryFilter(order_direction="DESC", limit=100)
    assert events_in(recent_events(store)) == store.query(newest)
    assert of_kind(recent_events(store)) == EVENT_DTYPES


def test_an_empty_store_gives_the_same_columns(store: eventstore.PostgresEventStore) -> None:
    assert of_kind(event_statistics(store)) == STATISTICS_DTYPES
    assert of_kind(recent_events(store)) == of_kind(frame(store)) == EVENT_DTYPES
    fields = {"a": "int64", "b": "Int64", "c": "float64", "d": "bool", "e": "boolean", "f": "string", "g": "category"}
    assert of_kind(frame(store, payload=fields)) == in_the_place_of_event_data(fields)


def in_the_place_of_event_data(fields: dict[str, str]) -> dict[str, str]:
    dtypes = list(EVENT_DTYPES.items())
    return dict([*dtypes[:5], *fields.items(), *dtypes[6:]])


NA = None
# dtype, payloads of a field "x", and what comes of them.
FIELDS: list[tuple[str, list[dict[str, Any]], list[Any]]] = [
    ("int64", [{"x": 40}, {"x": 40.0}, {"x": -(2**63)}, {"x": 2**63 - 1}, {"x": 0}], [40, 40, -(2**63), 2**63 - 1, 0]),
    ("Int64", [{"x": 2**53 + 1}, {}, {"x": None}, {"x": -1.0}], [2**53 + 1, NA, NA, -1]),
    ("float64", [{"x": 0.1}, {"x": 3}, {}, {"x": -(10**300)}, {"x": 5e-324}], [0.1, 3.0, NA, -1e300, 5e-324]),
    ("bool", [{"x": True}, {"x": False}], [True, False]),
    ("boolean", [{"x": True}, {}, {"x": None}], [True, NA, NA]),
    ("string", [{"x": "a"}, {"x": 'b"'}, {}, {"x": None}, {"x": [1, "c"]}, {"x": 4.50}, {"x": "null"}],
     ["a", 'b"', NA, NA, '[1, "c"]', "4.5", "null"]),
    ("category", [{"x": "a"}, {"x": "a"}, {}, {"x": ""}], ["a", "a", NA, ""]),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "payloads", "expected"), FIELDS, ids=[dtype for dtype, _, _ in FIELDS])
def test_a_field_of_the_payload_becomes_a_column(
    store: eventstore.PostgresEventStore, dtype: str, payloads: list[dict[str, Any]], expected: list[Any]
) -> None:
    store.append_many([event(f"hand {n}", event_data=data) for n, data in enumerate(payloads)])
    found = frame(store, payload={"x": dtype})
    assert [None if pd.isna(value) else value for value in found["x"]] == expected
    assert of_kind(found) == in_the_place_of_event_data({"x": dtype})
    if dtype == "category":
        assert list(found["x"].cat.categories) == sorted({value for value in expected if value is not NA})


# dtype, the value that does not fit, and what the error says of it.
MISFITS: list[tuple[str, Any, str]] = [
    ("int64", 2**63, "is 9223372036854775808, which is no int64,"),
    ("int64", -(2**63) - 1, "is -9223372036854775809, which is no int64,"),
    ("Int64", 10**30, "is 1000000000000000000000000000000, which is no Int64,"),
    ("int64", 0.5, "is 0.5, which is no int64,"),
    ("int64", "40", 'is "40", which is no int64,'),
    ("Int64", True, "is true, which is no Int64,"),
    ("int64", [40], "is [40], which is no int64,"),
    ("int64", None, "is missing"),
    ("float64", 10**400, "is 1000000000000000000000000000000000000000, which is no float64,"),
    ("float64", "NaN", 'is "NaN", which is no float64,'),
    ("bool", 1, "is 1, which is no bool,"),
    ("boolean", "true", 'is "true", which is no boolean,'),
    ("bool", None, "is missing"),
]


@pytest.mark.parametrize(("dtype", "value", "problem"), MISFITS, ids=[f"{kind}-{text}" for kind, _, text in MISFITS])
def test_a_field_that_does_not_fit_is_named_with_its_event(
    store: eventstore.PostgresEventStore, dtype: str, value: Any, problem: str
) -> None:
    right: Any = dtype.startswith("bool") or 7
    values = [right, right, value, right, value]
    store.append_many([event(f"hand {n}", event_data={"x y": each}) for n, each in enumerate(values)])
    with pytest.raises(InvalidEventError) as caught:
        frame(store, EventQueryFilter(after_sequence=1), payload={"x y": dtype})
    assert (caught.value.field, caught.value.problem) == ("payload['x y']", f"{problem} in event 3")
    assert len(frame(store, payload={"x y": "string"})) == 5, "what the error advises"


def test_a_number_that_was_written_around_the_store_is_no_float_either(store: eventstore.PostgresEventStore) -> None:
    with store.connection() as connection:
        connection.execute(
            "INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data)"
            " VALUES (%s, 'bet', 'hand', 1, %s::text::jsonb)",
            (uuid4(), '{"x": 1e400, "y": 0.' + "1" * 40 + "}"),
        )
    with pytest.raises(InvalidEventError, match="which is no float64, in event 1"):
        frame(store, payload={"x": "float64"})
    assert frame(store, payload={"y": "float64"})["y"][0] == pytest.approx(1 / 9)
    assert Decimal(frame(store, payload={"x": "string"})["x"][0]) == Decimal("1e400")


def test_fields_of_any_name_are_found(store: eventstore.PostgresEventStore) -> None:
    store.append(event(event_data={text: f"about {text}" for text in ODD}))
    found = frame(store, payload=dict.fromkeys(ODD, "string"))
    assert [found[text][0] for text in ODD] == [f"about {text}" for text in ODD]
    assert list(found.columns) == list(in_the_place_of_event_data(dict.fromkeys(ODD, "string")))
    assert list(frame(store, payload={}).columns) == list(in_the_place_of_event_data({}))


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda store: frame(store, {"event_type": "bet"}), "filter"),
        (lambda store: frame(store, payload=["pot"]), "payload"),
        (lambda store: frame(store, payload={"pot": "int"}), "payload['pot']"),
        (lambda store: frame(store, payload={"pot": int}), "payload['pot']"),
        (lambda store: frame(store, payload={"pot": ["int64"]}), "payload['pot']"),
        (lambda store: frame(store, payload={"version": "int64"}), "payload['version']"),
        (lambda store: frame(store, payload={"": "int64"}), "payload"),
        (lambda store: frame(store, payload={3: "int64"}), "payload"),
        (lambda store: frame(eventstore.InMemoryEventStore()), "store"),
        (lambda store: event_statistics("postgresql://"), "store"),
    ],
)
def test_bad_arguments_are_named(
    store: eventstore.PostgresEventStore, call: Callable[[object], object], field: str
) -> None:
    with pytest.raises(InvalidEventError) as caught:
        call(store)
    assert caught.value.field == field


def test_the_address_of_the_store_is_used_as_it_is(store: eventstore.PostgresEventStore, schema: str) -> None:
    """By a role of its own, whose password is hard to quote; and what goes wrong is told without it."""
    role, password = f"analyst {uuid4().hex}", r"s3'c\r%et \"$ é"
    server = os.environ["EVENTSTORE_URL"]
    store.append(event())
    with psycopg.connect(server, autocommit=True) as owner:
        name = sql.Identifier(role)
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(password)))
        try:
            owner.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(schema), name))
            address = make_conninfo(server, user=role, password=password, application_name=schema)
            with eventstore.connect(address, schema=schema) as analyst:
                with pytest.raises(EventStoreError, match="no right") as refused:
                    frame(analyst)
                owner.execute(sql.SQL("GRANT SELECT ON {}.domain_events TO {}").format(sql.Identifier(schema), name))
                assert events_in(frame(analyst)) == store.query(EventQueryFilter())
                owner.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(name))
                with pytest.raises(eventstore.StoreUnavailableError) as away:
                    frame(analyst)
            assert all("s3'c" not in str(error.value) for error in (refused, away))
            assert conninfo_to_dict(address)["password"] == password
        finally:
            owner.execute(sql.SQL("DROP OWNED BY {}").format(name))
            owner.execute(sql.SQL("DROP ROLE {}").format(name))


WITHOUT = """
import sys

import eventstore
from eventstore.statistics import event_statistics, export, frame

loaded = [name for name in ("pandas", "pyarrow", "adbc_driver_postgresql") if name in sys.modules]
print(f"loaded before they are needed: {loaded}")
with eventstore.connect(schema=sys.argv[1]) as store:
    for name, ask in [
        ("pandas", lambda: event_statistics(store)),
        ("pyarrow", lambda: frame(store)),
        ("pyarrow", lambda: export(store, sys.argv[2])),
        ("adbc_driver_postgresql", lambda: frame(store)),
    ]:
        sys.modules[name] = None  # as if it were not installed
        try:
            ask()
        except eventstore.EventStoreError as error:
            print(error)
        del sys.modules[name]
"""


def test_what_is_not_installed_is_named(store: eventstore.PostgresEventStore, schema: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT, schema, str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    lines = done.stdout.splitlines()
    assert lines[0] == "loaded before they are needed: []", done.stderr
    for line, name in zip(lines[1:], ["pandas", "pyarrow", "pyarrow", "adbc_driver_postgresql"], strict=True):
        assert line.startswith(f"data frames and exports need {name} ("), line
        assert line.endswith(": python -m pip install 'eventstore-workbook[statistics]'")
    assert not list(tmp_path.iterdir())
