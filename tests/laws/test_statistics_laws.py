"""`event_statistics` is a recount of the log, at any point of any history: rolled up, by halves, or forgotten."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql
from side_by_side import EMPTY

from eventstore import DomainEvent, PostgresEventStore

VIEW = "SELECT * FROM event_statistics ORDER BY event_type"

RECOUNT = """
SELECT event_type, count(*), count(DISTINCT aggregate_id), min(event_timestamp), max(event_timestamp),
       count(*) / greatest(extract(epoch FROM max(event_timestamp) - min(event_timestamp)) / 86400, 1)::float8
FROM domain_events
GROUP BY event_type
ORDER BY event_type
"""

FORGET = [
    "DELETE FROM event_totals",
    "DELETE FROM event_totals WHERE event_type = 'bet'",
    "DELETE FROM event_total_aggregates WHERE aggregate_id = 'hand 1'",
    "DELETE FROM event_total_aggregates WHERE false",
    "TRUNCATE event_totals",
    "TRUNCATE event_total_aggregates",
    "TRUNCATE event_totals, event_total_aggregates",
]

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

# What may happen to a log and its totals. An append writes to a few hands, so that the end of a roll-up cuts them.
steps = st.one_of(
    st.tuples(
        st.just("append"),
        st.lists(
            st.tuples(
                st.sampled_from(["hand 1", "hand 2", "Hand 1"]),
                st.sampled_from(["bet", "won", "Bet"]),
                st.integers(-100_000, 100_000),
            ),
            min_size=1,
            max_size=6,
        ),
    ),
    st.tuples(st.just("roll up"), st.integers(1, 8)),
    st.tuples(st.just("roll up"), st.just(500_000)),
    st.tuples(st.just("forget"), st.sampled_from(FORGET)),
    st.tuples(st.just("fail"), st.integers(1, 3)),  # numbers that are drawn and never seen
)


def check(connection: psycopg.Connection) -> None:
    """Both questions see one state of the database."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert connection.execute(VIEW).fetchall() == connection.execute(RECOUNT).fetchall()


def test_the_view_is_a_recount_after_every_step(store: PostgresEventStore, tries: Callable[..., settings]) -> None:
    with store.connection() as connection:

        @tries(60)
        @given(st.lists(steps, max_size=12))
        def law(history: list[tuple[str, Any]]) -> None:
            connection.execute(EMPTY)
            connection.execute("DELETE FROM event_totals")
            versions: dict[str, int] = {}
            for step, what in history:
                if step == "append":
                    batch = []
                    for hand, event_type, seconds in what:
                        versions[hand] = versions.get(hand, 0) + 1
                        batch.append(
                            DomainEvent(
                                event_type=event_type,
                                aggregate_id=hand,
                                version=versions[hand],
                                event_data={},
                                event_timestamp=NOON + timedelta(seconds=seconds),
                            )
                        )
                    store.append_many(batch)
                elif step == "roll up":
                    connection.execute("SELECT roll_up_event_statistics(%s)", (what,))
                elif step == "forget":
                    connection.execute(what)
                else:
                    with connection.transaction(force_rollback=True):
                        for number in range(what):
                            event = DomainEvent(
                                event_type="bet", aggregate_id=f"gone {number}", version=1, event_data={}
                            )
                            store.append(event, connection=connection)
                check(connection)

        law()


