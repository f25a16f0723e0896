"""Read models: tables that are built from the log, kept up to date, and built anew beside the ones that serve."""

from __future__ import annotations

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.errors import DeadlockDetected, DependentObjectsStillExist, InsufficientPrivilege, LockNotAvailable

from eventstore.appending import hand_over
from eventstore.checkpoint import Checkpoint, Taken
from eventstore.database import INSTALL_LOCK, in_our_words, sql_files
from eventstore.errors import EventStoreError, InvalidEventError, SchemaError, StoreUnavailableError
from eventstore.events import MAX_TEXT_BYTES, DomainEvent, check_name
from eventstore.postgres import PostgresEventStore
from eventstore.reading import HAS_NO_MARK, HIGH_WATER_MARK, events_from, read_log, rows
from eventstore.subscription import TIME_LIMITS, Subscription

# Whoever wants to read a table that we wait for waits behind us. So we wait for a moment only, let the others pass, and
# try again. Shorter than `deadlock_timeout`, so that in a deadlock it is us who give way. For the consumer's batch to
# end we may wait longer: that keeps nobody else.
SHORT_WAIT, LONG_WAIT = "500ms", "30s"
SWITCH_ATTEMPTS, PAUSE_BETWEEN = 60, 1.0  # the pause in seconds
BATCH = 500  # events in one transaction of a rebuild
SILENCE = 60_000  # milliseconds for which the code of a projection may keep the database waiting while it is rebuilt
NOTHING_FAILED = Taken(0, None, 0, None)
BESIDE = " (rebuild)"  # follows the name of a projection, for the checkpoint of the tables that are being built

# How things stand: tables that are missing, whether there is a checkpoint, tables that this role may not fill. One look
# at the catalog, where `to_regclass` would look into a cache that may be of another moment for each table.
STANDING = """
WITH wanted AS (
    SELECT table_name, pg_class.oid
    FROM unnest(%(tables)s::text[]) AS table_name LEFT JOIN pg_class
        ON relname = table_name AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s)
)
SELECT ARRAY(SELECT table_name FROM wanted WHERE oid IS NULL),
    EXISTS (SELECT FROM event_subscriptions WHERE name = %(name)s),
    ARRAY(SELECT table_name FROM wanted WHERE NOT has_table_privilege(oid, 'INSERT'))
"""

# The lock by which a subscription shows that it is followed, but for us alone: it keeps a second rebuild out as well.
CLAIM = "SELECT pg_try_advisory_lock('event_subscriptions'::regclass::oid::int, hashtext(%s))"

OLD_POSITION = "SELECT position FROM event_subscriptions WHERE name = %b FOR UPDATE"
WAIT_AT_MOST = "SELECT set_config('lock_timeout', %s, true)"
FORGET = "DELETE FROM event_subscriptions WHERE name = %s"
KEEP_WRITERS_OUT = "LOCK TABLE domain_events IN SHARE ROW EXCLUSIVE MODE"
# Once the writers are out, all there is has settled. The mark may say less: PostgreSQL ends the lock on the table a
# moment before the advisory lock by which a writer had published its floor.
LAST_NUMBER = "SELECT coalesce(max(sequence_number), 0) FROM domain_events"
SET_PATH = "SELECT set_config('search_path', concat_ws(', ', quote_ident(%s), quote_ident(%s)), false)"


