"""The exercises of Day 9: read up to the mark, keep effect and checkpoint together, put an event aside."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any
from uuid import uuid5

import psycopg

import eventstore
from workbook.contract import subscribing
from workbook.contract.promises import SPACE, event
from workbook.contract.subscribing import APPEND, SEEN, WRITE, Breakdown, Killed, name_of
from workbook.exercise import Case, Exercise, WrongAnswer, case
from workbook.exercises.day03 import ANYBODY_BLOCKED, LOOK, PATIENCE
from workbook.expect import NotKept, expect
from workbook.mine import mixed_with_the_package
from workbook.workspace import Workspace, with_the_case

NextEvents = Callable[..., Any]

# The mark as before, but whoever asks for it has to wait for whoever holds the lock. So others can commit meanwhile.
MARK_THAT_WAITS = """
ALTER FUNCTION high_water_mark() RENAME TO mark_of_the_schema;
CREATE FUNCTION high_water_mark() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock('domain_events'::regclass::oid::bigint);
    RETURN mark_of_the_schema();
END
$$
"""
HOLD_THE_MARK = "SELECT pg_advisory_xact_lock('domain_events'::regclass::oid::bigint)"
LOW_MARK = "CREATE OR REPLACE FUNCTION high_water_mark() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'"

DEAD_LETTERS = """
SELECT sequence_number, attempts FROM event_dead_letters WHERE subscription = 'reader' ORDER BY sequence_number
"""
HANDLED = "SELECT number FROM seen ORDER BY place"

# So often a handler is called with one event before the case gives up.
MOST_CALLS = 50


class Log:
    """A log in a scratch schema, and what an answer reads from it."""

    def __init__(self) -> None:
        self.db: Workspace = with_the_case().workspace()
        self.store = self.db.store
        self._streams = 0

    def append(self, *types: str) -> None:
        """An event of each of these types, in a stream of its own."""
        first = self._streams + 1
        self._streams += len(types)
        self.store.append_many(
            [event(eventstore, 1, f"hand {at}", event_type=one) for at, one in enumerate(types, first)]
        )

    def expect_next(self, answer: NextEvents, numbers: list[int], further: int, *given: Any, of: str = "") -> None:
        """Expect an answer to give events of these numbers, and the position behind them."""
        # In a transaction, as a consumer will ask.
        with self.store.connection() as connection, connection.transaction():
            got = answer(connection, *given)
        called = f"next_events(connection, {', '.join(map(repr, given))}){of}"
        if not isinstance(got, tuple) or len(got) != 2:
            raise NotKept(f"got {type(got).__name__} from {called}, expected the events and the new position")
        events, position = got
        if not isinstance(events, list):
            raise NotKept(f"got {type(events).__name__} in the first place from {called}, expected a list of events")
        if any(not isinstance(one, eventstore.DomainEvent) for one in events):
            raise NotKept(f"got a list of {type(events[0]).__name__} from {called}, expected events")
        expect([one.sequence_number for one in events], numbers, f"the numbers of the events of {called}")
        expect(position, further, f"the new position of {called}")


@case(hint=1)
def an_empty_log_gives_nothing(answer: NextEvents) -> None:
    Log().expect_next(answer, [], 0, 0)


@case(hint=1)
def what_lies_behind_the_position_comes_in_order(answer: NextEvents) -> None:
    log = Log()
    log.append("bet", "fold", "bet", "fold")
    log.expect_next(answer, [1, 2, 3, 4], 4, 0)
    log.expect_next(answer, [3, 4], 4, 2)
    log.expect_next(answer, [], 4, 4)


@case(hint=1)
def what_is_not_certain_yet_has_to_wait(answer: NextEvents) -> None:
    log = Log()
    log.append("bet", "bet")
    with log.store.connection() as slow:
        slow.execute("BEGIN")
        slow.execute(APPEND, [uuid5(SPACE, "slow"), "slow hand"])
        log.append("bet")
        log.expect_next(answer, [1, 2], 2, 0, of=", while number 3 is not committed and number 4 is")
        slow.execute("COMMIT")
    log.expect_next(answer, [3, 4], 4, 2, of=", after number 3 was committed")


@case(hint=3)
def a_full_page_ends_at_its_last_event(answer: NextEvents) -> None:
    log = Log()
    log.append(*["bet"] * 5)
    log.expect_next(answer, [1, 2], 2, 0, None, 2)
    log.expect_next(answer, [3, 4], 4, 2, None, 2)
    log.expect_next(answer, [5], 5, 4, None, 2)
    log.append(*["bet"] * 120)
    log.expect_next(answer, list(range(6, 106)), 105, 5)


@case(hint=3)
def other_types_are_left_out_and_passed(answer: NextEvents) -> None:
    log = Log()
    log.append("bet", "fold", "bet", "raise", "bet", "fold")
    log.expect_next(answer, [2, 4, 6], 6, 0, ["fold", "raise"])
    log.expect_next(answer, [3, 5], 6, 1, ["bet"])
    log.expect_next(answer, [1, 3], 3, 0, ["bet"], 2)
    log.expect_next(answer, [], 6, 0, ["check"])


@case(hint=3)
def gaps_are_passed(answer: NextEvents) -> None:
    log = Log()
    log.append("bet")
    for number in (2, 3):
        with log.store.connection() as connection, suppress(Breakdown), connection.transaction():
            connection.execute(APPEND, [uuid5(SPACE, f"undone {number}"), "hand"])
            raise Breakdown
    log.append("bet")
    log.expect_next(answer, [4], 4, 1)


@case(hint=3)
def the_position_never_goes_back(answer: NextEvents) -> None:
    log = Log()
    log.append("bet", "bet", "bet")
    log.db.q(LOW_MARK)
    log.expect_next(answer, [], 3, 3, of=", while the mark is 1")


@case(hint=2)
def first_the_mark_then_the_events(answer: NextEvents) -> None:
    log = Log()
    log.append("bet")
    log.db.q(MARK_THAT_WAITS)
    with commits_while_somebody_asks_for_the_mark(log):
        log.append("bet")
        log.expect_next(answer, [1, 2, 3], 3, 0, of=", while number 2 is committed and the mark is asked for")


@contextmanager
def commits_while_somebody_asks_for_the_mark(log: Log) -> Iterator[None]:
    """Within this, somebody has drawn a number, and commits as soon as the mark is asked for."""
    left = threading.Event()

    def commit_when_met() -> None:
        for _ in range(int(PATIENCE / LOOK)):
            [blocked] = watch.execute(ANYBODY_BLOCKED, [slow.info.backend_pid]).fetchone() or [False]
            if blocked or left.wait(LOOK):
                break
        slow.execute("COMMIT")

    with log.store.connection() as slow, log.store.connection() as watch:
        slow.execute("BEGIN")
        slow.execute(APPEND, [uuid5(SPACE, "slow"), "slow hand"])
        slow.execute(HOLD_THE_MARK)
        thread = threading.Thread(target=commit_when_met, daemon=True)
        thread.start()
        try:
            yield
        finally:
            left.set()
            thread.join()


def follows(promise: Callable[..., None], *, hint: int) -> Case:
    """Make a promise of subscriptions a case: the learner's class, on the package's store."""

    def run(consumer: Any) -> None:
        mixed_with_the_package(consumer)  # refuses what is no class, or builds on the package
        names = SimpleNamespace(**(vars(eventstore) | {"Subscription": consumer}))
        promise(names, lambda: with_the_case().workspace().store)

    return Case(promise.__name__.replace("_", " "), hint, run)


class Followed:
    """A log of three events, and a learner's consumer with a handler that writes, counts its calls, and fails."""

    def __init__(self, consumer: Any, failures: dict[int, int], events: int = 3) -> None:
        """Failures: how often the handler is to fail at an event, by its number."""
        mixed_with_the_package(consumer)
        self.store: Any = with_the_case().workspace().store
        self.store.append_many([event(eventstore, version) for version in range(1, events + 1)])
        with self.store.connection() as connection:
            connection.execute(SEEN)
        self.calls: Counter[int] = Counter()
        self.killed_at: tuple[int, int] | None = None
        self._consumer, self._failures = consumer, failures

    def consumer(self, name: str = "reader", event_types: list[str] | None = None) -> Any:
        return self._consumer(self.store, name, self._handle, event_types)

    def _handle(self, event: Any, connection: psycopg.Connection) -> None:
        number = event.sequence_number
        if (number, self.calls[number]) == self.killed_at:
            self.killed_at = None
            raise Killed
        self.calls[number] += 1
        if self.calls[number] > MOST_CALLS:
            raise Killed
        connection.execute(WRITE, ["reader", number, name_of(event)])
        if self.calls[number] <= self._failures.get(number, 0):
            raise Breakdown("paper jam")

    def catch_up(self) -> None:
        try:
            self.consumer().catch_up()
        except Killed:
            number, calls = self.calls.most_common(1)[0]
            if calls > MOST_CALLS:
                raise NotKept(f"got {MOST_CALLS} calls with event {number}, expected an end") from None
        except Breakdown:
            raise NotKept("got the error of the handler from catch_up(), expected it to be noted") from None

    def expect(self, handled: list[int], dead: list[tuple[int, int]]) -> None:
        with self.store.connection() as connection:
            expect([number for (number,) in connection.execute(HANDLED)], handled, "the events that were handled")
            expect(connection.execute(DEAD_LETTERS).fetchall(), dead, "the dead letters, as (number, attempts)")


