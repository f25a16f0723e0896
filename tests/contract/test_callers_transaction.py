"""Joining a caller's transaction: the events are part of it, and a refused append leaves it usable."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from callers import event, pay, players, versions, wait_until_blocked
from psycopg import sql
from psycopg.pq import TransactionStatus
from waiting import PATIENCE

from eventstore import (
    DuplicateEventError,
    EventStoreError,
    InvalidEventError,
    PostgresEventStore,
    StoreUnavailableError,
    VersionConflictError,
)

# The events live and die with the caller's transaction.


def test_the_events_are_there_when_the_caller_commits(store: PostgresEventStore, caller: psycopg.Connection) -> None:
    one = store.append(event(1), connection=caller)
    two, three = store.append_many([event(2), event(1, "other")], connection=caller)
    assert versions(store) == []
    caller.commit()
    assert store.get_by_aggregate("hand") == [one, two]
    assert store.get_by_aggregate("other") == [three]


def test_the_events_vanish_when_the_caller_rolls_back(store: PostgresEventStore, caller: psycopg.Connection) -> None:
    store.append(event(1), connection=caller)
    store.append_many([event(2), event(3)], connection=caller)
    caller.rollback()
    assert store.get_event_count() == 0
    assert store.append(event(1)).version == 1


@pytest.mark.parametrize("commits", [True, False])
def test_events_and_own_tables_are_written_together_or_not_at_all(
    store: PostgresEventStore, caller: psycopg.Connection, schema: str, commits: bool
) -> None:
    pay(caller, schema, "before")
    store.append(event(1), connection=caller)
    pay(caller, schema, "after")
    caller.commit() if commits else caller.rollback()
    assert players(store) == (["after", "before"] if commits else [])
    assert versions(store) == ([1] if commits else [])


def test_one_stream_grows_by_several_appends(store: PostgresEventStore, caller: psycopg.Connection) -> None:
    stored = [store.append(event(version), connection=caller) for version in (1, 2)]
    stored += store.append_many([event(3), event(4)], connection=caller)
    caller.commit()
    assert store.get_by_aggregate("hand") == stored
    numbers = [each.sequence_number or 0 for each in stored]
    assert numbers == sorted(set(numbers))


def test_what_a_savepoint_undoes_is_undone(store: PostgresEventStore, caller: psycopg.Connection) -> None:
    store.append(event(1), connection=caller)
    with caller.transaction() as savepoint:
        store.append(event(2), connection=caller)
        raise psycopg.Rollback(savepoint)
    with caller.transaction():
        store.append(event(2), connection=caller)
    caller.execute("SAVEPOINT mine")
    store.append(event(3), connection=caller)
    caller.execute("ROLLBACK TO SAVEPOINT mine")
    store.append_many([event(3), event(4)], connection=caller)
    caller.commit()
    assert versions(store) == [1, 2, 3, 4]


def test_a_connection_at_rest_gets_a_transaction_and_keeps_it(
    store: PostgresEventStore, caller: psycopg.Connection
) -> None:
    store.append(event(1), connection=caller)
    assert caller.info.transaction_status is TransactionStatus.INTRANS
    caller.close()  # without a commit
    assert versions(store) == []


def test_without_events_nothing_is_written(store: PostgresEventStore, caller: psycopg.Connection) -> None:
    assert store.append_many([], connection=caller) == []
    caller.commit()
    assert store.get_event_count() == 0


# A conflict leaves the caller's transaction usable, and without the events.

Refused = Callable[[PostgresEventStore, psycopg.Connection], object]

# On a store that holds version 1 of "hand" and of "other".
REFUSED: dict[str, tuple[type[EventStoreError], Refused]] = {
    "a version that is taken": (VersionConflictError, lambda store, caller: store.append(event(1), connection=caller)),
    "a version beyond the next": (
        VersionConflictError,
        lambda store, caller: store.append(event(5), connection=caller),
    ),
    "a batch of which the last version is taken": (
        VersionConflictError,
        lambda store, caller: store.append_many([event(2), event(3), event(1, "other")], connection=caller),
    ),
    "a batch with a hole": (
        VersionConflictError,
        lambda store, caller: store.append_many([event(2), event(4)], connection=caller),
    ),
    "a known id with other content": (
        DuplicateEventError,
        lambda store, caller: store.append(event(2, id=store.get_by_aggregate("hand")[0].id), connection=caller),
    ),
    "a batch that is stored in part": (
        DuplicateEventError,
        lambda store, caller: store.append_many([*store.get_by_aggregate("hand"), event(2)], connection=caller),
    ),
    "no event": (
        InvalidEventError,
        lambda store, caller: store.append_many([event(2), None], connection=caller),  # type: ignore[list-item]
    ),
}


@pytest.mark.parametrize("when", ["first", "in the middle", "last"])
@pytest.mark.parametrize("refused", REFUSED)
def test_a_refused_append_leaves_the_transaction_usable(
    store: PostgresEventStore, caller: psycopg.Connection, schema: str, refused: str, when: str
) -> None:
    store.append_many([event(1), event(1, "other")])
    error, append = REFUSED[refused]
    if when != "first":
        pay(caller, schema, "before")
        store.append(event(1, "before"), connection=caller)
    with pytest.raises(error):
        append(store, caller)
    if when != "last":
        pay(caller, schema, "after")
        store.append_many([event(2), event(3)], connection=caller)
    caller.commit()
    assert players(store) == {"first": ["after"], "in the middle": ["after", "before"], "last": ["before"]}[when]
    assert versions(store) == ([1] if when == "last" else [1, 2, 3])
    assert versions(store, "before") == ([] if when == "first" else [1])
    assert versions(store, "other") == [1]


def test_a_conflict_tells_the_truth_about_the_callers_own_events(
    store: PostgresEventStore, caller: psycopg.Connection
) -> None:
    store.append_many([event(1), event(2)], connection=caller)
    with pytest.raises(VersionConflictError) as caught:
        store.append(event(2), connection=caller)
    assert (caught.value.attempted_version, caught.value.latest_version) == (2, 2)


@pytest.mark.parametrize("committed", [True, False])
def test_a_repeat_gets_the_stored_events(
    store: PostgresEventStore, caller: psycopg.Connection, committed: bool
) -> None:
    bet, batch = event(1), [event(2), event(1, "other")]
    first = [store.append(bet, connection=caller), *store.append_many(batch, connection=caller)]
    if committed:
        caller.commit()
    assert [store.append(bet, connection=caller), *store.append_many(batch, connection=caller)] == first
    caller.commit()
    assert versions(store) == [1, 2]


@pytest.mark.parametrize("commits", [True, False])
def test_a_true_race_ends_within_a_savepoint(
    store: PostgresEventStore, caller: psycopg.Connection, schema: str, commits: bool
) -> None:
    """Both have passed the version check. The unique key stops the second one, which would abort its transaction."""
    pay(caller, schema, "before")
    with ThreadPoolExecutor(1) as thread, store.connection() as rival:
        with rival.transaction() as transaction:
            store.append(event(1), connection=rival)
            joined = thread.submit(store.append, event(1), connection=caller)
            wait_until_blocked(store, caller)
            if not commits:
                raise psycopg.Rollback(transaction)
        if commits:
            with pytest.raises(VersionConflictError) as caught:
                joined.result(PATIENCE)
            assert (caught.value.attempted_version, caught.value.latest_version) == (1, 1)
        else:
            assert joined.result(PATIENCE).version == 1
    store.append(event(2), connection=caller)
    pay(caller, schema, "after")
    caller.commit()
    assert players(store) == ["after", "before"]
    assert versions(store) == [1, 2]


@pytest.mark.parametrize("limit", ["lock_timeout", "statement_timeout"])
def test_waiting_too_long_leaves_the_transaction_usable(
    store: PostgresEventStore, caller: psycopg.Connection, schema: str, limit: str
) -> None:
    pay(caller, schema, "before")
    caller.execute(sql.SQL("SET LOCAL {} = '100ms'").format(sql.Identifier(limit)))
    with store.connection() as rival, rival.transaction():
        store.append(event(1), connection=rival)
        with pytest.raises(StoreUnavailableError):
            store.append(event(1), connection=caller)
    caller.commit()
    assert players(store) == ["before"]
    assert versions(store) == [1]


def test_of_two_callers_who_wait_for_each_other_one_is_let_go(
    store: PostgresEventStore, caller: psycopg.Connection, schema: str
) -> None:
    """PostgreSQL ends one of the two statements. Both transactions go on."""

    def write(own: psycopg.Connection, aggregate_id: str) -> str:
        with pytest.raises(EventStoreError) as caught:
            store.append(event(1, aggregate_id), connection=own)
        pay(own, schema, type(caught.value).__name__)
        own.commit()  # for which the other one waits
        return type(caught.value).__name__

    with store.connection() as rival, ThreadPoolExecutor(2) as threads:
        rival.execute("BEGIN")
        store.append(event(1, "one"), connection=caller)
        store.append(event(1, "other"), connection=rival)
        crossed = [threads.submit(write, caller, "other"), threads.submit(write, rival, "one")]
        errors = [each.result(PATIENCE) for each in crossed]
    assert sorted(errors) == ["StoreUnavailableError", "VersionConflictError"]
    assert (versions(store, "one"), versions(store, "other")) == ([1], [1])
    assert players(store) == sorted(errors)


# A transaction that has written nothing holds back no reader and no writer.


def locks(store: PostgresEventStore, caller: psycopg.Connection) -> int:
    with store.connection() as watcher:
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = %s"
        [(count,)] = watcher.execute(query, (caller.info.backend_pid,)).fetchall()
        return int(count)


@pytest.mark.parametrize("refused", REFUSED)
def test_a_refused_append_leaves_no_lock_behind(
    store: PostgresEventStore, caller: psycopg.Connection, refused: str
) -> None:
    store.append_many([event(1), event(1, "other")])
    error, append = REFUSED[refused]
    with pytest.raises(error):
        append(store, caller)
    newest = store.append(event(2))
    assert store.high_water_mark() == newest.sequence_number
    assert locks(store, caller) == 0


def test_the_mark_waits_for_an_append_after_a_refused_one(
    store: PostgresEventStore, caller: psycopg.Connection
) -> None:
    """The floor that the refused append has published is gone with its savepoint, so the next one publishes again."""
    before = store.append(event(1))
    with pytest.raises(VersionConflictError):
        store.append(event(1), connection=caller)
    store.append(event(2), connection=caller)
    newest = store.append(event(1, "other"))
    assert store.high_water_mark() == before.sequence_number
    caller.commit()
    assert store.high_water_mark() == newest.sequence_number


def test_the_mark_waits_for_an_append_after_a_savepoint_of_the_callers(
    store: PostgresEventStore, caller: psycopg.Connection
) -> None:
    before = store.append(event(1))
    with caller.transaction() as savepoint:
        store.append(event(2), connection=caller)
        raise psycopg.Rollback(savepoint)
    assert store.high_water_mark() == before.sequence_number
    joined = store.append(event(2), connection=caller)
    newest = store.append(event(1, "other"))
    assert store.high_water_mark() < (joined.sequence_number or 0)
    caller.rollback()
    assert store.high_water_mark() == newest.sequence_number


def test_a_refused_append_does_not_let_the_mark_pass_an_earlier_one(
    store: PostgresEventStore, caller: psycopg.Connection
) -> None:
    joined = store.append(event(1), connection=caller)
    with pytest.raises(VersionConflictError):
        store.append(event(1), connection=caller)
    store.append(event(1, "other"))
    assert store.high_water_mark() < (joined.sequence_number or 0)
