"""The rake: what the record lets us know, and nothing invented."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written_hands import parsed, phh, simulated

from eventstore import PostgresEventStore
from poker import GameState, HandRecord, apply, hand_events, import_hands
from poker.frames import players, pot_statistics, pots

# The raise to 6 is 4 more than anybody matched: the pot is 5.
FOLDED = {"stacks": [100, 100, 100], "actions": "p3 cbr 6, p1 f, p2 f"}
# All three see the river for 10 each, and nobody knows who won.
HIDDEN = {
    "stacks": [100, 100, 100],
    "actions": "p3 cbr 10, p1 cc, p2 cc, d db AcKd7h, p1 cc, p2 cc, p3 cc, d db 4s, p1 cc, p2 cc, p3 cc, d db 2c,"
    "p1 cc, p2 cc, p3 cc, p1 sm ????, p2 sm ????, p3 sm ????",
}


def completed(hand: dict[str, Any], **fields: Any) -> dict[str, Any]:
    events = hand_events(HandRecord("room/s.phhs", "1", parsed(hand["stacks"], hand["actions"], **fields), 0))
    state = reduce(apply, events, GameState())
    assert state.result is not None
    data = events[-1].event_data
    assert state.result.rake == data["rake"]
    if data["payoffs"] is not None:
        assert sum(map(int, filter(None, state.stacks))) + (data["rake"] or 0) == sum(state.starting_stacks)
    return data


@pytest.mark.parametrize(
    ("fields", "rake", "payoffs"),
    [
        ({}, None, [-1, -2, 3]),
        ({"winnings": [0, 0, 4]}, 1, [-1, -2, 2]),
        ({"winnings": [0, 0, 5]}, 0, [-1, -2, 3]),
        ({"finishing_stacks": [99, 98, 102]}, 1, [-1, -2, 2]),
        ({"finishing_stacks": [99, 98, 103]}, 0, [-1, -2, 3]),
        ({"winnings": [0, 0, 4], "finishing_stacks": [99, 98, 102]}, 1, [-1, -2, 2]),
        # Zeros say that a converter knew nothing; more than the pot, that a post is missing.
        ({"winnings": [0, 0, 0]}, None, [-1, -2, 3]),
        ({"winnings": [0, 0, 6]}, None, [-1, -2, 3]),
        ({"winnings": [0, 0, 11]}, None, [-1, -2, 3]),
        # Who folded takes nothing. Two ways of telling must agree.
        ({"winnings": [0, 4, 0]}, None, [-1, -2, 3]),
        ({"winnings": [0, 1, 4]}, None, [-1, -2, 3]),
        ({"winnings": [0, -1, 5]}, None, [-1, -2, 3]),
        ({"winnings": [0, 0, 4], "finishing_stacks": [99, 98, 103]}, None, [-1, -2, 3]),
        ({"winnings": [0, 0, 6], "finishing_stacks": [99, 98, 102]}, None, [-1, -2, 3]),
        ({"finishing_stacks": [99, 98, 97]}, None, [-1, -2, 3]),
        ({"finishing_stacks": [99, 98, 110]}, None, [-1, -2, 3]),
        ({"finishing_stacks": [99, 99, 101]}, None, [-1, -2, 3]),
        # What is no list of amounts tells nothing, and keeps no hand out.
        ({"winnings": [0, 4]}, None, [-1, -2, 3]),
        ({"winnings": "[0, 0, inf]"}, None, [-1, -2, 3]),
        ({"winnings": "[0, 0, nan]"}, None, [-1, -2, 3]),
        ({"winnings": "'4'"}, None, [-1, -2, 3]),
        ({"winnings": "[0, 0, true]"}, None, [-1, -2, 3]),
        ({"winnings": "[0, 0, 4.001]"}, None, [-1, -2, 3]),
        ({"finishing_stacks": "[99, 98, inf]"}, None, [-1, -2, 3]),
    ],
)
def test_the_rake_is_what_is_missing(fields: dict[str, Any], rake: int | None, payoffs: list[int]) -> None:
    data = completed(FOLDED, **fields)
    assert (data["pot"], data["rake"], data["payoffs"], data["winners"]) == (5, rake, payoffs, [3])


def test_unknown_stacks_tell_no_rake() -> None:
    data = hand_events(
        HandRecord("s.phhs", "1", parsed(["inf", 100, 100], "p3 cbr 6, p1 f, p2 f", finishing_stacks=[99, 98, 102]), 0)
    )[-1].event_data
    assert (data["rake"], data["payoffs"]) == (None, [-1, -2, 3])


def test_cents_of_rake_are_counted_in_hundredths() -> None:
    data = completed(FOLDED, winnings=[0, 0, 4.75])
    assert (data["pot"], data["rake"], data["payoffs"]) == (500, 25, [-100, -200, 275])


def test_the_record_tells_who_won_where_the_cards_do_not() -> None:
    assert (completed(HIDDEN)["winners"], completed(HIDDEN)["payoffs"]) == (None, None)
    data = completed(HIDDEN, winnings=[0, 28, 0])
    assert (data["rake"], data["winners"], data["payoffs"]) == (2, [2], [-10, 18, -10])
    data = completed(HIDDEN, finishing_stacks=[104, 90, 104])
    assert (data["rake"], data["winners"], data["payoffs"]) == (2, [1, 3], [4, -10, 4])


def test_half_chips_of_a_program_split_no_chip() -> None:
    dealt = "d dh p1 8c3d, d dh p2 AsKs, d dh p3 AhKh, "
    split = {"stacks": [101, 101, 101], "actions": dealt + HIDDEN["actions"].replace("cbr 10", "cbr 11")}
    split["actions"] = split["actions"].replace("p1 sm ????, p2 sm ????, p3 sm ????", "p1 sm, p2 sm AsKs, p3 sm AhKh")
    data = completed(split, finishing_stacks=[90, 106.5, 106.5])
    assert (data["pot"], data["rake"], data["payoffs"]) == (33, 0, [-11, 6, 5])
    # With a rake they are cents, and no chip has to be split.
    data = completed(split, finishing_stacks=[90, 105.5, 105.5])
    assert (data["pot"], data["rake"], data["payoffs"]) == (3300, 200, [-1100, 450, 450])


def test_a_record_against_the_cards_tells_no_rake() -> None:
    dealt = "d dh p1 8c3d, d dh p2 AsKs, d dh p3 QhJh, "
    actions = HIDDEN["actions"].replace("p1 sm ????, p2 sm ????, p3 sm ????", "p1 sm, p2 sm AsKs, p3 sm QhJh")
    hand = {"stacks": [100] * 3, "actions": dealt + actions}
    assert completed(hand, winnings=[0, 29, 0])["rake"] == 1
    data = completed(hand, winnings=[0, 0, 29])
    assert (data["rake"], data["winners"], data["payoffs"]) == (None, [2], [-10, 20, -10])


@pytest.mark.parametrize("way", ["winnings", "finishing_stacks"])
def test_what_went_in_is_what_came_out_and_the_rake(way: str, request: pytest.FixtureRequest) -> None:
    @settings(
        max_examples=500 if request.config.getoption("--long") else 25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**32), st.sampled_from(["NT", "PO", "FO/8", "F7S"]), st.data())
    def law(seed: int, variant: str, draw: st.DataObject) -> None:
        raw, _ = simulated(seed, variant)
        plain = hand_events(HandRecord("s.phhs", "1", raw, 0))[-1].event_data
        # The house takes cents from those who won something.
        net = [Decimal(chips) for chips in plain["payoffs"]]
        taken = {seat: draw.draw(st.integers(0, won * 100)) for seat, won in enumerate(plain["payoffs"]) if won > 0}
        for seat, cents in taken.items():
            net[seat] -= Decimal(cents) / 100
        put_in = contributed(raw)
        if way == "winnings":
            told = [chips + won for chips, won in zip(put_in, net, strict=True)]
        else:
            told = [stack + won for stack, won in zip(raw["starting_stacks"], net, strict=True)]
        events = hand_events(HandRecord("s.phhs", "1", raw | {way: told}, 0))
        end, unit = events[-1].event_data, events[0].event_data["chip_unit"]
        assert Decimal(end["pot"]) / unit == plain["pot"] == sum(put_in)
        assert Decimal(end["rake"]) / unit == Decimal(sum(taken.values())) / 100
        assert [Decimal(chips) / unit for chips in end["payoffs"]] == net
        assert end["winners"] == plain["winners"]
        assert reduce(apply, events, GameState()).result.rake == end["rake"]  # type: ignore[union-attr]

    law()


def contributed(raw: dict[str, Any]) -> list[int]:
    """What each seat put in, the uncalled bet taken back: counted from the events, with that one rule."""
    events = hand_events(HandRecord("s.phhs", "1", raw, 0))
    created, end = events[0].event_data, events[-1].event_data
    put_in = [ante + blind for ante, blind in zip(created["antes"], created["blinds"], strict=True)]
    for event in events:
        if event.event_type == "game.action_processed":
            put_in[event.event_data["seat"] - 1] += event.event_data["amount"]
    voluntary = [chips - ante for chips, ante in zip(put_in, created["antes"], strict=True)]
    put_in[voluntary.index(max(voluntary))] -= end["uncalled"]
    return put_in


def test_statistics_and_frames_show_the_rake_where_it_is_known(store: PostgresEventStore, tmp_path: Path) -> None:
    lines = [phh(**FOLDED, currency="'USD'"), phh(**FOLDED, currency="'USD'", winnings=[0, 0, 4])]
    lines += [phh(**FOLDED, currency="'USD'", winnings=[0, 0, 5], hand=3)]
    (tmp_path / "s.phhs").write_text("".join(f"[{at}]\n{hand}\n" for at, hand in enumerate(lines)), encoding="utf-8")
    assert import_hands(store, tmp_path).added == 3
    [whole] = pot_statistics(store, "all").itertuples()
    assert (whole.hands, whole.raked_hands, whole.rake, whole.pot_sum) == (3, 2, 1, 15)
    frame = pots(store)
    assert frame["rake"].dtype == "Int64"
    assert frame["rake"].fillna(-1).tolist() == [-1, 1, 0]
    assert int(players(store)["net"].sum()) == -1
