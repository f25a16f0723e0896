"""The facts: an event, what surrounds it, a snapshot, a question; and the checks that nothing invalid gets past."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, get_args
from uuid import UUID

from eventstore import payload
from eventstore.errors import InvalidEventError

MAX_TEXT_BYTES = 255
MAX_VERSION = 2**31 - 1
MAX_SEQUENCE_NUMBER = 2**63 - 1
# Wide enough for everything but the two days at either end, where a time zone leads out of what Python can hold.
EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=UTC)


def utc_now() -> datetime:
    """The present moment in UTC, by this machine's clock, with microseconds."""
    return datetime.now(UTC)


def new_event_id() -> UUID:
    """A new UUID of version 7: the first 60 bits are the time, so that ids made later sort later.

    An index on ids that grow is written at its end only, which keeps appends fast when the table is large.

    Source: RFC 9562, section 5.7, with the sub-millisecond fraction of section 6.2, method 3.
    """
    nanoseconds = time.time_ns()
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    fraction = rest * 4096 // 1_000_000
    random = int.from_bytes(os.urandom(8), "big") & (2**62 - 1)
    return UUID(int=milliseconds << 80 | 7 << 76 | fraction << 64 | 2 << 62 | random)


@dataclass(frozen=True, kw_only=True)
class EventMetadata:
    """Why an event came about, and through whom. All fields are optional.

    Args:
        causation_id: the id of the event or command that directly led to this one.
        correlation_id: one id shared by everything that belongs to one piece of work, e.g. one evening at a table.
        user_id: who acted; at most 255 bytes as UTF-8.

    Raises:
        InvalidEventError: an id that is not a `UUID`, a `user_id` that is not text or too long.
    """

    causation_id: UUID | None = None
    correlation_id: UUID | None = None
    user_id: str | None = None

    def __post_init__(self) -> None:
        for name in ("causation_id", "correlation_id"):
            if getattr(self, name) is not None:
                _check_uuid(f"metadata.{name}", getattr(self, name))
        if self.user_id is not None:
            object.__setattr__(self, "user_id", _check_text("metadata.user_id", self.user_id))


@dataclass(frozen=True, kw_only=True)
class DomainEvent:
    """One fact: something that happened to one aggregate. An invalid event cannot be made.

    Args:
        event_type: what happened, in the past tense, e.g. `"game.hand_completed"`; 1 to 255 bytes as UTF-8.
        aggregate_id: to what it happened: the name of the stream; 1 to 255 bytes as UTF-8.
        version: its place in that stream: 1, 2, 3 and so on.
        event_data: the details: a dict that JSON can hold and PostgreSQL gives back equal (see `payload.encode`).
            The event keeps a copy of its own.
        metadata: who and why.
        event_timestamp: when it happened, by the writer's clock; with a time zone, kept as UTC.
        schema_version: the version of the shape of `event_data`, 1 or more.
        id: a UUID that belongs to this fact alone. A retry uses the same id again.
        sequence_number: its place in the whole log; filled by the store, None before.
        recorded_at: when it was written, by the server's clock; filled by the store, None before.

    Raises:
        InvalidEventError: a field that no store may keep; the error names the field and the fix.
    """

    event_type: str
    aggregate_id: str
    version: int
    event_data: dict[str, Any]
    metadata: EventMetadata = EventMetadata()
    event_timestamp: datetime = field(default_factory=utc_now)
    schema_version: int = 1
    id: UUID = field(default_factory=new_event_id)
    sequence_number: int | None = None
    recorded_at: datetime | None = None

    def __post_init__(self) -> None:
        plain = {
            "event_type": check_name("event_type", self.event_type),
            "aggregate_id": check_name("aggregate_id", self.aggregate_id),
            "version": check_version("version", self.version),
            "schema_version": check_version("schema_version", self.schema_version),
            "event_timestamp": check_moment("event_timestamp", self.event_timestamp),
        }
        _check_uuid("id", self.id)
        if not isinstance(self.metadata, EventMetadata):
            raise InvalidEventError("metadata", f"is {type(self.metadata).__name__}", "pass EventMetadata(...)")
        text = payload.encode_object("event_data", self.event_data)
        # The class is frozen for everybody else. Here the event takes its own copy of what the caller may still change.
        self.__dict__.update(plain, event_data=payload.decode(text), _json=text)

    def __hash__(self) -> int:
        return hash(self.id)

    def as_stored(self, sequence_number: int | None, recorded_at: datetime | None) -> DomainEvent:
        """A copy with what a store fills in, and with the payload that was checked when the event was made."""
        copy = object.__new__(DomainEvent)
        fields = copy.__dict__
        fields.update(self.__dict__)
        fields["event_data"] = payload.decode(fields["_json"])
        fields["sequence_number"], fields["recorded_at"] = sequence_number, recorded_at
        return copy

    @property
    def payload_json(self) -> str:
        """`event_data` as the JSON text that was checked when the event was made."""
        text: str = self.__dict__["_json"]
        return text


