"""Who gets the chips: the uncalled bet, the main pot, the side pots, and their winners as far as the record tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pokerkit import Card, StandardHighHand

BOARD_SIZE = 5


@dataclass(frozen=True)
class Pot:
    """A main or side pot.

    Args:
        amount: its chips.
        seats: the seats (from 0, ascending) that may win it.
        returned: whether all of it comes from the one seat that may take it: it goes back and is not won.
    """

    amount: int
    seats: tuple[int, ...]
    returned: bool


@dataclass(frozen=True)
class Uncalled:
    """The part of the last bet that nobody matched: how much, and the seat (from 0) it goes back to."""

    amount: int
    seat: int


def uncalled_bet(bets: Sequence[int]) -> Uncalled:
    """What the highest bet of a street exceeds the second-highest by. Bets of folded players and blinds count.

    Args:
        bets: the chips that each seat put in on one street, antes left out.

    Returns:
        The amount, 0 where two seats share the highest bet, and the (first) seat with the highest bet.
    """
    second, highest = sorted(bets)[-2:]
    return Uncalled(highest - second, list(bets).index(highest))


def make_pots(bets: Sequence[int], antes: Sequence[int], live: Sequence[int], shared_ante: int) -> list[Pot]:
    """Sort the chips into the main pot and side pots.

    A player who is all-in can win from each other player no more than the all-in amount. So every different amount
    that a live player put in closes one pot, and the next pot is played for by those who put in more.

    Args:
        bets: the chips that each seat put in over the whole hand, without antes and without the uncalled bet.
        antes: the ante that each seat posted.
        live: the seats (from 0, ascending) that did not fold.
        shared_ante: the ante that two or more players owe, for which the rule above holds as well. What an ante has
            beyond it lies in the main pot for everybody, as does the ante that one player posts for the whole table.

    Returns:
        The pots, main pot first; their amounts add up to all bets and antes.
    """
    stakes = [bet + min(ante, shared_ante) for bet, ante in zip(bets, antes, strict=True)]
    dead = sum(bets) + sum(antes) - sum(stakes)

    pots = []
    floor = 0
    for level in sorted({stakes[seat] for seat in live}):
        amount = dead + sum(min(stake, level) - min(stake, floor) for stake in stakes)
        if amount:
            payers = sum(stake > floor for stake in stakes)
            pots.append(Pot(amount, tuple(seat for seat in live if stakes[seat] >= level), payers == 1 and not dead))
        dead, floor = 0, level
    return pots


def pot_winners(
    pot: Pot, shown: Mapping[int, tuple[Card, ...]], mucked: frozenset[int], board: Sequence[Card]
) -> list[int] | None:
    """The seats that won a pot, or None where the record does not tell.

    A player must show both cards to win at showdown. So whoever mucked has lost, and whoever kept the cards hidden has
    lost to those who showed theirs. Where all of them kept the cards hidden, nobody can tell from the record.

    Args:
        pot: the pot in question.
        shown: the hole cards of the seats that showed both, all known.
        mucked: the seats that gave their cards back at showdown without showing.
        board: the community cards.

    Returns:
        One seat or, for a split pot, several, ascending; None where the winners are unknown.
    """
    contenders = [seat for seat in pot.seats if seat not in mucked]
    if len(pot.seats) == 1 or len(contenders) == 1:
        return list(pot.seats if len(pot.seats) == 1 else contenders)
    open_hands = [seat for seat in contenders if seat in shown]
    if len(open_hands) < 2:
        return open_hands or None
    if len(board) != BOARD_SIZE or any(card.unknown_status for card in board):
        return None
    hands = {seat: StandardHighHand.from_game(shown[seat], tuple(board)) for seat in open_hands}
    best = max(hands.values())
    return [seat for seat in open_hands if hands[seat] == best]


def share(amount: int, winners: Sequence[int]) -> dict[int, int]:
    """Split a pot evenly; what does not divide goes to the earliest seat.

    Args:
        amount: the chips in the pot.
        winners: its winners, in the order of their seats.

    Returns:
        The chips for each winner.
    """
    even, odd = divmod(amount, len(winners))
    return {seat: even + (odd if seat == winners[0] else 0) for seat in winners}
