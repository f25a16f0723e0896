"""Run one copy and check its answers, in a process of its own. Started by `workbook.grading.attempt`.

It reads one JSON object from its input and sends signed messages (`workbook.grading.channel`):

    {"ready": true}                                   when the first cell may begin
    {"cell": 3} {"ran": 3, "error": "..."}            around each code cell; the error is empty where all was well
    {"check": "1.2"} {"case": "..."} {"verdict": ...} around the checks of an exercise, which come right after its cell
    {"over": true}                                    at the end

Cells may do anything, so whoever reads this must do with what has come.
"""

from __future__ import annotations

import ast
import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from types import ModuleType
from typing import Any

from eventstore.embedded import host
from workbook.check import Verdict, judge
from workbook.exercise import Case, Exercise, find
from workbook.expect import steady
from workbook.grading.channel import Sender

# What a copy's check cell calls: the grader asks by itself.
CALLS = {"check", "hint"}


def main() -> None:
    """Do what the input asks for."""
    order = json.loads(sys.stdin.readline())
    # The lines to the grader get other numbers, and whatever a cell prints goes nowhere.
    sender = Sender(os.dup(1), order["secret"])
    until = os.dup(0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    threading.Thread(target=_end_with_the_grader, args=(until,), daemon=True).start()
    host.bound_this_process(order["memory"], order["disk"])
    exercises = {number: _exercise(number, order["checks"]) for number, _, _ in order["ask"]}
    _part_with_the_course()
    cells, skip = order["cells"], set(order["skip"])
    ask: dict[int, list[tuple[Exercise, list[str]]]] = {}
    for number, place, arguments in order["ask"]:
        ask.setdefault(place, []).append((exercises[number], arguments))
    seconds = order["seconds"]
    del order
    _run(cells, skip, ask, seconds, sender.send)


def _end_with_the_grader(until: int) -> None:
    """Nothing more ever comes from the grader. When its end is closed, it has ended, however that came about."""
    os.read(until, 1)
    host.end_group(0)
    os._exit(1)


def _exercise(number: str, texts: dict[str, str]) -> Exercise:
    """The exercise of the course, with what the instructor's own checks ask besides."""
    exercise = find(number)
    for name, text in texts.items():
        module = ModuleType("own_checks")
        exec(compile(text, name, "exec"), vars(module))
        own = [case for other in module.EXERCISES if other.number == number for case in other.cases]
        exercise = replace(exercise, cases=(*exercise.cases, *own))
    return exercise


def _part_with_the_course() -> None:
    """Leave the checks to us alone: what a cell imports from now on is another copy of them, which it may change."""
    for name in [name for name in sys.modules if name.split(".")[0] == "workbook"]:
        del sys.modules[name]


def _run(
    cells: list[tuple[int, str]],
    skip: set[int],
    ask: dict[int, list[tuple[Exercise, list[str]]]],
    seconds: float,
    send: Callable[[dict[str, Any]], None],
) -> None:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell.instance(
        config=Config(HistoryManager={"enabled": False}, InteractiveShell={"colors": "NoColor"})
    )
    # Only now: a module that lies beside the notebook must not stand in for one that was needed up to here.
    sys.path.insert(0, "")
    send({"ready": True})
    for place, source in cells:
        if place not in skip and not _only_asks(source):
            send({"cell": place})
            error = _error_of(shell, source)
            send({"ran": place, "error": f"{type(error).__name__}: {steady(str(error))}" if error else ""})
        for exercise, arguments in ask.get(place, []):
            send({"check": exercise.number})
            send({"verdict": asdict(_judged(exercise, arguments, shell.user_ns, seconds, send))})
    send({"over": True})


def _error_of(shell: Any, source: str) -> BaseException | None:
    """Run one cell. Returns what it raised."""
    try:
        done = shell.run_cell(source)
    # What IPython lets through, e.g. a text that is no Unicode, or an interrupt that the cell has asked for.
    except BaseException as let_through:
        return let_through
    error: BaseException | None = done.error_before_exec or done.error_in_exec
    return error


def _only_asks(source: str) -> bool:
    """Whether a cell does nothing but call `check` or `hint`, which would do again what is done here."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return bool(body) and all(
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id in CALLS
        for node in body
    )


def _judged(
    exercise: Exercise,
    arguments: list[str],
    names: dict[str, Any],
    seconds: float,
    send: Callable[[dict[str, Any]], None],
) -> Verdict:
    try:
        answers = [eval(argument, names) for argument in arguments]
    except BaseException as error:
        return Verdict("not yet", problem=f"{type(error).__name__}: {steady(str(error))}")

    def announced(case: Case) -> Case:
        def run(*given: Any) -> None:
            send({"case": case.name})
            case.run(*given)

        return replace(case, run=run)

    return judge(replace(exercise, cases=tuple(map(announced, exercise.cases))), *answers, seconds=seconds)


if __name__ == "__main__":
    main()
