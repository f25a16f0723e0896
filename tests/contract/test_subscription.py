"""What a subscription promises: every event once and in order, whatever its handler does, and whatever goes wrong."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest
from psycopg import sql
from waiting import PATIENCE, wait_until

import eventstore
from eventstore import DomainEvent, InvalidEventError, PostgresEventStore, Subscription


@pytest.fixture(autouse=True)
def seen(store: PostgresEventStore) -> None:
    """A table of whoever follows: without a key, so that an event that has its effect twice is there twice."""
    with store.connection() as connection:
        connection.execute("CREATE TABLE seen (place int GENERATED ALWAYS AS IDENTITY, number bigint)")


def note(event: DomainEvent, connection: psycopg.Connection) -> None:
    """The handler of most tests."""
    connection.execute("INSERT INTO seen (number) VALUES (%s)", (event.sequence_number,))


def noted(store: PostgresEventStore) -> list[int]:
    """What was handled, in that order."""
    return ask(store, "SELECT number FROM seen ORDER BY place")


def put_aside(store: PostgresEventStore) -> list[int]:
    return ask(store, "SELECT sequence_number FROM event_dead_letters ORDER BY sequence_number")


def ask(store: PostgresEventStore, question: str) -> list[Any]:
    """The first column of an answer."""
    with store.connection() as connection:
        return [row[0] for row in connection.execute(question).fetchall()]


def append(store: PostgresEventStore, *event_types: str) -> list[DomainEvent]:
    version = store.get_latest_version("hand")
    return store.append_many(
        DomainEvent(event_type=event_type, aggregate_id="hand", version=version + place, event_data={})
        for place, event_type in enumerate(event_types, 1)
    )


@contextmanager
def running(subscription: Subscription) -> Iterator[None]:
    """Let it run in a thread of its own. An error of its ends the test."""
    with ThreadPoolExecutor(1) as threads:
        run = threads.submit(subscription.run)
        try:
            yield
        finally:
            subscription.stop()
            run.result(PATIENCE)


def test_each_name_gets_the_whole_log_once_and_goes_on_where_it_was(store: PostgresEventStore) -> None:
    append(store, "bet", "call")
    Subscription(store, "one", note).catch_up()
    assert noted(store) == [1, 2]
    append(store, "bet")
    Subscription(store, "one", note).catch_up()
    assert noted(store) == [1, 2, 3]
    Subscription(store, "another", note).catch_up()
    assert noted(store) == [1, 2, 3, 1, 2, 3]


def test_the_handler_gets_the_event_as_it_is_stored(store: PostgresEventStore) -> None:
    given: list[DomainEvent] = []
    stored = append(store, "bet", "call")
    Subscription(store, "one", lambda event, connection: given.append(event)).catch_up()
    assert given == stored == store.get_by_aggregate("hand")


@pytest.mark.parametrize(
    ("event_types", "numbers"),
    [(["bet"], [1, 3]), ("bet", [1, 3]), (("call", "bet", "call"), [1, 2, 3]), (["raise"], []), (None, [1, 2, 3, 4])],
)
def test_only_the_types_that_are_wanted(store: PostgresEventStore, event_types: Any, numbers: list[int]) -> None:
    append(store, "bet", "call", "bet", "fold")
    subscription = Subscription(store, "one", note, event_types)
    subscription.catch_up()
    assert noted(store) == numbers
    assert (subscription.status().position, subscription.status().lag) == (4, 0), "the others are done as well"


def test_many_batches(store: PostgresEventStore) -> None:
    """Of events that fill whole batches, and of a type that is rare among them."""
    append(store, *["bet", "call", "call", "call"] * 600)
    for event_types, expected in ((None, range(1, 2401)), (["bet"], range(1, 2401, 4)), (["call"], None)):
        numbers: list[int | None] = []
        handler = Collect(numbers)
        Subscription(store, f"{event_types}", handler, event_types).catch_up()
        assert numbers == list(expected or [number for number in range(1, 2401) if number % 4 != 1])


class Collect:
    """A handler that is an object."""

    def __init__(self, numbers: list[int | None]) -> None:
        self.numbers = numbers

    def __call__(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        self.numbers.append(event.sequence_number)


class Failing:
    """Notes each event, and then fails at one of them: so often, or always.

    Args:
        number: of the event.
        times: how often.
    """

    def __init__(self, number: int, times: int = 1_000) -> None:
        self.number, self.left = number, times
        self.calls: list[int | None] = []

    def __call__(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        self.calls.append(event.sequence_number)
        note(event, connection)
        if event.sequence_number == self.number and self.left:
            self.left -= 1
            raise ValueError("no more chips")


def test_a_failed_attempt_leaves_nothing_behind_and_is_made_again(store: PostgresEventStore) -> None:
    """What the handler has done in the database happens once. Elsewhere it was called again, for its neighbours too."""
    append(store, "bet", "bet", "bet")
    handler = Failing(2, times=2)
    Subscription(store, "one", handler, backoff=0).catch_up()
    assert noted(store) == [1, 2, 3]
    assert handler.calls == [1, 2, 1, 2, 2, 3]  # a mail for each call would be one too many for 1, two for 2


def test_after_five_calls_an_event_is_put_aside(store: PostgresEventStore) -> None:
    append(store, "bet", "bet", "bet")
    handler = Failing(2)
    subscription = Subscription(store, "one", handler, backoff=0)
    subscription.catch_up()
    assert noted(store) == [1, 3]
    assert handler.calls.count(2) == 5
    with store.connection() as connection:
        found = connection.execute("SELECT subscription, sequence_number, attempts, error FROM event_dead_letters")
        assert found.fetchall() == [("one", 2, 5, "ValueError: no more chips")]
    status = subscription.status()
    assert (status.position, status.attempts, status.error, status.dead_letters) == (3, 0, None, 1)


def test_processes_of_one_name_count_together(store: PostgresEventStore) -> None:
    """Each of them is killed by the event, so to say, and is started again."""
    append(store, "bet", "bet")
    for attempt in range(1, 4):
        with pytest.raises(KeyboardInterrupt):
            Subscription(store, "one", InterruptedAfter(Failing(1)), attempts=4, backoff=0).catch_up()
        assert ask(store, "SELECT attempts FROM event_subscriptions") == [attempt]
    Subscription(store, "one", note, attempts=3).catch_up()
    assert (noted(store), put_aside(store)) == ([2], [1])


class InterruptedAfter:
    """Somebody presses Ctrl-C at the second call."""

    def __init__(self, handler: Callable[[DomainEvent, psycopg.Connection], None]) -> None:
        self.handler = handler
        self.calls = 0

    def __call__(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        self.calls += 1
        if self.calls == 2:
            raise KeyboardInterrupt
        self.handler(event, connection)


def test_an_interrupt_leaves_nothing_behind_and_counts_as_no_failure(store: PostgresEventStore) -> None:
    append(store, "bet", "bet")
    subscription = Subscription(store, "one", InterruptedAfter(note))
    with pytest.raises(KeyboardInterrupt):
        subscription.catch_up()
    assert (noted(store), subscription.status().attempts) == ([], 0)
    subscription.catch_up()
    assert noted(store) == [1, 2]


def test_the_pause_doubles_and_ends_at_a_minute(store: PostgresEventStore) -> None:
    append(store, "bet")
    failures = "SELECT attempts FROM event_subscriptions"
    for attempt, seconds in ((1, 15), (2, 30), (3, 60), (4, 60)):
        subscription = Subscription(store, "one", Failing(1), backoff=15)
        before = time.monotonic()
        with running(subscription):
            wait_until(lambda: ask(store, failures) == [attempt], "the next attempt")  # noqa: B023
        [left] = ask(store, "SELECT extract(epoch FROM retry_at - clock_timestamp())::float FROM event_subscriptions")
        assert seconds - (time.monotonic() - before) - 1 <= left <= seconds
        ask(store, "UPDATE event_subscriptions SET retry_at = now() RETURNING 1")


def test_a_failure_that_comes_to_light_at_the_commit(
    store: PostgresEventStore, caplog: pytest.LogCaptureFixture
) -> None:
    """The database cannot say which event it was. One by one they are tried, and only the culprit is put aside."""
    with store.connection() as connection:
        connection.execute("CREATE TABLE seats (number bigint PRIMARY KEY)")
        connection.execute("INSERT INTO seats SELECT generate_series(1, 40) EXCEPT SELECT 17")
        connection.execute("ALTER TABLE seen ADD FOREIGN KEY (number) REFERENCES seats DEFERRABLE INITIALLY DEFERRED")
    append(store, *["bet"] * 40)
    Subscription(store, "one", note, backoff=0).catch_up()
    assert noted(store) == [number for number in range(1, 41) if number != 17]
    assert put_aside(store) == [17]
    assert ask(store, "SELECT attempts FROM event_dead_letters") == [5]
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == [f"subscription one: attempt {attempt} of 5 at event 17 failed" for attempt in range(1, 6)]


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


def hide_an_error(connection: psycopg.Connection) -> None:
    with suppress(psycopg.errors.DivisionByZero):
        connection.execute("SELECT 1 / 0")


def raise_it(error: BaseException) -> Callable[[psycopg.Connection], None]:
    def misbehave(connection: psycopg.Connection) -> None:
        raise error

    return misbehave


def execute(*statements: str) -> Callable[[psycopg.Connection], None]:
    def misbehave(connection: psycopg.Connection) -> None:
        for statement in statements:
            connection.execute(statement)

    return misbehave


def half_read(connection: psycopg.Connection) -> object:
    result = connection.cursor().stream("SELECT generate_series(1, 9)")
    next(result)
    return result


def never_ended(block: Any) -> object:
    block.__enter__()
    return block


MISBEHAVIOUR: dict[str, Callable[[psycopg.Connection], object]] = {
    "hides an error": hide_an_error,
    "commits": lambda connection: connection.commit(),
    "rolls back": lambda connection: connection.rollback(),
    "rolls back in SQL": execute("ROLLBACK"),
    "rolls back and begins again": execute("ROLLBACK", "BEGIN"),
    "asks for a rollback": raise_it(psycopg.Rollback()),
    "raises what no database stores": raise_it(ValueError("a \0 and a \ud800")),
    "raises a book": raise_it(ValueError("x" * 10_000_000)),
    "raises what cannot be told": raise_it(Unspeakable()),
    "closes the connection": lambda connection: connection.close(),
    "leaves a COPY open": lambda connection: never_ended(connection.cursor().copy("COPY seen (number) FROM STDIN")),
    "leaves a result half read": half_read,
    "leaves a savepoint open": lambda connection: never_ended(connection.transaction()),
    "leaves a pipeline open": lambda connection: never_ended(connection.pipeline()),
    "turns its session away": execute("SET search_path TO pg_catalog"),
    "deletes the checkpoint": execute("DELETE FROM event_subscriptions"),
    "ends its session": execute("SELECT pg_terminate_backend(pg_backend_pid())"),
}


@pytest.mark.parametrize("misbehaviour", MISBEHAVIOUR)
def test_a_handler_that_misbehaves_harms_no_other_event(
    store: PostgresEventStore, misbehaviour: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "eventstore.subscription")  # one of the texts cannot be sent between processes
    append(store, *["bet"] * 5)

    def misbehave(event: DomainEvent, connection: psycopg.Connection) -> None:
        note(event, connection)
        if event.sequence_number == 3:
            left_open.append(MISBEHAVIOUR[misbehaviour](connection))

    left_open: list[object] = []  # or the garbage collector would tidy up
    Subscription(store, "one", misbehave, attempts=2, backoff=0).catch_up()
    assert (noted(store), put_aside(store)) == ([1, 2, 4, 5], [3])
    [error] = ask(store, "SELECT error FROM event_dead_letters")
    assert 0 < len(error) <= 2_000


@pytest.mark.parametrize("statements", [["COMMIT"], ["COMMIT", "BEGIN"]])
def test_exhibit_a_handler_that_commits_in_sql_breaks_its_own_promise(
    store: PostgresEventStore, statements: list[str]
) -> None:
    """What it has committed cannot be taken back. It is told, and it harms nobody who comes later."""
    append(store, *["bet"] * 4)

    def commit(event: DomainEvent, connection: psycopg.Connection) -> None:
        note(event, connection)
        if event.sequence_number == 2:
            execute(*statements)(connection)

    Subscription(store, "one", commit, attempts=2, backoff=0).catch_up()
    assert put_aside(store) == [2]
    assert "has ended the transaction" in ask(store, "SELECT error FROM event_dead_letters")[0]
    assert noted(store).count(2) > 1
    assert [number for number in noted(store) if number > 2] == [3, 4]


def test_what_a_handler_sets_for_its_session_does_not_change_how_the_log_is_read(store: PostgresEventStore) -> None:
    """Above READ COMMITTED the view of the events would be older than the mark."""
    levels: list[Any] = []

    def lift(event: DomainEvent, connection: psycopg.Connection) -> None:
        levels.append(connection.execute("SHOW transaction_isolation").fetchone())
        connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE")

    with running(Subscription(store, "one", lift)):
        for length in (1, 2):
            append(store, "bet")
            wait_until(lambda: len(levels) == length, "the handler")  # noqa: B023
    assert levels == [("read committed",)] * 2


def test_an_event_that_nobody_can_read_is_put_aside_as_well(store: PostgresEventStore) -> None:
    """Written around the store: a number of more digits than Python reads."""
    append(store, "bet")
    insert = """
        INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data)
        VALUES (gen_random_uuid(), 'bet', 'hand', 2, jsonb_build_object('chips', repeat('7', 5000)::numeric))
        RETURNING 1
    """
    ask(store, insert)
    append(store, "bet")
    Subscription(store, "one", note, attempts=2, backoff=0).catch_up()
    assert (noted(store), put_aside(store)) == ([1, 3], [2])


def test_a_handler_that_is_silent_for_too_long_has_failed(store: PostgresEventStore) -> None:
    append(store, "bet", "bet", "bet")

    calls: list[int | None] = []

    def sleep(event: DomainEvent, connection: psycopg.Connection) -> None:
        calls.append(event.sequence_number)
        note(event, connection)
        if event.sequence_number == 2:
            time.sleep(0.8)

    Subscription(store, "one", sleep, attempts=2, backoff=0, handler_timeout=0.2).catch_up()
    assert (noted(store), put_aside(store)) == ([1, 3], [2])
    assert "idle" in ask(store, "SELECT error FROM event_dead_letters")[0]
    assert calls.count(2) == 2


def test_the_silence_of_many_events_does_not_add_up(store: PostgresEventStore) -> None:
    """Their handler does nothing with the database, each time for a short while."""
    append(store, *["bet"] * 30)
    calls: list[int | None] = []

    def sleep(event: DomainEvent, connection: psycopg.Connection) -> None:
        calls.append(event.sequence_number)
        time.sleep(0.05)

    Subscription(store, "one", sleep, handler_timeout=0.5).catch_up()
    assert calls == list(range(1, 31))


def test_what_a_handler_appends_is_there_once(store: PostgresEventStore) -> None:
    """In its own transaction, although it fails the first time."""
    append(store, "bet", "bet")
    failing = Failing(2, times=1)

    def answer(event: DomainEvent, connection: psycopg.Connection) -> None:
        new = DomainEvent(event_type="seen", aggregate_id=f"answer {event.sequence_number}", version=1, event_data={})
        store.append(new, connection=connection)
        failing(event, connection)

    Subscription(store, "one", answer, "bet", backoff=0).catch_up()
    assert noted(store) == [1, 2]
    assert [event.aggregate_id for event in store.get_by_type("seen")] == ["answer 1", "answer 2"]


def test_stop_ends_after_the_event_at_work(store: PostgresEventStore) -> None:
    append(store, "bet", "bet", "bet")

    def stop(event: DomainEvent, connection: psycopg.Connection) -> None:
        note(event, connection)
        if event.sequence_number == 2:
            subscription.stop()

    subscription = Subscription(store, "one", stop)
    subscription.run()
    assert noted(store) == [1, 2]
    subscription.run()  # has ended before it began
    Subscription(store, "one", note).catch_up()
    assert noted(store) == [1, 2, 3]


def test_one_object_may_run_several_times_at_once(store: PostgresEventStore) -> None:
    subscription = Subscription(store, "one", note)
    with running(subscription), running(subscription):
        for _ in range(20):
            append(store, *["bet"] * 10)
        wait_until(lambda: subscription.status().position == 200, "all events")
    assert noted(store) == list(range(1, 201))


def test_pause_waits_for_what_is_at_work_and_then_nothing_happens(store: PostgresEventStore) -> None:
    go_on, at_work = threading.Event(), threading.Event()

    def wait(event: DomainEvent, connection: psycopg.Connection) -> None:
        note(event, connection)
        at_work.set()
        assert go_on.wait(PATIENCE)

    subscription = Subscription(store, "one", wait)
    with running(subscription), ThreadPoolExecutor(1) as threads:
        append(store, "bet")
        assert at_work.wait(PATIENCE)
        pause = threads.submit(subscription.pause)
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        wait_until(lambda: ask(store, waits) == [1], "pause to wait")
        assert not pause.done()
        go_on.set()
        pause.result(PATIENCE)
        assert noted(store) == [1]
        append(store, "bet")
        Subscription(store, "one", note).catch_up()  # comes back at once
        assert (noted(store), subscription.status().state) == ([1], "paused")
        subscription.resume()
        wait_until(lambda: noted(store) == [1, 2], "it to go on")


def test_reset_to_the_start_and_to_the_end(store: PostgresEventStore) -> None:
    append(store, "bet", "bet", "bet")
    Subscription(store, "one", Failing(2), attempts=1).catch_up()
    assert put_aside(store) == [2]
    subscription = Subscription(store, "one", note)
    subscription.reset()
    assert (subscription.status().position, put_aside(store)) == (0, [])
    subscription.catch_up()
    assert noted(store) == [1, 3, 1, 2, 3]
    subscription.reset(1)
    subscription.reset(store.high_water_mark())
    append(store, "bet")
    subscription.catch_up()
    assert noted(store) == [1, 3, 1, 2, 3, 4]


def test_reset_forgets_what_the_batch_puts_aside_that_it_waits_for(store: PostgresEventStore) -> None:
    append(store, "bet")
    subscription = Subscription(store, "one", note)
    putting_aside = "INSERT INTO event_dead_letters VALUES ('one', 1, 2, 'ValueError')"
    with store.connection() as consumer, ThreadPoolExecutor(1) as threads:
        with consumer.transaction():
            consumer.execute("SELECT FROM event_subscriptions FOR UPDATE")
            consumer.execute(putting_aside)
            consumer.execute("UPDATE event_subscriptions SET position = 1")
            reset = threads.submit(subscription.reset)
            wait_until(lambda: ask(store, "SELECT count(*) FROM pg_locks WHERE NOT granted") == [1], "reset to wait")
        reset.result(PATIENCE)
    assert put_aside(store) == []


def test_reset_while_it_runs(store: PostgresEventStore) -> None:
    append(store, "bet", "bet")
    subscription = Subscription(store, "one", note)
    with running(subscription):
        wait_until(lambda: noted(store) == [1, 2], "the first time")
        subscription.reset()
        wait_until(lambda: noted(store) == [1, 2, 1, 2], "the second time")


def test_the_states(store: PostgresEventStore) -> None:
    may_succeed = threading.Event()

    def handle(event: DomainEvent, connection: psycopg.Connection) -> None:
        if not may_succeed.is_set():
            raise ValueError("not yet")

    subscription = Subscription(store, "one", handle, attempts=1_000_000, backoff=0.01)

    def is_in_state(state: str, position: int, lag: int) -> bool:
        status = subscription.status()
        return (status.name, status.state, status.position, status.lag) == ("one", state, position, lag)

    assert is_in_state("stopped", 0, 0)
    with running(subscription):
        wait_until(lambda: is_in_state("live", 0, 0), "live")
        append(store, "bet")
        wait_until(lambda: is_in_state("retrying", 0, 1), "retrying")
        status = subscription.status()
        assert status.attempts > 0
        assert status.error == "ValueError: not yet"
        may_succeed.set()
        wait_until(lambda: is_in_state("live", 1, 0), "live again")
        with store.connection() as slow, slow.transaction():
            event = DomainEvent(event_type="bet", aggregate_id="slow", version=1, event_data={})
            store.append(event, connection=slow)
            append(store, "bet")
            assert is_in_state("behind", 1, 2)
        wait_until(lambda: is_in_state("live", 3, 0), "live after the slow transaction")
        subscription.pause()
        assert is_in_state("paused", 3, 0)
        subscription.resume()
    wait_until(lambda: is_in_state("stopped", 3, 0), "the server to notice that nobody runs it")


def test_a_notification_wakes_it_up(store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one, it would look at the log again in an hour."""
    for pause in ("SHORTEST_PAUSE", "LONGEST_PAUSE"):
        monkeypatch.setattr(eventstore.subscription, pause, 3_600.0)
    Subscription(store, "one", note, listen=True)
    subscription = Subscription(store, "one", note, listen=True)  # the trigger is there already
    waiting = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%event_subscriptions%' AND state = 'idle'"
    with running(subscription):
        wait_until(lambda: ask(store, waiting), "it to wait")
        append(store, "bet")
        wait_until(lambda: noted(store) == [1], "it to wake up")
        append(store, "bet")
        wait_until(lambda: noted(store) == [1, 2], "it to wake up again")
        subscription.stop()
        append(store, "bet")


