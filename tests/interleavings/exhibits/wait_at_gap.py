"""Where a number is missing the reader waits for a while, and then goes on.

Used by: stores whose reader takes a gap for a warning, with a limit because most gaps are rollbacks and stay.

Unsound: no limit is long enough. A transaction may stay open for longer, on a slow disk or in a debugger. The wait is
counted in turns here; a longer one makes the loss rarer, and each append that was rolled back more expensive.
"""

from __future__ import annotations

import our_way

SETUP = "DROP TRIGGER IF EXISTS domain_events_publish_floor ON domain_events"

ROWS = "SELECT sequence_number, event_type FROM domain_events WHERE sequence_number > %s ORDER BY sequence_number"

PATIENCE = 2  # turns


class Reader(our_way.Reader):
    waited = 0

    def look(self) -> None:
        pass

    def fetch(self) -> list[str]:
        ready = []
        for number, event_type in self.connection.execute(ROWS, (self.position,)).fetchall():
            if number != self.position + 1 and self.waited < PATIENCE:
                self.waited += 1
                break
            self.position, self.waited = number, 0
            ready.append(event_type)
        return ready
