"""Who gets the chips: the uncalled bet, the main pot, the side pots, and their winners as far as the record tells."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pokerkit import Card
from pokerkit.hands import Hand


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


@dataclass(frozen=True)
class Showdown:
    """What came to light at the end of a hand.

    Args:
        shown: the hole cards of each seat (from 0) that turned over at least one; cards that stayed hidden are unknown.
        mucked: the seats that gave their cards back without showing.
        board: the community cards.
    """

    shown: Mapping[int, tuple[Card, ...]]
    mucked: Collection[int]
    board: Sequence[Card]


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
    levels = sorted({stakes[seat] for seat in live})
    for level in levels:
        # Antes may differ. What players who folded put in beyond everybody else goes with the last pot.
        ceiling = level if level < levels[-1] else max(stakes)
        amount = dead + sum(min(stake, ceiling) - min(stake, floor) for stake in stakes)
        if amount:
            payers = sum(stake > floor for stake in stakes)
            pots.append(Pot(amount, tuple(seat for seat in live if stakes[seat] >= level), payers == 1 and not dead))
        dead, floor = 0, level
    return pots


def pot_winners(pot: Pot, showdown: Showdown, hand_types: Sequence[type[Hand]]) -> list[list[int]] | None:
    """The seats that won a pot, or None where the record does not tell.

    A player must show the whole hand to win at showdown. So whoever mucked has lost, and whoever kept the cards hidden
    has lost to those who showed theirs. Where all of them kept the cards hidden, nobody can tell from the record; nor
    where somebody is recorded with a part of the hand only.

    Args:
        pot: the pot in question.
        showdown: what came to light.
        hand_types: how hands are compared. The second way, where there is one, is for the low half of the pot.

    Returns:
        The seats, ascending, that share the pot; or those that share its high half and those that share its low half,
        where a hand is good enough for low. None where the winners are unknown.
    """
    contenders = [seat for seat in pot.seats if seat not in showdown.mucked]
    if len(pot.seats) == 1 or len(contenders) == 1:
        return [list(pot.seats) if len(pot.seats) == 1 else contenders]
    hands = {seat: showdown.shown[seat] for seat in contenders if seat in showdown.shown}
    if not hands or not all(map(all, hands.values())):
        return None
    if len(hands) == 1:
        return [list(hands)]
    if not all(showdown.board):
        return None
    return [best for hand_type in hand_types if (best := _best(hands, showdown.board, hand_type))]


def _best(hands: Mapping[int, tuple[Card, ...]], board: Sequence[Card], hand_type: type[Hand]) -> list[int]:
    """The seats with the best hand of a type; none where no hand is of that type, as often happens for low."""
    made = {seat: hand_type.from_game_or_none(cards, tuple(board)) for seat, cards in hands.items()}
    known = {seat: hand for seat, hand in made.items() if hand is not None}
    best = max(known.values(), default=None)
    return [seat for seat, hand in known.items() if hand == best]


def divide(amount: int, halves: Sequence[Sequence[int]]) -> dict[int, int]:
    """Split a pot evenly. An odd chip goes to the high half, and within a half to the earliest seat.

    Args:
        amount: the chips in the pot.
        halves: the winners, in the order of their seats: all in one, or those of the high and of the low half.

    Returns:
        The chips for each winner.
    """
    chips: dict[int, int] = {}
    for half, part in zip(halves, _split(amount, len(halves)), strict=True):
        for seat, won in zip(half, _split(part, len(half)), strict=True):
            chips[seat] = chips.get(seat, 0) + won
    return chips


def _split(amount: int, parts: int) -> list[int]:
    even, odd = divmod(amount, parts)
    return [even + odd, *[even] * (parts - 1)]
