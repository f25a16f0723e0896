"""The exercises of Day 8: who wants to know, publish, a store that publishes, and a handler that loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import eventstore
from eventstore import DomainEvent, InMemoryEventStore
from workbook.contract import appending, publishing
from workbook.contract.promises import Promise, event
from workbook.exercise import Case, Exercise, WrongAnswer, case, keeps
from workbook.expect import describe, expect, expect_error
from workbook.mine import mixin, store_of
from workbook.workspace import scratch

publishes = mixin("append", "append_many")


def in_memory(_: Any) -> Callable[[], Any]:
    """For promises about a bus alone: where the events would be."""
    return InMemoryEventStore


def called(promise: Promise, *, hint: int) -> Case:
    """A promise about a bus, tried on subscriptions: whatever they name is called."""

    def run(subscriptions: Any) -> None:
        class EventBus(subscriptions):
            def publish(self, event: DomainEvent) -> list[Any]:
                for handler in self.handlers_of(event):
                    handler(event)
                return []

        promise(SimpleNamespace(**vars(eventstore) | {"EventBus": EventBus}), InMemoryEventStore)

    return Case(promise.__name__.replace("_", " "), hint, run)


class OneAtATime(eventstore.EventBus):
    """Publishes one event a call, as the bus of 8.2 does."""

    def publish(self, event: DomainEvent) -> list[eventstore.HandlerFailure]:  # type: ignore[override]
        return super().publish(event)


def stored(promise: Promise, *, hint: int) -> Case:
    """A promise about a store with a bus, tried on what publishes."""

    def run(part: Any) -> None:
        promise(SimpleNamespace(**vars(eventstore) | {"EventBus": OneAtATime}), publishes(part))

    return Case(promise.__name__.replace("_", " "), hint, run)


def a_bet(event_type: str = "bet", version: int = 1) -> DomainEvent:
    made: DomainEvent = event(eventstore, version, event_type=event_type)
    return made


def first(event: DomainEvent) -> None:
    """A handler."""


def second(event: DomainEvent) -> None:
    """Another one."""


def third(event: DomainEvent) -> None:
    """And another one."""


def expect_handlers(subscriptions: Any, event_type: str, expected: list[Any], when: str) -> None:
    of = f"handlers_of an event {event_type!r}, {when}"
    got = subscriptions.handlers_of(a_bet(event_type))
    if got is None:
        expect(got, [handler.__name__ for handler in expected], of)
    expect([getattr(one, "__name__", describe(one)) for one in got], [one.__name__ for one in expected], of)


@case(hint=1)
def with_nobody_there_the_list_is_empty(subscriptions: Any) -> None:
    expect_handlers(subscriptions(), "bet", [], "with nobody subscribed")


@case(hint=1)
def the_example(subscriptions: Any) -> None:
    one = subscriptions()
    for event_type, handler in (("bet", first), ("*", second), ("fold", third)):
        one.subscribe(event_type, handler)
    expect_handlers(one, "bet", [first, second], "with first for 'bet', second for '*', third for 'fold'")
    one.unsubscribe("bet", first)
    expect_handlers(one, "bet", [second], "after first has left 'bet'")
    expect_handlers(one, "fold", [second, third], "after first has left 'bet'")


@case(hint=3)
def a_list_that_was_given_does_not_change(subscriptions: Any) -> None:
    one = subscriptions()
    one.subscribe("*", first)
    before = one.handlers_of(a_bet())
    expect(type(before).__name__, "list", "the type of what handlers_of gives")
    one.subscribe("*", second)
    one.unsubscribe("*", first)
    one.handlers_of(a_bet())
    expect(before == [first], True, "whether the list of handlers_of is as it was, after others came and went")


@case(hint=3)
def two_buses_share_nothing(subscriptions: Any) -> None:
    one, other = subscriptions(), subscriptions()
    one.subscribe("*", first)
    expect_handlers(other, "bet", [], "after somebody has subscribed to another one")


class Nameless:
    """A handler that fails, and that is no function: it has no name."""

    def __call__(self, event: DomainEvent) -> None:
        raise publishing.Breakdown("the printer is on fire")


@case(hint=2)
def a_failure_tells_event_handler_and_error(bus: Any, failure: Any) -> None:
    def printer(event: DomainEvent) -> None:
        raise publishing.Breakdown("the printer is on fire")

    one = bus()
    one.subscribe("bet", printer)
    with publishing.what_is_logged():
        failures = one.publish(a_bet())
    expect([type(got).__name__ for got in failures], [failure.__name__], "the types of what publish returned")
    [got] = failures
    kinds = [type(part).__name__ for part in (got.event, got.handler, got.error)]
    expect(kinds, ["DomainEvent", "function", "Breakdown"], "the types of event, handler and error of a failure")


@case(hint=2)
def a_handler_need_not_have_a_name(bus: Any, failure: Any) -> None:
    one = bus()
    one.subscribe("bet", Nameless())
    with publishing.what_is_logged():
        expect(len(one.publish(a_bet())), 1, "the number of failures of an object that can be called, and fails")


@case(hint=1)
def each_stored_event_is_published_once(part: Any) -> None:
    bus, seen = OneAtATime(), list[int]()
    bus.subscribe("*", lambda event: seen.append(event.version))
    store = store_of(part, own=("append", "append_many"))(bus=bus)
    store.append(event(eventstore, 1))
    store.append_many([event(eventstore, 2), event(eventstore, 3)])
    expect(sorted(seen), [1, 2, 3], "the versions that were published to the bus of the store")


@case(hint=1)
def without_a_bus_it_only_appends(part: Any) -> None:
    store = store_of(part, own=("append", "append_many"))()
    expect(store.append(event(eventstore)).version, 1, "append, without a bus")
    got = store.append_many([event(eventstore, 2), event(eventstore, 3)])
    expect([one.version for one in got or []], [2, 3], "append_many, without a bus")


@case(hint=2)
def what_can_be_read_only_once_is_published_too(part: Any) -> None:
    bus, seen = OneAtATime(), list[int]()
    bus.subscribe("*", lambda event: seen.append(event.version))
    store = store_of(part, own=("append", "append_many"))(bus=bus)
    store.append_many(event(eventstore, version) for version in (1, 2))
    expect(sorted(seen), [1, 2], "the versions that were published of a generator")


class Reader:
    """Somebody who follows the log of a store in memory, and notes what comes."""

    def __init__(self, follower: Any, position: int = 0) -> None:
        self.store = InMemoryEventStore()
        self.seen: list[int] = []
        self.fails_at: int | None = None
        self.follower = follower(self.store, self.work, position)

    def work(self, event: DomainEvent) -> None:
        if event.version == self.fails_at:
            raise publishing.Breakdown("the printer is on fire")
        self.seen.append(event.version)

    def append(self, *versions: int) -> DomainEvent:
        return self.store.append_many([event(eventstore, version) for version in versions])[-1]


@case(hint=1)
def what_was_lost_comes_with_the_next_hint(follower: Any) -> None:
    reader = Reader(follower)
    reader.follower.handle(reader.append(1, 2, 3, 4, 5, 6))
    expect(reader.seen, [1, 2, 3, 4, 5, 6], "the versions that work got, with a hint about 6 alone")
    expect(reader.follower.position, 6, "position, after event 6 of the log")


@case(hint=1)
def each_event_comes_once(follower: Any) -> None:
    reader = Reader(follower)
    for version in (1, 2, 3):
        hint = reader.append(version)
        reader.follower.handle(hint)
        reader.follower.handle(hint)
    expect(reader.seen, [1, 2, 3], "the versions that work got, with two hints about each")


@case(hint=2)
def a_hint_about_something_old_does_not_lead_back(follower: Any) -> None:
    reader = Reader(follower)
    old = reader.append(1)
    reader.follower.handle(reader.append(2, 3))
    reader.follower.handle(old)
    reader.follower.handle(reader.append(4))
    expect(reader.seen, [1, 2, 3, 4], "the versions that work got, with hints about 3, 1 and 4")


@case(hint=1)
def it_begins_behind_its_position(follower: Any) -> None:
    reader = Reader(follower, position=2)
    reader.follower.handle(reader.append(1, 2, 3))
    expect(reader.seen, [3], "the versions that work got, from position 2 on")


@case(hint=3)
def what_failed_comes_again(follower: Any) -> None:
    reader = Reader(follower)
    reader.fails_at = 2
    hint = reader.append(1, 2, 3)
    expect_error(publishing.Breakdown, lambda: reader.follower.handle(hint), "handle, where work fails at version 2")
    expect(reader.follower.position, 1, "position, after work has failed at event 2 of the log")
    reader.fails_at = None
    reader.follower.handle(hint)
    expect(reader.seen, [1, 2, 3], "the versions that work got, after it had failed once at 2")


@case(hint=2)
def numbers_may_have_gaps(follower: Any) -> None:
    seen: list[int] = []
    with scratch() as db:
        reader = follower(db.store, lambda event: seen.append(event.version))
        db.store.append(event(eventstore, 1))
        connection = db.connection()
        with connection.transaction(force_rollback=True):
            db.store.append(event(eventstore, 2), connection=connection)
        last = db.store.append_many([event(eventstore, 2), event(eventstore, 3)])[-1]
        for _ in range(2):
            reader.handle(last)
        of = "the versions that work got, with two hints, of a log in which a number is missing"
        expect(seen, [1, 2, 3], of)


@case(hint=2)
def it_works_on_a_bus(follower: Any) -> None:
    reader, bus = Reader(follower), eventstore.EventBus()
    reader.append(1, 2)
    bus.subscribe(reader.follower)
    expect(bus.publish(reader.append(3)), [], "publish to a Follower")
    expect(reader.seen, [1, 2, 3], "the versions that work got")


EXERCISES = (
    Exercise(
        number="8.1",
        minutes=15,
        hints=(
            "One list holds all: pairs of a type and what to call, in the order in which they came. An event is for "
            "those pairs whose type is its own, or the star.",
            "`pairs_of(event_type, handler)` gives the same pairs when somebody comes and when somebody leaves. Take "
            "out exactly the pairs that are equal to those, type and handler, and do not mind if there are none.",
            "`[pair for pair in self.pairs if pair not in gone]` is a new list without some pairs. In `handlers_of` "
            "too, make a new list at each call: a handler may leave while somebody else walks along the old one.",
        ),
        cases=(
            with_nobody_there_the_list_is_empty,
            the_example,
            called(publishing.a_handler_gets_the_events_of_its_type, hint=1),
            called(publishing.a_star_stands_for_every_type, hint=1),
            called(publishing.handlers_are_called_in_the_order_in_which_they_subscribed, hint=1),
            called(publishing.who_has_unsubscribed_is_not_called, hint=2),
            called(publishing.a_method_can_unsubscribe, hint=2),
            called(publishing.to_leave_where_one_has_never_been_does_nothing, hint=2),
            called(publishing.a_handler_object_names_its_own_types, hint=2),
            called(publishing.who_leaves_while_being_called_takes_nobody_along, hint=3),
            a_list_that_was_given_does_not_change,
            two_buses_share_nothing,
        ),
        wrong=(
            WrongAnswer(
                mistake="A dict by type: handlers of the star come last, not in the order in which they came.",
                hint=1,
                code="""\