class Projection(ABC):
    """Tables that say what the log means for one question. Inherit from it, and run it in one of two ways.

    `subscription` keeps the tables up to date from behind: nobody who appends waits for them. `connect(inline=[...])`
    changes them in the transaction of each append: whoever has appended finds it there at once. See
    docs/decisions/projections.md for what each of them costs. Use one of the two, and not both.

    Attributes:
        name: 1 to 245 bytes, unique in the store; the name of its checkpoint.
        tables: the plain names of all tables that `create` makes.
        event_types: the types that it is built from; None for all.
    """

    name: str
    tables: Sequence[str]
    event_types: Iterable[str] | None = None

    @abstractmethod
    def create(self, connection: psycopg.Connection) -> None:
        """Make the tables, empty, with all their indexes. Nothing else: a type or a function could not move with them.

        Args:
            connection: a transaction is open on it. Name the tables by their plain names: a rebuild makes a second set
                of them, which the same names mean there.
        """
        ...

    @abstractmethod
    def apply(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        """Change the tables for one event. It may read the log, up to this event, and must have no other effects.

        Args:
            event: the event; of one of the types in `event_types`.
            connection: a transaction is open on it, which this must not end.
        """
        ...

    def subscription(self, store: PostgresEventStore, **options: Any) -> Subscription:
        """The subscription that keeps the tables up to date. The tables are made if they are missing.

        Each event is applied exactly once, in the order of the log. Safe for several processes at once: one of them
        works, the others stand by.

        Args:
            store: the store to follow.
            options: as for `Subscription`, e.g. `listen=True`.

        Raises:
            InvalidEventError: a name, a table or an option that cannot be right.
            SchemaError: the tables are missing and this role may not make them; it may not write to them; some of them
                are missing; or they are kept inline.
            StoreUnavailableError: the server is away.
        """
        with _open(store, self) as connection:
            _make_with_checkpoint(connection, store.schema, self)
        return _Keeper(store, self.name, self.apply, self.event_types, **options)

    def wanted_types(self) -> list[str] | None:
        """The types in `event_types` as a list, None for all.

        Raises:
            InvalidEventError: they are none.
        """
        types = self.event_types
        if types is None:
            return None
        if not isinstance(types, Iterable):
            raise InvalidEventError("event_types", f"is {type(types).__name__}", "name a list of types, or None")
        return [check_name("event_types", name) for name in ([types] if isinstance(types, str) else types)]

    def begin_inline(self, store: PostgresEventStore) -> None:
        """Build the tables from the log if they are missing. `connect` calls this for each projection in `inline`.

        Raises:
            InvalidEventError: a name or a table that cannot be right.
            SchemaError: this role may not make the tables or write to them; or a subscription keeps them.
            StoreUnavailableError: the server is away.
        """
        with _open(store, self) as connection:
            site = _Site(connection, store.schema, self)
            while not self._is_inline(store, connection):
                if site.is_claimed():
                    if not self._is_inline(store, connection):  # another process may have been faster
                        site.build(inline=True)
                    return
                time.sleep(PAUSE_BETWEEN)

    def _is_inline(self, store: PostgresEventStore, connection: psycopg.Connection) -> bool:
        standing = _standing(connection, store.schema, self)
        if standing.followed:
            fix = f"end it, drop {', '.join(self.tables)}, and delete its row in event_subscriptions"
            raise SchemaError(f"a subscription keeps projection {self.name!r}, which cannot be inline as well: {fix}")
        if standing.nothing_there:
            return False
        standing.refuse_unfit(self)
        return True


def rebuild(store: PostgresEventStore, projection: Projection) -> int:
    """Build the tables of a projection from the start of the log, beside the old ones, and put them in their place.

    Readers find the old tables until the new ones have caught up, and then the new ones: never none, never half of
    them. A consumer goes on meanwhile, and needs no restart; neither do programs that keep the projection inline.
    Those who read in a transaction at REPEATABLE READ that began before the switch must begin it again.

    The rights on the old tables, and their owner, pass to the new ones. What else somebody has added to them by hand
    does not: put indexes, triggers and comments into `create`. Progress can be seen in `subscription_status`, under
    the name of the projection with " (rebuild)" behind it. When this process is killed, the old tables go on serving;
    the next rebuild clears away what it had begun.

    Args:
        store: the store.
        projection: with the `create` and the `apply` that the new tables are made by.

    Returns:
        The sequence number up to which the new tables hold the log.

    Raises:
        InvalidEventError: a name or a table that cannot be right.
        SchemaError: this role may not make a schema or drop the tables; something else depends on them; or `create`
            has made more or less than the tables it names.
        StoreUnavailableError: the server is away; or others have kept the tables for over a minute.
        EventStoreError: somebody else rebuilds it at this moment; or the server is a standby or a subscriber.
        Exception: what `apply` raises. The old tables stay.
    """
    with _open(store, projection) as connection:
        site = _Site(connection, store.schema, projection)
        if not site.is_claimed():
            raise EventStoreError(f"projection {projection.name!r} is being rebuilt already: wait until that is done")
        standing = _standing(connection, store.schema, projection)
        # No checkpoint: nobody follows, so it is the appends that keep the tables up to date.
        return site.build(inline=not standing.followed and not standing.nothing_there)


class _Keeper(Subscription):
    """The subscription of a projection. Its tables would hold events twice if it went back alone."""

    def reset(self, position: int = 0) -> None:
        raise EventStoreError(f"projection {self.name!r} cannot be reset without its tables: use rebuild(store, ...)")


class _Standing(NamedTuple):
    """Which tables are missing, whether there is a checkpoint, which tables this role may not fill."""

    missing: list[str]
    followed: bool
    forbidden: list[str]
    nothing_there: bool

    def refuse_unfit(self, projection: Projection) -> None:
        if self.missing:
            raise SchemaError(f"projection {projection.name!r} lacks {', '.join(self.missing)}: rebuild it")
        if self.forbidden:
            fix = f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(self.forbidden)} to it"
            raise SchemaError(f"projection {projection.name!r} may not be changed by this role: as the owner, {fix}")


