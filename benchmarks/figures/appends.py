"""P1 to P4: events on their way into the log."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.figures.running import BATCH, WRITERS, Run, fastest
from benchmarks.peers import (
    BARE,
    BARE_BINARY_COPY,
    BARE_COPY,
    BARE_READY,
    EVENTSOURCE_PY,
    FUNCTION,
    FUNCTION_MADE,
    FUNCTION_READY,
    LIBRARY,
    LIBRARY_MADE,
    LIBRARY_READY,
    MESSAGE_DB,
    OURS,
    OURS_MADE,
)
from benchmarks.work import STREAM, Times, Ways, in_turns, ratio, streams
from benchmarks.writers import Share, Writers, appending, writers

IMPORT = 10_000  # events in a transaction of an import


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
    """The same for eight writers, all of them processes or all of them threads."""
    with writers(url, WRITERS, names, threads) as eight:
        able = [name for name in names if name not in eight.problems]
        run.say(f"{WRITERS} writers in {'threads' if threads else 'processes'}")
        sizes = run.sizes
        rates, latencies, problems = measure_rates(eight, able, WRITERS, sizes.writer_rounds, sizes.writer_seconds)
        run.figure.problems |= eight.problems | problems
    return rates, latencies


def measure_rates(
    all_of_them: Writers, names: list[str], how_many: int, rounds: int, seconds: float
) -> tuple[Times, Times, dict[str, str]]:
    """Let writers append in the way of one contender, then of the next, and so on.

    Args:
        all_of_them: the writers.
        names: the contenders.
        how_many: of the writers.
        rounds: how often each contender has its turn; once more before, to warm up.
        seconds: how long a turn is.

    Returns:
        For each contender the seconds for an event, all writers together, one value for each round; the seconds for
        each single append; and for those that failed, why.
    """
    shares: dict[str, list[list[Share]]] = {name: [] for name in names}

    def taking(name: str) -> Callable[[], object]:
        return lambda: shares[name].append(all_of_them.turn(name, seconds, how_many))

    ways: Ways = {name: lambda name=name: taking(name) for name in names}  # type: ignore[misc]
    kept, problems = in_turns(ways, rounds, warm_up=1)
    rates: Times = {}
    latencies: Times = {}
    for name in kept:
        measured = shares[name][1:]
        rates[name] = [1 / sum(len(each.appends) / sum(each.appends) for each in turn) for turn in measured]
        latencies[name] = [took for turn in measured for each in turn for took in each.appends]
    return rates, latencies, problems


def append_batch(run: Run) -> None:
    figure = run.figure
    ours, peers = [OURS, OURS_MADE], [LIBRARY, LIBRARY_MADE, LIBRARY_READY, FUNCTION, FUNCTION_MADE, FUNCTION_READY]
    names = [*ours, BARE, BARE_COPY, *peers, MESSAGE_DB, EVENTSOURCE_PY]
    figure.work = (
        f"Each call stores a new stream of {BATCH:,} events in one transaction. The figures are from objects to the "
        "commit: each side has its own kind of events, made before the clock starts, or ready bytes. Beside them "
        "stands the way from payloads, where making the events is part of the work."
    )
    with run.server() as url, run.contenders(url, names) as contenders:
        names_of_streams = streams("batches")
        ways: Ways = {
            name: lambda contender=contender: contender.batch([next(names_of_streams)], BATCH)  # type: ignore[misc]
            for name, contender in contenders.items()
        }
        times = run.take_turns(f"{BATCH:,} events a call", ways, run.sizes.batches)
    figure.time(times, BATCH)
    own, ready = (LIBRARY_MADE, FUNCTION_MADE), (LIBRARY_READY, FUNCTION_READY)
    for text, reach, paths in (
        ("at least 1.5 x the fastest path of eventsourcing, from its own domain events", 1.5, own),
        ("at least 1.0 x the same path, handed ready bytes", 1.0, ready),
    ):
        peer = fastest(times, paths)
        figure.compare(times, OURS_MADE, peer, reach, f"{text} ({peer})")
    from_payloads = fastest(times, (LIBRARY, FUNCTION))
    if OURS in times and from_payloads in times:
        against = ratio(times[from_payloads], times[OURS])
        figure.notes.append(f"From payloads, against {from_payloads}: {against.median:.3f} x.")


def import_events(run: Run) -> None:
    figure, copies = run.figure, (BARE_COPY, BARE_BINARY_COPY)
    names = [OURS, *copies, LIBRARY, FUNCTION]
    total = run.sizes.imported
    size = min(total, IMPORT)
    figure.work = f"{total:,} events in streams of {STREAM}, from their payloads, {size:,} in each transaction."
    with run.server() as url, run.contenders(url, names) as contenders:
        names_of_streams = streams("imports")

        def importing(name: str) -> Callable[[], object]:
            parts = [[next(names_of_streams) for _ in range(size // STREAM)] for _ in range(total // size)]
            calls = [contenders[name].load(part, STREAM) for part in parts]
            return lambda: [call() for call in calls]

        ways: Ways = {name: lambda name=name: importing(name) for name in contenders}  # type: ignore[misc]
        times = run.take_turns("import", ways, run.sizes.import_rounds, warm_up=1)
    figure.time(times, total)
    limit = fastest(times, copies)
    figure.compare(
        times, OURS, limit, 0.9, f"at least 0.9 x bare COPY of the same objects into the same table ({limit})"
    )
    figure.notes.append("eventstore imports by its method load, which also checks each stream and each id.")
