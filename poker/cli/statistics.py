"""How big the pots are, of all hands or group by group: `python -m poker statistics`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.cells import cell_len, set_cell_size

from eventstore import connect
from eventstore.cli.printing import escaped
from poker.cli.common import Schema, Url, out, plain_errors
from poker.cli.pots import in_chips, kind_of_chips
from poker.frames import pot_statistics
from poker.frames.statistics import CHIPS, DIMENSIONS, Grouping

if TYPE_CHECKING:
    import pandas as pd


def statistics_command(
    by: Annotated[Grouping, typer.Option(help="A row for each of these.")] = "all",
    url: Url = None,
    schema: Schema = "public",
) -> None:
    """Print how big the pots are: before rake, without the uncalled bet.

    Chips of different currencies, or of records that name none and come from
    different folders, are different kinds of chips. Amounts are in chips, the last
    column is in big blinds. A day is a day in UTC. Where the answer takes long:
    python -m poker roll-up.
    """
    with plain_errors(), connect(url, schema=schema) as store:
        frame = pot_statistics(store, by)
    if frame.empty:
        out.print("There are no hands in this store yet. Bring some in: python -m poker import FOLDER")
    for (collection, currency, unit), rows in frame.groupby(CHIPS, observed=True, dropna=False):
        known = currency if isinstance(currency, str) else ""
        out.print(escaped(kind_of_chips(collection, known, unit)))
        for line in _lines(_cells(rows, by)):
            out.print(f"  {line}")


def _cells(rows: pd.DataFrame, by: Grouping) -> list[list[str]]:
    """A row of names, and a row of figures for each group."""
    raked = bool(rows["rake"].notna().any())
    names = ["mean", "median", "p90", "p99", "largest"]
    cells = [["" if by == "all" else by, "hands", *names, "median bb", *(["rake", "known of"] if raked else [])]]
    for row in rows.itertuples():
        group = "all" if by == "all" else _group(getattr(row, DIMENSIONS[by]), by)
        chips = [in_chips(getattr(row, f"pot_{name}")) for name in names]
        rake = [in_chips(row.rake), f"{row.raked_hands:,} hands"] if raked else []
        cells.append([group, f"{row.hands:,}", *chips, f"{row.pot_median_bb:,.1f}", *rake])
    return cells


def _lines(cells: list[list[str]]) -> list[str]:
    """Columns below each other, as wide as they have to be: a figure that is cut off would be a wrong one."""
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join([set_cell_size(row[0], widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in cells
    ]


def _group(value: Any, by: Grouping) -> str:
    """What a row is about, as text."""
    import pandas as pd

    if pd.isna(value):
        return "unknown"
    match by:
        case "stakes":
            return in_chips(value)
        case "day":
            return f"{value:%Y-%m-%d}"
        case "showdown":
            return "yes" if value else "no"
    return escaped(str(value))
