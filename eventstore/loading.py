"""Loading: many events at once, by COPY, for imports that need no answer for each event."""

from __future__ import annotations

import psycopg
from psycopg.errors import DeadlockDetected, UniqueViolation

from eventstore.appending import in_schema, values_of
from eventstore.errors import VersionConflictError
from eventstore.events import DomainEvent
from eventstore.reading import rows
from eventstore.store import first_versions

# The version check of `appending.APPEND_MANY`, in a statement of its own, because COPY cannot check. Whoever gets in
# between the two is caught by the unique keys. The locks are the same, in the same order.
CHECK = """
WITH heads AS MATERIALIZED (
    SELECT * FROM unnest(%b::text[], %b::int[]) AS heads (aggregate_id, first)
),
turn AS MATERIALIZED (
    SELECT count(pg_advisory_xact_lock(2026, bucket)) AS taken
    FROM (SELECT DISTINCT hashtext(aggregate_id) & 63 AS bucket FROM heads WHERE %b ORDER BY bucket) AS buckets
)
SELECT (SELECT taken FROM turn) >= 0 AND NOT EXISTS (
    SELECT FROM heads
    WHERE first <> 1 + (
        SELECT coalesce(max(stored.version), 0)
        FROM {schema}.domain_events AS stored
        WHERE stored.aggregate_id = heads.aggregate_id
    )
)
"""

# Numbers are drawn by the server, after the trigger has published the floor: it comes before the first row of a COPY,
# too, see `sql/100_order.sql`.
COPY = """
COPY {schema}.domain_events (
    id, event_type, aggregate_id, version, event_data, schema_version, event_timestamp,
    causation_id, correlation_id, user_id
) FROM STDIN
"""


class Loading:
    """Loads events into the log of one schema.

    Args:
        schema: the schema of the log.
    """

    def __init__(self, schema: str) -> None:
        self._check, self._copy = in_schema(schema, CHECK, COPY)

    def load(self, connection: psycopg.Connection, batch: list[DomainEvent], joined: bool = False) -> bool:
        """Write a batch, all or nothing.

        Args:
            connection: a connection in autocommit mode, or one with an open transaction.
            batch: one event or more.
            joined: whether the open transaction is a caller's, and has to stay usable.

        Returns:
            Whether it was written. Where it does not fit, nothing was, and `Appending.append` can tell why.
        """
        try:
            firsts = first_versions(batch)
            with connection.transaction() as own:
                # Not prepared: the plan would be made while the table is small, and kept while it grows large.
                heads = (list(firsts), list(firsts.values()), len(firsts) > 1)
                [(fits,)] = rows(connection, self._check, heads, prepare=False)
                if not fits:
                    raise psycopg.Rollback(own)  # gives the locks back
                with psycopg.Cursor(connection) as cursor, cursor.copy(self._copy) as copy:
                    for event in batch:
                        copy.write_row(values_of(event))
                return True
        except (VersionConflictError, UniqueViolation):
            pass
        except DeadlockDetected:
            if joined:  # the caller's own locks are part of it, and stay until the caller ends
                raise
        return False
