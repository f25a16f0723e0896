"""What spectators see: never a secret card, at no version of any hand; and all that is public."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from written_events import WrittenHand, states_of
from written_hands import EXAMPLES, simulated

from eventstore import DomainEvent
from poker import GameState, HandRecord, Seat, hand_events, spectator_view

DECK = [rank + suit for rank in "23456789TJQKA" for suit in "cdhs"]
seeds = st.integers(min_value=0, max_value=2**32)


def seen(state: GameState, number: int) -> Seat:
    return spectator_view(state).seats[number - 1]


def test_down_cards_are_hidden_from_the_deal_to_the_end() -> None:
    hand = (
        WrittenHand([50, 50, 50], blinds=[1, 2])
        .deal("preflop", {1: "7c2d", 2: "KsKd", 3: "????"})
        .act("preflop", (3, "call", 2), (1, "fold"), (2, "check"))
        .board("flop", "QcJc3d")
        .act("flop", (2, "bet", 48), (3, "call", 48))
        .show(2, "KsKd")
        .muck(3)
        .complete([2], [-1, 51, -50], showdown=True)
    )
    for state in hand.states[2:]:
        assert [seat.down for seat in spectator_view(state).seats] == [("??", "??")] * 3
        assert spectator_view(state).board == state.board
    *playing, showing, mucking, completed = hand.states
    assert all(seat.shown == () for state in playing for seat in spectator_view(state).seats)
    assert [seen(state, 2).shown for state in (showing, mucking, completed)] == [("Ks", "Kd")] * 3
    assert [seen(completed, 1).shown, seen(completed, 3).shown] == [(), ()]


def test_up_cards_are_seen_as_long_as_the_player_holds_them() -> None:
    hand = (
        WrittenHand([100, 100, 100], antes=[5, 5, 5], variant="F7S")
        .deal("third", {1: "AsKs", 2: "4c5c", 3: "6h6c"}, {1: "2c", 2: "Td", 3: "Jd"})
        .act("third", (1, "bring_in", 10), (2, "call", 10), (3, "call", 10))
        .deal("fourth", up={1: "2d", 2: "9d", 3: "Jh"})
        .act("fourth", (3, "bet", 20), (1, "call", 20), (2, "fold"))
        .muck(1)
    )
    views = [spectator_view(state).seats for state in hand.states]
    assert [seat.up for seat in views[-3]] == [("2c", "2d"), ("Td", "9d"), ("Jd", "Jh")]
    assert [seat.up for seat in views[-2]] == [("2c", "2d"), ("??", "??"), ("Jd", "Jh")]
    assert [seat.up for seat in views[-1]] == [("??", "??"), ("??", "??"), ("Jd", "Jh")]
    assert all(seat.down == ("??", "??") for seat in views[-1])


def test_discarded_cards_are_hidden_and_their_number_is_not() -> None:
    hand = (
        WrittenHand([100, 100], blinds=[1, 2], variant="N2L1D")
        .deal("predraw", {1: "7c5c4h3hKs", 2: "9c8h6s5hTd"})
        .discard("draw", 1, "Ks")
        .discard("draw", 2, "")
    )
    assert [seat.discarded for seat in spectator_view(hand.states[-1]).seats] == [("??",), ()]
    assert [len(seat.down) for seat in spectator_view(hand.states[-1]).seats] == [4, 5]


def test_whoever_shows_and_then_mucks_has_nothing_left_to_see() -> None:
    hand = WrittenHand([50, 50]).deal("preflop", {1: "7c2d", 2: "KsKd"}).show(1, "7c2d").muck(1)
    assert [seen(state, 1).shown for state in hand.states[-2:]] == [("7c", "2d"), ("??", "??")]


def played_at_random(seed: int) -> list[DomainEvent]:
    """A hand without chips of hold'em, stud or a draw game: players stay, fold, throw cards away, show and muck."""
    choice = random.Random(seed)
    deck = choice.sample(DECK, len(DECK))
    variant, streets, down, up = choice.choice(
        [
            ("NT", ["preflop", "flop", "turn", "river"], [2, 0, 0, 0], 0),
            ("F7S", ["third", "fourth", "fifth", "sixth", "seventh"], [2, 0, 0, 0, 1], 1),
            ("FB", ["predraw", "first draw", "second draw", "third draw"], [4, 0, 0, 0], 0),
        ]
    )
    live = list(range(1, choice.randint(2, 5) + 1))
    held: dict[int, list[str]] = {seat: [] for seat in live}
    hand = WrittenHand([100] * len(live), variant=variant)
    for street, dealt in zip(streets, down, strict=True):
        new = {seat: [deck.pop() for _ in range(dealt)] for seat in live}
        if variant == "FB" and street != "predraw":
            for seat in live:
                thrown = choice.sample(held[seat], choice.randint(0, 4))
                hand.discard(street, seat, "".join(thrown))
                held[seat] = [card for card in held[seat] if card not in thrown]
                new[seat] = [deck.pop() for _ in thrown]
        for seat in live:
            held[seat] += new[seat]
        face_up = {seat: deck.pop() for seat in live if up and street != "seventh"}
        hand.deal(street, {seat: "".join(cards) for seat, cards in new.items()}, face_up)
        if variant == "NT" and street != "preflop":
            hand.board(street, "".join(deck.pop() for _ in range(3 if street == "flop" else 1)))
        for seat in list(live):
            fold = len(live) > 1 and choice.random() < 0.2
            hand.act(street, (seat, "fold" if fold else "check"))
            if fold:
                live.remove(seat)
    for seat in live:
        _ = hand.show(seat, "".join(held[seat])) if choice.random() < 0.6 else hand.muck(seat)
    return hand.complete(live[:1], [0] * len(held), showdown=len(live) > 1).events


def simulated_events(seed: int) -> list[DomainEvent]:
    variant = list(EXAMPLES)[seed % len(EXAMPLES)]
    return hand_events(HandRecord("simulated.phhs", "1", simulated(seed, variant)[0], 0))


def with_other_secrets(events: list[DomainEvent], seed: int) -> list[DomainEvent]:
    """The same hand, but every card that was dealt face down is another one."""
    shuffled = random.Random(seed).sample(DECK, len(DECK))
    other = dict(zip(shuffled, shuffled[1:] + shuffled[:1], strict=True)) | {"??": "??"}
    changed = []
    for event in events:
        data = event.event_data
        if event.event_type == "game.hole_cards_dealt":
            data = data | {"hands": [hand | {"down": [other[card] for card in hand["down"]]} for hand in data["hands"]]}
        elif event.event_type == "game.cards_discarded":
            data = data | {"cards": [other[card] for card in data["cards"]]}
        changed.append(replace(event, event_data=data))
    return changed


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([played_at_random, simulated_events]), seeds, seeds)
def test_nothing_that_spectators_see_depends_on_a_secret_card(
    make: Callable[[int], list[DomainEvent]], seed: int, other: int
) -> None:
    events = make(seed)
    states, changed = states_of(events), states_of(with_other_secrets(events, other))
    assert states[-1] != changed[-1]
    for state, with_others in zip(states, changed, strict=True):
        assert spectator_view(state) == spectator_view(with_others)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_chips_streets_and_results_are_public(seed: int) -> None:
    cards = {"down": (), "up": (), "discarded": (), "shown": ()}
    for state in states_of(simulated_events(seed)):
        view = spectator_view(state)
        assert replace(view, seats=()) == replace(state, seats=())
        assert [replace(seat, **cards) for seat in view.seats] == [replace(seat, **cards) for seat in state.seats]
        assert spectator_view(view) == view
