"""What can go wrong, in the words of the store. Every error derives from `EventStoreError`."""

from __future__ import annotations

from uuid import UUID


class EventStoreError(Exception):
    """The parent of every error that this package raises on purpose."""


class InvalidEventError(EventStoreError, ValueError):
    """An event, a snapshot or a question that no store can take. Nothing was written.

    Args:
        field: the name of the field or argument that is wrong, e.g. `"version"` or `"metadata.user_id"`.
        problem: what is wrong with it.
        fix: what to write instead.
    """

    def __init__(self, field: str, problem: str, fix: str) -> None:
        super().__init__(field, problem, fix)
        self.field, self.problem, self.fix = field, problem, fix

    def __str__(self) -> str:
        return f"{self.field} {self.problem}: {self.fix}"


class VersionConflictError(EventStoreError):
    """The version is not the next one of its aggregate. Nothing was written.

    Lower than `latest_version + 1`: somebody else was faster, so load the aggregate again and decide again.
    Higher: the event would leave a hole in the stream.

    Args:
        aggregate_id: the stream that was written to.
        attempted_version: the version that the caller asked for.
        latest_version: the version of the newest stored event, 0 for an empty stream; within one batch that has a hole
            or a repeat, the version of the event before.
    """

    def __init__(self, aggregate_id: str, attempted_version: int, latest_version: int) -> None:
        super().__init__(aggregate_id, attempted_version, latest_version)
        self.aggregate_id = aggregate_id
        self.attempted_version = attempted_version
        self.latest_version = latest_version

    def __str__(self) -> str:
        return (
            f"{self.aggregate_id} is at version {self.latest_version}: "
            f"the next event must have version {self.latest_version + 1}, not {self.attempted_version}"
        )


class DuplicateEventError(EventStoreError):
    """An event id that is already taken, and not by a plain repeat of the same append. Nothing was written.

    Args:
        event_id: the first id in question, in the order of the call.
        reason: what differs from the stored event or from the earlier call.
    """

    def __init__(self, event_id: UUID, reason: str) -> None:
        super().__init__(event_id, reason)
        self.event_id, self.reason = event_id, reason

    def __str__(self) -> str:
        return f"event {self.event_id}: {self.reason}"


class SchemaError(EventStoreError):
    """The tables in the database are not those of this version of the package, or may not be made by this role."""


class StoreUnavailableError(EventStoreError):
    """The server cannot be reached, went away during the call, or did not get to it in time.

    After a lost connection nobody knows whether the last append was stored. Append the same events again, with the
    same ids: what is already there is given back, what is not is written.
    """


# What the server says, as SQLSTATE or the class in its first two characters, and what it means for a caller.
_MEANINGS: dict[str, tuple[type[EventStoreError], str]] = {
    "08": (StoreUnavailableError, "the connection to the server was lost"),
    "25006": (StoreUnavailableError, "the server is read-only now: is it a standby?"),
    "25P03": (StoreUnavailableError, "the server ended a transaction that was idle for too long"),
    "25P04": (StoreUnavailableError, "the server ended a transaction that took too long"),
    "3F000": (SchemaError, "the schema is not there: was it dropped? connect again"),
    "40": (
        StoreUnavailableError,
        "another transaction was in the way: try again, and if you have joined one of your own, all of it",
    ),
    "42883": (SchemaError, "the functions are not there: were they dropped? connect again"),
    "42501": (SchemaError, "this role has no right to do that"),
    "42P01": (SchemaError, "the tables are not there: were they dropped? use another schema, or connect again"),
    "53": (StoreUnavailableError, "the server is out of a resource"),
    "55P03": (StoreUnavailableError, "waited too long for a lock: try again"),
    "57": (StoreUnavailableError, "the server ended the call"),
}


def from_driver(sqlstate: str | None, text: str, lost: bool) -> EventStoreError:
    """The error to raise for one that came from the driver.

    Args:
        sqlstate: the five-character code of the server, or None where the driver itself complains.
        text: what the driver or the server said.
        lost: whether the connection is gone.
    """
    if sqlstate is None:
        sqlstate = "08000" if lost else "XX000"
    kind, meaning = _MEANINGS.get(sqlstate) or _MEANINGS.get(sqlstate[:2]) or (EventStoreError, "PostgreSQL refused")
    return kind(f"{meaning}: {text}")
