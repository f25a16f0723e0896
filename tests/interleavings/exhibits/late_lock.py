"""Our way, but the floor is published after the numbers are drawn.

Used by: whoever takes the lock in an AFTER trigger, or draws numbers with `nextval` before inserting with them.

Unsound: a transaction's floor must be lower than all its own numbers. Here it is its highest number so far or more, so
the mark promises that these numbers have come, while they are still on their way.
"""

from __future__ import annotations

from our_way import Reader

__all__ = ["SETUP", "Reader"]

SETUP = """
DROP TRIGGER IF EXISTS domain_events_publish_floor ON domain_events;
CREATE TRIGGER domain_events_publish_floor AFTER INSERT ON domain_events
    FOR EACH STATEMENT EXECUTE FUNCTION publish_floor();
"""
