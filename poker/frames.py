"""Pots as data frames. pandas is loaded with the first of them: those who only import hands need not wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventstore import PostgresEventStore
from poker.games import STREETS

if TYPE_CHECKING:
    import pandas as pd

# Hands of mapping version 1 do not name the last street. They are hands of hold'em: a showdown takes place on the
# river, and every other hand ends with a decision, in the event before the last.
POTS = """
SELECT
    created.aggregate_id AS hand_id,
    concat_ws('#', created.event_data #>> '{source,file}', created.event_data #>> '{source,section}') AS source,
    created.event_data ->> 'variant' AS variant,
    created.event_data ->> 'table' AS "table",
    created.event_timestamp AS played_at,
    created.event_data ->> 'time_source' AS time_source,
    jsonb_array_length(created.event_data -> 'seats') AS players,
    (created.event_data ->> 'big_blind')::bigint AS big_blind,
    coalesce(
        completed.event_data ->> 'street',
        CASE WHEN (completed.event_data ->> 'showdown')::boolean THEN 'river' END,
        (
            SELECT last_decision.event_data ->> 'street'
            FROM domain_events AS last_decision
            WHERE last_decision.aggregate_id = completed.aggregate_id
                AND last_decision.version = completed.version - 1
        )
    ) AS street,
    (completed.event_data ->> 'showdown')::boolean AS showdown,
    (completed.event_data ->> 'pot')::bigint AS pot,
    (completed.event_data ->> 'uncalled')::bigint AS uncalled,
    (created.event_data ->> 'chip_unit')::int AS chip_unit,
    created.event_data ->> 'currency' AS currency,
    completed.event_data -> 'winners' AS winners
FROM domain_events AS created
JOIN domain_events AS completed
    ON completed.aggregate_id = created.aggregate_id AND completed.event_type = 'game.hand_completed'
WHERE created.event_type = 'game.created'
ORDER BY created.sequence_number
"""

TEXT = ["hand_id", "source"]
CATEGORIES = ["variant", "table", "time_source", "currency"]
INTEGERS = ["players", "big_blind", "pot", "uncalled", "chip_unit"]


def pots(store: PostgresEventStore) -> pd.DataFrame:
    """One row for each completed hand, in the order in which the hands were written.

    Args:
        store: where the hands are.

    Returns:
        A data frame with the columns

        - `hand_id`: the hand's aggregate id; `source`: its file, and its section after a `#`
        - `variant`, `table`, `played_at` (UTC), `time_source` ("recorded", "date_only" or "synthetic")
        - `players`: how many were dealt in; `street`: the last one that was dealt (ordered within each kind of game);
          `showdown`: true or false
        - `big_blind` (the smallest bet in games without blinds), `pot` (before rake, without the uncalled bet),
          `uncalled`: integers in the hand's unit
        - `chip_unit`: units in one chip; `currency`: what a chip is, missing where the record does not say
        - `winners`: the list of seats that collected from a pot, None where the record does not tell
        - `pot_chips`: the pot in chips; `pot_bb`: the pot in big blinds

        Chips of different currencies must not be added. Big blinds may be compared across all hands.

    Raises:
        StoreUnavailableError: the server is away.
    """
    import pandas as pd

    with store.connection() as connection:
        cursor = connection.execute(POTS)
        names = [column.name for column in cursor.description or ()]
        frame = pd.DataFrame(cursor.fetchall(), columns=names)
    frame = frame.astype(
        dict.fromkeys(TEXT, "string")
        | dict.fromkeys(CATEGORIES, "category")
        | dict.fromkeys(INTEGERS, "int64")
        | {"showdown": "bool", "street": pd.CategoricalDtype(STREETS, ordered=True), "winners": "object"}
    )
    frame["played_at"] = pd.to_datetime(frame["played_at"], utc=True)
    frame["pot_chips"] = frame["pot"] / frame["chip_unit"]
    frame["pot_bb"] = frame["pot"] / frame["big_blind"]
    return frame


def pot_summary(frame: pd.DataFrame) -> pd.DataFrame:
    """The size of pots, for each kind of chip.

    Chips of different currencies and units are never added. Where a record names no currency, nobody knows whether
    the chips of two collections are worth the same, so each collection stands alone.

    Args:
        frame: what `pots` returned.

    Returns:
        A data frame with one row for each `collection` (the top folder of the source files, or ""), `currency` (""
        where unknown) and `chip_unit`, and the columns `hands`, `sum`, `mean`, `median`, `p90`, `p99`, `largest` in
        chips, and `median_bb` in big blinds.
    """
    import pandas as pd

    keys = pd.DataFrame(
        {
            "collection": frame["source"].str.extract(r"^([^/]*)/", expand=False).fillna(""),
            "currency": frame["currency"].astype("string").fillna(""),
            "chip_unit": frame["chip_unit"],
        }
    )
    groups = frame.groupby([keys["collection"], keys["currency"], keys["chip_unit"]])
    chips = groups["pot_chips"]
    return pd.DataFrame(
        {
            "hands": chips.size(),
            "sum": chips.sum(),
            "mean": chips.mean(),
            "median": chips.median(),
            "p90": chips.quantile(0.9),
            "p99": chips.quantile(0.99),
            "largest": chips.max(),
            "median_bb": groups["pot_bb"].median(),
        }
    ).reset_index()
