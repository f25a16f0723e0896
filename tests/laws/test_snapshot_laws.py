"""A snapshot is a cache: whichever there are, and even if there are none, a state is the fold of its events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

import eventstore
from eventstore import DomainEvent, EventSnapshot, EventStore, Repository

Tries = Callable[[int], settings]

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

# A stream: what each event adds, and how many minutes after noon it happened, by clocks that differ.
streams = st.lists(st.tuples(st.integers(0, 9), st.integers(-3, 3)), max_size=12)
# Which snapshots to save, in which order: of a version, in one of two shapes.
saves = st.lists(st.tuples(st.integers(1, 12), st.sampled_from([1, 1, 2])), max_size=8)


@dataclass(frozen=True)
class Trail:
    """A state that JSON cannot hold, and that other events, or the same in another order, would make another."""

    steps: tuple[int, ...] = ()

    def then(self, event: DomainEvent) -> Trail:
        return Trail((*self.steps, event.event_data["step"]))


def fold(events: list[DomainEvent]) -> Trail:
    """The state in words of its own, to compare the package with."""
    return Trail(tuple(event.event_data["step"] for event in events))


def dump(state: Trail) -> dict[str, Any]:
    return {"steps": list(state.steps)}


class Trails(Repository[Trail]):
    """A repository that counts the events it has replayed."""

    def __init__(self, store: EventStore, schema_version: int = 1, snapshot_after: int | None = None) -> None:
        def then(state: Trail, event: DomainEvent) -> Trail:
            self.replayed += 1
            return state.then(event)

        self.replayed = 0
        super().__init__(
            store,
            then,
            Trail(),
            schema_version,
            snapshot_after=snapshot_after,
            dump=dump,
            restore=lambda saved: Trail(tuple(saved["steps"])),
        )


def write(store: EventStore, stream: list[tuple[int, int]]) -> tuple[str, list[DomainEvent]]:
    """A new aggregate with these events, between which another one has its own."""
    name, other = uuid4().hex, uuid4().hex
    events = []
    for version, (step, minutes) in enumerate(stream, start=1):
        event = DomainEvent(
            event_type="stepped",
            aggregate_id=name,
            version=version,
            event_data={"step": step},
            event_timestamp=NOON + timedelta(minutes=minutes),
        )
        between = DomainEvent(event_type="other", aggregate_id=other, version=version, event_data={"step": -1})
        events.append(store.append_many([event, between])[0])
    return name, events


def save(store: EventStore, events: list[DomainEvent], chosen: list[tuple[int, int]]) -> dict[int, int]:
    """Save snapshots of these versions as far as there are such events, and say which shape each version has now.

    Those of shape 2 hold nonsense. So whoever takes one for a state of shape 1 is found out.
    """
    chosen = [(version, shape) for version, shape in chosen if version <= len(events)]
    for version, shape in chosen:
        state = dump(fold(events[:version])) if shape == 1 else {"steps": [-1]}
        store.save_snapshot(
            EventSnapshot(aggregate_id=events[0].aggregate_id, version=version, state=state, schema_version=shape)
        )
    return dict(chosen)


def test_a_snapshot_and_the_tail_make_the_state_of_every_version(any_store: EventStore, tries: Tries) -> None:
    @tries(100)
    @given(stream=streams, chosen=saves)
    def law(stream: list[tuple[int, int]], chosen: list[tuple[int, int]]) -> None:
        name, events = write(any_store, stream)
        shapes = save(any_store, events, chosen)
        for version in range(len(events) + 2):
            trails = Trails(any_store)
            assert trails.load_at(name, version) == fold(events[:version])
            newest = max((saved for saved in shapes if saved <= version), default=0)
            start = newest if shapes.get(newest) == 1 else 0
            assert trails.replayed == min(version, len(events)) - start, "only the tail is replayed"
        assert Trails(any_store).load(name) == fold(events)

    law()


def test_no_state_depends_on_the_snapshots_that_there_are(store: eventstore.PostgresEventStore, tries: Tries) -> None:
    @tries(100)
    @given(stream=streams, chosen=saves, shape=st.sampled_from([1, 3]))
    def law(stream: list[tuple[int, int]], chosen: list[tuple[int, int]], shape: int) -> None:
        name, events = write(store, stream)
        save(store, events, chosen)

        def states() -> list[Trail]:
            trails = Trails(store, shape)
            return [trails.load(name)] + [trails.load_at(name, version) for version in range(len(events) + 2)]

        with_snapshots = states()
        connection.execute("DELETE FROM event_snapshots")
        assert store.get_latest_snapshot(name) is None
        assert states() == with_snapshots

    with store.connection() as connection:
        law()


def test_snapshots_that_loading_saves_change_no_state(any_store: EventStore, tries: Tries) -> None:
    @tries(100)
    @given(parts=st.lists(streams, max_size=4), snapshot_after=st.integers(0, 15), shape=st.integers(1, 2))
    def law(parts: list[list[tuple[int, int]]], snapshot_after: int, shape: int) -> None:
        name, saved, events = uuid4().hex, 0, list[DomainEvent]()
        for part in parts:
            for step, _ in part:
                event = DomainEvent(
                    event_type="stepped", aggregate_id=name, version=len(events) + 1, event_data={"step": step}
                )
                events.append(any_store.append(event))
            trails = Trails(any_store, shape, snapshot_after)
            assert trails.load(name) == fold(events)
            assert trails.replayed == len(events) - saved
            if trails.replayed >= max(1, snapshot_after):
                saved = len(events)
            snapshot = any_store.get_latest_snapshot(name)
            assert (snapshot.version if snapshot else 0) == saved

    law()


def test_a_state_of_the_past_is_the_fold_up_to_the_first_event_beyond(any_store: EventStore, tries: Tries) -> None:
    @tries(100)
    @given(stream=streams, chosen=saves)
    def law(stream: list[tuple[int, int]], chosen: list[tuple[int, int]]) -> None:
        name, events = write(any_store, stream)
        save(any_store, events, chosen)
        trails = Trails(any_store)

        def beyond(field: str, point: Any) -> list[DomainEvent]:
            for place, event in enumerate(events):
                if getattr(event, field) > point:
                    return events[:place]
            return events

        first = events[0].sequence_number if events else 1
        assert first is not None
        for number in range(max(0, first - 1), first + 2 * len(events) + 2):
            assert trails.load_at(name, sequence_number=number) == fold(beyond("sequence_number", number))
        for minutes in range(-4, 5):
            for moment in (NOON + timedelta(minutes=minutes), NOON + timedelta(minutes=minutes, microseconds=-1)):
                assert trails.load_at(name, event_timestamp=moment) == fold(beyond("event_timestamp", moment))
        for event in events:
            assert event.recorded_at is not None
            for moment in (event.recorded_at, event.recorded_at - timedelta(microseconds=1)):
                assert trails.load_at(name, recorded_at=moment) == fold(beyond("recorded_at", moment))

    law()


def test_an_apply_that_changes_its_state_in_place_spoils_no_later_load(any_store: EventStore, tries: Tries) -> None:
    def append_in_place(state: dict[str, list[int]], event: DomainEvent) -> dict[str, list[int]]:
        state["steps"].append(event.event_data["step"])
        return state

    @tries(50)
    @given(stream=streams, chosen=saves, version=st.integers(0, 12))
    def law(stream: list[tuple[int, int]], chosen: list[tuple[int, int]], version: int) -> None:
        name, events = write(any_store, stream)
        save(any_store, events, chosen)
        initial: dict[str, list[int]] = {"steps": []}
        repository = Repository(any_store, append_in_place, initial)
        last = events[-1].sequence_number if events else 0
        for _ in range(2):
            assert repository.load(name) == dump(fold(events))
            assert repository.load_at(name, version) == dump(fold(events[:version]))
            assert repository.load_at(name, sequence_number=last) == dump(fold(events))
            repository.load("nobody")["steps"].append(-1)
            assert initial == {"steps": []}

    law()
