"""A chunk of an import: some hands, from their text to their events in the store, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import psycopg

from eventstore import DomainEvent, EventStore, PostgresEventStore, StoreUnavailableError
from eventstore.database import in_our_words
from poker import quarantine
from poker.mapping import MAPPING_VERSION, hand_events, hand_id
from poker.phh import HandRecord, HandRefused, HandText, Refusal, parse_hand

# How the reason begins where the hand may be fine, and this package is at fault.
NOT_FORESEEN = "was not read, by a mistake of this package"

# How many refusals a summary holds. A file that is no PHH at all must not fill the memory with them.
MAX_REFUSALS = 1_000

# Which hands are there, and by which version of the mapping.
KNOWN = """
SELECT aggregate_id, event_data -> 'mapping_version'
FROM domain_events
WHERE aggregate_id = ANY (%b) AND version = 1
"""

# Until the transaction ends, no other import writes to this schema. The lock bears the number of a table of this
# schema, so that imports into others go on.
TAKE_TURN = "SELECT pg_advisory_xact_lock('poker_quarantine'::regclass::oid::int, 0)"

# How often a chunk is written that a deadlock has undone. Many, because those who take the locks of batches out of
# order may come one after the other, and an import that has run for hours should not end by that.
MAX_ATTEMPTS = 20

# Hand id and mapping version of hands that are in the store.
Known = dict[str, object]


@dataclass
class Summary:
    """What an import did. Every hand that was seen is counted in exactly one of the four ways that follow.

    Args:
        seen: hands found in the files.
        added: hands whose events were written.
        already_there: hands that the store knew, or that came a second time.
        other_mapping: hands that the store knows by events of another mapping version; they were left alone.
        refused_count: hands that were not taken.
        refused: the first 1,000 of these, with the reason.
        events_added: events written.
    """

    seen: int = 0
    added: int = 0
    already_there: int = 0
    other_mapping: int = 0
    refused_count: int = 0
    refused: list[Refusal] = field(default_factory=list)
    events_added: int = 0

    def add(self, other: Summary) -> None:
        """Count what another part of the same import did."""
        self.seen += other.seen
        self.added += other.added
        self.already_there += other.already_there
        self.other_mapping += other.other_mapping
        self.refused_count += other.refused_count
        self.refused += other.refused[: MAX_REFUSALS - len(self.refused)]
        self.events_added += other.events_added


class Destination(Protocol):
    """Where the hands go."""

    def known(self, hand_ids: Iterable[str]) -> Known:
        """Which of these hands are there."""
        ...

    def write(
        self, events: dict[str, list[DomainEvent]], fine: list[HandText], refused: list[tuple[HandText, str]]
    ) -> Known:
        """Write what became of a chunk, all or nothing.

        Args:
            events: the events of each new hand, by hand id.
            fine: the hands that were not refused.
            refused: the hands that were, each with the reason.

        Returns:
            Which of the new hands turned out to be there by now. Nothing was written of these.
        """
        ...


class AnyStore:
    """A store of any kind that nobody else imports into at the same time. Refused hands are not kept."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    def known(self, hand_ids: Iterable[str]) -> Known:
        first_events = [event for hand in hand_ids for event in self._store.get_by_aggregate(hand, 1, 1)]
        return {event.aggregate_id: event.event_data.get("mapping_version") for event in first_events}

    def write(
        self, events: dict[str, list[DomainEvent]], fine: list[HandText], refused: list[tuple[HandText, str]]
    ) -> Known:
        self._store.append_many([event for hand in events.values() for event in hand])
        return {}


class Postgres:
    """PostgreSQL, into which others may import at the same time.

    Args:
        store: where `install` was called.
        connection: a connection of the store's, for the use of this object alone.
    """

    def __init__(self, store: PostgresEventStore, connection: psycopg.Connection) -> None:
        self._store, self._connection = store, connection

    def known(self, hand_ids: Iterable[str]) -> Known:
        with in_our_words(self._connection):
            # Not prepared: the plan would be made while the table is small, and kept while the import makes it large.
            return dict(self._connection.execute(KNOWN, (list(hand_ids),), prepare=False).fetchall())

    def write(
        self, events: dict[str, list[DomainEvent]], fine: list[HandText], refused: list[tuple[HandText, str]]
    ) -> Known:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return self._write(events, fine, refused)
            except StoreUnavailableError:
                # A deadlock with another transaction leaves nothing behind, and the same work may be done again.
                if self._connection.closed or attempt == MAX_ATTEMPTS:
                    raise
        raise AssertionError("the last attempt raises or returns")

    def _write(
        self, events: dict[str, list[DomainEvent]], fine: list[HandText], refused: list[tuple[HandText, str]]
    ) -> Known:
        with in_our_words(self._connection), self._connection.transaction():
            self._connection.execute(TAKE_TURN)
            # Another import may have been faster since the first look. From now on, it cannot.
            known = self.known(events)
            quarantine.keep(self._connection, refused)
            quarantine.release(self._connection, fine)
            new = [event for hand, listed in events.items() if hand not in known for event in listed]
            self._store.load(new, connection=self._connection)
        return known


def take_chunk(hands: list[HandText], destination: Destination) -> Summary:
    """Bring the hands of one chunk into a store: each of them whole, or not at all.

    Args:
        hands: as cut from the files.
        destination: where to.

    Returns:
        What became of them.

    Raises:
        StoreUnavailableError: the server is away.
    """
    records = [parse_hand(hand) for hand in hands]
    hand_ids = [hand_id(record) if isinstance(record, HandRecord) else "" for record in records]
    known = destination.known(filter(None, hand_ids))
    events: dict[str, list[DomainEvent]] = {}
    fine: list[tuple[HandText, str]] = []
    refused: list[tuple[HandText, str]] = []
    for hand, record, name in zip(hands, records, hand_ids, strict=True):
        try:
            if isinstance(record, Refusal):
                raise HandRefused(record.reason)
            # The same hand may stand in two files of one folder.
            if name not in known and name not in events:
                events[name] = hand_events(record)
            fine.append((hand, name))
        except HandRefused as error:
            refused.append((hand, str(error)))
        except Exception as error:
            # A mistake of ours. Among millions of hands there may be one that trips it, and the others are not to wait.
            refused.append((hand, f"{NOT_FORESEEN}: {type(error).__name__}: {error}"))
    late = destination.write(events, [hand for hand, _ in fine], refused)

    versions = known | late
    added = [listed for name, listed in events.items() if name not in late]
    other_mapping = sum(versions.get(name, MAPPING_VERSION) != MAPPING_VERSION for _, name in fine)
    return Summary(
        seen=len(hands),
        added=len(added),
        already_there=len(fine) - len(added) - other_mapping,
        other_mapping=other_mapping,
        refused_count=len(refused),
        refused=[Refusal(hand.file, hand.section, reason, hand.size) for hand, reason in refused],
        events_added=sum(map(len, added)),
    )
