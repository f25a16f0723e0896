"""Hands written for the tests, and simulated ones: at least one of every game."""

from __future__ import annotations

import random
import tomllib
import warnings
from collections.abc import Sequence
from typing import Any

from pokerkit import HandHistory, State
from pokerkit.notation import parse_action
from pokerkit.utilities import parse_value

# Half a pot of such chips can be split among two to seven players without an odd chip. pokerkit gives odd chips away
# once for all pots with the same winners, this project once for each pot.
CHIP = 840

SEATS = ("north", "east", "south", "west", "middle", "corner")


def phh(stacks: Sequence[Any], actions: str, **fields: Any) -> str:
    """The PHH text of a hand; of no-limit hold'em with blinds 1/2, unless the fields say otherwise.

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


DRAW_GAMES = ("N2L1D", "F2L3D", "FB")

BLINDS = {"min_bet": None, "small_bet": 2, "big_bet": 4}
BRING_IN = BLINDS | {"antes": [1, 1, 1], "blinds_or_straddles": None, "bring_in": 1}

# One hand of each game, with its PHH variant. Each shows what the game has that others have not.
EXAMPLES = {
    "NT": phh(
        [100, 80, 60],
        "d dh p1 AsKs, d dh p2 QdQh, d dh p3 7c2d, p3 f, p1 cbr 6, p2 cc, d db AcKd7h, p1 cbr 5, p2 cc, d db 4s, p1 cc,"
        "p2 cc, d db 2c, p1 cbr 20, p2 cc, p1 sm AsKs, p2 sm",
        hand=1,
    ),
    "FT": phh(
        [100, 80, 60],
        "d dh p1 AsKs, d dh p2 QdQh, d dh p3 ????, p3 f, p1 cbr 4, p2 cc, d db AcKd7h, p1 cbr 2, p2 cbr 4, p1 cc,"
        "d db 4s, p1 cc, p2 cbr 4, p1 f",
        variant="'FT'",
        **BLINDS,
    ),
    "NS": phh(
        [100, 80, 60],
        "d dh p1 AsKs, d dh p2 QdQh, d dh p3 7c6d, p1 cc, p2 cbr 79, p3 f, p1 cc, p1 sm AsKs, p2 sm QdQh, d db Ac9d7h,"
        "d db 8s, d db 6c",
        variant="'NS'",
        antes=[1, 1, 1],
        blinds_or_straddles=[0, 0, 2],
    ),
    "PO": phh(
        [100, 80.5, 60],
        "d dh p1 AsKsQs2d, d dh p2 QdQh7s7d, d dh p3 ????????, p3 f, p1 cbr 6, p2 cc, d db AcKd7h, p1 cbr 12, p2 cc,"
        "d db 4s, p1 cc, p2 cc, d db 2c, p1 cc, p2 cbr 12.50, p1 cc, p2 sm QdQh7s7d, p1 sm",
        variant="'PO'",
    ),
    "FO/8": phh(
        [100, 80, 60],
        "d dh p1 AsKs2d9s, d dh p2 QdQh7s7d, d dh p3 ????????, p3 f, p1 cbr 4, p2 cc, d db 4cKd7h, p1 cbr 2, p2 cc,"
        "d db 3s, p1 cc, p2 cc, d db Jc, p1 cbr 4, p2 cc, p1 sm AsKs2d9s, p2 sm QdQh7s7d",
        variant="'FO/8'",
        **BLINDS,
    ),
    "F7S": phh(
        [100, 80, 60],
        "d dh p1 AsKs2d, d dh p2 QdQh7s, d dh p3 ????9c, p1 pb, p2 cbr 2, p3 f, p1 cc, d dh p1 Ah, d dh p2 7d,"
        "p2 cbr 2, p1 cc, d dh p1 3h, d dh p2 3d, p2 cc, p1 cbr 4, p2 cc, d dh p1 4h, d dh p2 4d, p2 cc, p1 cc,"
        "d dh p1 5h, d dh p2 ??, p2 cc, p1 cbr 4, p2 f",
        variant="'F7S'",
        **BRING_IN,
    ),
    "F7S/8": phh(
        [100, 5, 60],
        "d dh p1 AsKs2d, d dh p2 QdQh7s, d dh p3 ????9c, p1 cbr 2, p2 cbr 4, p3 f, p1 cc, p2 sm QdQh7s, p1 sm ????2d,"
        "d dh p1 Ah, d dh p2 7d, p1 sm ????2dAh, d dh p1 3h, d dh p2 3d, p1 sm AsKs2dAh3h, d dh p1 4h,"
        "d dh p2 4d, d dh p1 5h, d dh p2 8d,"
        "p1 sm AsKs2dAh3h4h5h, p2 sm QdQh7s7d3d4d8d",
        variant="'F7S/8'",
        **BRING_IN,
    ),
    "FR": phh(
        [100, 80, 60],
        "d dh p1 As4s2d, d dh p2 QdQh7s, d dh p3 2c3cKc, p3 pb, p1 cbr 2, p2 f, p3 cc, d dh p1 Ah, d dh p3 7d, p1 cc,"
        "p3 cc, d dh p1 3h, d dh p3 3d, p1 cbr 4, p3 f",
        variant="'FR'",
        **BRING_IN,
    ),
    "N2L1D": phh(
        [100, 80, 60],
        "d dh p1 As4s2d7c9c, d dh p2 QdQh7s??2s, d dh p3 ??????????, p3 f, p1 cbr 6, p2 cc, p1 sd As, p2 sd QdQh,"
        "d dh p1 3h, d dh p2 ????, p1 cc, p2 cbr 8, p1 cc, p2 sm 7s3s2s8c4c, p1 sm",
        variant="'N2L1D'",
    ),
    "F2L3D": phh(
        [100, 80, 60],
        "d dh p1 As4s2d7c9c, d dh p2 ??????????, d dh p3 ??????????, p3 f, p1 cbr 4, p2 cc, p1 sd As, p2 sd ????,"
        "d dh p1 3h, d dh p2 ????, p1 cc, p2 cbr 2, p1 cc, p1 sd, p2 sd ??, d dh p2 ??, p1 cbr 4, p2 cc, p1 sd, p2 sd,"
        "p1 cc, p2 cc, p1 sm 4s2d7c9c3h, p2 sm ??????????",
        variant="'F2L3D'",
        **BLINDS,
    ),
    "FB": phh(
        [100, 80, 60],
        "d dh p1 As4h2d7c, d dh p2 ????????, d dh p3 ????????, p3 f, p1 cc, p2 cc, p1 sd, p2 sd ????, d dh p2 ????,"
        "p1 cbr 2, p2 cbr 4, p1 cc, p1 sd, p2 sd, p1 cc, p2 cc, p1 sd, p2 sd ??, d dh p2 ??, p1 cbr 4, p2 f",
        variant="'FB'",
        **BLINDS,
    ),
}


def example(variant: str, **fields: Any) -> dict[str, Any]:
    """The example of a game, parsed, with other fields than it has."""
    return tomllib.loads(EXAMPLES[variant], parse_float=parse_value) | fields


def simulated(seed: int, variant: str = "NT") -> tuple[dict[str, Any], list[int]]:
    """A hand by the rules, played at random: unequal stacks, antes, straddles, all-ins, side pots, split pots.

    Returns:
        The hand as if read from a file, with all hands that can win shown at showdown; and pokerkit's own payoffs.
    """
    raw, state = simulated_state(seed, variant)
    return raw, list(state.payoffs)


def simulated_state(seed: int, variant: str) -> tuple[dict[str, Any], State]:
    """The same, with pokerkit's whole state at the end instead of the payoffs."""
    choice = random.Random(seed)
    raw = _stakes(choice, variant)
    deck = _deck(choice, variant, len(raw["starting_stacks"]))
    with warnings.catch_warnings():
        # pokerkit warns of cards that are dealt again after the deck has run out.
        warnings.simplefilter("ignore")
        state = HandHistory(**raw).create_state()
        while state.status:
            if state.card_burning_status and not any(state.standing_pat_or_discarding_statuses):
                state.burn_card("??")
            else:
                raw["actions"].append(_next_action(state, choice, deck))
                parse_action(state, raw["actions"][-1])
    return raw, state


