"""Retry after a lost answer: each row of the tables in docs/decisions/idempotency.md is true."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import psycopg
import pytest

from eventstore import (
    DomainEvent,
    DuplicateEventError,
    EventMetadata,
    EventQueryFilter,
    EventStoreError,
    InMemoryEventStore,
    PostgresEventStore,
    VersionConflictError,
    postgres,
)

PAGE = Path(__file__).parents[2] / "docs" / "decisions" / "idempotency.md"


def table(*header: str) -> list[tuple[str, ...]]:
    """The rows of the one table on the page that has this header."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    [start] = [number for number, line in enumerate(lines) if cells(line) == header]
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        row = cells(line)
        assert len(row) == len(header), f"this row has another number of cells than its header: {line}"
        rows.append(row)
    return rows


def cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip().replace("`", "") for cell in line.strip().removeprefix("|").removesuffix("|").split("|"))


ONE_EVENT = table("id known?", "content equal?", "place", "result")
A_BATCH = table("in the log", "the batch", "result", "because")

Outcome = list[DomainEvent] | EventStoreError


class Way:
    """A store, and whether to append within a caller's transaction."""

    def __init__(
        self, store: InMemoryEventStore | PostgresEventStore, joined: psycopg.Connection | None = None
    ) -> None:
        self.store, self.joined = store, joined

    def append(self, event: DomainEvent) -> Outcome:
        return self._outcome(lambda **joining: [self.store.append(event, **joining)])

    def append_many(self, batch: list[DomainEvent]) -> Outcome:
        return self._outcome(lambda **joining: self.store.append_many(batch, **joining))

    def _outcome(self, call: Callable[..., list[DomainEvent]]) -> Outcome:
        joining = {} if self.joined is None else {"connection": self.joined}
        with nullcontext() if self.joined is None else self.joined.transaction():
            try:
                return call(**joining)
            except EventStoreError as error:
                return error  # and not raised, so that whatever was written all the same is committed

    def log(self) -> list[DomainEvent]:
        return self.store.query(EventQueryFilter())


class LoadingWay(Way):
    """Batches are loaded. There is no answer, so what is stored then is looked up."""

    store: PostgresEventStore

    def append_many(self, batch: list[DomainEvent]) -> Outcome:
        ids = [event.id for event in batch]

        def load(**joining: Any) -> list[DomainEvent]:
            self.store.load(batch, **joining)
            return []

        outcome = self._outcome(load)
        if isinstance(outcome, EventStoreError):
            return outcome
        stored = {event.id: event for event in self.log()}
        return [stored[id] for id in ids]


@pytest.fixture(
    params=["in memory", "on PostgreSQL", "in a caller's transaction", "loaded", "loaded in a caller's transaction"]
)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    if request.param == "in memory":
        yield Way(InMemoryEventStore())
        return
    store: PostgresEventStore = request.getfixturevalue("store")
    monkeypatch.setattr(postgres, "SMALLEST_LOAD", 1)
    kind = LoadingWay if request.param.startswith("loaded") else Way
    if not request.param.endswith("a caller's transaction"):
        yield kind(store)
        return
    with store.connection() as connection:
        yield kind(store, connection)


def expect(result: str, batch: list[DomainEvent], way: Way, *, alone: bool = False) -> None:
    """Send a batch, or the one event in it alone, and compare answer and log with what a row calls the result."""
    before = way.log()
    got = way.append(batch[0]) if alone else way.append_many(batch)
    after = way.log()
    match result:
        case "written":
            assert isinstance(got, list), got
            assert [event.id for event in got] == [event.id for event in batch]
            assert after == before + got
            return
        case "the stored event" | "the stored events":
            stored = {event.id: event for event in before}
            assert got == [stored[event.id] for event in batch]
        case "DuplicateEventError":
            assert isinstance(got, DuplicateEventError), got
            assert got.event_id in {event.id for event in batch}
        case "VersionConflictError":
            assert isinstance(got, VersionConflictError), got
            assert got.attempted_version != got.latest_version + 1
        case "nothing":
            assert got == []
        case _:
            pytest.fail(f"the page names a result that nobody knows: {result}")
    assert after == before, "something was written"


# One event. The words of the second and third column, and what they mean.

STORED = DomainEvent(
    event_type="bet",
    aggregate_id="hand",
    version=2,
    event_data={"chips": 1, "seats": [1, {"a": 0, "b": 2}]},
    metadata=EventMetadata(
        causation_id=uuid5(NAMESPACE_OID, "cause"), correlation_id=uuid5(NAMESPACE_OID, "evening"), user_id="dealer"
    ),
    event_timestamp=datetime(2025, 3, 1, 20, 0, tzinfo=UTC),
)
OTHER_ID = uuid5(NAMESPACE_OID, "another")

