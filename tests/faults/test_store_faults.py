"""The server dies under an open store. What was acknowledged is there, and the same store goes on by itself."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Barrier, Condition, get_ident
from types import SimpleNamespace

import psycopg
import pytest
from durable_server import kill
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from waiting import PATIENCE, begin, wait_until

import eventstore
from eventstore import connections
from eventstore.embedded import Cluster


def event(version: int) -> eventstore.DomainEvent:
    return eventstore.DomainEvent(event_type="moved", aggregate_id="hand", version=version, event_data={"n": version})


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A server of its own with production settings, since this test kills it."""
    cluster = Cluster(tmp_path)
    cluster.start()
    yield cluster
    cluster.remove()


def test_killed_server(cluster: Cluster) -> None:
    with eventstore.connect(cluster.url()) as store:
        for version in range(1, 11):
            store.append(event(version))
        kill(cluster)
        with pytest.raises(eventstore.StoreUnavailableError) as caught:
            store.get_latest_version("hand")
        assert caught.value.__suppress_context__, "no traceback of the driver"
        cluster.start()
        assert store.get_latest_version("hand") == 10
        assert store.append(event(11)).version == 11


def test_a_killed_private_server_is_started_again_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVENTSTORE_URL")
    monkeypatch.setenv("EVENTSTORE_HOME", str(tmp_path))
    try:
        with eventstore.connect() as store:
            acknowledged = [store.append(event(version)) for version in range(1, 11)]
            kill(Cluster())
            assert store.get_by_aggregate("hand") == acknowledged
    finally:
        Cluster().remove()


def test_a_restart_between_two_calls_is_not_noticed(cluster: Cluster) -> None:
    with eventstore.connect(cluster.url()) as store:
        store.append(event(1))
        cluster.stop()
        cluster.start()
        assert store.append(event(2)).version == 2


SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND pid <> pg_backend_pid()"


def sessions(of: str) -> list[int]:
    with psycopg.connect(os.environ["EVENTSTORE_URL"], autocommit=True) as watcher:
        return [pid for (pid,) in watcher.execute(SESSIONS, (of,))]


def test_terminated_backends_are_replaced(store: eventstore.PostgresEventStore, schema: str) -> None:
    store.append(event(1))
    with psycopg.connect(os.environ["EVENTSTORE_URL"], autocommit=True) as other:
        for pid in sessions(schema):
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    assert store.append(event(2)).version == 2


def test_few_connections_serve_many_threads_and_close_with_the_store(
    store: eventstore.PostgresEventStore, schema: str
) -> None:
    with ThreadPoolExecutor(24) as threads:
        list(threads.map(lambda _: store.get_latest_version("hand"), range(200)))
    assert 1 <= len(sessions(schema)) <= 8
    store.close()
    wait_until(lambda: not sessions(schema), "the end of the sessions")


def test_connections_that_die_under_many_threads_leave_room_for_others(
    store: eventstore.PostgresEventStore, schema: str
) -> None:
    """More die than there may be, so that one that was forgotten would be missed."""
    most = 0
    with psycopg.connect(os.environ["EVENTSTORE_URL"], autocommit=True) as other:
        for number in range(24):
            events = [replace(event(1), aggregate_id=f"hand {number}-{thread}") for thread in range(24)]
            appended = [begin(partial(store.append, each)) for each in events]
            alive = sessions(schema)
            most = max(most, len(alive))
            if alive:
                other.execute("SELECT pg_terminate_backend(%s)", (alive[0],))
            for each in appended:
                with suppress(eventstore.StoreUnavailableError):  # those whose session was killed at work
                    each.result(timeout=PATIENCE)
        last = [begin(partial(store.append, replace(event(1), aggregate_id=f"last {n}"))) for n in range(24)]
        assert [each.result(timeout=PATIENCE).version for each in last] == [1] * 24
    assert most <= 8


