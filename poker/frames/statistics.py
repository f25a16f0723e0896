"""How large the pots are, told in a few figures: by the store itself, or of a data frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from eventstore import PostgresEventStore
from poker.frames.reading import STREET, TIME, read

if TYPE_CHECKING:
    import pandas as pd

Grouping = Literal["all", "variant", "stakes", "table", "day", "street", "showdown"]
GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)

# What must not be added stands in these columns, and what a row is grouped by in those.
CHIPS = ["collection", "currency", "chip_unit"]
DIMENSIONS: dict[Grouping, str] = {
    "variant": "variant",
    "stakes": "big_blind",
    "table": "table",
    "day": "day",
    "street": "street",
    "showdown": "showdown",
}

POT_STATISTICS = """
SELECT
    grouped_by, collection, currency, chip_unit,
    variant, big_blind::float8, "table", day::timestamptz, street, showdown,
    hands, pot_sum::float8, pot_mean::float8, pot_median::float8, pot_p90::float8, pot_p99::float8, pot_largest::float8,
    pot_median_bb::float8, raked_hands, rake::float8
FROM pot_statistics
WHERE grouped_by = current_setting('eventstore.by', true) OR current_setting('eventstore.by', true) IS NULL
"""

KINDS = {
    "grouped_by": "category",
    "collection": "category",
    "currency": "category",
    "chip_unit": "int64",
    "variant": "category",
    "big_blind": "float64",
    "table": "category",
    "day": TIME,
    "street": STREET,
    "showdown": "boolean",
    "hands": "int64",
    "pot_sum": "float64",
    "pot_mean": "float64",
    "pot_median": "float64",
    "pot_p90": "float64",
    "pot_p99": "float64",
    "pot_largest": "float64",
    "pot_median_bb": "float64",
    "raked_hands": "int64",
    "rake": "float64",
}


def pot_statistics(store: PostgresEventStore, by: Grouping | None = None) -> pd.DataFrame:
    """How large the pots are: of all hands of a kind of chip, by variant, stakes, table, day, street or showdown.

    Chips of different currencies and units are never added. Where a record names no currency, nobody knows whether the
    chips of two collections are worth the same, so each collection stands alone.

    Args:
        store: where the hands are.
        by: one of `GROUPINGS`; None for all of them, one below the other.

    Returns:
        A data frame with the columns

        - `grouped_by`: one of `GROUPINGS` (not where `by` was given)
        - `collection` (the top folder of the source files, or ""), `currency` (missing where unknown), `chip_unit`
          (units in one chip)
        - `variant`, `big_blind` (in chips), `table`, `day` (its first moment, in UTC), `street` (the last one that was
          dealt), `showdown`: missing where the row is not grouped by them (only the one that was asked for, where `by`
          was given)
        - `hands`, `pot_sum`, `pot_mean`, `pot_median`, `pot_p90`, `pot_p99`, `pot_largest`: in chips, before rake,
          without the uncalled bet; `pot_median_bb` in big blinds. A quantile between two hands is interpolated
        - `raked_hands`: the hands of which the record tells the rake; `rake`: of these, in chips, missing where there
          are none

    Raises:
        ValueError: there is no such grouping.
        SchemaError: the views of poker are not installed, and this role may not do so.
        StoreUnavailableError: the server is away.
    """
    if by is not None and by not in GROUPINGS:
        raise ValueError(f"by={by!r} is no grouping of pot_statistics: use one of {', '.join(GROUPINGS)}, or None")
    frame = read(store, POT_STATISTICS, KINDS, by)
    frame["grouped_by"] = frame["grouped_by"].cat.set_categories(GROUPINGS, ordered=True)
    frame = frame.sort_values(["grouped_by", *CHIPS, *DIMENSIONS.values()], ignore_index=True)
    if by is None:
        return frame
    others = [column for grouping, column in DIMENSIONS.items() if grouping != by]
    return frame.drop(columns=["grouped_by", *others])


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
