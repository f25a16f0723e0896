"""The roll-up of `event_statistics`: as a function, and as a follower that is stopped, killed and doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from waiting import PATIENCE, wait_until

from eventstore import DomainEvent, InvalidEventError, PostgresEventStore, Subscription
from eventstore.statistics import ROLLED_UP_TO, roll_up, roll_up_subscription

VIEW = "SELECT event_type, event_count, aggregate_count FROM event_statistics ORDER BY event_type"
RECOUNT = "SELECT event_type, count(*), count(DISTINCT aggregate_id) FROM domain_events GROUP BY 1 ORDER BY 1"

MANY_EVENTS = """
INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data)
SELECT gen_random_uuid(), 'type ' || number %% 3, 'hand ' || number / 10, number %% 10 + 1, '{}'
FROM generate_series(%s::int, %s::int - 1) AS number
"""


def write(store: PostgresEventStore, number: int, hand: str = "hand") -> None:
    first = store.get_latest_version(hand) + 1
    versions = range(first, first + number)
    store.append_many(
        [DomainEvent(event_type="bet", aggregate_id=hand, version=version, event_data={}) for version in versions]
    )


def rolled_up_to(connection: psycopg.Connection) -> int:
    [(number,)] = connection.execute(ROLLED_UP_TO).fetchall()
    return int(number)


def check(connection: psycopg.Connection) -> None:
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert connection.execute(VIEW).fetchall() == connection.execute(RECOUNT).fetchall()


def test_a_roll_up_says_how_many_events_it_has_counted(
    store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.statistics.CHUNK", 4)
    assert roll_up(store) == 0
    write(store, 10)
    told: list[int] = []
    assert roll_up(store, told.append) == sum(told) == 10
    assert max(told) == 4, "one transaction after the other"
    assert roll_up(store) == 0
    write(store, 8)
    assert roll_up(store) == 8
    with store.connection() as connection:
        assert rolled_up_to(connection) == store.high_water_mark() == 18
        check(connection)


def test_a_roll_up_ends_while_others_go_on_writing(store: PostgresEventStore) -> None:
    write(store, 10)
    told: list[int] = []

    def others_write(counted: int) -> None:
        told.append(counted)
        assert len(told) < 5, "it would never end"
        write(store, 3)

    assert roll_up(store, others_write) == 10
    assert roll_up(store) == 3


def test_a_subscription_rolls_up_whenever_so_many_events_have_come(store: PostgresEventStore) -> None:
    write(store, 25)
    follower = roll_up_subscription(store, every=10)
    with store.connection() as connection:
        follower.catch_up()
        assert rolled_up_to(connection) == 25
        write(store, 9)
        follower.catch_up()
        assert rolled_up_to(connection) == 25
        # Another process goes on from where the totals are, not from where it has begun to count.
        another = roll_up_subscription(store, every=10)
        write(store, 1)
        another.catch_up()
        assert rolled_up_to(connection) == 35
        check(connection)
    assert isinstance(follower, Subscription)
    assert follower.status().name == "event_statistics"


@pytest.mark.parametrize(
    ("every", "problem"), [(0, "is 0"), (-1, "is out of range"), (2.5, "is float"), (True, "bool")]
)
def test_a_subscription_needs_a_whole_number(store: PostgresEventStore, every: int, problem: str) -> None:
    with pytest.raises(InvalidEventError, match=f"every.*{problem}"):
        roll_up_subscription(store, every)


@contextmanager
def following(schema: str) -> Iterator[subprocess.Popen[str]]:
    """`roll-up --follow`, once it has said that the first roll-up is done."""
    url = make_conninfo(os.environ["EVENTSTORE_URL"], application_name=f"follower {schema}")
    process = subprocess.Popen(
        [sys.executable, "-m", "eventstore", "roll-up", "--follow", "--schema", schema],
        env=os.environ | {"EVENTSTORE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_followers_are_stopped_killed_and_doubled_and_the_counts_stay_right(
    store: PostgresEventStore, schema: str
) -> None:
    numbers = count(0, 11_000)
    with store.connection() as connection, following(schema) as first, following(schema) as second:

        def grow() -> int:
            """More events than a follower waits for. Returns the last number."""
            start = next(numbers)
            connection.execute(MANY_EVENTS, (start, start + 11_000))
            return store.high_water_mark()

        def follow_to(goal: int) -> None:
            wait_until(lambda: rolled_up_to(connection) > goal - 10_000, "a follower")
            check(connection)

        for process in (first, second):
            assert process.stdout is not None
            assert process.stdout.readline() == "0 events rolled up\n"
        follow_to(grow())
        first.kill()  # whichever of the two was at work, one goes on
        follow_to(grow())
        if sys.platform != "win32":
            second.send_signal(signal.SIGTERM)
            out, complaints = second.communicate(timeout=PATIENCE)
            assert (second.returncode, out, complaints) == (0, "", "")
            left = grow() - rolled_up_to(connection)
            with following(schema) as third:
                assert third.stdout is not None
                assert third.stdout.readline() == f"{left:,} events rolled up\n"
        check(connection)
