"""Schedules: who does what in which order, over real connections, told like the scenes of a play.

The numbers are names of events. Where the server numbers them one by one they are its numbers too. What a reader that
waits for no longer than it must has seen by then is `due`: every event that is committed, and below which no number is
still undecided.
"""

from __future__ import annotations

from contextlib import ExitStack

import psycopg
import pytest
from our_way import Reader
from psycopg.pq import TransactionStatus

from eventstore import DomainEvent, PostgresEventStore, VersionConflictError

COPY = "COPY domain_events (id, event_type, aggregate_id, version, event_data) FROM STDIN"

# As often as the most patient reader needs to lose its patience.
TURNS = 3


class Writer:
    """Somebody who appends within a transaction of their own. It begins by itself with the first step."""

    def __init__(self, store: PostgresEventStore, connection: psycopg.Connection) -> None:
        self.store, self.connection = store, connection

    def begins(self) -> None:
        if self.connection.info.transaction_status is TransactionStatus.IDLE:
            self.connection.execute("BEGIN")

    def inserts(self, name: int) -> None:
        self.begins()
        self.store.append(event(name), connection=self.connection)

    def fails_to_insert(self, name: int) -> None:
        """Somebody has been here before: another event stands at this place of the stream."""
        self.begins()
        with pytest.raises(VersionConflictError):
            self.store.append(event(name), connection=self.connection)

    def copies(self, *names: int) -> None:
        self.begins()
        with self.connection.cursor().copy(COPY) as copy:
            for new in map(event, names):
                copy.write_row((new.id, new.event_type, new.aggregate_id, new.version, new.payload_json))

    def writes_elsewhere(self) -> None:
        """Whoever writes to any table has a transaction id from then on."""
        self.begins()
        self.connection.execute("SELECT pg_current_xact_id()")

    def sets_a_savepoint(self) -> None:
        self.begins()
        self.connection.execute("SAVEPOINT here")

    def rolls_back_to_it(self) -> None:
        self.connection.execute("ROLLBACK TO SAVEPOINT here")

    def commits(self) -> None:
        self.connection.execute("COMMIT")

    def rolls_back(self) -> None:
        self.connection.execute("ROLLBACK")

    def prepares(self) -> None:
        self.connection.execute("PREPARE TRANSACTION 'later'")

    def commits_what_was_prepared(self) -> None:
        self.connection.execute("COMMIT PREPARED 'later'")


class Play:
    """A stage: one log, one reader, and as many writers as a schedule asks for.

    Args:
        store: an empty log.
        reader: whoever follows it.
        sessions: closes the writers' connections in the end.
    """

    def __init__(self, store: PostgresEventStore, reader: Reader, sessions: ExitStack) -> None:
        self.store, self.reader, self.sessions = store, reader, sessions
        self.delivered: list[str] = []
        self.late = False
        self._has_looked = False

    def writers(self, count: int) -> list[Writer]:
        return [Writer(self.store, self.sessions.enter_context(self.store.connection())) for _ in range(count)]

    def reader_looks(self) -> None:
        """The first half of a turn. The next turn begins with the second half."""
        self.reader.look()
        self._has_looked = True

    def reads(self, due: list[int]) -> None:
        """The reader takes a few turns.

        Args:
            due: what it should have got by then, since the start.
        """
        for _ in range(TURNS):
            if not self._has_looked:
                self.reader.look()
            self._has_looked = False
            self.delivered += self.reader.fetch()
        self.late |= not {str(name) for name in due} <= set(self.delivered)

    def outcome(self) -> str:
        """Everybody is through; the reader reads to the end. What became of the events?

        Returns:
            `"ok"`: they came all, once, in the order of the log, and as soon as was safe; `"late"`: the same, but not
            as soon; `"LOST"`: the reader has gone past one of them.
        """
        self.reads(due=[])
        with self.store.connection() as connection:
            log = connection.execute("SELECT event_type FROM domain_events ORDER BY sequence_number").fetchall()
        stored = [event_type for (event_type,) in log]
        if set(self.delivered) < set(stored):
            return "LOST"
        assert self.delivered == stored
        return "late" if self.late else "ok"


def event(name: int) -> DomainEvent:
    """The first event of a stream of its own."""
    return DomainEvent(event_type=str(name), aggregate_id=f"stream {name}", version=1, event_data={})


