"""How good a hand looks to the simulated players, who know nothing of what is still to come.

Who wins a pot is for pokerkit to say. Here a player wonders what others might hold, which takes dozens of comparisons
for every street. pokerkit takes 0.4 ms for each on the river, and these few lines are forty times as fast.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from poker.dice import Dice

RANKS = "23456789TJQKA"
SUITS = "cdhs"
DECK = [rank + suit for rank in RANKS for suit in SUITS]
RANK = {card: RANKS.index(card[0]) for card in DECK}
ACE = RANKS.index("A")

HANDS_IMAGINED = 50


class Guess:
    """What the players of one street compare their cards with: some hands that an opponent might hold.

    Args:
        board: the cards that everybody sees, such as "As".
        dice: decides which hands come to mind.
    """

    def __init__(self, board: Sequence[str], dice: Dice) -> None:
        self._board = list(board)
        unseen = [card for card in DECK if card not in board]
        hands = []
        for _ in range(HANDS_IMAGINED):
            first = dice.below(len(unseen))
            second = (first + 1 + dice.below(len(unseen) - 1)) % len(unseen)
            hands.append(score([unseen[first], unseen[second], *board]))
        self._hands = sorted(hands)

    def strength(self, hole_cards: Sequence[str]) -> int:
        """How many in a hundred of these hands are worse than the given one."""
        return 100 * bisect_left(self._hands, score([*hole_cards, *self._board])) // HANDS_IMAGINED


def score(cards: Sequence[str]) -> tuple[int, ...]:
    """The best hand of at most five cards among the given two to seven.

    Args:
        cards: such as "As", each one once.

    Returns:
        The category from 0 (high card) to 8 (straight flush), and the ranks that decide between hands of one category;
        the better hand is the greater tuple.
    """
    ranks = [RANK[card] for card in cards]
    flush: list[int] = []
    for suit in SUITS:
        suited = [rank for rank, card in zip(ranks, cards, strict=True) if card[1] == suit]
        if len(suited) >= 5:
            flush = sorted(suited, reverse=True)[:5]
            if top := _straight(suited):
                return (8, top)
    # Pairs before single cards, higher ones before lower ones.
    groups = sorted(((ranks.count(rank), rank) for rank in set(ranks)), reverse=True)
    (most, first), (second_most, second) = (*groups, (0, 0))[:2]
    if most == 4:
        return (7, first, max(rank for _, rank in groups[1:]))
    if most == 3 and second_most >= 2:
        return (6, first, second)
    if flush:
        return (5, *flush)
    if top := _straight(ranks):
        return (4, top)
    if most == 3:
        return (3, first, *(rank for _, rank in groups[1:3]))
    if second_most == 2:
        return (2, first, second, *sorted((rank for _, rank in groups[2:]), reverse=True)[:1])
    if most == 2:
        return (1, first, *(rank for _, rank in groups[1:4]))
    return (0, *(rank for _, rank in groups[:5]))


def _straight(ranks: Sequence[int]) -> int:
    """The highest rank of a straight, 0 where there is none. Below the deuce the ace counts as one."""
    there = {*ranks, -1} if ACE in ranks else set(ranks)
    for top in range(ACE, 2, -1):
        if there.issuperset(range(top - 4, top + 1)):
            return top
    return 0