@case(hint=2)
def one_batch_hands_over_what_is_there(consumer: Any) -> None:
    there = Followed(consumer, {})
    there.consumer().one_batch()
    there.expect([1, 2, 3], [])
    with there.store.connection() as connection:
        position = connection.execute("SELECT max(position) FROM event_subscriptions").fetchone()
    expect(position, (3,), "the position in event_subscriptions, after one_batch(), with 3 events")


@case(hint=1)
def each_name_has_a_position_of_its_own(consumer: Any) -> None:
    there = Followed(consumer, {})
    there.consumer("another")
    with there.store.connection() as connection:
        connection.execute("UPDATE event_subscriptions SET position = 2")
    there.consumer().one_batch()
    with there.store.connection() as connection:
        handled = [number for (number,) in connection.execute(HANDLED)]
    expect(handled, [1, 2, 3], "the events that 'reader' handled, which is at position 0, while 'another' is at 2")


@case(hint=1)
def whoever_holds_the_checkpoint_works_alone(consumer: Any) -> None:
    there = Followed(consumer, {})
    second = there.consumer()
    with there.store.connection() as holder:
        holder.execute("BEGIN")
        holder.execute("SELECT FROM event_subscriptions WHERE name = 'reader' FOR UPDATE")
        expect(second.one_batch(), False, "one_batch(), while another consumer has the checkpoint")
        there.expect([], [])
        holder.execute("ROLLBACK")


