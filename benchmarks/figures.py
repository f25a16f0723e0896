"""The figures P1 to P9: what is measured, on which server, and against whom.

Each figure has a fresh server of its own with fsync on, on which all its contenders take turns. What is timed begins
with a payload, a dict, and ends with what the contender gives back; a contender that is called ready is handed
what it needs before the clock starts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count

import psycopg

import eventstore
from benchmarks.decisions import fresh_server
from benchmarks.machine import describe
from benchmarks.peers import (
    BARE,
    BARE_COPY,
    BARE_READY,
    EVENTSOURCE_PY,
    FUNCTION,
    FUNCTION_READY,
    LIBRARY,
    LIBRARY_READY,
    MESSAGE_DB,
    OURS,
    Missing,
    load,
)
from benchmarks.results import Figure
from benchmarks.work import Contender, Ratio, Times, Ways, described, in_turns, percentile, ratio, streams
from benchmarks.writers import Share, appending, writers
from eventstore import Subscription

WRITERS = 8
BATCH = 1_000
READ_STREAMS = 20


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    appends: int = 2_000
    writer_rounds: int = 6
    writer_seconds: float = 1.0
    batches: int = 25
    reads: int = 200
    log: int = 50_000
    follow_rounds: int = 5
    lossless_seconds: float = 5.0
    imported: int = 50_000
    import_rounds: int = 5
    loads: int = 15
    counted: int = 10_000_000
    tail: int = 10_000
    course: tuple[str, ...] = ("notebooks",)
    set_up: bool = True


QUICK = Sizes(
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
        times, problems = in_turns(ways, rounds, lambda: self.say(f"{what}, round {next(done)} of {rounds}"), warm_up)
        self.figure.problems |= problems
        return times


def append_one(run: Run) -> None:
    figure, names = run.figure, [OURS, BARE, BARE_READY, LIBRARY, FUNCTION, MESSAGE_DB, EVENTSOURCE_PY]
    figure.work = "Each call stores one event durably: a version check, a number, an answer. Streams of 100 events."
    with run.server() as url, run.contenders(url, names) as contenders:
        appends = {name: appending(contender, name) for name, contender in contenders.items()}
        ways: Ways = {name: lambda append=append: append for name, append in appends.items()}  # type: ignore[misc]
        times = run.take_turns("append", ways, run.sizes.appends)
    figure.time(times)
    figure.compare(times, OURS, BARE, 0.88, "at least 0.88 x the bare driver that does one prepared INSERT")
    figure.compare(times, OURS, LIBRARY, 2, "at least 2 x eventsourcing, its default")
    if BARE_READY in times and OURS in times:
        against = ratio(times[BARE_READY], times[OURS])
        figure.notes.append(
            f"Against the bare driver that is handed ready values, so that no event is made or checked: "
            f"{against.median:.3f} x."
        )


def append_from_eight(run: Run) -> None:
    figure, names = run.figure, [OURS, BARE, BARE_READY, LIBRARY, FUNCTION, MESSAGE_DB, EVENTSOURCE_PY]
    figure.work = (
        f"{WRITERS} writers, each a process with one connection and streams of its own, append for "
        f"{run.sizes.writer_seconds:g} s in the way of one contender, then of the next. What they got done together is "
        "compared turn by turn. message-db lets one writer of a category in at a time, and all hands are one category."
    )
    with run.server() as url:
        ready = run.prepare(url, names)
        rates, latencies = _rates(run, url, ready)
        some = [name for name in ready if name in (OURS, BARE, LIBRARY)]
        in_threads, their_latencies = _rates(run, url, some, threads=True)
    figure.time(latencies, rates=rates)
    figure.time(their_latencies, prefix="in threads: ", rates=in_threads)
    figure.compare(rates, OURS, BARE, 0.85, "at least 0.85 x the bare driver")
    figure.compare(rates, OURS, LIBRARY, 4, "at least 4 x eventsourcing")
    for other in (BARE, LIBRARY):
        if OURS in in_threads and other in in_threads:
            against = ratio(in_threads[other], in_threads[OURS])
            figure.notes.append(f"With eight threads of one process instead, against {other}: {against.median:.3f} x.")


def _rates(run: Run, url: str, names: list[str], threads: bool = False) -> tuple[Times, Times]:
    """Seconds for each event, all writers together, one value for each round; and seconds for each single append."""
    rounds: dict[str, list[list[Share]]] = {name: [] for name in names}
    with writers(url, WRITERS, names, threads) as eight:
        run.figure.problems |= eight.problems

        def taking(name: str) -> Callable[[], object]:
            return lambda: rounds[name].append(eight.turn(name, run.sizes.writer_seconds))

        able = [name for name in names if name not in eight.problems]
        ways: Ways = {name: lambda name=name: taking(name) for name in able}  # type: ignore[misc]
        what = f"{WRITERS} writers in {'threads' if threads else 'processes'}"
        kept = run.take_turns(what, ways, run.sizes.writer_rounds, warm_up=1)
    rates: Times = {}
    latencies: Times = {}
    for name in kept:
        measured = rounds[name][1:]  # the first one was for warming up
        rates[name] = [1 / sum(len(share.appends) / sum(share.appends) for share in shares) for shares in measured]
        latencies[name] = [seconds for shares in measured for share in shares for seconds in share.appends]
    return rates, latencies


def append_batch(run: Run) -> None:
    figure = run.figure
    names = [OURS, BARE, BARE_COPY, LIBRARY, LIBRARY_READY, FUNCTION, FUNCTION_READY, MESSAGE_DB, EVENTSOURCE_PY]
    figure.work = f"Each call stores a new stream of {BATCH:,} events in one transaction."
    with run.server() as url, run.contenders(url, names) as contenders:
        names_of_streams = streams("batches")
        ways: Ways = {
            name: lambda contender=contender: contender.batch(next(names_of_streams), BATCH)  # type: ignore[misc]
            for name, contender in contenders.items()
        }
        times = run.take_turns(f"{BATCH:,} events a call", ways, run.sizes.batches)
    figure.time(times, BATCH)
    for text, reach, paths in (
        ("at least 1.5 x the fastest path of eventsourcing, from its own domain events", 1.5, (LIBRARY, FUNCTION)),
        ("at least 1.0 x the same path, handed ready bytes", 1.0, (LIBRARY_READY, FUNCTION_READY)),
    ):
        known = [name for name in paths if name in times]
        fastest = min(known, key=lambda name: percentile(times[name], 50)) if known else paths[0]
        figure.compare(times, OURS, fastest, reach, f"{text} ({fastest})")


def read_stream(run: Run) -> None:
    figure, names = run.figure, [OURS, BARE, LIBRARY, MESSAGE_DB, EVENTSOURCE_PY]
    figure.work = f"Each call reads one of {READ_STREAMS} streams of {BATCH:,} events, each with its payload decoded."
    with run.server() as url, run.contenders(url, names) as contenders:
        kept: dict[str, list] = {name: [] for name in contenders}
        writing = {name: contender for name, contender in contenders.items() if name != BARE}
        names_of_streams = streams("reads")
        for number in range(READ_STREAMS):
            run.say(f"writing stream {number + 1} of {READ_STREAMS}")
            stream = next(names_of_streams)
            for name, contender in writing.items():
                contender.batch(stream, BATCH)()
                kept[name].append(stream)
        kept[BARE] = kept.get(OURS, [])
        _vacuum(url)
        turns = {name: count() for name in contenders}

        def reading(name: str) -> Callable[[], object]:
            stream = kept[name][next(turns[name]) % READ_STREAMS]

            def read() -> None:
                assert len(contenders[name].read(stream)) == BATCH

            return read

        ways: Ways = {name: lambda name=name: reading(name) for name in contenders}  # type: ignore[misc]
        times = run.take_turns("read", ways, run.sizes.reads)
    figure.time(times, BATCH)
    figure.compare(times, OURS, BARE, 0.6, "at least 0.6 x the bare driver that fetches tuples with decoded JSON")
    figure.compare(times, OURS, LIBRARY, 2, "at least 2 x eventsourcing, to its domain events")


def catch_up(run: Run) -> None:
    figure, names = run.figure, [OURS, BARE, LIBRARY, MESSAGE_DB, EVENTSOURCE_PY]
    events = run.sizes.log
    figure.work = f"A log of {events:,} events is read from its start by a new follower that does nothing with them."
    with run.server() as url, run.contenders(url, names) as contenders:
        for name, contender in contenders.items():
            if name == BARE:
                continue  # it reads the log of the store
            names_of_streams = streams("log")
            for done in range(0, events, BATCH):
                run.say(f"{name}: writing the log, {done:,} of {events:,}")
                contender.batch(next(names_of_streams), BATCH)()
        _vacuum(url)

        def following(contender: Contender) -> Callable[[], object]:
            def follow() -> None:
                seen = contender.follow()
                assert seen == events, f"{seen:,} of {events:,} events were seen"

            return follow

        ways: Ways = {name: lambda each=each: following(each) for name, each in contenders.items()}  # type: ignore[misc]
        times = run.take_turns("following", ways, run.sizes.follow_rounds, warm_up=1)
        figure.time(times, events)
        figure.compare(times, OURS, LIBRARY, 2, "at least 2 x the subscription of eventsourcing")
        written, lost = _follow_writers(run, url)
    figure.reach("nothing lost while 8 writers write: part that was seen, once and in order", 1, Ratio(*[1 - lost] * 3))
    figure.notes.append(f"{written:,} events were written by {WRITERS} processes while the subscription followed.")
    figure.notes.append(
        "Ours commits its position with each batch. The others keep none here: to keep it is the caller's part."
    )


def _follow_writers(run: Run, url: str) -> tuple[int, float]:
    """How many events were written while somebody followed, and which part of them was not seen once and in order."""
    seconds = run.sizes.lossless_seconds
    run.say(f"following {WRITERS} writers")
    seen: list[int] = []
    with eventstore.connect(url) as store:
        before = store.high_water_mark()
        subscription = Subscription(store, "lossless", lambda event, _: seen.append(event.sequence_number or 0))
        subscription.reset(before)
        follower = threading.Thread(target=subscription.run)
        follower.start()
        try:
            with writers(url, WRITERS, [OURS]) as eight:
                shares = eight.turn(OURS, seconds)
            written = sum(len(share.appends) for share in shares)
            deadline = time.monotonic() + 60
            while len(seen) < written and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            subscription.stop()
            follower.join()
        with store.connection() as connection:
            query = "SELECT sequence_number FROM domain_events WHERE sequence_number > %s ORDER BY sequence_number"
            stored = [number for (number,) in connection.execute(query, (before,))]
    if seen == stored and len(stored) == written:
        return written, 0.0
    return written, max(1, len(set(stored) - set(seen))) / max(1, len(stored))


def _vacuum(url: str) -> None:
    """Leave every contender's tables as a running server would have made them after a while."""
    with psycopg.connect(url, autocommit=True) as connection:
        databases = connection.execute("SELECT datname FROM pg_database WHERE datallowconn").fetchall()
    for (database,) in databases:
        with psycopg.connect(url, dbname=database, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")


FIGURES: dict[str, tuple[str, Callable[[Run], None]]] = {
    "P1": ("append, one event a call, one connection", append_one),
    "P2": ("append, eight writers", append_from_eight),
    "P3": ("append_many, 1,000 events a call", append_batch),
    "P5": ("read one stream of 1,000 events", read_stream),
    "P8": ("catch up with the log", catch_up),
}
