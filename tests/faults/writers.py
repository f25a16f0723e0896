"""Writers that go on where their last life ended, and remember what was acknowledged even when they are killed."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import psycopg
from sending import send

import eventstore
from eventstore import DomainEvent, StoreUnavailableError


@dataclass(frozen=True)
class Batch:
    """What is sent, and acknowledged, as one.

    Args:
        places: aggregate id and version of each event.
        own_transaction: whether the writer appends the events one by one in a transaction of its own.
    """

    places: tuple[tuple[str, int], ...]
    own_transaction: bool

    def events(self) -> list[DomainEvent]:
        """The events; their ids are the same whenever they are made."""
        return [
            DomainEvent(
                event_type="moved",
                aggregate_id=stream,
                version=version,
                event_data={"to": version},
                id=uuid5(NAMESPACE_URL, f"{stream} {version}"),
            )
            for stream, version in self.places
        ]

    def append(self, store: eventstore.PostgresEventStore) -> list[DomainEvent]:
        """Send it once."""
        events = self.events()
        if self.own_transaction:
            with store.connection() as connection, connection.transaction():
                return [store.append(event, connection=connection) for event in events]
        return send(store, events)


def streams(writer: int) -> list[str]:
    """The streams that this writer alone writes to."""
    return [f"writer {writer}, stream {number}" for number in range(3)]


def batches(writer: int) -> Iterator[Batch]:
    """Everything that a writer would ever send, in order: the same in each of its lives."""
    dice = random.Random(writer)
    latest = dict.fromkeys(streams(writer), 0)
    while True:
        places = []
        for stream in dice.choices(streams(writer), k=dice.choice([1, 1, 1, 2, 6])):
            latest[stream] += 1
            places.append((stream, latest[stream]))
        yield Batch(tuple(places), own_transaction=dice.random() < 0.2)


class Journal:
    """The sequence numbers that a writer was told, one line for each batch.

    What is written is safe from the death of the writer, if not from that of the machine.
    """

    def __init__(self, folder: Path, writer: int) -> None:
        self.path = folder / f"acknowledged by writer {writer}"
        self.path.touch()

    def read(self) -> list[list[int]]:
        """The numbers, batch by batch. A line that was torn by a kill does not count."""
        whole = self.path.read_text(encoding="utf-8").rpartition("\n")[0]
        return [[int(number) for number in line.split()] for line in whole.splitlines()]

    def forget_torn_line(self) -> None:
        os.truncate(self.path, self.path.read_bytes().rfind(b"\n") + 1)


def write(writer: int, url: str, schema: str, folder: Path) -> None:
    """The life of a writer process: append without a pause until somebody puts a file named `stop` into the folder."""
    journal = Journal(folder, writer)
    journal.forget_torn_line()
    to_send = islice(batches(writer), len(journal.read()), None)
    with _connect(url, schema) as store, journal.path.open("a", encoding="utf-8", newline="\n") as lines:
        for number, batch in enumerate(to_send):
            if (folder / "stop").exists():
                break
            # The last life may have ended in the middle of the first batch of this one.
            stored = _append_until_acknowledged(store, batch, sent_before=number == 0)
            lines.write(" ".join(str(event.sequence_number) for event in stored) + "\n")
            lines.flush()


def _connect(url: str, schema: str) -> eventstore.PostgresEventStore:
    while True:
        try:
            return eventstore.connect(url, schema=schema)
        except StoreUnavailableError:
            time.sleep(0.01)


def _append_until_acknowledged(
    store: eventstore.PostgresEventStore, batch: Batch, sent_before: bool
) -> list[DomainEvent]:
    while True:
        try:
            if sent_before:
                _find_all_or_nothing(store, batch)
            return batch.append(store)
        except (StoreUnavailableError, psycopg.OperationalError):  # the second, where our own commit failed
            sent_before = True
            time.sleep(0.01)


def _find_all_or_nothing(store: eventstore.PostgresEventStore, batch: Batch) -> None:
    """Look before sending again, since that would complete half a batch."""
    ids = [event.id for event in batch.events()]
    with store.connection() as connection:
        found = connection.execute("SELECT FROM domain_events WHERE id = ANY (%s)", (ids,)).rowcount
    assert found in (0, len(ids)), f"half a batch is stored: {found} of {len(ids)} events"
