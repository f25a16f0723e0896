"""How simulated players decide: a table of habits, and one way to act on them."""

from __future__ import annotations

from dataclasses import dataclass

from poker.dice import Dice


@dataclass(frozen=True)
class Habit:
    """What one kind of player does. All numbers are percent.

    Args:
        name: what players of this kind are called.
        plays: of all starting hands, how many are worth a call. Every raise before halves it.
        raises: of all hands, on any street, how many are worth a bet or a raise. Every raise before halves it.
        bluffs: how often such a player bets or raises with nothing.
        caution: by how much a hand must look better than the price of a call, after the first board cards.
        bet: how much of the pot a bet or raise adds.
    """

    name: str
    plays: int
    raises: int
    bluffs: int
    caution: int
    bet: int


ALL_IN = 10_000

HABITS = (
    Habit("rock", plays=18, raises=8, bluffs=0, caution=50, bet=60),
    Habit("station", plays=85, raises=4, bluffs=1, caution=8, bet=50),
    Habit("maniac", plays=70, raises=50, bluffs=15, caution=20, bet=90),
    Habit("regular", plays=34, raises=22, bluffs=6, caution=35, bet=70),
    Habit("bluffer", plays=48, raises=16, bluffs=30, caution=35, bet=75),
    Habit("shover", plays=15, raises=14, bluffs=2, caution=45, bet=ALL_IN),
)


@dataclass(frozen=True)
class Situation:
    """What a player sees before a decision. Amounts are in chips.

    Args:
        strength: how many in a hundred other hands the player's own is better than.
        board: whether there are board cards.
        to_call: what a call would add.
        pot: all chips put in so far.
        highest_bet: the highest bet of this street.
        raises: how many bets and raises this street has seen, blinds not counted.
        limits: the least and the most that the player may bet or raise to, None where that is not allowed. The most is
            all-in.
        step: bets and raises are multiples of this, unless they are the least or the most.
    """

    strength: int
    board: bool
    to_call: int
    pot: int
    highest_bet: int
    raises: int
    limits: tuple[int, int] | None
    step: int


def decide(habit: Habit, seen: Situation, dice: Dice) -> str:
    """What a player of this habit does.

    Args:
        habit: the kind of player.
        seen: what the player knows.
        dice: decides about bluffs.

    Returns:
        The action in the words of PHH: "f", "cc", or "cbr" and the amount to bet or raise to.
    """
    # Whoever has been raised twice believes it.
    bluff = dice.percent(habit.bluffs) and seen.raises < 2
    if seen.limits is not None and (bluff or seen.strength >= _best(habit.raises, seen.raises)):
        return f"cbr {_amount(habit.bet, seen, *seen.limits)}"
    if seen.to_call == 0:
        return "cc"
    price = 100 * seen.to_call // (seen.pot + seen.to_call)
    enough = price + habit.caution if seen.board else _best(habit.plays, seen.raises)
    return "cc" if seen.strength >= enough else "f"


def _best(share: int, raises: int) -> int:
    """The strength that only so many hands in a hundred have, and after every raise half as many."""
    return 100 - (share >> raises)


def _amount(percent: int, seen: Situation, least: int, most: int) -> int:
    target = seen.highest_bet + (seen.pot + seen.to_call) * percent // 100 // seen.step * seen.step
    # With most of the chips in there is no way back. This also brings the all-ins that side pots come from.
    if 3 * target >= 2 * most:
        return most
    return max(target, least)
