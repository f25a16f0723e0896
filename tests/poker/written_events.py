"""Hands told event by event, as they lie in a store. No file and no rule of poker stands behind them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Self

from eventstore import DomainEvent
from poker import GameState, apply


class WrittenHand:
    """The events of one hand. Each method adds one and returns the hand.

    Args:
        stacks: the chips of each player, None where unknown.
        blinds: what the first players post; the others nothing.
        antes: the same for antes.
        variant: the game.
        mapping_version: of the events.
    """

    def __init__(
        self,
        stacks: Sequence[int | None],
        blinds: Sequence[int] = (),
        antes: Sequence[int] = (),
        variant: str = "NT",
        mapping_version: int = 2,
    ) -> None:
        self.events: list[DomainEvent] = []
        posted = [[*posts, *[0] * (len(stacks) - len(posts))] for posts in (antes, blinds)]
        self.pot = sum(map(sum, posted))
        self.add(
            "game.created",
            source={"file": "written.phhs", "section": "1", "hand": 1},
            variant=variant,
            seats=[{"seat": seat, "name": f"player {seat}", "stack": stack} for seat, stack in enumerate(stacks, 1)],
            chip_unit=1,
            antes=posted[0],
            blinds=posted[1],
            big_blind=2,
            table=None,
            currency=None,
            time_source="unknown",
            mapping_version=mapping_version,
        )

    def add(self, event_type: str, **data: Any) -> Self:
        """Any event, fitting or not; it gets the next version."""
        version = len(self.events) + 1
        self.events.append(
            DomainEvent(event_type=event_type, aggregate_id="written hand", version=version, event_data=data)
        )
        return self

    def deal(self, street: str, down: dict[int, str] | None = None, up: dict[int, str] | None = None) -> Self:
        """Hole cards: for each seat its cards, one after the other."""
        down, up = down or {}, up or {}
        hands = [
            {"seat": seat, "down": cards(down.get(seat, "")), "up": cards(up.get(seat, ""))}
            for seat in sorted(down.keys() | up.keys())
        ]
        return self.add("game.hole_cards_dealt", street=street, hands=hands)

    def act(self, street: str, *actions: tuple[int, str] | tuple[int, str, int]) -> Self:
        """What players do on a street: seat, action, and the chips added where there are any."""
        for seat, action, *chips in actions:
            self.pot += sum(chips)
            data = {"street": street, "action": action, "amount": sum(chips), "pot": self.pot}
            self.add("game.action_processed", seat=seat, **data)
        return self

    def board(self, street: str, dealt: str) -> Self:
        return self.add("game.board_dealt", street=street, cards=cards(dealt))

    def discard(self, street: str, seat: int, thrown: str) -> Self:
        return self.add("game.cards_discarded", street=street, seat=seat, cards=cards(thrown))

    def show(self, seat: int, shown: str) -> Self:
        return self.add("game.hand_shown", seat=seat, cards=cards(shown))

    def muck(self, seat: int) -> Self:
        return self.add("game.hand_mucked", seat=seat)

    def complete(
        self, winners: list[int] | None, payoffs: list[int] | None, uncalled: int = 0, showdown: bool = False
    ) -> Self:
        return self.add(
            "game.hand_completed",
            pot=self.pot - uncalled,
            uncalled=uncalled,
            showdown=showdown,
            winners=winners,
            payoffs=payoffs,
        )

    @property
    def states(self) -> list[GameState]:
        """The state at each version, that before the first event at 0."""
        return states_of(self.events)


def states_of(events: Sequence[DomainEvent]) -> list[GameState]:
    """The state at each version, that before the first event at 0."""
    return list(accumulate(events, apply, initial=GameState()))


def cards(text: str) -> list[str]:
    """ "AsKd" as a list of cards."""
    return [text[start : start + 2] for start in range(0, len(text), 2)]
