"""What was measured, as plain values: they go to a file and come back, so that a run can add to the one before."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.work import Times, percentile, ratio


@dataclass(frozen=True)
class Timing:
    """How long one contender took for one call: percentiles in seconds; and events a second, all writers together."""

    name: str
    calls: int
    p50: float
    p95: float
    p99: float
    rate: float


@dataclass(frozen=True)
class Goal:
    """A figure to reach, and what was reached; None where that could not be measured, and then `note` says why."""

    text: str
    reach: float
    reached: float | None = None
    low: float | None = None
    high: float | None = None
    at_most: bool = False
    unit: str = "x"
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.reached is None:
            return None
        return self.reached <= self.reach if self.at_most else self.reached >= self.reach

    @property
    def verdict(self) -> str:
        return {True: "yes", False: "no", None: "not measured"}[self.met]

    def show(self, value: float | None) -> str:
        """A value with a few digits, never rounded to the better side."""
        if value is None:
            return "-"
        digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
        cut = math.ceil if self.at_most else math.floor
        return f"{cut(value * 10**digits) / 10**digits:,.{digits}f} {self.unit}"


@dataclass
class Figure:
    """One of the figures P1 to P9: who took how long, and what was reached."""

    name: str
    title: str
    work: str = ""
    timings: list[Timing] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)  # contenders that are not installed here
    problems: dict[str, str] = field(default_factory=dict)  # what failed
    seconds: float = 0.0
    measured: str = ""  # when
    machine: dict[str, str] = field(default_factory=dict)

    def time(self, times: Times, events: int = 1, prefix: str = "", rates: Times | None = None) -> None:
        """Note how long each contender took for a call of so many events.

        Args:
            times: seconds for each call.
            events: in each call.
            prefix: for the names.
            rates: seconds for each event, where several writers were at work; else one call came after the other.
        """
        for name, each in times.items():
            p50, p95, p99 = (percentile(each, percent) for percent in (50, 95, 99))
            rate = events / p50 if rates is None else 1 / percentile(rates[name], 50)
            self.timings.append(Timing(prefix + name, len(each), p50, p95, p99, rate))

    def compare(self, times: Times, ours: str, other: str, reach: float, text: str) -> None:
        """Note how many times as fast as another contender ours is, or why that is not known."""
        for name in (ours, other):
            if name not in times:
                why = self.missing.get(name) or self.problems.get(name) or "was not measured"
                self.goals.append(Goal(text, reach, note=f"{name}: {why}"))
                return
        found = ratio(times[other], times[ours])
        self.goals.append(Goal(text, reach, found.median, found.low, found.high))

    @property
    def absent(self) -> dict[str, str]:
        """What could not be measured, and why."""
        return self.missing | self.problems


@dataclass
class Curve:
    """How a cost grows: for each line, pairs of what grows and what was measured."""

    name: str
    title: str
    grows: str
    unit: str
    lines: dict[str, list[list[float]]] = field(default_factory=dict)
    note: str = ""
    seconds: float = 0.0
    measured: str = ""
    machine: dict[str, str] = field(default_factory=dict)

    def add(self, line: str, at: float, value: float) -> None:
        self.lines.setdefault(line, []).append([at, value])


@dataclass
class Results:
    """All that is known: the figures in their order, and the curves."""

    figures: dict[str, Figure] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Results:
        """What earlier runs have left behind; nothing, if there was none."""
        if not path.exists():
            return cls()
        found = json.loads(path.read_text(encoding="utf-8"))
        figures = {}
        try:
            for name, figure in found["figures"].items():
                timings = [Timing(**each) for each in figure.pop("timings")]
                goals = [Goal(**each) for each in figure.pop("goals")]
                figures[name] = Figure(**figure, timings=timings, goals=goals)
            return cls(figures, {name: Curve(**curve) for name, curve in found["curves"].items()})
        except (KeyError, TypeError):
            raise ValueError(f"{path} was written by another version of this program: delete it") from None