@dataclass(frozen=True, kw_only=True)
class EventSnapshot:
    """What an aggregate had become at one version: a short cut for replay, which may be thrown away at any time.

    Args:
        aggregate_id: whose state it is.
        version: the version of the last event that went into it; a store refuses one that has not been written yet.
        state: any value that JSON can hold and PostgreSQL gives back equal (see `payload.encode`). The snapshot keeps
            a copy of its own.
        schema_version: the version of the shape of `state`, 1 or more. Raise it when the program changes what it keeps
            in a state: snapshots of another schema version are then ignored.

    Raises:
        InvalidEventError: a field that no store may keep; the error names the field and the fix.
    """

    aggregate_id: str
    version: int
    state: Any
    schema_version: int = 1

    def __post_init__(self) -> None:
        plain = {
            "aggregate_id": check_name("aggregate_id", self.aggregate_id),
            "version": check_version("version", self.version),
            "schema_version": check_version("schema_version", self.schema_version),
        }
        text = payload.encode("state", self.state)
        self.__dict__.update(plain, state=payload.decode(text), _json=text)

    def __hash__(self) -> int:
        return hash((self.aggregate_id, self.version))

    @property
    def state_json(self) -> str:
        """`state` as the JSON text that was checked when the snapshot was made."""
        text: str = self.__dict__["_json"]
        return text


OrderColumn = Literal["sequence_number", "event_timestamp", "version"]
Direction = Literal["ASC", "DESC"]


@dataclass(frozen=True, kw_only=True)
class EventQueryFilter:
    """A question to the log. Every field may be left out; an event has to fit all those that are given.

    Args:
        aggregate_id: events of this aggregate.
        event_type: events of this type, or of any type in a list. An empty list fits no event.
        user_id: events with this user in their metadata.
        correlation_id: events with this id in their metadata.
        causation_id: events with this id in their metadata.
        from_timestamp: events that happened at this moment or later.
        to_timestamp: events that happened at this moment or earlier.
        data_contains: events whose payload contains this JSON object, as jsonb's operator `@>` sees it:
            `{"seats": [3]}` fits `{"seats": [1, 3], "pot": 40}`.
        after_sequence: events with a higher sequence number, whatever the order. To read page by page in the order of
            the log, pass the number of the last event of the page before.
        order_by: `"sequence_number"`, `"event_timestamp"` or `"version"`. Equal ones follow by sequence number,
            in the same direction.
        order_direction: `"ASC"` or `"DESC"`.
        limit: at most so many events.

    Raises:
        InvalidEventError: a field with a value that no event can have, or an order that is none of these.
    """

    aggregate_id: str | None = None
    event_type: str | Collection[str] | None = None
    user_id: str | None = None
    correlation_id: UUID | None = None
    causation_id: UUID | None = None
    from_timestamp: datetime | None = None
    to_timestamp: datetime | None = None
    data_contains: dict[str, Any] | None = None
    after_sequence: int | None = None
    order_by: OrderColumn = "sequence_number"
    order_direction: Direction = "ASC"
    limit: int | None = None

    def __post_init__(self) -> None:
        plain: dict[str, object] = {}
        if self.aggregate_id is not None:
            plain["aggregate_id"] = check_name("aggregate_id", self.aggregate_id)
        if self.event_type is not None:
            plain["event_type"] = _check_types(self.event_type)
        if self.user_id is not None:
            plain["user_id"] = _check_text("user_id", self.user_id)
        for name in ("correlation_id", "causation_id"):
            if getattr(self, name) is not None:
                _check_uuid(name, getattr(self, name))
        for name in ("from_timestamp", "to_timestamp"):
            if getattr(self, name) is not None:
                plain[name] = check_moment(name, getattr(self, name))
        plain["_json"] = None
        if self.data_contains is not None:
            text = payload.encode_object("data_contains", self.data_contains)
            plain |= {"data_contains": payload.decode(text), "_json": text}
        for name in ("after_sequence", "limit"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name))
        _check_choice("order_by", self.order_by, get_args(OrderColumn))
        _check_choice("order_direction", self.order_direction, get_args(Direction))
        self.__dict__.update(plain)

    def __hash__(self) -> int:
        return hash((self.aggregate_id, self.event_type, self.after_sequence))

    @property
    def data_contains_json(self) -> str | None:
        """`data_contains` as the JSON text that was checked when the filter was made, None where it is left out."""
        text: str | None = self.__dict__["_json"]
        return text


