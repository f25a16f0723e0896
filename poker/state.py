"""The state of a hand: what its events fold into. Chips only move: stacks and pot together stay the same throughout.

from functools import reduce
state = reduce(apply, store.get_by_aggregate(hand_id), GameState())
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from eventstore import DomainEvent
from poker.mapping import ACTION_PROCESSED, CREATED, HAND_COMPLETED
from poker.settlement import uncalled_bet


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a hand ended. Amounts are in the hand's unit.

    Args:
        pot: all chips put in minus the uncalled bet, before rake.
        uncalled: the part of the last bet that nobody matched.
        showdown: whether two or more players had not folded.
        winners: the seats (from 1) that collected from a pot, None where unknown.
        payoffs: what each seat won or lost, None where unknown.
    """

    pot: int
    uncalled: int
    showdown: bool
    winners: tuple[int, ...] | None
    payoffs: tuple[int, ...] | None


@dataclass(frozen=True, kw_only=True)
class GameState:
    """A hand at one moment. `GameState()` is a hand that has not begun. Amounts are in the hand's unit.

    Args:
        status: "new", "playing" or "completed".
        names: the player in each seat, None where unknown. Seat 1 comes first, here and below.
        starting_stacks: the chips of each seat before the hand, None where unknown.
        stacks: the chips that each seat has left, None where unknown.
        street: the street of the latest decision: "preflop", "flop", "turn" or "river".
        bets: the chips that each seat has put in on this street, blinds included, antes not.
        folded: whether each seat has folded.
        pot: the chips in the middle, the bets of this street included. When the hand is completed the winners have
            taken them; where nobody knows who won, they still lie there.
        result: how the hand ended, None while it is played.
    """

    status: str = "new"
    names: tuple[str | None, ...] = ()
    starting_stacks: tuple[int | None, ...] = ()
    stacks: tuple[int | None, ...] = ()
    street: str = "preflop"
    bets: tuple[int, ...] = ()
    folded: tuple[bool, ...] = ()
    pot: int = 0
    result: Result | None = None


def apply(state: GameState, event: DomainEvent) -> GameState:
    """The state after one more event.

    Args:
        state: the state before; it is not changed.
        event: the hand's next event.

    Returns:
        The new state.

    Raises:
        ValueError: an event that is none of a hand.
    """
    match event.event_type:
        case "game.created":
            return _created(event.event_data)
        case "game.action_processed":
            return _action_processed(state, event.event_data)
        case "game.hand_completed":
            return _hand_completed(state, event.event_data)
    raise ValueError(f"{event.event_type} is no event of a hand: {CREATED}, {ACTION_PROCESSED}, {HAND_COMPLETED}")


def _created(data: dict[str, Any]) -> GameState:
    stacks = tuple(seat["stack"] for seat in data["seats"])
    antes, blinds = data["antes"], data["blinds"]
    return GameState(
        status="playing",
        names=tuple(seat["name"] for seat in data["seats"]),
        starting_stacks=stacks,
        stacks=_plus(stacks, (-ante - blind for ante, blind in zip(antes, blinds, strict=True))),
        bets=tuple(blinds),
        folded=(False,) * len(stacks),
        pot=sum(antes) + sum(blinds),
    )


def _action_processed(state: GameState, data: dict[str, Any]) -> GameState:
    seat, amount = data["seat"] - 1, data["amount"]
    bets = state.bets if data["street"] == state.street else (0,) * len(state.bets)
    added = [amount if index == seat else 0 for index in range(len(bets))]
    return replace(
        state,
        stacks=_plus(state.stacks, (-chips for chips in added)),
        street=data["street"],
        bets=tuple(bet + chips for bet, chips in zip(bets, added, strict=True)),
        folded=tuple(
            folded or (index == seat and data["action"] == "fold") for index, folded in enumerate(state.folded)
        ),
        pot=state.pot + amount,
    )


def _hand_completed(state: GameState, data: dict[str, Any]) -> GameState:
    payoffs = data["payoffs"]
    if payoffs is None:
        uncalled = uncalled_bet(state.bets)
        back = (uncalled.amount if seat == uncalled.seat else 0 for seat in range(len(state.stacks)))
        stacks, pot = _plus(state.stacks, back), data["pot"]
    else:
        stacks, pot = _plus(state.starting_stacks, payoffs), 0
    return replace(
        state,
        status="completed",
        stacks=stacks,
        bets=(0,) * len(state.bets),
        pot=pot,
        result=Result(
            pot=data["pot"],
            uncalled=data["uncalled"],
            showdown=data["showdown"],
            winners=None if data["winners"] is None else tuple(data["winners"]),
            payoffs=None if payoffs is None else tuple(payoffs),
        ),
    )


def _plus(stacks: Iterable[int | None], chips: Iterable[int]) -> tuple[int | None, ...]:
    return tuple(None if stack is None else stack + change for stack, change in zip(stacks, chips, strict=True))
