"""Figures of pots."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

# Blue and vermilion of the palette by Okabe and Ito, which colour-blind readers can tell apart.
# Source: M. Okabe, K. Ito, "Color Universal Design", 2008.
BLUE = "#0072B2"
VERMILION = "#D55E00"
MARKS = {"median": 0.5, "90%": 0.9, "99%": 0.99}


def plot_pots(frame: pd.DataFrame) -> Figure:
    """The share of hands whose pot was at most so many big blinds.

    Big blinds make hands of all stakes and currencies comparable. The curve shows every pot as it is; a histogram
    would show the choice of its bins as well.

    Args:
        frame: what `pots` returned, with one hand or more.

    Returns:
        The figure; write it with `figure.savefig(path)`.
    """
    sizes = np.sort(frame["pot_bb"].to_numpy())
    share = np.arange(1, len(sizes) + 1) / len(sizes)
    figure = Figure(figsize=(8, 4.5), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.step(sizes, share, where="post", color=BLUE, linewidth=2)
    for label, quantile in MARKS.items():
        size = float(np.quantile(sizes, quantile))
        axes.plot(size, quantile, "o", color=VERMILION)
        axes.annotate(
            f"{label}: {size:,.1f}", (size, quantile), xytext=(8, -14), textcoords="offset points", color=VERMILION
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_ylim(0, 1.03)
    axes.set_xlabel("pot, in big blinds (log scale; before rake, without the uncalled bet)")
    axes.set_ylabel("hands with at most this pot")
    hands = "1 hand" if len(sizes) == 1 else f"{len(sizes):,} hands"
    axes.set_title(f"How big are the pots? {hands}")
    axes.grid(which="major", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
