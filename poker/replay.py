"""Counting a recorded hand: who put in how much and when, and what became of it.

pokerkit judges the actions. What it makes up where a record is silent (folds, shows, an even split between hidden
hands) is not used: the chips are counted here, from pokerkit's list of what happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pokerkit import (
    AntePosting,
    BlindOrStraddlePosting,
    BoardDealing,
    Card,
    CheckingOrCalling,
    CompletionBettingOrRaisingTo,
    Folding,
    HoleCardsShowingOrMucking,
    HoleDealing,
    State,
)

from poker.phh import HandRefused
from poker.settlement import Pot, make_pots, pot_winners, share, uncalled_bet
from poker.strict import check_fields, chip_unit, in_units, play

STREETS = ("preflop", "flop", "turn", "river")
STREET_OF_BOARD = {0: 0, 3: 1, 4: 2, 5: 3}
HOLE_CARDS = 2


@dataclass(frozen=True)
class Decision:
    """What one player did in turn. Amounts are in the hand's unit.

    Args:
        seat: who acted, from 0 in PHH order.
        street: "preflop", "flop", "turn" or "river".
        action: "fold", "check", "call", "bet" or "raise".
        amount: the chips that this added.
        pot: all chips put in so far, antes and blinds and these included.
    """

    seat: int
    street: str
    action: str
    amount: int
    pot: int


@dataclass(frozen=True)
class Replay:
    """A whole hand, counted to the chip. Lists are by seat in PHH order; amounts are in the hand's unit.

    Args:
        chip_unit: how many units one chip of the record has: 1, or 100 where amounts have decimals.
        stacks: the chips before the hand, None where the record does not tell.
        antes: what each seat posted as ante.
        blinds: what each seat posted as blind, straddle or late blind.
        big_blind: the nominal big blind.
        decisions: in the order in which they were made.
        pot: all chips put in minus the uncalled bet, before rake.
        uncalled: the part of the last bet that nobody matched.
        showdown: whether two or more players had not folded.
        winners: the seats (from 0) that collected from a pot, None where the record does not tell.
        payoffs: what each seat won or lost, no rake taken off; None where the record does not tell.
    """

    chip_unit: int
    stacks: tuple[int | None, ...]
    antes: tuple[int, ...]
    blinds: tuple[int, ...]
    big_blind: int
    decisions: tuple[Decision, ...]
    pot: int
    uncalled: int
    showdown: bool
    winners: tuple[int, ...] | None
    payoffs: tuple[int, ...] | None


def replay(raw: dict[str, Any]) -> Replay:
    """Play a recorded hand of no-limit hold'em through, action by action.

    Args:
        raw: the fields of a PHH hand; numbers are `int` or `Decimal`.

    Returns:
        The hand's decisions and result.

    Raises:
        HandRefused: another variant, a field that is missing or wrong, an action that the rules do not allow, or a hand
            that stops early.
    """
    check_fields(raw)
    unit = chip_unit(raw)
    return _count(raw, unit, play(raw, unit))


def _all_known(cards: Sequence[Card]) -> bool:
    return len(cards) == HOLE_CARDS and not any(card.unknown_status for card in cards)


class _Ledger:
    """The chips of one hand, entered operation by operation."""

    def __init__(self, players: int) -> None:
        self.antes = [0] * players
        self.blinds = [0] * players
        self.bets = [[0] * players for _ in STREETS]
        self.board: list[Card] = []
        self.dealt: dict[int, tuple[Card, ...]] = {}
        self.folded: set[int] = set()
        self.mucked: set[int] = set()
        self.shown: dict[int, tuple[Card, ...]] = {}
        self.decisions: list[Decision] = []

    @property
    def street(self) -> int:
        return STREET_OF_BOARD[len(self.board)]

    def put_in(self) -> int:
        return sum(self.antes) + sum(map(sum, self.bets))

    def decide(self, seat: int, action: str, amount: int) -> None:
        self.bets[self.street][seat] += amount
        self.decisions.append(Decision(seat, STREETS[self.street], action, amount, self.put_in()))

    def show(self, seat: int, cards: tuple[Card, ...]) -> None:
        dealt = self.dealt[seat]
        if _all_known(dealt) and set(cards) != set(dealt):
            raise HandRefused(f"p{seat + 1} shows other cards than p{seat + 1} was dealt: one of the two is wrong")
        self.shown[seat] = cards

    def enter(self, operation: object) -> None:
        match operation:
            case AntePosting(player_index=seat, amount=amount):
                self.antes[seat] = amount
            case BlindOrStraddlePosting(player_index=seat, amount=amount):
                self.blinds[seat] = amount
                self.bets[0][seat] = amount
            case HoleDealing(player_index=seat, cards=cards):
                self.dealt[seat] = self.dealt.get(seat, ()) + cards
            case BoardDealing(cards=cards):
                self.board.extend(cards)
            case Folding(player_index=seat):
                self.folded.add(seat)
                self.decide(seat, "fold", 0)
            case CheckingOrCalling(player_index=seat, amount=amount):
                self.decide(seat, "call" if amount else "check", amount)
            case CompletionBettingOrRaisingTo(player_index=seat, amount=raised_to):
                bets = self.bets[self.street]
                self.decide(seat, "raise" if max(bets) else "bet", raised_to - bets[seat])
            case HoleCardsShowingOrMucking(player_index=seat, hole_cards=()):
                self.mucked.add(seat)
            case HoleCardsShowingOrMucking(player_index=seat, hole_cards=cards):
                if _all_known(cards):
                    self.show(seat, cards)


def _count(raw: dict[str, Any], unit: int, state: State) -> Replay:
    ledger = _Ledger(state.player_count)
    for operation in state.operations:
        ledger.enter(operation)

    returned = [uncalled_bet(bets) for bets in ledger.bets]
    for uncalled in returned:
        if uncalled.amount and uncalled.seat in ledger.folded:
            raise HandRefused(f"p{uncalled.seat + 1} folded a bet that nobody had called: nobody can tell who took it")
    bets = [sum(column) for column in zip(*ledger.bets, strict=True)]
    for uncalled in returned:
        bets[uncalled.seat] -= uncalled.amount
    live = [seat for seat in range(state.player_count) if seat not in ledger.folded]
    # A short stack may post less than it owes, so the rule goes by what the record asks for.
    shared_ante = in_units(sorted(raw["antes"])[-2], unit) if raw.get("ante_trimming_status") else 0
    collected = _collect(make_pots(bets, ledger.antes, live, shared_ante), ledger)
    winners, payoffs = None, None
    if collected is not None:
        # Where everybody folds before a chip was matched, there is a winner but no pot.
        winners = tuple(sorted(collected.winners)) if len(live) > 1 else tuple(live)
        payoffs = tuple(
            collected.chips.get(seat, 0) - bet - ante
            for seat, (bet, ante) in enumerate(zip(bets, ledger.antes, strict=True))
        )
    second_blind = raw["blinds_or_straddles"][1]
    return Replay(
        chip_unit=unit,
        stacks=tuple(None if stack == Decimal("inf") else int(stack) for stack in state.starting_stacks),
        antes=tuple(ledger.antes),
        blinds=tuple(ledger.blinds),
        big_blind=in_units(second_blind if second_blind > 0 else raw["min_bet"], unit),
        decisions=tuple(ledger.decisions),
        pot=sum(bets) + sum(ledger.antes),
        uncalled=sum(uncalled.amount for uncalled in returned),
        showdown=len(live) > 1,
        winners=winners,
        payoffs=payoffs,
    )


@dataclass
class _Collected:
    chips: dict[int, int]
    winners: set[int]


def _collect(pots: Sequence[Pot], ledger: _Ledger) -> _Collected | None:
    """The chips that each seat took out of the pots, or None where one pot's winner is unknown."""
    collected = _Collected({}, set())
    for pot in pots:
        takers = pot_winners(pot, ledger.shown, frozenset(ledger.mucked), ledger.board)
        if takers is None:
            return None
        for seat, amount in share(pot.amount, takers).items():
            collected.chips[seat] = collected.chips.get(seat, 0) + amount
        if not pot.returned:
            collected.winners.update(takers)
    return collected
