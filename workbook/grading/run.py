"""Grade what was handed in: several copies at a time, each watched, and nothing left behind."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from eventstore.database import server_url
from workbook.answers import AskedDay, read_course
from workbook.grading import processes
from workbook.grading.attempt import LOOK
from workbook.grading.grades import Graded, Limits
from workbook.grading.rooms import Rooms
from workbook.grading.submissions import NothingToGradeError, find_learners, read_copy
from workbook.grading.watch import Watch
from workbook.paths import NOTEBOOKS

# Each copy may keep a processor busy, and its database another one.
MOST_AT_ONCE = 4


class OwnChecksError(Exception):
    """The instructor's own checks cannot be used. The text names the file and what is wrong."""


@dataclass(frozen=True)
class Result:
    """What came out.

    Args:
        learners: the names in the order of the table.
        days: the days that were graded.
        graded: each copy, by learner and day in this order.
        notes: what lay among the folders and is nobody's.
    """

    learners: list[str]
    days: list[AskedDay]
    graded: list[Graded]
    notes: list[str]


def grade(
    folders: Iterable[Path],
    *,
    days: set[int] | None = None,
    checks: Path | None = None,
    limits: Limits | None = None,
    at_once: int | None = None,
    notebooks: Path = NOTEBOOKS,
    tell: Callable[[int, int, str], None] = lambda done, of, what: None,
) -> Result:
    """Run every copy and check its answers.

    Args:
        folders: each a learner's, or a folder of such folders.
        days: the days to grade; None for all of which somebody has handed in a notebook.
        checks: a folder with own checks: `dayNN.py`, written like `workbook/exercises/dayNN.py`.
        limits: what one copy may take; None for the usual.
        at_once: how many copies to run at a time; None for as many as there are processors, up to 4.
        notebooks: the folder of the course.
        tell: called after each copy: how many are done, of how many, and which one it was.

    Raises:
        CourseError: a notebook of the course is missing or damaged.
        NothingToGradeError: no notebook was found, or there is no such day.
        OwnChecksError: see there.
        ClassroomError: the role of EVENTSTORE_URL may not make roles and databases.
        EventStoreError: the server cannot be reached, or went away.
        CannotStartError: no process for a copy can be started.
    """
    course = read_course(notebooks)
    own = read_checks(checks, course)
    learners, notes = find_learners(folders)
    asked = _chosen(course, days)
    copies = [read_copy(name, folder, day) for name, folder in learners.items() for day in asked]
    if days is None:
        begun = {copy.day.number for copy in copies if copy.path}
        copies = [copy for copy in copies if copy.day.number in begun]
    processes.clear_after_killed_runs()
    run = processes.new_run()
    stop = threading.Event()
    graded: list[Graded] = []
    limits = limits or Limits()
    rooms = Rooms(server_url(), run, limits.disk)
    try:
        with tempfile.TemporaryDirectory(prefix=f"{processes.PREFIX}{run}_", ignore_cleanup_errors=True) as folder:
            watch = Watch(run, rooms, Path(folder), limits, own, stop)
            workers = rooms.at_once(at_once or min(os.cpu_count() or 1, MOST_AT_ONCE))
            pool = ThreadPoolExecutor(workers)
            try:
                waiting: list[Future[Graded]] = [pool.submit(watch.grade, copy) for copy in copies]
                for done, (copy, future) in enumerate(zip(copies, waiting, strict=True), start=1):
                    # On Windows, Ctrl-C is noticed only between two looks.
                    while not future.done():
                        wait([future], timeout=LOOK)
                    graded.append(future.result())
                    tell(done, len(copies), f"{copy.learner}, Day {copy.day.number}")
            finally:
                # After Ctrl-C, or where the server went away, all copies are ended before anything else.
                stop.set()
                pool.shutdown(cancel_futures=True)
    finally:
        rooms.close()
    days_graded = [day for day in asked if any(one.copy.day.number == day.number for one in graded)]
    return Result(list(learners), days_graded, graded, notes)


def _chosen(course: list[AskedDay], days: set[int] | None) -> list[AskedDay]:
    unknown = (days or set()) - {day.number for day in course}
    if unknown:
        raise NothingToGradeError(
            f"there is no day {min(unknown)}: there are {', '.join(str(day.number) for day in course)}"
        )
    return [day for day in course if days is None or day.number in days]


def read_checks(folder: Path | None, course: list[AskedDay]) -> Mapping[int, Mapping[str, str]]:
    """The instructor's own checks: for each day the text of its file, by name. Each is tried once.

    Raises:
        OwnChecksError: there are none, or one of them cannot be used.
    """
    if folder is None:
        return {}
    known = {exercise.number for day in course for exercise in day.exercises}
    found: dict[int, dict[str, str]] = {}
    for path in sorted(folder.glob("day[0-9][0-9].py")):
        text = path.read_text(encoding="utf-8-sig")
        names: dict[str, object] = {"__name__": "own_checks"}
        try:
            exec(compile(text, path.name, "exec"), names)
            numbers = [exercise.number for exercise in names["EXERCISES"]]  # type: ignore[attr-defined]
        except Exception as error:
            raise OwnChecksError(f"{path} cannot be used: {type(error).__name__}: {error}") from None
        if strange := sorted(set(numbers) - known):
            raise OwnChecksError(f"{path} checks {', '.join(strange)}, and the course has no such exercise")
        found[int(path.stem[3:])] = {path.name: text}
    if not found:
        raise OwnChecksError(f"{folder} holds no checks: name them day03.py and so on")
    return found
