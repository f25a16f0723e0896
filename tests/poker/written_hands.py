"""Hands written for the tests, and simulated ones."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Sequence
from typing import Any

from pokerkit import HandHistory
from pokerkit.notation import parse_action
from pokerkit.utilities import parse_value

# A pot of such chips can be split among two to six players without an odd chip. pokerkit gives odd chips away once for
# all pots with the same winners, this project once for each pot.
CHIP = 60

SEATS = ("north", "east", "south", "west", "middle", "corner")


def phh(stacks: Sequence[Any], actions: str, **fields: Any) -> str:
    """The PHH text of a hand of no-limit hold'em with blinds 1/2.

    Args:
        stacks: one for each player.
        actions: separated by commas. Dealing unknown hole cards to everybody is added in front, unless the actions
            deal themselves.
        fields: more PHH fields, or others in place of the usual ones; text stands for itself, so quote what is text.
    """
    listed = [action.strip() for action in actions.split(",") if action.strip()]
    if not any(action.startswith("d dh") for action in listed):
        listed = [f"d dh p{seat} ????" for seat in range(1, len(stacks) + 1)] + listed
    usual = {
        "variant": "'NT'",
        "ante_trimming_status": "true",
        "antes": [0] * len(stacks),
        "blinds_or_straddles": [1, 2] + [0] * (len(stacks) - 2),
        "min_bet": 2,
        "starting_stacks": f"[{', '.join(map(str, stacks))}]",
        "actions": listed,
        "players": list(SEATS[: len(stacks)]),
    }
    return "".join(f"{name} = {value}\n" for name, value in (usual | fields).items() if value is not None)


def parsed(stacks: Sequence[Any], actions: str, **fields: Any) -> dict[str, Any]:
    """The same hand, parsed."""
    return tomllib.loads(phh(stacks, actions, **fields), parse_float=parse_value)


def simulated(seed: int) -> tuple[dict[str, Any], list[int]]:
    """A hand by the rules, played at random: unequal stacks, antes, straddles, all-ins, side pots, split pots.

    Returns:
        The hand as if read from a file, with every hand shown at showdown; and pokerkit's own payoffs.
    """
    choice = random.Random(seed)
    players = choice.randint(2, 6)
    # A short deck of ranks makes for more split pots.
    ranks = choice.choice(["23456789TJQKA", "23456"])
    deck = [rank + suit for rank in ranks for suit in "cdhs"]
    choice.shuffle(deck)
    raw: dict[str, Any] = {
        "variant": "NT",
        "starting_stacks": [CHIP * (choice.choice([3, 10, 40, 200]) + choice.randint(0, 9)) for _ in range(players)],
        "min_bet": 2 * CHIP,
        "actions": [],
    }
    antes, raw["ante_trimming_status"] = choice.choice(
        [([0] * players, True), ([1] * players, True), ([4] * players, True), ([0, 2] + [0] * (players - 2), False)]
    )
    raw["antes"] = [ante * CHIP for ante in antes]
    blinds = [1, 2, choice.choice([0, 0, 0, 4]), 0, 0, 0]
    raw["blinds_or_straddles"] = [blind * CHIP for blind in blinds[:players]]
    state = HandHistory(**raw).create_state()

    def do(action: str) -> None:
        parse_action(state, action)
        raw["actions"].append(action)

    while state.status:
        if state.card_burning_status:
            state.burn_card("??")
        elif state.hole_dealee_index is not None:
            do(f"d dh p{state.hole_dealee_index + 1} {deck.pop()}{deck.pop()}")
        elif state.board_dealing_count is not None:
            do(f"d db {''.join(deck.pop() for _ in range(state.board_dealing_count))}")
        elif state.actor_index is not None:
            do(f"p{state.actor_index + 1} {_decision(state, choice)}")
        else:
            cards = "".join(map(repr, state.hole_cards[state.showdown_index]))
            do(f"p{state.showdown_index + 1} sm {cards}")
    return raw, list(state.payoffs)


def _decision(state: Any, choice: random.Random) -> str:
    wish = choice.random()
    if wish < 0.25 and state.can_complete_bet_or_raise_to():
        least = state.min_completion_betting_or_raising_to_amount
        most = state.max_completion_betting_or_raising_to_amount
        return f"cbr {choice.choice([least, most, choice.randrange(least, most + 1, CHIP)])}"
    if wish > 0.85 and state.checking_or_calling_amount:
        return "f"
    return "cc"
