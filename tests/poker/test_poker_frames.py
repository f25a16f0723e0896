"""Pots as a data frame: one row for each completed hand, of whatever game."""

from __future__ import annotations

from dataclasses import replace

from written_hands import EXAMPLES, example

from eventstore import PostgresEventStore
from poker import HandRecord, hand_events, pots

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
