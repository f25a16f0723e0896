"""The events of a hand: payload to the letter, ids and times that never change."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from written_hands import EXAMPLES, example, parsed

from poker import HandRecord, HandRefused, hand_events, hand_id
from poker.mapping import MAPPING_VERSION


def events(
    file: str = "s.phhs", section: str | None = "3", actions: str = "p2 cbr 6, p1 f", **fields: Any
) -> list[Any]:
    return hand_events(HandRecord(file, section, parsed([100, 80], actions, **fields), 0))


def test_the_payloads_to_the_letter() -> None:
    created, dealt, raised, folded, completed = events(
        "room/s.phhs", hand=17, table="'red'", currency_symbol="'$'", antes=[1, 1]
    )
    assert [event.event_type for event in (created, dealt, raised, folded, completed)] == [
        "game.created",
        "game.hole_cards_dealt",
        "game.action_processed",
        "game.action_processed",
        "game.hand_completed",
    ]
    assert created.event_data == {
        "source": {"file": "room/s.phhs", "section": "3", "hand": 17},
        "variant": "NT",
        "seats": [{"seat": 1, "name": "north", "stack": 100}, {"seat": 2, "name": "east", "stack": 80}],
        "chip_unit": 1,
        "antes": [1, 1],
        "blinds": [2, 1],
        "big_blind": 2,
        "table": "red",
        "currency": "USD",
        "time_source": "synthetic",
        "mapping_version": 3,
    }
    assert dealt.event_data == {
        "street": "preflop",
        "hands": [{"seat": 1, "down": ["??", "??"], "up": []}, {"seat": 2, "down": ["??", "??"], "up": []}],
    }
    assert raised.event_data == {"seat": 2, "street": "preflop", "action": "raise", "amount": 5, "pot": 10}
    assert folded.event_data == {"seat": 1, "street": "preflop", "action": "fold", "amount": 0, "pot": 10}
    assert completed.event_data == {
        "pot": 6,
        "uncalled": 4,
        "street": "preflop",
        "showdown": False,
        "rake": None,
        "winners": [2],
        "payoffs": [-3, 3],
    }


def story(variant: str, **fields: Any) -> list[tuple[str, Any]]:
    """Types and payloads of the events of an example, without the first one."""
    told = hand_events(HandRecord("s.phhs", "1", example(variant, **fields), 0))
    return [(event.event_type.removeprefix("game."), event.event_data) for event in told[1:]]


def test_the_board_is_dealt_and_hands_are_shown_or_mucked() -> None:
    told = [event for event in story("NT") if event[0] not in ("action_processed", "hand_completed")]
    assert told == [
        (
            "hole_cards_dealt",
            {
                "street": "preflop",
                "hands": [
                    {"seat": 1, "down": ["As", "Ks"], "up": []},
                    {"seat": 2, "down": ["Qd", "Qh"], "up": []},
                    {"seat": 3, "down": ["7c", "2d"], "up": []},
                ],
            },
        ),
        ("board_dealt", {"street": "flop", "cards": ["Ac", "Kd", "7h"]}),
        ("board_dealt", {"street": "turn", "cards": ["4s"]}),
        ("board_dealt", {"street": "river", "cards": ["2c"]}),
        ("hand_shown", {"seat": 1, "cards": ["As", "Ks"]}),
        ("hand_mucked", {"seat": 2}),
    ]


def test_stud_has_cards_up_a_bring_in_and_streets_of_its_own() -> None:
    told = story("F7S")
    assert told[0][1]["hands"] == [
        {"seat": 1, "down": ["As", "Ks"], "up": ["2d"]},
        {"seat": 2, "down": ["Qd", "Qh"], "up": ["7s"]},
        {"seat": 3, "down": ["??", "??"], "up": ["9c"]},
    ]
    assert told[1][1] == {"seat": 1, "street": "third", "action": "bring_in", "amount": 1, "pot": 4}
    # Completing a bring-in raises it.
    assert told[2][1] == {"seat": 2, "street": "third", "action": "raise", "amount": 2, "pot": 6}
    dealt = [data for kind, data in told if kind == "hole_cards_dealt"]
    assert [data["street"] for data in dealt] == ["third", "fourth", "fifth", "sixth", "seventh"]
    assert dealt[1]["hands"] == [{"seat": 1, "down": [], "up": ["Ah"]}, {"seat": 2, "down": [], "up": ["7d"]}]
    assert dealt[4]["hands"] == [{"seat": 1, "down": ["5h"], "up": []}, {"seat": 2, "down": ["??"], "up": []}]


def test_draws_are_discards_then_cards_and_the_betting_carries_their_name() -> None:
    told = [event for event in story("F2L3D") if event[0] != "action_processed" or event[1]["street"] != "predraw"]
    assert told[1:6] == [
        ("cards_discarded", {"street": "first draw", "seat": 1, "cards": ["As"]}),
        ("cards_discarded", {"street": "first draw", "seat": 2, "cards": ["??", "??"]}),
        (
            "hole_cards_dealt",
            {
                "street": "first draw",
                "hands": [{"seat": 1, "down": ["3h"], "up": []}, {"seat": 2, "down": ["??", "??"], "up": []}],
            },
        ),
        ("action_processed", {"seat": 1, "street": "first draw", "action": "check", "amount": 0, "pot": 8}),
        ("action_processed", {"seat": 2, "street": "first draw", "action": "bet", "amount": 2, "pot": 10}),
    ]
    assert ("cards_discarded", {"street": "second draw", "seat": 1, "cards": []}) in told
    assert told[-1][1]["street"] == "third draw"
    assert [data["street"] for kind, data in story("N2L1D") if kind == "cards_discarded"] == ["draw", "draw"]


def test_a_hand_that_is_shown_more_than_once_is_told_once_the_last_time() -> None:
    told = story("F7S/8")
    assert [kind for kind, _ in told[-4:]] == ["hole_cards_dealt", "hand_shown", "hand_shown", "hand_completed"]
    shown = [data for kind, data in told if kind == "hand_shown"]
    assert shown == [
        {"seat": 1, "cards": ["As", "Ks", "2d", "Ah", "3h", "4h", "5h"]},
        {"seat": 2, "cards": ["Qd", "Qh", "7s", "7d", "3d", "4d", "8d"]},
    ]


def test_cards_that_nobody_saw_are_not_shown() -> None:
    # Player 2 shows nothing; player 1 shows one card, and may hold any other.
    actions = example("NT")["actions"][:-2]
    told = story("NT", actions=[*actions, "p1 sm As??", "p2 sm ????"])
    assert told[-2] == ("hand_shown", {"seat": 1, "cards": ["As", "??"]})
    assert (told[-3][0], told[-1][1]["winners"]) == ("action_processed", None)


def test_the_names_of_players_stand_on_what_they_do() -> None:
    told = hand_events(HandRecord("s.phhs", "1", example("N2L1D"), 0))
    assert {(event.event_type, event.metadata.user_id) for event in told} == {
        ("game.created", None),
        ("game.hole_cards_dealt", None),
        *(("game.action_processed", name) for name in ("north", "east", "south")),
        *(("game.cards_discarded", name) for name in ("north", "east")),
        ("game.hand_shown", "east"),
        ("game.hand_mucked", "north"),
        ("game.hand_completed", None),
    }


# Whoever changes what the events say has to raise MAPPING_VERSION, and to write the new digest beside the new number.
DIGESTS = {
    2: "fb2021cb3a2fc456e87fd474093d30901946879309ddb3e9c4006482af6acb2c",
    3: "ea44f898c9e486dbef3e67d2421ad4d456273c0c95e7476026e2a5361057f8b7",
}


def test_other_events_need_another_mapping_version() -> None:
    events = [
        event for variant in EXAMPLES for event in hand_events(HandRecord("room/s.phhs", variant, example(variant), 0))
    ]
    told = [(event.event_type, event.aggregate_id, event.version, event.event_data) for event in events]
    around = [
        (
            event.id,
            event.event_timestamp,
            event.metadata.causation_id,
            event.metadata.correlation_id,
            event.metadata.user_id,
        )
        for event in events
    ]
    digest = hashlib.sha256(json.dumps([told, around], default=str).encode()).hexdigest()
    assert digest == DIGESTS[MAPPING_VERSION]
    assert sorted(DIGESTS)[-1] == MAPPING_VERSION


def test_every_event_names_the_one_before_the_session_and_the_player() -> None:
    told = events()
    assert told[0].metadata.causation_id is None
    assert [event.metadata.causation_id for event in told[1:]] == [event.id for event in told[:-1]]
    assert [event.metadata.user_id for event in told] == [None, None, "east", "north", None]
    assert len({event.metadata.correlation_id for event in told}) == 1
    assert [event.version for event in told] == [1, 2, 3, 4, 5]


def test_ids_do_not_depend_on_where_the_folder_lies() -> None:
    here, there = events("s.phhs"), events("a/b/s.phhs")
    assert [event.id for event in here] == [event.id for event in there]
    assert {event.aggregate_id for event in here + there} == {here[0].aggregate_id}
    # These ids are in stores already. A change here would import every hand a second time.
    assert here[0].aggregate_id == "d5cb49e9-a18d-59d1-9ad7-7542b51d1225"
    assert here[0].id == UUID("92fbbe4f-3307-589a-b032-b676f9d4c3d2")


@pytest.mark.parametrize(
    "other",
    [{"file": "t.phhs"}, {"section": "4"}, {"section": None}, {"actions": "p2 cbr 7, p1 f"}, {"hand": 2}],
)
def test_another_hand_has_another_id(other: dict[str, Any]) -> None:
    assert events(**other)[0].aggregate_id != events()[0].aggregate_id


def test_hands_of_one_table_share_their_session() -> None:
    def session(**fields: Any) -> UUID:
        return events(**fields)[0].metadata.correlation_id

    assert session(section="1", hand=1) == session(section="2", hand=2)
    assert session(table="'red'") != session(table="'blue'")
    assert session(file="a.phh", section=None, event="'final'", hand=1) == session(
        file="b.phh", section=None, event="'final'", hand=2
    )
    # Where neither table nor event is known, or the converter wrote its own name for the table, the hand stands alone.
    assert session(file="a.phh", section=None, hand=1) != session(file="a.phh", section=None, hand=2)
    assert session(table="'HandHQ'", hand=1) != session(table="'HandHQ'", hand=2)


@pytest.mark.parametrize(
    ("fields", "table", "currency"),
    [
        ({}, "s", None),
        ({"section": None}, None, None),
        ({"table": 4}, "4", None),
        ({"currency": "'CHF'", "currency_symbol": "'$'"}, "s", "CHF"),
        ({"currency_symbol": "'€'"}, "s", "EUR"),
        ({"currency_symbol": "'?'"}, "s", None),
    ],
)
def test_table_and_currency(fields: dict[str, Any], table: str | None, currency: str | None) -> None:
    data = events(**fields)[0].event_data
    assert (data["table"], data["currency"]) == (table, currency)


JULY = {"year": 2009, "month": 7, "day": 6}
JANUARY = {"year": 2009, "month": 1, "day": 6}


@pytest.mark.parametrize(
    ("fields", "start", "source"),
    [
        (JULY | {"time": "11:57:05"}, datetime(2009, 7, 6, 11, 57, 5), "recorded"),
        (JULY | {"time": "11:57:05", "time_zone_abbreviation": "'ET'"}, datetime(2009, 7, 6, 15, 57, 5), "recorded"),
        (
            {"year": 2009, "month": 1, "day": 6, "time": "23:30:00", "time_zone": "'ET'"},
            datetime(2009, 1, 7, 4, 30),
            "recorded",
        ),
        (
            JULY | {"time": "11:57:05", "time_zone": "'Europe/Paris'", "city": "'Paris'"},
            datetime(2009, 7, 6, 9, 57, 5),
            "recorded",
        ),
        (JULY | {"time": "11:57:05", "city": "'Las Vegas'"}, datetime(2009, 7, 6), "date_only"),
        (JULY | {"time": "11:57:05", "time_zone": "'Nowhere/Land'"}, datetime(2009, 7, 6), "date_only"),
        (JULY | {"time": "11:57:05", "time_zone": "'../etc'"}, datetime(2009, 7, 6), "date_only"),
        (JULY | {"time": "11:57:05", "time_zone": "'America'"}, datetime(2009, 7, 6), "date_only"),
        # Where a file system does not tell letters apart, neither of these may be taken for a zone.
        (JULY | {"time": "11:57:05", "time_zone": "'europe/paris'"}, datetime(2009, 7, 6), "date_only"),
        (JULY | {"time": "11:57:05", "time_zone": "'localtime'"}, datetime(2009, 7, 6), "date_only"),
        (JULY, datetime(2009, 7, 6), "date_only"),
        (JULY | {"file": "01-02-03.phh"}, datetime(2009, 7, 6, 1, 2, 3), "date_only"),
        ({"year": 2009}, datetime(2009, 1, 1, 0, 3), "synthetic"),
        ({"time": "11:57:05"}, datetime(2000, 1, 1, 0, 3), "synthetic"),
        ({"hand": 75}, datetime(2000, 1, 1, 1, 15), "synthetic"),
        ({"hand": "'none'"}, datetime(2000, 1, 1, 0, 3), "synthetic"),
        ({"section": "x"}, datetime(2000, 1, 1), "synthetic"),
        ({"hand": 60313099320000061}, datetime(2000, 1, 1, 1, 1), "synthetic"),
    ],
)
def test_times(fields: dict[str, Any], start: datetime, source: str) -> None:
    created, second, *_ = events(**fields)
    assert (created.event_timestamp, created.event_data["time_source"]) == (start.replace(tzinfo=UTC), source)
    assert (second.event_timestamp - created.event_timestamp).total_seconds() == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"year": 2009, "month": 2, "day": 30}, "2009-2-30"),
        ({"year": "'2009'"}, "year is not a whole number"),
        (JULY | {"time": "'noon'"}, "time is not a TOML time"),
        ({"year": 1, "month": 1, "day": 1, "time": "01:00:00", "time_zone": "'Asia/Tokyo'"}, "out of range"),
        ({"year": 9999, "month": 12, "day": 31}, "event_timestamp is out of range"),
        ({"players": "'north'"}, "players is not a list of texts"),
        ({"players": "['north', 3]"}, "players is not a list of texts"),
        ({"players": "['north']"}, "players has 1 entries"),
        ({"players": r'["a\u0000", "b"]'}, "U[+]0000"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(HandRefused, match=reason):
        events(**fields)


def test_unknown_and_overlong_names_are_no_users() -> None:
    assert [seat["name"] for seat in events(players=None)[0].event_data["seats"]] == [None, None]
    long = "x" * 256
    created, _, raised, folded, _ = events(players=["ä" * 127, long])
    assert created.event_data["seats"][1]["name"] == long
    assert (raised.metadata.user_id, folded.metadata.user_id) == (None, "ä" * 127)


def test_an_id_needs_no_valid_hand() -> None:
    UUID(hand_id(HandRecord("s.phhs", "1", {"variant": "PO", "time": "\ud800"}, 0)))
