"""The state of a hand at every version: seats, chips, cards, streets, the result; and what cannot follow."""

from __future__ import annotations

from collections import Counter
from dataclasses import FrozenInstanceError
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_events import WrittenHand, states_of
from written_hands import EXAMPLES, example, simulated

from eventstore import DomainEvent, InMemoryEventStore, Repository
from poker import GameState, HandRecord, Result, apply, hand_events


def holdem() -> WrittenHand:
    """Seat 1 folds after the flop's cards are bet on; seat 3 shows down against seat 2, who mucks."""
    return (
        WrittenHand([50, 50, 50], blinds=[1, 2], antes=[1, 1, 1])
        .deal("preflop", {1: "7c2d", 2: "KsKd", 3: "AhAd"})
        .act("preflop", (3, "raise", 6), (1, "call", 5), (2, "call", 4))
        .board("flop", "QcJc3d")
        .act("flop", (1, "check"), (2, "bet", 10), (3, "call", 10), (1, "fold"))
        .board("turn", "4h")
        .act("turn", (2, "check"), (3, "check"))
        .board("river", "5h")
        .act("river", (2, "check"), (3, "check"))
        .show(3, "AhAd")
        .muck(2)
        .complete([3], [-7, -17, 24], showdown=True)
    )


def test_a_hand_that_has_not_begun() -> None:
    state = GameState()
    assert (state.version, state.status, state.street, state.seats, state.pot) == (0, "new", None, (), 0)
    assert (state.names, state.stacks, state.starting_stacks, state.bets, state.folded) == ((),) * 5


def test_chips_and_cards_at_every_version_of_a_hand() -> None:
    states = holdem().states
    assert [(state.street, "".join(state.board), state.bets, state.stacks, state.pot) for state in states[1:]] == [
        ("preflop", "", (1, 2, 0), (48, 47, 49), 6),
        ("preflop", "", (1, 2, 0), (48, 47, 49), 6),
        ("preflop", "", (1, 2, 6), (48, 47, 43), 12),
        ("preflop", "", (6, 2, 6), (43, 47, 43), 17),
        ("preflop", "", (6, 6, 6), (43, 43, 43), 21),
        ("flop", "QcJc3d", (0, 0, 0), (43, 43, 43), 21),
        ("flop", "QcJc3d", (0, 0, 0), (43, 43, 43), 21),
        ("flop", "QcJc3d", (0, 10, 0), (43, 33, 43), 31),
        ("flop", "QcJc3d", (0, 10, 10), (43, 33, 33), 41),
        ("flop", "QcJc3d", (0, 10, 10), (43, 33, 33), 41),
        ("turn", "QcJc3d4h", (0, 0, 0), (43, 33, 33), 41),
        ("turn", "QcJc3d4h", (0, 0, 0), (43, 33, 33), 41),
        ("turn", "QcJc3d4h", (0, 0, 0), (43, 33, 33), 41),
        ("river", "QcJc3d4h5h", (0, 0, 0), (43, 33, 33), 41),
        ("river", "QcJc3d4h5h", (0, 0, 0), (43, 33, 33), 41),
        ("river", "QcJc3d4h5h", (0, 0, 0), (43, 33, 33), 41),
        ("river", "QcJc3d4h5h", (0, 0, 0), (43, 33, 33), 41),
        ("river", "QcJc3d4h5h", (0, 0, 0), (43, 33, 33), 41),
        ("river", "QcJc3d4h5h", (0, 0, 0), (43, 33, 74), 0),
    ]
    assert [state.version for state in states] == list(range(len(states)))
    assert [state.status for state in states] == ["new"] + ["playing"] * (len(states) - 2) + ["completed"]
    assert [state.folded for state in states[9:11]] == [(False, False, False), (True, False, False)]
    assert all(state.result is None for state in states[:-1])
    assert states[-1].result == Result(pot=41, uncalled=0, showdown=True, winners=(3,), payoffs=(-7, -17, 24))
    assert states[-1].names == ("player 1", "player 2", "player 3")
    assert states[-1].starting_stacks == (50, 50, 50)


