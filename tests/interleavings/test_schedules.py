"""Our way of reading the log loses nothing where others do: every schedule, played to every way."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import our_way
import psycopg
import pytest
import schedules
from exhibits import (
    barrier,
    cached_numbers,
    late_lock,
    one_snapshot,
    position_only,
    transaction_horizon,
    wait_at_gap,
)
from schedules import Play, event, prepared
from test_append_races import wait_for_blocked_backends
from waiting import PATIENCE

from eventstore import PostgresEventStore, connect
from eventstore.embedded import Cluster

# What becomes of the events. LOST: the reader never gets one of them. late: it waits although nothing can come.
TABLE = """
                     overtaken crossing rollback savepoint conflict copy latecomer again between turns encore relay
our_way              ok        ok       ok       ok        ok       ok   ok        ok    ok      ok    ok     ok
position_only        LOST      LOST     ok       LOST      LOST     LOST LOST      LOST  ok      ok    LOST   ok
transaction_horizon  ok        LOST     ok       late      ok       ok   late      ok    ok      ok    ok     ok
wait_at_gap          LOST      LOST     ok       LOST      LOST     LOST LOST      LOST  ok      ok    LOST   ok
late_lock            LOST      LOST     ok       LOST      LOST     LOST LOST      LOST  ok      ok    LOST   ok
cached_numbers       ok        ok       ok       LOST      ok       ok   ok        ok    ok      LOST  LOST   ok
one_snapshot         ok        ok       ok       ok        ok       ok   ok        ok    LOST    ok    ok     ok
barrier              ok        late     ok       ok        ok       ok   ok        ok    ok      ok    late   late
"""

WAYS = {
    module.__name__.removeprefix("exhibits."): module
    for module in (
        our_way,
        position_only,
        transaction_horizon,
        wait_at_gap,
        late_lock,
        cached_numbers,
        one_snapshot,
        barrier,
    )
}


def cells() -> list[tuple[str, str, str]]:
    header, *rows = (line.split() for line in TABLE.strip().splitlines())
    return [(way, schedule, outcome) for way, *row in rows for schedule, outcome in zip(header, row, strict=True)]


@pytest.fixture(scope="module")
def quiet_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Nobody else writes here: the horizon of transactions is that of all databases of a server."""
    cluster = Cluster(tmp_path_factory.mktemp("quiet"), durable=False)
    yield cluster.start()
    cluster.remove()


@pytest.fixture
def quiet_store(quiet_server: str, schema: str) -> Iterator[PostgresEventStore]:
    with connect(quiet_server, schema=schema) as store:
        yield store


@pytest.mark.parametrize(("way", "schedule", "outcome"), cells())
def test_what_becomes_of_the_events(request: pytest.FixtureRequest, way: str, schedule: str, outcome: str) -> None:
    store = request.getfixturevalue("quiet_store" if way == "transaction_horizon" else "store")
    with ExitStack() as sessions:
        connection = sessions.enter_context(store.connection())
        connection.execute(WAYS[way].SETUP)
        play = Play(store, WAYS[way].Reader(store, connection), sessions)
        getattr(schedules, schedule)(play)
        assert play.outcome() == outcome


def test_behind_a_waiting_barrier_everybody_waits(store: PostgresEventStore) -> None:
    """One open transaction is enough. With floors nobody waits: `overtaken` is played by one thread."""
    # The threads are joined last, when closed sessions hold no more locks.
    with ThreadPoolExecutor(2) as threads, ExitStack() as sessions:
        watcher, connection = (sessions.enter_context(store.connection()) for _ in range(2))
        connection.execute(barrier.SETUP)
        reader = barrier.Reader(store, connection, patience="0")
        [caller] = Play(store, reader, sessions).writers(1)
        caller.inserts(1)
        look = threads.submit(reader.look)
        wait_for_blocked_backends(watcher, 1)
        append = threads.submit(store.append, event(2))
        wait_for_blocked_backends(watcher, 2)
        assert reader.mark == 0
        caller.commits()
        look.result(PATIENCE)
        append.result(PATIENCE)
        assert reader.fetch() == ["1"]


def test_a_prepared_transaction_holds_its_floor(tmp_path: Path) -> None:
    """On a server of its own, because servers allow none unless they are told to."""
    cluster = Cluster(tmp_path, durable=False)
    try:
        with psycopg.connect(cluster.start(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET max_prepared_transactions = 1")
        cluster.stop()
        with connect(cluster.start()) as store, ExitStack() as sessions:
            play = Play(store, our_way.Reader(store, sessions.enter_context(store.connection())), sessions)
            prepared(play)
            assert play.outcome() == "ok"
    finally:
        cluster.remove()
