"""The mark at its edges: large numbers, empty logs, neighbours on the same server, roles with few rights."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from schedules import Writer, event

import eventstore
from eventstore import PostgresEventStore

CHECKOUT = Path(__file__).parents[2]

SET_LAST_NUMBER = "SELECT setval('domain_events_sequence_number_seq', %s)"


@pytest.fixture
def a(store: PostgresEventStore) -> Iterator[Writer]:
    with store.connection() as connection:
        yield Writer(store, connection)


@pytest.fixture
def b(store: PostgresEventStore) -> Iterator[Writer]:
    with store.connection() as connection:
        yield Writer(store, connection)


def test_an_empty_log_has_the_mark_zero(store: PostgresEventStore, a: Writer) -> None:
    assert store.high_water_mark() == 0
    a.inserts(1)
    assert store.high_water_mark() == 0
    a.rolls_back()
    assert store.high_water_mark() == 0


@pytest.mark.parametrize("power", [31, 32, 33])
def test_an_empty_log_has_the_mark_zero_whatever_its_next_number_is(
    store: PostgresEventStore, a: Writer, power: int
) -> None:
    a.connection.execute(SET_LAST_NUMBER, (2**power - 3,))
    a.inserts(1)
    assert store.high_water_mark() == 0


def test_a_number_that_was_rolled_back_is_passed(store: PostgresEventStore, a: Writer) -> None:
    a.inserts(1)
    a.rolls_back()
    assert store.high_water_mark() == 0
    store.append(event(2))
    assert store.high_water_mark() == 2
    a.inserts(3)
    a.rolls_back()
    assert store.high_water_mark() == 2


@pytest.mark.parametrize("power", [31, 32, 33, 62])
def test_the_mark_is_right_where_the_lower_half_of_a_number_wraps(
    store: PostgresEventStore, a: Writer, b: Writer, power: int
) -> None:
    """A lock's key has 32 bits. Floors stand open on both sides of the place where these run over."""
    edge = 2**power
    a.connection.execute(SET_LAST_NUMBER, (edge - 4,))
    assert store.append(event(1)).sequence_number == edge - 3
    a.inserts(2)
    assert store.high_water_mark() == edge - 3
    for name in range(3, 7):
        store.append(event(name))
    b.inserts(7)
    assert store.append(event(8)).sequence_number == edge + 4
    assert store.high_water_mark() == edge - 3
    a.commits()
    assert store.high_water_mark() == edge + 2
    b.commits()
    assert store.high_water_mark() == edge + 4


@pytest.mark.parametrize("drawn", [2**31 - 2, 2**30])
def test_a_floor_counts_while_two_thousand_million_numbers_are_drawn(
    store: PostgresEventStore, a: Writer, drawn: int
) -> None:
    """The documented limit: fewer than 2^31 within one open transaction."""
    start = 3 * 2**32 + 5
    a.connection.execute(SET_LAST_NUMBER, (start - 1,))
    store.append(event(1))
    a.inserts(2)
    a.connection.execute(SET_LAST_NUMBER, (start + drawn,))
    store.append(event(3))
    assert store.high_water_mark() == start


def test_stores_in_two_schemas_do_not_hold_each_other_up(store: PostgresEventStore, a: Writer) -> None:
    name = f"test {uuid4().hex}"
    try:
        with eventstore.connect(schema=name) as other:
            a.inserts(1)
            other.append(event(1))
            assert (other.high_water_mark(), store.high_water_mark()) == (1, 0)
    finally:
        with store.connection() as connection:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


@pytest.mark.parametrize(
    "lock",
    [
        "pg_advisory_lock_shared(0)",
        "pg_advisory_lock_shared('domain_events'::regclass::oid::bigint << 32)",
        "pg_advisory_lock_shared(2026, 0)",
        "pg_advisory_lock_shared('event_snapshots'::regclass::oid::int, 0)",
        "pg_advisory_lock('domain_events'::regclass::oid::int, 0)",  # floors are shared locks
    ],
)
def test_locks_of_other_programs_do_not_hold_the_mark(store: PostgresEventStore, a: Writer, lock: str) -> None:
    store.append(event(1))
    a.connection.execute(f"SELECT {lock}")  # type: ignore[arg-type]
    store.append(event(2))
    assert store.high_water_mark() == 2