def test_who_held_which_cards_and_what_became_of_them() -> None:
    states = holdem().states
    assert [seat.down for seat in states[1].seats] == [(), (), ()]
    first, second, third = states[-1].seats
    assert (first.down, second.down, third.down) == (("7c", "2d"), ("Ks", "Kd"), ("Ah", "Ad"))
    assert (first.shown, second.shown, third.shown) == ((), (), ("Ah", "Ad"))
    assert [seat.mucked for seat in states[-1].seats] == [False, True, False]
    assert [seat.mucked for seat in states[-2].seats] == [False, True, False]
    assert [seat.shown for seat in states[-3].seats] == [(), (), ("Ah", "Ad")]
    assert [seat.wagered for seat in states[-1].seats] == [6, 16, 16]


def test_stud_has_cards_up_and_a_bring_in() -> None:
    hand = (
        WrittenHand([100, 100], antes=[5, 5], variant="F7S")
        .deal("third", {1: "AsKs", 2: "????"}, {1: "2c", 2: "Td"})
        .act("third", (1, "bring_in", 10), (2, "raise", 20), (1, "call", 10))
        .deal("fourth", up={1: "2d", 2: "9d"})
        .act("fourth", (1, "bet", 20), (2, "fold"))
        .complete([1], [25, -25], uncalled=20)
    )
    states = hand.states
    assert [state.street for state in states[1:]] == ["third"] * 5 + ["fourth"] * 4
    assert [state.bets for state in states[2:7]] == [(0, 0), (10, 0), (10, 20), (20, 20), (0, 0)]
    assert [(seat.down, seat.up) for seat in states[-1].seats] == [
        (("As", "Ks"), ("2c", "2d")),
        (("??", "??"), ("Td", "9d")),
    ]
    assert (states[-2].stacks, states[-2].pot) == ((55, 75), 70)
    assert (states[-1].stacks, states[-1].pot) == ((125, 75), 0)


def test_a_draw_changes_cards_and_opens_a_street() -> None:
    hand = (
        WrittenHand([100, 100], blinds=[1, 2], variant="F2L3D")
        .deal("predraw", {1: "7c5c4h3hKs", 2: "??????????"})
        .act("predraw", (1, "call", 1), (2, "check"))
        .discard("first draw", 1, "Ks")
        .discard("first draw", 2, "??????")
        .deal("first draw", {1: "2d", 2: "??????"})
        .act("first draw", (1, "bet", 2), (2, "call", 2))
        .discard("second draw", 1, "")
    )
    states = hand.states
    assert [state.street for state in states[1:]] == ["predraw"] * 4 + ["first draw"] * 5 + ["second draw"]
    assert [state.bets for state in states[3:6]] == [(2, 2), (2, 2), (0, 0)]
    assert (states[8].bets, states[-1].bets) == ((2, 0), (0, 0))
    first, second = states[5].seats
    assert (first.down, first.discarded) == (("7c", "5c", "4h", "3h"), ("Ks",))
    first, second = states[-1].seats
    assert (first.down, first.discarded) == (("7c", "5c", "4h", "3h", "2d"), ("Ks",))
    assert (second.down, second.discarded) == (("??", "??", "??", "??", "??"), ("??", "??", "??"))


def test_all_in_is_said_from_the_last_chip_on() -> None:
    hand = (
        WrittenHand([None, 2, 40], blinds=[1, 2])
        .act("preflop", (3, "raise", 40), (1, "call", 39))
        .board("flop", "2c3c4c")
        .complete([3], [-40, -2, 42], showdown=True)
    )
    states = hand.states
    assert [[seat.all_in for seat in state.seats] for state in states[1:]] == [
        [None, True, False],
        [None, True, True],
        [None, True, True],
        [None, True, True],
        [None, True, True],
    ]
    assert states[-1].stacks == (None, 0, 82)