def test_numbers_beyond_32_bits(store: PostgresEventStore) -> None:
    append(store, "bet")
    ask(store, "SELECT setval('domain_events_sequence_number_seq', 8589934592)")
    append(store, "bet", "bet", "bet")
    first = 2**33 + 1
    subscription = Subscription(store, "one", Failing(first + 1), "bet", attempts=2, backoff=0)
    subscription.catch_up()
    assert (noted(store), put_aside(store)) == ([1, first, first + 2], [first + 1])
    subscription.reset(first)
    Subscription(store, "one", note).catch_up()
    assert noted(store)[3:] == [first + 1, first + 2]


def test_a_schema_that_is_dropped_ends_it(store: PostgresEventStore, schema: str) -> None:
    append(store, "bet")
    subscription = Subscription(store, "one", note)
    drop = sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema))

    def dropped() -> bool:
        with store.connection() as connection, suppress(psycopg.errors.DeadlockDetected):
            connection.execute(drop)  # both want several tables, so either of them may be told to try again
            return True
        return False

    with ThreadPoolExecutor(1) as threads:
        run = threads.submit(subscription.run)
        try:
            wait_until(lambda: noted(store) == [1], "it to run")
            wait_until(dropped, "the schema to be dropped")
            with pytest.raises(eventstore.SchemaError):
                run.result(PATIENCE)
        finally:
            subscription.stop()


