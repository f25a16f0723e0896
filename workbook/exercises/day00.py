"""The exercises of Day 0: a pot at any moment, the uncalled bet, a question to the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eventstore import DomainEvent
from workbook.exercise import Exercise, WrongAnswer, case
from workbook.expect import expect
from workbook.workspace import scratch

Decision = tuple[int, str, str, int]

# Three seats. The last bet of 600 is not paid by anybody.
TURN: tuple[Decision, ...] = (
    (3, "preflop", "call", 100),
    (1, "preflop", "call", 50),
    (2, "preflop", "check", 0),
    (1, "flop", "check", 0),
    (2, "flop", "bet", 200),
    (3, "flop", "call", 200),
    (1, "flop", "fold", 0),
    (2, "turn", "bet", 600),
    (3, "turn", "fold", 0),
)

# Most chips go in first and fewest on the flop, so that no order but that of play puts the streets right.
UP_AND_DOWN: tuple[Decision, ...] = (
    (3, "preflop", "raise", 450),
    (1, "preflop", "fold", 0),
    (2, "preflop", "call", 350),
    (2, "flop", "check", 0),
    (3, "flop", "bet", 200),
    (2, "flop", "call", 200),
    (2, "turn", "bet", 600),
    (3, "turn", "fold", 0),
)


def hand(
    *decisions: Decision, antes: tuple[int, ...] = (0, 0, 0), blinds: tuple[int, ...] = (50, 100, 0)
) -> list[DomainEvent]:
    """A hand as on Day 0: how it began, the decisions, the end."""
    created: dict[str, Any] = {
        "seats": [{"seat": seat, "name": f"Seat {seat}", "stack": 10_000} for seat in range(1, len(blinds) + 1)],
        "antes": list(antes),
        "blinds": list(blinds),
        "big_blind": 100,
    }
    facts = [("game.created", created)]
    for seat, street, action, amount in decisions:
        decision = {"seat": seat, "street": street, "action": action, "amount": amount}
        facts.append(("game.action_processed", decision))
    facts.append(("game.hand_completed", {"showdown": False, "winners": [2]}))
    return [
        DomainEvent(event_type=event_type, aggregate_id="hand", version=version, event_data=data)
        for version, (event_type, data) in enumerate(facts, start=1)
    ]


@case(hint=1)
def before_anybody_decides_there_are_the_blinds(in_the_middle: Callable[..., int]) -> None:
    expect(in_the_middle(hand(*TURN), 1), 150, "in_the_middle(events, 1)")


@case(hint=1)
def antes_count_too(in_the_middle: Callable[..., int]) -> None:
    expect(in_the_middle(hand(*TURN, antes=(0, 100, 0)), 1), 250, "in_the_middle(events, 1), with one ante of 100")


@case(hint=2)
def the_event_of_the_version_itself_counts(in_the_middle: Callable[..., int]) -> None:
    expect(in_the_middle(hand(*TURN), 2), 250, "in_the_middle(events, 2), after a call of 100")


@case(hint=2)
def later_events_do_not_count(in_the_middle: Callable[..., int]) -> None:
    expect(in_the_middle(hand(*TURN), 7), 700, "in_the_middle(events, 7)")


@case(hint=3)
def the_end_of_the_hand_adds_no_chips(in_the_middle: Callable[..., int]) -> None:
    expect(in_the_middle(hand(*TURN), 11), 1300, "in_the_middle(events, 11)")


@case(hint=3)
def nothing_is_remembered_between_two_calls(in_the_middle: Callable[..., int]) -> None:
    in_the_middle(hand(*TURN), 11)
    expect(in_the_middle(hand(*TURN), 1), 150, "in_the_middle(events, 1), called a second time")


@case(hint=1)
def a_bet_that_nobody_paid(uncalled: Callable[..., int]) -> None:
    expect(uncalled(hand(*TURN)), 600, "uncalled of a bet of 600 that nobody called")


@case(hint=1)
def a_bet_that_was_paid_in_full(uncalled: Callable[..., int]) -> None:
    called = (*TURN[:-1], (3, "turn", "call", 600))
    expect(uncalled(hand(*called)), 0, "uncalled of a bet of 600 that was called")


@case(hint=2)
def a_bet_that_was_paid_in_part(uncalled: Callable[..., int]) -> None:
    short = (*TURN[:-1], (3, "turn", "call", 450))
    expect(uncalled(hand(*short)), 150, "uncalled of a bet of 600 against a call of 450, all that was left")


@case(hint=2)
def a_player_raises_twice_on_one_street(uncalled: Callable[..., int]) -> None:
    raised = (*TURN[:-2], (2, "turn", "bet", 100), (3, "turn", "raise", 300), (2, "turn", "raise", 700))
    folded = (*raised, (3, "turn", "fold", 0))
    expect(uncalled(hand(*folded)), 500, "uncalled of 100, raised to 300, raised to 800, fold")


@case(hint=3)
def preflop_the_blinds_are_bets(uncalled: Callable[..., int]) -> None:
    raised = ((3, "preflop", "raise", 300), (1, "preflop", "fold", 0), (2, "preflop", "fold", 0))
    expect(uncalled(hand(*raised)), 200, "uncalled of a raise to 300 over a blind of 100")


@case(hint=3)
def antes_are_no_bets(uncalled: Callable[..., int]) -> None:
    everybody_folds = ((3, "preflop", "fold", 0), (1, "preflop", "fold", 0))
    got = uncalled(hand(*everybody_folds, antes=(0, 100, 0)))
    expect(got, 50, "uncalled of a blind of 100 over a blind of 50, with an ante of 100")


@case(hint=2)
def any_number_of_seats(uncalled: Callable[..., int]) -> None:
    bet = ((3, "flop", "bet", 80), (4, "flop", "raise", 300), (3, "flop", "fold", 0))
    got = uncalled(hand(*bet, antes=(0, 0, 0, 0), blinds=(50, 100, 0, 0)))
    expect(got, 220, "uncalled of a raise to 300 over a bet of 80, with four seats")


@case(hint=3)
def the_events_stay_as_they_are(uncalled: Callable[..., int]) -> None:
    events = hand((3, "preflop", "raise", 300), (1, "preflop", "fold", 0), (2, "preflop", "fold", 0))
    uncalled(events)
    expect(uncalled(events), 200, "uncalled of the same events, called a second time")


def rows_of(chips_per_street: Callable[[], str]) -> list[Any]:
    """What the learner's statement gives for one hand: the names of the columns, then the rows."""
    with scratch() as db:
        db.store.append_many(hand(*UP_AND_DOWN))
        answer = db.q(chips_per_street())
        expect(answer is not None, True, "a statement that returns rows")
        return [list(answer.columns), *([_plain(value) for value in row] for row in answer.to_numpy().tolist())]


