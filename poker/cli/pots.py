"""How big the pots are: `python -m poker pots`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import poker
from eventstore import connect
from poker.cli.common import Schema, Url, out, plain_errors

FIGURE_SUFFIXES = (".png", ".svg", ".pdf")


def pots_command(
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw the distribution of pots.", show_default=False)
    ] = None,
    url: Url = None,
    schema: Schema = "public",
) -> None:
    """Print how big the pots are: before rake, without the uncalled bet."""
    if plot is not None and plot.suffix.lower() not in FIGURE_SUFFIXES:
        raise typer.BadParameter(f"{plot} is no picture: write a name that ends in {' or '.join(FIGURE_SUFFIXES)}")
    with plain_errors():
        with connect(url, schema=schema) as store:
            frame = poker.pots(store)
        if frame.empty:
            out.print("There are no hands in this store yet. Bring some in: python -m poker import FOLDER")
            return
        for row in poker.pot_summary(frame).itertuples():
            _print_pots(row)
        if plot is not None:
            # Loading matplotlib takes a while, which nobody else should wait for.
            from poker.plots import pot_distribution

            pot_distribution(frame).figure.savefig(plot)
            out.print(f"The distribution of pots is drawn in {plot}")


def _print_pots(row: Any) -> None:
    out.print(kind_of_chips(row.collection, row.currency, row.chip_unit))
    out.print(f"  hands    {row.hands:>14,}")
    for name in ("sum", "mean", "median", "p90", "p99", "largest"):
        out.print(f"  {name:8} {in_chips(getattr(row, name)):>14}")
    out.print(f"  median   {row.median_bb:>14,.1f} big blinds")


def kind_of_chips(collection: str, currency: str, chip_unit: int) -> str:
    """Which chips these are, in words.

    Args:
        collection: the top folder of the hands' files, "" for none.
        currency: what a chip is, "" where unknown.
        chip_unit: units in one chip.
    """
    units = f"{chip_unit} units per chip" if chip_unit > 1 else ""
    return ", ".join(name for name in (collection, currency or "chips", units) if name)


def in_chips(amount: float) -> str:
    """An amount as text, with decimals where it has some."""
    return f"{amount:,.2f}".removesuffix(".00")
