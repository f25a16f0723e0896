"""The exercises of Day 3: append in one statement, decide again after a conflict, all or nothing, send again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid5

import psycopg
from psycopg.pq import TransactionStatus

import eventstore
from eventstore import DomainEvent, EventMetadata, InMemoryEventStore, StoreUnavailableError, VersionConflictError
from workbook.contract import appending, reading, retrying
from workbook.contract.promises import SPACE, essence, event, expect_stream
from workbook.exercise import Exercise, WrongAnswer, case, keeps
from workbook.expect import NotKept, expect, expect_error
from workbook.mine import mixin, store_of

Events = list[DomainEvent]
Decide = Callable[[Events], dict[str, Any]]
Act = Callable[..., Any]

one_by_one = mixin("write", "append")
in_batches = mixin("append_many")

RIVAL = """
INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data)
VALUES (%s, 'game.created', %s, %s, '{}')
"""

ANYBODY_BLOCKED = """
SELECT count(*) > 0
FROM pg_stat_activity
WHERE application_name = current_setting('application_name') AND %s = ANY(pg_blocking_pids(pid))
"""

# How long a rival waits for the learner's call to meet it, and how often it looks.
PATIENCE, LOOK = 3.0, 0.01


@contextmanager
def a_rival(store: Any, aggregate_id: str, version: int) -> Iterator[None]:
    """Within this, somebody else has written a version, and commits as soon as a call is waiting for it."""
    left = threading.Event()
    with store.connection() as rival, store.connection() as watch:
        rival.execute("BEGIN")
        rival.execute(RIVAL, [uuid5(SPACE, "a rival"), aggregate_id, version])
        thread = threading.Thread(target=_commit_when_met, args=(rival, watch, left), daemon=True)
        thread.start()
        try:
            yield
        finally:
            left.set()
            thread.join()


def _commit_when_met(rival: psycopg.Connection, watch: psycopg.Connection, left: threading.Event) -> None:
    for _ in range(int(PATIENCE / LOOK)):
        [blocked] = watch.execute(ANYBODY_BLOCKED, [rival.info.backend_pid]).fetchone() or [False]
        if blocked or left.wait(LOOK):
            break
    rival.execute("COMMIT")


@case(hint=2)
def append_writes_and_gives_the_event_back(part: Any) -> None:
    store = store_of(part, own=("write", "append"))()
    expect(type(store.append(event(eventstore))).__name__, "DomainEvent", "the type of append(event)")
    expect(store.get_latest_version("hand-1"), 1, "the latest version that others see after append(event)")


@case(hint=1)
def every_column_comes_back(part: Any) -> None:
    store = store_of(part, own=("write", "append"))()
    why = EventMetadata(causation_id=UUID(int=1), correlation_id=UUID(int=2), user_id="seat-5")
    evening = datetime(2025, 3, 1, 20, 0, tzinfo=UTC)
    sent = event(eventstore, metadata=why, schema_version=3, event_timestamp=evening)
    given_back = store.append(sent)
    for stored, of in [(given_back, "append(event)"), (store.get_by_aggregate("hand-1")[0], "the event, read")]:
        expect(essence(stored), essence(sent), of)
        for name in ("causation_id", "correlation_id", "user_id"):
            same = getattr(stored.metadata, name) == getattr(why, name)
            expect(same, True, f"the same {name} in {of}")
        expect(type(stored.sequence_number).__name__, "int", f"the type of the sequence_number of {of}")
        expect(stored.schema_version, 3, f"schema_version of {of}")
        expect(stored.event_timestamp == evening, True, f"the same event_timestamp in {of}")


@case(hint=1)
def write_uses_the_connection_that_it_is_given(part: Any) -> None:
    store = store_of(part, own=("write", "append"))()
    with store.connection() as connection:
        connection.execute("BEGIN")
        stored = store.write(connection, event(eventstore))
        first = getattr(stored, "version", stored)
        expect(first, 1, "the version that write(connection, event) gives back for the first event of a hand")
        connection.execute("ROLLBACK")
    expect(store.get_latest_version("hand-1"), 0, "the latest version after write and a ROLLBACK on its connection")


@case(hint=1)
def write_asks_for_the_latest_version_of_this_hand(part: Any) -> None:
    store = store_of(part, own=("write", "append"))()
    store.append_many([event(eventstore, version, "hand-2") for version in (1, 2, 3)])
    with store.connection() as connection:
        stored = store.write(connection, event(eventstore))
    expect(getattr(stored, "version", stored), 1, "write of a hand's version 1, while another hand is at version 3")


@case(hint=1)
def write_gives_none_where_the_version_is_not_the_next(part: Any) -> None:
    store = store_of(part, own=("write", "append"))()
    store.append_many([event(eventstore, 1), event(eventstore, 2)])
    with store.connection() as connection:
        for version in (2, 4):
            late = event(eventstore, version, id=uuid5(SPACE, "late"))
            expect(store.write(connection, late), None, f"write of version {version} after version 2")
    expect_stream(store, [1, 2])


@case(hint=2)
def a_version_that_is_taken_is_refused(part: Any) -> None:
    store = store_of(part, own=("write", "append"))()
    for version in (1, 2, 3):
        store.append(event(eventstore, version))
    late = event(eventstore, 2, id=uuid5(SPACE, "late"))
    refusal = {"aggregate_id": "hand-1", "attempted_version": 2, "latest_version": 3}
    expect_error(VersionConflictError, lambda: store.append(late), "append of version 2 after version 3", **refusal)
    expect_stream(store, [1, 2, 3])


@case(hint=3)
def write_leaves_a_lost_race_to_its_caller(part: Any) -> None:
    store = store_of(part, own=("write", "append"))()
    with a_rival(store, "hand-1", 1), store.connection() as connection:
        connection.execute("BEGIN")
        try:
            got = store.write(connection, event(eventstore))
        except psycopg.errors.UniqueViolation:
            return
        expect(got, None, "write, when somebody else was faster")
        # Whoever makes the INSERT itself give way needs no error. A violation that was swallowed is another matter.
        if connection.info.transaction_status is TransactionStatus.INERROR:
            raise NotKept("got None from write and a transaction that has failed, expected UniqueViolation")


@case(hint=3)
def who_loses_at_the_unique_key_gets_a_conflict_too(part: Any) -> None:
    store = store_of(part, own=("write", "append"))()
    store.append(event(eventstore, 1))
    refusal = {"aggregate_id": "hand-1", "attempted_version": 2, "latest_version": 2}
    with a_rival(store, "hand-1", 2):
        expect_error(VersionConflictError, lambda: store.append(event(eventstore, 2)), "append", **refusal)
    expect_stream(store, [1, 2])


def four_calls(store: Any) -> Any:
    store.append_many([event(eventstore, version) for version in (1, 2, 3, 4)])
    return store


def raised(store: Any, hand: str = "hand-1") -> None:
    """Seat 5 acts in between."""
    version = store.get_latest_version(hand) + 1
    raised_to = {"seat": 5, "action": "raise", "amount": 900}
    store.append(event(eventstore, version, hand, event_data=raised_to, id=uuid5(SPACE, f"raise {version}")))


class Player:
    """Folds after a raise, and checks otherwise. Others may act while it thinks."""

    def __init__(self, store: Any, disturbed: int = 0, at_most: int = 50) -> None:
        self.store, self.disturbed, self.at_most = store, disturbed, at_most
        self.seen: list[int] = []

    def decide(self, events: Events) -> dict[str, Any]:
        self.seen.append(len(events))
        if len(self.seen) > self.at_most:
            raise NotKept(f"got more than {self.at_most} decisions, expected an end")
        if len(self.seen) <= self.disturbed:
            raised(self.store)
        action = "fold" if events[-1].event_data.get("action") == "raise" else "check"
        return {"seat": 6, "action": action, "amount": 0}


class Counting(InMemoryEventStore):
    """Counts the conflicts."""

    conflicts = 0

    def append(self, event: DomainEvent) -> DomainEvent:
        try:
            return super().append(event)
        except VersionConflictError:
            self.conflicts += 1
            raise


class BehindYourBack(Counting):
    """Somebody acts right after the first time that the hand is read."""

    def __init__(self) -> None:
        super().__init__()
        self.armed = False

    def get_by_aggregate(self, aggregate_id: str, from_version: int = 1, to_version: int | None = None) -> Events:
        events = super().get_by_aggregate(aggregate_id, from_version, to_version)
        if self.armed:
            self.armed = False
            raised(self)
        return events


def last_action(store: Any) -> tuple[int, Any, Any]:
    last = store.get_by_aggregate("hand-1")[-1]
    return last.version, last.event_data.get("seat"), last.event_data.get("action")


@case(hint=3)
def nobody_else_acts(act: Act) -> None:
    store = four_calls(Counting())
    player = Player(store)
    stored = act(store, "hand-1", player.decide)
    expect(player.seen, [4], "the number of events that each decide was given")
    expect(isinstance(stored, DomainEvent), True, "an event given back")
    expect((stored.event_type, stored.version), ("game.action_processed", 5), "type and version of the event")
    expect(stored.sequence_number, 5, "the sequence_number of the event given back")
    expect(last_action(store), (5, 6, "check"), "version, seat and action of the last event")


@case(hint=2)
def a_decision_on_old_facts_meets_a_conflict(act: Act) -> None:
    store = four_calls(Counting())
    with suppress(VersionConflictError):  # how it goes on is for later cases
        act(store, "hand-1", Player(store, disturbed=1).decide)
    expect(store.conflicts > 0, True, "a conflict, when seat 5 acts while seat 6 thinks")
    store = four_calls(BehindYourBack())
    store.armed = True
    with suppress(VersionConflictError):
        act(store, "hand-1", Player(store).decide)
    expect(store.conflicts > 0, True, "a conflict, when seat 5 acts right after the events were read")


@case(hint=1)
def after_a_conflict_it_decides_again(act: Act) -> None:
    store = four_calls(Counting())
    player = Player(store, disturbed=1)
    act(store, "hand-1", player.decide)
    expect(player.seen, [4, 5], "the number of events that each decide was given")
    expect(last_action(store), (6, 6, "fold"), "version, seat and action of the last event")
    expect_stream(store, [1, 2, 3, 4, 5, 6])


@case(hint=3)
def the_last_attempt_counts(act: Act) -> None:
    store = four_calls(Counting())
    player = Player(store, disturbed=2)
    act(store, "hand-1", player.decide, attempts=3)
    expect(player.seen, [4, 5, 6], "the number of events that each decide was given")


@case(hint=3)
def after_so_many_conflicts_the_caller_hears_of_it(act: Act) -> None:
    ways: list[tuple[dict[str, int], int]] = [({}, 5), ({"attempts": 2}, 2), ({"attempts": 1}, 1)]
    for attempts, wanted in ways:
        store = four_calls(Counting())
        player = Player(store, disturbed=100)
        what = f"act(..., attempts={wanted}) with a conflict each time"
        call = partial(act, store, "hand-1", player.decide, **attempts)
        expect_error(VersionConflictError, call, what, attempted_version=4 + wanted)
        expect(len(player.seen), wanted, f"the number of decisions in {what}")


@case(hint=3)
def other_errors_are_not_tried_again(act: Act) -> None:
    class Away(Counting):
        tried = 0

        def append(self, event: DomainEvent) -> DomainEvent:
            self.tried += 1
            raise StoreUnavailableError("the server is away")

    store = Away()
    store.append_many([event(eventstore, version) for version in (1, 2, 3, 4)])
    player = Player(store)
    expect_error(StoreUnavailableError, lambda: act(store, "hand-1", player.decide), "act, when the server is away")
    expect(store.tried, 1, "the number of appends, when the server is away")


@case(hint=2)
def a_refused_event_is_an_error(part: Any) -> None:
    store = store_of(part, own=("append_many",))()
    store.append(event(eventstore, 1, "hand-2"))
    batch = [event(eventstore, 1), event(eventstore, 3, "hand-2")]
    refusal = {"aggregate_id": "hand-2", "attempted_version": 3, "latest_version": 1}
    expect_error(VersionConflictError, lambda: store.append_many(batch), "append_many", **refusal)


@case(hint=1)
def whatever_goes_wrong_nothing_stays(part: Any) -> None:
    def broken_source() -> Iterator[DomainEvent]:
        yield event(eventstore, 1)
        raise KeyError("the source of the events broke")

    store = store_of(part, own=("append_many",))()
    expect_error(KeyError, lambda: store.append_many(broken_source()), "append_many of a source that breaks")
    expect_stream(store, [])


@case(hint=3)
def a_batch_that_loses_at_the_unique_key_is_a_conflict_too(part: Any) -> None:
    store = store_of(part, own=("append_many",))()
    batch = [event(eventstore, 1), event(eventstore, 1, "hand-2"), event(eventstore, 2)]
    refusal = {"aggregate_id": "hand-2", "attempted_version": 1, "latest_version": 1}
    with a_rival(store, "hand-2", 1):
        expect_error(VersionConflictError, lambda: store.append_many(batch), "append_many", **refusal)
    expect_stream(store, [])
    expect_stream(store, [1], "hand-2")


@case(hint=1)
def a_repeat_is_no_conflict(part: Any, *_: Any) -> None:
    store = store_of(part, own=("append_many",))()
    store.append(event(eventstore))
    try:
        store.append(event(eventstore))
    except VersionConflictError:
        raise NotKept("got VersionConflictError for an event that is stored already, expected the event") from None
    except eventstore.EventStoreError:
        pass  # a later case tells more


@case(hint=2)
def the_order_that_counts_is_that_of_the_log(part: Any, *_: Any) -> None:
    store = store_of(part, own=("append_many",))()
    batch = [event(eventstore, 1), event(eventstore, 2), event(eventstore, 1, "hand-2")]
    store.append_many(batch)
    again = store.append_many(batch)
    got = [(stored.aggregate_id, stored.version) for stored in again]
    expect(got, [("hand-1", 1), ("hand-1", 2), ("hand-2", 1)], "append_many of a stored batch")


EXERCISES = (
    Exercise(
        number="3.1",
        minutes=25,
        hints=(
            "Take `GUARDED` from above, as an f-string, and let it grow: `{WRITTEN}` between the brackets, ten values "
            "like `%(id)s` behind `SELECT`, the same `WHERE` with the name `aggregate_id`, and `RETURNING {COLUMNS}` "
            "at the end, without brackets. Run it on the connection that `write` was given, with `values_of(event)`. "
            "`fetchone()` gives the row, or None if there was none, and `event_from` makes an event of it.",
            "`append` opens a connection with `self.connection()`, hands it to `self.write`, returns what comes back, "
            "and raises where that is None. The error wants the aggregate, the version that was tried and "
            "the latest version: ask for that one now, with `self.latest_on(connection, event.aggregate_id)`.",
            "Two appends that begin at the same moment both pass the guard, and one of them gets a `UniqueViolation`. "
            "Catch it in `append`, around `self.write(...)`, and go on as if no row was written. Nothing "
            "but the guard and the key may decide: a look of its own before the statement is the race again.",
        ),
        cases=(
            write_uses_the_connection_that_it_is_given,
            write_asks_for_the_latest_version_of_this_hand,
            write_gives_none_where_the_version_is_not_the_next,
            append_writes_and_gives_the_event_back,
            every_column_comes_back,
            keeps(appending.append_counts_on_from_one, hint=1, on=one_by_one),
            keeps(appending.the_store_notes_when_it_wrote, hint=1, on=one_by_one),
            a_version_that_is_taken_is_refused,
            keeps(appending.a_version_that_leaves_a_hole_is_refused, hint=2, on=one_by_one),
            keeps(appending.the_order_of_the_log_is_the_order_of_the_calls, hint=1, on=one_by_one),
            keeps(reading.a_stream_can_be_read_in_part, hint=1, on=one_by_one),
            who_loses_at_the_unique_key_gets_a_conflict_too,
            write_leaves_a_lost_race_to_its_caller,
            keeps(retrying.of_eight_writers_of_one_version_one_wins, hint=3, on=one_by_one),
            keeps(retrying.eight_writers_that_try_again_lose_nothing, hint=3, on=one_by_one),
        ),
        wrong=(
            WrongAnswer(
                mistake="The guard asks for any lower version, not for the one before: a hole gets in.",
                hint=1,
                change=(") = %(version)s - 1", ") < %(version)s"),
            ),
            WrongAnswer(
                mistake="The error names a latest version that was worked out, not asked for.",
                hint=2,
                change=("event.version, latest)", "event.version, event.version - 1)"),
            ),
            WrongAnswer(
                mistake="The lost race reaches the caller as `UniqueViolation`.",
                hint=3,
                change=("except UniqueViolation:", "except ZeroDivisionError:"),
            ),
            WrongAnswer(
                mistake="A look of its own before the `INSERT`, as in the first section, and no guard in it.",
                hint=3,
                code='''
class OneByOne(Streams):
    def write(self, connection, event):
        if self.latest_on(connection, event.aggregate_id) != event.version - 1:
            return None
        statement = f"""
            INSERT INTO domain_events ({WRITTEN})
            VALUES (%(id)s, %(event_type)s, %(aggregate_id)s, %(version)s, %(event_data)s, %(schema_version)s,
                %(event_timestamp)s, %(causation_id)s, %(correlation_id)s, %(user_id)s)
            RETURNING {COLUMNS}
        """
        return event_from(connection.execute(statement, values_of(event)).fetchone())

    def append(self, event):
        with self.connection() as connection:
            stored = self.write(connection, event)
            if stored is None:
                latest = self.latest_on(connection, event.aggregate_id)
                raise VersionConflictError(event.aggregate_id, event.version, latest)
            return stored
''',
            ),
        ),
    ),
    Exercise(
        number="3.2",
        minutes=15,
        hints=(
            "Ask of each line: is it done again after a conflict? Whatever was read or decided before the loop is old "
            "by then. Reading the hand and deciding belong inside.",
            "On which version was the decision made? On the one at which the events end that `decide` was given, so "
            "theirs is the number to count on from. `get_latest_version` is a second look: it may see an event that "
            "the player did not.",
            "`for attempt in range(1, attempts + 1):`, with `return store.append(event)` inside `try`. In `except "
            "VersionConflictError:`, `raise` on its own passes the error on, if this was the last attempt. Catch "
            "nothing else.",
        ),
        cases=(
            nobody_else_acts,
            a_decision_on_old_facts_meets_a_conflict,
            after_a_conflict_it_decides_again,
            the_last_attempt_counts,
            after_so_many_conflicts_the_caller_hears_of_it,
            other_errors_are_not_tried_again,
        ),
        wrong=(
            WrongAnswer(
                mistake="Decided once, before the loop; after a conflict the same decision is sent again.",
                hint=1,
                code="""
