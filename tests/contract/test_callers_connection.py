"""Joining a caller's transaction: which connections are refused, and that the settings of the others do not matter."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from callers import event, pay, players, versions
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row, namedtuple_row, scalar_row

import eventstore
from eventstore import (
    DuplicateEventError,
    EventMetadata,
    EventStoreError,
    InvalidEventError,
    PostgresEventStore,
    StoreUnavailableError,
    VersionConflictError,
)

# What cannot be joined is refused, with the reason, before anything is written.


def refusal(store: PostgresEventStore, connection: Any) -> InvalidEventError:
    with pytest.raises(InvalidEventError) as single:
        store.append(event(1), connection=connection)
    with pytest.raises(InvalidEventError) as batch:
        store.append_many([event(1), event(1, "other")], connection=connection)
    with pytest.raises(InvalidEventError):
        store.append_many([], connection=connection)
    assert str(single.value) == str(batch.value)
    assert single.value.field == "connection"
    assert single.value.fix
    assert store.get_event_count() == 0
    return single.value


def test_an_idle_connection_with_autocommit_is_refused(store: PostgresEventStore, caller: psycopg.Connection) -> None:
    caller.autocommit = True
    assert "autocommit" in refusal(store, caller).problem
    with caller.transaction():
        store.append(event(1), connection=caller)
    assert versions(store) == [1]


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_transaction_that_sees_the_past_is_refused(
    store: PostgresEventStore, caller: psycopg.Connection, schema: str, level: str
) -> None:
    caller.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
    pay(caller, schema, "before")
    assert level in refusal(store, caller).problem
    pay(caller, schema, "after")
    caller.commit()
    assert players(store) == ["after", "before"]
    store.append(event(1), connection=caller)


@pytest.mark.parametrize("level", [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE])
def test_a_connection_whose_transactions_see_the_past_is_refused(
    store: PostgresEventStore, caller: psycopg.Connection, level: psycopg.IsolationLevel
) -> None:
    caller.isolation_level = level
    refusal(store, caller)
    assert caller.info.transaction_status is TransactionStatus.IDLE  # so the level can be changed
    caller.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    store.append(event(1), connection=caller)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_connection_that_lacks_some_letters_is_refused(
    store: PostgresEventStore, caller: psycopg.Connection, encoding: str
) -> None:
    caller.execute("SELECT set_config('client_encoding', %s, false)", (encoding,))
    assert "letters" in refusal(store, caller).problem
    caller.execute("SET client_encoding TO 'UTF8'")
    assert store.append(event(1, "🂡"), connection=caller).aggregate_id == "🂡"


def test_read_uncommitted_is_read_committed(store: PostgresEventStore, caller: psycopg.Connection) -> None:
    caller.isolation_level = psycopg.IsolationLevel.READ_UNCOMMITTED
    store.append(event(1), connection=caller)
    caller.commit()
    assert versions(store) == [1]


def test_a_failed_transaction_is_refused(store: PostgresEventStore, caller: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        caller.execute("SELECT 1 / 0")
    assert "failed" in refusal(store, caller).problem
    caller.rollback()
    store.append(event(1), connection=caller)


def test_a_read_only_transaction_stays_usable(store: PostgresEventStore, caller: psycopg.Connection) -> None:
    caller.read_only = True
    with pytest.raises(EventStoreError, match="read-only"):
        store.append(event(1), connection=caller)
    assert caller.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("autocommit", [True, False])
def test_pipeline_mode_is_refused(store: PostgresEventStore, caller: psycopg.Connection, autocommit: bool) -> None:
    if not psycopg.Pipeline.is_supported():
        pytest.skip("this libpq has no pipeline mode")
    caller.autocommit = autocommit
    with caller.transaction(), caller.pipeline():
        assert "pipeline" in refusal(store, caller).problem
        caller.execute("SELECT 1")
    with caller.transaction():
        store.append(event(1), connection=caller)
    caller.commit()
    assert versions(store) == [1]


def test_an_asynchronous_connection_is_refused(store: PostgresEventStore) -> None:
    async def join() -> None:
        async with await psycopg.AsyncConnection.connect(os.environ["EVENTSTORE_URL"]) as connection:
            assert "AsyncConnection" in refusal(store, connection).problem

    # psycopg does not work on the loop that is the default on Windows.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(join())


def test_what_is_no_connection_is_refused(store: PostgresEventStore, caller: psycopg.Connection) -> None:
    for wrong in (False, 0, "", os.environ["EVENTSTORE_URL"], object(), caller.cursor(), psycopg.Connection, store):
        message = str(refusal(store, wrong))
        assert "psycopg.Connection" in message
        assert "postgresql://" not in message


def test_a_closed_connection_is_refused(store: PostgresEventStore, caller: psycopg.Connection) -> None:
    caller.close()
    with pytest.raises(StoreUnavailableError):
        store.append(event(1), connection=caller)


def test_a_connection_that_breaks_is_told_and_leaves_nothing(
    store: PostgresEventStore, caller: psycopg.Connection
) -> None:
    store.append(event(1), connection=caller)
    with store.connection() as watcher:
        watcher.execute("SELECT pg_terminate_backend(%s, 5000)", (caller.info.backend_pid,))
    with pytest.raises(StoreUnavailableError):
        store.append(event(2), connection=caller)
    assert caller.closed
    assert versions(store) == []


# A caller's connection may be set up in any way.


def use_all_of_it(store: PostgresEventStore, caller: psycopg.Connection) -> None:
    """Everything that an append can meet, within a transaction that the caller has to commit."""
    details: dict[str, Any] = {
        "id": uuid4(),
        "metadata": EventMetadata(user_id="Jürgen", correlation_id=uuid4(), causation_id=uuid4()),
    }
    happened = datetime(2025, 3, 1, 20, 0, 0, 123456, tzinfo=UTC)
    bet = event(1, event_data={"ä": "🂡", "half": 0.5}, event_timestamp=happened, **details)
    stored = [store.append(bet, connection=caller)]
    stored += store.append_many([event(2), event(1, "other"), event(3)], connection=caller)
    repeated = store.append(bet, connection=caller)
    assert repeated == stored[0]
    for moment in (stored[0].recorded_at, stored[0].event_timestamp, repeated.recorded_at, repeated.event_timestamp):
        assert moment is not None
        assert moment.utcoffset() == timedelta(0)
        assert moment.tzinfo is UTC
    with pytest.raises(VersionConflictError) as conflict:
        store.append(event(3), connection=caller)
    assert conflict.value.latest_version == 3
    with pytest.raises(DuplicateEventError):
        store.append(event(4, **details), connection=caller)


def check_all_of_it(store: PostgresEventStore) -> None:
    assert versions(store) == [1, 2, 3]
    assert versions(store, "other") == [1]
    assert store.get_by_aggregate("hand")[0].event_data == {"ä": "🂡", "half": 0.5}


def _set(**attributes: Any) -> Callable[[psycopg.Connection], None]:
    def prepare(connection: psycopg.Connection) -> None:
        for name, value in attributes.items():
            setattr(connection, name, value)

    return prepare


def _run(statement: str) -> Callable[[psycopg.Connection], object]:
    return lambda connection: connection.execute(statement)


SETTINGS: dict[str, Callable[[psycopg.Connection], object]] = {
    "rows as dicts": _set(row_factory=dict_row),
    "rows as named tuples": _set(row_factory=namedtuple_row),
    "rows as single values": _set(row_factory=scalar_row),
    "cursors that bind on the client": _set(cursor_factory=psycopg.ClientCursor),
    "cursors with raw parameters": _set(cursor_factory=psycopg.RawCursor),
    "prepares nothing": _set(prepare_threshold=None),
    "prepares everything": _set(prepare_threshold=0),
    "another time zone": _run("SET timezone = 'Asia/Kolkata'"),
    "another way to write dates": _run("SET datestyle = 'German'"),
    "looks for tables nowhere": _run("SET search_path = ''"),
    "looks for its own objects first": _run("SET search_path = public, pg_catalog"),
    "prefers serializable, but has begun at read committed": _run(
        "SET default_transaction_isolation = 'serializable'; COMMIT; BEGIN ISOLATION LEVEL READ COMMITTED"
    ),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_callers_settings_do_not_matter(
    store: PostgresEventStore, caller: psycopg.Connection, setting: str
) -> None:
    SETTINGS[setting](caller)
    use_all_of_it(store, caller)
    caller.commit()
    check_all_of_it(store)


def test_the_callers_settings_are_left_alone(store: PostgresEventStore, caller: psycopg.Connection) -> None:
    caller.execute("SET timezone = 'Asia/Kolkata'; SET search_path = pg_catalog")
    query = "SELECT name, setting FROM pg_settings WHERE source = 'session' ORDER BY name"
    before = caller.execute(query).fetchall()
    use_all_of_it(store, caller)
    assert caller.execute(query).fetchall() == before
    assert (caller.autocommit, caller.prepare_threshold) == (False, 5)


def test_a_caller_who_prepares_nothing_has_nothing_prepared(
    store: PostgresEventStore, caller: psycopg.Connection
) -> None:
    """Because a pooler may stand in between, which gives the next statement to another session."""
    caller.prepare_threshold = None
    use_all_of_it(store, caller)
    assert caller.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


def test_another_schema_that_the_caller_sees_first_stays_empty(
    store: PostgresEventStore, schema: str, caller: psycopg.Connection
) -> None:
    other_schema = f"{schema} 2"
    with eventstore.connect(schema=other_schema) as other:
        try:
            path = sql.SQL("SET search_path = {}").format(sql.Identifier(other_schema))
            caller.execute(path)
            use_all_of_it(store, caller)
            caller.commit()
            check_all_of_it(store)
            assert other.get_event_count() == 0
            with other.connection() as connection, connection.transaction():
                store.append(event(4), connection=connection)
            assert (versions(store), other.get_event_count()) == ([1, 2, 3, 4], 0)
        finally:
            with other.connection() as connection:
                connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(other_schema)))


def test_a_table_of_the_same_name_does_not_catch_the_events(
    store: PostgresEventStore, caller: psycopg.Connection
) -> None:
    caller.execute("CREATE TEMPORARY TABLE domain_events (id uuid, version int, aggregate_id text)")
    use_all_of_it(store, caller)
    caller.commit()
    check_all_of_it(store)


def test_a_connection_of_the_stores_own(store: PostgresEventStore) -> None:
    with store.connection() as connection:
        with connection.transaction():
            use_all_of_it(store, connection)
        check_all_of_it(store)
        connection.execute("BEGIN")
        store.append(event(4), connection=connection)
        connection.execute("ROLLBACK")
    assert versions(store) == [1, 2, 3]


def test_a_connection_class_of_the_callers_own(store: PostgresEventStore) -> None:
    class Traced(psycopg.Connection[Any]):
        pass

    with Traced.connect(os.environ["EVENTSTORE_URL"]) as connection:
        use_all_of_it(store, connection)
    check_all_of_it(store)


@pytest.mark.parametrize("name", ['per%cent "quoted" {schema} %b', "Ünïcödé's"])
def test_the_schema_may_have_any_name(name: str) -> None:
    schema = f"{name} {uuid4().hex[:8]}"
    with eventstore.connect(schema=schema) as store, store.connection() as caller:
        try:
            with caller.transaction():
                use_all_of_it(store, caller)
            check_all_of_it(store)
            store.append(event(4))
            store.append_many([event(5), event(2, "other")])
            with pytest.raises(VersionConflictError):
                store.append(event(5))
            store.save_snapshot(eventstore.EventSnapshot(aggregate_id="hand", version=5, state={}))
            assert store.get_latest_snapshot("hand") is not None
            assert [each.version for each in store.get_stream("hand", 4)] == [4, 5]
            assert len(store.query(eventstore.EventQueryFilter(event_type="bet", data_contains={"chips": 20}))) == 2
            assert (store.get_event_count(), store.exists("hand"), len(store.get_by_type("bet"))) == (7, True, 7)
            assert store.high_water_mark() == store.get_by_aggregate("other")[-1].sequence_number
        finally:
            caller.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
