"""Check an answer: run the cases of an exercise on it, within limits, and say in one line how it stands."""

from __future__ import annotations

import contextvars
import threading
import time
from collections import Counter
from typing import Any

import psycopg

from workbook.cells import line_of_cell
from workbook.exercise import Case, Exercise, find
from workbook.expect import NotKept, describe, steady
from workbook.limits import LOOK, TimeIsUp, end
from workbook.workspace import one_case, purpose

SECONDS = 20.0

_hints_given: Counter[str] = Counter()


def check(number: str, *answers: Any) -> None:
    """Check an answer and print one line: to do, not yet with the reason and a hint, or done. It never fails itself.

    Args:
        number: the number of the exercise, e.g. `"1.1"`.
        answers: what the exercise asks for, e.g. the function that was written.
    """
    try:
        exercise = find(number)
    except LookupError as error:
        print(f"Not checked: {error.args[0]}")
        return
    print(examine(exercise, *answers))


def hint(number: str) -> None:
    """Print the next hint of an exercise; each call goes one further, up to the last one.

    Args:
        number: the number of the exercise, e.g. `"1.1"`.
    """
    try:
        hints = find(number).hints
    except LookupError as error:
        print(f"No hint: {error.args[0]}")
        return
    _hints_given[number] = min(_hints_given[number] + 1, len(hints))
    place = _hints_given[number]
    last = " That was the last hint; the solved notebook has the answer." if place == len(hints) else ""
    print(f"Hint {place} of {len(hints)} for {number}: {hints[place - 1]}{last}")


def examine(exercise: Exercise, *answers: Any, seconds: float = SECONDS) -> str:
    """Run the cases of an exercise on an answer.

    The cases run in a thread of their own, so that an endless loop can be ended on every system.

    Args:
        exercise: what to check.
        answers: what the learner handed in.
        seconds: the time for all cases together.

    Returns:
        `"1.1 to do"`, `"1.1 not yet: ..."` or `"1.1 done (4 checks)"`, the same text for the same answer.
    """
    trial = _Trial(exercise, answers)
    # The context tells Jupyter to which cell the learner's own prints belong.
    context = contextvars.copy_context()
    context.run(purpose.set, f"check_{exercise.number}")
    thread = threading.Thread(target=context.run, args=(trial.run,), name=f"check {exercise.number}", daemon=True)
    thread.start()
    deadline = time.monotonic() + seconds
    stopped = f"still running after {seconds:g} s"
    try:
        while thread.is_alive() and time.monotonic() < deadline:
            thread.join(LOOK)
    except KeyboardInterrupt:
        stopped = "interrupted"
    if thread.is_alive():
        trial.stopped = stopped
        end(thread)
    return trial.verdict()


class _Trial:
    """The cases of one exercise on their way through one answer."""

    def __init__(self, exercise: Exercise, answers: tuple[Any, ...]) -> None:
        self._exercise, self._answers = exercise, answers
        self._passed = 0
        self._problem = ""
        self.stopped = ""

    def run(self) -> None:
        try:
            for case in self._exercise.cases:
                self._problem = self._try(case)
                if self._problem:
                    return
                self._passed += 1
        except TimeIsUp:
            return

    def _try(self, case: Case) -> str:
        """What is wrong in this case, empty if nothing is."""
        try:
            with one_case():
                case.run(*self._answers)
        except TimeIsUp:
            raise
        except NotKept as failure:
            return str(failure)
        # Whatever the learner's code raises belongs into the answer, `exit()` and Ctrl-C too.
        except BaseException as error:
            return self._in_words(error)
        return ""

    def _in_words(self, error: BaseException) -> str:
        if isinstance(error, NotImplementedError) and str(error).startswith("exercise "):
            number = str(error).removeprefix("exercise ")
            if number == self._exercise.number and self._passed:
                return f"a part of it is still to do {line_of_cell(error)}".rstrip()
            return f"{number} to do"
        # Brackets behind the name hand over what the function gave.
        if isinstance(error, TypeError) and self._answers and not callable(self._answers[0]):
            return f"{describe(self._answers[0])} is not callable: hand over the name alone, without brackets"
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
                return "still waiting for a lock"
            if isinstance(cause, psycopg.errors.QueryCanceled):
                return "a statement was still running at the time limit"
            cause = cause.__context__
        return " ".join(filter(None, [f"{type(error).__name__}: {steady(str(error))}", line_of_cell(error)]))

    def verdict(self) -> str:
        number, cases = self._exercise.number, self._exercise.cases
        problem = self.stopped or self._problem
        if not problem:
            return f"{number} done ({len(cases)} check{'s' if len(cases) > 1 else ''})"
        if problem.endswith(" to do") and self._passed == 0:
            return problem if problem == f"{number} to do" else f"{number} to do (first: {problem})"
        case = cases[self._passed]
        full_stop = "" if problem.endswith((".", "!", "?")) else "."
        return f"{number} not yet: {case.name}: {problem}{full_stop} Hint: {self._exercise.hints[case.hint - 1]}"