class Subscriptions:
    def __init__(self):
        self.handlers = {}

    def subscribe(self, event_type, handler=None):
        for name, function in pairs_of(event_type, handler):
            self.handlers.setdefault(name, []).append(function)

    def unsubscribe(self, event_type, handler=None):
        for name, function in pairs_of(event_type, handler):
            if function in self.handlers.get(name, []):
                self.handlers[name].remove(function)

    def handlers_of(self, event):
        return self.handlers.get(event.event_type, []) + self.handlers.get("*", [])
""",
            ),
            WrongAnswer(
                mistake="Compared with `is`: a method is a new object each time, so it never leaves.",
                hint=2,
                change=("if pair not in gone]", "if pair[1] is not handler]"),
            ),
            WrongAnswer(
                mistake="Only the handler is compared, so who leaves one type leaves all.",
                hint=2,
                change=("if pair not in gone]", "if pair[1] != handler]"),
            ),
            WrongAnswer(
                mistake="`handlers_of` walks along the list itself; who leaves meanwhile takes the next one's turn.",
                hint=3,
                code="""\
class Subscriptions:
    def __init__(self):
        self.pairs = []

    def subscribe(self, event_type, handler=None):
        self.pairs += pairs_of(event_type, handler)

    def unsubscribe(self, event_type, handler=None):
        for pair in pairs_of(event_type, handler):
            if pair in self.pairs:
                self.pairs.remove(pair)

    def handlers_of(self, event):
        for event_type, handler in self.pairs:
            if event_type in ("*", event.event_type):
                yield handler
