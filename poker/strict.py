"""Playing a recorded hand under strict rules: the first action that the rules do not allow refuses the whole hand."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from pokerkit import HandHistory, Operation, State
from pokerkit.notation import parse_action

from poker.cards import CardsSeen
from poker.games import Game
from poker.phh import HandRefused
from poker.stakes import in_units, read_amount

# pokerkit reads "p0" as the last player and "p+1" as the first one.
_ACTION = re.compile(
    r"d db (?P<board>(?:[2-9TJQKA][cdhs]|\?\?)+)"
    r"|d dh p(?P<dealee>[1-9]\d?) (?P<dealt>(?:[2-9TJQKA][cdhs]|\?\?)+)"
    r"|p(?P<actor>[1-9]\d?) (?:f|cc|pb|cbr \S+|sm|sm -|sd|sd (?:[2-9TJQKA][cdhs]|\?\?)+)"
    r"|p(?P<shower>[1-9]\d?) sm (?P<shown>(?:[2-9TJQKA][cdhs]|\?\?)+)"
)

Step = tuple[int, Operation]


def play(raw: dict[str, Any], game: Game, unit: int) -> list[Step]:
    """Apply every action of a hand, one by one. To iterate over pokerkit's `HandHistory` would mend it silently.

    Args:
        raw: the fields of a PHH hand that `stakes.check_fields` let pass.
        game: its game.
        unit: its units per chip.

    Returns:
        What happened, in order: the index of the street, and pokerkit's operation with amounts in units.

    Raises:
        HandRefused: an action that the rules do not allow, or a hand that stops early.
    """

    def amounts(name: str) -> Any:
        value = raw[name] if name in game.fields else None
        return [in_units(each, unit) for each in value] if isinstance(value, list) else value and in_units(value, unit)

    history = HandHistory(
        variant=game.code,
        # With trimming on, pokerkit hands a big-blind ante back. Who may win which ante is decided in `make_pots`.
        ante_trimming_status=False,
        antes=amounts("antes"),
        blinds_or_straddles=amounts("blinds_or_straddles"),
        bring_in=amounts("bring_in"),
        small_bet=amounts("small_bet"),
        big_bet=amounts("big_bet"),
        min_bet=amounts("min_bet"),
        starting_stacks=amounts("starting_stacks"),
        actions=raw["actions"],
    )
    with warnings.catch_warnings():
        # pokerkit warns of folds where a check is free, which are allowed, and of cards, which `CardsSeen` judges.
        warnings.simplefilter("ignore")
        return _play(raw["actions"], _strictly("the start", history.create_state), game, unit)


def _play(actions: Sequence[str], state: State, game: Game, unit: int) -> list[Step]:
    # Without a way to compare hands, pokerkit pays nobody. It would split pots between hidden hands.
    state.hand_types = ()
    if game.board:
        # pokerkit looks for every card in the whole deck, which takes a fifth of its time, and `CardsSeen` does better.
        # It needs the deck in games where that may run out.
        state.deck_cards.clear()
    cards = CardsSeen(state, game.deck)
    steps = [(0, operation) for operation in state.operations]
    for number, action in enumerate(actions, start=1):
        # After the last bet there is no street any more, but the winner may still show.
        street = steps[-1][0] if state.street_index is None else state.street_index
        done = len(state.operations)
        _strictly(f"action {number} ({action})", partial(_act, state, cards, action, game, unit))
        steps += [(street, operation) for operation in state.operations[done:]]
    if state.status:
        raise HandRefused(f"stops early: {_what_is_missing(state)}")
    return steps


def _act(state: State, cards: CardsSeen, action: str, game: Game, unit: int) -> None:
    written = " ".join(action.partition("#")[0].split())
    match = _ACTION.fullmatch(written)
    if match is None:
        if not written:
            return
        raise HandRefused("is not an action of PHH")
    if match["dealee"]:
        cards.deal(match["dealt"])
    elif match["board"]:
        cards.deal(match["board"])
    elif match["shower"]:
        cards.show(match["shown"], int(match["shower"]) - 1)
    elif not game.board:
        _let_open(state, int(match["actor"]) - 1)
    try:
        parse_action(state, written, lambda text: int(read_amount(text) * unit))
    except ValueError:
        if not _raise_all_in(state, written, unit):
            raise
    except KeyError as error:
        # On later streets of stud, pokerkit looks an unknown card up and does not find it.
        raise HandRefused("a card that lies open is unknown, so nobody can tell who opens the betting") from error
    while state.card_burning_status and not any(state.standing_pat_or_discarding_statuses):
        state.burn_card("??")
        cards.deal("??")


def _let_open(state: State, seat: int) -> None:
    """In stud the cards that lie open decide who opens a street. Where such a card is unknown, the record decides.

    pokerkit goes by the known cards alone. So it gives way to a player with an unknown one, before anybody has acted.
    """
    if seat in state.actor_indices and not state.acted_player_indices and not all(state.get_up_cards(seat)):
        state.actor_indices.rotate(-state.actor_indices.index(seat))
        state.opener_index = seat


def _raise_all_in(state: State, action: str, unit: int) -> bool:
    """Apply a raise to less than the minimum, where that is all the chips of the opponent who has most.

    A player who raises a short stack may write what the raise is worth, instead of what it is called. pokerkit wants
    the minimum raise. So it gets that, and the amount of the record is entered: nobody can call for more.
    """
    player, verb, *amount = action.split()
    least = state.min_completion_betting_or_raising_to_amount
    if verb != "cbr" or least is None or player != f"p{(state.actor_index or 0) + 1}":
        return False
    raised_to = int(read_amount(amount[0]) * unit)
    rivals = [seat for seat in state.player_indices if seat != state.actor_index and state.statuses[seat]]
    if raised_to >= least or raised_to != max(state.bets[seat] + state.stacks[seat] for seat in rivals):
        return False
    state.operations[-1] = replace(state.complete_bet_or_raise_to(least), amount=raised_to)
    return True


def _strictly(where: str, step: Callable[[], Any]) -> Any:
    try:
        return step()
    # A broken record may also trip pokerkit's own assertions and look-ups. Whatever it is, the hand cannot be played.
    except Exception as error:
        raise HandRefused(f"{where}: {str(error) or type(error).__name__}") from error


def _what_is_missing(state: State) -> str:
    if state.actor_index is not None:
        text = f"p{state.actor_index + 1} has not acted"
    elif any(state.standing_pat_or_discarding_statuses):
        text = f"p{state.standing_pat_or_discarding_statuses.index(True) + 1} has not discarded or stood pat"
    elif any(state.hole_dealing_statuses):
        text = "hole cards have not been dealt"
    elif any(state.board_dealing_counts):
        text = "board cards have not been dealt"
    else:
        text = "not everybody has shown or mucked"
    if Decimal("inf") in state.starting_stacks:
        text += " (where stacks are unknown, nobody can tell who is all-in)"
    return text
