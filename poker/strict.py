"""Playing a recorded hand under strict rules: the first action that the rules do not allow refuses the whole hand."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from pokerkit import HandHistory, State
from pokerkit.notation import parse_action
from pokerkit.utilities import parse_value

from poker.phh import HandRefused

# Amounts may have cents. Nothing smaller than a hundredth of a chip is known to any game.
FINEST_UNIT = 100
# Far above any bankroll, and sums of it still fit a bigint column.
LARGEST_AMOUNT = 10**15

VARIANTS = {
    "NT": "no-limit hold'em",
    "FT": "fixed-limit hold'em",
    "NS": "no-limit short-deck hold'em",
    "PO": "pot-limit Omaha hold'em",
    "FO/8": "fixed-limit Omaha hold'em hi-lo",
    "F7S": "fixed-limit seven-card stud",
    "F7S/8": "fixed-limit seven-card stud hi-lo",
    "FR": "fixed-limit razz",
    "N2L1D": "no-limit deuce-to-seven single draw",
    "F2L3D": "fixed-limit deuce-to-seven triple draw",
    "FB": "fixed-limit badugi",
}
REQUIRED = ("antes", "blinds_or_straddles", "min_bet", "starting_stacks", "actions")


def check_fields(raw: dict[str, Any]) -> None:
    """Refuse a hand that is not no-limit hold'em, or lacks a field that it needs, or has a wrong one.

    Args:
        raw: the fields of a PHH hand; numbers are `int` or `Decimal`.

    Raises:
        HandRefused: the text names the field and the fix.
    """
    variant = raw.get("variant")
    if variant is None:
        raise HandRefused('variant is missing: write variant = "NT" for no-limit hold\'em')
    if variant != "NT":
        name = VARIANTS.get(variant) if isinstance(variant, str) else None
        raise HandRefused(
            f"variant {variant} ({name}) is not supported yet" if name else f"variant {variant!r} is unknown"
        )
    for name in REQUIRED:
        if name not in raw:
            raise HandRefused(f"{name} is missing: no-limit hold'em needs it")
    for name in ("starting_stacks", "antes", "blinds_or_straddles"):
        if not isinstance(raw[name], list) or not all(_is_number(value) for value in raw[name]):
            raise HandRefused(f"{name} is not a list of numbers: write one number for each player")
        if len(raw[name]) != len(raw["starting_stacks"]):
            raise HandRefused(f"{name} has {len(raw[name])} entries: write one for each starting stack")
    if len(raw["starting_stacks"]) < 2:
        raise HandRefused("starting_stacks has fewer than two entries: a hand needs two players")
    if not _is_number(raw["min_bet"]) or raw["min_bet"] <= 0:
        raise HandRefused("min_bet is not a number above 0: write the big blind")
    if not isinstance(raw["actions"], list) or not all(isinstance(action, str) for action in raw["actions"]):
        raise HandRefused('actions is not a list of texts: write actions such as "p1 cc"')
    if not isinstance(raw.get("ante_trimming_status", False), bool):
        raise HandRefused("ante_trimming_status is not true or false: write one of them")


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool) and value == value


def chip_unit(raw: dict[str, Any]) -> int:
    """How many units a chip of this hand has, so that all its amounts are whole.

    Args:
        raw: the fields of a hand that `check_fields` let pass.

    Returns:
        1, or 100 where an amount that is put in or a stack at the start has decimals.

    Raises:
        HandRefused: an amount has more than two decimals, is too large, or is no number.
    """
    amounts = [(name, value) for name in ("antes", "blinds_or_straddles", "starting_stacks") for value in raw[name]]
    amounts.append(("min_bet", raw["min_bet"]))
    for action in raw["actions"]:
        words = action.partition("#")[0].split()
        if len(words) == 3 and words[1] == "cbr":
            amounts.append((f"action {action!r}", _read_amount(words[2])))
    unit = 1
    for where, amount in amounts:
        if where == "starting_stacks" and amount == Decimal("inf"):
            continue
        if not abs(amount) <= LARGEST_AMOUNT:
            raise HandRefused(f"{where} has the amount {amount}: the limit is {LARGEST_AMOUNT:,} chips")
        if amount * FINEST_UNIT % 1:
            raise HandRefused(f"{where} has the amount {amount}: more than two decimals are not supported")
        if amount % 1:
            unit = FINEST_UNIT
    return unit


def _read_amount(text: str) -> int | Decimal:
    try:
        amount = parse_value(text)
        if _is_number(amount):
            return amount
    except (ValueError, ArithmeticError):
        pass
    raise HandRefused(f"{text} is not an amount: write a number such as 210 or 213.50")


def in_units(value: int | Decimal, unit: int) -> Any:
    """An amount of the record as an integer in the hand's unit. An unknown stack stays infinite."""
    return value if value == Decimal("inf") else int(value * unit)


def play(raw: dict[str, Any], unit: int) -> State:
    """Apply every action of a hand, one by one. To iterate over pokerkit's `HandHistory` would mend it silently.

    Args:
        raw: the fields of a hand that `check_fields` let pass.
        unit: its units per chip.

    Returns:
        The state at the end; its `operations` list what happened, with amounts in units.

    Raises:
        HandRefused: an action that the rules do not allow, or a hand that stops early.
    """
    history = HandHistory(
        variant="NT",
        # With trimming on, pokerkit hands a big-blind ante back. Who may win which ante is decided in `make_pots`.
        ante_trimming_status=False,
        antes=[in_units(value, unit) for value in raw["antes"]],
        blinds_or_straddles=[in_units(value, unit) for value in raw["blinds_or_straddles"]],
        min_bet=in_units(raw["min_bet"], unit),
        starting_stacks=[in_units(value, unit) for value in raw["starting_stacks"]],
        actions=raw["actions"],
    )

    def read_in_units(text: str) -> int:
        return int(_read_amount(text) * unit)

    with warnings.catch_warnings():
        # A card that is dealt twice is only a warning to pokerkit. Folding where a check is free is allowed.
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="There is no reason for this player to fold")
        state: State = _strictly("the start", history.create_state)
        # Without a way to compare hands, pokerkit pays nobody. It would split pots between hidden hands.
        state.hand_types = ()
        for number, action in enumerate(raw["actions"], start=1):
            while state.card_burning_status:
                state.burn_card("??")
            _strictly(f"action {number} ({action})", partial(parse_action, state, action, read_in_units))
    if state.status:
        raise HandRefused(f"stops early: {_what_is_missing(state)}")
    return state


def _strictly(where: str, step: Callable[[], Any]) -> Any:
    try:
        return step()
    # A broken record may also trip pokerkit's own assertions and look-ups. Whatever it is, the hand cannot be played.
    except Exception as error:
        raise HandRefused(f"{where}: {str(error) or type(error).__name__}") from error


def _what_is_missing(state: State) -> str:
    if state.actor_index is not None:
        text = f"p{state.actor_index + 1} has not acted"
    elif any(state.hole_dealing_statuses):
        text = "hole cards have not been dealt"
    elif any(state.board_dealing_counts):
        text = "board cards have not been dealt"
    else:
        text = "not everybody has shown or mucked"
    if Decimal("inf") in state.starting_stacks:
        text += " (where stacks are unknown, nobody can tell who is all-in)"
    return text
