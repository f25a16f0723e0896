"""Figures of hands: one function each. It takes a data frame, and returns the axes, the numbers and what they say.

    from poker import frames, plots

    plot = plots.pot_distribution(frames.pots(store))
    print(plot.text)
    plot.figure.savefig("pots.pdf")

Amounts are in big blinds, in which hands of all stakes and currencies can be compared. Every function takes `axes`, to
draw into a figure of yours, and `size`: "screen" (8 inches wide) or "print" (3.5 inches, a column of a journal, in
which a title takes several lines and letters stay legible).
"""

from poker.plots.drawing import NothingToPlot, Plot, Size
from poker.plots.events import events_per_second
from poker.plots.players import actions_by_position, results_over_hands
from poker.plots.pots import pot_by_street, pot_distribution, pot_over_time

__all__ = [
    "NothingToPlot",
    "Plot",
    "Size",
    "actions_by_position",
    "events_per_second",
    "pot_by_street",
    "pot_distribution",
    "pot_over_time",
    "results_over_hands",
]
