"""What rolling up buys `event_statistics`, for docs/decisions/statistics.md: python -m benchmarks.counting [EVENTS]

On a PostgreSQL of its own with fsync on, 10,000,000 events unless another number is given. All of them but a tail are
rolled up; then the view and a plain GROUP BY over the same rows take turns, and have to agree.
"""

from __future__ import annotations

import os
import platform
import sys
import time

import psycopg

import eventstore
from benchmarks.decisions import fresh_server, take_turns
from benchmarks.growing import grow

TAILS = (0, 1_000, 10_000, 100_000)
ROUNDS = 5

PLAIN = """
SELECT event_type, count(*), count(DISTINCT aggregate_id), min(event_timestamp), max(event_timestamp)
FROM domain_events
GROUP BY event_type
ORDER BY event_type
"""

ROLLED_UP = """
SELECT event_type, event_count, aggregate_count, first_event_at, last_event_at
FROM event_statistics
ORDER BY event_type
"""

SIZES = """
SELECT pg_size_pretty(pg_total_relation_size('domain_events')),
       pg_size_pretty(pg_total_relation_size('event_totals') + pg_total_relation_size('event_total_aggregates'))
"""


def roll_up(connection: psycopg.Connection) -> int:
    calls = 0
    while connection.execute("SELECT roll_up_event_statistics()").fetchone() != (0,):
        calls += 1
    return calls


def compare(connection: psycopg.Connection, total: int) -> None:
    grow(connection, 0, total)
    start = time.perf_counter()
    calls = roll_up(connection)
    took = time.perf_counter() - start
    print(f"{total:,} events rolled up in {took:.0f} s, {calls} transactions")
    print(f"\n{'events':>12} {'tail':>8} {'GROUP BY':>12} {'view':>10} {'times':>7}")
    for tail in sorted(TAILS, reverse=True):
        # The tail is what comes after the roll-up: first that of the longest tail, and then shorter and shorter ones.
        roll_up(connection)
        connection.execute("VACUUM ANALYZE")
        grow(connection, total, total + tail)
        total += tail
        assert connection.execute(PLAIN).fetchall() == connection.execute(ROLLED_UP).fetchall()
        medians = take_turns(
            {
                "GROUP BY": lambda: connection.execute(PLAIN).fetchall(),
                "view": lambda: connection.execute(ROLLED_UP).fetchall(),
            },
            ROUNDS,
        )
        plain, view = medians["GROUP BY"] * 1e3, medians["view"] * 1e3
        print(f"{total:>12,} {tail:>8,} {plain:>9.0f} ms {view:>7.1f} ms {plain / view:>7.0f}", flush=True)
    print("on disk: log {}, totals {}".format(*connection.execute(SIZES).fetchall()[0]))


def main() -> None:
    total = int(sys.argv[1].replace("_", "")) if sys.argv[1:] else 10_000_000
    with fresh_server() as url, eventstore.connect(url) as store, store.connection() as connection:
        version = connection.info.parameter_status("server_version")
        print(f"PostgreSQL {version}, fsync on, Python {platform.python_version()}, {os.cpu_count()} cores")
        compare(connection, total)


if __name__ == "__main__":
    main()