def _plain(value: Any) -> Any:
    """A value of a data frame as SQL meant it: whole numbers, and None for NULL."""
    if value is None or value != value:
        return None
    return value if isinstance(value, str) else int(value)


EXPECTED: list[Any] = [["street", "chips"], ["preflop", 800], ["flop", 400], ["turn", 600]]


@case(hint=2)
def the_columns_have_the_names_asked_for(chips_per_street: Callable[[], str]) -> None:
    expect(rows_of(chips_per_street)[0], EXPECTED[0], "the columns")


@case(hint=1)
def one_row_for_each_street(chips_per_street: Callable[[], str]) -> None:
    got = rows_of(chips_per_street)
    expect(sorted(got[1:], key=str), sorted(EXPECTED[1:], key=str), "the rows, in any order")


@case(hint=3)
def streets_come_as_they_are_played(chips_per_street: Callable[[], str]) -> None:
    expect(rows_of(chips_per_street), EXPECTED, "the rows in order")


EXERCISES = (
    Exercise(
        number="0.1",
        minutes=10,
        hints=(
            "Walk through the events from the start, up to and including the version that was asked for. There are "
            "chips in the middle before the first decision: the first event tells about them, under two names.",
            "Every event up to the version adds its chips to those that are there already. What comes later has not "
            "happened yet.",
            "Start a sum at 0 inside the function. For `game.created` add antes and blinds, for "
            "`game.action_processed` add `event.event_data['amount']`, and let all other events pass.",
        ),
        cases=(
            before_anybody_decides_there_are_the_blinds,
            antes_count_too,
            the_event_of_the_version_itself_counts,
            later_events_do_not_count,
            the_end_of_the_hand_adds_no_chips,
            nothing_is_remembered_between_two_calls,
        ),
        wrong=(
            WrongAnswer(
                mistake="The antes are left out; only the blinds are put in the middle.",
                hint=1,
                change=('chips += sum(event.event_data["antes"]) + ', "chips += "),
            ),
            WrongAnswer(
                mistake="The loop stops before the event of the version that was asked for, not behind it.",
                hint=1,
                change=("event.version > version", "event.version >= version"),
            ),
            WrongAnswer(
                mistake="The last amount takes the place of the sum.",
                hint=2,
                change=("chips += event.event_data", "chips = event.event_data"),
            ),
            WrongAnswer(
                mistake="Every event that is not the first is asked for an amount, the end of the hand too.",
                hint=3,
                change=('elif event.event_type == "game.action_processed":', "else:"),
            ),
        ),
    ),
    Exercise(
        number="0.2",
        minutes=15,
        hints=(
            "Only the street of the last decision matters. For each seat, add up what it put in on that street. Then "
            "compare the two highest sums.",
            "It is the sums that count, not the single amounts: a seat can act twice on a street. And the second "
            "highest sum is not always the last one paid. Sort the sums.",
            "Preflop, start the sums with the blinds: they are bets. Antes are not. On the other streets start at 0. "
            "And make a list of your own for the sums, with `list(...)`, or you change the event.",
        ),
        cases=(
            a_bet_that_nobody_paid,
            a_bet_that_was_paid_in_full,
            a_bet_that_was_paid_in_part,
            a_player_raises_twice_on_one_street,
            any_number_of_seats,
            preflop_the_blinds_are_bets,
            antes_are_no_bets,
            the_events_stay_as_they_are,
        ),
        wrong=(
            WrongAnswer(
                mistake="The whole highest bet goes back, as if nobody had paid a part of it.",
                hint=1,
                change=("return highest - second", "return highest"),
            ),
            WrongAnswer(
                mistake="A second bet of the same seat takes the place of its first one.",
                hint=2,
                change=('bets[decision["seat"] - 1] += ', 'bets[decision["seat"] - 1] = '),
            ),
            WrongAnswer(
                mistake="The list of blinds inside the event is changed, so the next call begins with wrong bets.",
                hint=3,
                change=('list(created["blinds"])', 'created["blinds"]'),
            ),
            WrongAnswer(
                mistake="Preflop begins at 0, as if the blinds were no bets.",
                hint=3,
                change=('list(created["blinds"]) if street == "preflop" else [0]', "[0]"),
            ),
        ),
    ),
    Exercise(
        number="0.3",
        minutes=15,
        hints=(
            "`WHERE event_type = 'game.action_processed'` leaves only the decisions, and `GROUP BY event_data ->> "
            "'street'` makes one row of each street.",
            "Give both columns their names with `AS`: `street` and `chips`.",
            "By the alphabet, the flop would come before preflop. But every street has a first event, and "
            "`min(version)` finds it.",
        ),
        cases=(the_columns_have_the_names_asked_for, one_row_for_each_street, streets_come_as_they_are_played),
        wrong=(
            WrongAnswer(
                mistake="Grouped by the version as well, so each decision is a group of its own.",
                hint=1,
                change=("GROUP BY street", "GROUP BY street, version"),
            ),
            WrongAnswer(mistake="The sum has no name.", hint=2, change=(" AS chips", "")),
            WrongAnswer(
                mistake="Sorted by the alphabet: the flop comes before preflop.",
                hint=3,
                change=("ORDER BY min(version)", "ORDER BY street"),
            ),
            WrongAnswer(
                mistake="Sorted by chips, which looks right as long as each street costs more than the last.",
                hint=3,
                change=("ORDER BY min(version)", "ORDER BY chips"),
            ),
        ),
    ),
)