@case(hint=2)
def every_event_goes_through_hand_over(consumer: Any) -> None:
    handed: list[int] = []

    class Watched(consumer):
        def hand_over(self, event: Any, connection: Any) -> None:
            handed.append(event.version)

    Followed(Watched, {}).consumer().catch_up()
    expect(handed, [1, 2, 3], "the versions that were given to self.hand_over")


@case(hint=1)
def the_position_is_the_one_that_comes_with_the_lock(consumer: Any) -> None:
    there = Followed(consumer, {})
    there.store = Overtaken(there.store)
    there.consumer().one_batch()
    there.expect([3], [])


class Overtaken:
    """A store where another consumer gets to position 2 right before anybody locks a checkpoint."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._waiting = True

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        with self._store.connection() as connection:
            execute = connection.execute

            def execute_late(query: Any, *values: Any, **options: Any) -> Any:
                if self._waiting and "for update" in str(query).lower():
                    self._waiting = False
                    with self._store.connection() as other:
                        other.execute("UPDATE event_subscriptions SET position = 2")
                return execute(query, *values, **options)

            connection.execute = execute_late
            yield connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@case(hint=3)
def one_batch_says_whether_the_position_has_moved(consumer: Any) -> None:
    there = Followed(consumer, {}, events=250)
    subscription = there.consumer()
    got = [subscription.one_batch() for _ in range(4)]
    expect(got, [True, True, True, False], "four calls of one_batch(), with 250 events")


@case(hint=3)
def events_of_other_types_move_the_position_as_well(consumer: Any) -> None:
    there = Followed(consumer, {}, events=250)
    nothing = there.consumer("nothing for me", ["check"])
    got = [nothing.one_batch() for _ in range(2)]
    expect(got, [True, False], "two calls of one_batch(), with 250 events of other types")


@case(hint=2)
def the_error_of_the_handler_reaches_the_caller(consumer: Any) -> None:
    there = Followed(consumer, {2: 1})
    try:
        there.consumer().one_batch()
    except Breakdown:
        there.expect([], [])
    else:
        raise NotKept("got no error from one_batch(), when the handler fails, expected the handler's")


@case(hint=3)
def what_does_not_fail_is_handed_over(subscription: Any) -> None:
    there = Followed(subscription, {})
    there.catch_up()
    with there.store.connection() as connection:
        errors = connection.execute("SELECT DISTINCT error FROM event_dead_letters").fetchall()
    if errors:
        raise NotKept(f"got a dead letter that says {errors[0][0]!r}, expected none: the handler did not fail")
    there.expect([1, 2, 3], [])


@case(hint=3)
def the_failure_of_a_handler_is_noted(subscription: Any) -> None:
    consumer = Followed(subscription, {2: 1}).consumer()
    try:
        got = consumer.one_batch()
    except Breakdown:
        raise NotKept("got the error of the handler from one_batch(), expected it to be noted") from None
    expect(got, True, "one_batch(), when the handler fails")


@case(hint=3)
def an_event_that_never_succeeds_is_put_aside(subscription: Any) -> None:
    there = Followed(subscription, {2: 1000})
    there.catch_up()
    expect(there.calls[2], 5, "the number of calls with event 2")
    there.expect([1, 3], [(2, 5)])


@case(hint=1)
def an_event_that_succeeds_at_last_is_not(subscription: Any) -> None:
    there = Followed(subscription, {2: 4})
    there.catch_up()
    expect(there.calls[2], 5, "the number of calls with event 2, which fails 4 times")
    there.expect([1, 2, 3], [])


@case(hint=2)
def each_event_has_a_count_of_its_own(subscription: Any) -> None:
    there = Followed(subscription, {1: 3, 3: 3})
    there.catch_up()
    there.expect([1, 2, 3], [])


@case(hint=1)
def the_next_process_goes_on_counting(subscription: Any) -> None:
    there = Followed(subscription, {2: 1000})
    there.killed_at = (2, 3)  # after three failures
    there.catch_up()
    expect(there.calls[2], 3, "the number of calls with event 2, before the process was killed")
    there.catch_up()
    expect(there.calls[2], 5, "the number of calls with event 2, by two processes together")
    there.expect([1, 3], [(2, 5)])


@case(hint=3)
def each_subscription_has_dead_letters_of_its_own(subscription: Any) -> None:
    there = Followed(subscription, {})
    with there.store.connection() as connection:
        connection.execute("INSERT INTO event_subscriptions (name) VALUES ('another')")
        connection.execute(
            "INSERT INTO event_dead_letters (subscription, sequence_number, attempts, error)"
            " VALUES ('another', 2, 5, 'paper jam')"
        )
    there.catch_up()
    there.expect([1, 2, 3], [])


@case(hint=3)
def the_number_of_attempts_can_be_chosen(subscription: Any) -> None:
    class Twice(subscription):
        attempts = 2

    there = Followed(Twice, {2: 1000})
    there.catch_up()
    expect(there.calls[2], 2, "the number of calls with event 2, with attempts = 2")
    there.expect([1, 3], [(2, 2)])


@case(hint=1)
def others_are_left_alone(subscription: Any) -> None:
    there = Followed(subscription, {2: 1000})
    other = "another", 2, 3, "out of ink"
    with there.store.connection() as connection:
        connection.execute(
            "INSERT INTO event_subscriptions (name, failing, attempts, error) VALUES (%s, %s, %s, %s)", other
        )
    there.catch_up()
    with there.store.connection() as connection:
        look = "SELECT name, failing, attempts, error FROM event_subscriptions WHERE name = 'another'"
        row = connection.execute(look).fetchone()
    expect(row, other, "the row of another subscription, which nobody runs")
    expect(there.calls[2], 5, "the number of calls with event 2, which another subscription failed at, too")


@case(hint=1)
def two_who_fail_at_the_same_moment_both_count(subscription: Any) -> None:
    there = Followed(subscription, {})
    met = there.store = AlsoFails(there.store)
    there.consumer().note_failure(2, "paper jam")
    with there.store.connection() as connection:
        count = connection.execute("SELECT attempts FROM event_subscriptions WHERE name = 'reader'").fetchone()
    if met.counted is not None:
        of = "attempts, after two have called note_failure(2, ...), one of them in the middle of the other's call"
        expect(count, (1 + met.counted,), of)


class AlsoFails:
    """A store where another consumer counts its failure right before somebody notes one, unless a lock forbids it."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.counted: int | None = None

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        with self._store.connection() as connection:
            execute = connection.execute

            def execute_late(query: Any, *values: Any, **options: Any) -> Any:
                if self.counted is None and "update event_subscriptions" in " ".join(str(query).lower().split()):
                    self.counted = self._count()
                return execute(query, *values, **options)

            connection.execute = execute_late
            yield connection

    def _count(self) -> int:
        """Returns how many failures were counted."""
        with self._store.connection() as other, suppress(psycopg.errors.LockNotAvailable), other.transaction():
            other.execute("SELECT FROM event_subscriptions WHERE name = 'reader' FOR UPDATE NOWAIT")
            other.execute("UPDATE event_subscriptions SET failing = 2, attempts = attempts + 1 WHERE name = 'reader'")
            return 1
        return 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@case(hint=2)
