"""The state of a hand: what its events fold into. Chips only move: stacks and pot together stay the same
throughout, but for the rake that the house keeps at the end.

from functools import reduce
state = reduce(apply, store.get_by_aggregate(hand_id), GameState())

All states of a hand, one after each event, drawn as stacks and pot:

from itertools import accumulate
states = list(accumulate(events, apply, initial=GameState()))[1:]
plt.plot([state.version for state in states], [(*state.stacks, state.pot) for state in states], drawstyle="steps-post")
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from eventstore import DomainEvent
from poker.games import GAMES
from poker.mapping import (
    ACTION_PROCESSED,
    BOARD_DEALT,
    CARDS_DISCARDED,
    CREATED,
    HAND_COMPLETED,
    HAND_MUCKED,
    HAND_SHOWN,
    HOLE_CARDS_DEALT,
)


@dataclass(frozen=True, kw_only=True)
class Seat:
    """A player's place in one hand. Amounts are in the hand's unit, cards are texts as "As", "??" where unknown.

    Args:
        number: from 1, in the order of the record.
        name: the player, None where unknown.
        starting_stack: the chips before the hand, None where unknown.
        stack: the chips that are left, None where unknown.
        bet: the chips put in on this street, blinds included, antes not.
        wagered: the chips put in on all streets, blinds included, antes not.
        down: the hole cards that lie face down.
        up: the hole cards that lie face up, in stud.
        discarded: the cards thrown away for others, in draw games.
        folded: whether the player has folded.
        all_in: whether the player has put in the whole stack, None where the stack is unknown.
        shown: the hole cards that the player showed at showdown.
        mucked: whether the player gave them back unseen at showdown.
    """

    number: int
    name: str | None
    starting_stack: int | None
    stack: int | None
    bet: int = 0
    wagered: int = 0
    down: tuple[str, ...] = ()
    up: tuple[str, ...] = ()
    discarded: tuple[str, ...] = ()
    folded: bool = False
    all_in: bool | None = False
    shown: tuple[str, ...] = ()
    mucked: bool = False


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a hand ended. Amounts are in the hand's unit.

    Args:
        pot: all chips put in minus the uncalled bet, before rake.
        uncalled: the part of the last bet that nobody matched.
        showdown: whether two or more players had not folded.
        winners: the seats (from 1) that collected from a pot, None where unknown.
        payoffs: what each seat won or lost, None where unknown.
        rake: what the house kept of the pot, None where unknown; then the payoffs add up to nothing.
    """

    pot: int
    uncalled: int
    showdown: bool
    winners: tuple[int, ...] | None
    payoffs: tuple[int, ...] | None
    rake: int | None = None


@dataclass(frozen=True, kw_only=True)
class GameState:
    """A hand at one moment. `GameState()` is a hand that has not begun. Amounts are in the hand's unit.

    Args:
        version: the version of the latest event, 0 before the first.
        status: "new", "playing" or "completed".
        seats: the players; seat 1 comes first.
        street: the street that was reached, e.g. "preflop", "third" or "second draw"; None before the first event.
        board: the community cards.
        pot: the chips in the middle, the bets of this street included. When the hand is completed the winners
            and the house have taken them; where nobody knows who won, they still lie there.
        result: how the hand ended, None while it is played.
    """

    version: int = 0
    status: str = "new"
    seats: tuple[Seat, ...] = ()
    street: str | None = None
    board: tuple[str, ...] = ()
    pot: int = 0
    result: Result | None = None

    @property
    def names(self) -> tuple[str | None, ...]:
        """The player in each seat, None where unknown. Seat 1 comes first, here and below."""
        return tuple(seat.name for seat in self.seats)

    @property
    def starting_stacks(self) -> tuple[int | None, ...]:
        """The chips of each seat before the hand, None where unknown."""
        return tuple(seat.starting_stack for seat in self.seats)

    @property
    def stacks(self) -> tuple[int | None, ...]:
        """The chips that each seat has left, None where unknown."""
        return tuple(seat.stack for seat in self.seats)

    @property
    def bets(self) -> tuple[int, ...]:
        """The chips that each seat has put in on this street, blinds included, antes not."""
        return tuple(seat.bet for seat in self.seats)

    @property
    def folded(self) -> tuple[bool, ...]:
        """Whether each seat has folded."""
        return tuple(seat.folded for seat in self.seats)


