"""Installing is idempotent, safe for many processes at once, and needs no rights where there is nothing to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from roles import Guest
from waiting import PATIENCE, wait_until

import eventstore
from eventstore.database import (
    INSTALL_LOCK,
    MAKE_LEDGER,
    NOTE_IN_LEDGER,
    check_schema,
    install,
    open_connection,
    sql_files,
)


def event(version: int = 1) -> eventstore.DomainEvent:
    return eventstore.DomainEvent(event_type="game.created", aggregate_id="hand", version=version, event_data={})


def test_the_second_time_nothing_is_applied(schema: str) -> None:
    with open_connection(os.environ["EVENTSTORE_URL"], schema) as connection:
        assert install(connection, schema) == [file.name for file in sql_files()]
        assert install(connection, schema) == []


@pytest.fixture
def first_slice(schema: str) -> Iterator[None]:
    """A schema as the first version of this package made it: the log, its guard, and two events."""
    with open_connection(os.environ["EVENTSTORE_URL"], schema) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        connection.execute(MAKE_LEDGER)
        for file in sql_files():
            if file.name in ("010_domain_events", "110_guards"):
                connection.execute(file.text)
                connection.execute(NOTE_IN_LEDGER, (file.name, file.checksum))
        insert = """
            INSERT INTO domain_events (id, event_type, aggregate_id, event_data, version)
            VALUES (gen_random_uuid(), 'game.created', 'hand', '{"seat": 3}', %s)
        """
        for version in (1, 2):
            connection.execute(insert, (version,))
        yield


def assert_works(schema: str, latest_version: int) -> None:
    """The schema is whole, and what is in it goes on."""
    with eventstore.connect(schema=schema) as store:
        assert store.append(event(latest_version + 1)).sequence_number == latest_version + 1
        assert store.high_water_mark() == latest_version + 1
        store.save_snapshot(eventstore.EventSnapshot(aggregate_id="hand", version=1, state={}))
        with store.connection() as connection:
            assert check_schema(connection, schema) == []


@pytest.mark.usefixtures("first_slice")
def test_an_older_schema_is_brought_up_to_date_and_keeps_its_events(schema: str) -> None:
    with eventstore.connect(schema=schema) as store:
        found = store.query(eventstore.EventQueryFilter(data_contains={"seat": 3}))
        assert [(event.version, event.sequence_number) for event in found] == [(1, 1), (2, 2)]
    assert_works(schema, 2)


def test_four_processes_install_at_once(schema: str) -> None:
    code = f"import eventstore; eventstore.connect(schema={schema!r}).close()"
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, encoding="utf-8") for _ in range(4)
    ]
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0], errors
    assert_works(schema, 0)


def test_four_sessions_install_at_the_same_moment(schema: str, request: pytest.FixtureRequest) -> None:
    """Processes take so long to start that they hardly meet. Sessions that are open already do, nearly every time."""
    together = Barrier(4)

    def install_together(connection: psycopg.Connection) -> list[str]:
        together.wait()
        return install(connection, schema)

    for _ in range(50 if request.config.getoption("--long") else 5):
        with ExitStack() as sessions, ThreadPoolExecutor(4) as threads:
            connections = [
                sessions.enter_context(open_connection(os.environ["EVENTSTORE_URL"], schema)) for _ in range(4)
            ]
            applied = list(threads.map(install_together, connections))
            # One of them did all the work.
            assert sorted(applied) == [[], [], [], [file.name for file in sql_files()]]
            assert check_schema(connections[0], schema) == []
            connections[0].execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


def test_a_changed_function_takes_the_place_of_the_old_one(store: eventstore.PostgresEventStore, schema: str) -> None:
    store.append(event())
    with store.connection() as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION refuse_to_change_history() RETURNS trigger"
            " LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''once upon a time''; RETURN NULL; END'"
        )
        connection.execute("UPDATE eventstore_schema SET checksum = 'older' WHERE file = '110_guards'")
        assert install(connection, schema) == ["110_guards"]
        with pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute("DELETE FROM domain_events")
        assert check_schema(connection, schema) == []


def test_changed_tables_are_refused(schema: str) -> None:
    with open_connection(os.environ["EVENTSTORE_URL"], schema) as connection:
        install(connection, schema)
        connection.execute("UPDATE eventstore_schema SET checksum = 'older' WHERE file = '010_domain_events'")
        with pytest.raises(eventstore.SchemaError, match="010_domain_events"):
            install(connection, schema)


def test_an_upgrade_gives_up_behind_a_writer_and_lets_the_others_write(
    store: eventstore.PostgresEventStore, schema: str
) -> None:
    waiting = """
        SELECT count(*) FROM pg_locks
        WHERE relation = format('%%I.domain_events', %s::text)::regclass AND mode = %s AND NOT granted
    """

    def waits(mode: str) -> bool:
        return watch.execute(waiting, (schema, mode)).fetchone() == (1,)

    def upgrade() -> None:
        with pytest.raises(eventstore.StoreUnavailableError, match="try again"):
            eventstore.connect(schema=schema)

    url = os.environ["EVENTSTORE_URL"]
    with (
        store.connection() as connection,
        psycopg.connect(url, autocommit=True) as watch,
        ThreadPoolExecutor(2) as threads,
        psycopg.connect(url) as slow,  # closed first: then whoever still waits goes on
    ):
        connection.execute("UPDATE eventstore_schema SET checksum = 'older' WHERE file = '110_guards'")
        store.append(event(), connection=slow)
        upgrading = threads.submit(upgrade)
        wait_until(lambda: waits("ShareRowExclusiveLock"), "the upgrade to wait for the writer")
        other = eventstore.DomainEvent(event_type="bet", aggregate_id="other", version=1, event_data={})
        appending = threads.submit(store.append, other)
        wait_until(lambda: waits("RowExclusiveLock"), "the others to wait for the upgrade")
        upgrading.result(timeout=PATIENCE)
        assert appending.result(timeout=PATIENCE).version == 1
        slow.commit()
        assert install(connection, schema) == ["110_guards"]
    assert store.get_event_count() == 2


def test_nothing_to_do_changes_nothing_and_waits_for_nobody(store: eventstore.PostgresEventStore, schema: str) -> None:
    with store.connection() as connection, connection.transaction():
        connection.execute("LOCK TABLE domain_events, event_snapshots IN ACCESS EXCLUSIVE MODE")
        connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (INSTALL_LOCK, schema))
        connection.execute("LOCK TABLE eventstore_schema IN SHARE ROW EXCLUSIVE MODE")  # nobody else writes
        settings = {"lock_timeout": "2s", "default_transaction_read_only": "on"}
        with open_connection(os.environ["EVENTSTORE_URL"], schema, **settings) as other:
            assert install(other, schema) == []


def test_a_role_that_may_not_create_connects_to_what_is_there(
    store: eventstore.PostgresEventStore, schema: str, guest: Guest
) -> None:
    rights = """
        GRANT USAGE ON SCHEMA {0} TO {1};
        GRANT SELECT, INSERT ON {0}.domain_events, {0}.event_snapshots TO {1};
    """
    with store.connection() as connection:
        guest.is_granted(rights, connection, schema)
        right_to_look = "SELECT has_sequence_privilege(%s, 'domain_events_sequence_number_seq', 'SELECT, USAGE')"
        assert connection.execute(right_to_look, (guest.name,)).fetchone() == (False,)
    with eventstore.connect(guest.url, schema=schema) as as_guest:
        first = as_guest.append(event())
        batch = as_guest.append_many([event(2), event(3)])
        assert as_guest.append(first) == first
        with pytest.raises(eventstore.VersionConflictError):
            as_guest.append(event(3))
        assert as_guest.get_by_aggregate("hand") == [first, *batch]
        assert as_guest.high_water_mark() == batch[-1].sequence_number
        snapshot = eventstore.EventSnapshot(aggregate_id="hand", version=3, state={"pot": 3})
        with as_guest.connection() as connection:
            insert = "INSERT INTO event_snapshots (aggregate_id, version, state) VALUES ('hand', 3, '{\"pot\": 3}')"
            connection.execute(insert)
        assert as_guest.get_latest_snapshot("hand") == snapshot


def test_a_role_that_may_not_create_is_told_so(guest: Guest, schema: str) -> None:
    with pytest.raises(eventstore.SchemaError, match="owner of the database"):
        eventstore.connect(guest.url, schema=schema)


def test_a_role_that_may_not_create_is_told_of_another_version(
    store: eventstore.PostgresEventStore, schema: str, guest: Guest
) -> None:
    with store.connection() as connection:
        guest.is_granted(
            "GRANT USAGE ON SCHEMA {0} TO {1}; GRANT SELECT ON ALL TABLES IN SCHEMA {0} TO {1}", connection, schema
        )
        connection.execute("UPDATE eventstore_schema SET checksum = 'older' WHERE file = '110_guards'")
    with pytest.raises(eventstore.SchemaError, match="of another version"):
        eventstore.connect(guest.url, schema=schema)


@pytest.mark.parametrize("name", ["", "pg_mine", "x" * 64, "$user", "a\0b", "\ud800", None, 5])
def test_impossible_schema_names_are_refused(name: Any) -> None:
    with pytest.raises(eventstore.SchemaError, match="printable"):
        eventstore.connect(schema=name)


def test_a_role_without_any_right_on_the_schema_is_told_so(
    store: eventstore.PostgresEventStore, schema: str, guest: Guest
) -> None:
    with pytest.raises(eventstore.SchemaError, match="grant this role USAGE"):
        eventstore.connect(guest.url, schema=schema)


def test_a_role_that_may_not_write_is_told_so(store: eventstore.PostgresEventStore, schema: str, guest: Guest) -> None:
    with store.connection() as connection:
        rights = "GRANT USAGE ON SCHEMA {0} TO {1}; GRANT SELECT ON ALL TABLES IN SCHEMA {0} TO {1}"
        guest.is_granted(rights, connection, schema)
    with (
        eventstore.connect(guest.url, schema=schema) as as_guest,
        pytest.raises(eventstore.SchemaError, match="no right"),
    ):
        as_guest.append(event())


def test_text_is_utf_8_whatever_the_session_would_prefer(
    store: eventstore.PostgresEventStore, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    with eventstore.connect(schema=schema) as second:
        second.append(eventstore.DomainEvent(event_type="ŵ", aggregate_id="🂡", version=1, event_data={"é": "ŵ"}))
        assert second.get_by_aggregate("🂡")[0].event_data == {"é": "ŵ"}


def test_a_database_that_is_not_utf_8_is_refused() -> None:
    name = f"ascii_{uuid4().hex}"
    url = os.environ["EVENTSTORE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        make = "CREATE DATABASE {} ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
        connection.execute(sql.SQL(make).format(sql.Identifier(name)))
        try:
            with pytest.raises(eventstore.StoreUnavailableError, match="UTF-8"):
                eventstore.connect(psycopg.conninfo.make_conninfo(url, dbname=name))
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_two_schemas_do_not_see_each_other(store: eventstore.PostgresEventStore) -> None:
    other = f"other {uuid4().hex}"
    try:
        with eventstore.connect(schema=other) as second:
            store.append(event())
            assert not second.exists("hand")
            second.append(event())
    finally:
        with store.connection() as connection:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(other)))


NOWHERE = [
    "nonsense",
    "postgresql://someone:pass-word@127.0.0.1:1/none",
    "postgresql://someone:pass-word@127.0.0.1:1/none?connect_timeout=soon",
]


@pytest.mark.parametrize("url", NOWHERE)
def test_an_address_that_leads_nowhere_is_told_without_the_password(url: str) -> None:
    with pytest.raises(eventstore.StoreUnavailableError) as caught:
        eventstore.connect(url)
    assert "pass-word" not in str(caught.value)
