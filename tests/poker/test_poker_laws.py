"""Laws that hold for every hand, tried on simulated ones: the result is that of the rules, and nothing is mended."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pokerkit import ChipsPushing, State
from written_hands import DRAW_GAMES, EXAMPLES, example, simulated, simulated_state

from eventstore import DomainEvent, InMemoryEventStore
from poker import HandRecord, HandRefused, hand_events

Law = Callable[[Callable[..., None]], None]
seeds = st.integers(min_value=0, max_value=2**32)
DECISIONS = ("f", "cc", "cbr", "pb")


@pytest.fixture
def check(request: pytest.FixtureRequest) -> Callable[[int, Callable[..., None]], None]:
    """`check(20, law)` tries a law 20 times, and ten times as often under `--long`."""

    def check(examples: int, law: Callable[..., None]) -> None:
        count = examples * (10 if request.config.getoption("--long") else 1)
        settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))(law)()

    return check


def told(raw: dict[str, Any]) -> list[DomainEvent]:
    return hand_events(HandRecord("simulated.phhs", "1", raw, 0))


def told_or_refused(raw: dict[str, Any]) -> list[DomainEvent] | str:
    """The events, or the reason."""
    try:
        return told(raw)
    except HandRefused as error:
        return str(error)


def collected(state: State) -> set[int]:
    """The seats (from 1) to which pokerkit pushed chips."""
    pushed = [operation.amounts for operation in state.operations if isinstance(operation, ChipsPushing)]
    return {seat for amounts in pushed for seat, chips in enumerate(amounts, start=1) if chips}


def low_without_a_low_hand(raw: dict[str, Any], state: State) -> bool:
    """Whether pokerkit gave half of a side pot for low to players without a low hand.

    It does so where somebody who has no part in that pot holds a low hand. By the rules the pot goes whole to the high
    hand.
    """
    shown = {action.split()[0]: action.split()[2] for action in raw["actions"] if " sm " in action}
    board = "".join(action.split()[2] for action in raw["actions"] if action.startswith("d db"))
    return any(
        state.hand_types[1].from_game_or_none(shown[f"p{seat}"], board) is None
        for operation in state.operations
        if isinstance(operation, ChipsPushing) and operation.hand_type_index == 1
        for seat, chips in enumerate(operation.amounts, start=1)
        if chips
    )


@pytest.mark.parametrize("variant", EXAMPLES)
def test_payoffs_and_winners_are_those_of_the_rules(variant: str, check: Callable[..., None]) -> None:
    @given(seeds)
    def law(seed: int) -> None:
        raw, state = simulated_state(seed, variant)
        completed = told(raw)[-1].event_data
        assert sum(completed["payoffs"]) == 0
        assert {seat for seat, won in enumerate(completed["payoffs"], start=1) if won > 0} <= set(completed["winners"])
        if "/8" not in variant or not low_without_a_low_hand(raw, state):
            assert completed["payoffs"] == list(state.payoffs)
            assert not completed["showdown"] or set(completed["winners"]) == collected(state)

    check(15, law)


def test_the_simulation_reaches_the_hard_cases() -> None:
    seen: dict[str, Counter[str]] = {}
    for variant in EXAMPLES:
        found = seen[variant] = Counter()
        for seed in range(40):
            raw, state = simulated_state(seed, variant)
            events = told(raw)
            result = events[-1].event_data
            pushes = [operation for operation in state.operations if isinstance(operation, ChipsPushing)]
            dealt = "".join(action.split()[-1] for action in raw["actions"] if action.startswith("d"))
            found["split pot"] += result["showdown"] and len(result["winners"]) > 1
            found["side pot"] += len({push.pot_index for push in pushes}) > 1
            found["low"] += any(push.hand_type_index == 1 for push in pushes)
            found["uncalled"] += result["uncalled"] > 0
            found["folded"] += not result["showdown"]
            found["players"] = max(found["players"], len(raw["starting_stacks"]))
            found.update(event.event_data.get("action", event.event_type) for event in events)
            cards = [dealt[at : at + 2] for at in range(0, len(dealt), 2)]
            found["dealt again"] += len(cards) > len(set(cards))
    for variant, found in seen.items():
        for case in ("split pot", "side pot", "uncalled", "folded", "bet", "raise", "check", "call", "fold"):
            assert found[case], (variant, case)
        assert found["players"] >= 5
        assert bool(found["low"]) == ("/8" in variant)
        assert bool(found["bring_in"]) == (variant in ("F7S", "F7S/8", "FR"))
        assert bool(found["game.cards_discarded"]) == (variant in DRAW_GAMES)
        assert bool(found["game.board_dealt"]) == (variant in ("NT", "FT", "NS", "PO", "FO/8"))
    assert any(found["dealt again"] for found in seen.values())


def test_the_same_hand_gives_the_same_events_and_a_store_takes_them(check: Callable[..., None]) -> None:
    @given(seeds, st.sampled_from(list(EXAMPLES)))
    def law(seed: int, variant: str) -> None:
        events = told(simulated(seed, variant)[0])
        assert events == told(simulated(seed, variant)[0])
        assert [event.version for event in events] == list(range(1, len(events) + 1))
        store = InMemoryEventStore()
        store.append_many(events)
        assert [event.event_data for event in store.get_by_aggregate(events[0].aggregate_id)] == [
            event.event_data for event in events
        ]

    check(20, law)


def change_actions(actions: list[str], data: st.DataObject) -> None:
    place = st.integers(0, len(actions) - 1)
    one, other = data.draw(place), data.draw(place)
    match data.draw(st.sampled_from(["drop", "swap", "double", "move", "seat", "card", "foreign", "cut", "join"])):
        case "drop":
            del actions[one]
        case "swap":
            actions[one], actions[other] = actions[other], actions[one]
        case "double":
            actions.insert(one, actions[one])
        case "move":
            actions.insert(other, actions.pop(one))
        case "seat":
            other_seats = ["p0", "p2", "p+1", "p01", "p99", "p"]
            actions[one] = actions[one].replace("p1", data.draw(st.sampled_from(other_seats)))
        case "card":
            actions[one] = actions[one].replace("s", data.draw(st.sampled_from(["c", "?", "x", "ss", ""])))
        case "foreign":
            foreign = ["d db 4s", "d dh p1 4s", "p1 sd", "p1 pb", "p1 sm", "p1 sm ????", "p1 cbr 840", "", "#", "d"]
            actions.insert(one, data.draw(st.sampled_from(foreign)))
        case "cut":
            del actions[one:]
        case "join":
            actions[one] += " " + actions[other]


def test_a_changed_hand_is_refused_or_told_as_it_was_written(check: Callable[..., None]) -> None:
    @given(st.sampled_from(list(EXAMPLES)), st.none() | seeds, st.data())
    def law(variant: str, seed: int | None, data: st.DataObject) -> None:
        raw = example(variant) if seed is None else simulated(seed, variant)[0]
        change_actions(raw["actions"], data)
        written = [action.partition("#")[0].split() for action in raw["actions"]]
        events = told_or_refused(raw)
        if isinstance(events, str):
            assert events
            return
        decisions = [event.event_data for event in events if event.event_type == "game.action_processed"]
        # No action was added, and none left out.
        assert [f"p{decision['seat']}" for decision in decisions] == [
            words[0] for words in written if words[1:] and words[1] in DECISIONS
        ]
        assert sum(event.event_type == "game.cards_discarded" for event in events) == sum(
            words[1:2] == ["sd"] for words in written
        )
        assert Counter(
            (f"p{hand['seat']}", card)
            for event in events
            if event.event_type == "game.hole_cards_dealt"
            for hand in event.event_data["hands"]
            for card in hand["down"] + hand["up"]
        ) == Counter(
            (words[2], words[3][at : at + 2])
            for words in written
            if words[:2] == ["d", "dh"]
            for at in range(0, len(words[3]), 2)
        )
        assert events[-1].event_data["rake"] is None
        payoffs = events[-1].event_data["payoffs"]
        assert payoffs is None or sum(payoffs) == 0

    check(150, law)


ODD_LISTS = [[], [[]], [0], ["a", "b", "c"], [0, -1, 0], [Decimal("NaN")] * 3, [10**15] * 3, [True] * 3, [1] * 2000]
ODD_DECIMALS = ["0.005", "NaN", "sNaN", "Infinity", "1e400", "9e999999999", "1e-9999", "1e-999999999"]
ODD_NUMBERS = [-1, 0, 1, 10**15 + 1, 10**400, *map(Decimal, ODD_DECIMALS)]
ODD_VALUES = [None, True, "", "x", "\0", "ET", {}, {"a": {"b": [1]}}, date(2020, 1, 1), *ODD_LISTS, *ODD_NUMBERS]
WHERE_AND_WHEN = ["year", "month", "day", "time", "time_zone", "time_zone_abbreviation", "city", "venue", "event"]
OTHERS = [
    "winnings",
    "finishing_stacks",
    "players",
    "table",
    "hand",
    "currency",
    "currency_symbol",
    "bring_in",
    "blinds_or_straddles",
]


def test_a_field_with_an_odd_value_never_trips_the_reader(check: Callable[..., None]) -> None:
    @given(st.sampled_from(list(EXAMPLES)), st.data())
    def law(variant: str, data: st.DataObject) -> None:
        raw = example(variant)
        field = data.draw(st.sampled_from([*raw, *WHERE_AND_WHEN, *OTHERS]))
        value = data.draw(st.sampled_from([*ODD_VALUES, *EXAMPLES]))
        raw[field] = [*raw["actions"], value] if field == "actions" and data.draw(st.booleans()) else value
        if data.draw(st.booleans()):
            raw.pop(data.draw(st.sampled_from(list(raw))))
        before = copy.deepcopy(raw)
        assert told_or_refused(raw)
        assert str(raw) == str(before)

    check(150, law)
