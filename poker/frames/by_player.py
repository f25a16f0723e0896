"""A row for each player, and for each player in each hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventstore import PostgresEventStore
from poker.frames.reading import TIME, read, with_positions

if TYPE_CHECKING:
    import pandas as pd

PLAYERS = """
SELECT player, collection, currency, chip_unit, hands, won, settled, net, biggest_pot, net_bb::float8
FROM player_statistics
ORDER BY collection, currency, chip_unit, net DESC NULLS LAST, player
"""

PLAYERS_KINDS = {
    "player": "string",
    "collection": "category",
    "currency": "category",
    "chip_unit": "int64",
    "hands": "int64",
    "won": "int64",
    "settled": "int64",
    "net": "Int64",
    "biggest_pot": "Int64",
    "net_bb": "float64",
}

RESULTS = """
SELECT
    hand_id, played_at, time_source, player, seat, array_to_string(blinds, ' ') AS position, players, big_blind, net,
    won, collection, currency, chip_unit
FROM hand_results
ORDER BY sequence_number, seat
"""

RESULTS_KINDS = {
    "hand_id": "string",
    "played_at": TIME,
    "time_source": "category",
    "player": "category",
    "seat": "int64",
    "position": "category",
    "players": "int64",
    "big_blind": "int64",
    "net": "Int64",
    "won": "boolean",
    "collection": "category",
    "currency": "category",
    "chip_unit": "int64",
}


def players(store: PostgresEventStore) -> pd.DataFrame:
    """One row for each player and kind of chip; who has won most comes first. Players without a name are left out.

    Chips of different currencies and units are never added. Where a record names no currency, nobody knows whether the
    chips of two collections are worth the same, so each collection stands alone.

    Args:
        store: where the hands are.

    Returns:
        A data frame with the columns

        - `player`, `collection` (the top folder of the source files, or ""), `currency` (missing where unknown),
          `chip_unit` (units in one chip)
        - `hands`: completed hands that the player was dealt into; `won`: those in which the player took from a pot, as
          far as the records tell; `settled`: those of which the record tells who won how much
        - `net`: what the player won in these less what the player lost and, as far as the record tells it, the rake, in
          units; missing where there are none. `biggest_pot`: the biggest pot that the player has taken, or a part of,
          in units; missing for none
        - `net_bb`: what the player won in big blinds, hand by hand, which may be compared between stakes

    Raises:
        SchemaError: the views of poker are not installed, and this role may not do so.
        StoreUnavailableError: the server is away.
    """
    return read(store, PLAYERS, PLAYERS_KINDS)


def results(store: PostgresEventStore) -> pd.DataFrame:
    """One row for each seat of each completed hand: hands in the order in which they were begun, and seats in theirs.

    Args:
        store: where the hands are.

    Returns:
        A data frame with the columns

        - `hand_id`, `played_at` (UTC), `time_source` ("recorded", "date_only" or "synthetic")
        - `player`, missing where the record names none; `seat`, from 1; `position` ("SB", "BB", "UTG" ... "CO",
          "BTN", ordered; see `poker.positions`), missing in games without blinds; `players`: how many were dealt in
        - `big_blind` and `net`: what the player won or lost, less the rake as far as the record tells it, missing where
          it does not tell who won;
          integers in the hand's unit. `net_bb`: the same in big blinds
        - `won`: whether the player took from a pot, missing where the record does not tell
        - `collection` (the top folder of the source file, or ""), `currency` (missing where unknown), `chip_unit`
          (units in one chip)

    Raises:
        SchemaError: the views of poker are not installed, and this role may not do so.
        StoreUnavailableError: the server is away.
    """
    frame = with_positions(read(store, RESULTS, RESULTS_KINDS))
    frame.insert(frame.columns.get_loc("won"), "net_bb", frame["net"].astype("float64") / frame["big_blind"])
    return frame
