"""What the figures share: what a figure function returns, its two sizes, its colours, and how it writes numbers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# Colours that colour-blind readers can tell apart. Yellow is left out: on white nobody sees a yellow line.
# Source: M. Okabe, K. Ito, "Color Universal Design", 2008.
BLACK = "#000000"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#767676"
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, GREY)

Size = Literal["screen", "print"]

COMMON: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "figure.facecolor": "white",
    "grid.alpha": 0.3,
    # Players and tables have names from foreign files, in which a dollar sign is a dollar sign.
    "text.parse_math": False,
}
# Inches and points. A column of a journal is 3.5 inches wide, and so is a telephone.
SIZES: dict[Size, dict[Any, Any]] = {
    "screen": {
        "figure.figsize": (8, 4.5),
        "figure.dpi": 150,
        "font.size": 11,
        "axes.titlesize": 13,
        "legend.fontsize": 10,
    },
    "print": {
        "figure.figsize": (3.5, 3.1),
        "figure.dpi": 300,
        "font.size": 7.5,
        "axes.titlesize": 8.5,
        "axes.linewidth": 0.6,
        "lines.linewidth": 1.1,
        "lines.markersize": 4,
        "grid.linewidth": 0.5,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "legend.fontsize": 7,
    },
}


class NothingToPlot(ValueError):
    """The data hold nothing that the figure could show. The text says what is missing."""


class Plot(NamedTuple):
    """A figure, and the same in numbers and words. As the last line of a notebook's cell it shows itself.

    Args:
        axes: where it is drawn.
        data: the numbers that it shows, in few rows.
        text: what it shows, in sentences. They may stand in place of the picture.
    """

    axes: Axes
    data: pd.DataFrame
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        return self.png(), {"width": round(96 * self.figure.get_figwidth())}

    @property
    def figure(self) -> Figure:
        """What `axes` belong to; `figure.savefig(path)` writes it."""
        return figure_of(self.axes)

    def png(self) -> bytes:
        """The picture. The same data give the same bytes, with the same version of matplotlib."""
        picture = BytesIO()
        with warnings.catch_warnings():
            # A name in letters that the font lacks is drawn as boxes. The data have it in full.
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            self.figure.savefig(picture, format="png")
        return picture.getvalue()


@contextmanager
def drawing(axes: Axes | None, size: Size) -> Iterator[Axes]:
    """Draw in one of the two sizes.

    Args:
        axes: where to draw; None for a figure of its own. It is none of pyplot's, which would keep it for ever.
        size: "screen" or "print".

    Raises:
        ValueError: there is no such size.
    """
    if size not in SIZES:
        raise ValueError(f"size {size!r} is unknown: write {' or '.join(SIZES)}")
    with mpl.rc_context(COMMON | SIZES[size]):
        yield Figure(layout="constrained").subplots() if axes is None else axes


def need(frame: pd.DataFrame, columns: Sequence[str], source: str) -> None:
    """Refuse a frame without the columns that a figure needs.

    Args:
        frame: what the caller gave.
        columns: the names of the columns.
        source: the function that makes such frames.

    Raises:
        ValueError: the text names the missing columns and the function.
    """
    if missing := [name for name in columns if name not in frame.columns]:
        raise ValueError(f"the frame has no column {', '.join(missing)}: give what {source} returns")


def in_order_of_play(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows by the time of their hands. Hands whose times are made up come first, in the order they have.

    Every file of such hands begins at the same made-up moment, so those times would shuffle the files.
    """
    known = frame["played_at"].where(frame["time_source"] != "synthetic")
    order = known.reset_index(drop=True).sort_values(kind="stable", na_position="first").index
    return frame.iloc[order].reset_index(drop=True)


def figure_of(axes: Axes) -> Figure:
    """The whole figure that axes belong to."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("these axes were removed from their figure: give others")
    return figure


def entitle(axes: Axes, title: str) -> None:
    """Put a title above the axes, in as many lines as it needs."""
    # To find the ends of lines, matplotlib takes dollar signs for formulas, whatever it is told. It knows escaped ones.
    axes.set_title(title.replace("$", r"\$"), loc="left", wrap=True, parse_math=True)


def label_below(axes: Axes, text: str, note: str = "") -> None:
    """Say below the axes what is on them, and below that what else the reader must know."""
    axes.set_xlabel("\n".join(part for part in (text, note) if part), wrap=True)


def log_scale(axes: Axes, name: Literal["x", "y"], values: Any) -> None:
    """Make an axis logarithmic, with plain numbers: 1, 10, 100, and 2 and 5 of each where the values lie close.

    Args:
        axes: the axes.
        name: which of the two.
        values: the numbers above zero that it must have room for.
    """
    axes.set(**{f"{name}scale": "log"})
    low, high = float(np.min(values)), float(np.max(values))
    axes.set(**{f"{name}lim": (low / 1.25, high * 1.25)})
    axis = getattr(axes, f"{name}axis")
    steps = (1.0, 2.0, 5.0) if high / low < 200 else (1.0,)
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axis.set_minor_formatter(NullFormatter())


def short(value: float) -> str:
    """A number for people: three digits that matter, or all of them before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    rounded = f"{value:.1f}" if abs(value) >= 1 or value == 0 else f"{value:.2g}"
    return rounded.removesuffix(".0")


def big_blinds(value: float) -> str:
    """A number of big blinds: "1 big blind", "2.5 big blinds"."""
    return f"{short(value)} big blind{'' if short(value) == '1' else 's'}"


def signed(value: float) -> str:
    """A gain or a loss: "+1,501", "-2.5", "0"."""
    return f"{'+' if value > 0 else ''}{short(value)}"


def counted(count: int, noun: str) -> str:
    """A number with its noun: "1 hand", "2,000 hands"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def label(name: str, longest: int = 14) -> str:
    """A name from a foreign file as a figure can show it: one line, not too long."""
    shown = "".join(character if character.isprintable() else "?" for character in name)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def apart(heights: Sequence[float], least: float) -> list[float]:
    """Move labels up and down as little as needed, so that none covers its neighbour.

    Args:
        heights: where the labels belong, in any order.
        least: the distance that two need.

    Returns:
        Where they go, in the order of `heights`. Labels that touch stand together around their own middle.
    """
    # Each group of touching labels: how many, and the middle of the places they want.
    groups: list[tuple[int, float]] = []
    order = np.argsort(heights, kind="stable")
    for index in order:
        group = (1, float(heights[index]))
        while groups and group[1] - groups[-1][1] < least * (group[0] + groups[-1][0]) / 2:
            count, middle = groups.pop()
            group = (count + group[0], (count * middle + group[0] * group[1]) / (count + group[0]))
        groups.append(group)
    places = [middle + least * (place - (count - 1) / 2) for count, middle in groups for place in range(count)]
    moved = [0.0] * len(heights)
    for index, place in zip(order, places, strict=True):
        moved[index] = place
    return moved
