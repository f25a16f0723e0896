"""Figures of players: what they win and lose, and what they do in each position."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from poker.plots.drawing import (
    BLACK,
    COLOURS,
    GREY,
    NothingToPlot,
    Plot,
    Size,
    apart,
    counted,
    drawing,
    entitle,
    figure_of,
    in_order_of_play,
    label,
    label_below,
    need,
    short,
    signed,
)
from poker.positions import POSITIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_PLAYERS = len(COLOURS)
# A normal variable lies within so many standard deviations in 95 of 100 cases.
Z95 = 1.96
# Below so many hands, a normal distribution says too little about results for a verdict.
ENOUGH = 100
# More points than this along a line cannot be seen.
MOST_POINTS = 400

# On colours lighter than this, black letters have more contrast than white ones. Source: WCAG 2, contrast ratio.
MIDDLE = 0.179
# Places to the right of the axes, at the height of a value.
BESIDE = ("axes fraction", "data")

ACTIONS = ("fold", "check", "call", "bring_in", "bet", "raise")


def results_over_hands(results: pd.DataFrame, axes: Axes | None = None, size: Size = "screen") -> Plot:
    """What the players with the most hands have won or lost, hand by hand, in big blinds, and what luck explains of it.

    After n hands, luck alone brings a player who neither wins nor loses into the grey band in 95 of 100 cases: from
    -1.96 s √n to 1.96 s √n, where s is the standard deviation of one result, pooled over the players shown. Beside each
    name stands the win rate per 100 hands with its own 95% interval, from the player's own s. Both hold for many hands,
    a thousand and more, since single results are far from normal, and if hands do not depend on each other. They say
    nothing about the next table.
    Sources: the central limit theorem; B. Chen, J. Ankenman, "The Mathematics of Poker", 2006, for win rates;
    D. Spiegelhalter, "Funnel plots for comparing institutional performance", Statistics in Medicine 24, 2005.

    Args:
        results: what `poker.frames.results` returned. Hands whose result the record does not tell are left out.
        axes: where to draw; None for a new figure.
        size: of the letters, and of a new figure.

    Returns:
        The plot. Its data have a row for each of the eight players with the most hands, the best first: `player`,
        `collection`, `hands`, `net_bb`, and the win rate in big blinds per 100 hands: `per_100`, and its 95% interval
        from `low` to `high` (missing after a single hand).

    Raises:
        NothingToPlot: no player has a name and a known result.
        ValueError: the frame is another one.
    """
    need(results, ["player", "collection", "played_at", "time_source", "net_bb"], "poker.frames.results(store)")
    known = in_order_of_play(results.dropna(subset=["player", "net_bb"]))
    if known.empty:
        raise NothingToPlot("no hand tells a player's name and result")
    # A name stands for one person within a collection only.
    groups = known.groupby(["player", "collection"], observed=True, sort=False)["net_bb"]
    summary = groups.agg(hands="size", net_bb="sum", spread="std").reset_index()
    data = summary.sort_values(["hands", "player", "collection"], ascending=[False, True, True]).head(MOST_PLAYERS)
    data = data.astype({"player": "string", "collection": "string"})
    data["per_100"] = 100 * data["net_bb"] / data["hands"]
    margin = 100 * Z95 * data["spread"] / np.sqrt(data["hands"])
    data["low"], data["high"] = data["per_100"] - margin, data["per_100"] + margin
    data = data.sort_values("net_bb", ascending=False, ignore_index=True)
    freedom = (data["hands"] - 1).sum()
    spread = np.sqrt(((data["hands"] - 1) * data["spread"] ** 2).sum() / freedom) if freedom else 0.0

    title, text = _results_in_words(data, len(summary))
    if len(summary) > len(data):
        text += f" Shown are the {len(data)} of {len(summary):,} players with the most hands."
    if left_out := int(results["net_bb"].isna().sum()):
        text += f" {counted(left_out, 'result')} that the records do not tell are left out."

    with drawing(axes, size) as axes:
        most = int(data["hands"].max())
        played = np.linspace(0, most, MOST_POINTS)
        luck = Z95 * spread * np.sqrt(played)
        axes.fill_between(played, -luck, luck, color=GREY, alpha=0.2, linewidth=0)
        axes.axhline(0, color=BLACK, linewidth=0.8)
        for colour, row in zip(COLOURS, data.itertuples(), strict=False):
            so_far = np.concatenate([[0.0], groups.get_group((row.player, row.collection)).cumsum()])
            shown = np.unique(np.linspace(0, row.hands, MOST_POINTS).astype(int))
            axes.plot(shown, so_far[shown], color=colour)
        axes.set_xlim(0, most)
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        label_below(axes, "hands of the player", "grey: where luck alone ends in 95 of 100 cases" if freedom else "")
        axes.set_ylabel("won so far, in big blinds")
        entitle(axes, title)
        _name_lines(axes, data)
    return Plot(axes, data.drop(columns="spread"), text)


def _results_in_words(data: pd.DataFrame, players: int) -> tuple[str, str]:
    best, worst = data.iloc[0], data.iloc[-1]
    # Somebody with fewer hands, who is not shown, may have won or lost more.
    some = len(data) < players
    title = f"Of the {len(data)} with the most hands, " if some else ""
    title += f"{label(best['player'])} won most, {signed(best['net_bb'])} big blinds"
    judged = data[data["hands"] >= ENOUGH]
    sure = int(((judged["low"] > 0) | (judged["high"] < 0)).sum())
    if len(judged):
        title += (
            f"; luck hardly explains {sure} of {len(judged)} results" if sure else "; luck alone could explain it all"
        )
    text = f"{title}. {label(best['player'])} played {counted(best['hands'], 'hand')}: {_rate(best)}."
    if len(data) > 1:
        text += " Of these, " if some else " "
        text += f"{label(worst['player'])} did worst, {signed(worst['net_bb'])} big blinds"
        text += f" in {counted(worst['hands'], 'hand')}: {_rate(worst)}."
    return title, text


def _rate(row: pd.Series) -> str:
    margin = row["high"] - row["per_100"]
    return f"{signed(row['per_100'])} per 100 hands" + ("" if np.isnan(margin) else f", give or take {short(margin)}")


def _name_lines(axes: Axes, data: pd.DataFrame) -> None:
    """Write each player's name beside the end of the line. A legend would make the eye travel."""
    low, high = axes.get_ylim()
    height = 72 * figure_of(axes).get_figheight() * axes.get_position().height
    line = 1.6 * float(axes.yaxis.label.get_fontsize()) / height * (high - low)
    places = apart(list(data["net_bb"]), line)
    heading = max(places) + line
    axes.set_ylim(min(low, min(places) - line / 2), max(high, heading + line / 2))
    axes.annotate("per 100 hands", (1.08, heading), xycoords=BESIDE, va="center", color=GREY)
    for colour, place, row in zip(COLOURS, places, data.itertuples(), strict=False):
        margin = "" if np.isnan(row.high) else f" ± {short(row.high - row.per_100)}"
        name = f"{label(row.player)} {signed(row.per_100)}{margin}"
        axes.annotate(name, (1.08, place), xycoords=BESIDE, va="center", annotation_clip=False)
        # A line of its own: one that belonged to the name would end where the box around the name begins.
        leader = {"arrowstyle": "-", "color": colour, "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
        axes.annotate(
            "",
            (row.hands, row.net_bb),
            xytext=(1.07, place),
            textcoords=BESIDE,
            annotation_clip=False,
            arrowprops=leader,
        )


def actions_by_position(decisions: pd.DataFrame, axes: Axes | None = None, size: Size = "screen") -> Plot:
    """How often players fold, check, call, bet and raise in each position: a heat map with the shares in its cells.

    Args:
        decisions: what `poker.frames.decisions` returned, or some of its rows, for instance those of one street.
        axes: where to draw; None for a new figure.
        size: of the letters, and of a new figure.

    Returns:
        The plot. Its data have a row for each position, from the small blind to the button: `position`,
        `decisions`, and the share of each action.

    Raises:
        NothingToPlot: no decision was made in a position; games without blinds have none.
        ValueError: the frame is another one.
    """
    need(decisions, ["position", "street", "action"], "poker.frames.decisions(store)")
    placed = decisions.dropna(subset=["position"])
    if placed.empty:
        raise NothingToPlot("no decision was made in a position such as BB or BTN, which only games with blinds have")
    counts = pd.crosstab(placed["position"].astype("string"), placed["action"].astype("string"))
    known = [name for name in ACTIONS if name in counts.columns]
    counts = counts[known + [name for name in counts.columns if name not in known]]
    counts = counts.loc[[name for name in POSITIONS if name in counts.index]]
    shares = counts.div(counts.sum(axis=1), axis=0)
    data = shares.reset_index().rename_axis(columns=None)
    data.insert(1, "decisions", counts.sum(axis=1).to_numpy())
    title = _actions_in_words(counts)
    streets = placed["street"].dropna().unique()
    street = f"{streets[0]} " if len(streets) == 1 else ""
    text = f"{title}. {counted(len(placed), f'{street}decision')}."
    if left_out := len(decisions) - len(placed):
        text += f" {counted(left_out, 'decision')} without a position are left out."

    with drawing(axes, size) as axes:
        image = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1, aspect="auto")
        for row, column in np.ndindex(*shares.shape):
            share = shares.iat[row, column]
            colour = "white" if _luminance(image.cmap(share)) < MIDDLE else "black"
            axes.text(column, row, f"{share:.0%}", ha="center", va="center", color=colour)
        axes.set_xticks(range(shares.shape[1]), [name.replace("_", "-") for name in shares.columns])
        axes.set_yticks(range(len(data)), [f"{row.position} ({row.decisions:,})" for row in data.itertuples()])
        axes.tick_params(length=0)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        label_below(axes, f"share of the {street}decisions in a position")
        axes.set_ylabel("position (decisions)")
        entitle(axes, title)
    return Plot(axes, data, text)


def _actions_in_words(counts: pd.DataFrame) -> str:
    """The action that the positions differ in most, and where it is taken most and least often."""
    decisions = counts.sum(axis=1)
    # A position with hardly any decisions says little, and whether one may check is not a choice.
    sure = counts[decisions >= decisions.sum() / 100]
    shares = sure.div(sure.sum(axis=1), axis=0).drop(columns="check", errors="ignore")
    if len(shares) < 2 or shares.empty:
        most = decisions.idxmax()
        action = counts.loc[most].idxmax()
        share = counts.loc[most, action] / decisions[most]
        return f"In {most}, players {action.replace('_', ' ')} in {share:.0%} of all cases"
    action = (shares.max() - shares.min()).idxmax()
    most, least = shares[action].idxmax(), shares[action].idxmin()
    return (
        f"Players {action.replace('_', ' ')} most in {most}, {shares.loc[most, action]:.0%} of their decisions,"
        f" and least in {least}, {shares.loc[least, action]:.0%}"
    )


def _luminance(colour: tuple[float, ...]) -> float:
    """How light a colour is, from 0 to 1, as WCAG 2 counts it."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