def the_failure_can_be_read(subscription: Any) -> None:
    there = Followed(subscription, {2: 1000})
    there.killed_at = (2, 3)
    there.catch_up()
    with there.store.connection() as connection:
        row = connection.execute("SELECT failing, attempts, error FROM event_subscriptions ORDER BY name").fetchone()
    expect(row, (2, 3, "paper jam"), "failing, attempts and error, after event 2 has failed three times")


EXERCISES = (
    Exercise(
        number="9.1",
        minutes=15,
        hints=(
            "Two statements. `SELECT high_water_mark()` gives one row with the mark, as above. Then select the "
            "`COLUMNS` of all events with `sequence_number > %(position)s AND sequence_number <= %(mark)s`, ordered by "
            "it, and make events of the rows with `event_from`. Return both: `return events, further`.",
            "The mark comes first and alone. A statement sees what was committed when it began, so the events must be "
            "read by one that begins after the mark was taken.",
            "Where to go on? If `len(events) == limit`, from `events[-1].sequence_number`. Otherwise everything up to "
            "the mark is done, whether there were events or not: `max(position, mark)`, since the mark may be lower "
            "than where you have been. The types belong into the same `WHERE`, before the `LIMIT` counts.",
        ),
        cases=(
            an_empty_log_gives_nothing,
            what_lies_behind_the_position_comes_in_order,
            what_is_not_certain_yet_has_to_wait,
            first_the_mark_then_the_events,
            a_full_page_ends_at_its_last_event,
            other_types_are_left_out_and_passed,
            gaps_are_passed,
            the_position_never_goes_back,
        ),
        wrong=(
            WrongAnswer(
                mistake="The highest visible number instead of the mark: what is not committed yet is skipped.",
                hint=1,
                change=(
                    '[mark] = connection.execute("SELECT high_water_mark()").fetchone()',
                    '[mark] = connection.execute("SELECT coalesce(max(sequence_number), 0) FROM domain_events")'
                    ".fetchone()",
                ),
            ),
            WrongAnswer(
                mistake="Mark and events in one statement, so the view of the events is older than the mark.",
                hint=2,
                code="""
def next_events(connection, position, event_types=None, limit=100):
    statement = f'''
        WITH mark AS (SELECT high_water_mark() AS mark)
        SELECT {COLUMNS}, mark FROM mark LEFT JOIN domain_events
            ON sequence_number > %(position)s AND sequence_number <= mark
            AND (%(types)s::text[] IS NULL OR event_type = ANY(%(types)s))
        ORDER BY sequence_number LIMIT %(limit)s
    '''
    rows = connection.execute(statement, {"position": position, "types": event_types, "limit": limit}).fetchall()
    events = [event_from(row) for row in rows if row[0]]
    if len(events) == limit:
        return events, events[-1].sequence_number
    return events, max(position, rows[0][-1])
""",
            ),
            WrongAnswer(
                mistake="The position stays where there were no events; gaps and other types hold it up.",
                hint=3,
                change=("max(position, mark)", "events[-1].sequence_number if events else position"),
            ),
            WrongAnswer(
                mistake="The position follows the mark downwards.", hint=3, change=("max(position, mark)", "mark")
            ),
        ),
    ),
    Exercise(
        number="9.2",
        minutes=25,
        hints=(
            "Take your row with `SELECT position FROM event_subscriptions WHERE name = %s FOR UPDATE SKIP LOCKED`. "
            "`fetchone()` gives a row with the position, or None where somebody else has it: then return False. Use "
            "the position that came with the lock.",
            "Everything on one connection and in one transaction: `with self.store.connection() as connection, "
            "connection.transaction():`. The lock, the events, each `hand_over`, and at the end `MOVE`. Catch nothing: "
            "an error has to leave the block, or it will be committed.",
            "`next_events` gives the events and `further`. Note `further`, not the number of the last event, also "
            "where there were no events. Return `further > position`, behind the block.",
        ),
        cases=(
            one_batch_hands_over_what_is_there,
            one_batch_says_whether_the_position_has_moved,
            follows(subscribing.every_event_is_handled_once_in_the_order_of_the_log, hint=2),
            each_name_has_a_position_of_its_own,
            every_event_goes_through_hand_over,
            follows(subscribing.effect_and_checkpoint_are_seen_together, hint=2),
            the_error_of_the_handler_reaches_the_caller,
            follows(subscribing.a_handler_that_fails_leaves_nothing_behind, hint=2),
            whoever_holds_the_checkpoint_works_alone,
            the_position_is_the_one_that_comes_with_the_lock,
            follows(subscribing.two_of_one_name_never_work_at_the_same_time, hint=1),
            follows(subscribing.only_the_types_asked_for_are_handled, hint=3),
            events_of_other_types_move_the_position_as_well,
            follows(subscribing.a_slow_transaction_delays_and_loses_nothing, hint=3),
            follows(subscribing.run_handles_what_comes_until_it_is_stopped, hint=3),
        ),
        wrong=(
            # The checkpoint outside of the transaction of the effects, after and before them.
            WrongAnswer(
                mistake="No transaction: a part of a failed batch stays.",
                hint=2,
                change=(" as connection, connection.transaction():", " as connection:"),
            ),
            WrongAnswer(
                mistake="The position is noted and committed before the work: a failed batch is lost.",
                hint=2,
                change=(
                    "            for event in events:\n                self.hand_over(event, connection)\n"
                    "            if further > position:\n"
                    "                connection.execute(MOVE, [further, self.name])\n",
                    "            connection.execute(MOVE, [further, self.name])\n"
                    "        with self.store.connection() as connection, connection.transaction():\n"
                    "            for event in events:\n                self.hand_over(event, connection)\n",
                ),
            ),
            WrongAnswer(
                mistake="The row is read without a lock, so two consumers do the same work.",
                hint=1,
                change=(" FOR UPDATE SKIP LOCKED", ""),
            ),
            WrongAnswer(
                mistake="The position of the last event instead of `further`: events of other types hold it up.",
                hint=3,
                change=(
                    "            if further > position:\n",
                    "            further = events[-1].sequence_number if events else position\n"
                    "            if further > position:\n",
                ),
            ),
        ),
    ),
    Exercise(
        number="9.3",
        minutes=20,
        hints=(
            "The count belongs into the table: `SELECT failing, attempts FROM event_subscriptions WHERE name = %s FOR "
            "UPDATE`, work out the new count, and `UPDATE` the three columns of this row. On a connection of its own "
            "and in a transaction of its own: the failed one is gone, and the lock lasts as long as the transaction.",
            "`failing` says which event the count belongs to. If it is this number, count one more; if not, this is "
            "the first failure of this event: 1. `error` is noted each time.",
            "When the count has reached `self.attempts`, insert the dead letter in the same transaction. And "
            "`hand_over` first sets `self.at_work = event`, by which `one_batch` knows which event failed. Then it "
            "asks `event_dead_letters` for this name and this number: if there is a row, it calls nobody; else "
            "`super().hand_over(event, connection)`.",
        ),
        cases=(
            what_does_not_fail_is_handed_over,
            the_failure_of_a_handler_is_noted,
            an_event_that_succeeds_at_last_is_not,
            the_failure_can_be_read,
            each_event_has_a_count_of_its_own,
            an_event_that_never_succeeds_is_put_aside,
            the_number_of_attempts_can_be_chosen,
            others_are_left_alone,
            the_next_process_goes_on_counting,
            two_who_fail_at_the_same_moment_both_count,
            each_subscription_has_dead_letters_of_its_own,
            follows(subscribing.whoever_dies_at_work_leaves_it_to_the_next, hint=1),
        ),
        wrong=(
            WrongAnswer(
                mistake="Failures of different events are added up.",
                hint=2,
                change=("attempts + 1 if failing == number else 1", "attempts + 1"),
            ),
            WrongAnswer(
                mistake="The count is written into the rows of all subscriptions.",
                hint=1,
                change=("error = %s WHERE name = %s", "error = %s WHERE %s <> ''"),
            ),
            WrongAnswer(
                mistake="A dead letter is handed over again.",
                hint=3,
                change=("        if not aside:\n", "        if True:\n"),
            ),
            WrongAnswer(
                mistake="The count lives in Python: each consumer has its own, and a restart forgets it.",
                hint=1,
                change=(
                    "            failing, attempts = connection.execute(look, [self.name]).fetchone()\n",
                    "            failing, attempts = getattr(self, 'count', (None, 0))\n"
                    "            self.count = number, attempts + 1 if failing == number else 1\n",
                ),
            ),
        ),
    ),
)
