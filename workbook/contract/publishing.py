"""Promises of the event bus, and of a store that was given one.

Here `new_store` takes a bus: `new_store(bus=names.EventBus())`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from workbook.contract.promises import WRITERS, at_once, event, expect_stream, promise
from workbook.expect import describe, expect, expect_error

NewStore = Callable[..., Any]


class Breakdown(Exception):
    """What a handler raises here that fails."""


def _fails(event: Any) -> None:
    raise Breakdown("the printer is on fire")


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def what_is_logged() -> Iterator[list[logging.LogRecord]]:
    """What is said to the logger `eventstore` meanwhile. Nobody else hears of it."""
    log, collector = logging.getLogger("eventstore"), _Collector()
    before = log.handlers, log.propagate, log.level
    log.handlers, log.propagate, log.level = [collector], False, logging.INFO
    try:
        yield collector.records
    finally:
        log.handlers, log.propagate, log.level = before


def _versions(seen: list[Any]) -> list[int]:
    return [one.version for one in seen]


def _bus(names: Any) -> tuple[Any, list[Any]]:
    """A bus, and a list for whatever is seen of it."""
    return names.EventBus(), []


# The bus alone.


@promise(day=8)
def a_handler_gets_the_events_of_its_type(names: Any, new_store: NewStore) -> None:
    bus, bets = _bus(names)
    folds: list[Any] = []
    bus.subscribe("bet", bets.append)
    bus.subscribe("fold", folds.append)
    for version, event_type in enumerate(["bet", "fold", "bets", "bet"], 1):
        expect(bus.publish(event(names, version, event_type=event_type)), [], "publish of an event")
    expect(_versions(bets), [1, 4], "the versions that reached a handler of bets")
    expect(_versions(folds), [2], "the versions that reached a handler of folds")


@promise(day=8)
def a_star_stands_for_every_type(names: Any, new_store: NewStore) -> None:
    bus, seen = _bus(names)
    bus.subscribe("*", seen.append)
    for version, event_type in enumerate(["bet", "fold", "*", "bet"], 1):
        bus.publish(event(names, version, event_type=event_type))
    expect(_versions(seen), [1, 2, 3, 4], "the versions that reached a handler of '*'")


@promise(day=8)
def handlers_are_called_in_the_order_in_which_they_subscribed(names: Any, new_store: NewStore) -> None:
    bus, called = _bus(names)

    def note(name: str, event: Any) -> None:
        called.append(name)

    # Objects of their own, of which none is equal to another.
    for name, event_type in (("first", "bet"), ("second", "*"), ("third", "bet"), ("fourth", "*"), ("fifth", "bet")):
        bus.subscribe(event_type, partial(note, name))
    bus.publish(event(names, event_type="bet"))
    expect(called, ["first", "second", "third", "fourth", "fifth"], "the handlers that were called")


@promise(day=8)
def a_handler_that_fails_stops_no_other(names: Any, new_store: NewStore) -> None:
    bus, called = _bus(names)
    with what_is_logged():
        bus.subscribe("bet", lambda event: called.append("before"))
        bus.subscribe("bet", _fails)
        bus.subscribe("bet", lambda event: called.append("after"))
        bus.subscribe("*", lambda event: called.append("every type"))
        bus.publish(event(names, event_type="bet"))
    expect(called, ["before", "after", "every type"], "the handlers that were called, beside the one that failed")


@promise(day=8)
def publish_gives_back_what_failed(names: Any, new_store: NewStore) -> None:
    bus = names.EventBus()
    bus.subscribe("bet", _fails)
    bus.subscribe("bet", lambda event: "not looked at")
    sent = event(names, event_type="bet")
    with what_is_logged():
        failures = bus.publish(sent)
    expect([str(failure.error) for failure in failures], ["the printer is on fire"], "failure.error of each failure")
    expect(isinstance(failures[0].error, Breakdown), True, "isinstance(failure.error, Breakdown)")
    expect(failures[0].event.id == sent.id, True, "failure.event.id == event.id")
    expect(failures[0].handler is _fails, True, "failure.handler is the handler that failed")
    expect(bus.publish(event(names, 2, event_type="fold")), [], "publish of an event that nobody wants")


@promise(day=8)
def a_failure_is_logged_with_its_traceback(names: Any, new_store: NewStore) -> None:
    bus = names.EventBus()
    bus.subscribe("bet", _fails)
    with what_is_logged() as records:
        bus.publish(event(names, event_type="bet"))
        bus.publish(event(names, 2, event_type="fold"))
    expect([record.levelname for record in records], ["ERROR"], "what the logger 'eventstore' got")
    logged = records[0].exc_info
    expect(logged[0] if logged else None, Breakdown, "the error in the log, with its traceback")


@promise(day=8)
def who_wants_to_stop_the_program_is_not_held_up(names: Any, new_store: NewStore) -> None:
    for kind in (KeyboardInterrupt, SystemExit):
        bus, seen = _bus(names)

        def stop(event: Any, kind: type[BaseException] = kind) -> None:
            raise kind

        bus.subscribe("bet", stop)
        bus.subscribe("fold", seen.append)
        bet = event(names, event_type="bet")
        with what_is_logged():
            expect_error(kind, partial(bus.publish, bet), f"publish to a handler that raises {kind.__name__}")
        bus.publish(event(names, 2, event_type="fold"))
        expect(_versions(seen), [2], "the versions that are published afterwards")


@promise(day=8)
def who_has_unsubscribed_is_not_called(names: Any, new_store: NewStore) -> None:
    bus, gone = _bus(names)
    stays: list[Any] = []
    bus.subscribe("bet", gone.append)
    bus.subscribe("bet", stays.append)
    bus.subscribe("fold", gone.append)
    bus.publish(event(names, 1, event_type="bet"))
    bus.unsubscribe("bet", gone.append)
    bus.publish(event(names, 2, event_type="bet"))
    bus.publish(event(names, 3, event_type="fold"))
    expect(_versions(gone), [1, 3], "the versions that reached a handler that has left the bets, but not the folds")
    expect(_versions(stays), [1, 2], "the versions that reached the other handler")


@promise(day=8)
def a_method_can_unsubscribe(names: Any, new_store: NewStore) -> None:
    class Table:
        def __init__(self) -> None:
            self.seen: list[int] = []

        def look(self, event: Any) -> None:
            self.seen.append(event.version)

    bus, table, other = names.EventBus(), Table(), Table()
    bus.subscribe("bet", table.look)
    bus.subscribe("bet", other.look)
    bus.publish(event(names, 1, event_type="bet"))
    bus.unsubscribe("bet", table.look)
    bus.publish(event(names, 2, event_type="bet"))
    expect(table.seen, [1], "the versions that reached table.look, unsubscribed after 1")
    expect(other.seen, [1, 2], "the versions that reached other.look, which stayed")


@promise(day=8)
def to_leave_where_one_has_never_been_does_nothing(names: Any, new_store: NewStore) -> None:
    bus, seen = _bus(names)
    bus.subscribe("bet", seen.append)
    bus.unsubscribe("fold", seen.append)
    bus.unsubscribe("bet", _fails)
    bus.publish(event(names, event_type="bet"))
    expect(_versions(seen), [1], "the versions that reached the handler")


@promise(day=8)
def who_leaves_while_being_called_takes_nobody_along(names: Any, new_store: NewStore) -> None:
    bus, once = _bus(names)
    always: list[Any] = []

    def only_once(event: Any) -> None:
        once.append(event)
        bus.unsubscribe("bet", only_once)

    bus.subscribe("bet", only_once)
    bus.subscribe("bet", always.append)
    for version in (1, 2):
        bus.publish(event(names, version, event_type="bet"))
    expect(_versions(once), [1], "the versions that reached a handler that unsubscribes itself")
    expect(_versions(always), [1, 2], "the versions that reached the handler after it")


@promise(day=8)
def a_handler_object_names_its_own_types(names: Any, new_store: NewStore) -> None:
    class Dealer(names.EventHandler):
        event_types = ("bet", "fold")

        def __init__(self) -> None:
            self.seen: list[int] = []

        def handle(self, event: Any) -> None:
            self.seen.append(event.version)

    bus, dealer, other = names.EventBus(), Dealer(), Dealer()
    bus.subscribe(dealer)
    bus.subscribe(other)
    for version, event_type in enumerate(["bet", "check", "fold"], 1):
        bus.publish(event(names, version, event_type=event_type))
    expect(dealer.seen, [1, 3], "the versions that reached an EventHandler of bets and folds")
    bus.unsubscribe(dealer)
    for version, event_type in enumerate(["bet", "fold"], 4):
        bus.publish(event(names, version, event_type=event_type))
    expect(dealer.seen, [1, 3], "the versions that reached it, unsubscribed after 3")
    expect(other.seen, [1, 3, 4, 5], "the versions that reached the other EventHandler of the same class")


# What only the reference promises of the bus.


@promise(day=None)
def a_handler_gets_an_event_once(names: Any, new_store: NewStore) -> None:
    bus, called = _bus(names)

    def handler(event: Any) -> None:
        called.append("handler")

    bus.subscribe("bet", handler)
    bus.subscribe("bet", lambda event: called.append("other"))
    for event_type in ("bet", "*", "*"):
        bus.subscribe(event_type, handler)
    bus.publish(event(names, event_type="bet"))
    expect(called, ["handler", "other"], "the handlers that were called")
    bus.unsubscribe("*", handler)
    bus.publish(event(names, event_type="bet"))
    expect(called, ["handler", "other"] * 2, "the handlers that were called, also after it has left '*'")
    bus.unsubscribe("bet", handler)
    bus.publish(event(names, event_type="bet"))
    expect(called, ["handler", "other"] * 2 + ["other"], "the handlers that were called, also after it has left")


@promise(day=None)
def what_a_handler_does_to_its_event_reaches_nobody(names: Any, new_store: NewStore) -> None:
    bus, seen = _bus(names)
    bus.subscribe("bet", lambda event: event.event_data.clear())
    bus.subscribe("bet", lambda event: seen.append(event.event_data))
    stored = new_store(bus=bus).append(event(names, event_type="bet", event_data={"amount": 10}))
    expect(seen, [{"amount": 10}], "the event_data that reached the second handler")
    expect(stored.event_data, {"amount": 10}, "the event_data that append gave back")


@promise(day=None)
def what_no_bus_can_use_is_refused(names: Any, new_store: NewStore) -> None:
    class Dealer(names.EventHandler):
        event_types: Any = ("bet",)

        def handle(self, event: Any) -> None:
            raise AssertionError("nothing was published")

    class Silent(Dealer):
        event_types: Any = ()

    class Wrong(Dealer):
        event_types: Any = 7

    class Empty(Dealer):
        event_types: Any = ("bet", "")

    async def later(event: Any) -> None:
        raise AssertionError("nothing was published")

    bus = names.EventBus()
    calls: list[tuple[str, tuple[Any, ...]]] = [
        ("event_type", (_fails,)),
        ("event_type", (None, _fails)),
        ("event_type", ("", _fails)),
        ("event_type", ("x" * 256, _fails)),
        ("event_type", (["bet"], _fails)),
        ("event_type", (Empty(),)),
        ("event_types", (Silent(),)),
        ("event_types", (Wrong(),)),
        ("handler", ("bet", None)),
        ("handler", ("bet", 7)),
        ("handler", ("bet", later)),
        ("handler", ("bet", partial(later))),
        ("handler", ("bet", Dealer)),
        ("handler", (Dealer,)),
    ]
    for field, given in calls:
        for call in (bus.subscribe, bus.unsubscribe):
            expect_error(names.InvalidEventError, partial(call, *given), f"{call.__name__}{given}", field=field)
    for wrong in (None, "bet", {"event_type": "bet"}):
        publish = partial(bus.publish, event(names, event_type="bet"), wrong)
        expect_error(names.InvalidEventError, publish, f"publish(event, {wrong!r})", field="event")
    for no_bus in (names.EventBus, "bus", True, object()):
        make = partial(new_store, bus=no_bus)
        expect_error(names.InvalidEventError, make, f"a store with bus={describe(no_bus)}", field="bus")


# A store with a bus.


@promise(day=8)
def a_store_publishes_what_it_has_stored(names: Any, new_store: NewStore) -> None:
    bus, seen = _bus(names)
    bus.subscribe("*", seen.append)
    store = new_store(bus=bus)
    stored = [store.append(event(names, version)) for version in (1, 2)]
    expect(seen == stored, True, "whether the handler got the events that append gave back")
    expect([one.sequence_number is None for one in seen], [False, False], "sequence_number is None, in the handler")


@promise(day=8)
def what_is_published_can_be_read(names: Any, new_store: NewStore) -> None:
    bus, read = _bus(names)
    store = new_store(bus=bus)
    bus.subscribe("*", lambda event: read.append(_versions(store.get_by_aggregate(event.aggregate_id))))
    store.append(event(names, 1))
    store.append_many([event(names, 2), event(names, 3)])
    expect(read, [[1], [1, 2, 3], [1, 2, 3]], "the versions that a handler read from the store")


@promise(day=8)
def a_batch_is_published_in_the_order_of_the_log(names: Any, new_store: NewStore) -> None:
    bus, seen = _bus(names)
    bus.subscribe("*", lambda event: seen.append((event.aggregate_id, event.version)))
    bus.subscribe("*", lambda event: seen.append("and the second handler"))
    batch = [event(names, 1, "hand-2"), event(names, 1, "hand-1"), event(names, 2, "hand-2")]
    new_store(bus=bus).append_many(batch)
    second = "and the second handler"
    expected = [("hand-2", 1), second, ("hand-1", 1), second, ("hand-2", 2), second]
    expect(seen, expected, "what the handlers were called with")


@promise(day=8)
def what_is_refused_is_not_published(names: Any, new_store: NewStore) -> None:
    bus, seen = _bus(names)
    store = new_store(bus=bus)
    store.append(event(names, 1))
    bus.subscribe("*", seen.append)
    conflict = event(names, 1, event_data={"amount": 99}, id=event(names, 99).id)
    expect_error(names.VersionConflictError, lambda: store.append(conflict), "append of a version that is taken")
    batch = [event(names, 1, "hand-2"), event(names, 3)]
    expect_error(names.VersionConflictError, lambda: store.append_many(batch), "append_many with a hole")
    store.append_many([])
    expect(seen, [], "what was published")


@promise(day=8)
def a_handler_that_fails_does_not_undo_the_append(names: Any, new_store: NewStore) -> None:
    bus, seen = _bus(names)
    bus.subscribe("*", _fails)
    bus.subscribe("*", seen.append)
    store = new_store(bus=bus)
    with what_is_logged() as records:
        expect(store.append(event(names, 1)).version, 1, "append, with a handler that fails")
        stored = store.append_many([event(names, 2), event(names, 3)])
    expect(_versions(stored), [2, 3], "append_many, with a handler that fails")
    expect_stream(store, [1, 2, 3])
    expect(_versions(seen), [1, 2, 3], "the versions that reached the other handler")
    expect(len(records), 3, "how many failures were logged")


@promise(day=8)
def eight_threads_share_a_bus(names: Any, new_store: NewStore) -> None:
    bus, seen = _bus(names)
    bus.subscribe("*", lambda event: seen.append((event.aggregate_id, event.version, threading.get_ident())))
    store = new_store(bus=bus)

    def write(writer: int) -> str:
        hand, me = f"hand-{writer}", threading.get_ident()
        store.append(event(names, 1, hand))
        store.append_many([event(names, 2, hand), event(names, 3, hand)])
        return str([version for name, version, thread in list(seen) if name == hand and thread == me])

    of = "the versions that a handler saw in each of eight threads"
    expect(at_once(write), ["[1, 2, 3]"] * WRITERS, of)
    expect(len(seen), 3 * WRITERS, "how often the handler was called")


@promise(day=None)
def eight_threads_come_and_go_on_one_bus(names: Any, new_store: NewStore) -> None:
    bus, all_seen = _bus(names)
    bus.subscribe("*", all_seen.append)
    store = new_store(bus=bus)

    def write(writer: int) -> str:
        hand = f"hand-{writer}"
        seen: list[int] = []

        def look(event: Any) -> None:
            if event.aggregate_id == hand:
                seen.append(event.version)

        for version in (1, 2, 3):
            bus.subscribe("*", look)
            store.append(event(names, version, hand))
            bus.unsubscribe("*", look)
        store.append(event(names, 4, hand))
        return str(seen)

    expect(at_once(write), ["[1, 2, 3]"] * WRITERS, "the versions that a handler of each thread saw")
    expect(len(all_seen), 4 * WRITERS, "how often a handler was called that stayed")


@promise(day=None)
def what_a_handler_appends_comes_after_what_was_there_before(names: Any, new_store: NewStore) -> None:
    bus, seen = _bus(names)
    store = new_store(bus=bus)

    def answer(bet: Any) -> None:
        seen.append(("answers", bet.aggregate_id, bet.version))
        store.append_many([event(names, bet.version, "raises"), event(names, bet.version, "calls")])

    bus.subscribe("bet", answer)
    bus.subscribe("*", lambda event: seen.append(("looks", event.aggregate_id, event.version)))
    store.append_many([event(names, version, event_type="bet") for version in (1, 2)])
    log = [("hand-1", 1), ("hand-1", 2), ("raises", 1), ("calls", 1), ("raises", 2), ("calls", 2)]
    expect([(one.aggregate_id, one.version) for one in store.query(names.EventQueryFilter())], log, "the log")
    of = "what the second handler saw"
    expect([place for name, *place in seen if name == "looks"], [list(place) for place in log], of)
    expected = [("answers", "hand-1", 1), ("looks", "hand-1", 1), ("answers", "hand-1", 2), ("looks", "hand-1", 2)]
    expect(seen[:4], expected, "what the handlers were called with at first")


@promise(day=None)
def failures_on_what_a_handler_appended_are_told_to_who_began(names: Any, new_store: NewStore) -> None:
    bus = names.EventBus()
    store = new_store(bus=bus)

    within: list[Any] = []

    def answer(bet: Any) -> None:
        within.extend(bus.publish(store.append(event(names, 1, "answer", event_type="fold"))))

    bus.subscribe("bet", answer)
    bus.subscribe("fold", _fails)
    with what_is_logged():
        failures = bus.publish(event(names, event_type="bet"))
    # It was appended, and published once more by hand.
    expect([failure.event.aggregate_id for failure in failures], ["answer"] * 2, "the events that handlers failed on")
    expect(within, [], "publish within a handler")


@promise(day=8)
def an_append_that_is_sent_again_is_published_again(names: Any, new_store: NewStore) -> None:
    bus, seen = _bus(names)
    bus.subscribe("*", seen.append)
    store = new_store(bus=bus)
    for _ in range(2):
        store.append(event(names, 1))
        store.append_many([event(names, 2), event(names, 1, "hand-2")])
    expect(_versions(seen), [1, 2, 1] * 2, "the versions that were published")
    numbers = [one.sequence_number for one in seen]
    expect(numbers[3:] == numbers[:3], True, "whether the second time the same stored events were published")


@promise(day=None)
def after_an_interruption_the_bus_goes_on(names: Any, new_store: NewStore) -> None:
    bus, seen = _bus(names)
    store = new_store(bus=bus)

    def stop_at_one(event: Any) -> None:
        seen.append(event.version)
        if event.version == 1:
            raise KeyboardInterrupt

    bus.subscribe("*", stop_at_one)
    with suppress(KeyboardInterrupt):
        store.append_many([event(names, 1), event(names, 2)])
    expect_stream(store, [1, 2])
    store.append(event(names, 3))
    expect(seen, [1, 3], "the versions that were published")
