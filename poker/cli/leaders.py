"""Who has won most: `python -m poker leaders`."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby
from typing import Annotated

import typer
from rich.table import Column, Table

from eventstore import PostgresEventStore, connect
from eventstore.cli.printing import escaped
from eventstore.subscription import subscriptions
from poker.cli.common import Schema, Url, err, out, plain_errors
from poker.projections import Leader, LeaderBoard, leaders


def leaders_command(
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON for each, in units of the hands.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many players for each kind of chip.")] = 20,
    url: Url = None,
    schema: Schema = "public",
) -> None:
    """Print the leader board, as far as `python -m poker follow` has kept it.

    Chips of different currencies, or of records that name none and come from
    different folders, are different kinds of chips. Amounts are in chips.
    """
    with plain_errors(), connect(url, schema=schema) as store:
        board = leaders(store)
        behind = _behind(store)
    kinds = [
        list(rows)[:limit] for _, rows in groupby(board, lambda row: (row.collection, row.currency, row.chip_unit))
    ]
    for rows in kinds:
        if as_json:
            for row in rows:
                print(json.dumps(asdict(row)))
        else:
            out.print(_table(rows))
    if not board and not as_json:
        out.print("Nobody has completed a hand yet, as far as the leader board knows.")
    if behind:
        err.print(f"The leader board is {behind:,} events behind: python -m poker follow")


def _behind(store: PostgresEventStore) -> int:
    """How far the board is behind the log, 0 where it is kept inline."""
    return sum(status.lag for status in subscriptions(store) if status.name == LeaderBoard.name)


def _table(rows: list[Leader]) -> Table:
    first = rows[0]
    finer = "" if first.chip_unit == 1 else f"counted in 1/{first.chip_unit} of a chip"
    title = ", ".join(escaped(name) for name in (first.collection, first.currency or "chips", finer) if name)
    figures = (Column(name, justify="right") for name in ("hands", "won", "net", "biggest pot"))
    table = Table("player", *figures, title=title, title_justify="left")
    for row in rows:
        net = _chips(row.net, row.chip_unit) if row.settled else ""
        biggest = "" if row.biggest_pot is None else _chips(row.biggest_pot, row.chip_unit)
        table.add_row(escaped(row.player), f"{row.hands:,}", f"{row.won:,}", net, biggest)
    return table


def _chips(amount: int, unit: int) -> str:
    return f"{amount:,}" if unit == 1 else f"{amount / unit:,.2f}"
