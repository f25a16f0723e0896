"""One page about the hands of a store, with figures and tables, that stands alone: `python -m poker report`."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined

from eventstore import PostgresEventStore
from poker import frames
from poker.games import GAMES
from poker.plots import (
    NothingToPlot,
    Plot,
    actions_by_position,
    events_per_second,
    pot_by_street,
    pot_distribution,
    pot_over_time,
    results_over_hands,
)
from poker.plots.drawing import counted, short
from poker.plots.players import ACTIONS
from poker.quarantine import QuarantinedHand, quarantined_hands
from poker.recovery import unfinished_hands

# Longer tables are cut, and say so: a page is read, and an export is searched.
MOST_ROWS = 20
FIRST_STREETS = ("preflop", "predraw")
SHARES = {"share", *ACTIONS}
TIMES = {"recorded": "recorded", "date_only": "only the date", "synthetic": "made up"}


@dataclass(frozen=True)
class Table:
    """A table as the page shows it: all cells are text.

    Args:
        caption: what it shows.
        columns: the heading of each column, and whether its cells are numbers.
        rows: the cells.
        more: how many rows were cut.
    """

    caption: str
    columns: list[tuple[str, bool]]
    rows: list[list[str]]
    more: int = 0


@dataclass(frozen=True)
class Figure:
    """A figure as the page shows it, in two sizes, or why there is none.

    Args:
        heading: the question that it answers.
        reading: how to read it.
        missing: why it is not there; "" where it is.
        text: what it shows, in words.
        screen: the picture for wide screens, as a data URI.
        narrow: the picture for telephones, as a data URI.
        table: the numbers that it shows.
    """

    heading: str
    reading: str
    missing: str = ""
    text: str = ""
    screen: str = ""
    narrow: str = ""
    table: Table | None = None


def report(store: PostgresEventStore, title: str = "Poker hands") -> str:
    """A page of HTML about the completed hands of a store. It needs no network, and the same data give the same page.

    Args:
        store: where the hands are.
        title: what stands above.

    Returns:
        The page.

    Raises:
        NothingToPlot: the store holds no completed hand.
        StoreUnavailableError: the server is away.
    """
    pots = frames.pots(store)
    if pots.empty:
        raise NothingToPlot(
            "there is no completed hand in this store: bring some in with python -m poker import FOLDER"
        )
    results, decisions, players = frames.results(store), frames.decisions(store), frames.players(store)
    first_round = decisions[decisions["street"].isin(FIRST_STREETS)]
    quarantined = quarantined_hands(store)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files("poker").joinpath("report.html.jinja").read_text(encoding="utf-8"))
    return template.render(
        title=title,
        facts=_facts(store, pots, players),
        warnings=_warnings(store, pots, results, quarantined),
        sources=_sources(pots),
        quarantine=_quarantine(quarantined),
        pots=_pots(frames.pot_statistics(store, "variant")),
        players=_players(players),
        figures={
            "distribution": _figure(
                "How big are the pots?",
                "The curve rises from no hand to all hands. Where it is steep, there are many pots of that size.",
                partial(pot_distribution, pots),
                {"share": "hands", "pot_bb": "pot of at most (big blinds)"},
            ),
            "streets": _figure(
                "Which hands make the big pots?",
                "Hands are sorted by the last street that was dealt: who plays on puts more chips in.",
                partial(pot_by_street, pots),
                {
                    "street": "last street",
                    "hands": "hands",
                    "p5": "5%",
                    "p25": "25%",
                    "median": "median (big blinds)",
                    "p75": "75%",
                    "p95": "95%",
                },
            ),
            "time": _figure(
                "Do the pots change?",
                "Each dot is a hand, each takes the same room. The lines look back on the hands before.",
                partial(pot_over_time, pots),
                {
                    "first_at": "from (UTC)",
                    "last_at": "to (UTC)",
                    "hands": "hands",
                    "median": "median (big blinds)",
                    "p90": "90%",
                },
            ),
            "results": _figure(
                "Who wins?",
                "Who neither wins nor loses ends within the grey band in 95 of 100 cases. Beside each name:"
                " big blinds won per 100 hands, with a 95% interval.",
                partial(results_over_hands, results),
                {
                    "player": "player",
                    "collection": "collection",
                    "hands": "hands",
                    "net_bb": "won (big blinds)",
                    "per_100": "per 100 hands",
                    "low": "at least",
                    "high": "at most",
                },
            ),
            "actions": _figure(
                "What do players do, and where?",
                "Each row is a position, from the small blind to the button, and its shares add up to 100%.",
                partial(actions_by_position, decisions if first_round.empty else first_round),
                {"position": "position", "decisions": "decisions"},
            ),
            "events": _figure(
                "How fast was the log written?",
                "Each bar is a span of time in which events were stored. It says nothing about the pace of play.",
                partial(events_per_second, store),
                {"began_at": "from (UTC)", "events": "events", "per_second": "events per second"},
            ),
        },
    )


def _facts(store: PostgresEventStore, pots: pd.DataFrame, players: pd.DataFrame) -> dict[str, str]:
    known = pots.loc[pots["time_source"] != "synthetic", "played_at"]
    days = sorted({f"{known.min():%Y-%m-%d}", f"{known.max():%Y-%m-%d}"}) if len(known) else ["nobody knows when"]
    return {
        "completed hands": f"{len(pots):,}",
        "players with a name": f"{players[['player', 'collection']].drop_duplicates().shape[0]:,}",
        "events in the store": f"{store.get_event_count():,}",
        "played (UTC)": " to ".join(days),
    }


def _warnings(
    store: PostgresEventStore, pots: pd.DataFrame, results: pd.DataFrame, quarantined: list[QuarantinedHand]
) -> list[str]:
    """What a reader must know before trusting the figures."""
    sources = pots["time_source"].value_counts()
    counts = {
        "{} without a recorded time: their times are made up, and only the order within a file is real.": (
            sources.get("synthetic", 0)
        ),
        "{} of which only the date is recorded.": sources.get("date_only", 0),
        "{} of which the record does not tell who won. They count as pots, and not as results.": (
            pots["winners"].isna().sum()
        ),
        "{} of which the record does not tell the rake: what is won and lost in them is before rake.": (
            pots["rake"].isna().sum()
        ),
        "{} refused by the import, because they break the rules or lack something. They are in no figure.": (
            len(quarantined)
        ),
        "{} begun and not completed. They are in no figure.": len(unfinished_hands(store)),
    }
    return [text.format(counted(int(count), "hand")) for text, count in counts.items() if count]


def _sources(pots: pd.DataFrame) -> Table:
    """Where the hands come from: a row for each collection, game and kind of time."""
    made_up = pots["time_source"] == "synthetic"
    hands = pots.assign(
        collection=pots["source"].str.extract(r"^([^/]*)/", expand=False).fillna(""),
        time_source=pots["time_source"].astype("string"),
        day=pots["played_at"].mask(made_up),
    )
    groups = hands.groupby(["collection", "variant", "time_source"], observed=True)
    table = groups.agg(hands=("pot", "size"), first=("day", "min"), last=("day", "max")).reset_index()
    for name in ("first", "last"):
        table[name] = table[name].dt.strftime("%Y-%m-%d")
    table["variant"] = _games(table["variant"])
    table["time_source"] = table["time_source"].map(TIMES)
    headings = {
        "collection": "collection",
        "variant": "game",
        "hands": "hands",
        "first": "first day",
        "last": "last day",
        "time_source": "times",
    }
    return _table("Where the hands come from", table, headings)


def _quarantine(quarantined: list[QuarantinedHand]) -> Table:
    rows = pd.DataFrame(
        [(hand.file, hand.section or "", hand.reason) for hand in quarantined], columns=["file", "section", "reason"]
    )
    return _table("Hands that were refused", rows, {name: name for name in rows.columns})


def _pots(statistics: pd.DataFrame) -> Table:
    headings = {
        "collection": "collection",
        "variant": "game",
        "chips": "chips",
        "hands": "hands",
        "pot_mean": "mean",
        "pot_median": "median",
        "pot_p90": "90%",
        "pot_p99": "99%",
        "pot_largest": "largest",
        "pot_median_bb": "median (big blinds)",
        "rake": "rake",
        "raked_hands": "hands with known rake",
    }
    if not statistics["raked_hands"].any():
        del headings["rake"], headings["raked_hands"]
    table = statistics.assign(variant=_games(statistics["variant"]), chips=_chips(statistics))
    return _table("Pots in chips, before rake and without the uncalled bet", table, headings)


def _players(players: pd.DataFrame) -> Table:
    headings = {
        "player": "player",
        "collection": "collection",
        "chips": "chips",
        "hands": "hands",
        "won": "hands won",
        "settled": "results known",
        "net": "won or lost",
        "net_bb": "won or lost (big blinds)",
        "biggest_pot": "biggest pot",
    }
    table = players.assign(
        chips=_chips(players),
        net=players["net"] / players["chip_unit"],
        biggest_pot=players["biggest_pot"] / players["chip_unit"],
    )
    table = table.sort_values("hands", ascending=False, kind="stable")
    return _table(
        "Players, those with the most hands first; amounts in chips, less the rake where it is known", table, headings
    )


def _chips(frame: pd.DataFrame) -> pd.Series:
    """What a chip is, and its smallest part: chips that differ in this stand in rows of their own."""
    names = frame["currency"].astype("string").fillna("unknown")
    return names.where(frame["chip_unit"] == 1, names + " (1/" + frame["chip_unit"].astype("string") + ")")


def _games(variants: pd.Series) -> pd.Series:
    return variants.astype("string").map(lambda code: GAMES[code].name if code in GAMES else code)


def _figure(heading: str, reading: str, draw: Callable[..., Plot], headings: dict[str, str]) -> Figure:
    try:
        plot = draw(size="screen")
    except NothingToPlot as error:
        return Figure(heading, reading, missing=str(error))
    # Columns that depend on the data, such as the actions, follow under their own names.
    headings = headings | {name: name.replace("_", "-") for name in plot.data.columns if name not in headings}
    return Figure(
        heading,
        reading,
        text=plot.text,
        screen=_data_uri(plot),
        narrow=_data_uri(draw(size="print")),
        table=_table(f"The numbers: {heading}", plot.data, headings, most=len(plot.data)),
    )


def _data_uri(plot: Plot) -> str:
    return f"data:image/png;base64,{b64encode(plot.png()).decode('ascii')}"


def _table(caption: str, frame: pd.DataFrame, headings: dict[str, str], most: int = MOST_ROWS) -> Table:
    columns = [(heading, pd.api.types.is_numeric_dtype(frame[name].dtype)) for name, heading in headings.items()]
    cells = [[_cell(value, name in SHARES) for value in frame[name].head(most)] for name in headings]
    return Table(caption, columns, [list(row) for row in zip(*cells, strict=True)], max(0, len(frame) - most))


def _cell(value: Any, is_share: bool) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return ""
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if is_share:
        return f"{value:.1%}"
    return f"{value:,}" if pd.api.types.is_integer(value) else short(value)
