"""A row for each decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventstore import PostgresEventStore
from poker.frames.reading import STREET, read, with_positions

if TYPE_CHECKING:
    import pandas as pd

# What a decision says is taken out of its payload before it meets its hand. OFFSET 0 keeps the planner from joining
# them first, by the ids of the hands, which lie all over the table: with six million decisions that takes ten times as
# long.
DECISIONS = """
SELECT
    hand.hand_id,
    decision.sequence_number,
    hand.names[decision.seat] AS player,
    decision.seat,
    array_to_string(hand.blinds, ' ') AS position,
    decision.street,
    decision.action,
    decision.amount,
    decision.pot,
    hand.players
FROM completed_hands AS hand
JOIN (
    SELECT
        aggregate_id,
        sequence_number,
        (event_data ->> 'seat')::int AS seat,
        event_data ->> 'street' AS street,
        event_data ->> 'action' AS action,
        (event_data ->> 'amount')::bigint AS amount,
        (event_data ->> 'pot')::bigint AS pot
    FROM domain_events
    WHERE event_type = 'game.action_processed'
    OFFSET 0
) AS decision ON decision.aggregate_id = hand.hand_id
ORDER BY decision.sequence_number
"""

KINDS = {
    "hand_id": "string",
    "sequence_number": "int64",
    "player": "category",
    "seat": "int64",
    "position": "category",
    "street": STREET,
    "action": "category",
    "amount": "int64",
    "pot": "int64",
    "players": "int64",
}


def decisions(store: PostgresEventStore) -> pd.DataFrame:
    """One row for each decision in a completed hand, in the order of the log.

    Args:
        store: where the hands are.

    Returns:
        A data frame with the columns

        - `hand_id`; `sequence_number`: that of the event
        - `player`, missing where the record names none; `seat`, from 1; `position` ("SB", "BB", "UTG" ... "CO",
          "BTN", ordered; see `poker.positions`), missing in games without blinds
        - `street` (ordered within each kind of game); `action`: "fold", "check", "call", "bet", "raise" or "bring_in"
        - `amount`: the chips that this added; `pot`: all chips put in so far, antes and blinds and these included, and
          so a bet that nobody has called yet; integers in the hand's unit
        - `players`: how many were dealt in

    Raises:
        SchemaError: the views of poker are not installed, and this role may not do so.
        StoreUnavailableError: the server is away.
    """
    return with_positions(read(store, DECISIONS, KINDS))