def _standing(connection: psycopg.Connection, schema: str, projection: Projection) -> _Standing:
    values = {"tables": list(projection.tables), "schema": schema, "name": projection.name}
    [(missing, followed, forbidden)] = connection.execute(STANDING, values).fetchall()
    return _Standing(missing, followed, forbidden, nothing_there=len(missing) == len(projection.tables))


@contextmanager
def _open(store: PostgresEventStore, projection: Projection) -> Iterator[psycopg.Connection]:
    """A connection for the work on a projection, once we know that this is one."""
    if not isinstance(projection, Projection):
        raise InvalidEventError("projection", f"is {type(projection).__name__}", "pass an object of a Projection")
    name = check_name("name", getattr(projection, "name", None))
    if len((name + BESIDE).encode()) > MAX_TEXT_BYTES:
        raise InvalidEventError("name", "is too long", f"use up to {MAX_TEXT_BYTES - len(BESIDE)} bytes")
    tables = getattr(projection, "tables", None)
    if isinstance(tables, str) or not isinstance(tables, Sequence) or not tables:
        raise InvalidEventError("tables", "names no tables", 'write tables = ("pots",)')
    for table in tables:
        check_name("tables", table)
    with store.connection() as connection, in_our_words(connection):
        try:
            yield connection
        finally:
            if not connection.closed:
                connection.execute("SELECT pg_advisory_unlock_all()")  # the server may notice our end a little later


def _make_with_checkpoint(connection: psycopg.Connection, schema: str, projection: Projection) -> None:
    """Make the tables and the checkpoint together, so that the position is always that of the tables."""
    if _is_followed(connection, schema, projection):
        return
    with connection.transaction(), _in_words_of_rights(projection):
        connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (INSTALL_LOCK, schema))
        if not _is_followed(connection, schema, projection):
            _create(connection, schema, projection)
            checkpoint = Checkpoint(projection.name)
            checkpoint.register(connection)
            checkpoint.reset(connection, 0)  # somebody may have dropped the tables, and left the checkpoint


def _is_followed(connection: psycopg.Connection, schema: str, projection: Projection) -> bool:
    standing = _standing(connection, schema, projection)
    if standing.nothing_there:
        return False
    if not standing.followed:
        fix = f"to keep it by a subscription, drop {', '.join(projection.tables)} first"
        raise SchemaError(f"projection {projection.name!r} is kept inline, or has lost its checkpoint: {fix}")
    standing.refuse_unfit(projection)
    return True


def _create(connection: psycopg.Connection, schema: str, projection: Projection) -> None:
    projection.create(connection)
    missing = _standing(connection, schema, projection).missing
    if missing:
        raise InvalidEventError("tables", f"names {', '.join(missing)}, which create has not made", "let them agree")


@contextmanager
def _in_words_of_rights(projection: Projection) -> Iterator[None]:
    try:
        yield
    except InsufficientPrivilege as error:
        raise SchemaError(
            f"this role may not make the tables of projection {projection.name!r} ({error.diag.message_primary}):"
            " make or rebuild them once as the owner of the database, and then"
            f" GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(projection.tables)} to it"
        ) from None


