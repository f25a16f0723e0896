"""Counting a recorded hand: who put in how much and when, and what became of it.

pokerkit judges the actions. What it makes up where a record is silent (folds, shows, an even split between hidden
hands) is not used: the chips are counted here, from pokerkit's list of what happened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from poker.games import Game
from poker.ledger import Decision, Fact, Ledger
from poker.phh import HandRefused
from poker.rake import needs_cents, recorded_shares
from poker.settlement import Pot, Showdown, divide, make_pots, pot_winners, uncalled_bet
from poker.stakes import FINEST_UNIT, check_fields, chip_unit, in_units
from poker.strict import play


@dataclass(frozen=True)
class Replay:
    """A whole hand, counted to the chip. Lists are by seat in PHH order; amounts are in the hand's unit.

    Args:
        chip_unit: how many units one chip of the record has: 1, or 100 where amounts have decimals.
        stacks: the chips before the hand, None where the record does not tell.
        antes: what each seat posted as ante.
        blinds: what each seat posted as blind, straddle or late blind.
        big_blind: the nominal big blind; the smallest bet in games without blinds.
        facts: what happened, in order: cards dealt, decisions, discards, cards shown.
        pot: all chips put in minus the uncalled bet, before rake.
        uncalled: the part of the last bet that nobody matched.
        street: the last street that was dealt.
        showdown: whether two or more players had not folded.
        winners: the seats (from 0) that collected from a pot, None where the record does not tell.
        rake: what the house kept of the pot, None where the record does not tell.
        payoffs: what each seat won or lost: together the rake less than nothing, or nothing where the rake is unknown.
            None where the record does not tell.
    """

    chip_unit: int
    stacks: tuple[int | None, ...]
    antes: tuple[int, ...]
    blinds: tuple[int, ...]
    big_blind: int
    facts: tuple[Fact, ...]
    pot: int
    uncalled: int
    street: str
    showdown: bool
    rake: int | None
    winners: tuple[int, ...] | None
    payoffs: tuple[int, ...] | None

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What the players did in turn."""
        return tuple(fact for fact in self.facts if isinstance(fact, Decision))


def replay(raw: dict[str, Any]) -> Replay:
    """Play a recorded hand through, action by action.

    Args:
        raw: the fields of a PHH hand; numbers are `int` or `Decimal`.

    Returns:
        What happened in the hand, and its result.

    Raises:
        HandRefused: an unknown variant, a field that is missing or wrong, an action that the rules do not allow, or a
            hand that stops early.
    """
    game = check_fields(raw)
    unit = FINEST_UNIT if needs_cents(raw) else chip_unit(raw, game)
    ledger = Ledger(len(raw["starting_stacks"]), game.streets)
    ledger.enter(play(raw, game, unit))
    return _count(raw, game, unit, ledger)


def _count(raw: dict[str, Any], game: Game, unit: int, ledger: Ledger) -> Replay:
    returned = [uncalled_bet(bets) for bets in ledger.bets]
    for uncalled in returned:
        if uncalled.amount and uncalled.seat in ledger.folded:
            raise HandRefused(f"p{uncalled.seat + 1} folded a bet that nobody had called: nobody can tell who took it")
    bets = [sum(column) for column in zip(*ledger.bets, strict=True)]
    for uncalled in returned:
        bets[uncalled.seat] -= uncalled.amount
    live = [seat for seat in range(len(bets)) if seat not in ledger.folded]
    # A short stack may post less than it owes, so the rule goes by what the record asks for.
    shared_ante = in_units(sorted(raw["antes"])[-2], unit) if raw.get("ante_trimming_status") else 0
    put_in = [bet + ante for bet, ante in zip(bets, ledger.antes, strict=True)]
    pots = make_pots(bets, ledger.antes, live, shared_ante)
    collected = _collect(pots, ledger.showdown, game)
    rake, told = _told(recorded_shares(raw, unit, put_in, live), pots, collected)
    collected = told or collected
    winners, payoffs = None, None
    if collected is not None:
        # Where everybody folds before a chip was matched, there is a winner but no pot.
        winners = tuple(sorted(collected.winners)) if len(live) > 1 else tuple(live)
        payoffs = tuple(collected.chips.get(seat, 0) - chips for seat, chips in enumerate(put_in))
    return Replay(
        chip_unit=unit,
        stacks=tuple(None if stack == Decimal("inf") else in_units(stack, unit) for stack in raw["starting_stacks"]),
        antes=tuple(ledger.antes),
        blinds=tuple(ledger.blinds),
        big_blind=in_units(_big_blind(raw, game), unit),
        facts=ledger.facts,
        pot=sum(put_in),
        uncalled=sum(uncalled.amount for uncalled in returned),
        street=game.streets[ledger.last_street],
        showdown=len(live) > 1,
        rake=rake,
        winners=winners,
        payoffs=payoffs,
    )


def _big_blind(raw: dict[str, Any], game: Game) -> int | Decimal:
    second_blind: int | Decimal = raw["blinds_or_straddles"][1] if "blinds_or_straddles" in game.fields else 0
    smallest_bet: int | Decimal = raw[game.smallest_bet]
    return second_blind if second_blind > 0 else smallest_bet


@dataclass
class _Collected:
    chips: dict[int, int]
    winners: set[int]


def _collect(pots: Sequence[Pot], showdown: Showdown, game: Game) -> _Collected | None:
    """The chips that each seat took out of the pots, or None where one pot's winner is unknown."""
    collected = _Collected({}, set())
    for pot in pots:
        halves = pot_winners(pot, showdown, game.hand_types)
        if halves is None:
            return None
        for seat, amount in divide(pot.amount, halves).items():
            collected.chips[seat] = collected.chips.get(seat, 0) + amount
            if not pot.returned and amount:
                collected.winners.add(seat)
    return collected


def _told(
    shares: Sequence[int | Decimal] | None, pots: Sequence[Pot], by_cards: _Collected | None
) -> tuple[int | None, _Collected | None]:
    """The rake, and what each seat took, both by the record; None for what it does not tell.

    Where the record names others than the cards do, one of them is wrong, and the rake unknown.
    """
    if shares is None:
        return None, None
    taken = {seat: share for seat, share in enumerate(shares) if share}
    if by_cards is not None and taken.keys() != {seat for seat, chips in by_cards.chips.items() if chips}:
        return None, None
    rake = int(sum(pot.amount for pot in pots) - sum(taken.values()))
    if any(share % 1 for share in taken.values()):
        return rake, None  # halves of a chip: see `needs_cents`
    back = Counter[int]()
    for pot in pots:
        if pot.returned:
            back[pot.seats[0]] += pot.amount
    chips = {seat: int(share) for seat, share in taken.items()}
    winners = {seat for seat, share in chips.items() if share > back[seat]} if by_cards is None else by_cards.winners
    return rake, _Collected(chips, winners)
