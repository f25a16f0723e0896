"""A server that the tests kill: with production settings, so that a kill shows what production would lose."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil
import psycopg

from eventstore.embedded import Cluster

# Seconds. Nothing here takes long; the limit turns a test that would never end into one that fails.
PATIENCE = 60.0

Seen = TypeVar("Seen")


def wait_until(look: Callable[[], Seen], what: str) -> Seen:
    """Look again and again until there is something to see.

    Args:
        look: anything that counts as true ends the waiting, and is returned.
        what: the name of what we wait for.

    Raises:
        AssertionError: it never came.
    """
    deadline = time.monotonic() + PATIENCE
    while not (seen := look()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.002)
    return seen


class DurableServer:
    """A private server that every acknowledged commit of must survive.

    Args:
        home: an empty folder for its data.
    """

    def __init__(self, home: Path) -> None:
        self._cluster = Cluster(home)
        self.url = self._cluster.start()
        with self.connect() as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                assert connection.execute(f"SHOW {setting}").fetchone() == ("on",)

    def connect(self) -> psycopg.Connection:
        """An autocommit connection that no proxy stands in."""
        return psycopg.connect(self.url, autocommit=True)

    def start(self) -> None:
        """Start it again after a kill; it recovers, and listens on the same port as before."""
        assert self._cluster.start() == self.url

    def kill(self) -> None:
        """`kill -9` of every process of the server at one moment, as when the machine loses its power.

        They are stopped first: a session that outlived the WAL writer or the postmaster by a millisecond could still
        write something to disk that a real crash would have lost.
        """
        pid_file = self._cluster.status().data / "postmaster.pid"
        postmaster = psutil.Process(int(pid_file.read_text(encoding="utf-8").splitlines()[0]))
        postmaster.suspend()
        processes = [postmaster, *postmaster.children()]
        for action in (psutil.Process.suspend, psutil.Process.kill):
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    action(process)
        wait_until(lambda: not any(map(_lives, processes)), "the end of the killed server")

    def stop_the_wal_writer(self) -> None:
        """Let nothing but a commit itself bring that commit to disk.

        The WAL writer does it too, a fraction of a second later. That would hide a commit that did not wait.
        """
        with self.connect() as connection:
            found = connection.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'").fetchone()
        assert found
        psutil.Process(found[0]).suspend()

    def remove(self) -> None:
        """Stop it, and delete its data."""
        self._cluster.remove()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
