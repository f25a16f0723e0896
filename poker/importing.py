"""Recorded hands into a store: safe to stop, safe to run again, safe to run twice at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from eventstore import DomainEvent, DuplicateEventError, EventStore, VersionConflictError
from poker.mapping import hand_events, hand_id
from poker.phh import HandRecord, HandRefused, Refusal, read_hands

# One transaction each. Larger chunks save hardly any time, and would be longer away when the import is stopped.
HANDS_PER_CHUNK = 100


@dataclass
class Summary:
    """What an import did.

    Args:
        seen: hands found in the files.
        added: hands whose events were written.
        already_there: hands that the store knew, or that came a second time.
        refused: hands that were not taken, with the reason.
        events_added: events written.
    """

    seen: int = 0
    added: int = 0
    already_there: int = 0
    refused: list[Refusal] = field(default_factory=list)
    events_added: int = 0


def import_hands(store: EventStore, path: Path | str, progress: Callable[[int], object] | None = None) -> Summary:
    """Write the events of every recorded hand that the store does not have yet.

    A hand is written whole or not at all. A hand that breaks the rules is refused, named and counted; it is never
    repaired, and it does not keep the others out.

    Args:
        store: where to.
        path: a folder, or a `.phh` or `.phhs` file.
        progress: called for each hand with the number of bytes that it takes in its file.

    Returns:
        What was seen, added, already there and refused.

    Raises:
        FileNotFoundError: there is no such path, or no PHH file in it.
        StoreUnavailableError: the server is away; run the import again later, it goes on from there.
    """
    summary = Summary()
    # By hand id, because the same hand may stand in two files of one folder.
    chunk: dict[str, list[DomainEvent]] = {}
    for item in read_hands(Path(path)):
        summary.seen += 1
        _take(store, item, chunk, summary)
        if len(chunk) == HANDS_PER_CHUNK:
            _write(store, chunk, summary)
        if progress is not None:
            progress(item.size)
    _write(store, chunk, summary)
    return summary


def _take(store: EventStore, item: HandRecord | Refusal, chunk: dict[str, list[DomainEvent]], summary: Summary) -> None:
    if isinstance(item, Refusal):
        summary.refused.append(item)
        return
    aggregate_id = hand_id(item)
    if aggregate_id in chunk or store.exists(aggregate_id):
        summary.already_there += 1
        return
    try:
        chunk[aggregate_id] = hand_events(item)
    except HandRefused as error:
        summary.refused.append(Refusal(item.file, item.section, str(error), item.size))


def _write(store: EventStore, chunk: dict[str, list[DomainEvent]], summary: Summary) -> None:
    try:
        store.append_many([event for events in chunk.values() for event in events])
        summary.added += len(chunk)
        summary.events_added += sum(len(events) for events in chunk.values())
    except (VersionConflictError, DuplicateEventError):
        # Another import wrote some of these hands in the meantime. Which ones shows when they are taken one by one.
        for aggregate_id, events in chunk.items():
            _write_one(store, aggregate_id, events, summary)
    chunk.clear()


def _write_one(store: EventStore, aggregate_id: str, events: list[DomainEvent], summary: Summary) -> None:
    if not store.exists(aggregate_id):
        try:
            store.append_many(events)
        except (VersionConflictError, DuplicateEventError):
            if not store.exists(aggregate_id):
                raise
        else:
            summary.added += 1
            summary.events_added += len(events)
            return
    summary.already_there += 1