""",
            ),
        ),
    ),
    Exercise(
        number="8.2",
        minutes=15,
        hints=(
            "Each handler has its own `try`. Where does it stand, so that the next one is called whatever this one "
            "does? And the list of failures is returned at the end, an empty one too.",
            "`HandlerFailure(event, handler, error)` keeps the error itself. To the log, say it with "
            '`LOG.error("... failed ...", exc_info=error)`: without `exc_info` the traceback is gone. And not '
            "everything that can be called has a `__name__`: `type(handler).__name__` is always there.",
            "`except Exception as error:` takes what goes wrong. A bare `except:`, or `BaseException`, also takes "
            "Ctrl-C and the end of the program, which are not yours.",
        ),
        cases=(
            keeps(publishing.a_handler_gets_the_events_of_its_type, hint=1, on=in_memory),
            keeps(publishing.a_handler_that_fails_stops_no_other, hint=1, on=in_memory),
            a_failure_tells_event_handler_and_error,
            keeps(publishing.publish_gives_back_what_failed, hint=2, on=in_memory),
            keeps(publishing.a_failure_is_logged_with_its_traceback, hint=2, on=in_memory),
            a_handler_need_not_have_a_name,
            keeps(publishing.who_wants_to_stop_the_program_is_not_held_up, hint=3, on=in_memory),
            keeps(publishing.who_leaves_while_being_called_takes_nobody_along, hint=1, on=in_memory),
        ),
        wrong=(
            WrongAnswer(
                mistake="One `try` around the loop: after the first failure nobody else is called.",
                hint=1,
                code="""\
