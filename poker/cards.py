"""Which cards of a hand have been seen, so that none turns up twice."""

from __future__ import annotations

from collections.abc import Collection

from pokerkit import State

from poker.phh import HandRefused

UNKNOWN = "??"


class CardsSeen:
    """The cards of one hand that lie open in its record. pokerkit lets a card be dealt twice in one go.

    Args:
        state: the hand as it is played.
        deck: the cards of the game.
    """

    def __init__(self, state: State, deck: frozenset[str]) -> None:
        self._state = state
        self._deck = deck
        self._seen: set[str] = set()
        self._taken = 0

    def deal(self, written: str) -> None:
        """Take cards from the deck, whether known or not.

        Args:
            written: the cards, e.g. "AsKd" or "????".

        Raises:
            HandRefused: one of them was seen before, and the dealer cannot have it again.
        """
        cards = split(written)
        self._taken += len(cards)
        self._check(cards, "is dealt")

    def show(self, written: str, seat: int) -> None:
        """Turn over the cards of a player, some of which may be new to the record.

        Args:
            written: the cards, e.g. "AsKd".
            seat: whose, from 0.

        Raises:
            HandRefused: a card that was seen elsewhere, or other cards than the player was dealt.
        """
        if seat >= self._state.player_count:
            return
        held = list(map(repr, self._state.hole_cards[seat]))
        shown = split(written)
        new = [card for card in shown if card != UNKNOWN and card not in held]
        if len(new) > held.count(UNKNOWN) and len(shown) <= len(held):
            raise HandRefused(f"p{seat + 1} shows other cards than p{seat + 1} was dealt: one of the two is wrong")
        if len(set(shown) - {UNKNOWN}) < len(shown) - shown.count(UNKNOWN):
            raise HandRefused("a card is shown twice")
        self._check(new, "is shown")

    def _check(self, cards: list[str], what: str) -> None:
        known = [card for card in cards if card != UNKNOWN]
        twice: Collection[str] = self._seen
        if self._taken >= len(self._deck):
            # In draw games the deck may run out: then the discards are shuffled and dealt again. Dealers do not deal
            # the last card.
            twice = set(map(repr, self._state.cards_in_play))
        for card in known:
            if card not in self._deck:
                raise HandRefused(f"{card} is not in the deck of this game")
            if card in twice or known.count(card) > 1:
                raise HandRefused(f"{card} {what}, but it has been seen before: one of the two is wrong")
        self._seen.update(known)


def split(written: str) -> list[str]:
    """The cards of a text, e.g. "As", "Kd" and "??" of "AsKd??"."""
    return [written[at : at + 2] for at in range(0, len(written), 2)]
