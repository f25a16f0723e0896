"""Promises of `Subscription`: every event has its effect once, in order, whoever dies on the way.

A subscription needs a store on PostgreSQL, so these are not asked of a store in memory. Where a handler fails,
`catch_up` may raise the error, and go on at the same event when it is called again; or it may try again by itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid5

import psycopg

from workbook.contract.promises import PATIENCE, SPACE, event, promise
from workbook.expect import NotKept, expect

NewStore = Callable[[], Any]

# No unique key: what is handled twice shall stand there twice.
SEEN = "CREATE TABLE seen (place bigint GENERATED ALWAYS AS IDENTITY, reader text, number bigint, what text)"
WRITE = "INSERT INTO seen (reader, number, what) VALUES (%s, %s, %s)"
READ = "SELECT what FROM seen WHERE reader = %s ORDER BY place"

# How far the checkpoint is, and the effects, as one statement of somebody else sees them.
BOTH = """
SELECT (SELECT position FROM event_subscriptions WHERE name = 'reader'), (SELECT coalesce(max(number), 0) FROM seen)
"""

APPEND = """
INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data)
VALUES (%s, 'game.created', %s, 1, '{}')
"""

# How long somebody at work waits for another one to come in.
MEETING = 0.5  # seconds


class Breakdown(Exception):
    """What a handler raises here that fails."""


class Killed(BaseException):
    """What ends a consumer here in the middle of its work."""


class _Store:
    """A store with a table for the effects of handlers."""

    def __init__(self, names: Any, new_store: NewStore) -> None:
        self.names, self.store = names, new_store()
        with self.connection() as connection:
            connection.execute(SEEN)

    def connection(self) -> Any:
        return self.store.connection()

    def append(self, hand: str, *versions: int, **fields: Any) -> None:
        self.store.append_many([event(self.names, version, hand, **fields) for version in versions])

    def subscription(self, handler: Any = None, reader: str = "reader", event_types: Any = None) -> Any:
        return self.names.Subscription(self.store, reader, handler or writes(reader), event_types)

    def expect_seen(self, expected: list[str], of: str, reader: str = "reader") -> None:
        with self.connection() as connection:
            got = [what for (what,) in connection.execute(READ, [reader])]
        expect(got, expected, of)

    def both(self) -> Any:
        with self.connection() as connection:
            return connection.execute(BOTH).fetchone()


def name_of(event: Any) -> str:
    """An event in two words: its stream and its version."""
    return f"{event.aggregate_id} {event.version}"


def writes(reader: str = "reader") -> Callable[[Any, Any], None]:
    """A handler that writes down each event."""

    def write(event: Any, connection: Any) -> None:
        connection.execute(WRITE, [reader, event.sequence_number, name_of(event)])

    return write


def hands(aggregate_id: str, last: int) -> list[str]:
    """What is seen of one stream."""
    return [f"{aggregate_id} {version}" for version in range(1, last + 1)]


@promise(day=9, in_memory=False)
def every_event_is_handled_once_in_the_order_of_the_log(names: Any, new_store: NewStore) -> None:
    there = _Store(names, new_store)
    subscription = there.subscription()
    subscription.catch_up()
    there.expect_seen([], "the handler, while the log is empty")
    batch = [event(names, 1, "hand-2"), event(names, 1), event(names, 2, "hand-2")]
    there.store.append_many(batch)
    subscription.catch_up()
    first = ["hand-2 1", "hand-1 1", "hand-2 2"]
    there.expect_seen(first, "the handler, after a batch of three")
    there.append("hand-1", 2)
    for _ in range(2):
        subscription.catch_up()
    there.expect_seen([*first, "hand-1 2"], "the handler, after one more event")


@promise(day=9, in_memory=False)
def the_handler_gets_stored_events(names: Any, new_store: NewStore) -> None:
    there = _Store(names, new_store)
    there.append("hand-1", 1, 2)
    got: list[Any] = []
    there.subscription(lambda event, connection: got.append(event)).catch_up()
    expect(got == there.store.get_by_aggregate("hand-1"), True, "whether the handler got what the store gives")


@promise(day=9, in_memory=False)
def a_long_log_is_handled_to_its_end(names: Any, new_store: NewStore) -> None:
    there = _Store(names, new_store)
    there.append("hand-1", *range(1, 701))
    got: list[int] = []
    there.subscription(lambda event, connection: got.append(event.version)).catch_up()
    expect(len(got), 700, "the number of events that the handler got")
    expect(got == list(range(1, 701)), True, "whether they came in order, each once")


@promise(day=9, in_memory=False)
def only_the_types_asked_for_are_handled(names: Any, new_store: NewStore) -> None:
    there = _Store(names, new_store)
    there.append("hand-1", 1, event_type="bet")
    there.append("hand-2", *range(1, 301), event_type="fold")
    there.append("hand-3", 1, 2, event_type="raise")
    bets = there.subscription(event_types=["bet", "raise"])
    bets.catch_up()
    seen = ["hand-1 1", "hand-3 1", "hand-3 2"]
    there.expect_seen(seen, "a handler of bets and raises")
    there.append("hand-2", 301, event_type="fold")
    bets.catch_up()
    there.expect_seen(seen, "a handler of bets and raises, after a fold")
    with there.connection() as connection:
        [(head,)] = connection.execute("SELECT max(sequence_number) FROM domain_events").fetchall()
    expect(there.both()[0], head, "the position, with a fold at the end of the log")


@promise(day=9, in_memory=False)
def a_new_object_of_the_same_name_goes_on(names: Any, new_store: NewStore) -> None:
    there = _Store(names, new_store)
    there.append("hand-1", 1, 2)
    there.subscription().catch_up()
    there.append("hand-1", 3)
    there.subscription().catch_up()
    there.expect_seen(hands("hand-1", 3), "the handlers of one name")


@promise(day=9, in_memory=False)
def each_name_counts_for_itself(names: Any, new_store: NewStore) -> None:
    there = _Store(names, new_store)
    there.append("hand-1", 1, 2)
    there.subscription().catch_up()
    there.append("hand-1", 3)
    there.subscription(reader="late").catch_up()
    there.expect_seen(hands("hand-1", 2), "the first reader")
    there.expect_seen(hands("hand-1", 3), "a reader of another name, who came later", reader="late")


@promise(day=9, in_memory=False)
def effect_and_checkpoint_are_seen_together(names: Any, new_store: NewStore) -> None:
    there = _Store(names, new_store)
    there.append("hand-1", 1, 2, 3)
    seen: list[Any] = []

    def handle(event: Any, connection: Any) -> None:
        seen.append(there.both())
        writes()(event, connection)
        seen.append(there.both())

    there.subscription(handle).catch_up()
    seen.append(there.both())
    expect(len(seen), 7, "the number of looks at checkpoint and effects, two for each of three events and one more")
    for position, effect in seen:
        expect(position, effect, f"the checkpoint, while the newest effect to be seen is that of event {effect}")


@promise(day=9, in_memory=False)
def a_handler_that_fails_leaves_nothing_behind(names: Any, new_store: NewStore) -> None:
    def raises(connection: Any) -> None:
        raise Breakdown("paper jam")

    def fails_in_the_database(connection: Any) -> None:
        connection.execute("SELECT 1 / 0")

    for fails in (raises, fails_in_the_database):
        there = _Store(names, new_store)
        there.append("hand-1", 1, 2, 3, 4)
        tries: list[Any] = []

        def handle(event: Any, connection: Any, there: Any = there, tries: Any = tries, fails: Any = fails) -> None:
            if event.version == 3:
                tries.append(there.both()[1])
            writes()(event, connection)
            if event.version == 3 and len(tries) == 1:
                fails(connection)

        subscription = there.subscription(handle)
        for _ in range(2):
            with suppress(Breakdown, psycopg.Error):
                subscription.catch_up()
        there.expect_seen(hands("hand-1", 4), "a handler that failed once, at version 3")
        expect(len(tries), 2, "the calls with version 3, of which the first failed")
        expect(tries[1] < 3, True, "whether nothing was left of the call that failed, when the next one came")


@promise(day=9, in_memory=False)
def whoever_dies_at_work_leaves_it_to_the_next(names: Any, new_store: NewStore) -> None:
    there = _Store(names, new_store)
    there.append("hand-1", 1, 2, 3, 4)

    def dies(event: Any, connection: Any) -> None:
        writes()(event, connection)
        if event.version == 3:
            raise Killed

    with suppress(Killed):
        there.subscription(dies).catch_up()
    there.subscription().catch_up()
    there.expect_seen(hands("hand-1", 4), "two consumers, the first of which died at version 3")


@contextmanager
def slow_transaction(there: _Store, hand: str) -> Iterator[Any]:
    """Somebody who has appended, and has not committed yet."""
    with there.connection() as slow:
        slow.execute("BEGIN")
        slow.execute(APPEND, [uuid5(SPACE, hand), hand])
        yield slow


@promise(day=9, in_memory=False)
def a_slow_transaction_delays_and_loses_nothing(names: Any, new_store: NewStore) -> None:
    there = _Store(names, new_store)
    there.append("hand-1", 1)
    subscription = there.subscription()
    with slow_transaction(there, "slow hand") as slow:
        there.append("hand-1", 2)
        subscription.catch_up()
        there.expect_seen(hands("hand-1", 1), "the handler, while a transaction with an earlier number is open")
        slow.execute("COMMIT")
    subscription.catch_up()
    expected = ["hand-1 1", "slow hand 1", "hand-1 2"]
    there.expect_seen(expected, "the handler, after that transaction has committed")


@promise(day=9, in_memory=False)
def a_number_that_was_rolled_back_stops_nobody(names: Any, new_store: NewStore) -> None:
    there = _Store(names, new_store)
    there.append("hand-1", 1)
    subscription = there.subscription()
    with slow_transaction(there, "slow hand") as slow:
        there.append("hand-1", 2)
        subscription.catch_up()
        slow.execute("ROLLBACK")
    subscription.catch_up()
    there.expect_seen(hands("hand-1", 2), "the handler, after a transaction was rolled back")


@promise(day=9, in_memory=False)
def two_of_one_name_never_work_at_the_same_time(names: Any, new_store: NewStore) -> None:
    there = _Store(names, new_store)
    there.append("hand-1", *range(1, 21))
    start, meeting = threading.Barrier(2), threading.Barrier(2)
    inside: list[int] = []
    together: list[int] = []
    outcomes = ["still running"] * 2

    def handle(event: Any, connection: Any) -> None:
        inside.append(threading.get_ident())
        # The first one at work waits a while for the other one, who must not come.
        with suppress(threading.BrokenBarrierError):
            meeting.wait(MEETING)
        if len(inside) > 1:
            together.append(event.version)
        writes()(event, connection)
        inside.remove(threading.get_ident())

    def consume(place: int) -> None:
        try:
            subscription = there.subscription(handle)
            start.wait(PATIENCE)
            subscription.catch_up()
            outcomes[place] = "done"
        except BaseException as error:
            outcomes[place] = f"{type(error).__name__}: {error}"

    threads = [threading.Thread(target=consume, args=(place,), daemon=True) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    expect(sorted(together), [], "the versions that were handled while the other consumer was at work, too")
    expect(outcomes, ["done", "done"], "two consumers of one name")
    there.subscription(handle).catch_up()
    there.expect_seen(hands("hand-1", 20), "two consumers of one name")


@promise(day=9, in_memory=False)
def run_handles_what_comes_until_it_is_stopped(names: Any, new_store: NewStore) -> None:
    there = _Store(names, new_store)
    there.append("hand-1", 1)
    handled: list[int] = []
    subscription = there.subscription(lambda event, connection: handled.append(event.version))
    errors: list[str] = []

    def run() -> None:
        try:
            subscription.run()
        except BaseException as error:
            errors.append(f"{type(error).__name__}: {error}")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        for version in (1, 2, 3):
            if version > 1:
                there.append("hand-1", version)
            deadline = time.monotonic() + PATIENCE / 4
            while len(handled) < version:
                if errors or time.monotonic() > deadline:
                    raise NotKept(f"got {errors or handled} from run(), after {version} appends, expected all of them")
                time.sleep(0.01)
    finally:
        subscription.stop()
        thread.join(PATIENCE / 4)
    expect(thread.is_alive(), False, "'run goes on after stop()'")
    expect(errors, [], "run()")
    expect(handled, [1, 2, 3], "the versions that run() handled")
