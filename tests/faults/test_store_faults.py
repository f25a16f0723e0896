"""The server dies under an open store. What was acknowledged is there, and the same store goes on by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

import eventstore
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


def kill_server(store: eventstore.PostgresEventStore) -> None:
    with store.connection() as connection:
        [folder] = connection.execute("SHOW data_directory").fetchone() or []
    pid = int(Path(folder, "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
    server = psutil.Process(pid)
    processes = [server, *server.children()]
    server.kill()
    psutil.wait_procs(processes, timeout=30)


def test_killed_server(cluster: Cluster) -> None:
    with eventstore.connect(cluster.url()) as store:
        for version in range(1, 11):
            store.append(event(version))
        kill_server(store)
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
            kill_server(store)
            assert store.get_by_aggregate("hand") == acknowledged
    finally:
        Cluster().remove()


def test_a_restart_between_two_calls_is_not_noticed(cluster: Cluster) -> None:
    with eventstore.connect(cluster.url()) as store:
        store.append(event(1))
        cluster.stop()
        cluster.start()
        assert store.append(event(2)).version == 2


def test_a_terminated_backend_is_replaced(store: eventstore.PostgresEventStore) -> None:
    with store.connection() as first, store.connection() as second:
        second.execute("SELECT pg_terminate_backend(%s)", (first.info.backend_pid,))
    assert store.append(event(1)).version == 1


def test_a_dropped_schema_is_told(store: eventstore.PostgresEventStore, schema: str) -> None:
    with store.connection() as connection:
        connection.execute(psycopg.sql.SQL("DROP SCHEMA {} CASCADE").format(psycopg.sql.Identifier(schema)))
    with pytest.raises(eventstore.SchemaError, match="dropped"):
        store.append(event(1))


def test_a_closed_store_says_so(store: eventstore.PostgresEventStore) -> None:
    store.close()
    with pytest.raises(eventstore.EventStoreError, match="connect again"):
        store.exists("hand")
