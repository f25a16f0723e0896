"""What all figures share: how much is measured, the server, and the contenders on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count

import psycopg

from benchmarks.decisions import fresh_server
from benchmarks.machine import describe
from benchmarks.peers import Missing, load
from benchmarks.results import Figure
from benchmarks.work import Contender, Times, Ways, described, in_turns, percentile

WRITERS = 8
BATCH = 1_000


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    seconds: float = 45.0  # after which no further round is begun, on a slow or a busy machine
    appends: int = 2_000
    writer_rounds: int = 5
    writer_seconds: float = 1.0
    batches: int = 25
    reads: int = 200
    log: int = 50_000
    follow_rounds: int = 5
    lossless_seconds: float = 5.0
    imported: int = 30_000
    import_rounds: int = 6
    loads: int = 15
    counted: int = 10_000_000
    tail: int = 10_000
    count_rounds: int = 3
    statistics_appends: int = 3_000
    course: tuple[str, ...] = ("notebooks",)
    set_up: bool = True


QUICK = Sizes(
    seconds=5.0,
    appends=100,
    writer_rounds=2,
    writer_seconds=0.3,
    batches=3,
    reads=10,
    log=2_000,
    follow_rounds=2,
    lossless_seconds=1.0,
    imported=2_000,
    import_rounds=2,
    loads=3,
    counted=20_000,
    tail=1_000,
    count_rounds=2,
    statistics_appends=100,
    course=("notebooks/day00_what_are_we_building.ipynb", "notebooks/solutions/day00_what_are_we_building.ipynb"),
    set_up=False,
)


@dataclass
class Run:
    """One figure while it is measured."""

    figure: Figure
    sizes: Sizes
    say: Callable[[str], object]  # what is being done now

    @contextmanager
    def server(self) -> Iterator[str]:
        self.say("starting a server")
        with fresh_server() as url:
            self.figure.machine = describe(url)
            yield url

    @contextmanager
    def contenders(self, url: str, names: list[str]) -> Iterator[dict[str, Contender]]:
        """Those that can be had. Why the others cannot is noted."""
        with ExitStack() as open_ones:
            found = {}
            for name in self.prepare(url, names):
                try:
                    found[name] = load(name)(url)
                    open_ones.callback(found[name].close)
                except Exception as error:
                    self.figure.problems[name] = described(error)
            yield found

    def prepare(self, url: str, names: list[str]) -> list[str]:
        ready = []
        for name in names:
            self.say(f"preparing {name}")
            try:
                load(name).prepare(url)
                ready.append(name)
            except Missing as error:
                self.figure.missing[name] = str(error)
            except Exception as error:
                self.figure.problems[name] = described(error)
        return ready

    def take_turns(self, what: str, ways: Ways, rounds: int, warm_up: int | None = None) -> Times:
        done = count(1)

        def advance() -> None:
            self.say(f"{what}, round {next(done)} of {rounds}")

        times, problems = in_turns(ways, rounds, advance, warm_up, self.sizes.seconds)
        self.figure.problems |= problems
        return times


def fastest(times: Times, names: tuple[str, ...]) -> str:
    known = [name for name in names if name in times]
    return min(known, key=lambda name: percentile(times[name], 50)) if known else names[0]


def vacuum(url: str) -> None:
    """Leave every contender's tables as a running server would have made them after a while."""
    with psycopg.connect(url, autocommit=True) as connection:
        databases = connection.execute("SELECT datname FROM pg_database WHERE datallowconn").fetchall()
    for (database,) in databases:
        with psycopg.connect(url, dbname=database, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