def _stakes(choice: random.Random, variant: str) -> dict[str, Any]:
    needed = HandHistory.required_field_names[variant]
    players = choice.randint(2, 5 if variant in DRAW_GAMES else 6)
    nobody, everybody = [0] * players, [1] * players
    antes = [(nobody, True), (everybody, True), ([4] * players, True), ([0, 2, *nobody[2:]], False)]
    if "bring_in" in needed or variant == "NS":
        antes = [(everybody, True), (everybody, False), ([3] * players, True)]
    ante, trimming = choice.choice(antes)
    blinds = [1, 2, choice.choice([0, 0, 0, 4]), 0, 0, 0][:players]
    if variant == "NS":
        blinds = [*nobody[1:], 2]
    usual = {
        "antes": [CHIP * chips for chips in ante],
        "blinds_or_straddles": [CHIP * chips for chips in blinds],
        "bring_in": CHIP,
        "min_bet": 2 * CHIP,
        "small_bet": 2 * CHIP,
        "big_bet": 4 * CHIP,
        "starting_stacks": [CHIP * (choice.choice([3, 10, 40, 200]) + choice.randint(0, 9)) for _ in range(players)],
        "actions": [],
    }
    stakes = {name: value for name, value in usual.items() if name in needed}
    return {"variant": variant, "ante_trimming_status": trimming} | stakes


