"""What projections cost, for docs/decisions/projections.md: python -m benchmarks.projecting

An append with and without an inline projection, call by call in turn; then each read model of poker built anew over
the simulated season, while somebody reads its table again and again. On a PostgreSQL of its own with fsync on.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count

import psycopg
from psycopg import sql

import eventstore
import poker
from benchmarks.decisions import Ways, event, fresh_server, show
from eventstore import DomainEvent, PostgresEventStore, Projection
from poker.projections import PROJECTIONS

ROUNDS = 1_000


class Counts(Projection):
    """Two statements for each event: how many of its type, and the last one of its stream."""

    name = "counts"
    tables = ("counts", "heads")

    def create(self, connection: psycopg.Connection) -> None:
        connection.execute("CREATE TABLE counts (event_type text PRIMARY KEY, events bigint NOT NULL)")
        connection.execute("CREATE TABLE heads (aggregate_id text PRIMARY KEY, version int NOT NULL)")

    def apply(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        connection.execute(
            "INSERT INTO counts VALUES (%s, 1) ON CONFLICT (event_type) DO UPDATE SET events = counts.events + 1",
            (event.event_type,),
        )
        connection.execute(
            "INSERT INTO heads VALUES (%s, %s) ON CONFLICT (aggregate_id) DO UPDATE SET version = excluded.version",
            (event.aggregate_id, event.version),
        )


class NothingToDo(Counts):
    """The same tables, for events that nobody writes here."""

    event_types = ("game.never",)


def appending(store: PostgresEventStore) -> Callable[[], object]:
    versions = count(1)
    return lambda: store.append(event("hand", next(versions)))


def inline(url: str) -> None:
    ways: Ways = {}
    with ExitStack() as stores:
        for name, projections in (("plain", []), ("nothing to do", [NothingToDo()]), ("two statements", [Counts()])):
            ways[name] = appending(stores.enter_context(eventstore.connect(url, schema=name, inline=projections)))
        for way in ways.values():
            way()
        show("append, with an inline projection", ways, ROUNDS)


def anew(url: str) -> None:
    with eventstore.connect(url, schema="season") as store:
        poker.import_hands(store, poker.season())
        events = store.get_event_count()
        for projection in PROJECTIONS.values():
            projection.subscription(store).catch_up()
            waits: list[float] = []
            done = threading.Event()
            reader = threading.Thread(target=read, args=(store, projection.tables[0], waits, done))
            reader.start()
            start = time.perf_counter()
            eventstore.rebuild(store, projection)
            took = time.perf_counter() - start
            done.set()
            reader.join()
            longest = f"a reader waited {max(waits) * 1e3:.0f} ms at most"
            print(f"{projection.name} over {events:,} events: {took:.1f} s; {longest}")


def read(store: PostgresEventStore, table: str, waits: list[float], done: threading.Event) -> None:
    statement = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
    with store.connection() as connection:
        while not done.is_set():
            start = time.perf_counter()
            connection.execute(statement)
            waits.append(time.perf_counter() - start)
            time.sleep(0.005)


def main() -> None:
    with fresh_server() as url:
        with psycopg.connect(url) as connection:
            version = connection.info.parameter_status("server_version")
        print(f"PostgreSQL {version}, fsync on, Python {platform.python_version()}, {os.cpu_count()} cores")
        inline(url)
        anew(url)


if __name__ == "__main__":
    main()
