"""The figure of the log itself: how fast events come in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.dates import AutoDateLocator, DateFormatter, date2num
from matplotlib.ticker import StrMethodFormatter

from eventstore import PostgresEventStore
from eventstore.database import in_our_words
from poker.plots.drawing import BLUE, NothingToPlot, Plot, Size, counted, drawing, entitle, label_below, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPAN = "SELECT min(recorded_at), max(recorded_at) FROM domain_events"

# Bins begin at whole multiples of their width, counted from a midnight UTC; the day was a Monday.
EVENTS_IN_BINS = """
SELECT date_bin(%(width)s, recorded_at, '2001-01-01 00:00:00+00') AS began_at, count(*) AS events
FROM domain_events
GROUP BY began_at
ORDER BY began_at
"""

MOST_BINS = 100
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WIDTHS = {
    "second": SECOND,
    "5 seconds": 5 * SECOND,
    "15 seconds": 15 * SECOND,
    "minute": MINUTE,
    "5 minutes": 5 * MINUTE,
    "15 minutes": 15 * MINUTE,
    "hour": HOUR,
    "6 hours": 6 * HOUR,
    "day": DAY,
    "week": 7 * DAY,
    "4 weeks": 28 * DAY,
    "52 weeks": 364 * DAY,
}


def events_per_second(store: PostgresEventStore, axes: Axes | None = None, size: Size = "screen") -> Plot:
    """How many events per second the store has taken in, by the server's clock.

    The time between the first event and the last is cut into at most a hundred bins of a second, a minute, an hour or
    the like; the rate of a bin is its events divided by its width. This says how fast the log was written, not how
    fast hands were played.

    Args:
        store: the store, whose whole log is read once.
        axes: where to draw; None for a new figure.
        size: of the letters, and of a new figure.

    Returns:
        The plot. Its data have a row for each bin, empty ones included: `began_at` (UTC), `events`, `per_second`.

    Raises:
        NothingToPlot: the store has no events.
        StoreUnavailableError: the server is away.
    """
    with store.connection() as connection, in_our_words(connection):
        first, last = connection.execute(SPAN).fetchone() or (None, None)
        if first is None:
            raise NothingToPlot("the store has no events yet: bring some in with python -m poker import FOLDER")
        name = next((name for name, width in WIDTHS.items() if (last - first) / width < MOST_BINS), "52 weeks")
        width = WIDTHS[name]
        rows = connection.execute(EVENTS_IN_BINS, {"width": width}).fetchall()
    found = pd.Series([count for _, count in rows], pd.to_datetime([began for began, _ in rows], utc=True))
    bins = pd.date_range(found.index[0], found.index[-1], freq=width, name="began_at")
    data = found.reindex(bins, fill_value=0).rename("events").reset_index()
    data["per_second"] = data["events"] / width.total_seconds()

    count, busiest = int(data["events"].sum()), data.loc[data["events"].idxmax()]
    if len(data) == 1:
        title = f"{counted(count, 'event')} came in within one {name}"
    else:
        title = f"In its busiest {name}, the log took in {short(busiest['per_second'])} events per second"
    text = (
        f"{title}. {counted(count, 'event')} were recorded from {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S}"
        f" (UTC); the busiest {name} began at {busiest['began_at']:%Y-%m-%d %H:%M:%S}."
    )

    with drawing(axes, size) as axes:
        edges = date2num([*bins, bins[-1] + width])
        axes.stairs(data["per_second"], edges, fill=True, color=BLUE)
        axes.xaxis_date()
        margin = 0 if len(data) > 1 else edges[1] - edges[0]
        axes.set_xlim(edges[0] - margin, edges[-1] + margin)
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(AutoDateLocator(minticks=2, maxticks=7 if size == "screen" else 4))
        one_day = first.date() == last.date()
        form = (
            "%Y-%m-%d" if width >= DAY else "%m-%d\n%H:%M" if not one_day else "%H:%M:%S" if width < MINUTE else "%H:%M"
        )
        axes.xaxis.set_major_formatter(DateFormatter(form))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        day = f"on {first:%Y-%m-%d}, " if one_day else ""
        label_below(axes, f"when events were recorded ({day}UTC); one bar for each {name}")
        axes.set_ylabel("events per second")
        entitle(axes, title)
    return Plot(axes, data, text)
