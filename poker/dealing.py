"""One simulated hand: the cards come from a seeded deck, the decisions from habits, and pokerkit sees to the rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pokerkit import HandHistory, State
from pokerkit.notation import parse_action

from poker.dice import Dice
from poker.habits import Habit, Situation, decide
from poker.strength import DECK, Guess

SMALL_BLIND, BIG_BLIND = 5, 10
SHOWS_A_LOST_HAND = 25  # percent


@dataclass
class Player:
    """Somebody at a table.

    Args:
        name: the habit and a number.
        habit: how this player decides.
        stack: the chips, 0 before the first buy-in.
    """

    name: str
    habit: Habit
    stack: int = 0


def play_hand(players: Sequence[Player], dice: Dice) -> dict[str, Any]:
    """Play a hand of no-limit hold'em.

    Args:
        players: two or more in PHH order, small blind first; of two, the second is the small blind and the button.
            Their stacks are left as they are.
        dice: decides everything.

    Returns:
        The PHH fields that say how the hand went, from `variant` to `players`.
    """
    actions: list[str] = []
    hand: dict[str, Any] = {
        "variant": "NT",
        "ante_trimming_status": True,
        "antes": [0] * len(players),
        "blinds_or_straddles": [SMALL_BLIND, BIG_BLIND] + [0] * (len(players) - 2),
        "min_bet": BIG_BLIND,
        "starting_stacks": [player.stack for player in players],
        "actions": actions,
        "players": [player.name for player in players],
    }
    state: State = HandHistory(**hand).create_state()
    deal = _Deal(state, [player.habit for player in players], dice)
    while state.status:
        if state.card_burning_status:
            state.burn_card("??")
        else:
            actions.append(deal.next_action())
            parse_action(state, actions[-1])
    return hand


class _Deal:
    """A hand under way: what the dealer or a player does next."""

    def __init__(self, state: State, habits: Sequence[Habit], dice: Dice) -> None:
        self._state, self._habits, self._dice = state, habits, dice
        self._deck = dice.shuffled(DECK)
        self._hole_cards: dict[int, list[str]] = {}
        self._board: list[str] = []
        self._begin_street()

    def next_action(self) -> str:
        """The next action in the words of PHH."""
        state = self._state
        if (seat := state.hole_dealee_index) is not None:
            self._hole_cards[seat] = self._draw(2)
            return f"d dh p{seat + 1} {''.join(self._hole_cards[seat])}"
        if (number := state.board_dealing_count) is not None:
            cards = self._draw(number)
            self._board += cards
            self._begin_street()
            return f"d db {''.join(cards)}"
        if (seat := state.actor_index) is not None:
            return f"p{seat + 1} {self._decision(seat)}"
        seat = state.showdown_index
        assert seat is not None
        return f"p{seat + 1} sm{self._shown(seat)}"

    def _draw(self, number: int) -> list[str]:
        return [self._deck.pop() for _ in range(number)]

    def _begin_street(self) -> None:
        self._guess: Guess | None = None  # it takes time, and nobody may have to decide
        self._raises = 0

    def _decision(self, seat: int) -> str:
        if self._guess is None:
            self._guess = Guess(self._board, self._dice)
        state = self._state
        least = state.min_completion_betting_or_raising_to_amount
        most = state.max_completion_betting_or_raising_to_amount
        seen = Situation(
            strength=self._guess.strength(self._hole_cards[seat]),
            board=bool(self._board),
            to_call=state.checking_or_calling_amount or 0,
            pot=state.total_pot_amount,
            highest_bet=max(state.bets),
            raises=self._raises,
            limits=None if least is None or most is None else (least, most),
            step=SMALL_BLIND,
        )
        action = decide(self._habits[seat], seen, self._dice)
        self._raises += action.startswith("cbr")
        return action

    def _shown(self, seat: int) -> str:
        """The cards that a player turns over at showdown, or nothing. Of two who are all-in both must show."""
        state = self._state
        if state.all_in_status or state.can_win_now(seat) or self._dice.percent(SHOWS_A_LOST_HAND):
            return " " + "".join(self._hole_cards[seat])
        return ""
