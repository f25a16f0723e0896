"""A dump that was taken in the middle of everything: restored elsewhere, the consumer goes on from its checkpoint."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest
from durable_server import DurableServer
from followers import READ_MODEL, assert_exact, follow, handle, handle_slowly, has_handled_all
from sending import start_process
from test_kills import Killing
from test_subscription_kills import append, assert_ends_well
from waiting import wait_until

import eventstore
from eventstore.embedded import Cluster
from eventstore.subscription import subscriptions


def run(program: str, url: str, *arguments: str) -> None:
    """Run one of the programs that come with the server."""
    beside = Cluster().psql()
    if beside is None:
        pytest.skip("the server came without its programs")
    command = [beside.with_name(program), f"--dbname={url}", *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr


def test_a_restored_log_goes_on_from_its_checkpoints(server: DurableServer, tmp_path: Path) -> None:
    schema, dump = f"test {uuid4().hex}", tmp_path / "dump.sql"
    with eventstore.connect(server.url, schema=schema) as store:
        with store.connection() as connection:
            connection.execute(READ_MODEL)
        writing = Killing(server, schema, tmp_path, random.Random(1))
        consumer = start_process(follow, handle_slowly, server.url, schema, tmp_path, 5.0)
        try:
            try:
                writing.wait_until_all_have_written()
                wait_until(lambda: is_on_its_way(store), "the consumer to be in the middle of the log")
                run("pg_dump", server.url, f'--schema="{schema}"', f"--file={dump}")
            finally:
                writing.stop()
            consumer.terminate()
            assert_ends_well(consumer)
        finally:
            consumer.kill()

    elsewhere = Cluster(tmp_path / "elsewhere", durable=False)
    try:
        url = elsewhere.start()
        run("psql", url, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={dump}")
        with eventstore.connect(url, schema=schema) as restored:
            assert is_on_its_way(restored), "the dump does not show what it should"
            consumer = start_process(follow, handle, url, schema, tmp_path, 5.0)
            try:
                append(restored, 10)
                wait_until(lambda: has_handled_all(restored), "the consumer to get to the end of the restored log")
                consumer.terminate()
                assert_ends_well(consumer)
            finally:
                consumer.kill()
            assert_exact(restored, tmp_path)
    finally:
        elsewhere.remove()


def is_on_its_way(store: eventstore.PostgresEventStore) -> bool:
    """Whether a part of the log is handled, and another part is not."""
    return any(status.position > 0 and status.lag > 0 for status in subscriptions(store))
