"""A log of any length, made on the server as fast as it can: hands of ten events, one every two seconds."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from psycopg import sql

CHUNK = 250_000
MANY = 500_000  # from here on it is quicker to make the indexes anew

# Ids in the order of time, as `DomainEvent` makes them, and values that differ from event to event.
MANY_EVENTS = """
INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data, event_timestamp)
SELECT
    (lpad(to_hex(number), 12, '0') || '70008000' || substr(md5(number::text), 1, 12))::uuid,
    CASE number %% 10
        WHEN 0 THEN 'game.created'
        WHEN 1 THEN 'game.dealt'
        WHEN 9 THEN 'game.completed'
        ELSE 'game.action_processed'
    END,
    'hand ' || lpad((number / 10)::text, 8, '0'),
    number %% 10 + 1,
    jsonb_build_object(
        'seat', number %% 9 + 1,
        'kind', (ARRAY['fold', 'check', 'call', 'raise'])[number * 3 %% 4 + 1],
        'amount', number * 7 %% 160 * 25,
        'to', number * 13 %% 320 * 25,
        'street', (ARRAY['preflop', 'flop', 'turn', 'river'])[number / 3 %% 4 + 1],
        'pot_before', number * 31 %% 4000 * 5
    ),
    timestamptz '2030-01-01T00:00:00Z' + number * interval '2 seconds'
FROM generate_series(%s::bigint, %s::bigint) AS number
"""

# All that no constraint needs.
INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
FROM pg_index
WHERE indrelid = 'domain_events'::regclass
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


def grow(
    connection: psycopg.Connection, stored: int, total: int, say: Callable[[str], object] = lambda text: None
) -> None:
    """Write events until there are so many.

    Args:
        connection: in autocommit mode; the session is left as it was.
        stored: how many were written by this function before.
        total: how many there shall be.
        say: told from time to time what is being done.
    """
    connection.execute("SET synchronous_commit TO off; SET maintenance_work_mem TO '512MB'")
    indexes = connection.execute(INDEXES).fetchall() if total - stored >= MANY else []
    for name, _ in indexes:
        connection.execute(sql.SQL("DROP INDEX ") + sql.SQL(name))
    for start in range(stored, total, CHUNK):
        say(f"growing the log, {start:,} of {total:,} events")
        connection.execute(MANY_EVENTS, (start, min(start + CHUNK, total) - 1))
    for name, definition in indexes:
        say(f"making {name} anew")
        connection.execute(definition)
    connection.execute("RESET synchronous_commit; RESET maintenance_work_mem")