def apply(state: GameState, event: DomainEvent) -> GameState:
    """The state after one more event.

    Args:
        state: the state before; it is not changed.
        event: the hand's next event.

    Returns:
        The new state.

    Raises:
        ValueError: an event that is none of a hand, or that cannot follow on what has happened.
    """
    change = CHANGES.get(event.event_type)
    if change is None:
        raise ValueError(f"{event.event_type} is no event of a hand: {', '.join(CHANGES)}")
    _check_order(state, event)
    return replace(change(state, event.event_data), version=event.version)


def _check_order(state: GameState, event: DomainEvent) -> None:
    if state.status == "new" and event.event_type != CREATED:
        raise ValueError(f"{event.event_type} cannot come first: a hand begins with {CREATED}")
    if state.status == "completed":
        raise ValueError(f"{event.event_type} comes after {HAND_COMPLETED}: the hand is over")
    if state.status == "playing" and event.event_type == CREATED:
        raise ValueError(f"{CREATED} comes twice: fold one hand at a time")
    if event.version != state.version + 1:
        raise ValueError(
            f"version {event.version} cannot follow version {state.version}: fold every event of a hand once, in order"
        )


def _created(state: GameState, data: dict[str, Any]) -> GameState:
    game = GAMES.get(data["variant"])
    if game is None:
        raise ValueError(f"variant {data['variant']} is no game: {', '.join(GAMES)}")
    seats = [
        Seat(number=seat["seat"], name=seat["name"], starting_stack=seat["stack"], stack=seat["stack"])
        for seat in data["seats"]
    ]
    antes, blinds = data["antes"], data["blinds"]
    return GameState(
        status="playing",
        seats=tuple(_put_in(seat, blind, ante) for seat, ante, blind in zip(seats, antes, blinds, strict=True)),
        street=game.streets[0],
        pot=sum(antes) + sum(blinds),
    )


def _hole_cards_dealt(state: GameState, data: dict[str, Any]) -> GameState:
    state = _on_street(state, data["street"])
    for hand in data["hands"]:
        seat = _player(state, hand["seat"])
        state = _with(state, replace(seat, down=(*seat.down, *hand["down"]), up=(*seat.up, *hand["up"])))
    return state


def _action_processed(state: GameState, data: dict[str, Any]) -> GameState:
    state = _on_street(state, data["street"])
    seat = _put_in(_player(state, data["seat"]), data["amount"])
    if data["action"] == "fold":
        seat = replace(seat, folded=True)
    return replace(_with(state, seat), pot=state.pot + data["amount"])


def _board_dealt(state: GameState, data: dict[str, Any]) -> GameState:
    state = _on_street(state, data["street"])
    return replace(state, board=(*state.board, *data["cards"]))


def _cards_discarded(state: GameState, data: dict[str, Any]) -> GameState:
    state = _on_street(state, data["street"])
    seat = _player(state, data["seat"])
    kept = list(seat.down)
    for card in data["cards"]:
        if card not in kept:
            raise ValueError(f"seat {seat.number} cannot discard {card}: its cards are {' '.join(seat.down)}")
        kept.remove(card)
    return _with(state, replace(seat, down=tuple(kept), discarded=(*seat.discarded, *data["cards"])))


def _hand_shown(state: GameState, data: dict[str, Any]) -> GameState:
    return _with(state, replace(_player(state, data["seat"]), shown=tuple(data["cards"])))


