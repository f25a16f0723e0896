"""After a crash: which hands were begun and never completed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from eventstore import PostgresEventStore

# Both ends of all hands are found by the index on (event_type, sequence_number), and set against each other: for many
# hands that takes half the time of a look at the last event of each. Only unfinished hands are looked at one by one, by
# the index on (aggregate_id, version).
UNFINISHED_HANDS = """
SELECT
    created.aggregate_id AS hand_id,
    latest.version,
    created.recorded_at AS created_at,
    latest.recorded_at AS latest_at
FROM domain_events AS created
CROSS JOIN LATERAL (
    SELECT version, recorded_at
    FROM domain_events
    WHERE aggregate_id = created.aggregate_id
    ORDER BY version DESC
    LIMIT 1
) AS latest
WHERE
    created.event_type = 'game.created'
    AND NOT EXISTS (
        SELECT
        FROM domain_events AS completed
        WHERE completed.aggregate_id = created.aggregate_id AND completed.event_type = 'game.hand_completed'
    )
ORDER BY created.sequence_number
"""


@dataclass(frozen=True, kw_only=True)
class UnfinishedHand:
    """A hand that has begun and is not completed.

    Args:
        hand_id: the aggregate id of its stream.
        version: the version of its latest event: the next one to append is one higher.
        created_at: when its first event was written, by the server's clock, in UTC.
        latest_at: when its latest event was written, by the server's clock, in UTC.
    """

    hand_id: str
    version: int
    created_at: datetime
    latest_at: datetime


def unfinished_hands(store: PostgresEventStore) -> list[UnfinishedHand]:
    """The hands to recover after a crash: those with a `game.created` and no `game.hand_completed`.

    A hand that somebody plays at this moment is among them: `latest_at` tells how long a hand has stood still. Whoever
    carries one on need not be alone: of two that append the same version, the store refuses one.

    Args:
        store: the store with the hands.

    Returns:
        The hands, in the order in which they were created.

    Raises:
        StoreUnavailableError: the server is away.
    """
    with store.connection() as connection, connection.cursor(row_factory=class_row(UnfinishedHand)) as cursor:
        return cursor.execute(UNFINISHED_HANDS).fetchall()
