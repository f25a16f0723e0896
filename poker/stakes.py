"""The fields of a recorded hand that say what was at stake: are they there, and how small are their amounts?"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pokerkit.utilities import parse_value

from poker.games import GAMES, Game
from poker.phh import HandRefused

# Amounts may have cents. Nothing smaller than a hundredth of a chip is known to any game.
FINEST_AMOUNT = Decimal("0.01")
FINEST_UNIT = 100
# Far above any bankroll, and sums of it still fit a bigint column.
LARGEST_AMOUNT = 10**15

# The stacks come first: they say how many players there are.
LISTS = ("starting_stacks", "antes", "blinds_or_straddles")
BETS = ("min_bet", "small_bet", "big_bet")


def check_fields(raw: dict[str, Any]) -> Game:
    """Refuse a hand that lacks a field which its game needs, or has a wrong one.

    Args:
        raw: the fields of a PHH hand; numbers are `int` or `Decimal`.

    Returns:
        The hand's game.

    Raises:
        HandRefused: the text names the field and the fix.
    """
    variant = raw.get("variant")
    if variant is None:
        raise HandRefused('variant is missing: write variant = "NT" for no-limit hold\'em')
    if not isinstance(variant, str) or variant not in GAMES:
        raise HandRefused(f"variant {variant!r} is unknown: write one of {', '.join(GAMES)}")
    game = GAMES[variant]
    for name in game.fields:
        if name not in raw:
            raise HandRefused(f"{name} is missing: {game.name} needs it")
    for name in LISTS:
        if name in game.fields:
            _check_list(name, raw)
    for name in BETS:
        if name in game.fields and not (is_number(raw[name]) and raw[name] > 0):
            raise HandRefused(f"{name} is not a number above 0: write the size of that bet")
    _check_other_forced_bets(game, raw)
    players = len(raw["starting_stacks"])
    if players < 2:
        raise HandRefused("starting_stacks has fewer than two entries: a hand needs two players")
    if players > game.most_players:
        raise HandRefused(f"starting_stacks has {players} entries: the deck is enough for {game.most_players} players")
    if not isinstance(raw["actions"], list) or not all(isinstance(action, str) for action in raw["actions"]):
        raise HandRefused('actions is not a list of texts: write actions such as "p1 cc"')
    if not isinstance(raw.get("ante_trimming_status", False), bool):
        raise HandRefused("ante_trimming_status is not true or false: write one of them")
    return game


def _check_list(name: str, raw: dict[str, Any]) -> None:
    if not isinstance(raw[name], list) or not all(is_number(value) for value in raw[name]):
        raise HandRefused(f"{name} is not a list of numbers: write one number for each player")
    if len(raw[name]) != len(raw["starting_stacks"]):
        raise HandRefused(f"{name} has {len(raw[name])} entries: write one for each starting stack")


def _check_other_forced_bets(game: Game, raw: dict[str, Any]) -> None:
    """Refuse forced bets that the game does not have: pokerkit would leave them out, and the count would be wrong."""
    if "bring_in" in game.fields and not (is_number(raw["bring_in"]) and raw["bring_in"] >= 0):
        raise HandRefused("bring_in is not a number of 0 or more: write what the player who opens must post")
    for name in ("bring_in", "blinds_or_straddles"):
        value = raw.get(name)
        posted = any(value) if isinstance(value, list) else bool(value)
        if posted and name not in game.fields:
            raise HandRefused(f"{name} is {value}: {game.name} has none, so leave it out")


def is_number(value: object) -> bool:
    if isinstance(value, Decimal):
        return not value.is_nan()
    return isinstance(value, int) and not isinstance(value, bool)


def chip_unit(raw: dict[str, Any], game: Game) -> int:
    """How many units a chip of this hand has, so that all its amounts are whole.

    Args:
        raw: the fields of a hand that `check_fields` let pass.
        game: its game.

    Returns:
        1, or 100 where an amount that is put in or a stack at the start has decimals.

    Raises:
        HandRefused: an amount has more than two decimals, is too large, or is no number.
    """
    amounts = [(name, value) for name in game.fields if name in LISTS for value in raw[name]]
    amounts += [(name, raw[name]) for name in game.fields if name in (*BETS, "bring_in")]
    for action in raw["actions"]:
        if "cbr" in action:
            words = action.partition("#")[0].split()
            if len(words) == 3 and words[1] == "cbr":
                amounts.append((f"action {action!r}", read_amount(words[2])))
    unit = 1
    for where, amount in amounts:
        if where == "starting_stacks" and amount == Decimal("inf"):
            continue
        if not -LARGEST_AMOUNT <= amount <= LARGEST_AMOUNT:
            raise HandRefused(f"{where} has the amount {amount}: the limit is {LARGEST_AMOUNT:,} chips")
        if isinstance(amount, Decimal) and amount != amount.quantize(FINEST_AMOUNT):
            raise HandRefused(f"{where} has the amount {amount}: more than two decimals are not supported")
        if amount % 1:
            unit = FINEST_UNIT
    return unit


def read_amount(text: str) -> int | Decimal:
    """The number that an action names.

    Raises:
        HandRefused: it is none.
    """
    try:
        amount = parse_value(text)
        if is_number(amount):
            return amount
    except (ValueError, ArithmeticError):
        pass
    raise HandRefused(f"{text} is not an amount: write a number such as 210 or 213.50")


def in_units(value: int | Decimal, unit: int) -> Any:
    """An amount of the record as an integer in the hand's unit. An unknown stack stays infinite."""
    return value if value == Decimal("inf") else int(value * unit)