def test_what_is_rolled_up_is_not_counted_again(store: PostgresEventStore) -> None:
    """The totals are used, and do not only look right because the view counts everything anew."""
    store.append_many(
        [DomainEvent(event_type="bet", aggregate_id="hand", version=n, event_data={}) for n in range(1, 11)]
    )
    with store.connection() as connection:
        assert connection.execute("SELECT roll_up_event_statistics(4)").fetchone() == (4,)
        assert connection.execute("SELECT roll_up_event_statistics()").fetchone() == (6,)
        assert connection.execute("SELECT roll_up_event_statistics()").fetchone() == (0,)
        connection.execute("UPDATE event_totals SET event_count = event_count + 1000")
        assert connection.execute("SELECT event_count, aggregate_count FROM event_statistics").fetchall() == [(1010, 1)]


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_an_old_view_of_the_log_is_not_rolled_up(store: PostgresEventStore, isolation: str) -> None:
    """The mark says what can be read in a later statement, and here no statement sees more than the first one did."""
    slow, fast = (DomainEvent(event_type="bet", aggregate_id=f"hand {n}", version=1, event_data={}) for n in (1, 2))
    with store.connection() as writer, store.connection() as roller:
        with writer.transaction():
            store.append(slow, connection=writer)
            store.append(fast)
            roller.execute("BEGIN")
            roller.execute(sql.SQL("SET TRANSACTION ISOLATION LEVEL {}").format(sql.SQL(isolation)))
            roller.execute("SELECT count(*) FROM domain_events")
        assert roller.execute("SELECT roll_up_event_statistics()").fetchone() == (0,)
        roller.execute("COMMIT")
        check(roller)


def test_events_above_the_mark_stay_in_the_tail(store: PostgresEventStore) -> None:
    slow, fast = (DomainEvent(event_type="bet", aggregate_id=f"hand {n}", version=1, event_data={}) for n in (1, 2))
    with store.connection() as writer, store.connection() as connection:
        with writer.transaction():
            store.append(slow, connection=writer)
            store.append(fast)
            assert connection.execute("SELECT roll_up_event_statistics()").fetchone() == (0,)
            check(connection)
        check(connection)
        assert connection.execute("SELECT roll_up_event_statistics()").fetchone() == (2,)
        check(connection)


def test_exact_while_writers_roll_ups_and_somebody_who_forgets_are_at_work(
    store: PostgresEventStore, request: pytest.FixtureRequest
) -> None:
    batches = 300 if request.config.getoption("--long") else 40
    writers = 4
    done: list[int] = []
    enough = threading.Event()  # of checks: on a busy machine they need more time than so many batches

    def write(writer: int) -> None:
        dice = random.Random(writer)
        versions: dict[str, int] = {}
        turns = count(1)
        while next(turns) <= batches or not enough.is_set():
            batch = []
            for _ in range(dice.randrange(1, 12)):
                hand = f"hand {writer} {dice.randrange(20)}"
                versions[hand] = versions.get(hand, 0) + 1
                event_type = dice.choice(["bet", "won", "dealt"])
                batch.append(
                    DomainEvent(event_type=event_type, aggregate_id=hand, version=versions[hand], event_data={})
                )
            store.append_many(batch)
        done.append(writer)

    def repeat(statement: Callable[[], str]) -> None:
        with store.connection() as connection:
            while len(done) < writers:
                with suppress(psycopg.errors.DeadlockDetected):  # a TRUNCATE and a roll-up may meet in one
                    connection.execute(statement())

    dice = random.Random(0)
    with ThreadPoolExecutor(max_workers=8) as pool, ExitStack() as connections:
        reader = connections.enter_context(store.connection())
        connections.callback(enough.set)  # after an error too, or the writers would write for ever
        work = [pool.submit(write, writer) for writer in range(writers)]
        for _ in range(2):
            work.append(pool.submit(repeat, lambda: f"SELECT roll_up_event_statistics({dice.randrange(1, 60)})"))
        work.append(pool.submit(repeat, lambda: f"SELECT pg_sleep(0.05); {dice.choice(FORGET)}"))
        checks = 0
        while len(done) < writers and not any(each.done() and each.exception() for each in work):
            # A TRUNCATE of the second table may meet a reader in a deadlock: see docs/decisions/statistics.md.
            with suppress(psycopg.errors.DeadlockDetected):
                check(reader)
                checks += 1
            if checks == 6:
                enough.set()
        for each in work:
            each.result()
        check(reader)
    assert checks >= 6
