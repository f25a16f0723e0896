"""P7: how many events there are, exactly, however many."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

import psycopg

import eventstore
from benchmarks.counting import PLAIN, ROLLED_UP, roll_up
from benchmarks.decisions import fresh_server
from benchmarks.figures.running import Run
from benchmarks.growing import grow
from benchmarks.peers.ours import domain_event
from benchmarks.results import Goal
from benchmarks.work import STREAM, Times, Ways, ratio, streams
from eventstore import PostgresEventStore

VIEW = "event_statistics, with a live tail"
GROUP_BY = "plain GROUP BY with distinct aggregates"
ROLLED = "append to a store whose totals are rolled up"
BARE_LOG = "append to a store without statistics"

# What an append would be if there were no statistics at all.
WITHOUT_STATISTICS = """
DROP VIEW event_statistics;
DROP FUNCTION roll_up_event_statistics;
DROP TABLE event_totals, event_total_aggregates;
"""


def count_events(run: Run) -> None:
    figure, total, tail = run.figure, run.sizes.counted, run.sizes.tail
    figure.work = (
        f"A log of {total:,} events of four types in streams of ten, rolled up, and behind it a live tail of {tail:,}. "
        "Both ways of counting them have to agree before they are timed."
    )
    with run.server() as url, eventstore.connect(url) as store, store.connection() as connection:
        start = time.perf_counter()
        grow(connection, 0, total, run.say)
        grown = time.perf_counter()
        run.say(f"rolling up {total:,} events")
        roll_up(connection)
        rolled_up = time.perf_counter()
        run.say("vacuum")
        connection.execute("VACUUM ANALYZE")
        grow(connection, total, total + tail, run.say)
        figure.notes.append(
            f"{total + tail:,} events were counted. To write them took {grown - start:.0f} s, "
            f"to roll them up the first time {rolled_up - grown:.0f} s."
        )
        run.say("comparing the two counts")
        if connection.execute(PLAIN).fetchall() != connection.execute(ROLLED_UP).fetchall():
            raise AssertionError("event_statistics and a plain count disagree")
        ways: Ways = {
            VIEW: lambda: lambda: connection.execute(ROLLED_UP).fetchall(),
            GROUP_BY: lambda: lambda: connection.execute(PLAIN).fetchall(),
        }
        times = run.take_turns("count", ways, run.sizes.count_rounds, warm_up=0)  # the comparison was one
    figure.time(times, total + tail)
    figure.compare(times, VIEW, GROUP_BY, 100, f"at least 100 x as fast as the plain count ({total + tail:,} events)")
    with fresh_server() as url:
        _cost_of_an_append(run, url)


def _cost_of_an_append(run: Run, url: str) -> None:
    """Appends to two stores, one of which is rolled up again and again, between two appends and not during one."""
    with ExitStack() as sessions:
        stores = {
            ROLLED: sessions.enter_context(eventstore.connect(url, schema="rolled_up")),
            BARE_LOG: sessions.enter_context(eventstore.connect(url, schema="without")),
        }
        with stores[BARE_LOG].connection() as connection:
            connection.execute(WITHOUT_STATISTICS)
        rolling = sessions.enter_context(stores[ROLLED].connection())
        ways = {name: _appending(store, rolling if name == ROLLED else None) for name, store in stores.items()}
        times: Times = run.take_turns("append", ways, run.sizes.statistics_appends)
    run.figure.time(times)
    found = ratio(times[ROLLED], times[BARE_LOG])
    reached, low, high = ((each - 1) * 100 for each in (found.median, found.low, found.high))
    run.figure.goals.append(Goal("append slowed by at most 5 %", 5, reached, low, high, at_most=True, unit="%"))


def _appending(store: PostgresEventStore, rolling: psycopg.Connection | None) -> Callable[[], Callable[[], object]]:
    names = streams("statistics")
    stream, version = next(names), 0

    def make_ready() -> Callable[[], object]:
        nonlocal stream, version
        if version == STREAM:
            stream, version = next(names), 0
            if rolling is not None:
                rolling.execute("SELECT roll_up_event_statistics()")
        version += 1
        event = domain_event(stream, version)
        return lambda: store.append(event)

    return make_ready
