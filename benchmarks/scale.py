"""How the cost grows: with the length of the log, the writers, the size of a batch, the length of a stream."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import psycopg

import eventstore
from benchmarks.counting import PLAIN, ROLLED_UP, roll_up
from benchmarks.decisions import fresh_server
from benchmarks.figures.appends import measure_rates
from benchmarks.growing import grow
from benchmarks.machine import describe
from benchmarks.peers import BARE, BARE_COPY, OURS, load
from benchmarks.peers.ours import Ours
from benchmarks.results import Curve
from benchmarks.work import SEED, Times, Ways, described, in_turns, percentile, streams
from benchmarks.writers import appending, writers
from eventstore import EventQueryFilter

BATCH = 1_000
MOST_AT_ONCE = 100_000  # events in one list; a million of them would need gigabytes
SECONDS = 20.0  # for one point, on a slow or a busy machine
TAIL = 1_000  # events that are not rolled up when they are counted

MORE_OF_A_STREAM = """
INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data)
SELECT
    (lpad(to_hex(number), 12, '0') || '70008000' || substr(md5(number::text), 1, 12))::uuid,
    'game.action_processed', 'long', number, jsonb_build_object('seat', number %% 9 + 1, 'amount', number * 7 %% 4000)
FROM generate_series(%s::bigint, %s::bigint) AS number
"""


@dataclass(frozen=True)
class Reach:
    """How far each curve goes, and how often each point is measured."""

    logs: tuple[int, ...] = (10_000, 100_000, 1_000_000, 10_000_000)
    writers: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    batches: tuple[int, ...] = (1, 10, 100, 1_000, 10_000)
    streams: tuple[int, ...] = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
    calls: int = 500
    rounds: int = 10
    writer_rounds: int = 4
    writer_seconds: float = 1.0
    minutes: float = 14.0  # after which no longer log is begun


QUICK_REACH = Reach((1_000, 3_000), (1, 2), (1, 10), (10, 100), 20, 2, 1, 0.3)

Say = Callable[[str], object]


def writers_curve(reach: Reach, say: Say) -> list[Curve]:
    curve = Curve("writers", "Append, one event a call", "writers", "events a second, all together")
    curve.note = "Each writer is a process with one connection and streams of its own."
    with _server(curve) as url:
        names = [OURS, BARE]
        load(OURS).prepare(url)
        with writers(url, max(reach.writers), names) as all_of_them:
            for how_many in reach.writers:
                say(f"{how_many} writers")
                rates, _, problems = measure_rates(
                    all_of_them, names, how_many, reach.writer_rounds, reach.writer_seconds
                )
                if problems:
                    raise RuntimeError(f"{how_many} writers: {problems}")
                for name in names:
                    curve.add(name, how_many, 1 / percentile(rates[name], 50))
    return [curve]


def batches_curve(reach: Reach, say: Say) -> list[Curve]:
    curve = Curve("batches", "append_many", "events in a call", "events a second")
    curve.note = "Each call stores a new stream in one transaction."
    with _server(curve) as url:
        names = [OURS, BARE_COPY]
        load(OURS).prepare(url)
        contenders = {name: load(name)(url) for name in names}
        new_streams = streams("batch sizes")
        try:
            for size in reach.batches:
                say(f"batches of {size:,}")
                ways: Ways = {
                    name: lambda each=each, size=size: each.batch([next(new_streams)], size)  # type: ignore[misc]
                    for name, each in contenders.items()
                }
                rounds = max(reach.rounds, min(reach.calls, 20_000 // size))
                for name, seconds in _measured(ways, rounds).items():
                    curve.add(name, size, size / percentile(seconds, 50))
        finally:
            for contender in contenders.values():
                contender.close()
    return [curve]


def streams_curve(reach: Reach, say: Say) -> list[Curve]:
    reading = Curve("stream", "A long stream, read", "events in the stream", "milliseconds")
    reading.note = "One stream that grows; nothing else is in the log."
    with _server(reading) as url, eventstore.connect(url) as store, store.connection() as connection:
        stored = 0
        for length in reach.streams:
            say(f"a stream of {length:,} events")
            connection.execute(MORE_OF_A_STREAM, (stored + 1, length))
            connection.execute("VACUUM ANALYZE domain_events")
            stored = length
            whole: Ways = {"get_stream, all of it": lambda: lambda: sum(1 for _ in store.get_stream("long"))}
            if length <= MOST_AT_ONCE:
                whole["get_by_aggregate, all of it"] = lambda: lambda: store.get_by_aggregate("long")
            last: Ways = {
                "get_by_aggregate, the last ten": lambda at=length - 9: lambda: store.get_by_aggregate("long", at),  # type: ignore[misc]
                "get_latest_version": lambda: lambda: store.get_latest_version("long"),
            }
            rounds = max(2, min(reach.calls, 100_000 // length))
            for name, seconds in (_measured(whole, rounds) | _measured(last, reach.calls)).items():
                reading.add(name, length, percentile(seconds, 50) * 1e3)
    return [reading]


def log_curves(reach: Reach, say: Say) -> list[Curve]:
    """One log that grows, and at each size what an append, a read and the statistics take."""
    began = time.monotonic()
    writing = Curve("append", "Append", "events in the log", "milliseconds")
    reading = Curve("read", "Read", "events in the log", "milliseconds")
    counting = Curve("statistics", "Count the events", "events in the log", "milliseconds")
    reading.note = "The measuring itself adds some ten thousand events to each of the logs."
    counting.note = f"All but the last {TAIL:,} events are rolled up."
    with _server(writing, reading, counting) as url, eventstore.connect(url) as store, store.connection() as connection:
        connection.execute("ALTER TABLE domain_events SET (autovacuum_enabled = off)")  # it would come at any moment
        contender, stored, growth = Ours(url), 0, 0.0
        dice, new_streams = random.Random(SEED), streams("scale")
        try:
            for size in reach.logs:
                expected = (size - stored) * growth
                if time.monotonic() - began + expected > reach.minutes * 60:
                    minutes = expected / 60
                    writing.note = (
                        f"A log of {size:,} events was left out: to make it would have taken {minutes:.0f} min."
                    )
                    break
                start = time.monotonic()
                grow(connection, stored, size - TAIL, say)
                say(f"rolling up {size:,} events")
                roll_up(connection)
                say(f"{size:,} events: vacuum")
                connection.execute("VACUUM ANALYZE")
                grow(connection, size - TAIL, size)
                growth = (time.monotonic() - start) / (size - stored)
                stored = size
                for curve, times in (
                    (counting, _counted(connection, size, reach, say)),
                    (reading, _read(contender, size, reach, dice, new_streams, say)),
                    (writing, _appended(contender, reach, new_streams, say)),
                ):
                    for name, seconds in times.items():
                        curve.add(name, size, percentile(seconds, 50) * 1e3)
                        if curve is writing:
                            curve.add(f"{name}, p95", size, percentile(seconds, 95) * 1e3)
        except Exception as error:
            if not writing.lines:
                raise
            writing.note = f"It ended at {size:,} events: {described(error)}."  # what came before is still worth having
        finally:
            contender.close()
    return [writing, reading, counting]


def _counted(connection: psycopg.Connection, size: int, reach: Reach, say: Say) -> Times:
    say(f"{size:,} events: counting")
    if connection.execute(PLAIN).fetchall() != connection.execute(ROLLED_UP).fetchall():
        raise AssertionError("event_statistics and a plain count disagree")
    view: Ways = {"event_statistics": lambda: lambda: connection.execute(ROLLED_UP).fetchall()}
    plain: Ways = {"plain GROUP BY": lambda: lambda: connection.execute(PLAIN).fetchall()}
    return _measured(view, reach.rounds) | _measured(plain, 2 if size > 1_000_000 else reach.rounds)


def _read(
    contender: Ours, size: int, reach: Reach, dice: random.Random, new_streams: Iterator[UUID], say: Say
) -> Times:
    say(f"{size:,} events: reading")
    stream = next(new_streams)
    contender.batch([stream], BATCH)()
    store = contender.store

    def hand() -> Callable[[], object]:
        name = f"hand {dice.randrange(size // 10):08}"
        return lambda: store.get_by_aggregate(name)

    def page() -> Callable[[], object]:
        after = dice.randrange(size * 9 // 10)
        wanted = EventQueryFilter(event_type="game.completed", after_sequence=after, limit=100)
        return lambda: store.query(wanted)

    ways: Ways = {
        "a hand of ten events": hand,
        "a page of 100 events of one type": page,
        f"a stream of {BATCH:,} events": lambda: lambda: contender.read(stream),
        "high_water_mark": lambda: store.high_water_mark,
    }
    return _measured(ways, reach.calls // 2)


def _appended(contender: Ours, reach: Reach, new_streams: Iterator[UUID], say: Say) -> Times:
    say("appending")
    append = appending(contender, f"scale {next(new_streams)}")
    one: Ways = {"append, one event": lambda: append}
    many: Ways = {f"append_many, {BATCH:,} events": lambda: contender.batch([next(new_streams)], BATCH)}
    return _measured(one, reach.calls) | _measured(many, reach.rounds)


def _measured(ways: Ways, rounds: int) -> Times:
    """In turns; here nothing may fail."""
    times, problems = in_turns(ways, rounds, seconds=SECONDS)
    if problems:
        raise RuntimeError("; ".join(f"{name}: {problem}" for name, problem in problems.items()))
    return times


@contextmanager
def _server(*curves: Curve) -> Iterator[str]:
    with fresh_server() as url:
        for curve in curves:
            curve.machine = describe(url)
        yield url


# The log comes last: it takes longest, and the others shall not wait for it.
CURVES: dict[str, Callable[[Reach, Say], list[Curve]]] = {
    "writers": writers_curve,
    "batches": batches_curve,
    "streams": streams_curve,
    "log": log_curves,
}
