"""Where a player sits, as players say it: from the small blind to the button."""

from __future__ import annotations

from collections.abc import Sequence

# Lojack, hijack, cutoff, button: counted from the button.
LATE = ("LJ", "HJ", "CO", "BTN")
# More than fit at a table: there are not enough cards for more.
MOST_PLAYERS = 23
EARLY = ("UTG", *(f"UTG+{number}" for number in range(1, MOST_PLAYERS - len(LATE))))
# In the order of the seats, which is the order of play after the flop.
POSITIONS = ("SB", "BB", *EARLY, *LATE)


def positions(posted: Sequence[int]) -> tuple[str | None, ...]:
    """The name of each seat.

    The seat before the button is the cutoff at a table of any size, and whoever acts first behind the blinds, if that
    is somebody else, is under the gun. Heads-up, the button posts the small blind; it is called the button here,
    because it acts last on every street but the first.

    Source of the order: the PHH format. The first seat is the one to the left of the button, and heads-up the blinds
    are listed in reverse.

    Args:
        posted: what each seat posted as blind, straddle or late blind, in the order of the seats.

    Returns:
        The names, in the order of the seats; None for all of them in games without blinds, such as stud, where the
        cards decide who acts first.
    """
    seats = len(posted)
    if not any(posted):
        return (None,) * seats
    if seats == 2:
        return "BB", "BTN"
    blinds = _blinds(posted)
    others = seats - len(blinds)
    late = LATE[-others:] if others <= 2 else LATE[-min(others - 1, len(LATE)) :]
    return (*blinds, *EARLY[: others - len(late)], *late)


def _blinds(posted: Sequence[int]) -> tuple[str, ...]:
    """The names of the seats between the button and whoever acts first."""
    if not any(posted[:2]):
        return ()  # the button alone posts a blind, as in short deck
    if not posted[1]:
        return ("BB",)  # whose turn it was to post the small blind has left the table
    return "SB", "BB"
