"""At 200,000 events each documented query finds its index, and gives the order of the log without sorting."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import sql
from watching import Plan, Watched

import eventstore
from eventstore import DomainEvent, EventQueryFilter, EventSnapshot, PostgresEventStore, Subscription

START = datetime(2030, 1, 1, tzinfo=UTC)

# Eight tables at a time, at each of them a hand of eleven events, until there are 195,000; and one stream of 5,000. A
# third of the events has one of 200 users, another third belongs to one of some 200 evenings. No random numbers: every
# run has to see the same plans.
FILL = """
INSERT INTO domain_events (
    id, event_type, aggregate_id, version, event_data, event_timestamp, causation_id, correlation_id, user_id
)
SELECT
    md5(n::text)::uuid,
    CASE
        WHEN version = 1 THEN 'game.created'
        WHEN version = 11 THEN 'game.completed'
        WHEN chance % 2000 = 0 THEN 'game.disputed'
        ELSE 'player.' || (
            '{posted,dealt,checked,called,called,called,bet,bet,raised,folded,folded,folded,shown}'::text[]
        )[1 + chance % 13]
    END,
    aggregate_id,
    version,
    jsonb_build_object('seats', jsonb_build_array(chance % 9, chance % 7), 'amount', chance % 5000),
    '2030-01-01 00:00:00+00'::timestamptz + n * interval '5 seconds' + chance % 900 * interval '1 second',
    md5((n - 1)::text)::uuid,
    CASE WHEN chance % 3 = 1 THEN md5('evening ' || n / 1000)::uuid END,
    CASE WHEN chance % 3 = 2 THEN 'player-' || chance / 3 % 200 END