def check_count(name: str, value: object) -> None:
    """Refuse what is no whole number of 0 or more.

    Raises:
        InvalidEventError: the error names the argument.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidEventError(name, f"is {type(value).__name__}, not a whole number", "pass an int of 0 or more")
    if not 0 <= value <= MAX_SEQUENCE_NUMBER:
        raise InvalidEventError(name, "is out of range", f"use 0 to {MAX_SEQUENCE_NUMBER}")


def check_name(name: str, value: object) -> str:
    """Refuse what cannot be an event type or an aggregate id, and give back the rest as plain text.

    Raises:
        InvalidEventError: empty, no text, over 255 bytes as UTF-8, or with characters that PostgreSQL cannot store.
    """
    text = _check_text(name, value)
    if not text:
        raise InvalidEventError(name, "is empty", "give it a name")
    return text


def check_version(name: str, value: object) -> int:
    """Refuse what is no version, and give back the rest as a plain integer.

    Raises:
        InvalidEventError: no whole number, or not one from 1 to 2,147,483,647.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidEventError(name, f"is {type(value).__name__}, not a whole number", "pass an int of 1 or more")
    if not 1 <= value <= MAX_VERSION:
        raise InvalidEventError(name, "is out of range", f"use 1 to {MAX_VERSION}")
    return int(value)


def check_moment(name: str, value: object) -> datetime:
    """Refuse what is no moment that every store can keep, and give back the rest in UTC.

    Raises:
        InvalidEventError: no datetime, one without a time zone, or one out of range.
    """
    if not isinstance(value, datetime):
        raise InvalidEventError(name, f"is {type(value).__name__}, not a datetime", "pass datetime.now(UTC)")
    if type(value) is datetime and value.tzinfo is UTC and EARLIEST <= value <= LATEST:
        return value  # as nearly all are
    if value.tzinfo is None or value.utcoffset() is None:
        raise InvalidEventError(name, "has no time zone", "add one: datetime.now(UTC)")
    try:
        moment = value.astimezone(UTC)
        # Plain, because a pandas Timestamp counts nanoseconds, which PostgreSQL does not.
        moment = datetime.combine(moment.date(), moment.time(), UTC)
    except (OverflowError, ValueError):
        moment = datetime.min.replace(tzinfo=UTC)
    if not EARLIEST <= moment <= LATEST:
        raise InvalidEventError(name, "is out of range", "use a time from 0001-01-02 to 9999-12-30 UTC")
    return moment


def _check_text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidEventError(name, f"is {type(value).__name__}, not text", "pass a str")
    if "\0" in value:
        raise InvalidEventError(name, "holds the character U+0000", "remove it: PostgreSQL cannot store it in text")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidEventError(name, "holds half of a surrogate pair", "decode the text properly first") from None
    if size > MAX_TEXT_BYTES:
        raise InvalidEventError(name, f"has {size} bytes as UTF-8", f"keep it to {MAX_TEXT_BYTES} bytes")
    return str.__str__(value)  # a text enum would not read back as one


def _check_types(value: object) -> str | tuple[str, ...]:
    if isinstance(value, str):
        return check_name("event_type", value)
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(check_name(f"event_type[{place}]", each) for place, each in enumerate(value))
    raise InvalidEventError("event_type", f"is {type(value).__name__}", "pass text, or a list of texts")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in choices:
        allowed = ", ".join(f'"{choice}"' for choice in choices)
        problem = f"is {value[:40]!r}" if isinstance(value, str) else f"is {type(value).__name__}"
        raise InvalidEventError(name, problem, f"use one of {allowed}")


def _check_uuid(name: str, value: object) -> None:
    if not isinstance(value, UUID):
        raise InvalidEventError(name, f"is {type(value).__name__}, not a UUID", "pass uuid.UUID(...)")
