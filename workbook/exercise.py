"""What an exercise consists of, and how to write one.

The exercises of a day stand in `workbook/exercises/dayNN.py` as the tuple `EXERCISES`:

    @case(hint=1)
    def a_hand_without_bets(pot):
        expect(pot([]), 0, "pot([])")

    EXERCISES = (
        Exercise(
            number="0.1",
            minutes=5,
            hints=("Start from 0.", "Add up the amounts.", "`sum` takes a generator."),
            cases=(a_hand_without_bets, ...),
            wrong=(
                WrongAnswer(mistake="Only the first bet.", hint=1, code="def pot(bets):\\n    return bets[0]"),
                WrongAnswer(mistake="Seats are added up.", hint=2, change=("amount", "seat")),
            ),
        ),
    )

A case is a plain function. It gets what the learner hands to `check`: `check("0.1", pot)` calls every case with
`pot`, in order, and stops at the first that fails. The name of the function is what the learner reads. `hint` is the
number of the hint that helps where this case fails.

Where the exercise is a piece of a store, use the promises of `workbook.contract` instead of own cases:
`keeps(append_counts_on_from_one, hint=1)`. Then the first thing handed to `check` must be a class or function that
makes an empty store (a promise about events or a bus alone does not use it), and everything handed over stands in for
the name of `eventstore` that it has: `check("1.3", MemoryStore, DomainEvent, VersionConflictError)`. A class that is a
part of a store on PostgreSQL is tried together with the package: `keeps(append_counts_on_from_one, hint=1,
on=mixin("append"))` (`workbook.mine`).

Where the answer is SQL, or needs a database, the case opens one: `with scratch() as db:` gives a schema of its own
with `db.store`, `db.q(sql)` and `db.connection()`, and time limits (`workbook.workspace`).

A wrong answer is the code of the whole exercise cell, or a change made to the solution. The tests prove that each is
refused with its hint. Its `mistake` says in words what went wrong; it stands in the page for the instructor.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import eventstore


@dataclass(frozen=True)
class Case:
    """One thing that an answer must do right.

    Args:
        name: what is tried, in words.
        hint: the number of the hint to show where it goes wrong, 1 to 3.
        run: takes what the learner handed to `check`; raises `NotKept`, or whatever the learner's code raises.
    """

    name: str
    hint: int
    run: Callable[..., None]


@dataclass(frozen=True, kw_only=True)
class WrongAnswer:
    """A typical mistake, to prove that the cases find it.

    Args:
        mistake: what went wrong, as one would say it to a colleague, in a sentence.
        hint: the number of the hint that it must meet.
        code: the text of the exercise cell, or empty where `change` is given.
        change: two texts, the second to be put in place of the first in the solution.
    """

    mistake: str
    hint: int
    code: str = ""
    change: tuple[str, str] = ("", "")

    def cell(self, solution: str) -> str:
        """The text of the wrong exercise cell.

        Raises:
            ValueError: the solution does not hold what is to be changed, so the wrong answer is out of date.
        """
        if self.code:
            return self.code
        old, new = self.change
        # Whole lines can be changed, the last one too.
        solution += "\n"
        if not old or old not in solution:
            raise ValueError(f"the solution does not hold {old!r}")
        return solution.replace(old, new).rstrip()


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One exercise.

    Args:
        number: day and place, e.g. `"1.2"`.
        minutes: how long it takes somebody who has read the day.
        hints: three, from a nudge to nearly the answer; one paragraph each. They point to the idea, not to the line.
        cases: what the answer must do, the simplest first.
        wrong: two to four typical wrong answers.
    """

    number: str
    minutes: int
    hints: tuple[str, str, str]
    cases: tuple[Case, ...]
    wrong: tuple[WrongAnswer, ...]


def case(*, hint: int) -> Callable[[Callable[..., None]], Case]:
    """Make a function a case: `@case(hint=1)`. Its name, with blanks for underscores, is what the learner reads."""
    return lambda run: Case(run.__name__.replace("_", " "), hint, run)


def keeps(
    promise: Callable[..., None], *, hint: int, on: Callable[[Any], Callable[[], Any]] = lambda answer: answer
) -> Case:
    """Make a promise of `workbook.contract` a case.

    The names under test are those of `eventstore`, with what the learner handed to `check` put in their place.

    Args:
        promise: the promise.
        hint: the number of the hint that helps where it is broken.
        on: turns the first thing that was handed in into what makes an empty store, e.g. `workbook.mine.mixin(...)`.
    """

    def run(*answers: Any) -> None:
        new_store = on(answers[0])
        names = vars(eventstore) | {answer.__name__: answer for answer in answers}
        promise(SimpleNamespace(**names), new_store)

    return Case(promise.__name__.replace("_", " "), hint, run)


def of_day(day: int) -> tuple[Exercise, ...]:
    """The exercises of one day; empty for a day that has none."""
    name = f"workbook.exercises.day{day:02d}"
    try:
        exercises: tuple[Exercise, ...] = importlib.import_module(name).EXERCISES
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return ()
    return exercises


def find(number: str) -> Exercise:
    """The exercise of this number, e.g. `"1.2"`.

    Raises:
        LookupError: there is none; the error lists those of the day.
    """
    day = number.split(".")[0]
    exercises = of_day(int(day)) if day.isdigit() else ()
    for exercise in exercises:
        if exercise.number == number:
            return exercise
    known = ", ".join(exercise.number for exercise in exercises) or "none"
    raise LookupError(f"there is no exercise {number!r}; day {day} has: {known}")
