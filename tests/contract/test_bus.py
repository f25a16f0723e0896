"""The bus beyond the contract: transactions of a caller's own, passwords, other processes, and a death in between."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
import pytest
from callers import event, versions
from waiting import PATIENCE

import eventstore
from eventstore import DomainEvent, EventBus, EventHandler, HandlerFailure, InMemoryEventStore, PostgresEventStore

SECRET = "open-sesame"


@pytest.fixture
def seen() -> list[DomainEvent]:
    return []


@pytest.fixture
def bus(seen: list[DomainEvent]) -> EventBus:
    bus = EventBus()
    bus.subscribe("*", seen.append)
    return bus


@pytest.fixture
def loud(store: PostgresEventStore, schema: str, bus: EventBus) -> Any:
    """The same log as that of `store`, through a store that publishes."""
    with eventstore.connect(schema=schema, bus=bus) as loud:
        yield loud


def test_what_joins_a_transaction_is_published_by_the_caller(
    loud: PostgresEventStore, caller: psycopg.Connection, bus: EventBus, seen: list[DomainEvent]
) -> None:
    stored = loud.append_many([event(1), event(2)], connection=caller)
    loud.append(event(3), connection=caller)
    assert seen == []
    caller.commit()
    assert seen == []
    assert versions(loud) == [1, 2, 3]
    assert bus.publish(*stored) == []
    assert seen == stored


def test_what_is_published_is_committed(loud: PostgresEventStore, store: PostgresEventStore, bus: EventBus) -> None:
    """Another session sees it: the transaction that wrote it has ended."""
    read = []
    with store.connection() as other:
        count = "SELECT count(*) FROM domain_events"
        bus.subscribe("*", lambda event: read.append(other.execute(count).fetchone()))
        loud.append(event(1))
        loud.append_many([event(2), event(3)])
    assert read == [(1,), (3,), (3,)]


def test_a_dead_connection_makes_no_second_event(
    loud: PostgresEventStore, store: PostgresEventStore, seen: list[DomainEvent]
) -> None:
    loud.append(event(1))
    with store.connection() as watcher:
        watcher.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE %s",
            ("INSERT INTO%domain_events%",),
        )
    loud.append(event(2))
    assert [one.version for one in seen] == [1, 2]


# Who is a handler, and which one.


def test_a_handler_object_need_not_inherit(seen: list[DomainEvent]) -> None:
    class Dealer:
        event_types = "bet"

        def handle(self, event: DomainEvent) -> None:
            seen.append(event)

    dealer = Dealer()
    assert isinstance(dealer, EventHandler)
    bus = EventBus()
    bus.subscribe(dealer)
    bus.publish(event(1), event(2, event_type="b"))
    assert [one.version for one in seen] == [1]
    # With a type of one's own choice, that one counts.
    bus.unsubscribe("bet", dealer)
    bus.subscribe("fold", dealer)
    bus.publish(event(3), event(4, event_type="fold"))
    assert [one.version for one in seen] == [1, 4]


def test_a_handler_object_may_want_everything(seen: list[DomainEvent]) -> None:
    class Auditor(EventHandler):
        def __init__(self) -> None:
            self.event_types = ["bet", "*"]

        def handle(self, event: DomainEvent) -> None:
            seen.append(event)

    bus = EventBus()
    bus.subscribe(Auditor())
    bus.publish(event(1), event(2, event_type="fold"))
    assert [one.version for one in seen] == [1, 2]


def test_a_handler_class_without_handle_cannot_be_made() -> None:
    class Forgetful(EventHandler):
        event_types = ("bet",)

    with pytest.raises(TypeError, match="handle"):
        Forgetful()  # type: ignore[abstract]


def test_handlers_that_happen_to_be_equal_are_two() -> None:
    @dataclass
    class Counter(EventHandler):
        event_types: tuple[str, ...] = ("bet",)
        count: int = 0

        def handle(self, event: DomainEvent) -> None:
            self.count += 1

        def __call__(self, event: DomainEvent) -> None:
            self.count += 1

    one, other = Counter(), Counter()
    assert one == other
    for subscribe in (lambda bus, handler: bus.subscribe(handler), lambda bus, handler: bus.subscribe("*", handler)):
        bus = EventBus()
        subscribe(bus, one)
        subscribe(bus, other)
        bus.publish(event(1))
    assert (one.count, other.count) == (2, 2)


def test_the_same_failing_handler_is_reported_as_it_was_subscribed(caplog: pytest.LogCaptureFixture) -> None:
    @dataclass
    class Printer:
        jams: list[int] = field(default_factory=list)

        def print(self, event: DomainEvent) -> None:
            raise OSError(f"paper jam {event.version}")

    printer, bus = Printer(), EventBus()
    bus.subscribe("bet", printer.print)
    first, second = event(1), event(2)
    failures = bus.publish(first, event(1, event_type="fold"), second)
    assert [(failure.event, failure.handler, str(failure.error)) for failure in failures] == [
        (first, printer.print, "paper jam 1"),
        (second, printer.print, "paper jam 2"),
    ]
    assert isinstance(failures[0], HandlerFailure)
    # The traceback leads to the line in the handler.
    assert "in print" in caplog.text
    assert "Printer.print failed on event" in caplog.text
    assert f"{first.id} (bet, version 1 of hand)" in caplog.text


# What is logged.


class Mailer:
    """A handler that knows a password, as they do."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __repr__(self) -> str:
        return f"Mailer({self.url})"

    def __call__(self, event: DomainEvent) -> None:
        self.mail(event)

    def mail(self, event: DomainEvent) -> None:
        with eventstore.connect(self.url) as store:
            store.append(event)


