"""Chance that comes out the same on every machine and under every version of Python."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import TypeVar

Item = TypeVar("Item")


class Dice:
    """A sequence of chances that its seed decides.

    Only `random.Random.random()` is used: of all methods it is the one whose sequence Python promises to keep. The
    methods built on it, such as `shuffle`, may change. Source: Python documentation, `random`, "Notes on
    Reproducibility".

    Args:
        seed: any text. Different texts give sequences that have nothing to do with each other.
    """

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""
        return int(self._random.random() * limit)

    def percent(self, chance: int) -> bool:
        """Whether something happens that happens `chance` times in a hundred."""
        return self.below(100) < chance

    def shuffled(self, items: Iterable[Item]) -> list[Item]:
        """The items in another order: the shuffle of Fisher and Yates."""
        shuffled = list(items)
        for last in range(len(shuffled) - 1, 0, -1):
            other = self.below(last + 1)
            shuffled[last], shuffled[other] = shuffled[other], shuffled[last]
        return shuffled