async def asynchronous(event: DomainEvent, connection: psycopg.Connection) -> None:
    """Nobody would await it, and every event would be passed by."""


BAD_ARGUMENTS: list[tuple[str, dict[str, Any]]] = [
    ("store", {"store": eventstore.InMemoryEventStore()}),
    ("name", {"name": ""}),
    ("name", {"name": "x" * 256}),
    ("name", {"name": "a \0"}),
    ("name", {"name": 7}),
    ("handler", {"handler": None}),
    ("handler", {"handler": asynchronous}),
    ("event_types", {"event_types": []}),
    ("event_types", {"event_types": ["bet", ""]}),
    ("event_types", {"event_types": 7}),
    ("attempts", {"attempts": 0}),
    ("attempts", {"attempts": -1}),
    ("attempts", {"attempts": 2.5}),
    ("attempts", {"attempts": "5"}),
    ("attempts", {"attempts": 10**400}),
    ("backoff", {"backoff": -1}),
    ("backoff", {"backoff": float("nan")}),
    ("backoff", {"backoff": 61}),
    ("backoff", {"backoff": None}),
    ("handler_timeout", {"handler_timeout": 0}),
    ("handler_timeout", {"handler_timeout": float("inf")}),
    ("handler_timeout", {"handler_timeout": 10**400}),
    ("handler_timeout", {"handler_timeout": "10"}),
]


@pytest.mark.parametrize(("field", "arguments"), BAD_ARGUMENTS)
def test_bad_arguments_are_named_and_nothing_is_made(
    store: PostgresEventStore, field: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(InvalidEventError) as caught:
        Subscription(**{"store": store, "name": "one", "handler": note} | arguments)
    assert caught.value.field == field
    assert ask(store, "SELECT name FROM event_subscriptions") == []


@pytest.mark.parametrize("position", [-1, 1.5, "1", None, True, 3, 2**63 - 1, 10**400])
def test_a_position_that_cannot_be_is_refused(store: PostgresEventStore, position: Any) -> None:
    append(store, "bet", "bet")
    subscription = Subscription(store, "one", note)
    subscription.catch_up()
    with pytest.raises(InvalidEventError, match="position"):
        subscription.reset(position)
    assert subscription.status().position == 2