class _Site:
    """Where new tables are built: a schema of its own, in which the plain names mean the new tables, and which ends
    with the work. Its name follows from the projection's, so that the next rebuild finds what a dead one has left."""

    def __init__(self, connection: psycopg.Connection, schema: str, projection: Projection) -> None:
        self._connection, self._schema, self._projection = connection, schema, projection
        self._checkpoint = Checkpoint(projection.name + BESIDE)
        digest = hashlib.sha256(repr((schema, projection.name)).encode()).hexdigest()
        self._scratch = f"eventstore_rebuild_{digest[:32]}"
        self._types = projection.wanted_types()
        self._position = 0

    def is_claimed(self) -> bool:
        """Keep others out, until the connection is closed. False where somebody else is at work."""
        return self._connection.execute(CLAIM, (self._checkpoint.name,)).fetchone() == (True,)

    def build(self, inline: bool) -> int:
        """Build the new tables and switch. Returns the number of the last event that they hold."""
        if self._connection.execute(HAS_NO_MARK).fetchone() == (True,):
            raise EventStoreError("this server is a standby or a subscriber: rebuild on the server that is written to")
        self._connection.execute(TIME_LIMITS, (SILENCE,))
        try:
            with _in_words_of_rights(self._projection):
                self._begin()
                for _ in range(SWITCH_ATTEMPTS):
                    self._catch_up()
                    with suppress(LockNotAvailable, DeadlockDetected):
                        self._switch(inline)
                        return self._position
                    time.sleep(PAUSE_BETWEEN)
        except DependentObjectsStillExist as error:
            problem = f"{error.diag.message_primary} ({error.diag.message_detail})"
            fix = "drop that first, or have create make tables only"
            raise SchemaError(f"projection {self._projection.name!r} was not switched: {problem}: {fix}") from None
        finally:
            with suppress(psycopg.Error):
                self._clear()
        problem = f"others have kept the tables of projection {self._projection.name!r} for too long"
        raise StoreUnavailableError(f"{problem}: rebuild it when there are no long transactions")

    def _clear(self) -> None:
        self._connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(self._scratch)))
        self._connection.execute(FORGET, (self._checkpoint.name,))

    def _begin(self) -> None:
        with self._connection.transaction():
            self._clear()
            self._connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(self._scratch)))
            self._connection.execute(SET_PATH, (self._scratch, self._schema))
            _create(self._connection, self._scratch, self._projection)
            self._checkpoint.register(self._connection)

    def _catch_up(self) -> None:
        """Apply what is in the log, batch by batch, until little is left."""
        while self._position < (mark := self._mark()):
            before = self._position
            with self._connection.transaction():
                position = self._apply_next(before, mark)
            self._position = position
            if position == mark and mark - before < BATCH:
                break

    def _switch(self, inline: bool) -> None:
        """Wait until the old tables stand still, apply the rest, put the new ones in their place, and commit."""
        old = Checkpoint(self._projection.name)
        position = self._position
        with self._connection.transaction():
            if inline:
                self._connection.execute(WAIT_AT_MOST, (SHORT_WAIT,))
                self._connection.execute(KEEP_WRITERS_OUT)
                [(goal,)] = rows(self._connection, LAST_NUMBER)
            else:
                self._connection.execute(WAIT_AT_MOST, (LONG_WAIT,))
                old.register(self._connection)
                [(done,)] = rows(self._connection, OLD_POSITION, (old.name,))
                goal = max(done, self._mark())  # the mark may fall back a little
            while position < goal:
                position = self._apply_next(position, goal)
            self._put_in_place()
            if not inline:
                old.reset(self._connection, 0)  # the new tables hold what the old ones had put aside
                old.move(self._connection, NOTHING_FAILED, position)
            self._connection.execute(FORGET, (self._checkpoint.name,))
            self._connection.execute(sql.SQL("DROP SCHEMA {}").format(sql.Identifier(self._scratch)))
        self._position = position

    def _put_in_place(self) -> None:
        self._connection.execute(WAIT_AT_MOST, (SHORT_WAIT,))
        tables = list(self._projection.tables)
        [rights] = sql_files("rebuild")  # from the package's own file
        grants = self._connection.execute(rights.text, {"schema": self._schema, "tables": tables}).fetchall()
        old = [sql.Identifier(self._schema, table) for table in tables]
        self._connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.SQL(", ").join(old)))
        for table in tables:
            names = sql.Identifier(self._scratch, table), sql.Identifier(self._schema)
            self._connection.execute(sql.SQL("ALTER TABLE {} SET SCHEMA {}").format(*names))
        for _, grant in grants:
            self._connection.execute(grant)

    def _mark(self) -> int:
        [(mark,)] = rows(self._connection, HIGH_WATER_MARK)
        return int(mark)

    def _apply_next(self, position: int, goal: int) -> int:
        """Apply the next events up to the goal, and note how far that is, for those who look on."""
        page = read_log(self._connection, self._types, position, goal, BATCH)
        for event in events_from(page.rows):
            hand_over(self._projection.apply, event, self._connection)
        self._checkpoint.move(self._connection, NOTHING_FAILED, page.up_to)
        return page.up_to
