"""A row for each decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventstore import PostgresEventStore
from poker.frames.reading import STREET, read, with_positions

if TYPE_CHECKING:
    import pandas as pd

DECISIONS = """
SELECT
    hand.hand_id,
    decision.sequence_number,
    hand.names[(decision.event_data ->> 'seat')::int] AS player,
    (decision.event_data ->> 'seat')::int AS seat,
    array_to_string(hand.blinds, ' ') AS position,
    decision.event_data ->> 'street' AS street,
    decision.event_data ->> 'action' AS action,
    (decision.event_data ->> 'amount')::bigint AS amount,
    (decision.event_data ->> 'pot')::bigint AS pot,
    hand.players
FROM completed_hands AS hand
JOIN domain_events AS decision
    ON decision.aggregate_id = hand.hand_id AND decision.event_type = 'game.action_processed'
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
