"""The reader that our way of ordering the log asks for, in the shape of the exhibits. Some of them use it as well."""

from __future__ import annotations

import psycopg

import eventstore

SETUP = ""  # a fresh store is of our kind

ROWS_UP_TO_THE_MARK = """
SELECT sequence_number, event_type
FROM domain_events
WHERE sequence_number > %s AND sequence_number <= %s
ORDER BY sequence_number
"""


class Reader:
    """Follows the log: asks how far it may go, reads up to there, and goes on from there the next time.

    One turn of a reader is two calls, `look` and then `fetch`, so that a schedule can let something happen in between.

    Args:
        store: the log to follow.
        connection: an autocommit connection to it, for this reader alone.
    """

    def __init__(self, store: eventstore.PostgresEventStore, connection: psycopg.Connection) -> None:
        self.store, self.connection = store, connection
        self.position = 0
        self.mark = 0

    def look(self) -> None:
        """The first half of a turn: find out how far to go."""
        self.mark = self.store.high_water_mark()

    def fetch(self) -> list[str]:
        """The second half: the types of the events up to there, which the reader will not ask for again."""
        rows = self.connection.execute(ROWS_UP_TO_THE_MARK, (self.position, self.mark)).fetchall()
        # A mark may be lower than the one before it, when a floor is published late. The reader never goes back.
        self.position = max(self.position, self.mark)
        return [event_type for _, event_type in rows]
