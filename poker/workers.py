"""Processes that share the work of an import: one for each core, each with a connection of its own.

Plain child processes instead of `multiprocessing`, because these do not run the caller's script again, so that a script
needs no `if __name__ == "__main__"`; because Ctrl-C does not reach them; and because they end with their input, however
the process that writes to it ends.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from eventstore import EventStoreError, PostgresEventStore
from eventstore.embedded import host
from poker.chunks import Summary
from poker.phh import HandText


class Workers:
    """Processes that take chunks, for the length of a `with` statement.

    Left without an error, they have done all they were given. Left with one, they are killed, and the server rolls
    back what they had not committed.

    Args:
        store: where the hands go.
        count: how many processes.
    """

    def __init__(self, store: PostgresEventStore, count: int) -> None:
        self._workers = [_Worker(store) for _ in range(count)]
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(count)

    def submit(self, hands: list[HandText]) -> Future[Summary]:
        """Give a chunk to the next worker that is free.

        Returns:
            What `take_chunk` will say of it; or `ChildProcessError` where the process has died.
        """
        return self._threads.submit(self._take, hands)

    def _take(self, hands: list[HandText]) -> Summary:
        worker = self._idle.get()
        try:
            return worker.take(hands)
        finally:
            self._idle.put(worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            for worker in self._workers:
                worker.kill()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.end()


class _Worker:
    def __init__(self, store: PostgresEventStore) -> None:
        here = os.pathsep.join(str(Path(folder).absolute()) for folder in sys.path)
        self._process = subprocess.Popen(
            # -P, because the folder that somebody works in may hold a file named like a module.
            [sys.executable, "-P", "-m", "poker.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": here},
            # Of all processes of an import, only the first one is to decide what Ctrl-C makes of it.
            **host.APART,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._chunks, self._answers = self._process.stdin, self._process.stdout
        self._send(store)

    def take(self, hands: list[HandText]) -> Summary:
        self._send(hands)
        try:
            answer: Summary | EventStoreError = pickle.load(self._answers)
        except (EOFError, pickle.UnpicklingError):
            raise ChildProcessError(
                f"a process of the import died (exit code {self._process.wait()}; if that is -9, perhaps for want of"
                " memory): what was written stays, and the same import goes on from there"
            ) from None
        if isinstance(answer, EventStoreError):
            raise answer
        return answer

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        # Closing may have to write what is left over from a worker that died.
        with suppress(OSError):
            self._chunks.close()
        self._process.wait()
        self._answers.close()

    def _send(self, message: object) -> None:
        # One that has died leaves its reason in the answers.
        with suppress(OSError):
            pickle.dump(message, self._chunks)
            self._chunks.flush()
