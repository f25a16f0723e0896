"""The limits: psycopg alone, on the table of the store with all its indexes, constraints and triggers.

Nothing is checked against what is stored, and nothing is answered. `SameObjects` begins where the store begins, with a
payload, and makes a checked event of it. `ReadyValues` makes JSON of it, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
from psycopg.types.json import Jsonb, set_json_loads

import eventstore
from benchmarks.decisions import COPY, INSERT, row
from benchmarks.peers.ours import domain_event
from benchmarks.work import EVENT_TYPE, Contender, payload, places

READ = """
SELECT sequence_number, id, event_type, aggregate_id, version, event_data, schema_version, event_timestamp, recorded_at,
       causation_id, correlation_id, user_id
FROM domain_events
WHERE aggregate_id = %b
ORDER BY version
"""

READ_LOG = """
SELECT sequence_number, id, event_type, aggregate_id, version, event_data, schema_version, event_timestamp, recorded_at,
       causation_id, correlation_id, user_id
FROM domain_events
WHERE sequence_number > %b
ORDER BY sequence_number
LIMIT 2000
"""

COPY_TEXT = "COPY domain_events (id, event_type, aggregate_id, version, event_data, event_timestamp) FROM STDIN"


class SameObjects(Contender):
    def __init__(self, url: str) -> None:
        with eventstore.connect(url) as store:
            self._held = store.connection()
            self.connection = self._held.__enter__()  # stays open when the store is closed

    @classmethod
    def prepare(cls, url: str) -> None:
        eventstore.connect(url).close()

    def append(self, stream: UUID, version: int) -> object:
        return self.connection.execute(INSERT, row(domain_event(stream, version)), prepare=True, binary=True)

    def batch(self, streams: Sequence[UUID], count: int) -> Callable[[], object]:
        """A prepared INSERT for each event, sent without waiting for the answers."""

        def insert() -> None:
            rows = [row(domain_event(*place)) for place in places(streams, count)]
            with self.connection.transaction(), self.connection.cursor() as cursor:
                cursor.executemany(INSERT, rows)

        return insert

    def read(self, stream: UUID) -> list[tuple[object, ...]]:
        return self.connection.execute(READ, (str(stream),), prepare=True, binary=True).fetchall()

    def follow(self) -> int:
        seen, last = 0, 0
        while rows := self.connection.execute(READ_LOG, (last,), prepare=True, binary=True).fetchall():
            seen, last = seen + len(rows), rows[-1][0]
        return seen

    def close(self) -> None:
        self._held.__exit__(None, None, None)


class ReadyValues(SameObjects):
    def append(self, stream: UUID, version: int) -> object:
        values = (uuid4(), EVENT_TYPE, str(stream), version, json.dumps(payload(version)), datetime.now(UTC))
        return self.connection.execute(INSERT, values, prepare=True, binary=True)


class FasterJson(SameObjects):
    """The driver with the decoder that the store uses, instead of the one of the standard library."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        set_json_loads(msgspec.json.decode, self.connection)


class Copy(SameObjects):
    """COPY in its text form, row by row from the same objects."""

    def batch(self, streams: Sequence[UUID], count: int) -> Callable[[], object]:
        def copy() -> None:
            events = [domain_event(*place) for place in places(streams, count)]
            with self.connection.cursor() as cursor, cursor.copy(COPY_TEXT) as lines:
                for event in events:
                    lines.write_row(row(event))

        return copy


class BinaryCopy(SameObjects):
    """The same in its binary form."""

    def batch(self, streams: Sequence[UUID], count: int) -> Callable[[], object]:
        def copy() -> None:
            events = [domain_event(*place) for place in places(streams, count)]
            with self.connection.cursor() as cursor, cursor.copy(COPY) as lines:
                lines.set_types(["uuid", "text", "text", "int4", "jsonb", "timestamptz"])
                for event in events:
                    ready = Jsonb(event.payload_json, dumps=str)  # it has been JSON since the event was made
                    lines.write_row((*row(event)[:4], ready, event.event_timestamp))

        return copy
