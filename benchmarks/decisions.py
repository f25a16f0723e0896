"""The figures on the pages in `docs/decisions/`: python -m benchmarks.decisions [PAGE ...]

Each page compares a few ways of doing the same work, on a PostgreSQL of its own with fsync on. The ways take turns,
call by call, so that whatever disturbs the machine disturbs all of them; the median is printed.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import psycopg
from psycopg.types.json import Jsonb

import eventstore
from eventstore import (
    DomainEvent,
    DuplicateEventError,
    EventSnapshot,
    PostgresEventStore,
    Repository,
    VersionConflictError,
)
from eventstore.appending import APPEND_ONE, Appending, values_of
from eventstore.embedded import Cluster
from eventstore.reading import rows

Ways = dict[str, Callable[[], object]]

INSERT = """
INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data, event_timestamp)
VALUES (%b, %b, %b, %b, %b::text::jsonb, %b)
"""

COPY = """
COPY domain_events (id, event_type, aggregate_id, version, event_data, event_timestamp) FROM STDIN (FORMAT binary)
"""

NOTIFY = """
CREATE FUNCTION notify_readers() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NOTIFY domain_events; RETURN NULL; END $$;
CREATE TRIGGER notify_readers AFTER INSERT ON domain_events FOR EACH STATEMENT EXECUTE FUNCTION notify_readers();
"""

MANY_EVENTS = """
INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data)
SELECT gen_random_uuid(), 'type ' || number %% 12, 'hand ' || number / 10, number %% 10 + 1, '{"amount": 100}'
FROM generate_series(%s::int, %s::int) AS number
"""


def event(aggregate_id: str, version: int) -> DomainEvent:
    data = {"seat": 3, "kind": "raise", "amount": 225, "to": 300, "street": "turn", "pot_before": 840}
    return DomainEvent(event_type="game.action_processed", aggregate_id=aggregate_id, version=version, event_data=data)


def row(event: DomainEvent) -> tuple[object, ...]:
    return event.id, event.event_type, event.aggregate_id, event.version, event.payload_json, event.event_timestamp


def take_turns(ways: Ways, rounds: int) -> dict[str, float]:
    """The median time of one call in seconds, for each way."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, call in ways.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in times.items()}


def show(title: str, ways: Ways, rounds: int, events: int = 1) -> None:
    medians = take_turns(ways, rounds)
    first = next(iter(medians.values()))
    print(f"\n{title} (median of {rounds} rounds)")
    for name, seconds in medians.items():
        rate = f"{events / seconds:>12,.0f} events/s" if events > 1 else ""
        print(f"  {name:<48} {seconds * 1e6:>12,.0f} µs {seconds / first:>8.2f} x{rate}")


def version_check(url: str) -> None:
    versions = {name: count(1) for name in "abc"}
    with eventstore.connect(url) as store, store.connection() as bare, store.connection() as checking:

        def insert() -> None:
            bare.execute(INSERT, row(event("a", next(versions["a"]))), prepare=True, binary=True)

        def check_then_insert() -> None:
            with checking.transaction():
                query = "SELECT coalesce(max(version), 0) FROM domain_events WHERE aggregate_id = %b"
                checking.execute(query, ("b",), prepare=True, binary=True).fetchone()
                checking.execute(INSERT, row(event("b", next(versions["b"]))), prepare=True, binary=True)

        ways: Ways = {
            "INSERT, nothing checked": insert,
            "store.append: check within the INSERT": lambda: store.append(event("c", next(versions["c"]))),
            "SELECT, then INSERT in one transaction (unsafe)": check_then_insert,
        }
        take_turns(ways, 50)
        show("version check: one event a call", ways, 3_000)