def act(store, hand, decide, attempts=5):
    events = store.get_by_aggregate(hand)
    decision = decide(events)
    for attempt in range(1, attempts + 1):
        try:
            return store.append(action(hand, len(events) + 1, decision))
        except VersionConflictError:
            if attempt == attempts:
                raise
            events = store.get_by_aggregate(hand)
""",
            ),
            WrongAnswer(
                mistake="The version comes from a second look after the decision, so the conflict never shows.",
                hint=2,
                change=("len(events) + 1", "store.get_latest_version(hand) + 1"),
            ),
            WrongAnswer(
                mistake="The last conflict is swallowed, and `None` comes back.",
                hint=3,
                change=("if attempt == attempts:\n                raise", "pass"),
            ),
            WrongAnswer(mistake="The loop never ends.", hint=3, change=("range(1, attempts + 1)", "iter(int, 1)")),
        ),
    ),
    Exercise(
        number="3.3",
        minutes=15,
        hints=(
            "Open one connection, and on it one transaction, for the whole batch. Within that, `self.write(connection, "
            "event)` writes each event. `self.append` would open a connection of its own, and what it has written "
            "could not be taken back.",
            "`write` gives None where an event is refused. Raise the conflict *inside* the block, so that everything "
            "before it is rolled back. Ask for the latest version with `self.latest_on(connection, ...)`: only this "
            "connection sees what the batch has written so far.",
            "For the lost race, put `try:` around the whole `with`, and `except UniqueViolation:` behind it. There the "
            "transaction is over, and `self.get_latest_version(...)` asks on a new connection. `event` is still the "
            "one at which it happened.",
        ),
        cases=(
            keeps(appending.append_many_of_nothing_does_nothing, hint=1, on=in_batches),
            keeps(appending.append_many_gives_all_events_back_in_order, hint=1, on=in_batches),
            keeps(appending.append_many_takes_any_iterable, hint=1, on=in_batches),
            keeps(appending.each_aggregate_counts_for_itself, hint=1, on=in_batches),
            keeps(appending.the_order_of_the_log_is_the_order_of_the_calls, hint=1, on=in_batches),
            a_refused_event_is_an_error,
            keeps(appending.append_many_is_all_or_nothing, hint=1, on=in_batches),
            whatever_goes_wrong_nothing_stays,
            keeps(appending.a_hole_inside_a_batch_is_refused, hint=2, on=in_batches),
            keeps(appending.a_repeat_inside_a_batch_is_refused, hint=2, on=in_batches),
            keeps(appending.a_refused_append_can_be_put_right, hint=2, on=in_batches),
            a_batch_that_loses_at_the_unique_key_is_a_conflict_too,
            keeps(retrying.eight_writers_that_try_again_lose_nothing, hint=3, on=in_batches),
        ),
        wrong=(
            WrongAnswer(
                mistake="`append` for each event: each commits by itself, and what is written stays.",
                hint=1,
                code="""
