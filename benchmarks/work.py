"""The work that is measured: the same hands of poker, whoever writes them, and the turns that are taken over it."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

SEED = 2026
EVENT_TYPE = "game.action_processed"
ENOUGH = 2  # rounds without which there is nothing to tell
STREAM = 100  # events in a stream, before the next one begins
STREETS = ("preflop", "flop", "turn", "river")

Payload = dict[str, Any]


def _payloads(how_many: int) -> list[Payload]:
    dice = random.Random(SEED)
    return [
        {
            "seat": dice.randint(1, 9),
            "kind": dice.choice(("fold", "check", "call", "raise")),
            "amount": dice.randrange(0, 4_000, 25),
            "to": dice.randrange(100, 8_000, 25),
            "street": dice.choice(STREETS),
            "pot_before": dice.randrange(150, 20_000, 5),
        }
        for _ in range(how_many)
    ]


_PAYLOADS = _payloads(4_096)


def payload(number: int) -> Payload:
    """The payload of an event, by its number: always the same one, and another one for its neighbours."""
    return _PAYLOADS[number % len(_PAYLOADS)]


def streams(whose: str) -> Iterator[UUID]:
    """Names of streams without end, other ones for each name, and the same ones in each run."""
    dice = random.Random(f"{SEED} {whose}")
    while True:
        yield UUID(int=dice.getrandbits(128), version=4)


def places(streams: Sequence[UUID], count: int) -> Iterator[tuple[UUID, int]]:
    """The stream and the version of each event of a batch."""
    return ((stream, version) for stream in streams for version in range(1, count + 1))


class Contender:
    """One way of doing the work. A contender offers what it can do; which figure asks for what stands there."""

    def __init__(self, url: str) -> None:
        """Connect to a server that `prepare` has seen."""

    @classmethod
    def prepare(cls, url: str) -> None:
        """Install on the server what this contender needs there, once."""

    def append(self, stream: UUID, version: int) -> object:
        """Store one event, durably, from its payload."""
        raise NotImplementedError

    def batch(self, streams: Sequence[UUID], count: int) -> Callable[[], object]:
        """Make ready to store new streams of so many events each, all in one transaction.

        What the contender is handed, if it is called ready, is made here; the rest in the call that is returned.
        """
        raise NotImplementedError

    def load(self, streams: Sequence[UUID], count: int) -> Callable[[], object]:
        """Make ready to store new streams as an import does, without an answer for each event."""
        return self.batch(streams, count)

    def read(self, stream: UUID) -> list[Any]:
        """All events of a stream in their order, each with its payload decoded."""
        raise NotImplementedError

    def follow(self) -> int:
        """Read all of the log in its order, each payload decoded, and return how many events that were."""
        raise NotImplementedError

    def close(self) -> None:
        """Give the connections back."""


Ways = dict[str, Callable[[], Callable[[], object]]]  # the first call makes ready, the second one is timed
Times = dict[str, list[float]]  # seconds


def in_turns(
    ways: Ways,
    rounds: int,
    advance: Callable[[], object] = lambda: None,
    warm_up: int | None = None,
    seconds: float = 60.0,
) -> tuple[Times, dict[str, str]]:
    """Let all ways do their work once in each round, in an order that is drawn anew.

    Whatever disturbs the machine disturbs all of them, and none is always the first. A way that fails is left out.

    Args:
        ways: what takes turns.
        rounds: how many are measured.
        advance: called after each round.
        warm_up: rounds before those; without it, a tenth of them and at most 50.
        seconds: after so many no further round is begun, as long as two have been measured.

    Returns:
        For each way that did not fail, the seconds of each of its rounds; for each that did, the error.
    """
    dice = random.Random(SEED)
    times: Times = {name: [] for name in ways}
    problems: dict[str, str] = {}
    warm_up = min(50, rounds // 10 + 1) if warm_up is None else warm_up
    end = time.monotonic() + seconds
    for turn in range(-warm_up, rounds):
        if turn >= ENOUGH and time.monotonic() > end:
            break
        for name in dice.sample(list(times), len(times)):
            try:
                call = ways[name]()
                start = time.perf_counter()
                call()
                took = time.perf_counter() - start
            except Exception as error:
                problems[name] = described(error)
                del times[name]
                continue
            if turn >= 0:
                times[name].append(took)
        advance()
    return times, problems


def described(error: BaseException) -> str:
    """An error in one line."""
    first = str(error).strip().splitlines()[:1] or [""]
    return f"{type(error).__name__}: {first[0]}" if first[0] else type(error).__name__


@dataclass(frozen=True)
class Ratio:
    """How many times as fast: the median over all pairs, and between what the medians of ten parts of the run lie."""

    median: float
    low: float
    high: float


def ratio(slower: list[float], faster: list[float]) -> Ratio:
    """How many times as long the first one took, round by round."""
    pairs = [one / other for one, other in zip(slower, faster, strict=True)]
    part = max(1, len(pairs) // 10)
    medians = [statistics.median(pairs[start : start + part]) for start in range(0, len(pairs) - part + 1, part)]
    return Ratio(statistics.median(pairs), min(medians), max(medians))


def percentile(values: list[float], percent: float) -> float:
    """The value below which so many percent lie, by the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
