"""Recorded hands, where there are some: the figures that were counted elsewhere, and no crash on any hand."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from functools import reduce
from pathlib import Path

import pytest

from eventstore import DomainEvent, PostgresEventStore
from poker import GameState, HandRecord, HandRefused, apply, hand_events, import_hands, pots, read_hands

Hands = list[tuple[HandRecord, list[DomainEvent] | str]]


@pytest.fixture(scope="session")
def hands(real_hands: Path) -> Hands:
    """Every record with its events, or with the reason why it was refused."""
    found: Hands = []
    for item in read_hands(real_hands):
        assert isinstance(item, HandRecord), item
        try:
            found.append((item, hand_events(item)))
        except HandRefused as error:
            found.append((item, str(error)))
    return found


def test_the_ten_thousand_hands_of_pluribus(real_hands: Path, store: PostgresEventStore) -> None:
    summary = import_hands(store, real_hands / "pluribus")
    assert (summary.seen, summary.added, summary.refused, summary.events_added) == (10_000, 10_000, [], 136_698)
    again = import_hands(store, real_hands)
    assert again.already_there == 10_000
    frame = pots(store)
    pluribus = frame[~frame["source"].str.contains("/")]
    assert (len(pluribus), pluribus["pot"].sum(), pluribus["pot"].median()) == (10_000, 13_307_972, 500)
    assert (pluribus["pot"].min(), pluribus["pot"].max()) == (100, 30_200)
    assert (pluribus["uncalled"] > 0).sum() == 8_327
    assert pluribus["showdown"].sum() == 1_673
    assert dict(Counter(pluribus["street"])) == {"preflop": 4_662, "flop": 1_484, "turn": 1_106, "river": 2_748}
    assert sum(len(winners) > 1 for winners in pluribus["winners"]) == 85


def test_the_events_of_pluribus_by_type(hands: Hands) -> None:
    told = [events for record, events in hands if record.file.startswith("pluribus/") and not isinstance(events, str)]
    assert Counter(event.event_type for events in told for event in events) == {
        "game.created": 10_000,
        "game.hole_cards_dealt": 10_000,
        "game.action_processed": 91_356,
        "game.board_dealt": 11_940,
        "game.hand_shown": 2_532,
        "game.hand_mucked": 870,
        "game.hand_completed": 10_000,
    }


@pytest.mark.parametrize(
    ("folder", "count", "pot", "uncalled", "showdowns", "split"),
    [("wsop/", 83, 173_035_000, 47, 36, 10), ("famous/", 5, 5_599_483, 2, 5, 0)],
)
def test_the_pots_of_the_mixed_games(
    hands: Hands, folder: str, count: int, pot: int, uncalled: int, showdowns: int, split: int
) -> None:
    results = [
        (events[-1].event_data, events[0].event_data["chip_unit"])
        for record, events in hands
        if record.file.startswith(folder) and not isinstance(events, str)
    ]
    assert len(results) == count
    assert sum(result["pot"] // unit for result, unit in results) == pot
    assert sum(result["uncalled"] > 0 for result, _ in results) == uncalled
    assert sum(result["showdown"] for result, _ in results) == showdowns
    assert sum(result["showdown"] and len(result["winners"]) > 1 for result, _ in results) == split


def test_only_what_cannot_be_told_is_refused(hands: Hands) -> None:
    assert len(hands) == 10_388
    refused = [(record, reason) for record, reason in hands if isinstance(reason, str)]
    # The two hands that stop early have unknown stacks: who went all-in cannot be seen.
    assert [reason.partition(":")[0] for _, reason in refused] == ["stops early"] * 2
    assert all(Decimal("inf") in record.raw["starting_stacks"] for record, _ in refused)


def test_no_decision_is_added_or_left_out(hands: Hands) -> None:
    for record, events in hands:
        if not isinstance(events, str):
            made = [f"p{event.event_data['seat']}" for event in events if event.event_type == "game.action_processed"]
            words = [action.split() for action in record.raw["actions"]]
            assert made == [each[0] for each in words if each[1] in ("f", "cc", "cbr", "pb")], record


def test_payoffs_are_those_in_the_record(hands: Hands) -> None:
    compared = half_chips = 0
    for record, result in hands:
        if isinstance(result, str) or "finishing_stacks" not in record.raw:
            continue
        before, after = record.raw["starting_stacks"], record.raw["finishing_stacks"]
        recorded = [end - start for start, end in zip(before, after, strict=True)]
        counted = result[-1].event_data["payoffs"]
        if any(chips % 1 for chips in recorded):
            # The record splits a chip in halves; a chip cannot be split.
            half_chips += 1
            assert all(abs(a - b) <= Decimal("0.5") for a, b in zip(recorded, counted, strict=True))
        else:
            assert recorded == counted, record
        compared += 1
    assert (compared, half_chips) == (10_083, 8)


def test_winnings_in_the_record_are_the_pot_less_a_small_rake(hands: Hands) -> None:
    compared, rakes = 0, list[Decimal]()
    for record, result in hands:
        winnings = record.raw.get("winnings", [])
        if isinstance(result, str) or not any(winnings):
            continue
        data, unit = result[-1].event_data, result[0].event_data["chip_unit"]
        assert data["rake"] == data["pot"] - sum(winnings) * unit, record
        assert 0 <= data["rake"] <= 3 * unit, record
        assert sum(data["payoffs"]) == -data["rake"]
        rakes.append(Decimal(data["rake"]) / unit)
        assert data["winners"] == [seat for seat, won in enumerate(winnings, start=1) if won]
        compared += 1
    # Counted from the files by a program of its own, which shares no line with this one.
    assert (compared, sum(rakes), sum(rake > 0 for rake in rakes)) == (26, Decimal("39.75"), 15)


def test_the_rake_is_told_where_the_record_tells_it(hands: Hands) -> None:
    known = Counter[str]()
    for record, result in hands:
        if not isinstance(result, str) and result[-1].event_data["rake"] is not None:
            known[record.file.partition("/")[0]] += 1
            assert result[-1].event_data["rake"] == 0 or any(record.raw.get("winnings", [])), record
    assert known == {"pluribus": 10_000, "wsop": 83, "handhq": 26}


def test_winners_are_unknown_only_where_nobody_showed(hands: Hands) -> None:
    unknown = 0
    for record, result in hands:
        if not isinstance(result, str) and result[-1].event_data["winners"] is None:
            shows = [action.split()[2:] for action in record.raw["actions"] if " sm" in action]
            assert all(cards == ["????"] for cards in shows), record
            unknown += 1
    assert unknown == 12


def test_chips_only_move(hands: Hands) -> None:
    for record, result in hands:
        if isinstance(result, str):
            continue
        total = sum(record.raw["starting_stacks"]) * result[0].event_data["chip_unit"]
        state = GameState()
        for event in result:
            state = apply(state, event)
            if total.is_finite() if isinstance(total, Decimal) else True:
                kept = (state.result.rake or 0) if state.result else 0
                assert sum(state.stacks) + state.pot + kept == total, record
        if state.result.payoffs is not None:
            assert sum(state.result.payoffs) == -(state.result.rake or 0)
        assert reduce(apply, result, GameState()) == state


def test_all_ids_are_different(hands: Hands) -> None:
    ids = [event.id for _, result in hands if not isinstance(result, str) for event in result]
    assert len(ids) == len(set(ids))
