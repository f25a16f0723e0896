"""What a record says of the end of a hand: who took how much, and so what the house kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

from poker.stakes import FINEST_AMOUNT, LARGEST_AMOUNT, is_number

Amount = int | Decimal


def needs_cents(raw: dict[str, Any]) -> bool:
    """Whether whole chips are too coarse for what the record says of the end.

    Where the house took nothing, the pot is split by the rules, which split no chip: a record of half chips is that of
    a program, and changes nothing.

    Args:
        raw: the fields of a hand that `check_fields` let pass.
    """
    winnings, before, after = _winnings(raw), _amounts(raw, "starting_stacks"), _amounts(raw, "finishing_stacks")
    amounts = list(winnings or ())
    if before and after and sum(before) != sum(after):
        amounts += after
    return any(amount % 1 for amount in amounts)


def recorded_shares(
    raw: dict[str, Any], unit: int, put_in: Sequence[int], live: Collection[int]
) -> tuple[Amount, ...] | None:
    """What each seat took out of the pots by the record, in the hand's unit.

    It follows from the stacks at the end, where those at the start are known, and stands in the winnings, where they
    are not all zero: some converters write zeros where they know nothing.

    Args:
        raw: the fields of a hand that `check_fields` let pass.
        unit: units in one chip.
        put_in: what each seat put in, without the uncalled bet.
        live: the seats (from 0) that did not fold.

    Returns:
        A share for each seat; None where the record says nothing, or what cannot be: more than there was (some records
        lack a post), a share for who had folded, or two things at once.
    """
    ways: list[tuple[Amount, ...]] = []
    before, after = _amounts(raw, "starting_stacks"), _amounts(raw, "finishing_stacks")
    if before and after:
        stacks = zip(before, after, put_in, strict=True)
        ways.append(tuple((end - start) * unit + chips for start, end, chips in stacks))
    if winnings := _winnings(raw):
        ways.append(tuple(amount * unit for amount in winnings))
    pot = sum(put_in)
    if not ways or any(way != ways[0] or not _can_be(way, pot, live) for way in ways):
        return None
    return ways[0]


def _can_be(shares: Sequence[Amount], pot: int, live: Collection[int]) -> bool:
    taken = [seat for seat, share in enumerate(shares) if share]
    return min(shares) >= 0 and sum(shares) <= pot and bool(taken) == bool(pot) and set(taken) <= set(live)


def _winnings(raw: dict[str, Any]) -> list[Amount] | None:
    amounts = _amounts(raw, "winnings")
    return amounts if amounts and any(amounts) else None


def _amounts(raw: dict[str, Any], name: str) -> list[Amount] | None:
    """A list with a finite amount for each player, or None. The hand can be told without it, so nothing is refused."""
    values = raw.get(name)
    if not isinstance(values, list) or len(values) != len(raw["starting_stacks"]):
        return None
    for value in values:
        if not is_number(value) or not -LARGEST_AMOUNT <= value <= LARGEST_AMOUNT:
            return None
        if isinstance(value, Decimal) and value != value.quantize(FINEST_AMOUNT):
            return None
    return values
