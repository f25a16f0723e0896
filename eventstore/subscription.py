"""Following the log: every event once, in order, whoever dies on the way."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from inspect import iscoroutinefunction

import psycopg
from psycopg import sql

from eventstore.appending import hand_over
from eventstore.checkpoint import LONGEST_BACKOFF, Backoff, Checkpoint, SubscriptionStatus, statuses
from eventstore.database import in_our_words, install
from eventstore.embedded import host
from eventstore.errors import EventStoreError, InvalidEventError, StoreUnavailableError
from eventstore.events import DomainEvent, check_count, check_name
from eventstore.postgres import PostgresEventStore
from eventstore.reading import HAS_NO_MARK, HIGH_WATER_MARK, NUMBER, PAYLOAD, ReadAhead, events_from, read_log, rows

logger = logging.getLogger("eventstore.subscription")

Handler = Callable[[DomainEvent, psycopg.Connection], object]

# A batch is one transaction: the larger, the less each event pays for the commit, and the more is done again after a
# failure. Above some thousand there is little left to save. It begins small, because nobody knows how large the events
# are, and it ends early where the handler takes its time: others wait for it, and `pause` does too.
FIRST_BATCH, BATCH = 100, 2_000
BATCH_BYTES = 4_000_000
BATCH_SECONDS = 1.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.01, 0.25  # seconds between two looks at a log that does not grow
RECONNECT_PAUSE = 1.0  # seconds between two attempts to reach a server that is away
LONGEST_TIMEOUT = 86_400  # seconds

# By these the server learns within seconds that a consumer is no more, and frees its batch for the next one. The first
# ends a transaction whose owner is silent, because the cable was cut, or the process froze. The others notice a machine
# that does not answer any more, where the system can.
TIME_LIMITS = """
SELECT set_config('idle_in_transaction_session_timeout', %s::text, false),
       set_config('tcp_keepalives_idle', '2', false),
       set_config('tcp_keepalives_interval', '1', false),
       set_config('tcp_keepalives_count', '3', false),
       set_config('tcp_user_timeout', '5000', false)