def test_the_uncalled_bet_comes_back_where_nobody_knows_who_won() -> None:
    hand = (
        # Seat 2 puts in most of all, but an ante is no bet: what nobody matched is a part of the raise of seat 3.
        WrittenHand([30, 160, 90], blinds=[1, 2], antes=[0, 100])
        .act("preflop", (3, "raise", 90), (1, "call", 29), (2, "call", 58))
        .board("flop", "2c3c4c")
        .board("turn", "5c")
        .board("river", "6c")
        .complete(None, None, uncalled=30, showdown=True)
    )
    before, after = hand.states[-2:]
    assert (before.stacks, before.bets, before.pot) == ((0, 0, 0), (0, 0, 0), 280)
    assert (after.stacks, after.bets, after.pot) == ((0, 0, 30), (0, 0, 0), 250)
    assert after.result == Result(pot=250, uncalled=30, showdown=True, winners=None, payoffs=None)


def test_unknown_stacks_stay_unknown() -> None:
    hand = WrittenHand([None, 50], blinds=[1, 2]).act("preflop", (1, "raise", 5), (2, "fold"))
    hand.complete([1], [2, -2], uncalled=4)
    assert [(state.stacks, state.pot) for state in hand.states[1:]] == [
        ((None, 48), 3),
        ((None, 48), 8),
        ((None, 48), 8),
        ((None, 48), 0),
    ]


def test_version_1_of_the_events_stays_readable() -> None:
    hand = (
        WrittenHand([50, 50, 50], blinds=[1, 2], antes=[1, 1, 1], mapping_version=1)
        .act("preflop", (3, "raise", 6), (1, "fold"), (2, "call", 4))
        .act("flop", (2, "check"), (3, "bet", 9), (2, "fold"))
        .complete([3], [-2, -7, 9], uncalled=9)
    )
    steps = [(state.street, state.bets, state.stacks, state.pot, sum(state.folded)) for state in hand.states[1:]]
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


def test_a_state_cannot_be_changed_and_shares_nothing_with_the_event() -> None:
    states = holdem().states
    with pytest.raises(FrozenInstanceError):
        states[-1].pot = 1  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        states[-1].seats[0].stack = 1  # type: ignore[misc]
    assert len({hash(state) for state in states}) == len(states)  # a list anywhere inside would have no hash


def test_any_version_of_the_past_is_the_fold_up_to_it() -> None:
    hand = holdem()
    store = InMemoryEventStore()
    store.append_many(hand.events)
    repository = Repository(store, apply, GameState())
    assert [repository.load_at("written hand", version) for version in range(len(hand.events) + 1)] == hand.states


PLAYING = holdem().events[:-1]
COMPLETED = holdem().events


def follow(events: list[DomainEvent], event_type: str, version: int | None = None, **data: Any) -> GameState:
    event = DomainEvent(
        event_type=event_type,
        aggregate_id="written hand",
        version=len(events) + 1 if version is None else version,
        event_data=data,
    )
    return apply(reduce(apply, events, GameState()), event)


def act(events: list[DomainEvent], seat: int, action: str, amount: int = 0, **more: Any) -> GameState:
    data = {"street": "river", "seat": seat, "action": action, "amount": amount, "pot": 41 + amount}
    return follow(events, "game.action_processed", **data, **more)


def test_an_event_that_cannot_follow_is_refused() -> None:
    created = PLAYING[0].event_data
    completed = COMPLETED[-1].event_data
    with pytest.raises(ValueError, match=r"game\.action_processed cannot come first: a hand begins with game\.created"):
        act([], 2, "check")
    with pytest.raises(ValueError, match=r"game\.created comes twice"):
        follow(PLAYING, "game.created", **created)
    with pytest.raises(ValueError, match=r"game\.action_processed comes after game\.hand_completed"):
        act(COMPLETED, 2, "check")
    with pytest.raises(ValueError, match=r"game\.hand_completed comes after game\.hand_completed"):
        follow(COMPLETED, "game.hand_completed", **completed)
    with pytest.raises(ValueError, match=r"book\.lent is no event of a hand"):
        follow(PLAYING, "book.lent")
    with pytest.raises(ValueError, match="variant Whist is no game: NT, "):
        follow([], "game.created", **created | {"variant": "Whist"})


