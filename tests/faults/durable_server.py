"""A server that the tests kill: with production settings, so that a kill shows what production would lose."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
from waiting import wait_until

from eventstore.embedded import Cluster

WAITS_FOR = "SELECT wait_event FROM pg_stat_activity WHERE pid = %s"


def kill(cluster: Cluster) -> None:
    """`kill -9` of every process of a server at one moment, as when the machine loses its power.

    They are stopped first: a session that outlived the WAL writer or the postmaster by a millisecond could still
    write something to disk that a real crash would have lost.
    """
    pid_file = cluster.status().data / "postmaster.pid"
    postmaster = psutil.Process(int(pid_file.read_text(encoding="utf-8").splitlines()[0]))
    postmaster.suspend()
    processes = [postmaster, *postmaster.children()]
    for action in (psutil.Process.suspend, psutil.Process.kill):
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                action(process)
    wait_until(lambda: not any(map(_lives, processes)), "the end of the killed server")


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


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
        """See `kill`."""
        kill(self._cluster)

    def stop_the_wal_writer(self) -> None:
        """Let nothing but a commit itself bring that commit to disk.

        The WAL writer does it too, a fraction of a second later. That would hide a commit that did not wait. It is
        stopped while it sleeps: stopped at work, it would keep its lock on the WAL, and every commit would wait for it.
        """
        with self.connect() as connection:
            found = connection.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'").fetchone()
            assert found
            wal_writer = psutil.Process(found[0])

            def stopped_asleep() -> bool:
                wal_writer.suspend()
                wait_until(lambda: wal_writer.status() == psutil.STATUS_STOPPED, "the WAL writer to stop")
                if connection.execute(WAITS_FOR, found).fetchone() == ("WalWriterMain",):
                    return True
                wal_writer.resume()
                return False

            wait_until(stopped_asleep, "the WAL writer to sleep")

    def remove(self) -> None:
        """Stop it, and delete its data."""
        self._cluster.remove()
