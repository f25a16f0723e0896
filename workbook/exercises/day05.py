"""The exercises of Day 5: the fold, chips by type of event, the first wrong step, hands that a crash left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from eventstore import DomainEvent, InMemoryEventStore
from workbook.contract import folding
from workbook.exercise import Exercise, WrongAnswer, case, keeps
from workbook.expect import NotKept, expect
from workbook.workspace import scratch

Fact = tuple[str, dict[str, Any]]
Fold = Callable[[Any, DomainEvent], Any]


def _memory(_: Any) -> Callable[[], Any]:
    """Where a fold finds its events. Any store would do."""
    return InMemoryEventStore


def hand(*facts: Fact, aggregate_id: str = "hand-1", first: int = 1) -> list[DomainEvent]:
    """A stream of these facts, counted from `first`."""
    return [
        DomainEvent(event_type=event_type, aggregate_id=aggregate_id, version=version, event_data=data)
        for version, (event_type, data) in enumerate(facts, start=first)
    ]


def begins(*stacks: int, antes: tuple[int, ...] = (), blinds: tuple[int, ...] = ()) -> Fact:
    """How a hand begins; who is not named puts in nothing."""
    rest = [0] * len(stacks)
    seats = [{"seat": seat, "name": f"Seat {seat}", "stack": stack} for seat, stack in enumerate(stacks, start=1)]
    data = {"seats": seats, "antes": [*antes, *rest][: len(stacks)], "blinds": [*blinds, *rest][: len(stacks)]}
    return "game.created", data


def acts(seat: int, action: str, amount: int = 0) -> Fact:
    return "game.action_processed", {"seat": seat, "street": "preflop", "action": action, "amount": amount}


def ends(pot: int, uncalled: int, winners: list[int], payoffs: list[int]) -> Fact:
    return "game.hand_completed", {"pot": pot, "uncalled": uncalled, "winners": winners, "payoffs": payoffs}


BOARD: Fact = ("game.board_dealt", {"street": "flop", "cards": ["9h", "7s", "2c"]})
SHOWN: Fact = ("game.hand_shown", {"seat": 3, "cards": ["Tc", "Td"]})

# The last raise is more than anybody can pay: 400 of it go back.
ONE_WINNER = (
    begins(1000, 600, 300, blinds=(5, 10)),
    acts(3, "raise", 30),
    acts(1, "raise", 995),
    acts(2, "call", 590),
    acts(3, "fold"),
    BOARD,
    SHOWN,
    ends(1230, 400, [1], [630, -600, -30]),
)
# Seat 3 wins the main pot, seat 2 the side pot, and seat 2 has lost chips all the same.
SIDE_POT = (
    begins(1000, 1000, 300, blinds=(5, 10)),
    acts(3, "raise", 300),
    acts(1, "raise", 995),
    acts(2, "call", 990),
    ends(2300, 0, [2, 3], [-1000, 400, 600]),
)
# The winner of the main pot took 900, that of the side pot 200, which is less than what it cost.
LOSING_WINNER = (
    begins(1000, 400, 300, blinds=(5, 10)),
    acts(3, "raise", 300),
    acts(1, "raise", 995),
    acts(2, "call", 390),
    ends(1100, 600, [1, 3], [-200, -400, 600]),
)


def after(chips: Fold, facts: tuple[Fact, ...], version: int) -> Any:
    """The state after so many events."""
    state: Any = {}
    for event in hand(*facts)[:version]:
        state = chips(state, event)
    return state


def expect_state(chips: Fold, facts: tuple[Fact, ...], version: int, what: str, **expected: Any) -> None:
    state = after(chips, facts, version)
    if not isinstance(state, dict):
        raise NotKept(f"got {type(state).__name__} as the state {what}, expected a dict: is there a return?")
    expect(state, expected, f"the state {what}")


@case(hint=1)
def after_the_first_event_the_blinds_lie_in_the_pot(chips: Fold) -> None:
    expect_state(chips, ONE_WINNER, 1, "at the start", start=[1000, 600, 300], stacks=[995, 590, 300], pot=15)


@case(hint=1)
def antes_go_into_the_pot_too(chips: Fold) -> None:
    facts = (begins(500, 400, 300, antes=(2, 2, 2), blinds=(5, 10)),)
    expect_state(chips, facts, 1, "at the start, with antes", start=[500, 400, 300], stacks=[493, 388, 298], pot=21)


@case(hint=2)
def a_decision_moves_chips_from_the_stack_to_the_pot(chips: Fold) -> None:
    expect_state(chips, ONE_WINNER, 2, "after a raise", start=[1000, 600, 300], stacks=[995, 590, 270], pot=45)


@case(hint=2)
def decisions_add_up(chips: Fold) -> None:
    expect_state(chips, ONE_WINNER, 5, "after four decisions", start=[1000, 600, 300], stacks=[0, 0, 270], pot=1630)


@case(hint=2)
def cards_move_no_chips(chips: Fold) -> None:
    expect_state(chips, ONE_WINNER, 7, "before the end", start=[1000, 600, 300], stacks=[0, 0, 270], pot=1630)


@case(hint=3)
def the_winner_gets_the_pot_and_what_nobody_called(chips: Fold) -> None:
    expect_state(chips, ONE_WINNER, 8, "at the end", start=[1000, 600, 300], stacks=[1630, 0, 270], pot=0)


@case(hint=3)
def side_pots_have_winners_of_their_own(chips: Fold) -> None:
    of = "after a hand with a side pot"
    expect_state(chips, SIDE_POT, 5, of, start=[1000, 1000, 300], stacks=[0, 1400, 900], pot=0)
    expect_state(chips, LOSING_WINNER, 5, of, start=[1000, 400, 300], stacks=[800, 0, 900], pot=0)


@case(hint=2)
def the_state_before_stays_as_it_was(chips: Fold) -> None:
    state: Any = {}
    for event in hand(*ONE_WINNER):
        before, data = deepcopy(state), deepcopy(event.event_data)
        state_after = chips(state, event)
        expect(state, before, f"the state before a {event.event_type}, looked at again after it")
        expect(event.event_data, data, f"the event_data of the {event.event_type}, afterwards")
        state = state_after


def counting(state: int, event: DomainEvent) -> int:
    return state + int(event.event_data["amount"])


def bets(*amounts: int, first: int = 1) -> list[DomainEvent]:
    return hand(*(acts(1, "bet", amount) for amount in amounts), first=first)


Finder = Callable[..., Any]


@case(hint=1)
def a_law_that_always_holds(first_break: Finder) -> None:
    expect(first_break(bets(10, 20, 30), counting, 0, lambda pot: pot < 100), None, "first_break, the law always true")


@case(hint=1)
def a_law_that_breaks_at_the_end(first_break: Finder) -> None:
    got = first_break(bets(10, 20, 30), counting, 0, lambda pot: pot < 60)
    expect(got, 3, "first_break of bets of 10, 20, 30, with the law that the pot is below 60")


@case(hint=1)
def a_law_that_breaks_at_once(first_break: Finder) -> None:
    got = first_break(bets(70, 20, 30), counting, 0, lambda pot: pot != 70)
    expect(got, 1, "first_break of bets of 70, 20, 30, with the law that the pot is not 70")


@case(hint=2)
def the_first_of_several_breaks(first_break: Finder) -> None:
    got = first_break(bets(10, 20, 30, 40), counting, 0, lambda pot: pot < 30)
    expect(got, 2, "first_break of bets of 10, 20, 30, 40, with the law that the pot is below 30")


@case(hint=2)
def a_break_that_heals_again(first_break: Finder) -> None:
    got = first_break(bets(10, 25, 5, 40), counting, 0, lambda pot: pot % 10 == 0)
    expect(got, 2, "first_break of bets of 10, 25, 5, 40, with the law that the pot is a multiple of 10")


@case(hint=3)
def the_state_before_the_first_event_is_not_asked(first_break: Finder) -> None:
    def total_is_right(state: dict[str, int]) -> bool:
        return state["pot"] < 60

    def apply(state: Any, event: DomainEvent) -> Any:
        return {"pot": (state or {"pot": 0})["pot"] + event.event_data["amount"]}

    got = first_break(bets(10, 20), apply, None, total_is_right)
    expect(got, None, "first_break from None as the initial state, the law always true")


@case(hint=3)
def versions_are_those_of_the_events(first_break: Finder) -> None:
    got = first_break(bets(10, 20, 30, first=5), counting, 0, lambda pot: pot < 30)
    expect(got, 6, "first_break of versions 5, 6, 7, of which the second breaks the law")


@case(hint=3)
def events_may_come_one_after_the_other(first_break: Finder) -> None:
    def stream() -> Iterator[DomainEvent]:
        yield from bets(10, 20, 30)

    got = first_break(stream(), counting, 0, lambda pot: pot < 30)
    expect(got, 2, "first_break of a generator")


@case(hint=2)
def nothing_is_applied_after_the_break(first_break: Finder) -> None:
    applied = []

    def noting(state: int, event: DomainEvent) -> int:
        applied.append(event.version)
        return counting(state, event)

    first_break(bets(10, 20, 30, 40), noting, 0, lambda pot: pot < 30)
    expect(applied, [1, 2], "the versions that were applied, where version 2 breaks the law")


@case(hint=2)
def no_events_break_nothing(first_break: Finder) -> None:
    expect(first_break([], counting, 0, lambda pot: False), None, "first_break of no events")


CREATED, COMPLETED = begins(100, 100, blinds=(5, 10)), ends(10, 5, [1], [5, -5])


def rows_of(unfinished: Callable[[], str], *streams: list[DomainEvent]) -> list[Any]:
    """What the learner's statement gives for these streams: the names of the columns, then the rows."""
    with scratch() as db:
        for events in streams:
            db.store.append_many(events)
        answer = db.q(unfinished())
        expect(answer is not None, True, "a statement that returns rows")
        return [list(answer.columns), *([_plain(value) for value in row] for row in answer.to_numpy().tolist())]