class InBatches(OneByOne):
    def append_many(self, events):
        return [self.append(event) for event in events]
""",
            ),
            WrongAnswer(
                mistake="A refused event becomes `None` in the list, and the others are stored.",
                hint=2,
                code="""
class InBatches(OneByOne):
    def append_many(self, events):
        with self.connection() as connection, connection.transaction():
            return [self.write(connection, event) for event in events]
""",
            ),
            WrongAnswer(
                mistake="The latest version is asked for on another connection, which does not see the batch.",
                hint=2,
                change=(
                    "self.latest_on(connection, event.aggregate_id)",
                    "self.get_latest_version(event.aggregate_id)",
                ),
            ),
            WrongAnswer(
                mistake="The lost race reaches the caller as `UniqueViolation`.",
                hint=3,
                change=("except UniqueViolation:", "except ZeroDivisionError:"),
            ),
        ),
    ),
    Exercise(
        number="3.4",
        minutes=25,
        hints=(
            "Call `super().append_many(batch)` within `try`. After a `VersionConflictError`, ask the database what is "
            "stored under the ids of the batch, and make events of the rows. The values are `[ids]`, a list in a list. "
            "If nothing is stored, the conflict is a real one: `raise` on its own passes it on.",
            "Ask with `ORDER BY sequence_number`, and compare as a whole: the list of `self.essence(...)` of what is "
            "stored with that of the batch. Equal means the same facts in the same order: give the stored events back. "
            "Anything else is a `DuplicateEventError`.",
            "One id twice in a batch is a mistake whatever is stored, so look for that before anything else, with a "
            "set or a `Counter` of the ids. Make a list of `events` first, since an iterable can be read only once.",
        ),
        cases=(
            keeps(appending.append_gives_the_event_back, hint=1, on=in_batches),
            keeps(appending.append_many_of_nothing_does_nothing, hint=1, on=in_batches),
            keeps(appending.append_many_takes_any_iterable, hint=3, on=in_batches),
            keeps(appending.a_version_that_is_taken_is_refused, hint=1, on=in_batches),
            keeps(appending.a_version_that_leaves_a_hole_is_refused, hint=1, on=in_batches),
            a_repeat_is_no_conflict,
            keeps(retrying.the_same_append_again_gives_the_stored_event, hint=2, on=in_batches),
            keeps(retrying.a_late_repeat_is_no_conflict, hint=1, on=in_batches),
            keeps(retrying.the_first_timestamp_stays, hint=2, on=in_batches),
            keeps(retrying.one_and_one_point_zero_are_the_same_content, hint=2, on=in_batches),
            keeps(retrying.the_same_batch_again_gives_the_stored_events, hint=2, on=in_batches),
            the_order_that_counts_is_that_of_the_log,
            keeps(retrying.an_id_with_other_content_is_refused, hint=2, on=in_batches),
            keeps(retrying.a_batch_that_is_stored_in_part_is_refused, hint=2, on=in_batches),
            keeps(retrying.a_stored_batch_in_another_order_is_refused, hint=2, on=in_batches),
            keeps(retrying.one_id_twice_in_a_batch_is_refused, hint=3, on=in_batches),
            keeps(appending.append_many_is_all_or_nothing, hint=1, on=in_batches),
            keeps(retrying.of_eight_writers_of_one_version_one_wins, hint=1, on=in_batches),
            keeps(retrying.eight_writers_that_try_again_lose_nothing, hint=1, on=in_batches),
        ),
        wrong=(
            WrongAnswer(
                mistake="A real conflict, with no id known, is not raised again.",
                hint=1,
                change=("            if not known:\n                raise\n", ""),
            ),
            WrongAnswer(
                mistake="A known id is enough: other content under it counts as the same event.",
                hint=2,
                change=(
                    "[self.essence(event) for event in known] != [self.essence(event) for event in batch]",
                    "False",
                ),
            ),
            WrongAnswer(
                mistake="Sent and stored events are compared whole, and only the stored ones have numbers.",
                hint=2,
                change=("if [self.essence(event) for event in known] != ", "if known != batch or [] != "),
            ),
            WrongAnswer(
                mistake="Nobody looks for an id that stands twice in the batch.",
                hint=3,
                change=("if times > 1:", "if False:"),
            ),
        ),
    ),
)
