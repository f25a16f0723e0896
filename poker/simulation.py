"""Simulated hands of no-limit hold'em: the same seed gives the same hands everywhere.

A season is a row of Friday evenings. On each of them several tables play at the same time, and everybody sits down with
fresh chips. At a table the stacks go on from hand to hand, whoever runs low buys in again, and the button moves. So
stacks differ, and with them come side pots.

pokerkit sees to the rules of each hand. The hands are written as PHH, and go into a store by the same way as recorded
ones.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any

from poker.dealing import BIG_BLIND, Player, play_hand
from poker.dice import Dice
from poker.habits import HABITS
from poker.replay import replay

FEWEST_PLAYERS, MOST_PLAYERS = 2, 9
BUY_INS = [amount * BIG_BLIND for amount in (20, 40, 60, 80, 100, 100, 100, 150, 200)]
RUNS_LOW = 8 * BIG_BLIND

TABLES = 3
PLAYERS_OF_A_HABIT = 5  # enough for three full tables
FIRST_EVENING = datetime(2026, 1, 2, 20)  # a Friday
EVENING = timedelta(minutes=90)


def season() -> Path:
    """The simulated season that comes with the project: 2,000 hands at three tables with two to nine players.

    Made by `python -m poker simulate --hands 2000 --players 2-9 --seed 1 --phhs season.phhs`.

    Returns:
        The path of its `.phhs` file, for `import_hands` and `read_hands`.
    """
    return Path(str(files("poker") / "season.phhs"))


def simulate(seed: int, fewest: int = FEWEST_PLAYERS, most: int = MOST_PLAYERS) -> Iterator[dict[str, Any]]:
    """Play hand after hand, without an end.

    Args:
        seed: decides everything.
        fewest: the least number of players at a table, 2 or more.
        most: the greatest number of players at a table, up to 9.

    Yields:
        The PHH fields of each hand, in the order in which the hands began. Fewer hands are the beginning of more.

    Raises:
        ValueError: a number of players that no table can have.
    """
    if not FEWEST_PLAYERS <= fewest <= most <= MOST_PLAYERS:
        raise ValueError(f"players are {fewest} to {most}: use {FEWEST_PLAYERS} to {MOST_PLAYERS}, the smaller first")
    return _season(seed, fewest, most)


def as_phh(name: object, hand: dict[str, Any]) -> str:
    """A hand as a section of a `.phhs` file.

    Args:
        name: the name of the section, which needs no quotes.
        hand: its PHH fields, as `simulate` gives them.

    Returns:
        Lines of TOML, ASCII only.
    """
    lines = [f"{field} = {value if isinstance(value, time) else json.dumps(value)}" for field, value in hand.items()]
    return "\n".join([f"[{name}]", *lines, "", ""])


def play_table(players: Sequence[Player], dice: Dice) -> Iterator[dict[str, Any]]:
    """Play at one table, hand after hand, without an end.

    Args:
        players: in the order in which they sit; their stacks are kept up to date.
        dice: decides everything.

    Yields:
        The PHH fields that say how each hand went, from variant to players.
    """
    while True:
        for player in players:
            if player.stack < RUNS_LOW:
                player.stack = BUY_INS[dice.below(len(BUY_INS))]
        hand = play_hand(players, dice)
        yield hand
        payoffs = replay(hand).payoffs
        assert payoffs is not None  # all cards are known
        for player, payoff in zip(players, payoffs, strict=True):
            player.stack += payoff
        # PHH lists players by position, small blind first. The next hand begins one seat further.
        players = [*players[1:], players[0]]


def pool() -> list[Player]:
    """Everybody who might come, without chips yet: the same number of players for each habit."""
    return [Player(f"{habit.name} {number}", habit) for number in range(1, PLAYERS_OF_A_HABIT + 1) for habit in HABITS]


def _season(seed: int, fewest: int, most: int) -> Iterator[dict[str, Any]]:
    dice = Dice(f"season {seed}")
    number = count(1)
    sizes: list[int] = []
    for evening in count(1):
        guests = dice.shuffled(pool())
        tables = []
        for table in range(1, TABLES + 1):
            # From a bag, so that no size is left out for long.
            sizes = sizes or dice.shuffled(range(fewest, most + 1))
            players = [guests.pop() for _ in range(sizes.pop())]
            tables.append(_evening(seed, evening, table, players))
        for _, _, hand in heapq.merge(*tables, key=lambda hand: hand[:2]):
            yield hand | {"hand": next(number)}


def _evening(
    seed: int, evening: int, table: int, players: Sequence[Player]
) -> Iterator[tuple[datetime, int, dict[str, Any]]]:
    """The hands of one table and evening, with what they are sorted by: when they began, and the table."""
    opening = FIRST_EVENING + timedelta(weeks=evening - 1)
    dice = Dice(f"season {seed}, evening {evening}, table {table}")
    start = opening + timedelta(seconds=dice.below(60))
    for hand in play_table(players, dice):
        if start >= opening + EVENING:
            return
        yield (
            start,
            table,
            hand
            | {
                "venue": f"simulated season {seed}",
                "event": f"evening {evening}",
                "table": f"table {table}",
                "year": start.year,
                "month": start.month,
                "day": start.day,
                "time": start.time(),
                "time_zone": "UTC",
            },
        )
        start += timedelta(seconds=20 + 2 * len(hand["actions"]) + dice.below(20))
