"""The checkpoint of a subscription: one row, which says how far it has come, and whom it waits for."""

from __future__ import annotations

import dataclasses
import traceback
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar

import psycopg

from eventstore.errors import EventStoreError, InvalidEventError
from eventstore.reading import HIGH_WATER_MARK, rows

Found = TypeVar("Found")

LONGEST_BACKOFF = 60.0  # seconds between two attempts
MOST_ERROR_TEXT = 2_000  # characters

REGISTER = "INSERT INTO event_subscriptions (name) VALUES (%s) ON CONFLICT DO NOTHING"

# Without a lock, so that a subscription with nothing to do costs the server next to nothing.
LOOK = """
SELECT position, paused, NOT paused AND position < high_water_mark() AND coalesce(retry_at <= now(), true)
FROM event_subscriptions
WHERE name = %b
"""

# One consumer at a time: whoever holds the row. The others do not queue up behind it, they look again later.
TAKE = """
SELECT position, failing, attempts, error, pg_current_xact_id()::text
FROM event_subscriptions
WHERE name = %b AND NOT paused AND coalesce(retry_at <= now(), true)
FOR UPDATE SKIP LOCKED
"""

# Only in the transaction that has taken it: a handler that commits, and begins another, has given the lock away.
MOVE = """
UPDATE event_subscriptions
SET position = %b, failing = %b, attempts = %b, error = %b, retry_at = NULL, moved_at = clock_timestamp()
WHERE name = %b AND pg_current_xact_id()::text = coalesce(%b, pg_current_xact_id()::text)
RETURNING position
"""

LOCK = "SELECT position, failing, attempts FROM event_subscriptions WHERE name = %b FOR UPDATE"

NOTE_FAILURE = """
UPDATE event_subscriptions
SET failing = %s, attempts = %s, error = %s, retry_at = clock_timestamp() + make_interval(secs => %s)
WHERE name = %s
"""

PUT_ASIDE = """
INSERT INTO event_dead_letters (subscription, sequence_number, attempts, error) VALUES (%s, %s, %s, %s)
ON CONFLICT (subscription, sequence_number) DO UPDATE
SET attempts = excluded.attempts, error = excluded.error, put_aside_at = excluded.put_aside_at
"""

PAUSE = "UPDATE event_subscriptions SET paused = %s WHERE name = %s"

RESET = """
UPDATE event_subscriptions
SET position = %s, failing = NULL, attempts = 0, error = NULL, retry_at = NULL, moved_at = clock_timestamp()
WHERE name = %s
"""

FORGET_PUT_ASIDE = "DELETE FROM event_dead_letters WHERE subscription = %s AND sequence_number > %s"

STATUS = """
SELECT name, position, lag, state, attempts, error, dead_letters, moved_at
FROM subscription_status
WHERE %b::text IS NULL OR name = %b
ORDER BY name
"""


@dataclass(frozen=True, kw_only=True)
class SubscriptionStatus:
    """How a subscription is doing.

    Args:
        name: its name.
        position: every event up to this number is done.
        lag: how far the position is behind the newest event, in sequence numbers; some of them may be of other types.
        state: `"paused"`; `"stopped"`, nobody runs it; `"retrying"`, its handler fails at an event; `"behind"`, it has
            events to handle; or `"live"`, it has handled all there is.
        attempts: how often the handler has failed at the event that it fails at now.
        error: what it said the last time, else None.
        dead_letters: how many events were put aside.
        moved_at: when the position changed the last time.
    """

    name: str
    position: int
    lag: int
    state: str
    attempts: int
    error: str | None
    dead_letters: int
    moved_at: datetime


@dataclass(frozen=True)
class Backoff:
    """When a handler that has failed is called again.

    Args:
        attempts: how often it may fail at one event.
        first: seconds before the second attempt; doubled before each further one.
    """

    attempts: int
    first: float

    def pause(self, failed: int) -> float:
        """Seconds to wait after so many failures, 0 where there will be no further attempt."""
        doublings = min(failed - 1, 100)  # beyond that there is nothing left to double, but numbers that overflow
        return 0.0 if failed >= self.attempts else min(self.first * 2**doublings, LONGEST_BACKOFF)


class Taken(NamedTuple):
    """A checkpoint that is locked until the transaction ends, and which transaction that is, where it matters."""

    position: int
    failing: int | None
    attempts: int
    error: str | None
    transaction: str | None = None