def _deck(choice: random.Random, variant: str, players: int) -> list[str]:
    # A deck of few ranks makes for more split pots.
    ranks, few = ("6789TJQKA", "6789T") if variant == "NS" else ("23456789TJQKA", "A2345678")
    if variant not in DRAW_GAMES and 7 * players <= 4 * len(few):
        ranks = choice.choice([ranks, few])
    deck = [rank + suit for rank in ranks for suit in "cdhs"]
    choice.shuffle(deck)
    return deck


def _next_action(state: State, choice: random.Random, deck: list[str]) -> str:
    def deal(count: int) -> str:
        if len(deck) < count:
            held = set(map(repr, state.cards_in_play)) | set(deck)
            deck[:0] = choice.sample(sorted(set(map(repr, state.deck)) - held), 52 - len(held))
        return "".join(deck.pop() for _ in range(count))

    if (drawer := state.stand_patter_or_discarder_index) is not None:
        cards = choice.sample(state.hole_cards[drawer], choice.randint(0, len(state.hole_cards[drawer])))
        return f"p{drawer + 1} sd {''.join(map(repr, cards))}".strip()
    if (dealee := state.hole_dealee_index) is not None:
        return f"d dh p{dealee + 1} {deal(len(state.hole_dealing_statuses[dealee]))}"
    if state.board_dealing_count is not None:
        return f"d db {deal(state.board_dealing_count)}"
    if state.actor_index is not None:
        return f"p{state.actor_index + 1} {_decision(state, choice)}"
    player = state.showdown_index
    assert player is not None
    beaten = state.street is state.streets[-1] and not state.can_win_now(player)
    return f"p{player + 1} sm {'' if beaten else ''.join(map(repr, state.hole_cards[player]))}".strip()


def _decision(state: State, choice: random.Random) -> str:
    wish = choice.random()
    if state.can_post_bring_in() and wish < 0.8:
        return "pb"
    if (wish < 0.25 and state.can_complete_bet_or_raise_to()) or state.can_post_bring_in():
        least = state.min_completion_betting_or_raising_to_amount
        most = state.max_completion_betting_or_raising_to_amount
        return f"cbr {choice.choice([least, most, choice.randrange(least, most + 1, CHIP)])}"
    if wish > 0.85 and state.checking_or_calling_amount:
        return "f"
    return "cc"
