"""What a store promises. Two classes keep these promises: `PostgresEventStore` and `InMemoryEventStore`.

Below the promises stand the checks of a batch that need no store, which both classes share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Protocol, runtime_checkable
from uuid import UUID

from eventstore import payload
from eventstore.errors import DuplicateEventError, InvalidEventError, VersionConflictError
from eventstore.events import MAX_VERSION, DomainEvent, EventQueryFilter, EventSnapshot


@runtime_checkable
class EventStore(Protocol):
    """An append-only log of events, readable as one stream per aggregate."""

    def append(self, event: DomainEvent) -> DomainEvent:
        """Write one event at the end of its aggregate's stream.

        An append that was already stored (same id, same content, same place) is not an error: a caller who never got
        the answer may send it again, and gets the event as it was first stored. Content is everything but the
        timestamp, compared as jsonb compares: 1 equals 1.0, but not true.

        A store that has a bus publishes the event once it is stored, before it returns. What becomes of that reaches
        the caller in no way: the event is stored. A repeat is published again; see `EventBus`.

        Args:
            event: its `version` must be the latest version of its aggregate + 1.

        Returns:
            The stored event, with `sequence_number` and `recorded_at`.

        Raises:
            VersionConflictError: the version is not the next one.
            DuplicateEventError: the id is taken by an event with other content or in another place.
            StoreUnavailableError: the server is away.
        """
        ...

    def append_many(self, events: Iterable[DomainEvent]) -> list[DomainEvent]:
        """Write several events, of one or more aggregates, all or nothing. Published as by `append`, in this order.

        Args:
            events: in the order in which they shall stand in the log; the versions of each aggregate must go on from
                its latest version without a hole or a repeat. An empty list is allowed and does nothing.

        Returns:
            The stored events in the same order, with ascending `sequence_number`.

        Raises:
            InvalidEventError: these are no events.
            VersionConflictError: a version is not the next one, in the store or within the batch.
            DuplicateEventError: an id stands twice in the batch; only a part of the batch is stored already; or it is
                stored already, but with other content or in another order.
            StoreUnavailableError: the server is away.
        """
        ...

    def get_by_aggregate(
        self, aggregate_id: str, from_version: int = 1, to_version: int | None = None
    ) -> list[DomainEvent]:
        """The events of one aggregate in the order of their versions.

        Args:
            aggregate_id: the stream to read.
            from_version: the first version wanted; 0 and 1 both mean from the start.
            to_version: the last version wanted, or None for all.

        Returns:
            The events; an empty list where there are none.

        Raises:
            InvalidEventError: an aggregate id that no event can have, or a bound that is no whole number.
            StoreUnavailableError: the server is away.
        """
        ...

    def get_stream(
        self, aggregate_id: str, from_version: int = 1, to_version: int | None = None
    ) -> Iterator[DomainEvent]:
        """The same events as `get_by_aggregate`, one after the other: memory does not grow with the stream.

        What is appended while the iterator is on its way may be part of it. Arguments and errors are those of
        `get_by_aggregate`; wrong arguments are refused at the call, not at the first event.
        """
        ...

    def get_by_type(self, event_type: str, limit: int | None = None) -> list[DomainEvent]:
        """The events of one type in the order of the log.

        Args:
            event_type: the type wanted.
            limit: at most so many events, from the start of the log; None for all.

        Returns:
            The events; an empty list where there are none.

        Raises:
            InvalidEventError: a type that no event can have, or a limit that is no whole number of 0 or more.
            StoreUnavailableError: the server is away.
        """
        ...

    def query(self, filter: EventQueryFilter) -> list[DomainEvent]:
        """The events that fit a filter, in the order that it asks for.

        Args:
            filter: which events, in which order, and how many; an empty filter asks for the whole log.

        Returns:
            The events; an empty list where none fits.

        Raises:
            InvalidEventError: this is no `EventQueryFilter`.
            StoreUnavailableError: the server is away.
        """
        ...

    def get_latest_version(self, aggregate_id: str) -> int:
        """The version of the newest event of an aggregate, 0 if it has none. Raises as `get_by_aggregate` does."""
        ...

    def exists(self, aggregate_id: str) -> bool:
        """Whether an aggregate has at least one event. Raises as `get_by_aggregate` does."""
        ...

    def get_event_count(self, aggregate_id: str | None = None) -> int:
        """How many events there are in the log, or of one aggregate. Raises as `get_by_aggregate` does."""
        ...

    def high_water_mark(self) -> int:
        """The highest sequence number up to which no event can still appear, 0 for an empty log.

        A number is drawn before its transaction commits, so a higher number may be seen before a lower one. A reader
        who follows the log reads up to this mark, and goes on from there the next time. See `sql/100_order.sql`.

        Raises:
            StoreUnavailableError: the server is away.
        """
        ...

    def save_snapshot(self, snapshot: EventSnapshot) -> None:
        """Keep the state of an aggregate at one version, beside those of other versions.

        A snapshot of the same aggregate and version is replaced.

        Args:
            snapshot: what to keep.

        Raises:
            InvalidEventError: its version has not been written yet, or this is no `EventSnapshot`.
            StoreUnavailableError: the server is away.
        """
        ...

    def get_latest_snapshot(self, aggregate_id: str) -> EventSnapshot | None:
        """The snapshot of the highest version, None if there is none. Raises as `get_by_aggregate` does."""
        ...

    def get_snapshot_at_version(self, aggregate_id: str, version: int) -> EventSnapshot | None:
        """The newest snapshot at or below a version, None if there is none.

        Args:
            aggregate_id: whose state.
            version: a whole number of 0 or more.

        Raises:
            InvalidEventError: an aggregate id or a version that no snapshot can have.
            StoreUnavailableError: the server is away.
        """
        ...


def check_versions(from_version: object, to_version: object) -> tuple[int, int]:
    """Refuse bounds of a stream that are no whole numbers, and give back the rest as versions that could exist.

    Raises:
        InvalidEventError: the error names the bound.
    """
    # A bound may be any number at all. The database is only asked about numbers that it has a type for.
    first = max(1, min(_whole("from_version", from_version), MAX_VERSION + 1))
    last = MAX_VERSION if to_version is None else max(0, min(_whole("to_version", to_version), MAX_VERSION))
    return first, last


def _whole(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidEventError(name, f"is {type(value).__name__}, not a whole number", "pass an int")
    return int(value)


def check_filter(filter: object) -> None:
    """Refuse what is no filter.

    Raises:
        InvalidEventError: it says what to pass.
    """
    if not isinstance(filter, EventQueryFilter):
        raise InvalidEventError("filter", f"is {type(filter).__name__}", "pass EventQueryFilter(...)")


def check_snapshot(snapshot: object) -> None:
    """Refuse what is no snapshot.

    Raises:
        InvalidEventError: it says what to pass.
    """
    if not isinstance(snapshot, EventSnapshot):
        raise InvalidEventError("snapshot", f"is {type(snapshot).__name__}", "pass EventSnapshot(...)")


def above_the_head(snapshot: EventSnapshot) -> InvalidEventError:
    """The error for a snapshot of a version that has not been written yet."""
    problem = f"is {snapshot.version}, which {snapshot.aggregate_id} has not reached yet"
    return InvalidEventError("version", problem, "save the state at a version that is stored")


def take_batch(events: object) -> list[DomainEvent]:
    """The events of a call as a list.

    Raises:
        InvalidEventError: these are no events.
        DuplicateEventError: one id stands twice.
    """
    if not isinstance(events, Iterable):
        raise InvalidEventError("events", f"is {type(events).__name__}", "pass a list of events")
    batch = [check_event(event) for event in events]
    ids = {event.id for event in batch}
    if len(ids) < len(batch):
        [(twice, _)] = Counter(event.id for event in batch).most_common(1)
        raise DuplicateEventError(twice, "this id stands twice in one batch")
    return batch


def check_event(event: object) -> DomainEvent:
    """Refuse what is no event, and give the rest back.

    Raises:
        InvalidEventError: this is something else.
    """
    if not isinstance(event, DomainEvent):
        raise InvalidEventError("event", f"is {type(event).__name__}", "pass DomainEvent(...)")
    return event


def first_versions(events: list[DomainEvent]) -> dict[str, int]:
    """Check the versions of a batch by themselves.

    Args:
        events: the batch, in the order of the call.

    Returns:
        The first version that the batch holds of each aggregate.

    Raises:
        VersionConflictError: the versions of an aggregate have a hole or a repeat.
    """
    firsts: dict[str, int] = {}
    lasts: dict[str, int] = {}
    for event in events:
        last = lasts.get(event.aggregate_id)
        if last is None:
            firsts[event.aggregate_id] = event.version
        elif event.version != last + 1:
            raise VersionConflictError(event.aggregate_id, event.version, last)
        lasts[event.aggregate_id] = event.version
    return firsts


def known_batch(events: list[DomainEvent], stored: Mapping[UUID, DomainEvent]) -> list[DomainEvent]:
    """Decide what a batch is, of which some ids are stored already: a repeat of an earlier call, or a mistake.

    Args:
        events: the batch, in the order of the call.
        stored: what the store holds under the ids of the batch; it may hold more.

    Returns:
        The stored events in the order of the call, or an empty list where none of the ids is stored.

    Raises:
        DuplicateEventError: only a part is stored, something differs, or the order was another one.
    """
    known = [stored[event.id] for event in events if event.id in stored]
    if not known:
        return []
    for event in events:
        if event.id not in stored:
            raise DuplicateEventError(known[0].id, "this event is stored already, but others of its batch are not")
        difference = _first_difference(event, stored[event.id])
        if difference:
            raise DuplicateEventError(event.id, f"an event of this id is stored already, with another {difference}")
    for before, after in pairwise(known):
        if (before.sequence_number or 0) > (after.sequence_number or 0):
            raise DuplicateEventError(after.id, "this batch is stored already, but in another order")
    return known


def _first_difference(sent: DomainEvent, stored: DomainEvent) -> str | None:
    """The first field in which an event differs from the stored one of the same id, or None for a plain repeat.

    The timestamp is left out: a caller who builds the same event again may well read the clock again.
    """
    for name in ("aggregate_id", "version", "event_type", "schema_version", "metadata"):
        if getattr(sent, name) != getattr(stored, name):
            return name
    # Not `sent.event_data`, which its owner may have changed since the event was made.
    return None if payload.same(payload.decode(sent.payload_json), stored.event_data) else "event_data"
