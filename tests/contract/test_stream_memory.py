"""A stream is read with little memory, with no connection between two pages, and without a gap while others append."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import psycopg
import pytest

import eventstore
from eventstore import DomainEvent

MEGABYTE = 1_000_000

# Runs in a process of its own, whose memory nobody else uses. It looks at every so many events, while the page that
# holds them is in memory, and prints how far it got above the start.
READ = """
import os, sys, eventstore, psutil
schema, count, step = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
process = psutil.Process()
with eventstore.connect(schema=schema) as store:
    store.get_by_aggregate("hand", to_version=1)
    start = peak = process.memory_info().rss
    for version, event in enumerate(store.get_stream("hand"), start=1):
        assert event.version == version and event.event_data
        if version % step == 1 or step == 1:
            peak = max(peak, process.memory_info().rss)
    assert version == count, version
print(peak - start)
"""

FILL = """
INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data, event_timestamp)
SELECT gen_random_uuid(), 'bet', 'hand', n, jsonb_build_object('n', n, 'text', repeat('x', %s)), now()
FROM generate_series(1, %s) AS n
"""


def bytes_to_read(store: eventstore.PostgresEventStore, schema: str, count: int, size: int, step: int) -> int:
    """How far the memory of a process grows that reads a stream of `count` events with texts of `size` bytes."""
    with store.connection() as connection:
        connection.execute(FILL, (size, count))
    command = [sys.executable, "-c", READ, schema, str(count), str(step)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_memory_does_not_grow_with_the_stream(
    store: eventstore.PostgresEventStore, schema: str, request: pytest.FixtureRequest
) -> None:
    count = 1_000_000 if request.config.getoption("--long") else 100_000
    assert bytes_to_read(store, schema, count, size=100, step=100) < 50 * MEGABYTE


def test_memory_stays_small_with_the_largest_payloads(store: eventstore.PostgresEventStore, schema: str) -> None:
    assert bytes_to_read(store, schema, count=200, size=999_900, step=1) < 100 * MEGABYTE


def test_between_two_pages_no_connection_is_held(store: eventstore.PostgresEventStore, schema: str) -> None:
    store.append_many(
        [DomainEvent(aggregate_id="hand", event_type="bet", version=n, event_data={}) for n in range(1, 101)]
    )
    readers = [store.get_stream("hand") for _ in range(12)]  # more than there are connections
    with psycopg.connect(os.environ["EVENTSTORE_URL"], autocommit=True) as watch:
        for reader in readers:
            assert next(reader).version == 1
            end = "SELECT state, pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s"
            found = watch.execute(end, (schema,)).fetchall()
            assert found == [("idle", True)], "one session, which is in no transaction, and may even end"
    for reader in readers:
        assert [event.version for event in reader] == list(range(2, 101))


def test_a_stream_that_grows_meanwhile_has_no_gap(store: eventstore.PostgresEventStore) -> None:
    def events(first: int, last: int) -> list[DomainEvent]:
        return [
            DomainEvent(aggregate_id="hand", event_type="bet", version=version, event_data={})
            for version in range(first, last + 1)
        ]

    store.append_many(events(1, 40))
    reader = store.get_stream("hand")
    assert next(reader).version == 1
    store.append_many(events(41, 80))
    assert [event.version for event in reader] == list(range(2, 81)), "later pages hold what was appended meanwhile"

    def append() -> None:
        for first in range(81, 1_081, 10):
            store.append_many(events(first, first + 9))

    writer = threading.Thread(target=append)
    writer.start()
    while writer.is_alive():
        versions = [event.version for event in store.get_stream("hand")]
        assert versions == list(range(1, len(versions) + 1))
        assert len(versions) % 10 == 0, "no half batch at the end"
    writer.join()
    assert [event.version for event in store.get_stream("hand")] == list(range(1, 1_081))