class EventBus(Subscriptions):
    def publish(self, event):
        failures = []
        try:
            for handler in self.handlers_of(event):
                handler(event)
        except Exception as error:
            logging.getLogger("eventstore").error("a handler failed", exc_info=error)
            failures.append(HandlerFailure(event, handler, error))
        return failures
""",
            ),
            WrongAnswer(
                mistake="`handler.__name__`, of something that has no name.",
                hint=2,
                change=('getattr(handler, "__qualname__", type(handler).__name__)', "handler.__name__"),
            ),
            WrongAnswer(
                mistake="`exc_info` is missing, so the log has no traceback.", hint=2, change=(", exc_info=error)", ")")
            ),
            WrongAnswer(
                mistake="`except BaseException` swallows Ctrl-C and the end of the program.",
                hint=3,
                change=("except Exception as error", "except BaseException as error"),
            ),
        ),
    ),
    Exercise(
        number="8.3",
        minutes=10,
        hints=(
            "Three steps in this order: let the next class append, with `super()`; if there is a `self.bus`, publish "
            "each stored event to it, once; return what was stored.",
            "Publish what `super().append_many(events)` gave back. What came in has no sequence numbers, and may be a "
            "generator that can be read only once.",
            "Nothing may be told that is not stored yet: if `super().append_many` raises, no line after it is reached, "
            "and that is right. Each stored event is published once, in the order of the list.",
        ),
        cases=(
            without_a_bus_it_only_appends,
            each_stored_event_is_published_once,
            stored(publishing.a_store_publishes_what_it_has_stored, hint=2),
            what_can_be_read_only_once_is_published_too,
            stored(publishing.a_batch_is_published_in_the_order_of_the_log, hint=3),
            stored(publishing.what_is_published_can_be_read, hint=3),
            stored(publishing.what_is_refused_is_not_published, hint=3),
            stored(publishing.a_handler_that_fails_does_not_undo_the_append, hint=3),
            stored(publishing.an_append_that_is_sent_again_is_published_again, hint=3),
            stored(appending.append_many_is_all_or_nothing, hint=1),
            stored(publishing.eight_threads_share_a_bus, hint=3),
        ),
        wrong=(
            WrongAnswer(
                mistake="Publishes without asking whether there is a bus.",
                hint=1,
                change=(
                    "        if self.bus is not None:\n            for",
                    "        if True:\n            for",
                ),
            ),
            WrongAnswer(
                mistake="What came in is published, not what was stored.",
                hint=2,
                change=("for event in stored:", "for event in events:"),
            ),
            WrongAnswer(
                mistake="Each event is appended by itself, so the batch is no longer all or nothing.",
                hint=1,
                code="""\
