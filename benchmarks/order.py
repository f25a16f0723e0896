"""What the order of the log costs, for docs/decisions/order.md: python -m benchmarks.order"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count

import psycopg
from psycopg.conninfo import make_conninfo

import eventstore
from benchmarks.decisions import event, fresh_server
from eventstore import PostgresEventStore

ROUNDS = 4_000

EXPLAIN = """
EXPLAIN (ANALYZE, FORMAT JSON)
INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data)
VALUES (gen_random_uuid(), 'counted', gen_random_uuid(), 1, '{}')
"""

LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"


def compare(title: str, without: Callable[[], object], with_floor: Callable[[], object]) -> None:
    """Print the medians of two calls, and the median of what the second takes longer than its neighbour."""
    pairs = []
    for turn in range(ROUNDS):
        times = {}
        for call in (without, with_floor) if turn % 2 else (with_floor, without):  # neither is always the first
            start = time.perf_counter()
            call()
            times[call] = (time.perf_counter() - start) * 1e6
        pairs.append((times[without], times[with_floor]))
    bare, published = (statistics.median(column) for column in zip(*pairs, strict=True))
    extra = statistics.median(published - bare for bare, published in pairs)
    print(f"  {title:<44} {bare:>8.0f} µs {published:>8.0f} µs {extra:>+8.1f} µs")


def appending(store: PostgresEventStore) -> Callable[[], object]:
    versions = count(1)
    return lambda: store.append(event("hand", next(versions)))


def cost_of_the_floor(url: str) -> None:
    """The same append to two stores, one of which has no trigger."""
    print(f"\none append {'':<35} {'no trigger':>11} {'trigger':>11} {'difference':>11}  (medians of {ROUNDS:,} pairs)")
    for commit in ("on", "off"):
        address = make_conninfo(url, options=f"-c synchronous_commit={commit}")
        with ExitStack() as sessions:
            without, with_floor = (
                sessions.enter_context(eventstore.connect(address, schema=f"{name} {commit}"))
                for name in ("without", "with")
            )
            with without.connection() as connection:
                connection.execute("DROP TRIGGER domain_events_publish_floor ON domain_events")
            compare(f"synchronous_commit {commit}", appending(without), appending(with_floor))


def time_in_the_trigger(url: str) -> None:
    """By the server's own account, so that nothing else is counted."""
    with eventstore.connect(url, schema="explained") as store, store.connection() as connection:
        times: dict[str, list[float]] = {"first": [], "later": []}
        for _ in range(ROUNDS // 4):
            with connection.transaction():
                for statement in times:
                    [(plan,)] = connection.execute(EXPLAIN).fetchall()
                    times[statement].append(sum(trigger["Time"] for trigger in plan[0]["Triggers"]) * 1e3)
    first, later = (statistics.median(each) for each in times.values())
    print(f"the trigger alone: {first:.0f} µs in the first statement of a transaction, {later:.0f} µs in a later one")


def lock_entries(url: str) -> None:
    with eventstore.connect(url, schema="locks") as store, store.connection() as connection:
        for appends in (1, 1_000):
            with connection.transaction():
                for version in range(1, appends + 1):
                    store.append(event(f"hand {appends}", version), connection=connection)
                [(entries,)] = connection.execute(LOCKS).fetchall()
            print(f"{appends:,} appends in one transaction hold {entries} advisory lock(s)")


def cost_of_the_mark(url: str) -> None:
    with ExitStack() as sessions:
        store = sessions.enter_context(eventstore.connect(url, schema="mark"))
        for number in range(65):
            if number in (0, 16, 64):
                times = []
                for _ in range(ROUNDS):
                    start = time.perf_counter()
                    store.high_water_mark()
                    times.append(time.perf_counter() - start)
                print(f"high_water_mark() with {number:>2} open appends: {statistics.median(times) * 1e6:.0f} µs")
            connection = sessions.enter_context(store.connection())
            connection.execute("BEGIN")
            store.append(event(f"hand {number}", 1), connection=connection)


def main() -> None:
    with fresh_server() as url:
        with psycopg.connect(url) as connection:
            version = connection.info.parameter_status("server_version")
        print(f"PostgreSQL {version}, fsync on, Python {platform.python_version()}, {os.cpu_count()} cores")
        cost_of_the_floor(url)
        time_in_the_trigger(url)
        lock_entries(url)
        cost_of_the_mark(url)


if __name__ == "__main__":
    main()