def test_locks_in_another_database_do_not_hold_the_mark(store: PostgresEventStore, a: Writer) -> None:
    """Two databases may have a table of the same oid: a copy that was made with CREATE DATABASE ... TEMPLATE has."""
    name = f"test_{uuid4().hex}"
    [(table,)] = a.connection.execute("SELECT 'domain_events'::regclass::oid::int").fetchall()
    a.connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    try:
        url = make_conninfo(os.environ["EVENTSTORE_URL"], dbname=name)
        with closing(psycopg.connect(url, autocommit=True)) as elsewhere:
            elsewhere.execute("SELECT pg_advisory_lock_shared(%s::int, 0)", (table,))
            store.append(event(1))
            assert store.high_water_mark() == 1
    finally:
        a.connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_a_table_that_was_made_again_has_floors_of_its_own(
    store: PostgresEventStore, a: Writer, b: Writer, schema: str
) -> None:
    """The same store object and the same sessions go on, after the schema was dropped and installed again."""
    store.append(event(1))
    a.inserts(2)
    a.commits()
    b.connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
    eventstore.connect(schema=schema).close()
    a.inserts(3)
    store.append(event(4))
    assert store.high_water_mark() == 0
    a.commits()
    assert store.high_water_mark() == 2


def test_a_schema_that_was_renamed_takes_its_floors_along(store: PostgresEventStore, schema: str) -> None:
    """And whoever takes over the old name does not get in its way, with higher numbers of their own."""
    new = f"{schema} renamed"
    rename = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
    with store.connection() as owner:
        owner.execute(rename.format(sql.Identifier(schema), sql.Identifier(new)))
        try:
            with eventstore.connect(schema=schema) as successor:
                for name in range(1, 6):
                    successor.append(event(name))
            with eventstore.connect(schema=new) as moved, moved.connection() as connection:
                a = Writer(moved, connection)
                a.inserts(1)
                moved.append(event(2))
                assert moved.high_water_mark() == 0
                a.commits()
                assert moved.high_water_mark() == 2
        finally:
            owner.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(new)))


@pytest.fixture
def role(store: PostgresEventStore, schema: str) -> Iterator[str]:
    """A role with the rights of `sql/application_role.sql`. Roles belong to the whole server, so it has a new name."""
    name = f"test_{uuid4().hex}"
    settings = ["-v", f"role={name}", "-v", f"schema={schema}"]
    command = [sys.executable, "-m", "eventstore", "psql", "--", "-q", *settings, "-f", "sql/application_role.sql"]
    with store.connection() as owner:
        try:
            subprocess.run(command, cwd=CHECKOUT, check=True)
            yield name
        finally:
            owner.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))


@contextmanager
def store_of(role: str, schema: str) -> Iterator[PostgresEventStore]:
    url = make_conninfo(os.environ["EVENTSTORE_URL"], options=f"-c role={role}")
    with eventstore.connect(url, schema=schema) as store:
        yield store


def test_a_role_with_few_rights_publishes_its_floor_and_sees_those_of_others(
    store: PostgresEventStore, schema: str, role: str, a: Writer
) -> None:
    with store_of(role, schema) as app, app.connection() as connection:
        assert connection.execute("SELECT current_user").fetchone() == (role,)
        b = Writer(app, connection)
        app.append(event(1))
        b.inserts(2)
        a.inserts(3)
        app.append(event(4))
        assert (app.high_water_mark(), store.high_water_mark()) == (1, 1)
        b.commits()
        assert (app.high_water_mark(), store.high_water_mark()) == (2, 2)
        a.commits()
        assert (app.high_water_mark(), store.high_water_mark()) == (4, 4)


def test_a_role_that_may_not_look_at_the_sequence_loses_nothing(
    store: PostgresEventStore, schema: str, role: str, a: Writer
) -> None:
    a.connection.execute(SET_LAST_NUMBER, (2**32 - 4,))
    a.connection.execute(
        sql.SQL("REVOKE ALL ON SEQUENCE domain_events_sequence_number_seq FROM {}").format(sql.Identifier(role))
    )
    store.append(event(1))
    with store_of(role, schema) as app, app.connection() as connection:
        b = Writer(app, connection)
        b.inserts(2)  # the trigger takes the highest event for the last number
        store.append(event(3))
        assert store.high_water_mark() == 2**32 - 3
        b.commits()
        assert store.high_water_mark() == 2**32 - 1
