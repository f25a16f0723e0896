"""What rolling up buys the statistics of pots, for docs/decisions/pots.md: python -m benchmarks.pots [EVENTS]

On a PostgreSQL of its own with fsync on, about 10,000,000 events unless another number is given: the hands of the
simulated season, again and again, each season a week later and at tables of its own. Every question is asked of the log
alone, and again when all hands but a tail are rolled up, and has to get the same answer.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from typing import Any

import psycopg

import eventstore
import poker
from benchmarks.decisions import fresh_server, take_turns
from eventstore import PostgresEventStore
from poker.frames import decisions, pot_statistics, pots, results
from poker.rolling_up import roll_up

SEASONS = 10  # that are written in one transaction
ROUNDS = 3
TAIL = 10_000

# Nothing here asks for what is in a payload, and without this index the hands are written in half the time.
WITHOUT_GIN = "DROP INDEX domain_events_data_idx"

REMEMBER_SEASON = "CREATE TEMP TABLE season AS SELECT * FROM domain_events ORDER BY sequence_number"

MORE_SEASONS = """
INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data, event_timestamp)
SELECT
    gen_random_uuid(),
    event_type,
    md5(aggregate_id || ' ' || number)::uuid::text,
    version,
    CASE event_type
        WHEN 'game.created'
            THEN event_data || jsonb_build_object('table', (event_data ->> 'table') || ', season ' || number)
        ELSE event_data
    END,
    event_timestamp + number * interval '7 days'
FROM season CROSS JOIN generate_series(%s::int, %s::int) AS number
ORDER BY number, sequence_number
"""

QUESTIONS = {
    "completed_hands, every pot": "SELECT count(*), sum(pot), sum(uncalled) FROM completed_hands",
    "pot_statistics, all": "SELECT * FROM pot_statistics WHERE grouped_by = 'all' ORDER BY pot_statistics",
    "pot_statistics, by street": "SELECT * FROM pot_statistics WHERE grouped_by = 'street' ORDER BY pot_statistics",
    "pot_statistics, by table": "SELECT * FROM pot_statistics WHERE grouped_by = 'table' ORDER BY pot_statistics",
    "pot_statistics, whole": "SELECT * FROM pot_statistics ORDER BY pot_statistics",
    "player_statistics": "SELECT * FROM player_statistics ORDER BY player_statistics",
}

COUNTS = """
SELECT (SELECT count(*) FROM domain_events), (SELECT count(*) FROM completed_hands)
"""

SIZES = """
SELECT pg_size_pretty(pg_total_relation_size('domain_events')),
       pg_size_pretty(pg_total_relation_size('rolled_up_hands'))
"""


def grow(store: PostgresEventStore, connection: psycopg.Connection, total: int) -> None:
    """Write seasons until there are so many events."""
    poker.import_hands(store, poker.season())
    connection.execute(WITHOUT_GIN)
    connection.execute(REMEMBER_SEASON)
    seasons = 1
    [(events,)] = connection.execute("SELECT count(*) FROM season").fetchall()
    while seasons * events < total:
        more = min(SEASONS, -(-total // events) - seasons)
        connection.execute(MORE_SEASONS, (seasons + 1, seasons + more))
        seasons += more
    connection.execute("VACUUM ANALYZE domain_events")


def ask(connection: psycopg.Connection, question: str) -> tuple[float, list[Any]]:
    """The median time of a question in seconds, and the answer."""
    answers: list[list[Any]] = []
    medians = take_turns({"": lambda: answers.append(connection.execute(question).fetchall())}, ROUNDS)
    return medians[""], answers[0]


def measure(store: PostgresEventStore, connection: psycopg.Connection) -> None:
    connection.execute("TRUNCATE rolled_up_hands")
    print("{:,} events, {:,} hands".format(*connection.execute(COUNTS).fetchall()[0]), flush=True)
    plain = {name: ask(connection, question) for name, question in QUESTIONS.items()}
    start = time.perf_counter()
    hands = roll_up(store)
    print(f"{hands:,} hands rolled up in {time.perf_counter() - start:.0f} s")
    # The newest ones back into the tail. Deleting them would, by trigger, delete all.
    connection.execute("ALTER TABLE rolled_up_hands DISABLE TRIGGER USER")
    connection.execute(
        "DELETE FROM rolled_up_hands WHERE ended_at > (SELECT max(sequence_number) - %s FROM domain_events)", (TAIL,)
    )
    connection.execute("ALTER TABLE rolled_up_hands ENABLE TRIGGER USER")
    connection.execute("VACUUM ANALYZE rolled_up_hands")
    print(f"\n{'':30} {'log':>9} {'rolled up':>10} {'times':>6}   with a tail of {TAIL:,} events")
    for name, (seconds, answer) in plain.items():
        faster, same = ask(connection, QUESTIONS[name])
        assert same == answer, name
        print(f"{name:30} {seconds:>7.2f} s {faster:>8.2f} s {seconds / faster:>6.1f}", flush=True)
    pot_statistics(store, "all")  # so that pandas and Arrow are loaded before the clock starts
    for frame in (pots, results, decisions):
        start = time.perf_counter()
        rows = len(frame(store))
        print(f"{frame.__name__}: a data frame of {rows:,} rows in {time.perf_counter() - start:.1f} s", flush=True)
    print("on disk: log {}, rolled-up hands {}".format(*connection.execute(SIZES).fetchall()[0]))


def main() -> None:
    total = int(sys.argv[1].replace("_", "")) if sys.argv[1:] else 10_000_000
    with fresh_server() as url, eventstore.connect(url) as store, store.connection() as connection:
        version = connection.info.parameter_status("server_version")
        print(f"PostgreSQL {version}, fsync on, Python {platform.python_version()}, {os.cpu_count()} cores")
        grow(store, connection, total)
        measure(store, connection)


if __name__ == "__main__":
    main()
