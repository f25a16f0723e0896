"""A few connections to one schema, kept for the next call."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar
from weakref import WeakSet

import psycopg
from psycopg.pq import TransactionStatus

from eventstore.database import open_connection, our_word_for, server_url
from eventstore.embedded import host
from eventstore.errors import EventStoreError

Answer = TypeVar("Answer")

# Few, because thirty notebooks may share one server. A ninth thread waits for a connection.
MAX_CONNECTIONS = 8

IDLE = TransactionStatus.IDLE  # looked up once, not at each call


class Connections:
    """A few connections to one schema, opened when needed and kept for the next call. Safe for several threads.

    Args:
        url: the server, or None for `server_url()`: then each new connection finds the server again, and starts the
            private one if it was killed meanwhile.
        schema: the schema that the tables are in.
    """

    def __init__(self, url: str | None, schema: str) -> None:
        self._url, self.schema = url, schema
        self._closed = False
        self._start_empty()
        _ALL.add(self)

    def _start_empty(self) -> None:
        # The last one given back is the first one taken: it is the warmest, and the others may grow old.
        self._free: deque[psycopg.Connection] = deque()
        self._opened = self._waiting = 0
        self._given_back = threading.Condition()
        self._lenders: set[int] = set()

    def run(self, work: Callable[[psycopg.Connection], Answer]) -> Answer:
        """Do a piece of work that may be done twice, and turn the driver's errors into ours.

        A kept connection may turn out to be dead, because the server was restarted. Then the work is done again on
        another one. Every call of the store allows that: reading changes nothing, and appending the same ids again
        gives back what is stored.

        Raises:
            StoreUnavailableError: the server cannot be reached, or broke off the call on a new connection.
            EventStoreError: whatever else the server refused.
        """
        while True:
            connection, kept = self._take()
            try:
                return work(connection)
            except psycopg.Error as error:
                if not (kept and connection.closed):
                    raise our_word_for(error, connection) from None
            finally:
                self._give_back(connection)

    def run_and_lend(self, work: Callable[[psycopg.Connection], Answer]) -> Answer:
        """The same for work that calls code of others, which may ask for a second connection in the same thread.

        It gets one above the maximum, if need be: where all have lent theirs, it would wait for those who wait for it.
        What it makes of rows and cursors on the first one does not stay.
        """

        def lend(connection: psycopg.Connection) -> Answer:
            me, factories = threading.get_ident(), (connection.row_factory, connection.cursor_factory)
            self._lenders.add(me)
            try:
                return work(connection)
            finally:
                self._lenders.discard(me)
                connection.row_factory, connection.cursor_factory = factories

        return self.run(lend)

    def __reduce__(self) -> tuple[type[Connections], tuple[str | None, str]]:
        # What is pickled is the address, with its password, and not the connections: a copy opens its own.
        return Connections, (self._url, self.schema)

    def open(self) -> psycopg.Connection:
        """A new connection that is not kept: it belongs to the caller."""
        if self._closed:
            raise EventStoreError("this store is closed: connect again")
        return open_connection(server_url(self._url), self.schema)

    def close(self) -> None:
        self._closed = True
        with suppress(IndexError):  # not "while there are any": another thread may take the last one meanwhile
            while True:
                self._free.pop().close()
                self._note_closed()

    def _take(self) -> tuple[psycopg.Connection, bool]:
        """A connection, and whether it was kept from an earlier call."""
        try:
            return self._free.pop(), True
        except IndexError:
            return self._open_or_wait()

    def _open_or_wait(self) -> tuple[psycopg.Connection, bool]:
        with self._given_back:
            self._waiting += 1  # first, so that whoever gives one back from now on tells us
            try:
                while True:
                    with suppress(IndexError):
                        return self._free.pop(), True
                    if self._opened < MAX_CONNECTIONS or threading.get_ident() in self._lenders:
                        self._opened += 1
                        break
                    self._given_back.wait()
            except BaseException:  # an interrupt, maybe after somebody has told us: then the next one has to know
                self._given_back.notify()
                raise
            finally:
                self._waiting -= 1
        try:
            return self.open(), False
        except BaseException:
            self._note_closed()
            raise

    def _give_back(self, connection: psycopg.Connection) -> None:
        unwanted = self._closed or self._opened > MAX_CONNECTIONS
        if unwanted or connection.pgconn.transaction_status != IDLE:
            connection.close()  # the server rolls an open transaction back
            self._note_closed()
            return
        self._free.append(connection)
        if self._closed:  # since we have looked; whoever did it may have missed this one
            self.close()
        elif self._waiting:
            with self._given_back:
                self._given_back.notify()

    def _note_closed(self) -> None:
        with self._given_back:
            self._opened -= 1
            self._given_back.notify()


# The child of a fork must not touch what its parent has: each would get answers to the questions of the other. It is
# told before it does anything else, because of its threads the first to notice could come too late for the second.
_ALL: WeakSet[Connections] = WeakSet()


def _start_empty_in_child() -> None:
    for connections in list(_ALL):
        connections._start_empty()


host.in_each_child(_start_empty_in_child)
