"""The table keeps bad rows out and good rows in, whoever writes and with whatever program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

import eventstore

PLAIN_INSERT = """
INSERT INTO domain_events (id, event_type, aggregate_id, event_data, version, event_timestamp)
VALUES (%(id)s, %(event_type)s, %(aggregate_id)s, %(event_data)s, %(version)s, %(event_timestamp)s)
"""

FULL_INSERT = """
INSERT INTO domain_events
    (id, event_type, aggregate_id, event_data, version, event_timestamp, schema_version, user_id)
VALUES (
    %(id)s, %(event_type)s, %(aggregate_id)s, %(event_data)s, %(version)s, %(event_timestamp)s,
    %(schema_version)s, %(user_id)s
)
"""

ROW: dict[str, Any] = {
    "id": UUID(int=1),
    "event_type": "game.created",
    "aggregate_id": "hand",
    "event_data": "{}",
    "version": 1,
    "event_timestamp": "2030-01-01 00:00:00+00",
}


def test_a_plain_insert_works_and_reads_back(store: eventstore.PostgresEventStore) -> None:
    with store.connection() as connection:
        connection.execute(PLAIN_INSERT, ROW)
    [event] = store.get_by_aggregate("hand")
    assert (event.id, event.schema_version, event.metadata) == (UUID(int=1), 1, eventstore.EventMetadata())


@pytest.mark.parametrize("value", ["9" * 5_000, "[" * 5_000 + "]" * 5_000], ids=["digits", "depth"])
def test_a_payload_that_python_cannot_read_is_told_with_its_event(
    store: eventstore.PostgresEventStore, value: str
) -> None:
    with store.connection() as connection:
        connection.execute(PLAIN_INSERT, ROW | {"event_data": f'{{"pot": {value}}}'})
    with pytest.raises(eventstore.EventStoreError, match=str(ROW["id"])):
        store.get_by_aggregate("hand")


@pytest.mark.parametrize(
    ("column", "value", "constraint"),
    [
        ("event_type", "", "domain_events_event_type_length"),
        ("event_type", "é" * 128, "domain_events_event_type_length"),
        ("aggregate_id", "", "domain_events_aggregate_id_length"),
        ("aggregate_id", "x" * 256, "domain_events_aggregate_id_length"),
        ("version", 0, "domain_events_version_positive"),
        ("schema_version", 0, "domain_events_schema_version_positive"),
        ("user_id", "x" * 256, "domain_events_user_id_length"),
        ("event_data", "[]", "domain_events_event_data_object"),
        ("event_timestamp", "infinity", "domain_events_event_timestamp_range"),
        ("event_timestamp", "0044-03-15 00:00:00+00 BC", "domain_events_event_timestamp_range"),
        ("id", UUID(int=1), "domain_events_pkey"),
        ("version", 1, "domain_events_aggregate_version_key"),
    ],
)
def test_each_constraint_refuses(
    store: eventstore.PostgresEventStore, column: str, value: object, constraint: str
) -> None:
    with store.connection() as connection:
        connection.execute(PLAIN_INSERT, ROW)
        # A row that breaks nothing but the one constraint under test.
        other = ROW | {"id": UUID(int=2), "version": 2, "schema_version": 1, "user_id": None} | {column: value}
        with pytest.raises(psycopg.IntegrityError) as caught:
            connection.execute(FULL_INSERT, other)
    assert caught.value.diag.constraint_name == constraint


def test_a_sequence_number_stands_once(store: eventstore.PostgresEventStore) -> None:
    insert = """
        INSERT INTO domain_events (sequence_number, id, event_type, aggregate_id, event_data, version)
        OVERRIDING SYSTEM VALUE VALUES (7, %s, 'game.created', 'hand', '{}', %s)
    """
    with store.connection() as connection:
        connection.execute(insert, (UUID(int=1), 1))
        with pytest.raises(psycopg.errors.UniqueViolation, match="sequence_number_key"):
            connection.execute(insert, (UUID(int=2), 2))


def test_recorded_at_is_the_moment_of_writing_not_the_start_of_the_transaction(
    store: eventstore.PostgresEventStore,
) -> None:
    with store.connection() as connection, connection.transaction():
        for version in (1, 2):
            connection.execute(PLAIN_INSERT, ROW | {"id": UUID(int=version), "version": version})
    first, second = store.get_by_aggregate("hand")
    assert first.recorded_at is not None
    assert second.recorded_at is not None
    assert first.recorded_at < second.recorded_at


def test_nobody_chooses_a_sequence_number(store: eventstore.PostgresEventStore) -> None:
    insert = """
        INSERT INTO domain_events (sequence_number, id, event_type, aggregate_id, event_data, version)
        VALUES (9, %s, 'game.created', 'hand', '{}', 1)
    """
    with store.connection() as connection, pytest.raises(psycopg.errors.GeneratedAlways):
        connection.execute(insert, (UUID(int=1),))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE domain_events SET event_data = '{}'",
        "DELETE FROM domain_events",
        "TRUNCATE domain_events",
        "TRUNCATE event_snapshots, domain_events",
        "TRUNCATE domain_events CASCADE",
        "TRUNCATE domain_events RESTART IDENTITY CASCADE",
        "UPDATE domain_events SET version = 2 WHERE false",
    ],
)
def test_history_cannot_be_changed(store: eventstore.PostgresEventStore, statement: str) -> None:
    with store.connection() as connection:
        connection.execute(PLAIN_INSERT, ROW)
        with pytest.raises(psycopg.errors.RestrictViolation, match="events are facts"):
            connection.execute(statement)
    assert store.get_latest_version("hand") == 1


def test_the_guard_finds_its_table_under_any_search_path(store: eventstore.PostgresEventStore, schema: str) -> None:
    with store.connection() as connection:
        connection.execute("SET search_path = public")
        try:
            with pytest.raises(psycopg.errors.RestrictViolation):
                connection.execute(sql.SQL("DELETE FROM {}.domain_events").format(sql.Identifier(schema)))
        finally:
            connection.close()


NO_SUCH_VERSION = [
    "INSERT INTO {}.event_snapshots (aggregate_id, version, state) VALUES ('hand', 2, '[]')",
    "INSERT INTO {}.event_snapshots (aggregate_id, version, state) VALUES ('nobody', 1, '[]')",
    "INSERT INTO {}.event_snapshots (aggregate_id, version, state) VALUES ('hand', 0, '[]')",
    "UPDATE {}.event_snapshots SET version = 2",
    "UPDATE {}.event_snapshots SET aggregate_id = 'nobody'",
    "SELECT {}.create_snapshot('hand', 2, '[]')",
    "MERGE INTO {}.event_snapshots USING (VALUES (2)) AS wanted (version) ON false"
    " WHEN NOT MATCHED THEN INSERT (aggregate_id, version, state) VALUES ('hand', wanted.version, '[]')",
]


@pytest.mark.parametrize("statement", NO_SUCH_VERSION)
@pytest.mark.parametrize("path_leads_to", ["this log", "another log", "nowhere"])
def test_no_snapshot_of_a_version_that_was_not_reached(
    store: eventstore.PostgresEventStore, schema: str, other_log: str, statement: str, path_leads_to: str
) -> None:
    with store.connection() as connection:
        connection.execute(PLAIN_INSERT, ROW)
        store.save_snapshot(eventstore.EventSnapshot(aggregate_id="hand", version=1, state={"pot": 1}))
        path = {"this log": schema, "another log": other_log, "nowhere": ""}[path_leads_to]
        connection.execute("SELECT set_config('search_path', quote_ident(%s), false)", (path,))
        with pytest.raises(psycopg.errors.ForeignKeyViolation, match="has not reached version"):
            connection.execute(sql.SQL(statement).format(sql.Identifier(schema)))
        found = sql.SQL("SELECT aggregate_id, version, state FROM {}.event_snapshots").format(sql.Identifier(schema))
        assert connection.execute(found).fetchall() == [("hand", 1, {"pot": 1})]


@pytest.fixture
def other_log(schema: str) -> Iterator[str]:
    """The name of a second schema, whose log has reached what the first one has not."""
    name = f"{schema} 2"
    with eventstore.connect(schema=name) as other, other.connection() as connection:
        for number, (aggregate_id, version) in enumerate([("hand", 1), ("hand", 2), ("nobody", 1)], start=1):
            row = {"id": UUID(int=number), "aggregate_id": aggregate_id, "version": version}
            connection.execute(PLAIN_INSERT, ROW | row)
        yield name
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


def test_the_triggers_find_their_tables_when_the_schema_has_got_another_name(
    store: eventstore.PostgresEventStore, schema: str
) -> None:
    with store.connection() as connection:
        connection.execute(PLAIN_INSERT, ROW)
        renamed = f"{schema} 2"
        rename = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
        connection.execute(rename.format(sql.Identifier(schema), sql.Identifier(renamed)))
        try:
            with eventstore.connect(schema=renamed) as same:
                same.save_snapshot(eventstore.EventSnapshot(aggregate_id="hand", version=1, state={}))
                with pytest.raises(eventstore.InvalidEventError):
                    same.save_snapshot(eventstore.EventSnapshot(aggregate_id="hand", version=2, state={}))
                again = same.get_by_aggregate("hand")[0]
                assert same.append(replace(again, id=UUID(int=2), version=2)).version == 2
                assert same.high_water_mark() == 2
                with same.connection() as other, pytest.raises(psycopg.errors.RestrictViolation):
                    other.execute("DELETE FROM domain_events")
        finally:
            connection.execute(rename.format(sql.Identifier(renamed), sql.Identifier(schema)))
