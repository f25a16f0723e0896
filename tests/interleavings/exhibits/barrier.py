"""Writers hold a shared lock until they commit. The reader takes it alone for a moment, and nobody is on the way then.

Used by: stores that document it as the simple sound way, with a table lock or an advisory lock.

Sound, but it stands still: whenever some transaction is open, the reader has to wait, and new writers queue up behind
the waiting reader. With callers who keep transactions open there is always one.
"""

from __future__ import annotations

import our_way
import psycopg

import eventstore

SETUP = """
CREATE OR REPLACE FUNCTION publish_floor() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(TG_RELID::int, 0);
    RETURN NULL;
END
$$;
"""

BARRIER = "SELECT pg_advisory_xact_lock('domain_events'::regclass::oid::int, 0)"


class Reader(our_way.Reader):
    """See `our_way.Reader`.

    Args:
        patience: how long the reader waits at the barrier before it keeps its old mark, as PostgreSQL writes it;
            "0" means for ever.
    """

    def __init__(
        self, store: eventstore.PostgresEventStore, connection: psycopg.Connection, patience: str = "1ms"
    ) -> None:
        super().__init__(store, connection)
        connection.execute("SELECT set_config('lock_timeout', %s, false)", (patience,))

    def look(self) -> None:
        try:
            with self.connection.transaction():
                self.connection.execute(BARRIER)
                # In a statement of its own, so that it sees those for whom the barrier has waited.
                [(self.mark,)] = self.connection.execute(
                    "SELECT coalesce(max(sequence_number), 0) FROM domain_events"
                ).fetchall()
        except psycopg.errors.LockNotAvailable:
            pass
