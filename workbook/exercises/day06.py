"""The exercises of Day 6: what a policy costs, saving and finding snapshots, the repository, the laws as a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

import eventstore
from eventstore import DomainEvent, EventSnapshot, InMemoryEventStore
from workbook.contract import folding, snapshots
from workbook.contract.promises import event
from workbook.exercise import Exercise, WrongAnswer, case, keeps
from workbook.expect import NotKept, expect
from workbook.mine import mixin, store_of

Cost = Callable[[int, int | None], tuple[int, int]]
Law = Callable[[Any, Callable[[Any, DomainEvent], Any], Any, list[DomainEvent]], int | None]

saving = mixin("save_snapshot", "get_snapshot_at_version", "get_latest_snapshot")


def _memory(_: Any) -> Callable[[], Any]:
    """Where a repository finds its events. Any store would do."""
    return InMemoryEventStore


def expect_cost(cost: Cost, length: int, every: int | None, read: int, saved: int) -> None:
    got = cost(length, every)
    if not isinstance(got, tuple) or len(got) != 2:
        expect(got, (read, saved), f"cost({length}, {every})")
    expect(got[0], read, f"the events read by cost({length}, {every})")
    expect(got[1], saved, f"the snapshots saved by cost({length}, {every})")


@case(hint=1)
def without_snapshots_each_load_reads_all(cost: Cost) -> None:
    for length, read in ((1, 0), (2, 1), (4, 6), (100, 4950)):
        expect_cost(cost, length, None, read, 0)


@case(hint=2)
def a_load_reads_only_what_lies_behind_the_newest_snapshot(cost: Cost) -> None:
    for length, every, read in ((4, 2, 2), (10, 4, 13), (2000, 100, 99_000)):
        got = cost(length, every)
        expect(got[0], read, f"the events read by cost({length}, {every})")


@case(hint=3)
def a_snapshot_is_saved_at_each_multiple(cost: Cost) -> None:
    expect_cost(cost, 4, 2, 2, 2)
    expect_cost(cost, 10, 4, 13, 2)


@case(hint=3)
def a_policy_that_never_comes_to_it(cost: Cost) -> None:
    expect_cost(cost, 4, 5, 6, 0)


@case(hint=3)
def a_snapshot_after_each_event(cost: Cost) -> None:
    expect_cost(cost, 7, 1, 0, 7)


@case(hint=3)
def a_stream_without_events_costs_nothing(cost: Cost) -> None:
    expect_cost(cost, 0, None, 0, 0)
    expect_cost(cost, 0, 5, 0, 0)


@case(hint=3)
def other_errors_of_the_database_pass_through(part: Any, *_: Any) -> None:
    store = store_of(part, own=("save_snapshot",))()
    store.append(event(eventstore))
    with store.connection() as connection:
        connection.execute("ALTER TABLE event_snapshots ADD CHECK (version > 1)")
    try:
        store.save_snapshot(EventSnapshot(aggregate_id="hand-1", version=1, state={}))
    except psycopg.Error:
        return
    except eventstore.EventStoreError as error:
        name = type(error).__name__
        raise NotKept(f"got {name} for an error that is not about the head, expected the database's own") from None
    raise NotKept("got no error from save_snapshot, though the database refused, expected the database's own")


@case(hint=1)
def a_save_lasts(part: Any, *_: Any) -> None:
    store = store_of(part, own=("save_snapshot",))()
    store.append(event(eventstore))
    store.save_snapshot(EventSnapshot(aggregate_id="hand-1", version=1, state={"chips": 7}, schema_version=3))
    with store.connection() as connection:
        rows = connection.execute("SELECT version, schema_version, state FROM event_snapshots").fetchall()
    expect(rows, [(1, 3, {"chips": 7})], "the rows of event_snapshots")


@case(hint=2)
def what_was_saved_is_found(part: Any, *_: Any) -> None:
    store = store_of(part, own=("save_snapshot", "get_snapshot_at_version", "get_latest_snapshot"))()
    store.append_many([event(eventstore, 1), event(eventstore, 2)])
    store.save_snapshot(EventSnapshot(aggregate_id="hand-1", version=1, state={"chips": 7}))
    for what, found in (
        ("get_latest_snapshot('hand-1')", store.get_latest_snapshot("hand-1")),
        ("get_snapshot_at_version('hand-1', 2)", store.get_snapshot_at_version("hand-1", 2)),
    ):
        kind = None if found is None else type(found).__name__
        expect(kind, "EventSnapshot", f"the type of {what}, with a snapshot at 1")


def won(*amounts: int, stream: str = "Bo") -> list[DomainEvent]:
    """What somebody won and lost, hand by hand."""
    return [
        event(eventstore, version, stream, event_data={"won": amount})
        for version, amount in enumerate(amounts, start=1)
    ]


def stack(state: int, event: DomainEvent) -> int:
    chips: int = state + event.event_data["won"]
    return chips


@case(hint=2)
def what_came_later_is_not_in_the_past(repository_class: Any) -> None:
    store = InMemoryEventStore()
    store.append_many(won(-400, -100, 500))
    store.save_snapshot(EventSnapshot(aggregate_id="Bo", version=3, state=1000))
    repository = repository_class(store, stack, 1000)
    expect(repository.load_at("Bo", 2), 500, "load_at version 2, where the only snapshot is of version 3")


@case(hint=3)
def a_state_of_zero_is_a_state(repository_class: Any) -> None:
    store = InMemoryEventStore()
    store.append_many(won(-400, -600, 500))
    store.save_snapshot(EventSnapshot(aggregate_id="Bo", version=2, state=0))
    repository = repository_class(store, stack, 1000)
    expect(repository.load("Bo"), 500, "load, from a snapshot of a stack of 0, with 500 won since")


class Counting(InMemoryEventStore):
    """Counts the events that leave it."""

    handed_out = 0

    def get_stream(self, *place: Any, **named: Any) -> Any:
        return iter(self.get_by_aggregate(*place, **named))

    def get_by_aggregate(self, *place: Any, **named: Any) -> Any:
        found = super().get_by_aggregate(*place, **named)
        self.handed_out += len(found)
        return found


@case(hint=2)
def no_event_is_read_that_is_not_needed(repository_class: Any) -> None:
    store = Counting()
    store.append_many(won(*range(20)))
    store.save_snapshot(EventSnapshot(aggregate_id="Bo", version=15, state=105))
    repository = repository_class(store, stack, 0)
    for what, load, read in (
        ("load, with a snapshot at 15 of 20", lambda: repository.load("Bo"), 5),
        ("load_at version 17", lambda: repository.load_at("Bo", 17), 2),
        ("load_at version 3", lambda: repository.load_at("Bo", 3), 3),
    ):
        store.handed_out = 0
        load()
        expect(store.handed_out, read, f"the events read by {what}")


class Planted(eventstore.Repository[Any]):
    """A right repository, to plant a bug in. It bears every call, so that only its bug can be found."""

    def __init__(self, store: Any, apply: Any, initial: Any, schema_version: int = 1) -> None:
        super().__init__(store, apply, initial, schema_version)
        self.store, self.apply, self.initial = store, apply, initial

    def tail(self, state: Any, *place: Any) -> Any:
        return eventstore.replay(self.store.get_stream(*place), self.apply, state)


class ForgetsZero(Planted):
    """Takes a state of 0 for no state, in both loads."""

    def load(self, aggregate_id: str) -> Any:
        return self.load_at(aggregate_id, self.store.get_latest_version(aggregate_id))

    def load_at(self, aggregate_id: str, version: int | None = None, **_: Any) -> Any:
        snapshot = self.store.get_snapshot_at_version(aggregate_id, version)
        if snapshot is None:
            return super().load_at(aggregate_id, version)
        return self.tail(snapshot.state or self.initial, aggregate_id, snapshot.version + 1, version)


class AppliesTwice(Planted):
    """In `load` alone, the event of the snapshot counts twice."""

    def load(self, aggregate_id: str) -> Any:
        snapshot = self.store.get_latest_snapshot(aggregate_id)
        if snapshot is None:
            return super().load(aggregate_id)
        return self.tail(snapshot.state, aggregate_id, snapshot.version)


class LooksAhead(Planted):
    """In `load_at` alone, the newest snapshot is taken, also one above the version that was asked for."""

    def load_at(self, aggregate_id: str, version: int | None = None, **_: Any) -> Any:
        snapshot = self.store.get_latest_snapshot(aggregate_id)
        if snapshot is None:
            return super().load_at(aggregate_id, version)
        return self.tail(snapshot.state, aggregate_id, snapshot.version + 1, version)


class NeverBegins(Planted):
    """Without any use of snapshots, the first event does not count."""

    def load(self, aggregate_id: str) -> Any:
        return self.tail(self.initial, aggregate_id, 2)

    def load_at(self, aggregate_id: str, version: int | None = None, **_: Any) -> Any:
        return self.tail(self.initial, aggregate_id, 2, version)


class ForgetsTheStart(Planted):
    """Before the first event, it gives something else than the initial state."""

    def load_at(self, aggregate_id: str, version: int | None = None, **_: Any) -> Any:
        return super().load_at(aggregate_id, version) if version else None


def expect_broken(broken_at: Law, repository: Any, amounts: tuple[int, ...], at: int | None, what: str) -> None:
    expect(broken_at(repository, stack, 1000, won(*amounts)), at, f"broken_at of a repository {what}")


@case(hint=1)
def a_repository_without_a_bug(broken_at: Law) -> None:
    expect_broken(broken_at, eventstore.Repository, (-400, -600, 500, 80), None, "without a bug")


@case(hint=1)
def a_state_of_zero(broken_at: Law) -> None:
    what = "that takes 0 for no state, with stacks of 600, 0, 500, 580"
    expect_broken(broken_at, ForgetsZero, (-400, -600, 500, 80), 2, what)


@case(hint=2)
def the_lowest_of_several_versions(broken_at: Law) -> None:
    what = "that takes 0 for no state, with stacks of 600, 0, 500, 0, 0, 70"
    expect_broken(broken_at, ForgetsZero, (-400, -600, 500, -500, 0, 70), 2, what)


@case(hint=2)
def the_last_version_is_tried_too(broken_at: Law) -> None:
    what = "that takes 0 for no state, with stacks of 600, 500, 0"
    expect_broken(broken_at, ForgetsZero, (-400, -100, -500), 3, what)


@case(hint=2)
def the_first_version_is_tried_too(broken_at: Law) -> None:
    what = "that takes 0 for no state, with stacks of 0, 500"
    expect_broken(broken_at, ForgetsZero, (-1000, 500), 1, what)


@case(hint=3)
def a_bug_in_load_alone(broken_at: Law) -> None:
    # The first event changes nothing, so that it may count twice.
    expect_broken(broken_at, AppliesTwice, (0, -600, 500), 2, "whose load counts the snapshot's own event twice")


@case(hint=3)
def a_bug_in_load_at_alone(broken_at: Law) -> None:
    expect_broken(broken_at, LooksAhead, (0, -600, 500), 2, "whose load_at begins with a snapshot from later on")


@case(hint=3)
def the_state_before_the_first_event(broken_at: Law) -> None:
    expect_broken(broken_at, ForgetsTheStart, (-400, -600), 1, "whose load_at knows no version 0")


@case(hint=1)
def the_truth_is_a_replay(broken_at: Law) -> None:
    expect_broken(broken_at, NeverBegins, (-400, -600), 1, "that is as wrong with snapshots as without")


EXERCISES = (
    Exercise(
        number="6.1",
        minutes=10,
        hints=(
            "Play it through, with one round for each event. At the beginning of the round for version 5 the stream "
            "stands at version 4, so a load without snapshots reads 4 events. With `None` nothing is ever saved: ask "
            "for that before you divide.",
            "Remember the version of the newest snapshot, 0 at first. A load reads the events between there and the "
            "end of the stream: the one number minus the other.",
            "The snapshot comes after the append, so look at the version that was just written: "
            "`version % every == 0`. Count it, and remember its version for the next load.",
        ),
        cases=(
            without_snapshots_each_load_reads_all,
            a_load_reads_only_what_lies_behind_the_newest_snapshot,
            a_snapshot_is_saved_at_each_multiple,
            a_policy_that_never_comes_to_it,
            a_snapshot_after_each_event,
            a_stream_without_events_costs_nothing,
        ),
        wrong=(
            WrongAnswer(
                mistake="The load reads the event that is only about to be written.",
                hint=1,
                change=("version - 1 - snapshot", "version - snapshot"),
            ),
            WrongAnswer(
                mistake="Divided by `every` without asking whether it is `None`.",
                hint=1,
                change=("every is not None and ", ""),
            ),
            WrongAnswer(
                mistake="The newest snapshot is not remembered, so each load goes back to the start.",
                hint=2,
                change=("            snapshot = version\n", ""),
            ),
            WrongAnswer(
                mistake="One snapshot too many is counted.",
                hint=3,
                change=("return read, saved", "return read, saved + 1 if every else 0"),
            ),
        ),
    ),
    Exercise(
        number="6.2",
        minutes=20,
        hints=(
            "To save, open a connection: `with self.connection() as connection:`. That of the notebook leads to "
            "another schema. Then call the function: `SELECT create_snapshot(%s, %s, %s, %s)`, with the four fields of "
            "the snapshot in the order of its arguments and the state in `Jsonb(...)`. It replaces where it must. "
            "To read, make an `EventSnapshot` of the row, with all four fields, `schema_version` too.",
            'Newest means the highest version: `ORDER BY version DESC LIMIT 1`, whatever `saved_at` says. "At a '
            'version" means that version or lower, so `version <= %s`, of this aggregate only. Where there is no row, '
            "`fetchone()` gives `None`, and so do you.",
            "Put `connection.execute(...)` of `save_snapshot` into a `try`, and turn `except ForeignKeyViolation:` "
            'into `raise InvalidSnapshotError("version", ...) from None`. Catch nothing but that: other errors mean '
            "other things.",
        ),
        cases=(
            keeps(snapshots.there_is_no_snapshot_at_first, hint=2, on=saving),
            a_save_lasts,
            what_was_saved_is_found,
            keeps(snapshots.a_snapshot_is_read_as_it_was_saved, hint=1, on=saving),
            keeps(snapshots.a_snapshot_of_the_same_version_is_replaced, hint=1, on=saving),
            keeps(snapshots.the_latest_snapshot_is_the_one_of_the_highest_version, hint=2, on=saving),
            keeps(snapshots.at_a_version_means_the_newest_at_or_below_it, hint=2, on=saving),
            keeps(snapshots.each_aggregate_has_snapshots_of_its_own, hint=2, on=saving),
            keeps(snapshots.a_snapshot_is_no_event, hint=1, on=saving),
            keeps(snapshots.a_state_that_was_read_belongs_to_the_reader, hint=1, on=saving),
            keeps(snapshots.a_snapshot_above_the_head_is_refused, hint=3, on=saving),
            other_errors_of_the_database_pass_through,
        ),
        wrong=(
            WrongAnswer(
                mistake="A plain `INSERT`, so saving the same version again is an error.",
                hint=1,
                change=(
                    '"SELECT create_snapshot(%s, %s, %s, %s)"',
                    '"INSERT INTO event_snapshots (aggregate_id, version, state, schema_version) '
                    'VALUES (%s, %s, %s, %s)"',
                ),
            ),
            WrongAnswer(
                mistake="Newest by the time of saving, which a slow worker turns round.",
                hint=2,
                change=("ORDER BY version DESC", "ORDER BY saved_at DESC"),
            ),
            WrongAnswer(
                mistake='"At a version" is taken as exactly that version.',
                hint=2,
                change=("version <= %s", "version = %s"),
            ),
            WrongAnswer(
                mistake="The foreign key error of the database reaches the caller.",
                hint=3,
                change=("except ForeignKeyViolation:", "except ZeroDivisionError:"),
            ),
        ),
    ),
    Exercise(
        number="6.3",
        minutes=20,
        hints=(
            "`forward` needs a state to begin with and the version of that state: those of the snapshot, or "
            "`self.initial` and 0 where there is none, that is `None`. The first event to read from `self.store` is "
            "the one behind it, `start + 1`. Then it is a `replay`, and its result is what you return.",
            "`load` and `load_at` differ in the snapshot that they ask for and in where they stop. For the past, ask "
            "for `get_snapshot_at_version`: a fold cannot go back. And hand both ends to `get_stream`, so that no "
            "event is read only to be thrown away.",
            "A snapshot counts only if it is there and its `schema_version` is that of the repository. Another one is "
            "no error: begin with `self.initial`. Ask with `is not None`, and do not ask the state itself: 0 is a "
            "state, too.",
        ),
        cases=(
            keeps(folding.a_repository_loads_the_state_of_now, hint=1, on=_memory),
            keeps(folding.a_repository_loads_the_state_at_a_version, hint=2, on=_memory),
            what_came_later_is_not_in_the_past,
            keeps(folding.snapshots_change_no_state, hint=1, on=_memory),
            keeps(folding.a_snapshot_saves_the_events_before_it, hint=1, on=_memory),
            no_event_is_read_that_is_not_needed,
            keeps(folding.a_snapshot_of_another_schema_version_is_ignored, hint=3, on=_memory),
            a_state_of_zero_is_a_state,
        ),
        wrong=(
            WrongAnswer(
                mistake="The event of the snapshot is applied a second time.",
                hint=1,
                change=("start + 1, to_version", "start, to_version"),
            ),
            WrongAnswer(
                mistake="The whole stream is read, and most of it thrown away.",
                hint=2,
                change=(
                    "return replay(self.store.get_stream(aggregate_id, start + 1, to_version), self.apply, state)",
                    "events = [\n"
                    "            event\n"
                    "            for event in self.store.get_stream(aggregate_id)\n"
                    "            if event.version > start and (to_version is None or event.version <= to_version)\n"
                    "        ]\n"
                    "        return replay(events, self.apply, state)",
                ),
            ),
            WrongAnswer(
                mistake="A snapshot of another `schema_version` is used.",
                hint=3,
                change=(" and snapshot.schema_version == self.schema_version", ""),
            ),
            WrongAnswer(
                mistake="`or` takes a state of 0 for no state.",
                hint=3,
                change=("snapshot.version, snapshot.state", "snapshot.version, snapshot.state or self.initial"),
            ),
        ),
    ),
    Exercise(
        number="6.4",
        minutes=25,
        hints=(
            "First make the truth, without any repository: `truth[v]` is the replay of the first `v` events, so "
            "`truth[0]` is `initial`. Then, for each version, a new store with all events and one snapshot, whose "
            "state is `truth[version]`, and a repository on that store. What it loads is compared with the truth.",
            "The versions go from 1 to the number of events, both included: `range(1, len(events) + 1)`. Return at the "
            "first one that breaks, and `None` only after the last.",
            "Compare twice: `load` with the last state of the truth, and `load_at` for every version from 0 to the "
            "last, those before the snapshot too. A bug can sit in either.",
        ),
        cases=(
            a_repository_without_a_bug,
            a_state_of_zero,
            the_lowest_of_several_versions,
            the_truth_is_a_replay,
            the_last_version_is_tried_too,
            the_first_version_is_tried_too,
            a_bug_in_load_alone,
            a_bug_in_load_at_alone,
            the_state_before_the_first_event,
        ),
        wrong=(
            WrongAnswer(
                mistake="The last version is never tried.",
                hint=2,
                change=("for version in range(1, len(events) + 1):", "for version in range(1, len(events)):"),
            ),
            WrongAnswer(
                mistake="Only `load_at` is compared, not `load`.",
                hint=3,
                change=(" or repository.load(stream) != truth[-1]", ""),
            ),
            WrongAnswer(mistake="Only `load` is compared, not the past.", hint=3, change=("past != truth or ", "")),
            WrongAnswer(
                mistake="The truth comes from the repository itself, so what is wrong both ways is not seen.",
                hint=1,
                code="""
def broken_at(repository_class, apply, initial, events):
    stream = events[0].aggregate_id
    plain = eventstore.InMemoryEventStore()
    plain.append_many(events)
    without = repository_class(plain, apply, initial)
    for version in range(1, len(events) + 1):
        store = eventstore.InMemoryEventStore()
        store.append_many(events)
        state = without.load_at(stream, version)
        store.save_snapshot(eventstore.EventSnapshot(aggregate_id=stream, version=version, state=state))
        repository = repository_class(store, apply, initial)
        for point in range(len(events) + 1):
            if repository.load_at(stream, point) != without.load_at(stream, point):
                return version
        if repository.load(stream) != without.load(stream):
            return version
""",
            ),
        ),
    ),
)
