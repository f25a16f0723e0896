"""What somebody may see who looks on and plays no part."""

from __future__ import annotations

from dataclasses import replace

from poker.state import GameState, Seat

HIDDEN = "??"


def spectator_view(state: GameState) -> GameState:
    """The hand as everybody at the table sees it. Cards that are kept from them read "??"; their number is no secret.

    - Cards face down are hidden, whoever holds them and however the hand ends. What a player turns over at showdown
      can be seen in `shown`.
    - Cards face up, in stud, can be seen as long as the player holds them.
    - Of a player who has folded or mucked, nothing can be seen any more: all of those cards lie face down in the muck.
    - Cards discarded in a draw are hidden.

    Broadcasts that look under the cards of players still in the hand see more. They need the state itself, and a delay.

    Args:
        state: the hand at any version; it is not changed.

    Returns:
        The same state without the secret cards. Everything else in it, chips and result too, is public.
    """
    return replace(state, seats=tuple(_seen(seat) for seat in state.seats))


def _seen(seat: Seat) -> Seat:
    seat = replace(seat, down=_hidden(seat.down), discarded=_hidden(seat.discarded))
    if seat.folded or seat.mucked:
        seat = replace(seat, up=_hidden(seat.up), shown=_hidden(seat.shown))
    return seat


def _hidden(cards: tuple[str, ...]) -> tuple[str, ...]:
    return (HIDDEN,) * len(cards)