FROM (
    SELECT
        n,
        abs(hashint4(n)::bigint) AS chance,
        CASE WHEN n <= 195000 THEN 'hand-' || n / 88 * 8 + n % 8 ELSE 'long' END AS aggregate_id,
        CASE WHEN n <= 195000 THEN n % 88 / 8 + 1 ELSE n - 195000 END AS version
    FROM generate_series(1, 200000) AS n
) AS numbered
ORDER BY n
"""

SNAPSHOTS = """
INSERT INTO event_snapshots (aggregate_id, version, state)
SELECT aggregate_id, version, '{}' FROM domain_events WHERE version % 5 = 0
"""


@pytest.fixture(scope="module")
def log() -> Iterator[str]:
    """The schema of a log of 200,000 events that autovacuum has visited."""
    schema = f"plans {uuid4().hex}"
    with eventstore.connect(schema=schema) as store, store.connection() as connection:
        connection.execute(FILL)
        connection.execute(SNAPSHOTS)
        connection.execute("VACUUM (ANALYZE) domain_events, event_snapshots")
        yield schema
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


@pytest.fixture(scope="module", params=["auto", "force_generic_plan"])
def watched(log: str, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """Connections that note their plans: as the server chooses them, and as it would make them for any value."""
    with closing(Watched(os.environ["EVENTSTORE_URL"], log, plan_cache_mode=request.param)) as watched:
        yield watched


BY_ID = "domain_events_pkey"
BY_STREAM = "domain_events_aggregate_version_key"
BY_NUMBER = "domain_events_sequence_number_key"
BY_TYPE = "domain_events_type_idx"
BY_TIME = "domain_events_time_idx"
BY_USER = "domain_events_user_idx"
BY_CORRELATION = "domain_events_correlation_idx"
BY_DATA = "domain_events_data_idx"
SNAPSHOTS_KEY = "event_snapshots_pkey"

# More often than the five times after which the server may go over to a plan that fits any value.
REPEATS = 7

NEW = count(1)


def new_event(version: int = 1, aggregate_id: str | None = None) -> DomainEvent:
    aggregate_id = aggregate_id or f"new-{next(NEW)}"
    return DomainEvent(event_type="game.created", aggregate_id=aggregate_id, version=version, event_data={"amount": 1})


def append_a_hand(store: PostgresEventStore) -> list[DomainEvent]:
    first = new_event()
    return store.append_many([first, new_event(2, first.aggregate_id), new_event(3, first.aggregate_id)])


def append_to_several(store: PostgresEventStore) -> list[DomainEvent]:
    return store.append_many([new_event(), new_event(), new_event()])


def append_again(store: PostgresEventStore) -> None:
    store.append(store.append(new_event()))
    store.append_many(append_to_several(store))


def append_too_late(store: PostgresEventStore) -> None:
    for batch in ([new_event(5, "hand-700")], [new_event(5, "hand-700"), new_event()]):
        with pytest.raises(eventstore.VersionConflictError):
            store.append_many(batch)


def save_a_new_snapshot(store: PostgresEventStore) -> None:
    store.save_snapshot(EventSnapshot(aggregate_id="long", version=next(NEW), state={}))


def in_sql(statement: str, *parameters: object) -> Callable[[PostgresEventStore], object]:
    """Ask in SQL, on one connection, as a prepared statement."""

    def ask(store: PostgresEventStore) -> None:
        with store.connection() as connection:
            for _ in range(REPEATS):
                connection.execute(statement, parameters, prepare=True)

    return ask


@dataclass(frozen=True)
class Case:
    """A call of the store, and how it has to be answered.

    Args:
        name: the call, for the reader.
        call: makes it.
        indexes: what it goes by, no more and no less.
    """

    name: str
    call: Callable[[PostgresEventStore], object]
    indexes: set[str]


CALLS = [
    Case("append", lambda store: store.append(new_event()), {BY_STREAM}),
    Case("append_many to one stream", append_a_hand, {BY_STREAM}),
    Case("append_many to several streams", append_to_several, {BY_STREAM}),
    Case("append what is stored", append_again, {BY_STREAM, BY_ID}),
    Case("append too late", append_too_late, {BY_STREAM, BY_ID}),
    Case("get_by_aggregate", lambda store: store.get_by_aggregate("hand-700"), {BY_STREAM}),
    Case("get_by_aggregate from a version", lambda store: store.get_by_aggregate("hand-700", 5), {BY_STREAM}),
    Case("get_by_aggregate, a part", lambda store: store.get_by_aggregate("hand-700", 3, 7), {BY_STREAM}),
    Case("get_stream of a hand", lambda store: list(store.get_stream("hand-700")), {BY_STREAM}),
    Case("get_stream over many pages", lambda store: list(store.get_stream("long")), {BY_STREAM}),
    Case("get_latest_version", lambda store: store.get_latest_version("hand-700"), {BY_STREAM}),
    Case("exists", lambda store: store.exists("nobody"), {BY_STREAM}),
    Case("get_event_count of a stream", lambda store: store.get_event_count("hand-700"), {BY_STREAM}),
    Case("high_water_mark", lambda store: store.high_water_mark(), {BY_NUMBER}),
    Case("save_snapshot", save_a_new_snapshot, {BY_STREAM}),
    Case("get_latest_snapshot", lambda store: store.get_latest_snapshot("hand-700"), {SNAPSHOTS_KEY}),
    Case("get_snapshot_at_version", lambda store: store.get_snapshot_at_version("hand-700", 9), {SNAPSHOTS_KEY}),
    Case("get_event_stream in SQL", in_sql("SELECT * FROM get_event_stream(%s)", "hand-700"), {BY_STREAM}),
    Case("a part in SQL", in_sql("SELECT * FROM get_event_stream(%s, 3, 7)", "hand-700"), {BY_STREAM}),
    Case("get_latest_snapshot in SQL", in_sql("SELECT * FROM get_latest_snapshot(%s)", "hand-700"), {SNAPSHOTS_KEY}),
    Case("recent_events in SQL", in_sql("SELECT * FROM recent_events"), {BY_NUMBER}),
    Case("high_water_mark in SQL", in_sql("SELECT high_water_mark()"), {BY_NUMBER}),
]


@pytest.mark.parametrize("case", CALLS, ids=lambda case: case.name)
def test_a_call_goes_by_its_index(watched: Watched, case: Case) -> None:
    store = PostgresEventStore(watched)
    watched.plans.clear()
    for _ in range(REPEATS):
        case.call(store)
    assert_goes_by(case.indexes, watched.plans)


def assert_goes_by(indexes: set[str], plans: list[Plan], sorted_by: list[str] | None = None) -> None:
    """No other index was used, no table was read from end to end, and nothing was sorted but in the given order."""
    assert set().union(*(plan.indexes() for plan in plans)) == indexes, plans
    for plan in plans:
        assert plan.scans_of("domain_events") == plan.scans_of("event_snapshots") == [], plan
        assert plan.sorts_of("domain_events") == ([sorted_by] if sorted_by else []), plan
        assert plan.sorts_of("event_snapshots") == [], plan


@dataclass(frozen=True)
class Question:
    """A filter, and how it has to be answered.

    Args:
        filter: what is asked.
        index: what it goes by.
        sorted_by: the columns by which the events are sorted that were found; None where none may be sorted.
    """

    filter: EventQueryFilter
    index: str
    sorted_by: list[str] | None = None


THIRD_DAY: dict[str, Any] = {
    "from_timestamp": START + timedelta(days=2),
    "to_timestamp": START + timedelta(days=2, hours=1),
}
EVENING: dict[str, Any] = {"correlation_id": UUID(hashlib.md5(b"evening 70").hexdigest())}
BACKWARDS: dict[str, Any] = {"order_direction": "DESC", "limit": 100}
BY_CLOCK: dict[str, Any] = {"order_by": "event_timestamp"}
IN_LOG_ORDER = ["sequence_number"]


def ask(index: str, sorted_by: list[str] | None = None, **fields: Any) -> Question:
    return Question(EventQueryFilter(**fields), index, sorted_by)


QUESTIONS = [
    # The log itself, from its start, from a place within it, and from its end.
    ask(BY_NUMBER, limit=100),
    ask(BY_NUMBER, after_sequence=150_000, limit=500),
    ask(BY_NUMBER, **BACKWARDS),
    # One type: rare, frequent, and very frequent.
    ask(BY_TYPE, event_type="game.disputed"),
    ask(BY_TYPE, event_type="game.disputed", after_sequence=100_000, limit=100),
    ask(BY_TYPE, event_type="game.created"),
    ask(BY_TYPE, event_type="game.created", limit=100),
    ask(BY_TYPE, event_type="player.called", limit=1_000),
    ask(BY_TYPE, event_type="player.called", **BACKWARDS),
    # One user, one piece of work.
    ask(BY_USER, user_id="player-7"),
    ask(BY_USER, user_id="player-7", after_sequence=100_000, limit=10),
    ask(BY_USER, user_id="player-7", **BACKWARDS),
    ask(BY_CORRELATION, **EVENING),
    ask(BY_CORRELATION, **EVENING, limit=10),
    ask(BY_CORRELATION, **EVENING, **BACKWARDS),
    # A span of time, open at one end or not, in the order of the clocks.
    ask(BY_TIME, **BY_CLOCK, limit=100),
    ask(BY_TIME, **BY_CLOCK, **THIRD_DAY),
    ask(BY_TIME, **BY_CLOCK, from_timestamp=THIRD_DAY["from_timestamp"], limit=100),
    ask(BY_TIME, **BY_CLOCK, to_timestamp=THIRD_DAY["to_timestamp"], **BACKWARDS),
    # Where the few that are found have to be sorted: those of one stream, of a span of time but in the order of the
    # log, of several rare types, of one piece of work and one cause, and those with something in their payload.
    ask(BY_STREAM, IN_LOG_ORDER, aggregate_id="hand-700"),
    ask(BY_STREAM, ["version", "sequence_number"], aggregate_id="hand-700", order_by="version"),
    ask(BY_TIME, IN_LOG_ORDER, **THIRD_DAY),
    ask(BY_TYPE, IN_LOG_ORDER, event_type=["game.disputed", "game.abandoned"]),
    ask(BY_CORRELATION, IN_LOG_ORDER, **EVENING, causation_id=UUID(int=5)),
    ask(BY_DATA, IN_LOG_ORDER, data_contains={"amount": 1234}),
    ask(BY_DATA, IN_LOG_ORDER, data_contains={"amount": 1234, "seats": []}, limit=10),
    ask(BY_DATA, ["event_timestamp", "sequence_number"], data_contains={"amount": 1234}, **BY_CLOCK),
]


def in_words(question: Question) -> str:
    given = {name: value for name, value in vars(question.filter).items() if value != getattr(EventQueryFilter(), name)}
    return ", ".join(f"{name}={value}" for name, value in given.items()) or "everything"


# The store has these planned anew each time, so there is no plan for any value.
@pytest.mark.parametrize("watched", ["auto"], indirect=True)
@pytest.mark.parametrize("question", QUESTIONS, ids=in_words)
def test_a_question_goes_by_its_index(watched: Watched, question: Question) -> None:
    store = PostgresEventStore(watched)
    watched.plans.clear()
    store.query(question.filter)
    assert_goes_by({question.index}, watched.plans, question.sorted_by)


def test_the_events_of_one_type_go_by_their_index(watched: Watched) -> None:
    store = PostgresEventStore(watched)
    for limit in (None, 100):
        watched.plans.clear()
        assert store.get_by_type("game.created", limit=limit)
        assert_goes_by({BY_TYPE}, watched.plans)


def test_each_index_earns_its_place(watched: Watched) -> None:
    with PostgresEventStore(watched).connection() as connection:
        found = connection.execute(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass", ("domain_events",)
        )
        all_indexes = {name for (name,) in found}
    used = set().union(*(case.indexes for case in CALLS)) | {question.index for question in QUESTIONS}
    assert used - {SNAPSHOTS_KEY} == all_indexes
    assert len(all_indexes) == 8


OF_OTHERS = "INSERT INTO event_subscriptions (name) SELECT 'other ' || n FROM generate_series(1, 2000) AS n"


@pytest.mark.parametrize("watched", ["auto"], indirect=True)
@pytest.mark.parametrize(
    ("event_types", "indexes", "sorted_by"),
    [
        (None, {BY_NUMBER}, []),
        (["game.disputed"], {BY_NUMBER, BY_TYPE}, [["domain_events.sequence_number"]]),
        (["game.created", "game.abandoned"], {BY_NUMBER, BY_TYPE}, [["domain_events.sequence_number"]]),
        (["nothing.of.the.kind"], {BY_NUMBER, BY_TYPE}, [["domain_events.sequence_number"]]),
    ],
)
def test_a_follower_goes_by_its_index(
    watched: Watched, event_types: list[str] | None, indexes: set[str], sorted_by: list[list[str]]
) -> None:
    """Where several types come together, what was found is sorted; one type after the other it is in order already."""
    store = PostgresEventStore(watched)
    subscription = Subscription(store, f"follower {uuid4()}", lambda event, connection: None, event_types)
    with store.connection() as connection:
        connection.execute(OF_OTHERS + " ON CONFLICT DO NOTHING")
        connection.execute("ANALYZE event_subscriptions")
    if event_types is None:
        subscription.reset(store.high_water_mark() - 10_000)
    watched.plans.clear()
    subscription.catch_up()
    used = set().union(*(plan.indexes() for plan in watched.plans))
    assert used == indexes | {"event_subscriptions_pkey"}, watched.plans
    for plan in watched.plans:
        assert plan.scans_of("domain_events") == plan.scans_of("event_subscriptions") == [], plan
        assert plan.sorts_of("domain_events") in ([], sorted_by), plan
