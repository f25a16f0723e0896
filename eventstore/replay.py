"""From facts to a state, with and without snapshots, and at any moment of the past."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from datetime import datetime
from itertools import takewhile
from operator import attrgetter
from typing import Any, Generic, TypeVar

from eventstore.errors import InvalidEventError
from eventstore.events import DomainEvent, EventSnapshot, check_count, check_moment, check_version
from eventstore.store import EventStore

State = TypeVar("State")


def replay(events: Iterable[DomainEvent], apply: Callable[[State, DomainEvent], State], initial: State) -> State:
    """Work out a state by letting one event after the other change it: a fold over the events.

    Args:
        events: the facts, in the order in which they count; for one aggregate, as `get_by_aggregate` gives them.
        apply: takes a state and an event and returns the next state. It must not change the state that it was given:
            the caller may still hold `initial`.
        initial: the state before the first event.

    Returns:
        The state after the last event; `initial` where there is none.
    """
    state = initial
    for event in events:
        state = apply(state, event)
    return state


def _as_it_is(value: Any) -> Any:
    return value


class Repository(Generic[State]):
    """Loads the state of aggregates, from the newest snapshot that fits and the events after it.

    A snapshot is a cache: a state is the same with and without it. One of another schema version is ignored.

    Args:
        store: where the events and the snapshots are.
        apply: see `replay`.
        initial: see `replay`.
        schema_version: the version of the shape of the state; raise it whenever `apply` or the state changes.
        snapshot_after: save a snapshot when `load` had to replay so many events; None to save none. A low number saves
            often and loads fast. It counts what loading has cost, so an aggregate that nobody loads is never saved.
        dump: turns a state into a value that JSON can hold, for a snapshot.
        restore: turns such a value back into an equal state.

    Raises:
        InvalidEventError: a schema version or a number of events that makes no sense.
    """

    def __init__(
        self,
        store: EventStore,
        apply: Callable[[State, DomainEvent], State],
        initial: State,
        schema_version: int = 1,
        *,
        snapshot_after: int | None = None,
        dump: Callable[[State], Any] = _as_it_is,
        restore: Callable[[Any], State] = _as_it_is,
    ) -> None:
        self._store = store
        self._apply = apply
        self._initial = initial
        self._schema_version = check_version("schema_version", schema_version)
        if snapshot_after is not None:
            check_count("snapshot_after", snapshot_after)
        self._snapshot_after = snapshot_after
        self._dump = dump
        self._restore = restore

    def load(self, aggregate_id: str) -> State:
        """The state after the newest event; the initial state for an aggregate without events.

        Raises:
            InvalidEventError: an aggregate id that no event can have, or a state that JSON cannot hold and that should
                be saved.
            StoreUnavailableError: the server is away.
        """
        state, version = self._start(self._store.get_latest_snapshot(aggregate_id))
        replayed = 0
        for event in self._store.get_stream(aggregate_id, version + 1):
            state, version, replayed = self._apply(state, event), event.version, replayed + 1
        if self._snapshot_after is not None and replayed >= max(1, self._snapshot_after):
            self._store.save_snapshot(
                EventSnapshot(
                    aggregate_id=aggregate_id,
                    version=version,
                    state=self._dump(state),
                    schema_version=self._schema_version,
                )
            )
        return state

    def load_at(
        self,
        aggregate_id: str,
        version: int | None = None,
        *,
        sequence_number: int | None = None,
        recorded_at: datetime | None = None,
        event_timestamp: datetime | None = None,
    ) -> State:
        """The state at a point of the past. Say which point in exactly one of four ways.

        Args:
            aggregate_id: whose state.
            version: after this event of the stream. Exact, and the only way that snapshots make faster.
            sequence_number: after this event of the log. Exact, also over several aggregates, for numbers up to the
                high-water mark: asking again always gives the same answer.
            recorded_at: what the store knew at this moment. As exact as the server's clock, and only once the
                transactions of that moment have ended.
            event_timestamp: before the first event that happened after this moment. As exact as the clocks of the
                writers: where one was wrong, the state ends there.

        Returns:
            The state; the newest one for a point beyond the last event, the initial one for a point before the first.

        Raises:
            InvalidEventError: none of the four or more than one, or an aggregate id or version that no event can have.
            StoreUnavailableError: the server is away.
        """
        points: dict[str, Any] = {
            "version": version,
            "sequence_number": sequence_number,
            "recorded_at": recorded_at,
            "event_timestamp": event_timestamp,
        }
        given = [field for field, point in points.items() if point is not None]
        if len(given) != 1:
            ways = ", ".join(points)
            raise InvalidEventError("the point of the past", f"is given {len(given)} times", f"pass one of {ways}")
        [field] = given
        if field == "version":
            state, start = self._start(self._store.get_snapshot_at_version(aggregate_id, points[field]))
            return replay(self._store.get_stream(aggregate_id, start + 1, version), self._apply, state)
        check = check_count if field == "sequence_number" else check_moment
        check(field, points[field])
        state, _ = self._start(None)
        return replay(_until(self._store.get_stream(aggregate_id), field, points[field]), self._apply, state)

    def _start(self, snapshot: EventSnapshot | None) -> tuple[State, int]:
        """The state to start from, and its version."""
        if snapshot is None or snapshot.schema_version != self._schema_version:
            return deepcopy(self._initial), 0  # the next load must not find what this one made of it
        return self._restore(snapshot.state), snapshot.version


def _until(events: Iterable[DomainEvent], field: str, point: Any) -> Iterator[DomainEvent]:
    """The events before the first one that lies beyond a point. A prefix of the stream: a state with holes is none."""
    read = attrgetter(field)
    return takewhile(lambda event: read(event) <= point, events)
