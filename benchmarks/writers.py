"""Several writers at once, each a process of its own or a thread, for contenders that take turns."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from benchmarks import peers
from benchmarks.work import STREAM, Contender, described, streams

LATE = 120.0  # seconds after which a writer that should have answered is given up


@dataclass(frozen=True)
class Share:
    """What one writer got done in its time: seconds for each of its appends."""

    appends: list[float]
    problem: str = ""


def appending(contender: Contender, whose: str) -> Callable[[], object]:
    """One append a call, to a stream of its own, and to the next one when that has enough events."""
    names = streams(whose)
    stream, version = next(names), 0

    def append() -> object:
        nonlocal stream, version
        if version == STREAM:
            stream, version = next(names), 0
        version += 1
        return contender.append(stream, version)

    return append


def write_for(append: Callable[[], object], seconds: float) -> Share:
    """Append again and again until the time is up."""
    appends: list[float] = []
    start = time.perf_counter()
    end = start + seconds
    while start < end:
        try:
            append()
        except Exception as error:
            return Share(appends, described(error))
        done = time.perf_counter()
        appends.append(done - start)
        start = done
    return Share(appends)


class Writers:
    """Writers that wait for their turn. `turn` lets all of them append in the way of one contender."""

    def __init__(self, pipes: list[Connection], problems: dict[str, str]) -> None:
        self._pipes = pipes
        self.problems = problems  # contenders that one of the writers could not reach

    def turn(self, contender: str, seconds: float, how_many: int | None = None) -> list[Share]:
        """Let the writers, or so many of them, append for a while.

        Raises:
            RuntimeError: one of them failed.
        """
        pipes = self._pipes[:how_many]
        for pipe in pipes:
            pipe.send((contender, seconds))
        shares = []
        for pipe in pipes:
            if not pipe.poll(seconds + LATE):
                raise RuntimeError("a writer does not answer")
            shares.append(pipe.recv())
        for share in shares:
            if share.problem:
                raise RuntimeError(share.problem)
        return shares


@contextmanager
def writers(url: str, how_many: int, names: list[str], threads: bool = False) -> Iterator[Writers]:
    """Start writers, each with a connection for each contender.

    Args:
        url: the server, on which the contenders are prepared.
        how_many: writers.
        names: the contenders.
        threads: whether they are threads of this process, which share one interpreter.
    """
    context = get_context("spawn")
    pipes, workers = [], []
    try:
        for number in range(how_many):
            ours, theirs = context.Pipe()
            arguments = (theirs, url, "threads" if threads else "processes", number, names)
            worker: Any
            if threads:
                worker = threading.Thread(target=_work, args=arguments, daemon=True)
            else:
                worker = context.Process(target=_work, args=arguments, daemon=True)
            worker.start()
            pipes.append(ours)
            workers.append(worker)
        problems: dict[str, str] = {}
        for pipe in pipes:
            if not pipe.poll(LATE):
                raise RuntimeError("a writer did not start")
            problems |= pipe.recv()
        yield Writers(pipes, problems)
    finally:
        for pipe in pipes:
            try:
                pipe.send(None)
            except OSError:
                continue
        for worker in workers:
            worker.join(LATE)


def _work(pipe: Connection, url: str, whose: str, number: int, names: list[str]) -> None:
    contenders: dict[str, Contender] = {}
    problems: dict[str, str] = {}
    try:
        for name in names:
            try:
                contenders[name] = peers.load(name)(url)
            except Exception as error:
                problems[name] = described(error)
        ways = {name: appending(each, f"writer {number} of {whose}, {name}") for name, each in contenders.items()}
        pipe.send(problems)
        while (order := pipe.recv()) is not None:
            name, seconds = order
            pipe.send(write_for(ways[name], seconds))
    except EOFError:
        pass  # whoever started this writer is gone
    finally:
        for contender in contenders.values():
            contender.close()
