"""The model test of the package: whatever is asked of the two stores, in whatever order, they answer the same.

Hypothesis makes up the calls, valid ones and mistakes. Where the stores differ, it looks for the shortest list of calls
that shows it, and prints that list as a program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from side_by_side import BothStores, Question

import eventstore
from eventstore import (
    DomainEvent,
    EventMetadata,
    EventQueryFilter,
    EventSnapshot,
    EventStore,
    EventStoreError,
    Repository,
)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(["pot", "seat", "cards"]), inner, max_size=2)


# Few values of each kind, so that calls meet: two events of one user, a filter that fits, an id that is taken.
AGGREGATES = ["hand", "Hand", "'; DROP TABLE domain_events; --"]
TYPES = ["dealt", "bet", "won"]
USERS = [None, "", "ann", "bob"]
UUIDS = [UUID(int=1), UUID(int=2)]
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
MOMENTS = [
    NOON,
    NOON + timedelta(microseconds=1),
    NOON.astimezone(timezone(timedelta(hours=5))),
    NOON.replace(year=1999),
]

leaves = st.sampled_from([0, 1, 1.0, -0.5, True, False, None, "", "1", "seat"])
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | objects(inner), max_leaves=5)


def mostly(usual: list[Any], mistakes: list[Any]) -> st.SearchStrategy[Any]:
    """One mistake in ten calls or so. A call with a mistake says nothing else about the stores."""
    return st.sampled_from(usual * (9 * len(mistakes) // len(usual) + 1) + mistakes)


names = mostly([*AGGREGATES, "nobody"], ["", "\0", "\ud800", "x" * 256, 5, None])
first_versions = mostly([0, 1, 1, 1, 2, 3, -1, -(2**63)], [None, True, 1.0, "1"])
last_versions = mostly([None, None, 0, 1, 2, 3, 4, 2**31 - 1, 2**31, 2**63, 2**200], [True, 1.0, "1"])
points = mostly([0, 1, 2, 3, 4, 5, 2**31 - 1, 2**31, 2**63 - 1], [None, -1, True, 1.0, "1", 2**63])
limits = mostly([None, 0, 1, 2, 3, 2**31, 2**63 - 1], [-1, 2**63, 1.5])
moments = st.sampled_from(MOMENTS)
metadata = st.builds(
    EventMetadata,
    causation_id=st.sampled_from([None, *UUIDS]),
    correlation_id=st.sampled_from([None, *UUIDS]),
    user_id=st.sampled_from(USERS),
)
conditions = {
    "aggregate_id": names,
    "event_type": mostly([*TYPES, TYPES[:2], set(TYPES), ()], ["", [""], 5]),
    "user_id": mostly(USERS, ["\0"]),
    "correlation_id": mostly(UUIDS, [str(UUIDS[0])]),
    "causation_id": mostly(UUIDS, [str(UUIDS[0])]),
    "from_timestamp": mostly(MOMENTS, [datetime(2030, 1, 1)]),
    "to_timestamp": mostly(MOMENTS, [datetime(2030, 1, 1)]),
    "data_contains": objects(values),
}
# Few conditions at a time, since an event seldom fits many, but any of them together.
filters = st.builds(
    lambda conditions, order: dict(conditions) | order,
    st.lists(st.one_of([st.tuples(st.just(name), value) for name, value in conditions.items()]), max_size=3),
    st.fixed_dictionaries(
        {
            "order_by": mostly(["sequence_number", "event_timestamp", "version"], ["id; DROP TABLE domain_events"]),
            "order_direction": mostly(["ASC", "DESC"], ["asc"]),
            "limit": limits,
        }
    ),
)

# An event is made when it is known what is stored: `ahead` says how far its version is beside the next one.
drafts = st.fixed_dictionaries(
    {
        "aggregate_id": st.sampled_from(AGGREGATES),
        "event_type": st.sampled_from(TYPES),
        "event_data": objects(values),
        "metadata": metadata,
        "event_timestamp": moments,
        "ahead": mostly([0], [-2, -1, 1, 5]),
        "id_is_taken": mostly([False], [True]),
    }
)

Batch = list[DomainEvent]
# What becomes of a batch that is sent again: the first three are plain repeats, the others are mistakes.
CHANGES: dict[str, Callable[[Batch], Sequence[DomainEvent]]] = {
    "the same": lambda batch: batch,
    "by another clock": lambda batch: [replace(event, event_timestamp=MOMENTS[-1]) for event in batch],
    "without the last": lambda batch: batch[:-1],
    "backwards": lambda batch: batch[::-1],
    "the first twice": lambda batch: [batch[0], *batch],
    "another type": lambda batch: [*batch[:-1], replace(batch[-1], event_type="folded")],
    "another payload": lambda batch: [*batch[:-1], replace(batch[-1], event_data={"pot": "another"})],
    "another user": lambda batch: [*batch[:-1], replace(batch[-1], metadata=EventMetadata(user_id="eve"))],
    "another version": lambda batch: [*batch[:-1], replace(batch[-1], version=batch[-1].version + 1)],
    "another shape": lambda batch: [*batch[:-1], replace(batch[-1], schema_version=2)],
    "one that is new": lambda batch: [*batch, replace(batch[-1], version=batch[-1].version + 1, id=UUID(int=99))],
}
REPEATS = [*CHANGES][:3]


def trail(state: list[Any], event: DomainEvent) -> list[Any]:
    """A state that tells which events went into it, and in which order."""
    return [*state, [event.version, event.event_type, event.event_data]]


class TwoStores(RuleBasedStateMachine):
    """The calls that hypothesis chooses from. Each one is asked of both stores."""

    postgres: eventstore.PostgresEventStore
    callers: psycopg.Connection  # of somebody who appends within a transaction of their own
    outcomes: Counter[str]

    @initialize(past=st.lists(st.lists(drafts, min_size=1, max_size=4), max_size=4))
    def begin(self, past: list[list[dict[str, Any]]]) -> None:
        self.both = BothStores(self.postgres)
        self.batches: list[Batch] = []  # all that were ever sent
        self.stored: list[Batch] = []
        for several in past:
            self.append_many(several)

    def teardown(self) -> None:
        self.both.check_everything()

    # Writing

    @rule(draft=drafts)
    def append(self, draft: dict[str, Any]) -> None:
        batch = self.make([draft])
        self.write("append", batch, lambda store: store.append(batch[0]))

    @rule(several=st.lists(drafts, max_size=5))
    def append_many(self, several: list[dict[str, Any]]) -> None:
        batch = self.make(several)
        self.write("append_many", batch, lambda store: store.append_many(batch))

    @rule(several=st.lists(drafts, min_size=1, max_size=3), kept=st.booleans())
    def append_in_a_transaction_of_the_caller(self, several: list[dict[str, Any]], kept: bool) -> None:
        batch = self.make(several)

        def joined() -> Batch:
            with self.callers.transaction(force_rollback=not kept):
                return self.postgres.append_many(batch, connection=self.callers)

        if kept:
            memory = self.both.memory
            self.write("joined", batch, lambda store: store.append_many(batch) if store is memory else joined())
        else:  # as if nothing had happened
            with suppress(EventStoreError):
                joined()

    @precondition(lambda self: self.batches)
    @rule(data=st.data(), change=st.sampled_from([*CHANGES, "the same"]))
    def append_again(self, data: st.DataObject, change: str) -> None:
        batch = data.draw(st.sampled_from(self.batches))
        again = CHANGES[change](batch)
        answer = self.ask("again", lambda store: store.append_many(again))
        # The two stores share the code that judges this. So here stands, beside their agreement, what is right.
        if any(batch is stored for stored in self.stored):
            assert isinstance(answer, list) == (change in REPEATS or again == batch)

    @rule(
        aggregate=st.sampled_from(AGGREGATES),
        behind=st.integers(-1, 4),
        state=st.lists(values, max_size=2),
        shape=st.integers(1, 2),
    )
    def save_snapshot(self, aggregate: str, behind: int, state: list[Any], shape: int) -> None:
        version = max(1, self.both.memory.get_latest_version(aggregate) - behind)
        snapshot = EventSnapshot(aggregate_id=aggregate, version=version, state=state, schema_version=shape)
        self.ask("save_snapshot", lambda store: store.save_snapshot(snapshot))

    # Reading

    @rule(name=names, start=first_versions, end=last_versions)
    def read_a_stream(self, name: Any, start: Any, end: Any) -> None:
        self.ask("get_by_aggregate", lambda store: store.get_by_aggregate(name, start, end))
        self.ask("get_stream", lambda store: store.get_stream(name, start, end))

    @rule(name=mostly(TYPES, ["", None]), limit=limits)
    def read_a_type(self, name: Any, limit: Any) -> None:
        self.ask("get_by_type", lambda store: store.get_by_type(name, limit))

    @rule(fields=filters, after=st.none() | st.integers(0, 12))
    def query(self, fields: dict[str, Any], after: int | None) -> None:
        def question(store: EventStore) -> Batch:
            number = None if after is None else self.both.number_in(store, after)
            return store.query(EventQueryFilter(**fields, after_sequence=number))

        self.ask("query", question)

    @rule(name=names)
    def count(self, name: Any) -> None:
        self.ask("get_latest_version", lambda store: store.get_latest_version(name))
        self.ask("exists", lambda store: store.exists(name))
        self.ask("get_event_count", lambda store: store.get_event_count(name))
        self.ask("get_event_count", lambda store: store.get_event_count())

    @rule(name=names, version=points)
    def find_a_snapshot(self, name: Any, version: Any) -> None:
        self.ask("get_latest_snapshot", lambda store: store.get_latest_snapshot(name))
        self.ask("get_snapshot_at_version", lambda store: store.get_snapshot_at_version(name, version))

    # Folding

    @rule(name=names, shape=st.integers(1, 2), snapshot_after=st.none() | st.integers(0, 3))
    def load(self, name: Any, shape: int, snapshot_after: int | None) -> None:
        self.ask("load", lambda store: Repository(store, trail, [], shape, snapshot_after=snapshot_after).load(name))

    @rule(name=names, shape=st.integers(1, 2), version=points)
    def load_at_a_version(self, name: Any, shape: int, version: Any) -> None:
        self.ask("load_at", lambda store: Repository(store, trail, [], shape).load_at(name, version))

    @rule(name=names, number=st.integers(0, 12))
    def load_at_a_number(self, name: Any, number: int) -> None:
        def question(store: EventStore) -> list[Any]:
            return Repository(store, trail, []).load_at(name, sequence_number=self.both.number_in(store, number))

        self.ask("load_at", question)

    @rule(name=names, moment=mostly(MOMENTS, [datetime(2030, 1, 1), "noon"]))
    def load_at_a_moment(self, name: Any, moment: Any) -> None:
        self.ask("load_at", lambda store: Repository(store, trail, []).load_at(name, event_timestamp=moment))

    # What the rules share

    def make(self, several: list[dict[str, Any]]) -> Batch:
        """Make the events of a batch, as somebody would who knows the streams as they are now."""
        batch: Batch = []
        for draft in several:
            fields = dict(draft)
            ahead, id_is_taken = fields.pop("ahead"), fields.pop("id_is_taken")
            sent = [event for batch in self.batches for event in batch]
            version = self.both.memory.get_latest_version(draft["aggregate_id"])
            version += sum(event.aggregate_id == draft["aggregate_id"] for event in batch)
            number = 100 + len(sent) + len(batch)
            fields["id"] = sent[number % len(sent)].id if id_is_taken and sent else UUID(int=number)
            batch.append(DomainEvent(**fields, version=max(1, version + 1 + ahead)))
        if batch:
            self.batches.append(batch)
        return batch

    def write(self, call: str, batch: Batch, question: Question) -> None:
        if not isinstance(self.ask(call, question), EventStoreError):
            self.stored.append(batch)

    def ask(self, call: str, question: Question) -> Any:
        answer = self.both.ask(question)
        self.outcomes[f"{call}: {kind_of(answer)}"] += 1
        # What a store gave away belongs to the caller: whatever happens to it, the store must not change with it.
        for each in answer if isinstance(answer, list) else [answer]:
            if isinstance(each, DomainEvent):
                each.event_data["changed"] = True
            elif isinstance(each, EventSnapshot):
                each.state.append("changed")
        return answer


def kind_of(answer: object) -> str:
    if isinstance(answer, EventStoreError):
        return type(answer).__name__
    return "something" if answer else "nothing"


# A law that never meets a case says nothing about it.
OUTCOMES = {
    f"{call}: {outcome}"
    for calls, outcomes in {
        "append joined": "something VersionConflictError",
        "append_many again": "something VersionConflictError DuplicateEventError",
        "get_by_aggregate get_stream get_by_type query": "something nothing InvalidEventError",
        "get_latest_version exists get_event_count": "something nothing InvalidEventError",
        "save_snapshot": "nothing InvalidEventError",
        "get_latest_snapshot get_snapshot_at_version load load_at": "something nothing InvalidEventError",
    }.items()
    for call in calls.split()
    for outcome in outcomes.split()
}


def test_memory_and_postgres_give_the_same_answers_and_errors(
    store: eventstore.PostgresEventStore, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small pages, so that short streams have several.
    monkeypatch.setattr("eventstore.postgres.FIRST_PAGE", 2)
    monkeypatch.setattr("eventstore.postgres.LARGEST_PAGE", 3)

    class Machine(TwoStores):
        postgres = store

    Machine.outcomes = Counter()
    with store.connection() as Machine.callers:
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=2_000 if request.config.getoption("--long") else 300,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    assert OUTCOMES - set(Machine.outcomes) == set()
