"""The reader remembers the last number it saw, and asks for higher ones.

Used by: nearly every first version of an event store, and by everything that polls a table with `WHERE id > :last`.

Unsound: numbers are drawn at the insert and seen at the commit. Who draws 1 and commits after 2 was read is passed by.
"""

from __future__ import annotations

import our_way

SETUP = "DROP TRIGGER IF EXISTS domain_events_publish_floor ON domain_events"

ROWS = "SELECT sequence_number, event_type FROM domain_events WHERE sequence_number > %s ORDER BY sequence_number"


class Reader(our_way.Reader):
    def look(self) -> None:
        pass

    def fetch(self) -> list[str]:
        rows = self.connection.execute(ROWS, (self.position,)).fetchall()
        self.position = rows[-1][0] if rows else self.position
        return [event_type for _, event_type in rows]