def _plain(value: Any) -> Any:
    """A value of a data frame as SQL meant it: whole numbers, and None for NULL."""
    if value is None or value != value:
        return None
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def stream(aggregate_id: str, *facts: Fact) -> list[DomainEvent]:
    return hand(*facts, aggregate_id=aggregate_id)


@case(hint=1)
def the_columns_have_the_names_asked_for(unfinished: Callable[[], str]) -> None:
    expect(rows_of(unfinished, stream("hand-1", CREATED))[0], ["hand_id", "version"], "the columns")


@case(hint=1)
def a_hand_that_has_begun_is_found(unfinished: Callable[[], str]) -> None:
    rows = rows_of(unfinished, stream("hand-1", CREATED, acts(1, "call", 5), BOARD))
    expect(rows[1:], [["hand-1", 3]], "the rows, for one hand that stands at version 3")


@case(hint=1)
def no_hands_give_no_rows(unfinished: Callable[[], str]) -> None:
    expect(rows_of(unfinished)[1:], [], "the rows of an empty store")


@case(hint=2)
def a_completed_hand_is_left_out(unfinished: Callable[[], str]) -> None:
    over = stream("hand-1", CREATED, acts(1, "fold"), SHOWN, COMPLETED)
    rows = rows_of(unfinished, over, stream("hand-2", CREATED, acts(1, "call", 5)))
    expect(rows[1:], [["hand-2", 2]], "the rows, for a completed hand and one that is not")