def test_no_password_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    url = f"postgresql://somebody:{SECRET}@127.0.0.1:1/nowhere"
    mailer, bus = Mailer(url), EventBus()
    for handler in (mailer, mailer.mail, partial(Mailer.mail, mailer), lambda event: mailer(event)):
        bus.subscribe("bet", handler)
    failures = bus.publish(event(1))
    assert [type(failure.error) for failure in failures] == [eventstore.StoreUnavailableError] * 4
    assert caplog.text.count(" failed on event ") == 4
    assert {record.name for record in caplog.records} == {"eventstore"}
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    assert SECRET not in caplog.text


# Other processes.


def test_a_pickled_store_has_no_bus(loud: PostgresEventStore, seen: list[DomainEvent]) -> None:
    with pickle.loads(pickle.dumps(loud)) as copy:
        copy.append(event(1))
    assert seen == []
    loud.append(event(2))
    assert [one.version for one in seen] == [2]


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork")
def test_a_child_that_a_handler_has_forked_publishes_too(loud: PostgresEventStore, bus: EventBus) -> None:
    reader, writer = os.pipe()

    def tell(event: DomainEvent) -> None:
        os.write(writer, f"{event.version} ".encode())
        if event.version == 1:
            child = multiprocessing.get_context("fork").Process(target=loud.append, args=(told,))
            child.start()
            child.join(PATIENCE)
            child.kill()
            child.join()

    told = event(2)
    bus.subscribe("*", tell)
    loud.append(event(1))
    os.close(writer)
    with os.fdopen(reader) as pipe:
        assert pipe.read().split() == ["1", "2"]
    assert versions(loud) == [1, 2]


DIES = """
import os, sys
import eventstore

class Dies(eventstore.EventBus):
    def publish(self, *events):
        os._exit(9)

bus = Dies() if sys.argv[3] == "die" else eventstore.EventBus()
bus.subscribe("*", lambda event: print("heard of", event.version))
with eventstore.connect(sys.argv[1], schema=sys.argv[2], bus=bus) as store:
    store.append(eventstore.DomainEvent(
        id=__import__("uuid").UUID(int=7), event_type="bet", aggregate_id="hand", version=1, event_data={}
    ))
"""


def test_who_dies_between_commit_and_publish_publishes_nothing_but_a_repeat_does(
    store: PostgresEventStore, schema: str
) -> None:
    def run(how: str) -> tuple[int, str]:
        command = [sys.executable, "-c", DIES, os.environ["EVENTSTORE_URL"], schema, how]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=PATIENCE)
        return done.returncode, done.stdout.strip()

    assert run("die") == (9, "")
    assert versions(store) == [1], "it is stored, and nobody has heard of it"
    assert run("live") == (0, "heard of 1")
    assert run("live") == (0, "heard of 1"), "once more: at least once"
    assert versions(store) == [1]


# Several threads.


def test_nobody_is_lost_who_subscribes_at_the_same_time() -> None:
    bus, together = EventBus(), threading.Barrier(8)
    lists: list[list[DomainEvent]] = [[] for _ in range(8 * 200)]

    def subscribe(mine: list[list[DomainEvent]]) -> None:
        together.wait()
        for each in mine:
            bus.subscribe("bet", each.append)
        for each in mine[1::2]:
            bus.unsubscribe("bet", each.append)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=subscribe, args=(lists[start::8],)) for start in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    finally:
        sys.setswitchinterval(interval)
    bus.publish(event(1))
    assert sum(len(each) for each in lists) == 8 * 100


def test_two_threads_publish_side_by_side() -> None:
    """A handler that waits in one thread does not hold up another thread."""
    bus, both = EventBus(), threading.Barrier(2)
    store = InMemoryEventStore(bus)
    bus.subscribe("*", lambda event: both.wait(PATIENCE))
    threads = [threading.Thread(target=store.append, args=(event(1, hand),)) for hand in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not both.broken


def test_who_subscribes_in_a_handler_hears_from_the_next_event_on(bus: EventBus, seen: list[DomainEvent]) -> None:
    late: list[int] = []
    bus.subscribe("bet", lambda event: bus.subscribe("bet", late_handler))

    def late_handler(event: DomainEvent) -> None:
        late.append(event.version)

    InMemoryEventStore(bus).append_many([event(1), event(2), event(3)])
    assert late == [2, 3]
    assert [one.version for one in seen] == [1, 2, 3]


def test_two_stores_may_share_a_bus(bus: EventBus, seen: list[DomainEvent]) -> None:
    for hand in ("one", "other"):
        InMemoryEventStore(bus).append(event(1, hand))
    assert [one.aggregate_id for one in seen] == ["one", "other"]
