"""What was acknowledged stays, whoever is killed. Real processes, a server with production settings, `kill -9`."""

from __future__ import annotations

import random
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from durable_server import DurableServer
from psycopg.conninfo import make_conninfo
from sending import start_process
from waiting import PATIENCE, wait_until
from writers import Journal, batches, streams, write

import eventstore

WRITERS = 8

BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'eventstore' ORDER BY pid"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One round of kills, or ten with `--long`."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(10 if metafunc.config.getoption("--long") else 1))


class Killing:
    """Eight writers at work on one server, and the ways to kill.

    Args:
        server: the server.
        schema: an unused schema on it.
        folder: an empty folder for the journals.
        dice: decides whom it hits.
    """

    def __init__(self, server: DurableServer, schema: str, folder: Path, dice: random.Random) -> None:
        self._server, self._schema, self._folder = server, schema, folder
        self._dice = dice
        self.journals = [Journal(folder, number) for number in range(WRITERS)]
        self._processes = [self._start_writer(number) for number in range(WRITERS)]

    def wait_until_all_have_written(self) -> None:
        """Until each writer was acknowledged something since this call."""
        before = [journal.path.stat().st_size for journal in self.journals]

        def all_have_written() -> bool:
            assert all(process.is_alive() for process in self._processes), "a writer has failed"
            return all(journal.path.stat().st_size > size for journal, size in zip(self.journals, before, strict=True))

        wait_until(all_have_written, "an acknowledgement for each writer")

    def kill_server(self) -> None:
        self._server.kill()
        self._server.start()

    def terminate_backend(self) -> None:
        with self._server.connect() as connection:
            found = wait_until(lambda: connection.execute(BACKENDS).fetchall(), "a writer who is connected")
            connection.execute("SELECT pg_terminate_backend(%s)", self._dice.choice(found))

    def kill_writer(self) -> None:
        number = self._dice.randrange(WRITERS)
        self._processes[number].kill()
        self._processes[number].join()
        self._processes[number] = self._start_writer(number)

    def stop(self) -> None:
        """Let the writers finish what they have begun.

        Raises:
            AssertionError: one of them has failed.
        """
        (self._folder / "stop").touch()
        for process in self._processes:
            process.join(PATIENCE)
            process.kill()  # one that does not stop fails the test, and does not stay behind
        assert [process.exitcode for process in self._processes] == [0] * WRITERS

    def _start_writer(self, number: int) -> BaseProcess:
        return start_process(write, number, self._server.url, self._schema, self._folder)


def test_every_acknowledged_event_survives_every_kill(server: DurableServer, tmp_path: Path, seed: int) -> None:
    schema = f"test {uuid4().hex}"
    dice = random.Random(seed)
    killing = Killing(server, schema, tmp_path, dice)
    try:
        for kill in dice.sample([killing.kill_server, killing.terminate_backend, killing.kill_writer] * 7, 20):
            # Now and then the next kill does not wait, and meets writers who are just sending again.
            if dice.random() < 0.8:
                killing.wait_until_all_have_written()
            time.sleep(dice.uniform(0, 0.2))
            kill()
        killing.wait_until_all_have_written()
    finally:
        killing.stop()

    with eventstore.connect(server.url, schema=schema) as store:
        count = 0
        for writer, journal in enumerate(killing.journals):
            acknowledged: dict[UUID, int] = {}
            for batch, numbers in zip(batches(writer), journal.read(), strict=False):  # the batches have no end
                assert numbers == sorted(numbers)
                acknowledged.update(zip([event.id for event in batch.events()], numbers, strict=True))
            log = [store.get_by_aggregate(stream) for stream in streams(writer)]
            for stream in log:
                assert [event.version for event in stream] == list(range(1, len(stream) + 1))
            stored = {event.id: event.sequence_number for stream in log for event in stream}
            assert not acknowledged.items() - stored.items(), "acknowledged, but lost"
            assert not stored.items() - acknowledged.items(), "stored, but never acknowledged"
            count += len(acknowledged)
        assert store.get_event_count() == count


@pytest.mark.parametrize(("synchronous_commit", "kept"), [("on", 1), ("off", 0)])
def test_exhibit_a_commit_that_does_not_wait_for_the_disk_is_lost(
    server: DurableServer, synchronous_commit: str, kept: int
) -> None:
    """An acknowledged event, and the server killed before the WAL writer has its next turn.

    With `synchronous_commit = off` the event is gone. This is why the package never sets it, and why no server that
    keeps events should.
    """
    schema = f"test {uuid4().hex}"
    url = make_conninfo(server.url, options=f"-c synchronous_commit={synchronous_commit}")
    with eventstore.connect(server.url, schema=schema) as reader, eventstore.connect(url, schema=schema) as store:
        server.stop_the_wal_writer()
        event = eventstore.DomainEvent(event_type="moved", aggregate_id="hand", version=1, event_data={})
        acknowledged = store.append(event)
        assert reader.get_by_aggregate("hand") == [acknowledged]
        server.kill()
        server.start()
        assert reader.get_by_aggregate("hand") == [acknowledged][:kept]
