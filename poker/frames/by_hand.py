"""A row for each completed hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventstore import PostgresEventStore
from poker.frames.reading import LIST, STREET, TIME, read

if TYPE_CHECKING:
    import pandas as pd

POTS = """
SELECT
    hand_id, source, variant, "table", played_at, time_source, players, big_blind, street, showdown, pot, uncalled,
    chip_unit, currency, rake, winners
FROM completed_hands
ORDER BY sequence_number
"""

KINDS = {
    "hand_id": "string",
    "source": "string",
    "variant": "category",
    "table": "category",
    "played_at": TIME,
    "time_source": "category",
    "players": "int64",
    "big_blind": "int64",
    "street": STREET,
    "showdown": "bool",
    "pot": "int64",
    "uncalled": "int64",
    "chip_unit": "int64",
    "currency": "category",
    "rake": "Int64",
    "winners": LIST,
}


def pots(store: PostgresEventStore) -> pd.DataFrame:
    """One row for each completed hand, in the order in which the hands were begun.

    Args:
        store: where the hands are.

    Returns:
        A data frame with the columns

        - `hand_id`: the hand's aggregate id; `source`: its file, and its section after a `#`
        - `variant`, `table`, `played_at` (UTC), `time_source` ("recorded", "date_only" or "synthetic")
        - `players`: how many were dealt in
        - `big_blind` (the smallest bet in games without blinds): an integer in the hand's unit, as all amounts
        - `street`: the last one that was dealt (ordered within each kind of game); `showdown`: true or false
        - `pot` (before rake, without the uncalled bet), `uncalled`
        - `chip_unit`: units in one chip; `currency`: what a chip is, missing where the record does not say
        - `pot_chips`: the pot in chips; `pot_bb`: the pot in big blinds
        - `winners`: the list of seats that collected from a pot, None where the record does not tell
        - `rake`: what the house kept of the pot, in units; missing where the record does not tell

        Chips of different currencies must not be added. Big blinds may be compared across all hands.

    Raises:
        SchemaError: the views of poker are not installed, and this role may not do so.
        StoreUnavailableError: the server is away.
    """
    frame = read(store, POTS, KINDS)
    rake, winners = frame.pop("rake"), frame.pop("winners")
    return frame.assign(
        pot_chips=frame["pot"] / frame["chip_unit"],
        pot_bb=frame["pot"] / frame["big_blind"],
        winners=winners,
        rake=rake,
    )