@pytest.mark.parametrize("version", [len(PLAYING) - 1, len(PLAYING), len(PLAYING) + 2])
def test_an_event_left_out_or_told_twice_is_refused(version: int) -> None:
    with pytest.raises(ValueError, match=f"version {version} cannot follow version {len(PLAYING)}"):
        act(PLAYING, 2, "check", version=version)


def test_who_has_folded_or_is_not_there_takes_no_part() -> None:
    with pytest.raises(ValueError, match="seat 1 has folded"):
        act(PLAYING, 1, "check")
    with pytest.raises(ValueError, match="seat 1 has folded"):
        follow(PLAYING, "game.hand_shown", seat=1, cards=["7c", "2d"])
    with pytest.raises(ValueError, match="seat 1 has folded"):
        follow(PLAYING, "game.hole_cards_dealt", street="river", hands=[{"seat": 1, "down": ["9c"], "up": []}])
    for seat in (0, 4, -1):
        with pytest.raises(ValueError, match=f"there is no seat {seat}: this hand has seats 1 to 3"):
            act(PLAYING, seat, "check")


def test_a_card_that_is_not_held_cannot_be_discarded() -> None:
    hand = WrittenHand([50, 50], variant="N2L1D").deal("predraw", {1: "7c7dTsTh????"})
    with pytest.raises(ValueError, match=r"seat 1 cannot discard 7h: its cards are 7c 7d Ts Th \?\? \?\?"):
        _ = hand.discard("draw", 1, "7h").states
    hand.events.pop()
    with pytest.raises(ValueError, match="seat 1 cannot discard 7c"):  # it can be thrown away once only
        _ = hand.discard("draw", 1, "7c7c").states


def test_chips_cannot_appear_or_vanish() -> None:
    with pytest.raises(ValueError, match="seat 2 cannot put in 34: it has 33"):
        act(PLAYING, 2, "bet", 34)
    assert act(PLAYING, 2, "bet", 33).stacks == (43, 0, 33)
    completed = COMPLETED[-1].event_data
    for wrong in ({"pot": 40}, {"uncalled": 1}, {"payoffs": [-7, -17, 25]}):
        with pytest.raises(ValueError, match="chips appear or vanish: 41 were put in"):
            follow(PLAYING, "game.hand_completed", **completed | wrong)


@settings(max_examples=150, deadline=None)
@given(st.integers(min_value=0, max_value=2**32), st.sampled_from(list(EXAMPLES)))
def test_chips_only_move_and_cards_do_not_vanish_in_any_game(seed: int, variant: str) -> None:
    check_every_step(simulated(seed, variant)[0])


@pytest.mark.parametrize("variant", EXAMPLES)
def test_chips_only_move_and_cards_do_not_vanish_where_cards_are_unknown(variant: str) -> None:
    check_every_step(example(variant))


def check_every_step(raw: dict[str, Any]) -> None:
    events = hand_events(HandRecord("written.phhs", "1", raw, 0))
    states = states_of(events)[1:]
    chips = sum(states[0].starting_stacks)
    assert all(sum(state.stacks) + state.pot == chips for state in states)
    for event, before, after in zip(events[1:], states, states[1:], strict=False):
        assert sum(after.bets) <= after.pot or after.status == "completed"
        assert after.pot == event.event_data.get("pot", after.pot) or after.status == "completed"
        for seat, now in zip(before.seats, after.seats, strict=True):
            assert now.folded >= seat.folded
            assert now.all_in >= seat.all_in
            assert now.all_in == (now.stack == 0) or after.status == "completed"
            assert 0 <= now.bet <= now.wagered
            assert not Counter(seat.down + seat.discarded) - Counter(now.down + now.discarded)
            assert now.up[: len(seat.up)] == seat.up
    assert states[-1].street == events[-1].event_data["street"]