class Publishing:
    bus = None

    def append(self, event):
        return self.append_many([event])[0]

    def append_many(self, events):
        stored = [super(Publishing, self).append_many([event])[0] for event in events]
        if self.bus is not None:
            for event in stored:
                self.bus.publish(event)
        return stored
""",
            ),
            WrongAnswer(
                mistake="Published in the wrong order.",
                hint=3,
                change=("for event in stored:", "for event in reversed(stored):"),
            ),
        ),
    ),
    Exercise(
        number="8.4",
        minutes=15,
        hints=(
            "The event that comes in is not looked at. Ask `self.store` for everything behind `self.position`, and go "
            "through it in that order.",
            "The position is the number of the event that was worked on, `news.sequence_number`, never that of the "
            "hint: the hint may be old.",
            "Two lines in the loop: first the work, then the position. If the work raises, the second line is not "
            "reached, and nothing has to be caught.",
        ),
        cases=(
            what_was_lost_comes_with_the_next_hint,
            each_event_comes_once,
            it_begins_behind_its_position,
            a_hint_about_something_old_does_not_lead_back,
            numbers_may_have_gaps,
            it_works_on_a_bus,
            what_failed_comes_again,
        ),
        wrong=(
            WrongAnswer(
                mistake="The event of the hint goes to `work`, in place of each event that was read.",
                hint=1,
                change=("            self.work(news)\n", "            self.work(event)\n"),
            ),
            WrongAnswer(
                mistake="The log is read from the start each time.",
                hint=1,
                change=("after_sequence=self.position", "after_sequence=0"),
            ),
            WrongAnswer(
                mistake="The position is taken from the hint, which may be old.",
                hint=2,
                change=(
                    "            self.position = news.sequence_number\n",
                    "        self.position = event.sequence_number\n",
                ),
            ),
            WrongAnswer(
                mistake="The position is noted before the work, so what fails is lost.",
                hint=3,
                change=(
                    "            self.work(news)\n            self.position = news.sequence_number\n",
                    "            self.position = news.sequence_number\n            self.work(news)\n",
                ),
            ),
        ),
    ),
)