"""

# For `subscription_status`, which shows by it that somebody is there. The lock goes when the session goes.
SAY_WE_ARE_HERE = "SELECT pg_advisory_lock_shared('event_subscriptions'::regclass::oid::int, hashtext(%s))"

CHANNEL = "SELECT 'domain_events_' || 'domain_events'::regclass::oid"


def subscriptions(store: PostgresEventStore) -> list[SubscriptionStatus]:
    """All subscriptions of a store, by name.

    Raises:
        StoreUnavailableError: the server is away.
    """
    with store.connection() as connection, in_our_words(connection):
        return statuses(connection)


class Subscription:
    """A named follower of the log, which gets every event once, in the order of the log.

    The handler is called with an event and a connection on which a transaction is open. What it writes through that
    connection is committed together with the checkpoint, the position of this subscription in the log: both or
    neither, so the effect of an event is there exactly once, whoever is killed at whatever moment. What the handler
    does elsewhere, a mail it sends, may happen again after a failure: at least once.

    An event is handed over when no event with a lower number can appear any more, see
    `EventStore.high_water_mark`. So a transaction that stays open delays the followers, and loses nothing.

    Any number of processes may run the same name: one of them works at a time, and when it dies, another one goes on.
    A handler that fails is called again, with all that it wrote rolled back, after a pause that doubles each time.
    When it has failed too often, the event goes to the table `event_dead_letters`, and the next one has its turn.

    Source of the technique: the lock on the checkpoint's row stands in eugene-khyst/postgresql-event-sourcing.

    Args:
        store: the store to follow.
        name: the name of the checkpoint, 1 to 255 bytes; a new name begins at the start of the log.
        handler: called with `(event, connection)`. It must not end the transaction.
        event_types: the types wanted; None for all.
        attempts: how often a handler may fail at one event, 1 or more.
        backoff: seconds before the second attempt; doubled before each further one, up to a minute.
        handler_timeout: seconds for which a handler may leave the database without a word. Then the server takes its
            transaction away, within a second more, and it counts as a failure: so a consumer who is gone keeps nobody
            waiting for longer.
        listen: whether to be woken up by notifications, besides looking at the log now and then. The first one to want
            it adds the trigger that sends them, at a cost for every append: see docs/decisions/notifications.md.

    Raises:
        InvalidEventError: an argument that cannot be right.
        SchemaError: this role may not add the trigger.
        StoreUnavailableError: the server is away.
    """

    def __init__(
        self,
        store: PostgresEventStore,
        name: str,
        handler: Handler,
        event_types: Iterable[str] | None = None,
        *,
        attempts: int = 5,
        backoff: float = 0.5,
        handler_timeout: float = 10.0,
        listen: bool = False,
    ) -> None:
        if not isinstance(store, PostgresEventStore):
            raise InvalidEventError("store", f"is {type(store).__name__}", "pass what eventstore.connect() gives")
        self.name = check_name("name", name)
        if not callable(handler):
            raise InvalidEventError("handler", f"is {type(handler).__name__}", "pass a function of (event, connection)")
        if iscoroutinefunction(handler) or iscoroutinefunction(type(handler).__call__):
            raise InvalidEventError("handler", "is asynchronous, and nobody would await it", "pass a plain function")
        self._types = None if event_types is None else _check_types(event_types)
        check_count("attempts", attempts)
        if attempts == 0:
            raise InvalidEventError("attempts", "is 0", "use 1 or more")
        _check_seconds("backoff", backoff, 0, LONGEST_BACKOFF)
        _check_seconds("handler_timeout", handler_timeout, 0.1, LONGEST_TIMEOUT)
        self._store, self._handler = store, handler
        self._backoff, self._handler_timeout, self._listen = Backoff(attempts, backoff), handler_timeout, listen
        self._batch_seconds = min(BATCH_SECONDS, handler_timeout)
        self._checkpoint = Checkpoint(self.name)
        self._size = FIRST_BATCH
        # Not a threading.Event: a signal handler that sets one can meet its own thread within wait(), and hang there.
        self._stopping = False
        with self._connection() as connection:
            if listen:
                install(connection, store.schema, "notify")
            self._checkpoint.register(connection)

    def run(self) -> None:
        """Handle what is in the log, and then whatever comes, until `stop` is called.

        In the main thread SIGTERM, on Windows Ctrl-Break, stops it as well, unless the program has a handler of its
        own for that. While the server is away, it waits and tries again.

        Raises:
            EventStoreError: this server is a standby or a subscriber; or the checkpoint was deleted.
        """
        with host.asked_to_end(self.stop):
            while not self._stopping:
                try:
                    self._follow()
                except StoreUnavailableError as error:
                    logger.warning("subscription %s: %s; trying again", self.name, error)
                    time.sleep(RECONNECT_PAUSE)

    def catch_up(self) -> None:
        """Handle what is in the log now, and come back. While it is paused, or after `stop`, come back at once.

        Raises:
            StoreUnavailableError: the server is away.
            EventStoreError: as `run`.
        """
        goal = self._store.high_water_mark()
        while not self._follow(goal):
            pass

    def stop(self) -> None:
        """Let `run` come back when the event at work is done. Safe to call from other threads, and before `run`."""
        self._stopping = True

    def pause(self) -> None:
        """Handle no more events until `resume`, whoever runs it. When this comes back, nothing is being handled.

        Not for the handler itself, which would wait for its own end. That holds for `resume` and `reset` too.
        """
        with self._connection() as connection:
            self._checkpoint.set_paused(connection, True)

    def resume(self) -> None:
        """Go on after `pause`."""
        with self._connection() as connection:
            self._checkpoint.set_paused(connection, False)

    def reset(self, position: int = 0) -> None:
        """Go on from another place in the log: from the start, or with `store.high_water_mark()` from the end.

        The handler gets every event behind that place again, those that were put aside included. What it wrote before
        is not undone.

        Args:
            position: the sequence number of the event to go on after, 0 for the start.

        Raises:
            InvalidEventError: above the high-water mark, where events may still appear that it would never get.
        """
        check_count("position", position)
        with self._connection() as connection:
            self._checkpoint.reset(connection, position)

    def status(self) -> SubscriptionStatus:
        """How it is doing, by whatever process it is run."""
        with self._connection() as connection:
            return self._checkpoint.status(connection)

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection]:
        with self._store.connection() as connection, in_our_words(connection):
            yield connection

    @contextmanager
    def _session(self) -> Iterator[psycopg.Connection]:
        """A connection that the server takes away from whoever is gone, or silent in a transaction for too long."""
        with self._connection() as connection:
            # Before a handler has its turn, those of the same batch may have been silent for a while already.
            patience = self._batch_seconds + self._handler_timeout
            connection.execute(TIME_LIMITS, (round(patience * 1000),))
            yield connection

    @contextmanager
    def _consumer(self) -> Iterator[psycopg.Connection]:
        """A connection to follow the log with."""
        with self._session() as connection:
            if connection.execute(HAS_NO_MARK).fetchone() == (True,):
                raise EventStoreError(
                    "this server is a standby or a subscriber, where nobody can tell which events are still on their"
                    " way: follow the server that is written to"
                )
            # A session's default could be changed by the handler, and then the mark would be older than the events.
            connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            connection.execute(SAY_WE_ARE_HERE, (self.name,))
            if self._listen:
                [(channel,)] = connection.execute(CHANNEL).fetchall()
                connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            yield connection

    def _follow(self, goal: int | None = None) -> bool:
        """Handle events for as long as the connection holds. Returns whether that was all: goal reached, or stopped."""
        pause = SHORTEST_PAUSE
        with self._consumer() as connection, closing(ReadAhead(self._session)) as ahead:
            while not (self._stopping or connection.closed):
                position, paused, ready = self._checkpoint.look(connection)
                if goal is not None and (paused or position >= goal):
                    return True
                busy = ready and self._handle_batch(connection, ahead)
                if not busy:
                    ahead.close()
                woken = self._wait(connection, 0 if busy else pause)
                pause = SHORTEST_PAUSE if busy or woken else min(2 * pause, LONGEST_PAUSE)
        return self._stopping

    def _wait(self, connection: psycopg.Connection, seconds: float) -> bool:
        """Wait for a while. Returns whether a notification has ended the waiting."""
        if self._listen and not connection.closed:
            # All of them: those that have come while a batch was in work would pile up.
            return bool(list(connection.notifies(timeout=seconds, stop_after=1)))
        time.sleep(seconds)
        return False

    def _handle_batch(self, connection: psycopg.Connection, ahead: ReadAhead) -> bool:
        """Hand over the next events and move the checkpoint, in one transaction. Returns whether there were any."""
        batch = _Batch()
        try:
            with connection.transaction():
                try:
                    self._advance(connection, ahead, batch)
                except BaseException:
                    # No ROLLBACK: it would wait for ever for a COPY that the handler has left open.
                    connection.close()
                    raise
        except Exception as error:
            if not batch.numbers:
                raise
            connection.close()
            if batch.at_work is None and len(batch.numbers) > 1:
                # The commit failed, by what one of the events has left behind. One by one they will tell which.
                self._size = 1
            else:
                self._note_failure(batch.numbers[0] if batch.at_work is None else batch.at_work, error)
            return True
        if batch.numbers:
            self._size = max(1, min(4 * self._size, BATCH, BATCH_BYTES * len(batch.numbers) // batch.bytes))
        return bool(batch.numbers)

    def _advance(self, connection: psycopg.Connection, ahead: ReadAhead, batch: _Batch) -> None:
        taken = self._checkpoint.take(connection)
        if taken is None:
            return
        # First the mark, and then in a later statement the events up to it: see `sql/100_order.sql`.
        [(mark,)] = rows(connection, HIGH_WATER_MARK)
        done = mark if taken.failing is None else min(mark, taken.failing)
        if done <= taken.position:
            return  # the mark may fall back a little, the checkpoint never does
        page = ahead.answer(taken.position)
        if page is None or taken.failing is not None:
            page = read_log(connection, self._types, taken.position, done, self._size)
        found, done = page
        if self._size == BATCH and done < mark:
            ahead.ask(self._types, done, mark, BATCH)
        if len(found) > 1 and done == taken.failing:
            found.pop()  # it gets a transaction of its own
            done -= 1
        if found and found[0][NUMBER] == taken.failing and taken.attempts >= self._backoff.attempts:
            self._checkpoint.put_aside(connection, taken)
            logger.error("subscription %s: event %s was put aside: %s", self.name, taken.failing, taken.error)
            found.clear()
        batch.numbers, batch.bytes = [row[NUMBER] for row in found], sum([len(row[PAYLOAD]) for row in found])
        events = events_from(found)
        began = now = time.monotonic()
        for number in batch.numbers:
            batch.at_work, before = number, now
            hand_over(self._handler, next(events), connection)
            now = time.monotonic()
            if now - before > self._handler_timeout:
                connection.execute("SELECT")  # has the server lost its patience? With this event, and not a later one
            if self._stopping or now - began > self._batch_seconds:
                done = batch.at_work
                break
        batch.at_work = None
        self._checkpoint.move(connection, taken, done)

    def _note_failure(self, number: int, error: Exception) -> None:
        with self._connection() as connection:
            attempts = self._checkpoint.note_failure(connection, number, error, self._backoff)
        text = "subscription %s: attempt %s of %s at event %s failed"
        logger.warning(text, self.name, attempts, self._backoff.attempts, number, exc_info=error)


@dataclass
class _Batch:
    """What a consumer has in its hands, to be known when it fails: events by their numbers."""

    numbers: list[int] = field(default_factory=list)
    bytes: int = 0
    at_work: int | None = None


def _check_types(event_types: object) -> tuple[str, ...]:
    given = (event_types,) if isinstance(event_types, str) else event_types
    if not isinstance(given, Iterable):
        raise InvalidEventError("event_types", f"is {type(given).__name__}", "pass a list of event types, or None")
    types = tuple(dict.fromkeys(check_name("event_types", name) for name in given))
    if not types:
        raise InvalidEventError("event_types", "is empty", "name a type, or pass None for all")
    return types


def _check_seconds(argument: str, seconds: object, least: float, most: float) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise InvalidEventError(argument, f"is {type(seconds).__name__}", "pass a number of seconds")
    if not least <= seconds <= most:
        raise InvalidEventError(argument, "is out of range", f"use {least} to {most} seconds")