def test_who_waits_for_a_connection_is_told_that_the_store_was_closed(
    store: eventstore.PostgresEventStore, schema: str
) -> None:
    with store.connection() as holder, ThreadPoolExecutor(12) as threads:
        with holder.transaction():
            holder.execute("LOCK TABLE domain_events IN ACCESS EXCLUSIVE MODE")
            calls = [threads.submit(store.exists, "hand") for _ in range(12)]
            wait_until(lambda: len(sessions(schema)) == 9, "eight calls that wait for the lock, and the holder")
            store.close()
        problems = [str(error) for each in calls if (error := each.exception(timeout=PATIENCE))]
    assert len(problems) == 4
    assert all("connect again" in problem for problem in problems)


WAITING = "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'"


def test_who_is_interrupted_in_the_moment_when_a_connection_is_his_leaves_it_to_the_next(
    store: eventstore.PostgresEventStore, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_line = []

    class CtrlC(Condition):
        def wait(self, timeout: float | None = None) -> bool:
            first = not in_line
            in_line.append(first)
            told = super().wait(timeout)
            if first:
                raise KeyboardInterrupt
            return told

    monkeypatch.setattr(connections, "threading", SimpleNamespace(Condition=CtrlC, get_ident=get_ident))
    url = make_conninfo(os.environ["EVENTSTORE_URL"], application_name=schema)
    with eventstore.connect(url, schema=schema) as crowded, store.connection() as holder, store.connection() as watcher:

        def at_work() -> list[int]:
            return [pid for (pid,) in watcher.execute(WAITING, (schema,))]

        with holder.transaction():
            holder.execute("LOCK TABLE domain_events IN ACCESS EXCLUSIVE MODE")
            calls = [begin(partial(crowded.exists, "hand")) for _ in range(connections.MAX_CONNECTIONS)]
            wait_until(lambda: len(at_work()) == connections.MAX_CONNECTIONS, "calls that wait for the lock")
            interrupted = begin(partial(crowded.exists, "hand"))
            wait_until(lambda: len(in_line) == 1, "the first in line")
            following = begin(partial(crowded.exists, "hand"))
            wait_until(lambda: len(in_line) == 2, "the second in line")
            holder.execute("SELECT pg_cancel_backend(%s)", (at_work()[0],))
            assert isinstance(interrupted.exception(timeout=PATIENCE), KeyboardInterrupt)
            wait_until(lambda: len(at_work()) == connections.MAX_CONNECTIONS, "the second in line at work")
        assert following.result(timeout=PATIENCE) is False
        assert sum(each.exception(timeout=PATIENCE) is not None for each in calls) == 1


def test_a_connection_given_back_while_the_store_is_closed_is_closed_too(
    store: eventstore.PostgresEventStore, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class CloseMeanwhile:
        """Stands for the state that is looked for, and closes the store just before the answer."""

        def __ne__(self, found: object) -> bool:
            store.close()
            return found != TransactionStatus.IDLE

    monkeypatch.setattr(connections, "IDLE", CloseMeanwhile())
    store.append(event(1))
    wait_until(lambda: not sessions(schema), "the end of the sessions")
    with pytest.raises(eventstore.EventStoreError, match="connect again"):
        store.exists("hand")


def test_the_last_connection_may_be_taken_while_the_store_is_closed(
    store: eventstore.PostgresEventStore, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class TakenMeanwhile(deque[psycopg.Connection]):
        """Somebody takes what is there just after it was seen."""

        def __bool__(self) -> bool:
            there = len(self) > 0
            if there:
                self.pop().close()
            return there

    monkeypatch.setattr(connections, "deque", TakenMeanwhile)
    url = make_conninfo(os.environ["EVENTSTORE_URL"], application_name=schema)
    other = eventstore.connect(url, schema=schema)
    other.append(event(1))
    other.close()


class Reader(eventstore.Projection):
    """Reads the log through the store, once it holds all the connections that there are."""

    name, tables = "reader", ("latest_versions",)

    def __init__(self) -> None:
        self.store: eventstore.PostgresEventStore | None = None
        self.all_at_work = Barrier(connections.MAX_CONNECTIONS, timeout=PATIENCE)

    def create(self, connection: psycopg.Connection) -> None:
        connection.execute("CREATE TABLE latest_versions (aggregate_id text, version int)")

    def apply(self, event: eventstore.DomainEvent, connection: psycopg.Connection) -> None:
        assert self.store
        self.all_at_work.wait()
        latest = self.store.get_latest_version(event.aggregate_id)
        connection.execute("INSERT INTO latest_versions VALUES (%s, %s)", (event.aggregate_id, latest))


def test_inline_projections_that_read_through_the_store_do_not_wait_for_each_other(
    store: eventstore.PostgresEventStore, schema: str
) -> None:
    reader = Reader()
    url = make_conninfo(os.environ["EVENTSTORE_URL"], application_name=schema)
    with eventstore.connect(url, schema=schema, inline=[reader]) as reader.store:
        for version in (1, 2):
            events = [replace(event(version), aggregate_id=f"hand {n}") for n in range(connections.MAX_CONNECTIONS)]
            appended = [begin(partial(reader.store.append, each)) for each in events]
            assert {each.result(timeout=PATIENCE).version for each in appended} == {version}
        # The first is the other store's.
        wait_until(lambda: len(sessions(schema)) <= 1 + connections.MAX_CONNECTIONS, "the end of all above the maximum")


def test_what_an_inline_projection_does_to_a_connection_never_reaches_the_store(schema: str) -> None:
    class Careless(eventstore.Projection):
        name, tables = "careless", ("seen",)

        def create(self, connection: psycopg.Connection) -> None:
            connection.execute("CREATE TABLE seen (version int)")

        def apply(self, event: eventstore.DomainEvent, connection: psycopg.Connection) -> None:
            connection.row_factory = dict_row
            connection.execute("INSERT INTO seen VALUES (%s)", (event.version,))

    with eventstore.connect(schema=schema, inline=[Careless()]) as store:
        stored = [store.append(event(version)) for version in (1, 2)]
        assert store.query(eventstore.EventQueryFilter()) == stored


def test_what_a_borrower_does_to_a_connection_never_reaches_the_store(store: eventstore.PostgresEventStore) -> None:
    with store.connection() as connection:
        connection.row_factory = dict_row
        connection.autocommit = False
        connection.execute("SELECT 1")
        connection.commit()
    stored = store.append(event(1))
    assert store.get_by_aggregate("hand") == [stored]


def test_borrowers_do_not_keep_the_store_waiting(store: eventstore.PostgresEventStore) -> None:
    def borrow_and_append(number: int) -> int:
        with store.connection():
            stream = f"hand {number}"
            return store.append(replace(event(1), aggregate_id=stream)).version

    with ThreadPoolExecutor(12) as threads:
        assert list(threads.map(borrow_and_append, range(12), timeout=PATIENCE)) == [1] * 12


def test_waiting_too_long_for_a_lock_is_told(store: eventstore.PostgresEventStore, schema: str) -> None:
    url = make_conninfo(os.environ["EVENTSTORE_URL"], options="-c lock_timeout=100ms")
    with store.connection() as holder, holder.transaction(), eventstore.connect(url, schema=schema) as hasty:
        holder.execute("LOCK TABLE domain_events IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(eventstore.StoreUnavailableError, match="try again"):
            hasty.append(event(1))


def test_a_dropped_schema_is_told(store: eventstore.PostgresEventStore, schema: str) -> None:
    with store.connection() as connection:
        connection.execute(psycopg.sql.SQL("DROP SCHEMA {} CASCADE").format(psycopg.sql.Identifier(schema)))
    with pytest.raises(eventstore.SchemaError, match="dropped"):
        store.append(event(1))


def test_a_closed_store_says_so(store: eventstore.PostgresEventStore) -> None:
    store.close()
    with pytest.raises(eventstore.EventStoreError, match="connect again"):
        store.exists("hand")
