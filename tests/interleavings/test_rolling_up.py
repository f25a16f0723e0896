"""The totals of `event_statistics` and those who meet over them, step by step."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
import pytest
from waiting import wait_until

from eventstore import DomainEvent, PostgresEventStore

VIEW = "SELECT event_type, event_count, aggregate_count FROM event_statistics ORDER BY event_type"
RECOUNT = "SELECT event_type, count(*), count(DISTINCT aggregate_id) FROM domain_events GROUP BY 1 ORDER BY 1"
ROLL_UP = "SELECT roll_up_event_statistics()"


def write(store: PostgresEventStore, *hands: str) -> None:
    for hand in hands:
        version = store.get_latest_version(hand) + 1
        store.append(DomainEvent(event_type="bet", aggregate_id=hand, version=version, event_data={}))


def waits_or_ended(store: PostgresEventStore, connection: psycopg.Connection, work: Future[object]) -> bool:
    with store.connection() as watcher:
        found = watcher.execute("SELECT cardinality(pg_blocking_pids(%s))", (connection.info.backend_pid,)).fetchone()
    return work.done() or found != (0,)


@pytest.mark.parametrize("table", ["event_totals", "event_total_aggregates"])
def test_a_reader_with_an_older_view_meets_a_truncate(store: PostgresEventStore, table: str) -> None:
    """TRUNCATE takes effect for old views as well, and there it must not take half of the totals away."""
    write(store, "hand 1", "hand 1", "hand 2")
    with store.connection() as reader, store.connection() as other:
        other.execute(ROLL_UP)
        with reader.transaction():
            reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            reader.execute("SELECT 1")  # from now on the reader sees nothing new
            other.execute(f"TRUNCATE {table}")
            assert reader.execute(VIEW).fetchall() == reader.execute(RECOUNT).fetchall() == [("bet", 3, 2)]


@pytest.mark.parametrize("forget", ["DELETE FROM event_totals", "DELETE FROM event_total_aggregates"])
def test_totals_are_deleted_while_a_roll_up_is_at_work(store: PostgresEventStore, forget: str) -> None:
    """The roll-up has read where it must go on from, and has not written yet: it is held at a row that it wants."""
    write(store, "hand 1")
    with (
        store.connection() as roller,
        store.connection() as deleter,
        store.connection() as obstacle,
        ThreadPoolExecutor() as pool,
    ):
        roller.execute(ROLL_UP)
        write(store, "hand 2")
        with obstacle.transaction(force_rollback=True):
            obstacle.execute("INSERT INTO event_total_aggregates VALUES ('bet', 'hand 2')")
            rolling = pool.submit(roller.execute, ROLL_UP)
            wait_until(lambda: waits_or_ended(store, roller, rolling), "the roll-up to meet the obstacle")
            assert not rolling.done()
            deleting = pool.submit(deleter.execute, forget)
            wait_until(lambda: waits_or_ended(store, deleter, deleting), "the DELETE to wait or to end")
        rolling.result()
        deleting.result()
        assert deleter.execute(VIEW).fetchall() == [("bet", 2, 2)]
        write(store, "hand 1")
        roller.execute(ROLL_UP)
        assert deleter.execute(VIEW).fetchall() == [("bet", 3, 2)]


@pytest.mark.parametrize("table", ["event_totals", "event_total_aggregates"])
def test_a_deleter_with_an_older_view_would_leave_half(store: PostgresEventStore, table: str) -> None:
    """It cannot see what was rolled up since, so it is refused."""
    write(store, "hand 1", "hand 2")
    with store.connection() as deleter, store.connection() as other:
        other.execute(ROLL_UP)
        with deleter.transaction(force_rollback=True):
            deleter.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            deleter.execute("SELECT 1")
            store.append(DomainEvent(event_type="call", aggregate_id="hand 3", version=1, event_data={}))
            other.execute(ROLL_UP)
            with pytest.raises(psycopg.errors.RaiseException, match="above READ COMMITTED"):
                deleter.execute(f"DELETE FROM {table}")
        assert other.execute(VIEW).fetchall() == other.execute(RECOUNT).fetchall() == [("bet", 2, 2), ("call", 1, 1)]


@pytest.mark.parametrize(("table", "deadlock"), [("event_totals", False), ("event_total_aggregates", True)])
def test_a_reader_and_a_truncate_wait_for_each_other_only_where_it_goes_the_other_way_round(
    store: PostgresEventStore, table: str, deadlock: bool
) -> None:
    """The view takes `event_totals` first. Here the reader is held up just behind that."""
    write(store, "hand 1", "hand 2")
    errors: list[BaseException] = []
    with store.connection() as reader, store.connection() as other, ThreadPoolExecutor() as pool:
        other.execute(ROLL_UP)
        try:
            with reader.transaction():
                reader.execute("SELECT FROM event_totals")
                truncating = pool.submit(other.execute, f"TRUNCATE {table}")
                wait_until(lambda: waits_or_ended(store, other, truncating), "the TRUNCATE to wait")
                assert reader.execute(VIEW).fetchall() == [("bet", 2, 2)]
        except psycopg.errors.DeadlockDetected as error:
            errors.append(error)
        errors += filter(None, [truncating.exception()])
        assert [type(error) for error in errors] == [psycopg.errors.DeadlockDetected] * deadlock
        assert reader.execute(VIEW).fetchall() == [("bet", 2, 2)]
