"""Our way, but the mark and the events are read from one snapshot.

Used by: `SELECT ... WHERE sequence_number <= high_water_mark()` in one statement, and readers at REPEATABLE READ, who
read their own position first.

Unsound: the mark is right, but the view of the events is older than the look at the locks. What was committed between
the two is below the mark, and not in view.
"""

from __future__ import annotations

import our_way

SETUP = ""


class Reader(our_way.Reader):
    def look(self) -> None:
        self.connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        self.connection.execute("SELECT 1")  # its position, say: the first statement takes the snapshot

    def fetch(self) -> list[str]:
        [(self.mark,)] = self.connection.execute("SELECT high_water_mark()").fetchall()
        events = super().fetch()
        self.connection.execute("COMMIT")
        return events
