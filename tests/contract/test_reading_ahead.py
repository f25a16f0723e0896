"""A follower that is far behind asks for the next events while its handler is at work: only a clock may notice."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psycopg
import pytest
from waiting import PATIENCE, wait_until

from eventstore import DomainEvent, EventQueryFilter, EventStoreError, PostgresEventStore, Subscription
from eventstore.checkpoint import Checkpoint

# Not those that have asked this very question: the last one may not have gone yet.
OTHERS_AT_WORK = """
SELECT pid FROM pg_stat_activity
WHERE application_name = current_setting('application_name') AND pid <> ALL (%s)
    AND query ~ 'FROM domain_events' AND query !~ 'FROM pg_stat_activity'
"""


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventstore.subscription.FIRST_BATCH", 2)
    monkeypatch.setattr("eventstore.subscription.BATCH", 4)


def append(store: PostgresEventStore, *event_types: str) -> None:
    version = store.get_latest_version("hand")
    store.append_many(
        DomainEvent(event_type=event_type, aggregate_id="hand", version=version + place, event_data={})
        for place, event_type in enumerate(event_types, 1)
    )


class Noting:
    """A handler that notes the numbers, and does something else at some of them, once."""

    def __init__(self, **deeds: Callable[[psycopg.Connection], object]) -> None:
        self.numbers: list[int | None] = []
        self.deeds = {int(name.removeprefix("at_")): deed for name, deed in deeds.items()}

    def __call__(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        number = event.sequence_number
        deed = self.deeds.pop(number or 0, None)
        if deed is not None:
            deed(connection)
        self.numbers.append(number)


def asked_ahead(store: PostgresEventStore, connection: psycopg.Connection) -> list[int]:
    """The sessions of this store that have asked for events, beside the one that the handler has got."""
    with store.connection() as own:
        own_pids = [connection.info.backend_pid, own.info.backend_pid]
        return [pid for (pid,) in own.execute(OTHERS_AT_WORK, (own_pids,)).fetchall()]


def test_it_does_ask_ahead_and_stops_when_there_is_no_more(store: PostgresEventStore) -> None:
    append(store, *["bet"] * 20)
    sessions: list[int] = []
    ended: list[bool] = []
    handler = Noting(at_11=lambda connection: sessions.extend(wait_until(lambda: asked_ahead(store, connection), "it")))
    subscription = Subscription(store, "one", handler)
    with ThreadPoolExecutor(1) as threads:
        run = threads.submit(subscription.run)
        try:
            wait_until(lambda: len(handler.numbers) == 20, "it to be live")
            # Noted, because the handler is called again after an error, and then has nothing to say.
            handler.deeds[21] = lambda connection: ended.append(
                wait_until(lambda: not asked_ahead(store, connection), "its end")
            )
            append(store, "bet")
            wait_until(lambda: len(handler.numbers) == 21, "one more")
        finally:
            subscription.stop()
            run.result(PATIENCE)
    assert (len(sessions), ended) == (1, [True])
    assert handler.numbers == list(range(1, 22))


@pytest.mark.parametrize("event_types", [None, ["bet"], ["bet", "raise"]])
def test_what_comes_after_the_question_is_not_missed(store: PostgresEventStore, event_types: list[str] | None) -> None:
    """The answer holds what there was below the mark of the question, and the mark has moved on since."""
    append(store, *["bet"] * 11)
    # Event 8 is in the batch of 7 to 10. Before that, the question was for 11 to 11.
    handler = Noting(at_8=lambda _: append(store, *["bet", "raise"] * 3))
    subscription = Subscription(store, "one", handler, event_types)
    subscription.catch_up()
    subscription.catch_up()
    wanted = store.query(EventQueryFilter(event_type=event_types))
    assert handler.numbers == [event.sequence_number for event in wanted]


def test_an_event_that_is_on_its_way_holds_up_those_behind_it(store: PostgresEventStore) -> None:
    append(store, *["bet"] * 12)
    with store.connection() as slow:
        with slow.transaction():
            store.append(DomainEvent(event_type="bet", aggregate_id="slow", version=1, event_data={}), connection=slow)
            append(store, *["bet"] * 12)
            handler = Noting()
            subscription = Subscription(store, "one", handler)
            subscription.catch_up()
            assert handler.numbers == list(range(1, 13))
        subscription.catch_up()
    assert handler.numbers == list(range(1, 26))


def test_a_reset_makes_the_answer_worthless(store: PostgresEventStore) -> None:
    append(store, *["bet"] * 20)
    with ThreadPoolExecutor(1) as threads:
        handler = Noting(at_10=lambda _: threads.submit(subscription.reset, 0))
        subscription = Subscription(store, "one", handler)
        with suppress(EventStoreError):
            subscription.catch_up()
    subscription.catch_up()
    again = handler.numbers.index(1, 1)
    assert again >= 10
    assert handler.numbers == [*range(1, again + 1), *range(1, 21)]


def test_so_does_a_reset_between_two_batches(store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    append(store, *["bet"] * 20)
    handler = Noting()
    subscription = Subscription(store, "one", handler)
    look = Checkpoint.look

    def reset_and_look(checkpoint: Checkpoint, connection: psycopg.Connection) -> tuple[int, bool, bool]:
        if len(handler.numbers) == 10:  # by now it has asked for those after the tenth
            subscription.reset(0)
        return look(checkpoint, connection)

    monkeypatch.setattr(Checkpoint, "look", reset_and_look)
    subscription.catch_up()
    assert handler.numbers == [*range(1, 11), *range(1, 21)]


def test_a_failing_event_still_gets_a_transaction_of_its_own(store: PostgresEventStore) -> None:
    append(store, *["bet"] * 20)
    numbers: list[int | None] = []

    def handle(event: DomainEvent, connection: psycopg.Connection) -> None:
        connection.execute("INSERT INTO seen VALUES (%s)", (event.sequence_number,))
        numbers.append(event.sequence_number)
        if event.sequence_number in (9, 14):
            raise ValueError("always")

    with store.connection() as connection:
        connection.execute("CREATE TABLE seen (number bigint)")
        Subscription(store, "one", handle, attempts=2, backoff=0).catch_up()
        seen = connection.execute("SELECT number FROM seen ORDER BY number").fetchall()
        aside = connection.execute("SELECT sequence_number FROM event_dead_letters ORDER BY 1").fetchall()
    assert [number for (number,) in seen] == [number for number in range(1, 21) if number not in (9, 14)]
    assert (aside, numbers.count(9), numbers.count(14)) == ([(9,), (14,)], 2, 2)


def test_losing_the_second_session_is_no_fault_of_an_event(
    store: PostgresEventStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.subscription.RECONNECT_PAUSE", 0.01)
    append(store, *["bet"] * 20)
    killed: list[int] = []

    def kill(connection: psycopg.Connection) -> None:
        pids = wait_until(lambda: asked_ahead(store, connection), "the question to be on its way")
        with store.connection() as own:
            for pid in pids:
                own.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
                killed.append(pid)

    handler = Noting(at_10=kill)
    subscription = Subscription(store, "one", handler)
    with ThreadPoolExecutor(1) as threads, caplog.at_level(logging.WARNING):
        run = threads.submit(subscription.run)
        try:
            wait_until(lambda: len(handler.numbers) == 20, "it to go on")
        finally:
            subscription.stop()
            run.result(PATIENCE)
    assert len(killed) == 1
    assert handler.numbers == list(range(1, 21))
    assert "trying again" in caplog.text
    assert "attempt" not in caplog.text
    assert subscription.status().dead_letters == 0
