"""A fault at each step of an append: what was stored, what the caller is told, and what sending it again gives.

An append is stopped at a step by a gate: a trigger that waits for a lock which the test holds. Only the first append
after the gate was built is stopped; whoever sends the batch again goes through. All appends go through a proxy, which
can cut the connection or swallow the answer to a commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing.process import BaseProcess
from uuid import uuid4

import psycopg
import pytest
from durable_server import DurableServer
from proxy import Proxy
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sending import send, start_process
from waiting import PATIENCE, wait_until

import eventstore
from eventstore import DomainEvent, StoreUnavailableError

STEPS = ["before insert", "after insert", "before commit", "after commit"]

# A caller may have a connection that the store has kept from an earlier call. The store allows for its death by sending
# the append again itself. On a new connection it leaves that to the caller, and so it does with the caller's own.
SESSIONS = ["kept connection", "new connection", "own transaction"]

GATE_LOCK = (7, 7)

# A sequence remembers that somebody was here even when the transaction is rolled back.
GATE = """
CREATE SEQUENCE visits;
CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('visits') = 1 THEN
        PERFORM pg_advisory_xact_lock(7, 7);
    END IF;
    RETURN NULL;
END
$$;
"""

GATE_AT = {
    "before insert": """
        CREATE TRIGGER gate BEFORE INSERT ON domain_events FOR EACH STATEMENT EXECUTE FUNCTION gate()
    """,
    "after insert": """
        CREATE TRIGGER gate AFTER INSERT ON domain_events FOR EACH STATEMENT EXECUTE FUNCTION gate()
    """,
    "before commit": """
        CREATE CONSTRAINT TRIGGER gate AFTER INSERT ON domain_events
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION gate()
    """,
}

AT_THE_GATE = "SELECT pid FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND (classid, objid) = (7, 7)"
IN_THE_QUEUE = "SELECT pid FROM pg_locks WHERE NOT granted AND pid <> %s"
SESSION = "SELECT pid FROM pg_stat_activity WHERE pid = %s"


def event(stream: str, version: int) -> DomainEvent:
    return DomainEvent(event_type="moved", aggregate_id=stream, version=version, event_data={"to": [stream, version]})


BATCHES = {
    "append": lambda: [event("hand", 2)],
    "append_many": lambda: [event("hand", 2), event("pot", 1), event("hand", 3)],
}


def connect_and_send(url: str, schema: str, batch: list[DomainEvent], own_transaction: bool) -> None:
    """The whole life of a client process."""
    with eventstore.connect(url, schema=schema) as store:
        send(store, batch, own_transaction)


class Scene:
    """An append that is stopped at a step, on a server that holds one acknowledged event.

    Args:
        server: the server, which the test may kill.
        schema: an unused schema on it.
        stack: closes at the end what is opened here.
    """

    def __init__(self, server: DurableServer, schema: str, stack: ExitStack) -> None:
        self._server, self._schema = server, schema
        self._thread = stack.enter_context(ThreadPoolExecutor(1))
        self.proxy = stack.enter_context(Proxy(int(str(conninfo_to_dict(server.url)["port"]))))
        self.url = make_conninfo(server.url, port=self.proxy.port)
        # Beside the proxy, to see what happens.
        self.direct = stack.enter_context(eventstore.connect(server.url, schema=schema))
        self.watcher = stack.enter_context(self.direct.connection())
        self.store = stack.enter_context(eventstore.connect(self.url, schema=schema))
        self.before = [self.store.append(event("hand", 1))]
        self.batch: list[DomainEvent] = []

    def start(self, call: str, step: str, session: str) -> Future[list[DomainEvent]]:
        """Let a thread of this process append, and return when it has come to the step."""
        self._build_gate(call, step)
        if session == "new connection":
            self.proxy.cut()  # the one that was kept
        future = self._thread.submit(send, self.store, self.batch, session == "own transaction")
        self._wait_for(step, future.done)
        return future

    def start_client(self, call: str, step: str, session: str) -> BaseProcess:
        """The same with a process of its own."""
        self._build_gate(call, step)
        own_transaction = session == "own transaction"
        process = start_process(connect_and_send, self.url, self._schema, self.batch, own_transaction)
        self._wait_for(step, lambda: not process.is_alive())
        return process

    def open_gate(self) -> None:
        self.watcher.execute("SELECT pg_advisory_unlock(%s, %s)", GATE_LOCK)

    def waits_at_the_gate(self) -> bool:
        return self.watcher.execute(AT_THE_GATE).fetchone() == (self.backend,)

    def wait_for_the_second_try(self) -> None:
        """Until the batch was sent again, and that waits for the fate of the first try."""
        wait_until(lambda: self.watcher.execute(IN_THE_QUEUE, (self.backend,)).fetchall(), "the second try")

    def wait_for_the_end_of_the_first_try(self) -> None:
        wait_until(lambda: not self.watcher.execute(SESSION, (self.backend,)).fetchall(), "the end of the first try")

    def terminate_backend(self) -> None:
        """End the session of the first try from outside, and wait until it is gone."""
        self.watcher.execute("SELECT pg_terminate_backend(%s)", (self.backend,))
        self.wait_for_the_end_of_the_first_try()

    def kill_server(self) -> None:
        self._server.stop_the_wal_writer()
        self._server.kill()

    def start_server(self) -> None:
        self._server.start()

    def log(self) -> list[DomainEvent]:
        """Everything that is stored, in log order."""
        events = self.direct.get_by_aggregate("hand") + self.direct.get_by_aggregate("pot")
        return sorted(events, key=lambda each: each.sequence_number or 0)

    def check(self, stored: list[DomainEvent]) -> None:
        """The log holds what was acknowledged before and the batch, each event once; and that stays so.

        Args:
            stored: what the caller got in the end.
        """
        assert [replace(each, sequence_number=None, recorded_at=None) for each in stored] == self.batch
        assert self.log() == self.before + stored
        assert send(self.store, self.batch) == stored
        assert self.log() == self.before + stored

    def _build_gate(self, call: str, step: str) -> None:
        self.batch = BATCHES[call]()
        self.watcher.execute(GATE)
        self.watcher.execute(GATE_AT["before commit" if step == "after commit" else step])
        self.watcher.execute("SELECT pg_advisory_lock(%s, %s)", GATE_LOCK)

    def _wait_for(self, step: str, ended: Callable[[], bool]) -> None:
        wait_until(lambda: ended() or self.watcher.execute(AT_THE_GATE).fetchall(), "somebody at the gate")
        assert not ended(), "the append came to its end before the fault"
        [(self.backend,)] = self.watcher.execute(AT_THE_GATE).fetchall()
        assert self.log() == self.before
        if step == "after commit":
            self.proxy.swallow_answers()
            self.open_gate()
            wait_until(lambda: len(self.log()) > len(self.before), "the commit")


@pytest.fixture
def scene(server: DurableServer) -> Iterator[Scene]:
    server.start()  # a test that failed may have left it dead
    with ExitStack() as stack:
        yield Scene(server, f"test {uuid4().hex}", stack)


every_call = pytest.mark.parametrize("call", BATCHES)
every_step = pytest.mark.parametrize("step", STEPS)
every_session = pytest.mark.parametrize("session", SESSIONS)


def expect_failure(appending: Future[list[DomainEvent]], step: str, session: str) -> None:
    """The caller learns in our words that it failed; of a commit of their own they learn it from the driver."""
    if session == "own transaction" and step in ("before commit", "after commit"):
        with pytest.raises(psycopg.OperationalError):
            appending.result(PATIENCE)
    else:
        with pytest.raises(StoreUnavailableError) as caught:
            appending.result(PATIENCE)
        assert caught.value.__suppress_context__, "no traceback of the driver"


@every_session
@every_step
@every_call
def test_terminated_backend(scene: Scene, call: str, step: str, session: str) -> None:
    appending = scene.start(call, step, session)
    stored_at_once = scene.log()[1:]
    assert bool(stored_at_once) == (step == "after commit")
    scene.terminate_backend()
    if session == "kept connection":
        stored = appending.result(PATIENCE)
    else:
        expect_failure(appending, step, session)
        assert scene.log() == scene.before + stored_at_once
        stored = send(scene.store, scene.batch, session == "own transaction")
    assert stored == stored_at_once or step != "after commit"
    scene.check(stored)


@every_session
@every_step
@every_call
def test_killed_server(scene: Scene, call: str, step: str, session: str) -> None:
    appending = scene.start(call, step, session)
    stored_at_once = scene.log()[1:]
    scene.kill_server()
    expect_failure(appending, step, session)
    scene.start_server()
    assert scene.log() == scene.before + stored_at_once
    assert bool(stored_at_once) == (step == "after commit")
    scene.check(send(scene.store, scene.batch, session == "own transaction"))


def check_what_the_server_made_of_it(scene: Scene, step: str, session: str) -> None:
    """A server learns only late that its client is gone. So what it was asked to commit is committed."""
    scene.open_gate()
    scene.wait_for_the_end_of_the_first_try()
    asked_to_commit = session != "own transaction" or step in ("before commit", "after commit")
    stored_at_once = scene.log()[1:]
    assert len(stored_at_once) == (len(scene.batch) if asked_to_commit else 0)
    stored = send(scene.store, scene.batch, session == "own transaction")
    assert stored == stored_at_once or not asked_to_commit
    scene.check(stored)


@pytest.mark.parametrize("session", ["new connection", "own transaction"])
@every_step
@every_call
def test_killed_client(scene: Scene, call: str, step: str, session: str) -> None:
    client = scene.start_client(call, step, session)
    client.kill()
    client.join()
    check_what_the_server_made_of_it(scene, step, session)


@pytest.mark.parametrize("session", ["new connection", "own transaction"])
@every_step
@every_call
def test_cut_connection(scene: Scene, call: str, step: str, session: str) -> None:
    appending = scene.start(call, step, session)
    scene.proxy.cut()
    expect_failure(appending, step, session)
    check_what_the_server_made_of_it(scene, step, session)


@every_step
@every_call
def test_cut_connection_that_was_kept(scene: Scene, call: str, step: str) -> None:
    """The store sends the batch again while the first try is still at work."""
    appending = scene.start(call, step, "kept connection")
    stored_at_once = scene.log()[1:]
    scene.proxy.cut()
    if step == "before insert":  # the second try overtakes the first, which is refused later
        stored = appending.result(PATIENCE)
        assert scene.waits_at_the_gate()
        scene.open_gate()
    elif step == "after commit":
        stored = appending.result(PATIENCE)
        assert stored == stored_at_once
    else:  # the second try waits for the first, and finds what it has stored
        scene.wait_for_the_second_try()
        scene.open_gate()
        stored = appending.result(PATIENCE)
    scene.wait_for_the_end_of_the_first_try()
    # The number after that of the event before: of two tries that drew numbers, the one that drew first was stored.
    assert stored[0].sequence_number == 2
    scene.check(stored)
