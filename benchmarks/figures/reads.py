"""P5, P6 and P8: a stream, a state, and all of the log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count

import eventstore
from benchmarks.figures.running import BATCH, WRITERS, Run, fastest, vacuum
from benchmarks.peers import BARE, BARE_FASTER_JSON, EVENTSOURCE_PY, LIBRARY, MESSAGE_DB, OURS
from benchmarks.peers.ours import domain_event
from benchmarks.results import Goal
from benchmarks.work import Contender, Ways, described, streams
from benchmarks.writers import writers
from eventstore import DomainEvent, EventSnapshot, Repository, Subscription

READ_STREAMS = 20
LENGTH = 10_000  # events of the aggregate that is loaded
BEHIND = 10  # events that its snapshot does not hold


def read_stream(run: Run) -> None:
    figure, bare = run.figure, (BARE, BARE_FASTER_JSON)
    names = [OURS, *bare, LIBRARY, MESSAGE_DB, EVENTSOURCE_PY]
    figure.work = f"Each call reads one of {READ_STREAMS} streams of {BATCH:,} events, each with its payload decoded."
    with run.server() as url, run.contenders(url, names) as contenders:
        kept: dict[str, list] = {name: [] for name in contenders}
        writing = {name: contender for name, contender in contenders.items() if name not in bare}
        names_of_streams = streams("reads")
        for number in range(READ_STREAMS):
            run.say(f"writing stream {number + 1} of {READ_STREAMS}")
            stream = next(names_of_streams)
            for name, contender in writing.items():
                contender.batch([stream], BATCH)()
                kept[name].append(stream)
        kept |= dict.fromkeys(bare, kept[OURS])
        vacuum(url)
        turns = {name: count() for name in contenders}

        def reading(name: str) -> Callable[[], object]:
            stream = kept[name][next(turns[name]) % READ_STREAMS]

            def read() -> None:
                assert len(contenders[name].read(stream)) == BATCH

            return read

        ways: Ways = {name: lambda name=name: reading(name) for name in contenders}  # type: ignore[misc]
        times = run.take_turns("read", ways, run.sizes.reads)
    figure.time(times, BATCH)
    limit = fastest(times, bare)
    figure.compare(
        times, OURS, limit, 0.6, f"at least 0.6 x the bare driver that fetches tuples with decoded JSON ({limit})"
    )
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
                contender.batch([next(names_of_streams)], BATCH)()
        vacuum(url)

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
    text = "nothing lost while 8 writers write: 100 % of the events seen, once and in order"
    figure.goals.append(Goal(text, 100, (1 - lost) * 100, unit="%"))
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


def load_aggregate(run: Run) -> None:
    figure = run.figure
    figure.work = f"An aggregate of {LENGTH:,} events; its snapshot was taken {BEHIND} events before the end."
    stream = next(streams("aggregate"))
    with run.server() as url, ExitStack() as sessions:
        store = sessions.enter_context(eventstore.connect(url))
        run.say(f"writing {LENGTH:,} events")
        store.append_many([domain_event(stream, version) for version in range(1, LENGTH + 1)])
        snapshots, plain = Repository(store, _add, 0), Repository(store, _add, 0, schema_version=2)
        at = LENGTH - BEHIND
        early = plain.load_at(str(stream), at)
        store.save_snapshot(EventSnapshot(aggregate_id=str(stream), version=at, state=early))
        assert snapshots.load(str(stream)) == plain.load(str(stream))
        ways: Ways = {
            "eventstore, without a snapshot": lambda: lambda: plain.load(str(stream)),
            "eventstore, with a snapshot": lambda: lambda: snapshots.load(str(stream)),
        }
        for name in run.prepare(url, [LIBRARY]):
            try:
                from benchmarks.peers.eventsourcing_library import loading

                for which, load in sessions.enter_context(loading(url, LENGTH)).items():
                    ways[f"{name}, {which}"] = lambda load=load: load  # type: ignore[misc]
            except Exception as error:
                figure.problems[name] = described(error)
        vacuum(url)
        times = run.take_turns("load", ways, run.sizes.loads, warm_up=2)
    figure.time(times, LENGTH)
    figure.compare(
        times,
        "eventstore, with a snapshot",
        "eventstore, without a snapshot",
        50,
        "with a snapshot at least 50 x as fast as without",
    )


def _add(state: int, event: DomainEvent) -> int:
    return state + int(event.event_data["amount"])
