"""A slow transaction delays whoever follows the log, and costs no event: real connections, driven step by step."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count

import psycopg
import pytest
import schedules
from schedules import Play, event
from waiting import PATIENCE, wait_until

from eventstore import DomainEvent, EventStoreError, InvalidEventError, PostgresEventStore, Subscription

SCHEDULES = [
    "overtaken",
    "crossing",
    "rollback",
    "savepoint",
    "conflict",
    "copy",
    "latecomer",
    "again",
    "between",
    "turns",
    "encore",
    "relay",
]

# The unsound way: the same loop, but it goes as far as it can see.
WITHOUT_A_MARK = """
CREATE OR REPLACE FUNCTION high_water_mark() RETURNS bigint LANGUAGE sql STABLE
RETURN (SELECT coalesce(max(sequence_number), 0) FROM domain_events)
"""
LOSES = {"overtaken", "crossing", "savepoint", "conflict", "copy", "latecomer", "again", "encore"}


class Follower:
    """A subscription in the shape of the readers that the schedules are played to.

    Args:
        store: the log to follow.
        event_types: what it wants of it.
    """

    def __init__(self, store: PostgresEventStore, event_types: list[str] | None = None) -> None:
        self._handled: list[str] = []
        self._subscription = Subscription(store, "follower", self._handle, event_types)

    def _handle(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        self._handled.append(event.event_type)

    def look(self) -> None:
        """The subscription asks for the mark itself."""

    def fetch(self) -> list[str]:
        before = len(self._handled)
        self._subscription.catch_up()
        return self._handled[before:]


def played(store: PostgresEventStore, follower: Follower, schedule: str) -> str:
    with ExitStack() as sessions:
        play = Play(store, follower, sessions)  # type: ignore[arg-type]
        getattr(schedules, schedule)(play)
        return play.outcome()


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_subscription_gets_every_event_as_soon_as_is_safe(store: PostgresEventStore, schedule: str) -> None:
    assert played(store, Follower(store), schedule) == "ok"


@pytest.mark.parametrize("schedule", ["overtaken", "crossing", "copy", "again"])
def test_so_does_one_that_asks_for_types(store: PostgresEventStore, schedule: str) -> None:
    assert played(store, Follower(store, ["1", "2", "3", "4"]), schedule) == "ok"


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_exhibit_the_same_loop_without_the_mark_loses_events(store: PostgresEventStore, schedule: str) -> None:
    """Unsound: an event that is committed late has a number that the checkpoint has passed."""
    with store.connection() as connection:
        connection.execute(WITHOUT_A_MARK)
    assert played(store, Follower(store), schedule) == ("LOST" if schedule in LOSES else "ok")


def test_a_type_that_never_comes_is_not_looked_for_beyond_the_mark(store: PostgresEventStore) -> None:
    """The checkpoint moves over events of other types, but not over those that are still on their way."""
    follower = Follower(store, ["1"])
    with store.connection() as slow, slow.transaction():
        store.append(event(1), connection=slow)
        store.append(event(2))
        assert follower.fetch() == []
    assert follower.fetch() == ["1"]


def test_nobody_is_sent_behind_an_event_that_may_still_come(store: PostgresEventStore) -> None:
    subscription = Subscription(store, "follower", lambda event, connection: None)
    with store.connection() as slow, slow.transaction():
        store.append(event(1), connection=slow)
        seen = store.append(event(2)).sequence_number or 0
        with pytest.raises(InvalidEventError, match="position is 2, and below that events may still appear"):
            subscription.reset(seen)
        assert subscription.status().position == 0
    subscription.reset(seen)
    assert subscription.status().position == seen


def test_what_a_handler_appends_in_its_own_transaction_comes_to_everybody_in_its_turn(
    store: PostgresEventStore,
) -> None:
    """While the handler is at work its floor holds the mark, and so it does not run after its own events for ever."""
    numbers = count(3)

    def answer(event_: DomainEvent, connection: psycopg.Connection) -> None:
        if event_.event_type in ("1", "2"):
            store.append(event(next(numbers)), connection=connection)
            store.append(event(next(numbers)))  # somebody else is fast
            assert store.high_water_mark() == 2

    answering = Subscription(store, "answering", answer)
    reading = Follower(store)
    store.append_many([event(1), event(2)])
    answering.catch_up()
    assert reading.fetch() == ["1", "2", "3", "4", "5", "6"]
    answering.catch_up()
    assert answering.status().lag == 0


FOLLOWERS = "SELECT FROM pg_locks WHERE classid = 'event_subscriptions'::regclass AND objsubid = 2"


def test_the_second_consumer_of_a_name_gets_nothing_while_the_first_has_its_turn(store: PostgresEventStore) -> None:
    """It comes while the first is at work, and finds nothing left to do."""
    store.append_many([event(1), event(2)])
    handled: list[tuple[str, str]] = []
    second = Subscription(store, "follower", lambda event, connection: handled.append(("second", event.event_type)))

    with store.connection() as watcher, ThreadPoolExecutor(1) as thread:

        def first(event: DomainEvent, connection: psycopg.Connection) -> None:
            if not handled:
                running.append(thread.submit(second.catch_up))
                wait_until(lambda: watcher.execute(FOLLOWERS).rowcount == 2, "the second consumer")
            handled.append(("first", event.event_type))

        running: list[Future[None]] = []
        Subscription(store, "follower", first).catch_up()
        running[0].result(PATIENCE)
    assert handled == [("first", "1"), ("first", "2")]


def test_a_checkpoint_that_was_deleted_is_told(store: PostgresEventStore) -> None:
    subscription = Subscription(store, "follower", lambda event, connection: None)
    store.append(event(1))
    with store.connection() as connection:
        connection.execute("DELETE FROM event_subscriptions")
    for call in (
        subscription.run,
        subscription.catch_up,
        subscription.status,
        subscription.pause,
        subscription.resume,
        subscription.reset,
    ):
        with pytest.raises(EventStoreError, match="the checkpoint of 'follower' was deleted"):
            call()