@case(hint=2)
def what_is_no_hand_is_left_out(unfinished: Callable[[], str]) -> None:
    player = stream("player-1", ("player.sat_down", {"chips": 100}), ("player.got_up", {"chips": 90}))
    rows = rows_of(unfinished, player, stream("hand-2", CREATED))
    expect(rows[1:], [["hand-2", 1]], "the rows, for a player and a hand")


@case(hint=3)
def hands_come_in_the_order_in_which_they_were_created(unfinished: Callable[[], str]) -> None:
    long, short = stream("hand-b", CREATED, acts(1, "call", 5), BOARD), stream("hand-a", CREATED, acts(1, "call", 5))
    # The one that was created first is also the last that moved.
    rows = rows_of(unfinished, long[:1], short, long[1:], stream("hand-c", CREATED))
    expected = [["hand-b", 3], ["hand-a", 2], ["hand-c", 1]]
    expect(sorted(rows[1:]), sorted(expected), "the rows, in any order")
    expect(rows[1:], expected, "the rows, for hand-b, hand-a and hand-c, created in this order")


EXERCISES = (
    Exercise(
        number="5.1",
        minutes=5,
        hints=(
            "Hold the state in a name of its own, beginning with `initial`. The result of `apply` is the state for the "
            "next event, so it must be put back into that name. After the last event, return it.",
            "Take the events as they come, with a plain `for event in events:`. A generator has no length and no "
            "places, and can be gone through once. The order is the caller's business.",
            "Do not catch what `apply` raises. Somebody who asks for a state wants the right one or an error, not a "
            "state in which one event is missing.",
        ),
        cases=(
            keeps(folding.replay_lets_each_event_change_the_state, hint=1, on=_memory),
            keeps(folding.replay_of_nothing_is_the_initial_state, hint=1, on=_memory),
            keeps(folding.replay_takes_any_iterable, hint=2, on=_memory),
            keeps(folding.replay_keeps_the_order_of_the_events, hint=2, on=_memory),
            keeps(folding.replay_twice_gives_the_same, hint=1, on=_memory),
            keeps(folding.an_error_of_apply_reaches_the_caller, hint=3, on=_memory),
        ),
        wrong=(
            WrongAnswer(
                mistake="The result of `apply` is thrown away.",
                hint=1,
                change=("state = apply(state, event)", "apply(state, event)"),
            ),
            WrongAnswer(
                mistake="`return` stands inside the loop, so only the first event counts.",
                hint=1,
                change=("\n    return state", "\n        return state"),
            ),
            WrongAnswer(
                mistake="The events are sorted by version, though their order is the caller's business.",
                hint=2,
                change=("in events:", "in sorted(events, key=lambda event: event.version):"),
            ),
            WrongAnswer(
                mistake="An error of `apply` is swallowed, and the state lacks an event.",
                hint=3,
                code="""
def replay(events, apply, initial):
    state = initial
    for event in events:
        try:
            state = apply(state, event)
        except Exception:
            pass
    return state
""",
            ),
        ),
    ),
    Exercise(
        number="5.2",
        minutes=20,
        hints=(
            "For `created`, make three things out of `data`: the stacks as they were, what each seat had to put in "
            "(its ante plus its blind), and the stacks without that. The pot is the sum of what was put in.",
            "Seat 1 stands at place 0 of the list. Make a list of your own, `list(state['stacks'])`, and change that: "
            "the old state must stay as it is. `{**state, 'stacks': ..., 'pot': ...}` is a new dict.",
            "At the end, do not share out the pot. `start` says what each seat had, and `payoffs` what it has won or "
            "lost in the whole hand. Their sum is the stack.",
        ),
        cases=(
            after_the_first_event_the_blinds_lie_in_the_pot,
            antes_go_into_the_pot_too,
            a_decision_moves_chips_from_the_stack_to_the_pot,
            decisions_add_up,
            cards_move_no_chips,
            the_winner_gets_the_pot_and_what_nobody_called,
            side_pots_have_winners_of_their_own,
            the_state_before_stays_as_it_was,
        ),
        wrong=(
            WrongAnswer(
                mistake="The antes are not put into the pot.",
                hint=1,
                change=("[ante + blind for ante, blind", "[blind for ante, blind"),
            ),
            WrongAnswer(
                mistake="The list of stacks of the state before is changed instead of a copy.",
                hint=2,
                change=('list(state["stacks"])', 'state["stacks"]'),
            ),
            WrongAnswer(
                mistake="`payoffs` are added to the stacks of the moment, not to those at the start.",
                hint=3,
                change=('zip(state["start"], data', 'zip(state["stacks"], data'),
            ),
            WrongAnswer(
                mistake="The pot is shared out among the winners, which is wrong as soon as there is a side pot.",
                hint=3,
                change=(
                    '    stacks = [stack + won for stack, won in zip(state["start"], data["payoffs"], strict=True)]\n',
                    '    stacks = list(state["stacks"])\n'
                    '    for seat in data["winners"]:\n'
                    '        stacks[seat - 1] += (data["pot"] + data["uncalled"]) // len(data["winners"])\n',
                ),
            ),
        ),
    ),
    Exercise(
        number="5.3",
        minutes=10,
        hints=(
            "It is `replay` with a question after each step. As soon as `law(state)` is false, return the version of "
            "the event that was just applied; after the last event, return `None`.",
            "Ask after each event, not at the end: a break can heal, or hide behind the next one. And leave with "
            "`return` at the first break, so that nothing more is applied.",
            "The law is asked only after an event, never about `initial`. The version stands in the event, "
            "`event.version`; counting the steps gives another number if the stream does not begin with version 1. A "
            "single `for event in events:` is enough, and suits a generator, too.",
        ),
        cases=(
            a_law_that_always_holds,
            a_law_that_breaks_at_the_end,
            a_law_that_breaks_at_once,
            the_first_of_several_breaks,
            a_break_that_heals_again,
            nothing_is_applied_after_the_break,
            no_events_break_nothing,
            the_state_before_the_first_event_is_not_asked,
            versions_are_those_of_the_events,
            events_may_come_one_after_the_other,
        ),
        wrong=(
            WrongAnswer(
                mistake="The last break is returned, not the first.",
                hint=2,
                code="""
def first_break(events, apply, initial, law):
    state, broken = initial, None
    for event in events:
        state = apply(state, event)
        if not law(state):
            broken = event.version
    return broken
""",
            ),
            WrongAnswer(
                mistake="Steps are counted; the version stands in the event.",
                hint=3,
                code="""
def first_break(events, apply, initial, law):
    state = initial
    for version, event in enumerate(events, start=1):
        state = apply(state, event)
        if not law(state):
            return version
""",
            ),
            WrongAnswer(
                mistake="The law is asked before the event is applied, about `initial` too.",
                hint=1,
                code="""
def first_break(events, apply, initial, law):
    state = initial
    for event in events:
        if not law(state):
            return event.version
        state = apply(state, event)
    return None
""",
            ),
            WrongAnswer(
                mistake="All states are worked out before the law is asked about the first.",
                hint=2,
                code="""
from itertools import accumulate

def first_break(events, apply, initial, law):
    events = list(events)
    states = list(accumulate(events, apply, initial=initial))[1:]
    for event, state in zip(events, states):
        if not law(state):
            return event.version
""",
            ),
        ),
    ),
    Exercise(
        number="5.4",
        minutes=20,
        hints=(
            "`GROUP BY aggregate_id` makes one row of each aggregate. Name the columns with `AS`: `hand_id` for the "
            "aggregate, `version` for its highest version. Text stands in single quotes, `'game.created'`; in double "
            "quotes, SQL looks for a column of that name.",
            "`HAVING` takes two conditions, joined by `AND`: at least one event of the group is a `game.created`, and "
            "none is a `game.hand_completed`. The second is `NOT bool_or(...)`.",
            "The order is that of their first events in the log. A group has many sequence numbers; its first event "
            "has the lowest one: `ORDER BY min(sequence_number)`.",
        ),
        cases=(
            the_columns_have_the_names_asked_for,
            a_hand_that_has_begun_is_found,
            no_hands_give_no_rows,
            a_completed_hand_is_left_out,
            what_is_no_hand_is_left_out,
            hands_come_in_the_order_in_which_they_were_created,
        ),
        wrong=(
            WrongAnswer(
                mistake="Text in double quotes, so SQL looks for a column of that name.",
                hint=1,
                change=("'game.created'", '"game.created"'),
            ),
            WrongAnswer(
                mistake="Nobody asks whether the stream is a hand, so players are listed as well.",
                hint=2,
                change=("bool_or(event_type = 'game.created') AND ", ""),
            ),
            WrongAnswer(
                mistake="`WHERE` takes the ends out first, so every completed hand looks unfinished.",
                hint=2,
                code='''
def unfinished():
    return """
        SELECT aggregate_id AS hand_id, max(version) AS version
        FROM domain_events
        WHERE event_type <> 'game.hand_completed'
        GROUP BY aggregate_id
        ORDER BY min(sequence_number)
    """
''',
            ),
            WrongAnswer(
                mistake="Sorted by the last event of a hand, not by its first.",
                hint=3,
                change=("min(sequence_number)", "max(sequence_number)"),
            ),
        ),
    ),
)
