"""Recovery: after a dealer was killed, the list names the hand it left, and another dealer carries it on."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

import pytest
from event_by_event import carry_on, deal
from waiting import PATIENCE, wait_until
from written_events import WrittenHand

from eventstore import DomainEvent, PostgresEventStore
from poker import GameState, UnfinishedHand, apply, unfinished_hands
from poker.recovery import UNFINISHED_HANDS


def hand(name: str) -> list[DomainEvent]:
    """Eight events."""
    events = (
        WrittenHand([50, 50], blinds=[1, 2])
        .deal("preflop", {1: "AhAd", 2: "KsKd"})
        .act("preflop", (1, "raise", 5), (2, "call", 4))
        .board("flop", "2c3c4c")
        .act("flop", (2, "bet", 10), (1, "fold"))
        .complete([2], [-6, 6], uncalled=10)
        .events
    )
    return [replace(event, aggregate_id=name) for event in events]


def test_a_hand_is_unfinished_from_its_first_event_to_its_last(store: PostgresEventStore) -> None:
    assert unfinished_hands(store) == []
    for event in hand("one")[:-1]:
        stored = store.append(event)
        [unfinished] = unfinished_hands(store)
        assert (unfinished.hand_id, unfinished.version) == ("one", event.version)
        assert unfinished.latest_at == stored.recorded_at
    store.append(hand("one")[-1])
    assert unfinished_hands(store) == []


def test_unfinished_hands_come_in_the_order_in_which_they_were_created(store: PostgresEventStore) -> None:
    for name in ("c", "a", "finished", "b"):
        store.append_many(hand(name)[:4])
    store.append_many(hand("finished")[4:])
    created = {event.aggregate_id: event.recorded_at for event in store.get_by_type("game.created")}
    [latest] = store.append_many(hand("c")[4:5])  # who acted last has nothing to do with the order
    store.append(DomainEvent(event_type="loan.created", aggregate_id="no hand", version=1, event_data={}))
    assert unfinished_hands(store) == [
        UnfinishedHand(hand_id="c", version=5, created_at=created["c"], latest_at=latest.recorded_at),
        UnfinishedHand(hand_id="a", version=4, created_at=created["a"], latest_at=recorded(store, "a")),
        UnfinishedHand(hand_id="b", version=4, created_at=created["b"], latest_at=recorded(store, "b")),
    ]


def recorded(store: PostgresEventStore, name: str) -> datetime | None:
    return store.get_by_aggregate(name)[-1].recorded_at


def test_times_are_in_utc_wherever_the_program_runs(store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGTZ", "Asia/Kolkata")
    store.append(hand("one")[0])
    [unfinished] = unfinished_hands(store)
    assert unfinished.created_at.utcoffset() == unfinished.latest_at.utcoffset() == timedelta(0)


@pytest.fixture
def killed_after(request: pytest.FixtureRequest) -> list[int]:
    return list(range(1, len(hand("one")))) if request.config.getoption("--long") else [1, 5]


def test_a_hand_whose_dealer_was_killed_is_named_and_carried_on(
    store: PostgresEventStore, schema: str, killed_after: list[int]
) -> None:
    spawn = multiprocessing.get_context("spawn")
    store.append_many(hand("finished"))
    for version in killed_after:
        name = f"left at {version}"
        allowed = spawn.Semaphore(version)
        dealer = spawn.Process(target=deal, args=(schema, hand(name), allowed))
        dealer.start()
        try:
            wait_until(lambda: store.get_latest_version(name) == version, f"version {version}")  # noqa: B023
        finally:
            dealer.kill()
            dealer.join(PATIENCE)
        assert [(left.hand_id, left.version) for left in unfinished_hands(store)] == [(name, version)]

        other = spawn.Process(target=carry_on, args=(schema, {name: hand(name)}))
        other.start()
        other.join(PATIENCE)
        assert other.exitcode == 0
        assert unfinished_hands(store) == []
        state = reduce(apply, store.get_by_aggregate(name), GameState())
        assert (state.status, state.version, state.stacks) == ("completed", len(hand(name)), (44, 56))


FILL = """
INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data)
SELECT
    gen_random_uuid(),
    CASE version WHEN 1 THEN 'game.created' WHEN 14 THEN 'game.hand_completed' ELSE 'game.action_processed' END,
    'hand ' || hand,
    version,
    jsonb_build_object('street', 'preflop', 'seat', version % 6 + 1, 'action', 'call', 'amount', hand)
FROM generate_series(1, 2000) AS hand, generate_series(1, 14) AS version
WHERE hand % 500 > 0 OR version < 7
ORDER BY hand, version
"""


def test_the_question_is_answered_by_indexes(store: PostgresEventStore) -> None:
    with store.connection() as connection:
        connection.execute(FILL)
        connection.execute("VACUUM (ANALYZE) domain_events")
        [[[plan]]] = connection.execute("EXPLAIN (FORMAT JSON) " + UNFINISHED_HANDS).fetchall()
    nodes = list(walk(plan["Plan"]))
    assert {node["Index Name"] for node in nodes if "Index Name" in node} == {
        "domain_events_type_idx",
        "domain_events_aggregate_version_key",
    }
    assert "Seq Scan" not in {node["Node Type"] for node in nodes}
    assert [left.hand_id for left in unfinished_hands(store)] == ["hand 500", "hand 1000", "hand 1500", "hand 2000"]


def walk(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(below for child in node.get("Plans", []) for below in walk(child))]
