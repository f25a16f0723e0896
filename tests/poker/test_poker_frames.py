"""Hands as data frames: a row for each completed hand, of whatever game, for each player in it, for each decision."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from written_hands import EXAMPLES, example

from eventstore import PostgresEventStore
from poker import HandRecord, HandRefused, hand_events, pots, read_hands
from poker.frames import decisions, players, pot_statistics, results
from poker.positions import MOST_PLAYERS, POSITIONS, positions

STREETS = {
    "NT": "river",
    "FT": "turn",
    "NS": "river",
    "PO": "river",
    "FO/8": "river",
    "F7S": "seventh",
    "F7S/8": "seventh",
    "FR": "fifth",
    "N2L1D": "draw",
    "F2L3D": "third draw",
    "FB": "third draw",
}


def test_every_game_has_its_streets_and_they_are_in_order(store: PostgresEventStore) -> None:
    for variant in EXAMPLES:
        store.append_many(hand_events(HandRecord("s.phhs", variant, example(variant), 0)))
    frame = pots(store)
    assert dict(zip(frame["variant"], frame["street"], strict=True)) == STREETS
    assert frame["street"].cat.ordered
    order = list(frame["street"].cat.categories)
    for streets in (
        ["preflop", "flop", "turn", "river"],
        ["third", "fourth", "fifth", "sixth", "seventh"],
        ["predraw", "first draw", "second draw", "third draw"],
        ["predraw", "draw"],
    ):
        assert sorted(streets, key=order.index) == streets
    chips = {"NT": 62, "FT": 16, "NS": 163, "PO": 61, "FO/8": 20, "F7S": 19, "F7S/8": 11, "FR": 7}
    chips |= {"N2L1D": 28, "F2L3D": 20, "FB": 12}
    assert dict(zip(frame["variant"], frame["pot_chips"], strict=True)) == chips
    assert dict(zip(frame["variant"], frame["pot_bb"], strict=True)) == {
        variant: pot / 2 for variant, pot in chips.items()
    }


def test_hands_told_in_the_first_version_of_the_events_still_have_a_street(store: PostgresEventStore) -> None:
    kinds = ("game.created", "game.action_processed", "game.hand_completed")
    actions = example("NT")["actions"]
    flop = [*actions[: actions.index("p1 cbr 5") + 1], "p2 f"]
    for section, raw in (("all-in", example("NS")), ("flop", example("NT", actions=flop))):
        told = [event for event in hand_events(HandRecord("s.phhs", section, raw, 0)) if event.event_type in kinds]
        told[-1] = replace(
            told[-1], event_data={key: value for key, value in told[-1].event_data.items() if key != "street"}
        )
        store.append_many([replace(event, version=version) for version, event in enumerate(told, start=1)])
    assert list(pots(store)["street"]) == ["river", "flop"]


UTC = "datetime64[us, UTC]"
POTS = {
    "hand_id": "string",
    "source": "string",
    "variant": "category",
    "table": "category",
    "played_at": UTC,
    "time_source": "category",
    "players": "int64",
    "big_blind": "int64",
    "street": "category",
    "showdown": "bool",
    "pot": "int64",
    "uncalled": "int64",
    "chip_unit": "int64",
    "currency": "category",
    "pot_chips": "float64",
    "pot_bb": "float64",
    "winners": "object",
    "rake": "Int64",
}
KIND_OF_CHIPS = {"collection": "category", "currency": "category", "chip_unit": "int64"}
PLAYERS = {
    **{"player": "string"} | KIND_OF_CHIPS,
    **{"hands": "int64", "won": "int64", "settled": "int64", "net": "Int64", "biggest_pot": "Int64"},
    **{"net_bb": "float64"},
}
RESULTS = {
    **{"hand_id": "string", "played_at": UTC, "time_source": "category", "player": "category"},
    **{"seat": "int64", "position": "category", "players": "int64", "big_blind": "int64"},
    **{"net": "Int64", "net_bb": "float64", "won": "boolean"} | KIND_OF_CHIPS,
}
DECISIONS = {
    **{"hand_id": "string", "sequence_number": "int64", "player": "category", "seat": "int64"},
    **{"position": "category", "street": "category", "action": "category"},
    **{"amount": "int64", "pot": "int64", "players": "int64"},
}
FIGURES = ("pot_sum", "pot_mean", "pot_median", "pot_p90", "pot_p99", "pot_largest", "pot_median_bb")
POT_STATISTICS = {
    **{"grouped_by": "category"} | KIND_OF_CHIPS,
    **{"variant": "category", "big_blind": "float64", "table": "category", "day": UTC, "street": "category"},
    **{"showdown": "boolean", "hands": "int64"} | dict.fromkeys(FIGURES, "float64"),
    **{"raked_hands": "int64", "rake": "float64"},
}
FRAMES = [
    (pots, POTS),
    (players, PLAYERS),
    (results, RESULTS),
    (decisions, DECISIONS),
    (pot_statistics, POT_STATISTICS),
]


def write(store: PostgresEventStore, *hands: dict[str, Any], file: str = "folder/s.phhs") -> None:
    for section, raw in enumerate(hands):
        store.append_many(hand_events(HandRecord(file, str(section), raw, 0)))


def unknown(raw: dict[str, Any], section: str, **told: Any) -> list[Any]:
    """A hand of which the record does not tell who won what."""
    *events, end = hand_events(HandRecord("folder/s.phhs", section, raw, 0))
    return [*events, replace(end, event_data=end.event_data | {"winners": None, "payoffs": None} | told)]


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize(("frame", "dtypes"), FRAMES, ids=[frame.__name__ for frame, _ in FRAMES])
def test_columns_and_their_types_are_the_same_with_hands_and_without(
    store: PostgresEventStore, frame: Any, dtypes: dict[str, str], full: bool
) -> None:
    if full:
        write(store, example("NT"), example("F7S", currency="USD"))
        store.append_many(unknown(example("NT", players=["", "", "x"]), "unknown"))
    found = frame(store)
    assert found.empty is not full
    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == dtypes
    assert list(found.columns) == list(dtypes)
    for name in ("street", "position", "grouped_by"):
        assert name not in found or found[name].cat.ordered


def test_what_is_unknown_is_missing(store: PostgresEventStore) -> None:
    raw = example("NT", players=["", "b", "c"])
    write(store, raw)
    store.append_many(unknown(raw, "unknown"))
    frame = pots(store)
    assert list(frame["winners"]) == [[1], None]
    assert list(frame["currency"].isna()) == [True, True]

    found = results(store)
    assert list(found["hand_id"]) == [hand for hand in frame["hand_id"] for _ in range(3)]
    assert list(found["seat"]) == [1, 2, 3] * 2
    assert list(found["player"].astype("object").where(found["player"].notna(), None)) == [None, "b", "c"] * 2
    assert list(found["net"].fillna(-1)) == [31, -31, 0, -1, -1, -1]
    assert list(found["net"].isna()) == list(found["net_bb"].isna()) == list(found["won"].isna())
    assert list(found["won"].isna()) == [False] * 3 + [True] * 3
    assert list(found["won"][:3]) == [True, False, False]
    assert list(found["net_bb"][:3]) == [15.5, -15.5, 0]
    assert list(found["position"]) == ["SB", "BB", "BTN"] * 2
    assert set(found["collection"]) == {"folder"}

    board = players(store).set_index("player")
    assert list(board.index) == ["c", "b"]  # nobody without a name, and who has won most comes first
    assert list(board.loc["b", ["hands", "won", "settled", "net", "net_bb"]]) == [2, 0, 1, -31, -15.5]
    assert board["biggest_pot"].isna().all()


def test_a_player_of_whom_nothing_is_known_has_won_nothing_and_lost_nothing(store: PostgresEventStore) -> None:
    store.append_many(unknown(example("NT", players=["a", "b", "c"]), "unknown"))
    found = players(store)
    assert list(found["settled"]) == list(found["won"]) == [0, 0, 0]
    assert found[["net", "net_bb", "biggest_pot"]].isna().all(axis=None)


def test_one_name_on_two_seats_is_one_player(store: PostgresEventStore) -> None:
    write(store, example("NT", players=["a", "a", "a"]))
    [row] = players(store).itertuples()
    assert (row.hands, row.won, row.settled, row.net, row.biggest_pot) == (1, 1, 1, 0, 62)
    assert len(results(store)) == 3


def test_players_of_each_kind_of_chip_stand_alone(store: PostgresEventStore) -> None:
    names = ["a", "b", "c"]
    write(store, example("NT", players=names), example("NT", players=names, currency="USD"))
    write(store, example("NT", players=names), file="t.phhs")
    found = players(store)
    assert list(found["collection"]) == [""] * 3 + ["folder"] * 6
    assert found.groupby(["collection", "currency"], dropna=False, observed=True)["net"].sum().tolist() == [0, 0, 0]
    assert set(found["hands"]) == {1}


def test_every_decision_with_its_seat_and_the_pot_after_it(store: PostgresEventStore) -> None:
    write(store, example("NT", players=["a", "b", ""]), example("F7S"))
    raw = unknown(example("NT"), "unfinished")
    store.append_many(raw[:-1])
    found = decisions(store)
    assert found["hand_id"].nunique() == 2
    hand = found[found["hand_id"] == found["hand_id"][0]].drop(columns=["hand_id", "sequence_number"])
    assert [tuple(None if pd.isna(value) else value for value in row) for row in hand.values][:5] == [
        (None, 3, "BTN", "preflop", "fold", 0, 3, 3),
        ("a", 1, "SB", "preflop", "raise", 5, 8, 3),
        ("b", 2, "BB", "preflop", "call", 4, 12, 3),
        ("a", 1, "SB", "flop", "bet", 5, 17, 3),
        ("b", 2, "BB", "flop", "call", 5, 22, 3),
    ]
    stud = found[found["hand_id"] != found["hand_id"][0]]
    assert stud["position"].isna().all()
    assert stud["action"].iloc[0] == "bring_in"
    assert found["sequence_number"].is_monotonic_increasing


def test_statistics_by_one_dimension_are_those_of_the_whole(store: PostgresEventStore) -> None:
    write(store, *(example(variant) for variant in EXAMPLES))
    whole = pot_statistics(store)
    by_street = pot_statistics(store, "street")
    assert list(by_street.columns) == [
        name
        for name in POT_STATISTICS
        if name not in ("grouped_by", "variant", "big_blind", "table", "day", "showdown")
    ]
    part = whole[whole["grouped_by"] == "street"].reset_index(drop=True)
    pd.testing.assert_frame_equal(part[list(by_street.columns)], by_street)
    for _, rows in by_street.groupby("chip_unit"):
        assert rows["street"].is_monotonic_increasing
    assert list(pot_statistics(store, "all").columns)[:4] == ["collection", "currency", "chip_unit", "hands"]
    assert list(pot_statistics(store, "day")["day"]) == [pd.Timestamp("2000-01-01", tz="UTC")] * 2


@pytest.mark.parametrize(
    ("posted", "names"),
    [
        ([2, 1], "BB BTN"),
        ([1, 2, 0], "SB BB BTN"),
        ([1, 2, 0, 0], "SB BB CO BTN"),
        ([1, 2, 0, 0, 0], "SB BB UTG CO BTN"),
        ([1, 2, 4, 0, 0, 0], "SB BB UTG HJ CO BTN"),
        ([1, 2, 0, 0, 0, 0, 0, 0, 0], "SB BB UTG UTG+1 UTG+2 LJ HJ CO BTN"),
        ([0, 2, 0, 0], "SB BB CO BTN"),
        ([2, 0, 0, 0], "BB UTG CO BTN"),
        ([0, 0, 0, 0, 3], "UTG LJ HJ CO BTN"),
        ([0, 0, 3], "UTG CO BTN"),
    ],
)
def test_seats_have_the_names_that_players_give_them(posted: list[int], names: str) -> None:
    assert list(positions(posted)) == names.split()


def test_every_seat_has_a_name_of_its_own_in_the_order_of_the_seats() -> None:
    assert positions([0] * 6) == (None,) * 6
    for seats in range(3, MOST_PLAYERS + 1):
        for blinds in ([1, 2], [0, 2], [2, 0], [0, 0]):
            names = positions([*blinds, *[0] * (seats - 3), 1])
            places = [POSITIONS.index(name) for name in names if name]
            assert len(places) == seats
            assert places == sorted(set(places))


def test_positions_are_the_order_in_which_players_act(real_hands: Path) -> None:
    """As pokerkit has replayed them, which refuses whoever acts out of turn."""
    streets = 0
    folders = ("famous", "handhq", "wsop", "pluribus/100.phhs")
    for record in chain.from_iterable(read_hands(real_hands / folder) for folder in folders):
        assert isinstance(record, HandRecord)
        try:
            created, *events = hand_events(record)
        except HandRefused:
            continue
        names = positions(created.event_data["blinds"])
        if not any(names):
            assert "blinds_or_straddles" not in record.raw
            continue
        acted: dict[str, list[int]] = {}
        for event in events:
            if event.event_type == "game.action_processed":
                acted.setdefault(event.event_data["street"], []).append(event.event_data["seat"])
        for number, seats in enumerate(acted.values()):
            places = [POSITIONS.index(names[seat - 1] or "") for seat in dict.fromkeys(seats)]
            if number:  # from the left of the button to the button
                assert places == sorted(places), record
            else:  # the same, but for the blinds, who come last
                late = [place for place in places if POSITIONS[place] in ("SB", "BB", "UTG")]
                if len(names) == 2:
                    assert names[seats[0] - 1] == "BTN"
                elif created.event_data["blinds"][2] == 0 and len(late) == 3:
                    assert [POSITIONS[place] for place in late] == ["UTG", "SB", "BB"], record
            streets += 1
    assert streets > 800
