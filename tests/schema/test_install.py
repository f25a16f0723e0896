"""Installing is idempotent, safe for many processes at once, and needs no rights where there is nothing to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

import eventstore
from eventstore.database import install, open_connection, sql_files


def event(version: int = 1) -> eventstore.DomainEvent:
    return eventstore.DomainEvent(event_type="game.created", aggregate_id="hand", version=version, event_data={})


def test_the_second_time_nothing_is_applied(schema: str) -> None:
    with open_connection(os.environ["EVENTSTORE_URL"], schema) as connection:
        assert install(connection, schema) == [file.name for file in sql_files()]
        assert install(connection, schema) == []


def test_four_processes_at_once(schema: str) -> None:
    code = f"import eventstore; eventstore.connect(schema={schema!r}).close()"
    processes = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for _ in range(4)]
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0], errors


def test_changed_functions_are_applied_again(schema: str) -> None:
    with open_connection(os.environ["EVENTSTORE_URL"], schema) as connection:
        install(connection, schema)
        connection.execute("UPDATE eventstore_schema SET checksum = 'older' WHERE file = '110_guards'")
        assert install(connection, schema) == ["110_guards"]


def test_changed_tables_are_refused(schema: str) -> None:
    with open_connection(os.environ["EVENTSTORE_URL"], schema) as connection:
        install(connection, schema)
        connection.execute("UPDATE eventstore_schema SET checksum = 'older' WHERE file = '010_domain_events'")
        with pytest.raises(eventstore.SchemaError, match="010_domain_events"):
            install(connection, schema)


def test_nothing_to_do_waits_for_no_open_append(store: eventstore.PostgresEventStore, schema: str) -> None:
    with store.connection() as connection, connection.transaction():
        connection.execute("LOCK TABLE domain_events IN ROW EXCLUSIVE MODE")
        with open_connection(os.environ["EVENTSTORE_URL"], schema, lock_timeout="2s") as other:
            assert install(other, schema) == []


@pytest.fixture
def guest(schema: str) -> Iterator[str]:
    """The URL of a role that may connect, and nothing else."""
    name, password = f"guest_{uuid4().hex}", uuid4().hex
    address = psycopg.conninfo.conninfo_to_dict(os.environ["EVENTSTORE_URL"])
    with psycopg.connect(os.environ["EVENTSTORE_URL"], autocommit=True) as connection:
        role = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password)))
        yield psycopg.conninfo.make_conninfo(**address | {"user": name, "password": password})
        connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(role))


def test_a_role_that_may_not_create_connects_to_what_is_there(
    store: eventstore.PostgresEventStore, schema: str, guest: str
) -> None:
    role = sql.Identifier(psycopg.conninfo.conninfo_to_dict(guest)["user"])
    rights = "GRANT USAGE ON SCHEMA {0} TO {1}; GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA {0} TO {1}"
    with store.connection() as connection:
        connection.execute(sql.SQL(rights).format(sql.Identifier(schema), role))
    with eventstore.connect(guest, schema=schema) as as_guest:
        as_guest.append(event())
        assert as_guest.get_latest_version("hand") == 1


def test_a_role_that_may_not_create_is_told_so(guest: str, schema: str) -> None:
    with pytest.raises(eventstore.SchemaError, match="owner of the database"):
        eventstore.connect(guest, schema=schema)


@pytest.mark.parametrize("name", ["", "pg_mine", "x" * 64, "$user", "a\0b", "\ud800", None, 5])
def test_impossible_schema_names_are_refused(name: Any) -> None:
    with pytest.raises(eventstore.SchemaError, match="printable"):
        eventstore.connect(schema=name)


def test_a_role_without_any_right_on_the_schema_is_told_so(
    store: eventstore.PostgresEventStore, schema: str, guest: str
) -> None:
    with pytest.raises(eventstore.SchemaError, match="grant USAGE"):
        eventstore.connect(guest, schema=schema)


def test_a_role_that_may_not_write_is_told_so(store: eventstore.PostgresEventStore, schema: str, guest: str) -> None:
    role = sql.Identifier(psycopg.conninfo.conninfo_to_dict(guest)["user"])
    with store.connection() as connection:
        rights = "GRANT USAGE ON SCHEMA {0} TO {1}; GRANT SELECT ON ALL TABLES IN SCHEMA {0} TO {1}"
        connection.execute(sql.SQL(rights).format(sql.Identifier(schema), role))
    with eventstore.connect(guest, schema=schema) as as_guest, pytest.raises(eventstore.SchemaError, match="no right"):
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