CONTENTS: dict[str, dict[str, Any]] = {
    "yes": {},
    "all but the timestamp": {"event_timestamp": STORED.event_timestamp + timedelta(hours=1)},
    "as jsonb compares: 1.0 for 1, keys in another order": {
        "event_data": {"seats": [1.0, {"b": 2.0, "a": -0.0}], "chips": 1.0}
    },
    "another event_type": {"event_type": "raise"},
    "another event_data": {"event_data": STORED.event_data | {"chips": 2}},
    "true for 1 in event_data": {"event_data": STORED.event_data | {"chips": True}},
    "another user_id": {"metadata": replace(STORED.metadata, user_id=None)},
    "another correlation_id": {"metadata": replace(STORED.metadata, correlation_id=OTHER_ID)},
    "another causation_id": {"metadata": replace(STORED.metadata, causation_id=OTHER_ID)},
    "another schema_version": {"schema_version": 2},
}

# Aggregate and version. The newest version of the stream is 2 or 3.
PLACES: dict[str, Callable[[int], tuple[str, int]]] = {
    "the same": lambda newest: ("hand", 2),
    "the next of its stream": lambda newest: ("hand", newest + 1),
    "taken by another event": lambda newest: ("hand", 1),
    "beyond the next": lambda newest: ("hand", newest + 2),
    "the next of another stream": lambda newest: ("other", 2),
    "taken in another stream": lambda newest: ("other", 1),
}
PLACES_OF_A_NEW_EVENT = ("the next of its stream", "taken by another event", "beyond the next")


def combinations(row: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """The combinations of words that a row stands for."""
    known, content, place, _ = row
    wildcard = {"yes": "any", "no": "nothing to compare"}[known]
    return list(product([known], CONTENTS if content == wildcard else [content], [place]))


@pytest.mark.parametrize("row", ONE_EVENT, ids=" | ".join)
def test_one_event(row: tuple[str, ...], way: Way) -> None:
    turns = product(combinations(row), (2, 3), (True, False))
    for turn, ((known, content, place), newest, alone) in enumerate(turns):
        # Streams and ids of its own for each turn: the events of the turns before stand in the log beside them.
        def here(event: DomainEvent, turn: int = turn) -> DomainEvent:
            own_id = uuid5(NAMESPACE_OID, f"{event.id} {turn}")
            return replace(event, aggregate_id=f"{event.aggregate_id} {turn}", id=own_id)

        def neighbour(aggregate_id: str, version: int) -> DomainEvent:
            return DomainEvent(event_type="neighbour", aggregate_id=aggregate_id, version=version, event_data={})

        stream = [neighbour("hand", 1), STORED] + [neighbour("hand", 3)] * (newest == 3)
        for event in [*stream, neighbour("other", 1)]:
            way.store.append(here(event))
        aggregate_id, version = PLACES[place](newest)
        sent = replace(STORED, aggregate_id=aggregate_id, version=version, **CONTENTS[content])
        sent = here(sent if known == "yes" else replace(sent, id=OTHER_ID))
        expect(row[-1], [sent], way, alone=alone)


def test_every_combination_stands_in_the_table_once() -> None:
    possible = [*product(["no"], CONTENTS, PLACES_OF_A_NEW_EVENT), *product(["yes"], CONTENTS, PLACES)]
    assert Counter(each for row in ONE_EVENT for each in combinations(row)) == Counter(possible)


# A batch, in the notation that the page explains.

NAME = re.compile(r"(?P<stream>[a-z])(?P<version>\d)(?P<mark>[~*']?)(@(?P<to>[a-z])(?P<to_version>\d))?")


def named(name: str) -> DomainEvent:
    """The event that a name like a1, a1~, a1*, a1' or a1@b1 stands for."""
    parts = NAME.fullmatch(name)
    assert parts, f"the page names an event that nobody knows: {name}"
    stream, version, mark = parts["stream"], int(parts["version"]), parts["mark"]
    return DomainEvent(
        event_type="bet",
        aggregate_id=parts["to"] or stream,
        version=int(parts["to_version"] or version),
        event_data={"chips": 2 if mark == "*" else 1},
        event_timestamp=STORED.event_timestamp + timedelta(hours=mark == "~"),
        id=uuid5(NAMESPACE_OID, stream + parts["version"] + mark.strip("~*")),
    )


@pytest.mark.parametrize("row", A_BATCH, ids=" | ".join)
def test_a_batch(row: tuple[str, ...], way: Way) -> None:
    in_the_log, batch, result, _ = row
    for name in in_the_log.split():
        way.store.append(named(name))
    expect(result, [named(name) for name in batch.split()], way)


def test_every_mark_is_used() -> None:
    sent = " ".join(row[1] for row in A_BATCH)
    assert all(mark in sent for mark in "~*'@")
    assert {row[2] for row in A_BATCH} == {
        "written",
        "the stored events",
        "DuplicateEventError",
        "VersionConflictError",
        "nothing",
    }
