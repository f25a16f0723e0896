"""What happened in a hand, entered step by step: cards dealt, chips put in, cards shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pokerkit import (
    AntePosting,
    BlindOrStraddlePosting,
    BoardDealing,
    BringInPosting,
    Card,
    CheckingOrCalling,
    CompletionBettingOrRaisingTo,
    Folding,
    HoleCardsShowingOrMucking,
    HoleDealing,
    StandingPatOrDiscarding,
)

from poker.cards import UNKNOWN
from poker.settlement import Showdown
from poker.strict import Step

Cards = tuple[str, ...]


@dataclass(frozen=True)
class DealtHand:
    """Cards that one player got in one go: `seat` from 0, the cards dealt face down and those dealt face up."""

    seat: int
    down: Cards
    up: Cards


@dataclass(frozen=True)
class HoleCards:
    """What the dealer gave to the players in one go. In stud some cards lie face up."""

    street: str
    hands: tuple[DealtHand, ...]


@dataclass(frozen=True)
class Board:
    """Community cards that were dealt in one go."""

    street: str
    cards: Cards


@dataclass(frozen=True)
class Decision:
    """What one player did in turn. Amounts are in the hand's unit.

    Args:
        seat: who acted, from 0 in PHH order.
        street: the street's name, e.g. "preflop".
        action: "fold", "check", "call", "bet", "raise" or "bring_in". Completing a bring-in is a raise.
        amount: the chips that this added.
        pot: all chips put in so far, antes and blinds and these included.
    """

    seat: int
    street: str
    action: str
    amount: int
    pot: int


@dataclass(frozen=True)
class Discard:
    """Cards that a player (`seat` from 0) exchanged; none where the player stands pat."""

    seat: int
    street: str
    cards: Cards


@dataclass(frozen=True)
class Shown:
    """Hole cards that a player (`seat` from 0) turned over, at least one of them known; none where they were mucked."""

    seat: int
    cards: Cards


Fact = HoleCards | Board | Decision | Discard | Shown


class Ledger:
    """The facts and the chips of one hand. Lists are by seat in PHH order; amounts are in the hand's unit.

    Args:
        players: how many were dealt in.
        streets: the names of the game's streets.
    """

    def __init__(self, players: int, streets: Sequence[str]) -> None:
        self.antes = [0] * players
        self.blinds = [0] * players
        self.bets = [[0] * players for _ in streets]
        self.pot = 0
        self.board: list[Card] = []
        self.folded: set[int] = set()
        self.mucked: set[int] = set()
        self.shown: dict[int, tuple[Card, ...]] = {}
        self.held = [0] * players
        self.last_street = 0
        self._streets = streets
        self._facts: list[Fact] = []
        self._dealing: dict[int, tuple[Cards, Cards]] = {}

    def enter(self, steps: Sequence[Step]) -> None:
        """Write down what happened, from the posting of the antes to the last card that is shown."""
        for street, operation in steps:
            if self._dealing and not isinstance(operation, HoleDealing):
                self._end_dealing()
            self.last_street = street
            self._enter(operation)

    def _enter(self, operation: object) -> None:
        match operation:
            case CheckingOrCalling(player_index=seat, amount=amount):
                self._decide(seat, "call" if amount else "check", amount)
            case Folding(player_index=seat):
                self.folded.add(seat)
                self._decide(seat, "fold", 0)
            case CompletionBettingOrRaisingTo(player_index=seat, amount=raised_to):
                bets = self.bets[self.last_street]
                self._decide(seat, "raise" if max(bets) else "bet", raised_to - bets[seat])
            case BringInPosting(player_index=seat, amount=amount):
                self._decide(seat, "bring_in", amount)
            case HoleDealing(player_index=seat, cards=cards, statuses=statuses):
                self._deal(seat, cards, statuses)
            case BoardDealing(cards=cards):
                self.board.extend(cards)
                self._facts.append(Board(self._street, texts(cards)))
            case StandingPatOrDiscarding(player_index=seat, cards=cards):
                self.held[seat] -= len(cards)
                self._facts.append(Discard(seat, self._street, texts(cards)))
            case HoleCardsShowingOrMucking(player_index=seat, hole_cards=cards):
                self._show(seat, cards)
            case AntePosting(player_index=seat, amount=amount):
                self.antes[seat] = amount
                self.pot += amount
            case BlindOrStraddlePosting(player_index=seat, amount=amount):
                self.blinds[seat] = amount
                self.bets[0][seat] = amount
                self.pot += amount

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What happened, in order. Of cards that a player shows several times, as all-in, the last time counts."""
        last = {fact.seat: fact for fact in self._facts if isinstance(fact, Shown) and fact.cards}
        return tuple(
            fact for fact in self._facts if not isinstance(fact, Shown) or not fact.cards or fact is last[fact.seat]
        )

    @property
    def showdown(self) -> Showdown:
        """What came to light. A card that was dealt after a player had shown is not known to be the player's."""
        shown = {seat: cards + (Card.UNKNOWN,) * (self.held[seat] - len(cards)) for seat, cards in self.shown.items()}
        return Showdown(shown, self.mucked, self.board)

    @property
    def _street(self) -> str:
        return self._streets[self.last_street]

    def _decide(self, seat: int, action: str, amount: int) -> None:
        self.bets[self.last_street][seat] += amount
        self.pot += amount
        self._facts.append(Decision(seat, self._street, action, amount, self.pot))

    def _deal(self, seat: int, cards: tuple[Card, ...], statuses: tuple[bool, ...]) -> None:
        down, up = self._dealing.get(seat, ((), ()))
        dealt = list(zip(texts(cards), statuses, strict=True))
        self.held[seat] += len(cards)
        self._dealing[seat] = (
            (*down, *(card for card, is_up in dealt if not is_up)),
            (*up, *(card for card, is_up in dealt if is_up)),
        )

    def _end_dealing(self) -> None:
        hands = tuple(DealtHand(seat, down, up) for seat, (down, up) in self._dealing.items())
        self._facts.append(HoleCards(self._street, hands))
        self._dealing = {}

    def _show(self, seat: int, cards: tuple[Card, ...]) -> None:
        if not cards:
            self.mucked.add(seat)
            self._facts.append(Shown(seat, ()))
        elif any(cards):
            self.shown[seat] = cards
            self._facts.append(Shown(seat, texts(cards)))


def texts(cards: Sequence[Card]) -> Cards:
    """Cards as texts of two characters, "??" where unknown."""
    return tuple(card.rank + card.suit if card else UNKNOWN for card in cards)