def layers_of_append(url: str) -> None:
    """What each step from a bare INSERT to `store.append` adds, each on a connection of its own."""
    every_column = """
        INSERT INTO domain_events (
            id, event_type, aggregate_id, version, event_data, schema_version, event_timestamp,
            causation_id, correlation_id, user_id
        )
        VALUES (%b, %b, %b, %b, %b::text::jsonb, %b, %b, %b, %b, %b)
        RETURNING sequence_number, recorded_at
    """
    checked = APPEND_ONE.replace("{schema}.", "")
    versions = {name: count(1) for name in ("bare", "answered", "checked", "appended", "stored")}

    def new(name: str) -> DomainEvent:
        return event(name, next(versions[name]))

    with ExitStack() as stack:
        store = stack.enter_context(eventstore.connect(url))
        bare, answering, checking, appending = (stack.enter_context(store.connection()) for _ in range(4))
        layer = Appending(store.schema)

        def check_too() -> None:
            sent = new("checked")
            rows(checking, checked, [*values_of(sent), sent.aggregate_id, sent.version])

        ways: Ways = {
            "INSERT of six columns": lambda: bare.execute(INSERT, row(new("bare")), prepare=True, binary=True),
            "... of all columns, with the answer": lambda: answering.execute(
                every_column, values_of(new("answered")), prepare=True, binary=True
            ).fetchone(),
            "... with the version check": check_too,
            "... with the stored event for the caller": lambda: layer.append(appending, [new("appended")]),
            "store.append: on a connection of the store's": lambda: store.append(new("stored")),
        }
        take_turns(ways, 100)
        show("append: one event a call", ways, 3_000)


def idempotency(url: str) -> None:
    versions, batches = count(1), count()
    with eventstore.connect(url) as store:

        def new_batch() -> list[DomainEvent]:
            name = f"batch {next(batches)}"
            return [event(name, version) for version in range(1, 1_001)]

        def refused(wrong: DomainEvent, error: type[Exception]) -> None:
            with suppress(error):
                store.append(wrong)
                raise AssertionError("this append should have been refused")

        known, known_batch = store.append(event("known", 1)), store.append_many(new_batch())
        ways: Ways = {
            "append of a new event": lambda: store.append(event("hand", next(versions))),
            "the same append again": lambda: store.append(known),
            "its id with other content": lambda: refused(replace(known, event_type="other"), DuplicateEventError),
            "a version that is taken": lambda: refused(event("known", 1), VersionConflictError),
        }
        take_turns(ways, 50)
        show("idempotency: one event a call", ways, 2_000)
        ways = {
            "append_many of 1,000 new events": lambda: store.append_many(new_batch()),
            "the same batch again": lambda: store.append_many(known_batch),
        }
        take_turns(ways, 2)
        show("idempotency: 1,000 events a call", ways, 15, events=1_000)

        def append_unsafely(_: int) -> None:
            with store.connection() as connection:
                query = "SELECT coalesce(max(version), 0) FROM domain_events WHERE aggregate_id = 'unsafe'"
                for _turn in range(50):
                    [(version,)] = connection.execute(query).fetchall()
                    values = row(event("unsafe", version + 1))
                    connection.execute(INSERT + "ON CONFLICT DO NOTHING", values, binary=True)

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(append_unsafely, range(8)))
        print(f"\nON CONFLICT DO NOTHING: 400 appends without an error, {store.get_event_count('unsafe')} stored")


def batches(url: str) -> None:
    size, streams = 1_000, count()
    with eventstore.connect(url) as store, store.connection() as bare:

        def batch() -> list[DomainEvent]:
            name = f"stream {next(streams)}"
            return [event(name, version) for version in range(1, size + 1)]

        def copy() -> None:
            with bare.cursor() as cursor, cursor.copy(COPY) as stream:
                stream.set_types(["uuid", "text", "text", "int4", "jsonb", "timestamptz"])
                for each in batch():
                    stream.write_row((*row(each)[:4], Jsonb(each.event_data), each.event_timestamp))

        def insert_many() -> None:
            with bare.transaction(), bare.cursor() as cursor:
                cursor.executemany(INSERT.replace("%b", "%s"), [row(each) for each in batch()])

        def append_one_by_one() -> None:
            for each in batch():
                store.append(each)

        ways: Ways = {
            "store.append_many: unnest, checked, answered": lambda: store.append_many(batch()),
            "COPY, nothing checked or answered": copy,
            "executemany in one transaction, nothing checked": insert_many,
            "store.append, one call an event": append_one_by_one,
        }
        take_turns(ways, 1)
        show(f"batches: {size:,} events from objects to commit", ways, 15, events=size)