class Checkpoint:
    """The row of one subscription. Each call does its work on a connection that it is given.

    Args:
        name: the name of the subscription.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def register(self, connection: psycopg.Connection) -> None:
        """Begin at the start of the log, unless there is such a checkpoint already."""
        connection.execute(REGISTER, (self.name,))

    def look(self, connection: psycopg.Connection) -> tuple[int, bool, bool]:
        """The position, whether it is paused, and whether there may be something to do now.

        Raises:
            EventStoreError: somebody has deleted the row.
        """
        position, paused, ready = self._only(rows(connection, LOOK, (self.name,)))
        return position, paused, ready

    def take(self, connection: psycopg.Connection) -> Taken | None:
        """Lock the row until the transaction ends. None where another consumer has it, or there is a pause."""
        found = rows(connection, TAKE, (self.name,))
        return Taken(*found[0]) if found else None

    def move(self, connection: psycopg.Connection, taken: Taken, position: int) -> None:
        """Everything up to this position is done. A failure that still lies ahead is remembered.

        Raises:
            RuntimeError: this is not the transaction that has taken the row.
        """
        ahead = taken.failing is not None and taken.failing > position
        failure = (taken.failing, taken.attempts, taken.error) if ahead else (None, 0, None)
        if not rows(connection, MOVE, (position, *failure, self.name, taken.transaction)):
            raise RuntimeError("the handler has ended the transaction and begun another, or deleted the checkpoint")

    def put_aside(self, connection: psycopg.Connection, taken: Taken) -> None:
        """Put the event that the handler fails at among the dead letters."""
        connection.execute(PUT_ASIDE, (self.name, taken.failing, taken.attempts, taken.error))

    def note_failure(self, connection: psycopg.Connection, number: int, error: Exception, backoff: Backoff) -> int:
        """Count a failed attempt, unless another consumer has got past the event, and say when the next one is due.

        Returns:
            How often the handler has failed at this event by now.

        Raises:
            EventStoreError: somebody has deleted the row.
        """
        with connection.transaction():
            position, failing, attempts = self._lock(connection)
            attempts = attempts + 1 if failing == number else 1
            if position < number:
                connection.execute(
                    NOTE_FAILURE, (number, attempts, _as_text(error), backoff.pause(attempts), self.name)
                )
        return int(attempts)

    def set_paused(self, connection: psycopg.Connection, paused: bool) -> None:
        """Pause or go on. Waits until no batch is in work.

        Raises:
            EventStoreError: somebody has deleted the row.
        """
        with connection.transaction():
            self._lock(connection)
            connection.execute(PAUSE, (paused, self.name))

    def reset(self, connection: psycopg.Connection, position: int) -> None:
        """Go to another place in the log. Waits until no batch is in work.

        Raises:
            InvalidEventError: it lies above the high-water mark.
            EventStoreError: somebody has deleted the row.
        """
        with connection.transaction():
            self._lock(connection)
            [(mark,)] = rows(connection, HIGH_WATER_MARK)
            if position > mark:
                problem = f"is {position}, and below that events may still appear"
                raise InvalidEventError(
                    "position", problem, f"use a number up to high_water_mark(), which is {mark} now"
                )
            # In later statements, which see what the batch has put aside that we have waited for.
            connection.execute(FORGET_PUT_ASIDE, (self.name, position))
            connection.execute(RESET, (position, self.name))

    def status(self, connection: psycopg.Connection) -> SubscriptionStatus:
        """How the subscription is doing.

        Raises:
            EventStoreError: somebody has deleted the row.
        """
        return self._only(statuses(connection, self.name))

    def _lock(self, connection: psycopg.Connection) -> tuple[int, int | None, int]:
        position, failing, attempts = self._only(rows(connection, LOCK, (self.name,)))
        return position, failing, attempts

    def _only(self, found: list[Found]) -> Found:
        if not found:
            raise EventStoreError(f"the checkpoint of {self.name!r} was deleted: make the Subscription again")
        return found[0]


def statuses(connection: psycopg.Connection, name: str | None = None) -> list[SubscriptionStatus]:
    """How the subscription of one name is doing, or all of them."""
    fields = [field.name for field in dataclasses.fields(SubscriptionStatus)]
    found = rows(connection, STATUS, (name, name))
    return [SubscriptionStatus(**dict(zip(fields, row, strict=True))) for row in found]


def _as_text(error: Exception) -> str:
    """An error as text that PostgreSQL can store. Not `str(error)`, which may fail itself."""
    text = "".join(traceback.format_exception_only(error)).strip()[:MOST_ERROR_TEXT]
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
