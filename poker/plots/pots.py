"""Figures of pots: how large they are, on which street they end, how they change while the hands go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter

from poker.games import STUD
from poker.plots.drawing import (
    BLUE,
    GREY,
    ORANGE,
    VERMILION,
    NothingToPlot,
    Plot,
    Size,
    big_blinds,
    counted,
    drawing,
    entitle,
    in_order_of_play,
    label_below,
    log_scale,
    need,
    short,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SOURCE = "poker.frames.pots(store)"
POT = "pot, in big blinds (log scale)"
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
# What is marked on the curve, and from how many hands on: ten hands at least must lie beyond.
MARKS = {"median": (0.5, 1), "90%": (0.9, 100), "99%": (0.99, 1_000)}
# Below so many hands, quartiles would say more than is known, so every hand is a dot.
FEW = 10
# More dots than this are a grey wall, which takes long to draw.
MOST_DOTS = 20_000
PARTS = 10
NOT_RECORDED = {
    "synthetic": "the times of {} are made up",
    "date_only": "of {} only the date is known",
}


def pot_distribution(pots: pd.DataFrame, axes: Axes | None = None, size: Size = "screen") -> Plot:
    """The share of hands whose pot was at most so many big blinds: the empirical distribution, on a log axis.

    The curve shows every pot as it is; a histogram would show the choice of its bins as well.

    Args:
        pots: what `poker.frames.pots` returned.
        axes: where to draw; None for a new figure.
        size: of the letters, and of a new figure.

    Returns:
        The plot. Its data have a row for each of some shares of the hands: `share`, and `pot_bb`, the pot in big blinds
        that this share of hands did not exceed, interpolated as `percentile_cont` of SQL does.

    Raises:
        NothingToPlot: there is no hand, or none with a pot above 0.
        ValueError: the frame is another one.
    """
    need(pots, ["pot_bb"], SOURCE)
    sizes = np.sort(pots["pot_bb"].to_numpy(dtype=float))
    above = _above_zero(sizes)
    data = pd.DataFrame({"share": SHARES, "pot_bb": np.quantile(sizes, SHARES)})
    marks = {
        name: (share, float(np.quantile(sizes, share))) for name, (share, least) in MARKS.items() if len(sizes) >= least
    }
    half = f"Half of the pots have at most {big_blinds(marks['median'][1])}"
    if len(sizes) == 1:
        title = f"The only pot has {big_blinds(sizes[0])}"
        text = f"{title}."
    elif "99%" in marks:
        title = f"{half}, one in a hundred more than {short(marks['99%'][1])}"
        text = f"{title}. Nine in ten of the {len(sizes):,} hands have at most {short(marks['90%'][1])},"
        text += f" the mean is {short(sizes.mean())}, and the largest pot has {short(sizes[-1])}."
    else:
        title = f"{half}, the largest {short(sizes[-1])}"
        text = f"{title}. The mean of the {len(sizes):,} hands is {short(sizes.mean())}."
    if without := len(sizes) - len(above):
        text += f" {counted(without, 'hand')} without a pot cannot be seen on the log axis, and is counted."

    with drawing(axes, size) as axes:
        values, counts = np.unique(sizes, return_counts=True)
        reached = np.cumsum(counts) / len(sizes)
        # The curve begins on the ground, or at the share of pots of 0, which a log axis cannot show.
        start = (len(sizes) - len(above)) / len(sizes)
        axes.step(
            np.concatenate([[above[0]], values[values > 0], [above[-1] * 1.25]]),
            np.concatenate([[start], reached[values > 0], [1.0]]),
            where="post",
            color=BLUE,
        )
        for name, (share, pot) in marks.items():
            if pot > 0:
                axes.plot(pot, share, "o", color=VERMILION)
                axes.annotate(
                    f"{name}: {short(pot)}",
                    (pot, share),
                    xytext=(7, -4),
                    textcoords="offset points",
                    va="top",
                )
        log_scale(axes, "x", above)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.set_ylim(0, 1.04)
        axes.set_xlabel(POT)
        axes.set_ylabel("hands with at most this pot")
        entitle(axes, title)
    return Plot(axes, data, text)


def pot_by_street(pots: pd.DataFrame, axes: Axes | None = None, size: Size = "screen") -> Plot:
    """Pots by the last street that was dealt: median, middle half, and the range of nine in ten hands.

    Where a street ended fewer than ten hands, each of them is a dot.

    Args:
        pots: what `poker.frames.pots` returned.
        axes: where to draw; None for a new figure.
        size: of the letters, and of a new figure.

    Returns:
        The plot. Its data have a row for each street: `street`, `hands`, and in big blinds `p5`, `p25`, `median`, `p75`
        and `p95`.

    Raises:
        NothingToPlot: there is no hand, or none with a pot above 0.
        ValueError: the frame is another one.
    """
    need(pots, ["street", "pot_bb"], SOURCE)
    above = _above_zero(pots["pot_bb"].to_numpy(dtype=float))
    groups = pots.groupby("street", observed=True, sort=True)["pot_bb"]
    names = {0.05: "p5", 0.25: "p25", 0.5: "median", 0.75: "p75", 0.95: "p95"}
    data = groups.quantile(list(names)).unstack().rename(columns=names)
    data.insert(0, "hands", groups.size())
    data.columns.name = None
    data = data.reset_index().astype({"street": "string"})
    title = _streets_in_words(data)
    text = f"{title}. {counted(len(pots), 'hand')}"
    if len(data) > 1:
        most = data.loc[data["hands"].idxmax()]
        text += f", of which {most['hands']:,} end {_on(most['street'])}, more than on any other street"
    text += "."

    with drawing(axes, size) as axes:
        shown = [above[len(above) // 2]]
        for place, row in enumerate(data.itertuples()):
            if row.hands < FEW:
                pots_there = groups.get_group(row.street)
                axes.plot(pots_there, np.full(len(pots_there), place), "o", color=BLUE, alpha=0.6)
                shown += [*pots_there]
            else:
                axes.hlines(place, row.p5, row.p95, color=GREY)
                axes.barh(place, row.p75 - row.p25, left=row.p25, height=0.6, color=BLUE)
                shown += [row.p5, row.p95]
            axes.plot([row.median, row.median], [place - 0.3, place + 0.3], color=ORANGE)
            axes.annotate(short(row.median), (1.01, place), xycoords=("axes fraction", "data"), va="center")
        axes.annotate("median", (1.01, -0.75), xycoords=("axes fraction", "data"), va="center")
        log_scale(axes, "x", [value for value in shown if value > 0])
        axes.set_yticks(range(len(data)), [f"{_name(row.street)} ({row.hands:,})" for row in data.itertuples()])
        axes.set_ylim(len(data) - 0.5, -1)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        few = data["hands"] < FEW
        boxes = "" if few.all() else "box: the middle half; line: nine in ten; "
        dots = f"dots: every hand, where fewer than {FEW} ended; " if few.any() else ""
        label_below(axes, POT, f"{boxes}{dots}orange: the median")
        axes.set_ylabel("last street (hands)")
        entitle(axes, title)
    return Plot(axes, data, text)


def pot_over_time(
    pots: pd.DataFrame, axes: Axes | None = None, size: Size = "screen", *, window: int | None = None
) -> Plot:
    """Every pot in the order of play, with the median and the 90% quantile of the hands before it.

    Each hand takes the same room, so that nights, years without hands and hands of the same second do no harm. The
    dates stand below. Where times are made up or only dates, as `time_source` says, a note says so.

    Args:
        pots: what `poker.frames.pots` returned.
        axes: where to draw; None for a new figure.
        size: of the letters, and of a new figure.
        window: over how many hands the quantiles look back; None for a twentieth of the hands, at least 20.

    Returns:
        The plot. Its data have a row for each tenth of the hands: `first_at` and `last_at` (missing where times are
        made up), `hands`, and in big blinds `median` and `p90`. Of more than 20,000 hands, only every second, third or
        so is a dot.

    Raises:
        NothingToPlot: there is no hand, or none with a pot above 0.
        ValueError: the frame is another one, or the window is below 1.
    """
    need(pots, ["played_at", "time_source", "pot_bb"], SOURCE)
    if window is not None and window < 1:
        raise ValueError(f"window {window} is below 1: write a number of hands")
    above = _above_zero(pots["pot_bb"].to_numpy(dtype=float))
    played = in_order_of_play(pots)
    played["known_at"] = played["played_at"].where(played["time_source"] != "synthetic")
    window = window or max(20, len(played) // 20)
    tenth = played.groupby(played.index * min(PARTS, len(played)) // len(played))
    data = pd.DataFrame(
        {
            "first_at": tenth["known_at"].min(),
            "last_at": tenth["known_at"].max(),
            "hands": tenth.size(),
            "median": tenth["pot_bb"].median(),
            "p90": tenth["pot_bb"].quantile(0.9),
        }
    )
    median = played["pot_bb"].rolling(window).median()
    high = played["pot_bb"].rolling(window).quantile(0.9)
    if median.notna().any():
        span = f"{short(median.min())} and {big_blinds(median.max())}"
        title = f"The median pot of {window:,} hands in a row moves between {span}"
    elif len(played) == 1:
        title = f"The only pot has {big_blinds(above[0])}"
    else:
        title = f"{len(played):,} pots from {short(played['pot_bb'].min())} to {big_blinds(above[-1])}"
    note = _times_in_words(played["time_source"])
    text = f"{title}."
    if len(data) > 1:
        text += (
            f" The 90% quantile is {short(data['p90'].iloc[0])} in the first {counted(data['hands'].iloc[0], 'hand')},"
        )
        text += f" and {short(data['p90'].iloc[-1])} in the last {counted(data['hands'].iloc[-1], 'hand')}."
    text += f" {note[0].upper()}{note[1:]}." if note else ""

    with drawing(axes, size) as axes:
        dots = played["pot_bb"].iloc[:: -(-len(played) // MOST_DOTS)]
        axes.plot(
            dots.index + 1,
            dots,
            "o",
            color=GREY,
            markersize=max(1.5, min(5.0, 2_000 / len(dots))),
            alpha=0.4,
            markeredgewidth=0,
            rasterized=True,
        )
        for name, line, colour in (("median", median, BLUE), ("90%", high, VERMILION)):
            if line.notna().any():
                axes.plot(played.index + 1, line, color=colour)
                axes.annotate(
                    name,
                    (1, line.iloc[-1]),
                    xycoords=("axes fraction", "data"),
                    xytext=(4, 0),
                    textcoords="offset points",
                    va="center",
                    color=colour,
                )
        log_scale(axes, "y", above)
        _date_ticks(axes, played, size)
        label_below(axes, "hands in the order of play (dates in UTC)", note)
        axes.set_ylabel(POT)
        entitle(axes, title)
    return Plot(axes, data, text)


def _above_zero(sizes: np.ndarray) -> np.ndarray:
    if not len(sizes):
        raise NothingToPlot("there is no completed hand to plot: bring some in with python -m poker import FOLDER")
    above = np.sort(sizes[sizes > 0])
    if not len(above):
        raise NothingToPlot("no hand has a pot above 0, which a log axis needs")
    return above


def _streets_in_words(data: pd.DataFrame) -> str:
    """Where the pots are smallest and where they are largest, among the streets that end one hand in a hundred."""
    sure = data[data["hands"] >= data["hands"].sum() / 100]
    least, most = sure.loc[sure["median"].idxmin()], sure.loc[sure["median"].idxmax()]
    if least.name == most.name:
        return f"Hands that end {_on(least['street'])} have a median pot of {big_blinds(least['median'])}"
    return (
        f"The median pot is {big_blinds(least['median'])} where hands end {_on(least['street'])},"
        f" and {short(most['median'])} {_on(most['street'])}"
    )


def _name(street: str) -> str:
    return f"{street} street" if street in STUD else street


def _on(street: str) -> str:
    if street in ("preflop", "predraw"):
        return street
    if street.endswith("draw"):
        return f"after the {street}"
    return f"on {_name(street)}" if street in STUD else f"on the {street}"


def _times_in_words(time_source: pd.Series) -> str:
    """What the reader must know about the times; nothing where all were recorded."""
    notes = []
    for name, words in NOT_RECORDED.items():
        count = int((time_source == name).sum())
        if count == len(time_source):
            notes.append(words.format("all hands"))
        elif count:
            notes.append(words.format(counted(count, "hand")))
    return "; ".join(notes)


def _date_ticks(axes: Axes, played: pd.DataFrame, size: Size) -> None:
    """Mark the first hand, the last, and some between, with the day on which each was played."""
    count = len(played)
    axes.set_xlim(1 - 0.01 * count, count * 1.005 + 0.01)
    places = sorted({round(place) for place in np.linspace(0, count - 1, 5 if size == "screen" else 3)})
    moments = played["known_at"].iloc[places]
    # Within two days, the day alone would say the same again and again.
    one_night = len(moments) > 1 and moments.max() - moments.min() < pd.Timedelta(days=2)
    form = "%Y-%m-%d\n%H:%M" if one_night else "%Y-%m-%d"
    labels = ["no date" if pd.isna(moment) else f"{moment:{form}}" for moment in moments]
    axes.set_xticks([place + 1 for place in places], labels)