def loading(url: str) -> None:
    numbers = count()

    def hands(streams: int, events: int) -> list[DomainEvent]:
        names = [f"hand {next(numbers)}" for _ in range(streams)]
        return [event(name, version) for name in names for version in range(1, events // streams + 1)]

    with eventstore.connect(url) as store:
        store.load(hands(200, 20_000))
        for events, streams in ((100, 1), (500, 5), (1_000, 1), (2_000, 100), (10_000, 100)):
            ways: Ways = {}
            for way in (store.append_many, store.load):
                ready = iter([hands(streams, events) for _ in range(12)])
                ways[way.__name__] = lambda way=way, ready=ready: way(next(ready))  # type: ignore[misc]
            take_turns(ways, 1)
            show(f"loading: {events:,} events a call, {streams} streams", ways, 11, events)


def snapshots(url: str) -> None:
    def pot(state: int, event: DomainEvent) -> int:
        return state + int(event.event_data["amount"])

    with eventstore.connect(url) as store:
        for length in (10, 100, 1_000, 10_000):
            name = f"hand of {length}"
            store.append_many([event(name, version) for version in range(1, length + 1)])
            repository = Repository(store, pot, 0)
            bare = Repository(store, pot, 0, schema_version=2)  # ignores the snapshots of version 1
            at = max(1, length - 10)
            early = repository.load_at(name, at)
            store.save_snapshot(EventSnapshot(aggregate_id=name, version=at, state=early))
            ways: Ways = {
                "without a snapshot": lambda bare=bare, name=name: bare.load(name),  # type: ignore[misc]
                "with one, ten events before the end": lambda one=repository, name=name: one.load(name),  # type: ignore[misc]
            }
            take_turns(ways, 3)
            show(f"snapshots: load a stream of {length:,} events", ways, 15)


def notifications(url: str) -> None:
    with eventstore.connect(url, schema="silent") as silent, eventstore.connect(url, schema="loud") as loud:
        with loud.connection() as connection:
            connection.execute(NOTIFY)
        names = (f"stream {number}" for number in count())

        def eight_writers(store: PostgresEventStore) -> None:
            def write(name: str) -> None:
                for version in range(1, 101):
                    store.append(event(name, version))

            with ThreadPoolExecutor(8) as threads:
                list(threads.map(write, [next(names) for _ in range(8)]))

        ways: Ways = {
            "append": lambda: eight_writers(silent),
            "append with NOTIFY": lambda: eight_writers(loud),
        }
        take_turns(ways, 2)
        show("notifications: 8 writers of 100 events each", ways, 15, events=800)


def statistics_view(url: str) -> None:
    with eventstore.connect(url) as store, store.connection() as connection:
        for total in (10_000, 100_000, 1_000_000):
            [(stored,)] = connection.execute("SELECT count(*) FROM domain_events").fetchall()
            connection.execute(MANY_EVENTS, (stored, total - 1))
            connection.execute("VACUUM ANALYZE domain_events")
            ways: Ways = {
                "event_statistics": lambda: connection.execute("SELECT * FROM event_statistics").fetchall(),
                "recent_events": lambda: connection.execute("SELECT * FROM recent_events").fetchall(),
                "get_event_count": store.get_event_count,
            }
            take_turns(ways, 1)
            show(f"statistics: {total:,} events", ways, 5)


PAGES = {
    "append": layers_of_append,
    "version-check": version_check,
    "idempotency": idempotency,
    "batches": batches,
    "loading": loading,
    "snapshots": snapshots,
    "notifications": notifications,
    "statistics": statistics_view,
}


@contextmanager
def fresh_server() -> Iterator[str]:
    """A PostgreSQL with its default settings, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="eventstore-measures-", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(Path(folder))
        try:
            yield cluster.start()
        finally:
            cluster.remove()


def main() -> None:
    names = sys.argv[1:] or list(PAGES)
    if unknown := set(names) - set(PAGES):
        raise SystemExit(f"no such page: {', '.join(unknown)}; there are {', '.join(PAGES)}")
    for name in names:
        with fresh_server() as url:
            if name == names[0]:
                with psycopg.connect(url) as connection:
                    version = connection.info.parameter_status("server_version")
                print(f"PostgreSQL {version}, fsync on, Python {platform.python_version()}, {os.cpu_count()} cores")
            PAGES[name](url)


if __name__ == "__main__":
    main()
