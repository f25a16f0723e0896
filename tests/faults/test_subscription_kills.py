"""Whoever dies while the log is followed, each event has its effect once. Real processes, real kills."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from durable_server import DurableServer
from followers import READ_MODEL, assert_exact, follow, handle, handle_and_dawdle, has_handled_all
from proxy import Proxy
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sending import start_process
from test_kills import Killing
from waiting import PATIENCE, wait_until

import eventstore
from eventstore import DomainEvent, PostgresEventStore

CONSUMERS = 3
KILLS = 6


@pytest.fixture
def log(server: DurableServer) -> Iterator[PostgresEventStore]:
    """An empty log, and the tables of the read model beside it."""
    with eventstore.connect(server.url, schema=f"test {uuid4().hex}") as store:
        with store.connection() as connection:
            connection.execute(READ_MODEL)
        yield store


class Consumers:
    """Processes that follow a log under one name, and what can happen to them."""

    def __init__(self, url: str, schema: str, folder: Path, dice: random.Random) -> None:
        self._start: Callable[[], BaseProcess] = lambda: start_process(follow, handle, url, schema, folder, 0.5)
        self._processes = [self._start() for _ in range(CONSUMERS)]
        self._dice = dice

    def kill_one(self) -> None:
        process = self._take_one()
        process.kill()
        process.join()
        self._processes.append(self._start())

    def terminate_one(self) -> None:
        process = self._take_one()
        process.terminate()
        self._processes.append(self._start())
        assert_ends_well(process)

    def freeze_one(self) -> None:
        """For long enough that the server loses its patience, or nearly."""
        pid = self._dice.choice(self._processes).pid
        assert pid is not None
        psutil.Process(pid).suspend()
        time.sleep(self._dice.uniform(0.5, 1.5))
        psutil.Process(pid).resume()

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            assert_ends_well(process)

    def kill_all(self) -> None:
        """So that none stays behind when a test has failed."""
        for process in self._processes:
            process.kill()

    def _take_one(self) -> BaseProcess:
        return self._processes.pop(self._dice.randrange(CONSUMERS))


def assert_ends_well(process: BaseProcess) -> None:
    process.join(PATIENCE)
    # A process that is told to end before it has begun to follow ends by the signal itself.
    assert process.exitcode in (0, -15)


def test_the_read_model_equals_a_full_recount_whoever_is_killed(
    server: DurableServer, log: PostgresEventStore, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Eight writers and three consumers of one name, killed in turns with the server."""
    dice = random.Random(9)
    long = pytestconfig.getoption("--long")
    kills, least = (60, 50_000) if long else (KILLS, 2_000)
    killing = Killing(server, log.schema, tmp_path, dice)
    consumers = Consumers(server.url, log.schema, tmp_path, dice)
    blows = [killing.kill_server, killing.terminate_backend, consumers.kill_one, consumers.kill_one]
    blows += [consumers.terminate_one, consumers.freeze_one]
    try:
        try:
            for number in range(kills):
                killing.wait_until_all_have_written()
                time.sleep(dice.uniform(0, 0.3))
                blows[number % len(blows)]()
            wait_until(lambda: count(log) >= least, "enough events")
        finally:
            killing.stop()
        wait_until(lambda: has_handled_all(log), "the consumers to get to the end")
        consumers.stop()
        assert assert_exact(log, tmp_path) >= least
    finally:
        consumers.kill_all()


def count(store: PostgresEventStore) -> int:
    with suppress(eventstore.StoreUnavailableError):
        return store.get_event_count()
    return 0


def append(store: PostgresEventStore, events: int) -> None:
    version = store.get_latest_version("hand") + 1
    store.append_many(
        DomainEvent(event_type="moved", aggregate_id="hand", version=version + place, event_data={"to": place})
        for place in range(events)
    )


@pytest.mark.parametrize("accident", ["killed", "frozen", "cut off"])
def test_another_one_takes_over_from_whoever_is(
    server: DurableServer, log: PostgresEventStore, tmp_path: Path, accident: str
) -> None:
    """It happens in the middle of an event. Who comes back later does no harm, and is of use again."""
    append(log, 10)
    with Proxy(int(str(conninfo_to_dict(server.url)["port"]))) as cable:
        url = make_conninfo(server.url, host="127.0.0.1", port=cable.port)
        holder = start_process(follow, handle_and_dawdle, url, log.schema, tmp_path, 0.5)
        try:
            wait_until((tmp_path / "dawdling").exists, "the first consumer to be in the middle")
            assert holder.pid is not None
            if accident == "killed":
                holder.kill()
            elif accident == "frozen":
                psutil.Process(holder.pid).suspend()
            else:
                cable.swallow_everything()
            other = start_process(follow, handle, server.url, log.schema, tmp_path, 0.5)
            try:
                wait_until(lambda: has_handled_all(log), "the other one to take over")
                assert assert_exact(log, tmp_path) == 10
                (tmp_path / "go on").touch()
                if accident == "frozen":
                    psutil.Process(holder.pid).resume()
                cable.cut()
                append(log, 10)
                wait_until(lambda: has_handled_all(log), "both of them")
                other.terminate()
                assert_ends_well(other)
            finally:
                other.kill()
            if accident != "killed":
                append(log, 10)
                wait_until(lambda: has_handled_all(log), "the first one alone")
                holder.terminate()
                assert_ends_well(holder)
            assert assert_exact(log, tmp_path) == (20 if accident == "killed" else 30)
        finally:
            holder.kill()


def test_sigterm_lets_the_event_at_work_finish(server: DurableServer, log: PostgresEventStore, tmp_path: Path) -> None:
    append(log, 10)
    consumer = start_process(follow, handle_and_dawdle, server.url, log.schema, tmp_path, 10.0)
    try:
        wait_until((tmp_path / "dawdling").exists, "the consumer to be in the middle")
        consumer.terminate()
        (tmp_path / "go on").touch()
        consumer.join(PATIENCE)
        assert consumer.exitcode == 0
    finally:
        consumer.kill()
    with log.connection() as connection:
        assert connection.execute("SELECT number FROM handled").fetchall() == [(1,), (2,), (3,)]
        assert connection.execute("SELECT position FROM event_subscriptions").fetchone() == (3,)
