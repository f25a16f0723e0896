"""The reader leaves out the events of transactions that are not older than the oldest open one.

Used by: stores that keep the transaction's id beside each event, and resume from the event's number alone.

Unsound: the horizon is about transactions and the number is about events. A transaction that is older than another may
hold numbers on both sides of the other's; when it is through, its higher number carries the reader past the lower one.
It is sound where the reader resumes from the pair (transaction id, number). Even then a transaction that has written to
any table of the server holds all readers up, and after a dump and restore the ids of old events mean nothing.
"""

from __future__ import annotations

import our_way

SETUP = """
DROP TRIGGER IF EXISTS domain_events_publish_floor ON domain_events;
ALTER TABLE domain_events ADD COLUMN transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id();
"""

ROWS = """
SELECT sequence_number, event_type
FROM domain_events
WHERE sequence_number > %s AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY sequence_number
"""


class Reader(our_way.Reader):
    def look(self) -> None:
        pass

    def fetch(self) -> list[str]:
        rows = self.connection.execute(ROWS, (self.position,)).fetchall()
        self.position = rows[-1][0] if rows else self.position
        return [event_type for _, event_type in rows]
