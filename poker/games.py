"""The games that can be played: what their streets are called, what a record must say, how hands are compared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from pokerkit import HandHistory
from pokerkit.hands import Hand

FLOP_GAME = ("preflop", "flop", "turn", "river")
STUD = ("third", "fourth", "fifth", "sixth", "seventh")
SINGLE_DRAW = ("predraw", "draw")
TRIPLE_DRAW = ("predraw", "first draw", "second draw", "third draw")

# Every street of every game, so that streets can be sorted. A single draw is the last one, as the third of three is.
STREETS = tuple(dict.fromkeys((*FLOP_GAME, *STUD, *TRIPLE_DRAW, *SINGLE_DRAW)))


@dataclass(frozen=True)
class Game:
    """One of the games of PHH.

    Args:
        code: what PHH writes as `variant`.
        name: what players call it.
        streets: its streets, in the order in which they are dealt.
        dealt: how many cards each player has on the first street.
        board: how many cards lie on the board at the end.
    """

    code: str
    name: str
    streets: tuple[str, ...]
    dealt: int
    board: int = 0

    @property
    def fields(self) -> tuple[str, ...]:
        """The PHH fields without which a hand of this game cannot be played."""
        return HandHistory.required_field_names[self.code]

    @property
    def smallest_bet(self) -> str:
        """The PHH field with the smallest bet: the bet of the first street where there are two limits."""
        return "min_bet" if "min_bet" in self.fields else "small_bet"

    @property
    def hand_types(self) -> tuple[type[Hand], ...]:
        """How hands are compared: one way, or two where the pot is split between a high and a low hand."""
        return HandHistory.game_types[self.code].hand_types

    @cached_property
    def deck(self) -> frozenset[str]:
        """The cards the game is played with, as texts of two characters."""
        return frozenset(map(repr, HandHistory.game_types[self.code].deck))

    @property
    def most_players(self) -> int:
        """For how many players the deck has enough cards on the first street, with the board."""
        return (len(self.deck) - self.board) // self.dealt


GAMES = {
    game.code: game
    for game in (
        Game("NT", "no-limit hold'em", FLOP_GAME, 2, board=5),
        Game("FT", "fixed-limit hold'em", FLOP_GAME, 2, board=5),
        Game("NS", "no-limit short-deck hold'em", FLOP_GAME, 2, board=5),
        Game("PO", "pot-limit Omaha hold'em", FLOP_GAME, 4, board=5),
        Game("FO/8", "fixed-limit Omaha hold'em hi-lo", FLOP_GAME, 4, board=5),
        Game("F7S", "fixed-limit seven-card stud", STUD, 3),
        Game("F7S/8", "fixed-limit seven-card stud hi-lo", STUD, 3),
        Game("FR", "fixed-limit razz", STUD, 3),
        Game("N2L1D", "no-limit deuce-to-seven single draw", SINGLE_DRAW, 5),
        Game("F2L3D", "fixed-limit deuce-to-seven triple draw", TRIPLE_DRAW, 5),
        Game("FB", "fixed-limit badugi", TRIPLE_DRAW, 4),
    )
}