def _hand_mucked(state: GameState, data: dict[str, Any]) -> GameState:
    return _with(state, replace(_player(state, data["seat"]), mucked=True))


def _hand_completed(state: GameState, data: dict[str, Any]) -> GameState:
    winners, payoffs = data["winners"], data["payoffs"]
    rake = data.get("rake")  # hands of mapping versions 1 and 2 do not tell it
    if data["pot"] + data["uncalled"] != state.pot or (payoffs is not None and sum(payoffs) + (rake or 0) != 0):
        raise ValueError(
            f"{HAND_COMPLETED} lets chips appear or vanish: {state.pot} were put in, the pot is {data['pot']}, "
            f"uncalled {data['uncalled']}, rake {rake}, the payoffs are {payoffs}"
        )
    seats = zip(state.seats, _stacks_at_the_end(state, data), strict=True)
    return replace(
        state,
        status="completed",
        seats=tuple(replace(seat, stack=stack, bet=0) for seat, stack in seats),
        pot=data["pot"] if payoffs is None else 0,
        result=Result(
            pot=data["pot"],
            uncalled=data["uncalled"],
            showdown=data["showdown"],
            winners=None if winners is None else tuple(winners),
            payoffs=None if payoffs is None else tuple(payoffs),
            rake=rake,
        ),
    )


def _stacks_at_the_end(state: GameState, data: dict[str, Any]) -> list[int | None]:
    if data["payoffs"] is not None:
        return [_plus(seat.starting_stack, won) for seat, won in zip(state.seats, data["payoffs"], strict=True)]
    # Nobody knows who won, but the uncalled bet goes back to the player who wagered most: on the streets before it,
    # those who were not all-in had matched each other.
    back = max(state.seats, key=lambda seat: seat.wagered)
    return [_plus(seat.stack, data["uncalled"] if seat is back else 0) for seat in state.seats]


def _player(state: GameState, number: int) -> Seat:
    """The seat of somebody who takes part in what happens now."""
    if not 1 <= number <= len(state.seats):
        raise ValueError(f"there is no seat {number}: this hand has seats 1 to {len(state.seats)}")
    seat = state.seats[number - 1]
    if seat.folded:
        raise ValueError(f"seat {number} has folded: it takes no further part in the hand")
    return seat


def _with(state: GameState, seat: Seat) -> GameState:
    """The state with one seat changed."""
    return replace(state, seats=(*state.seats[: seat.number - 1], seat, *state.seats[seat.number :]))


def _on_street(state: GameState, street: str) -> GameState:
    """The state on this street. Where it has only just begun, nobody has bet on it yet."""
    if street == state.street:
        return state
    return replace(state, street=street, seats=tuple(replace(seat, bet=0) for seat in state.seats))


def _put_in(seat: Seat, chips: int, ante: int = 0) -> Seat:
    """The seat after chips went from its stack to the middle."""
    stack = _plus(seat.stack, -chips - ante)
    if stack is not None and stack < 0:
        raise ValueError(f"seat {seat.number} cannot put in {chips + ante}: it has {seat.stack}")
    all_in = None if stack is None else stack == 0
    return replace(seat, stack=stack, bet=seat.bet + chips, wagered=seat.wagered + chips, all_in=all_in)


def _plus(stack: int | None, chips: int) -> int | None:
    return None if stack is None else stack + chips


# What each type of event changes.
CHANGES: dict[str, Callable[[GameState, dict[str, Any]], GameState]] = {
    CREATED: _created,
    HOLE_CARDS_DEALT: _hole_cards_dealt,
    ACTION_PROCESSED: _action_processed,
    BOARD_DEALT: _board_dealt,
    CARDS_DISCARDED: _cards_discarded,
    HAND_SHOWN: _hand_shown,
    HAND_MUCKED: _hand_mucked,
    HAND_COMPLETED: _hand_completed,
}
