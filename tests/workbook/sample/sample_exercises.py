"""Exercises of a day that is no part of the course: one of each kind."""

import base64
import sys

from eventstore import DomainEvent
from workbook.contract.reading import exists_is_true_from_the_first_event_on
from workbook.exercise import Exercise, WrongAnswer, case, keeps
from workbook.expect import expect
from workbook.workspace import scratch

# One black dot: a real picture, without the time that a plotting library takes to load.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)


@case(hint=1)
def no_bets(pot):
    expect(pot([]), 0, "pot([])")


@case(hint=2)
def two_bets(pot):
    expect(pot([10, 20]), 30, "pot([10, 20])")


@case(hint=3)
def each_type_once_in_order(event_types):
    with scratch() as db:
        for version, name in enumerate(["b", "a", "b"], start=1):
            db.store.append(DomainEvent(event_type=name, aggregate_id="x", version=version, event_data={}))
        expect(db.q(event_types())["event_type"].tolist(), ["a", "b"])


HINTS = ("First hint.", "Second hint.", "Third hint.")

EXERCISES = (
    Exercise(
        number="99.1",
        minutes=4,
        hints=HINTS,
        cases=(no_bets, two_bets),
        wrong=(
            WrongAnswer(mistake="Only the first bet.", hint=1, code="def pot(bets):\n    return bets[0]"),
            WrongAnswer(mistake="The bets are counted, not added.", hint=2, change=("sum(bets)", "len(bets)")),
        ),
    ),
    Exercise(
        number="99.2",
        minutes=5,
        hints=HINTS,
        cases=(each_type_once_in_order,),
        wrong=(
            WrongAnswer(mistake="Seats come twice.", hint=3, change=("DISTINCT ", "")),
            WrongAnswer(mistake="A slip in the SQL.", hint=3, change=("SELECT", "SELECTED")),
        ),
    ),
    Exercise(
        number="99.3",
        minutes=5,
        hints=HINTS,
        cases=(keeps(exists_is_true_from_the_first_event_on, hint=2),),
        wrong=(WrongAnswer(mistake="0 counts too.", hint=2, change=("> 0", ">= 0")),),
    ),
)

# The course looks for exercises in its own package only; this makes day 99 one of them.
sys.modules["workbook.exercises.day99"] = sys.modules[__name__]
