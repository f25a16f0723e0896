"""Recorded hands into a store: safe to stop, safe to run again, safe to run twice at once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import closing
from itertools import chain, islice
from pathlib import Path

from eventstore import EventStore, PostgresEventStore
from poker.chunks import AnyStore, Postgres, Summary, take_chunk
from poker.installing import install
from poker.phh import HandText, cut_hands
from poker.workers import Workers

# A chunk is one transaction. Larger ones save hardly any time, and would be longer away when the import is stopped.
HANDS_PER_CHUNK = 100
BYTES_PER_CHUNK = 1_000_000
# Fewer hands are in the store before another process has started.
FEWEST_CHUNKS_TO_SHARE = 5
# The server writes one chunk after the other, and that is a fifth of the work: more workers would wait for their turn.
MOST_WORKERS = 6
# Enough for a worker to find the next chunk when it comes back, and for one of them to be slow.
CHUNKS_PER_WORKER = 3

Chunk = list[HandText]


def import_hands(
    store: EventStore,
    path: Path | str,
    progress: Callable[[int], object] | None = None,
    *,
    workers: int | None = None,
) -> Summary:
    """Write the events of every recorded hand that the store does not have yet.

    A hand is written whole or not at all. A hand that breaks the rules is refused, named and counted; it is never
    repaired, and it does not keep the others out. In PostgreSQL it goes into quarantine: see `quarantined_hands`.
    A hand that the store knows by events of another mapping version is left alone and counted: events are facts, and
    the summary says how many hands still lack what this version tells. Memory does not grow with the size
    of the files.

    Args:
        store: where to.
        path: a folder, or a `.phh` or `.phhs` file.
        progress: called for each hand with the number of bytes that it takes in its file.
        workers: how many processes share the work; None for one for each core. Less than 500 hands, and hands for
            another store than PostgreSQL, are not shared.

    Returns:
        What became of the hands.

    Raises:
        FileNotFoundError: there is no such path, or no PHH file in it.
        SchemaError: this role may not make the table for the quarantine.
        StoreUnavailableError: the server is away; run the import again later, it goes on from there.
        ChildProcessError: a process of the import was killed; run the import again.
    """
    if isinstance(store, PostgresEventStore):
        install(store)
    total = Summary()
    with closing(_results(store, _chunks(cut_hands(Path(path))), workers or _cores())) as results:
        for chunk, summary in results:
            total.add(summary)
            if progress is not None:
                for hand in chunk:
                    progress(hand.size)
    return total


def _chunks(hands: Iterable[HandText]) -> Iterator[Chunk]:
    chunk, size = Chunk(), 0
    for hand in hands:
        chunk.append(hand)
        size += len(hand.text)
        if len(chunk) == HANDS_PER_CHUNK or size >= BYTES_PER_CHUNK:
            yield chunk
            chunk, size = Chunk(), 0
    if chunk:
        yield chunk


def _results(store: EventStore, chunks: Iterator[Chunk], workers: int) -> Generator[tuple[Chunk, Summary]]:
    """Each chunk in the order of the files, once it is in the store."""
    if not isinstance(store, PostgresEventStore):
        for chunk in chunks:
            yield chunk, take_chunk(chunk, AnyStore(store))
        return
    first = list(islice(chunks, FEWEST_CHUNKS_TO_SHARE))
    if workers > 1 and len(first) == FEWEST_CHUNKS_TO_SHARE:
        yield from _shared(store, chain(first, chunks), workers)
        return
    with store.connection() as connection:
        for chunk in chain(first, chunks):
            yield chunk, take_chunk(chunk, Postgres(store, connection))


def _shared(store: PostgresEventStore, chunks: Iterable[Chunk], count: int) -> Iterator[tuple[Chunk, Summary]]:
    with Workers(store, count) as workers:
        under_way: deque[tuple[Chunk, Future[Summary]]] = deque()
        for chunk in chunks:
            under_way.append((chunk, workers.submit(chunk)))
            if len(under_way) == count * CHUNKS_PER_WORKER:
                yield _finished(*under_way.popleft())
        while under_way:
            yield _finished(*under_way.popleft())


def _finished(chunk: Chunk, summary: Future[Summary]) -> tuple[Chunk, Summary]:
    # On Windows, Ctrl-C is noticed only between two waits.
    while not wait([summary], timeout=0.5).done:
        pass
    return chunk, summary.result()


def _cores() -> int:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, MOST_WORKERS)
