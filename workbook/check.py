"""Check an answer: run the cases of an exercise on it, within limits, and say in one line how it stands."""

from __future__ import annotations

import contextvars
import threading
import time
from collections import Counter
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Verdict:
    """How an answer stands.

    Args:
        state: `"to do"`, `"not yet"` or `"done"`; `"timed out"` where the cases had to be stopped.
        case: the first case that failed, or empty.
        problem: what is wrong, or empty.
        error: the name of the error that the answer raised, or empty.
        stuck: whether code of the answer still runs, which could not be ended.
    """

    state: str
    case: str = ""
    problem: str = ""
    error: str = ""
    stuck: bool = False


def examine(exercise: Exercise, *answers: Any, seconds: float = SECONDS) -> str:
    """Run the cases of an exercise on an answer, and say how it stands.

    Args:
        exercise, answers, seconds: see `judge`.

    Returns:
        `"1.1 to do"`, `"1.1 not yet: ..."` or `"1.1 done (4 checks)"`, the same text for the same answer.
    """
    return _in_one_line(exercise, judge(exercise, *answers, seconds=seconds))


def judge(exercise: Exercise, *answers: Any, seconds: float = SECONDS) -> Verdict:
    """Run the cases of an exercise on an answer.

    The cases run in a thread of their own, so that an endless loop can be ended on every system.

    Args:
        exercise: what to check.
        answers: what the learner handed in.
        seconds: the time for all cases together.
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
    return trial.verdict(stuck=thread.is_alive())


class _Trial:
    """The cases of one exercise on their way through one answer."""

    def __init__(self, exercise: Exercise, answers: tuple[Any, ...]) -> None:
        self._exercise, self._answers = exercise, answers
        self._passed = 0
        self._problem = ""
        self._error = ""
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
            self._error = type(error).__name__
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

    def verdict(self, *, stuck: bool) -> Verdict:
        # Code that was handed in may have ended this thread, or seen to it that none began.
        unfinished = "" if self._passed == len(self._exercise.cases) else "the check did not come to its end"
        problem = self.stopped or self._problem or unfinished
        if not problem:
            return Verdict("done")
        if problem.endswith(" to do") and self._passed == 0:
            return Verdict("to do", problem=problem)
        state = "timed out" if self.stopped else "not yet"
        return Verdict(state, self._exercise.cases[self._passed].name, problem, self._error, stuck)


def _in_one_line(exercise: Exercise, verdict: Verdict) -> str:
    number, cases, problem = exercise.number, exercise.cases, verdict.problem
    if verdict.state == "done":
        return f"{number} done ({len(cases)} check{'s' if len(cases) > 1 else ''})"
    if verdict.state == "to do":
        return problem if problem == f"{number} to do" else f"{number} to do (first: {problem})"
    case = next(case for case in cases if case.name == verdict.case)
    full_stop = "" if problem.endswith((".", "!", "?")) else "."
    return f"{number} not yet: {case.name}: {problem}{full_stop} Hint: {exercise.hints[case.hint - 1]}"
