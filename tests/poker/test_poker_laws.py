"""Laws that hold for every hand, tried on simulated ones: chips only move, and the result is that of the rules."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from written_hands import parsed, simulated

from eventstore import DomainEvent, InMemoryEventStore
from poker import GameState, HandRecord, Result, apply, hand_events

seeds = st.integers(min_value=0, max_value=2**32)


def record(raw: dict) -> HandRecord:
    return HandRecord("simulated.phhs", "1", raw, 0)


@settings(max_examples=200, deadline=None)
@given(seeds)
@example(1404)  # heads-up, and one stack is shorter than the ante
@example(165542)  # a split of the main pot and of two side pots
def test_payoffs_are_those_of_the_rules(seed: int) -> None:
    raw, payoffs = simulated(seed)
    completed = hand_events(record(raw))[-1].event_data
    assert completed["payoffs"] == payoffs
    assert sum(payoffs) == 0
    assert {seat for seat, won in enumerate(payoffs, start=1) if won > 0} <= set(completed["winners"])
    assert completed["pot"] >= sum(won for won in payoffs if won > 0)


@settings(max_examples=200, deadline=None)
@given(seeds)
@example(1404)  # heads-up, and one stack is shorter than the ante
@example(165542)  # a split of the main pot and of two side pots
def test_chips_only_move(seed: int) -> None:
    raw, payoffs = simulated(seed)
    events = hand_events(record(raw))
    state, total = GameState(), sum(raw["starting_stacks"])
    for event in events:
        before, state = state, apply(state, event)
        assert sum(state.stacks) + state.pot == total
        assert min(state.stacks) >= 0
        if event.event_type == "game.action_processed":
            assert state.pot == event.event_data["pot"]
    assert before.pot == state.result.pot + state.result.uncalled
    assert state.status == "completed"
    assert list(state.stacks) == [stack + won for stack, won in zip(raw["starting_stacks"], payoffs, strict=True)]
    assert state.result.showdown == (state.folded.count(False) > 1)


@settings(max_examples=50, deadline=None)
@given(seeds)
def test_the_same_hand_gives_the_same_events_and_a_store_takes_them(seed: int) -> None:
    raw, _ = simulated(seed)
    events = hand_events(record(raw))
    assert events == hand_events(record(simulated(seed)[0]))
    assert [event.version for event in events] == list(range(1, len(events) + 1))
    store = InMemoryEventStore()
    store.append_many(events)
    stored = store.get_by_aggregate(events[0].aggregate_id)
    assert reduce(apply, stored, GameState()) == reduce(apply, events, GameState())


def test_the_simulation_reaches_the_hard_cases() -> None:
    hands = [hand_events(record(simulated(seed)[0])) for seed in range(300)]
    results = [events[-1].event_data for events in hands]
    assert sum(result["showdown"] and len(result["winners"]) > 1 for result in results) > 10
    assert sum(result["uncalled"] > 0 for result in results) > 10
    assert sum(not result["showdown"] for result in results) > 10
    actions = {event.event_data["action"] for events in hands for event in events[1:-1]}
    assert actions == {"fold", "check", "call", "bet", "raise"}


def test_the_state_step_by_step() -> None:
    raw = parsed([50, 50, 50], "p3 cbr 6, p1 f, p2 cc, d db AcKd7h, p2 cc, p3 cbr 9, p2 f", antes=[1, 1, 1])
    steps, state = [], GameState()
    for event in hand_events(record(raw)):
        state = apply(state, event)
        steps.append((state.street, state.bets, state.stacks, state.pot, state.folded.count(True)))
    assert steps == [
        ("preflop", (1, 2, 0), (48, 47, 49), 6, 0),
        ("preflop", (1, 2, 6), (48, 47, 43), 12, 0),
        ("preflop", (1, 2, 6), (48, 47, 43), 12, 1),
        ("preflop", (1, 6, 6), (48, 43, 43), 16, 1),
        ("flop", (0, 0, 0), (48, 43, 43), 16, 1),
        ("flop", (0, 0, 9), (48, 43, 34), 25, 1),
        ("flop", (0, 0, 9), (48, 43, 34), 25, 2),
        ("flop", (0, 0, 0), (48, 43, 59), 0, 2),
    ]
    assert (state.status, state.names, state.folded) == ("completed", ("north", "east", "south"), (True, True, False))
    assert state.result == Result(pot=16, uncalled=9, showdown=False, winners=(3,), payoffs=(-2, -7, 9))


def test_unknown_stacks_stay_unknown_and_unknown_winners_leave_the_pot_in_the_middle() -> None:
    raw = parsed(
        ["inf", 50, 50],
        "p3 cbr 6, p1 f, p2 cc, d db AcKd7h, p2 cc, p3 cc, d db 4s, p2 cc, p3 cc, d db 2c, p2 cbr 9, p3 cc,"
        "p2 sm ????, p3 sm ????",
    )
    state = reduce(apply, hand_events(record(raw)), GameState())
    assert (state.stacks, state.pot, state.result.winners) == ((None, 35, 35), 31, None)


def test_an_uncalled_bet_comes_back_where_the_winner_is_unknown() -> None:
    raw = parsed(
        [10, 50, 90],
        "p3 cbr 90, p1 cc, p2 cc, p3 sm ????, p1 sm ????, p2 sm ????, d db AcKd7h, p3 sm ????, p1 sm ????, p2 sm ????,"
        "d db 4s, p3 sm ????, p1 sm ????, p2 sm ????, d db 2c, p3 sm ????, p1 sm ????, p2 sm ????",
    )
    state = reduce(apply, hand_events(record(raw)), GameState())
    assert (state.stacks, state.pot) == ((0, 0, 40), 110)


def test_an_event_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match=r"book\.lent is no event of a hand"):
        apply(GameState(), DomainEvent(event_type="book.lent", aggregate_id="b", version=1, event_data={}))
