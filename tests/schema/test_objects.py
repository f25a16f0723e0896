"""The tables, functions and views are those that are promised, and mean the same wherever they are called from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

import eventstore

START = datetime(2030, 1, 1, tzinfo=UTC)


def event(version: int, aggregate_id: str = "hand", event_type: str = "bet", **fields: Any) -> eventstore.DomainEvent:
    given = {"event_data": {"amount": version}} | fields
    return eventstore.DomainEvent(event_type=event_type, aggregate_id=aggregate_id, version=version, **given)


def columns(store: eventstore.PostgresEventStore, relation: str) -> list[tuple[str, str, str, str]]:
    """Name, type, `YES` where NULL is allowed, and default or identity of each column, in order."""
    question = """
        SELECT column_name, data_type, is_nullable, coalesce(column_default, identity_generation, '')
        FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = %s
        ORDER BY ordinal_position
    """
    with store.connection() as connection:
        return connection.execute(question, (relation,)).fetchall()


def test_the_columns_of_the_log(store: eventstore.PostgresEventStore) -> None:
    assert columns(store, "domain_events") == [
        ("sequence_number", "bigint", "NO", "ALWAYS"),
        ("id", "uuid", "NO", ""),
        ("event_type", "text", "NO", ""),
        ("aggregate_id", "text", "NO", ""),
        ("version", "integer", "NO", ""),
        ("event_data", "jsonb", "NO", ""),
        ("schema_version", "integer", "NO", "1"),
        ("event_timestamp", "timestamp with time zone", "NO", "now()"),
        ("recorded_at", "timestamp with time zone", "NO", "clock_timestamp()"),
        ("causation_id", "uuid", "YES", ""),
        ("correlation_id", "uuid", "YES", ""),
        ("user_id", "text", "YES", ""),
    ]


def test_the_columns_of_the_snapshots(store: eventstore.PostgresEventStore) -> None:
    assert columns(store, "event_snapshots") == [
        ("aggregate_id", "text", "NO", ""),
        ("version", "integer", "NO", ""),
        ("schema_version", "integer", "NO", "1"),
        ("state", "jsonb", "NO", ""),
        ("saved_at", "timestamp with time zone", "NO", "clock_timestamp()"),
    ]


def test_the_log_has_eight_indexes(store: eventstore.PostgresEventStore, schema: str) -> None:
    with store.connection() as connection:
        found = connection.execute(
            "SELECT indexdef FROM pg_indexes WHERE schemaname = %s AND tablename = 'domain_events'", (schema,)
        ).fetchall()
    # What follows the table's name: the method, the columns, the condition.
    assert sorted(definition.split(" USING ")[1] for (definition,) in found) == [
        "btree (aggregate_id, version)",
        "btree (correlation_id, sequence_number) WHERE (correlation_id IS NOT NULL)",
        "btree (event_timestamp, sequence_number)",
        "btree (event_type, sequence_number)",
        "btree (id)",
        "btree (sequence_number)",
        "btree (user_id, sequence_number) WHERE (user_id IS NOT NULL)",
        "gin (event_data jsonb_path_ops)",
    ]


def test_numbers_are_drawn_one_by_one(store: eventstore.PostgresEventStore) -> None:
    # With a CACHE, a session would keep numbers back for later, below those that others have written meanwhile.
    with store.connection() as connection:
        found = connection.execute(
            "SELECT seqcache FROM pg_sequence"
            " WHERE seqrelid = pg_get_serial_sequence('domain_events', 'sequence_number')::regclass"
        ).fetchone()
    assert found == (1,)


@pytest.mark.parametrize(
    ("call", "versions"),
    [
        ("get_event_stream('hand')", [1, 2, 3, 4, 5]),
        ("get_event_stream('hand', 3)", [3, 4, 5]),
        ("get_event_stream('hand', 2, 4)", [2, 3, 4]),
        ("get_event_stream(aggregate_id => 'hand')", [1, 2, 3, 4, 5]),
        ("get_event_stream(aggregate_id => 'hand', to_version => 2)", [1, 2]),
        ("get_event_stream(aggregate_id => 'hand', from_version => 4, to_version => NULL)", [4, 5]),
        ("get_event_stream('hand', 0)", [1, 2, 3, 4, 5]),
        ("get_event_stream('hand', 6)", []),
        ("get_event_stream('nobody')", []),
    ],
)
def test_a_stream_in_sql(store: eventstore.PostgresEventStore, call: str, versions: list[int]) -> None:
    store.append_many([event(version) for version in range(1, 6)])
    store.append(event(1, "other"))
    with store.connection() as connection:
        rows = connection.execute(f"SELECT version, aggregate_id FROM {call}").fetchall()
    assert rows == [(version, "hand") for version in versions]


def test_a_stream_in_sql_has_all_columns_of_the_log(store: eventstore.PostgresEventStore) -> None:
    stored = store.append(event(1, metadata=eventstore.EventMetadata(user_id="anna")))
    with store.connection() as connection:
        cursor = connection.execute("SELECT * FROM get_event_stream('hand')")
        found = cursor.fetchone()
        assert cursor.description
        assert [column.name for column in cursor.description] == [name for name, *_ in columns(store, "domain_events")]
    assert found == (
        *(stored.sequence_number, stored.id, "bet", "hand", 1, {"amount": 1}, 1, stored.event_timestamp),
        *(stored.recorded_at, None, None, "anna"),
    )


def test_snapshots_in_sql(store: eventstore.PostgresEventStore) -> None:
    store.append_many([event(version) for version in range(1, 4)])
    with store.connection() as connection:
        connection.execute("SELECT create_snapshot('hand', 3, %s)", (Jsonb({"pot": 30}),))
        # An older state that is saved later is still the older one.
        connection.execute(
            "SELECT create_snapshot(aggregate_id => 'hand', version => 2, state => %s, schema_version => 7)",
            (Jsonb({"pot": 20}),),
        )
        newest = "SELECT aggregate_id, version, schema_version, state FROM get_latest_snapshot(%s)"
        assert connection.execute(newest, ("hand",)).fetchall() == [("hand", 3, 1, {"pot": 30})]
        assert connection.execute(newest, ("nobody",)).fetchall() == []
        # The same version again takes the place of the first one.
        connection.execute("SELECT create_snapshot('hand', 3, %s, 2)", (Jsonb({"pot": 31}),))
        assert connection.execute(newest, ("hand",)).fetchall() == [("hand", 3, 2, {"pot": 31})]
        history = connection.execute("SELECT version, schema_version FROM event_snapshots ORDER BY version").fetchall()
        assert history == [(2, 7), (3, 2)]


@pytest.mark.parametrize(("aggregate_id", "version"), [("hand", 3), ("hand", 0), ("nobody", 1)])
def test_no_snapshot_of_what_has_not_happened(
    store: eventstore.PostgresEventStore, aggregate_id: str, version: int
) -> None:
    store.append_many([event(1), event(2)])
    with store.connection() as connection, pytest.raises(psycopg.errors.ForeignKeyViolation):
        connection.execute("SELECT create_snapshot(%s, %s, '{}')", (aggregate_id, version))


@pytest.mark.parametrize("statement", ["DELETE FROM event_snapshots", "TRUNCATE event_snapshots"])
def test_snapshots_may_go_at_any_time(store: eventstore.PostgresEventStore, statement: str) -> None:
    store.append(event(1))
    store.save_snapshot(eventstore.EventSnapshot(aggregate_id="hand", version=1, state={}))
    with store.connection() as connection:
        connection.execute(statement)
    assert store.get_latest_snapshot("hand") is None
    assert store.get_latest_version("hand") == 1


def test_recent_events_are_the_last_hundred_newest_first(store: eventstore.PostgresEventStore) -> None:
    # The timestamps run backwards, the log does not.
    store.append_many([event(n, event_timestamp=START - timedelta(days=n)) for n in range(1, 104)])
    assert [name for name, *_ in columns(store, "recent_events")] == [
        name for name, *_ in columns(store, "domain_events")
    ]
    with store.connection() as connection:
        rows = connection.execute("SELECT version FROM recent_events").fetchall()
    assert rows == [(version,) for version in range(103, 3, -1)]


def test_event_statistics(store: eventstore.PostgresEventStore) -> None:
    def at(**after: float) -> datetime:
        return START + timedelta(**after)

    store.append_many(
        [
            # Written out of order: first and last are by time, not by place in the log.
            event(1, "a", "bet", event_timestamp=at(days=4)),
            event(2, "a", "bet", event_timestamp=at(days=0)),
            *(event(version, "b", "bet", event_timestamp=at(days=1)) for version in range(1, 9)),
            event(9, "b", "fold", event_timestamp=at(hours=1)),
            event(10, "b", "fold", event_timestamp=at(hours=2)),
            event(1, "c", "fold", event_timestamp=at(hours=3)),
            event(2, "c", "show", event_timestamp=at(hours=3)),
        ]
    )
    with store.connection() as connection:
        cursor = connection.execute("SELECT * FROM event_statistics ORDER BY event_type")
        assert cursor.description
        assert [column.name for column in cursor.description] == [
            *("event_type", "event_count", "aggregate_count"),
            *("first_event_at", "last_event_at", "events_per_day"),
        ]
        assert cursor.fetchall() == [
            ("bet", 10, 2, at(days=0), at(days=4), 2.5),
            # Within a day, and at a single moment: as if it had been a day.
            ("fold", 3, 2, at(hours=1), at(hours=3), 3.0),
            ("show", 1, 1, at(hours=3), at(hours=3), 1.0),
        ]


def test_event_statistics_of_an_empty_log(store: eventstore.PostgresEventStore) -> None:
    with store.connection() as connection:
        assert connection.execute("SELECT * FROM event_statistics").fetchall() == []


@pytest.fixture
def other_log(schema: str) -> Iterator[str]:
    """The name of a second schema, whose log holds one event."""
    name = f"{schema} 2"
    with eventstore.connect(schema=name) as other:
        other.append(event(1, "hand of the other log"))
        yield name
        with other.connection() as connection:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


@pytest.mark.parametrize("path_leads_to", ["another log", "nowhere"])
def test_everything_finds_its_own_schema(
    store: eventstore.PostgresEventStore, schema: str, other_log: str, path_leads_to: str
) -> None:
    store.append_many([event(1), event(2)])
    calls = [
        ("SELECT count(*) FROM {}.get_event_stream('hand')", 2),
        ("SELECT count(*) FROM {}.recent_events", 2),
        ("SELECT event_count FROM {}.event_statistics", 2),
        ("SELECT {}.high_water_mark()", 2),
        ("SELECT {}.create_snapshot('hand', 2, '[]')", None),
        ("SELECT version FROM {}.get_latest_snapshot('hand')", 2),
        # Its triggers must find the number that was drawn last in this schema.
        (
            "INSERT INTO {}.domain_events (id, event_type, aggregate_id, version, event_data)"
            " VALUES (gen_random_uuid(), 'bet', 'hand', 3, jsonb_build_object()) RETURNING sequence_number",
            3,
        ),
        ("SELECT {}.high_water_mark()", 3),
    ]
    path = other_log if path_leads_to == "another log" else ""
    with store.connection() as connection:
        connection.execute("SELECT set_config('search_path', quote_ident(%s), false)", (path,))
        for call, answer in calls:
            assert connection.execute(sql.SQL(call).format(sql.Identifier(schema))).fetchone() == (answer,), call


def test_a_function_that_was_dropped_is_told(store: eventstore.PostgresEventStore) -> None:
    store.append(event(1))
    with store.connection() as connection:
        connection.execute("DROP FUNCTION high_water_mark CASCADE; DROP FUNCTION create_snapshot")
    with pytest.raises(eventstore.SchemaError, match="functions are not there"):
        store.high_water_mark()
    with pytest.raises(eventstore.SchemaError, match="functions are not there"):
        store.save_snapshot(eventstore.EventSnapshot(aggregate_id="hand", version=1, state={}))


def test_the_reference_page_names_everything(store: eventstore.PostgresEventStore) -> None:
    page = (Path(__file__).parents[2] / "docs" / "schema.md").read_text(encoding="utf-8")
    question = """
        SELECT relname FROM pg_class JOIN here ON relnamespace = here.oid WHERE relkind IN ('r', 'v')
        UNION SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema()
        UNION SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'domain_events'::regclass
        UNION SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
            JOIN here ON relnamespace = here.oid WHERE NOT tgisinternal
        UNION SELECT proname FROM pg_proc JOIN here ON pronamespace = here.oid
    """
    here = "WITH here AS (SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
    with store.connection() as connection:
        names = [name for (name,) in connection.execute(here + question)]
    assert len(names) > 30
    assert [name for name in names if not re.search(rf"\b{name}\b", page)] == []