def overtaken(play: Play) -> None:
    """A draws its number first and commits last."""
    a, b = play.writers(2)
    a.inserts(1)
    b.inserts(2)
    b.commits()
    play.reads(due=[])
    a.commits()


def crossing(play: Play) -> None:
    """A holds the numbers on both sides of B's, and commits first."""
    a, b = play.writers(2)
    a.inserts(1)
    b.inserts(2)
    a.inserts(3)
    a.commits()
    play.reads(due=[1])
    b.commits()


def rollback(play: Play) -> None:
    """A number that was rolled back is a gap for ever, and nothing to wait for."""
    a, b = play.writers(2)
    a.inserts(1)
    b.inserts(2)
    b.commits()
    play.reads(due=[])
    a.rolls_back()
    play.reads(due=[2])


def savepoint(play: Play) -> None:
    """A takes an insert back and has no number then. Later it inserts again."""
    a, b = play.writers(2)
    a.sets_a_savepoint()
    a.inserts(1)
    a.rolls_back_to_it()
    b.inserts(2)
    b.commits()
    play.reads(due=[2])
    a.inserts(3)
    b.inserts(4)
    b.commits()
    play.reads(due=[2])
    a.commits()


def conflict(play: Play) -> None:
    """A's append is refused, which leaves A with an open transaction and no number. Later it appends."""
    a, b = play.writers(2)
    b.inserts(1)
    b.commits()
    a.fails_to_insert(1)
    b.inserts(2)
    b.commits()
    play.reads(due=[1, 2])
    a.inserts(3)
    b.inserts(4)
    b.commits()
    play.reads(due=[1, 2])
    a.commits()


def copy(play: Play) -> None:
    """As `overtaken`, but A brings its events by COPY."""
    a, b = play.writers(2)
    a.copies(1, 2)
    b.inserts(3)
    b.commits()
    play.reads(due=[])
    a.commits()


def latecomer(play: Play) -> None:
    """A's transaction is open for long and writes to other tables, before it inserts anything."""
    a, b = play.writers(2)
    a.writes_elsewhere()
    b.inserts(1)
    b.commits()
    play.reads(due=[1])
    a.inserts(2)
    b.inserts(3)
    b.commits()
    play.reads(due=[1])
    a.commits()


def again(play: Play) -> None:
    """A inserts a second time, with a number from after B's commit. Its first number still counts."""
    a, b = play.writers(2)
    a.inserts(1)
    b.inserts(2)
    b.commits()
    a.inserts(3)
    play.reads(due=[])
    b.inserts(4)
    b.commits()
    play.reads(due=[])
    a.commits()


def between(play: Play) -> None:
    """A commits between the two halves of the reader's turn."""
    a, b = play.writers(2)
    a.inserts(1)
    b.inserts(2)
    b.commits()
    play.reader_looks()
    a.commits()
    play.reads(due=[1, 2])


def turns(play: Play) -> None:
    """Two sessions take turns, and there is never more than one transaction open."""
    a, b = play.writers(2)
    a.inserts(1)
    a.commits()
    b.inserts(2)
    b.commits()
    play.reads(due=[1, 2])
    a.inserts(3)
    a.commits()


def encore(play: Play) -> None:
    """A session that has committed once is overtaken in its next transaction."""
    a, b = play.writers(2)
    a.inserts(1)
    a.commits()
    a.inserts(2)
    b.inserts(3)
    b.commits()
    play.reads(due=[1])
    a.commits()


def relay(play: Play) -> None:
    """Each transaction begins before the one before it ends, so that one is always open."""
    a, b, c = play.writers(3)
    a.inserts(1)
    b.inserts(2)
    a.commits()
    play.reads(due=[1])
    c.inserts(3)
    b.commits()
    play.reads(due=[1, 2])
    c.commits()


def prepared(play: Play) -> None:
    """A's transaction is prepared for a commit in two phases, and its session goes away."""
    a, b = play.writers(2)
    a.inserts(1)
    a.prepares()
    a.connection.close()
    b.inserts(2)
    b.commits()
    play.reads(due=[])
    b.commits_what_was_prepared()
    play.reads(due=[1, 2])
