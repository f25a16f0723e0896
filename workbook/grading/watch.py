"""Grade one copy: run it, and note how each answer stands.

The copy runs in a process of its own. Where that hangs, crashes or takes too much, it is ended, and another one goes on
behind the place where it happened, in a fresh folder and a fresh database.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path

from workbook.answers import Asked, Found
from workbook.grading import folders, processes
from workbook.grading.attempt import Attempt, Incident, Place, Task
from workbook.grading.grades import Grade, Graded, Limits
from workbook.grading.rooms import Rooms
from workbook.grading.submissions import Copy

# After so many incidents the rest of a copy is not tried any more.
MOST_INCIDENTS = 6


class Watch:
    """What is the same for all copies of a run.

    Args:
        run: the name of the run, see `processes.new_run`.
        rooms: where to get a place on the server.
        folder: where each copy gets a folder of its own.
        limits: what each may take.
        checks: the text of the instructor's own checks by the names of the files.
        stop: set when the run is to end.
    """

    def __init__(
        self,
        run: str,
        rooms: Rooms,
        folder: Path,
        limits: Limits,
        checks: Mapping[int, Mapping[str, str]],
        stop: threading.Event,
    ) -> None:
        self._run, self._rooms, self._folder, self._limits = run, rooms, folder, limits
        self._checks, self._stop = checks, stop

    def grade(self, copy: Copy) -> Graded:
        """Run a copy as often as it takes to have a grade for each exercise.

        Raises:
            CannotStartError: no process could be started.
            EventStoreError: the server went away.
        """
        graded = Graded(copy, {}, list(copy.notes))
        asked = []
        for exercise, found in copy.answers:
            if grade := _without_running(copy, exercise, found):
                graded.grades[exercise.number] = grade
            else:
                asked.append((exercise, found))
        skip: set[int] = set()
        incident = None
        end = time.monotonic() + self._limits.whole
        for attempt in range(MOST_INCIDENTS):
            left = [(exercise, found) for exercise, found in asked if exercise.number not in graded.grades]
            if not left or self._stop.is_set() or time.monotonic() > end:
                break
            task = Task(left, skip, attempt == 0, self._checks.get(copy.day.number, {}), end)
            incident = self._run_once(graded, task)
            if incident is None:
                break
            _note(incident, graded, task)
        for exercise, _ in asked:
            if exercise.number not in graded.grades and incident:
                why = f"not tried any more; what happened last: {incident.grade.detail}"
                graded.grades[exercise.number] = Grade(incident.grade.state, why)
        # In the order of the day, and each note once.
        graded.grades = {
            exercise.number: graded.grades.get(exercise.number, Grade("missing")) for exercise, _ in copy.answers
        }
        graded.notes = list(dict.fromkeys(graded.notes))
        graded.failed = list(dict.fromkeys(graded.failed))
        return graded

    def _run_once(self, graded: Graded, task: Task) -> Incident | None:
        room = self._rooms.make()
        number = room.name.rpartition("_")[2]
        place = Place(f"{self._run}_{number}", room, self._folder / f"copy-{number}")
        try:
            (place.folder / processes.WORK).mkdir(parents=True)
            (place.folder / processes.HOME).mkdir()
            beside = graded.copy.folder
            graded.notes += folders.bring_along(beside, place.folder / processes.WORK, self._limits.disk // 2)
            return Attempt(graded, task, place, self._limits, self._rooms, self._stop).run()
        finally:
            self._rooms.remove(room)
            folders.remove(place.folder)


def _without_running(copy: Copy, exercise: Asked, found: Found) -> Grade | None:
    """The grade of what need not be run, None for all else."""
    if copy.problem:
        return Grade("missing" if copy.path is None else "unreadable", copy.problem)
    if found.place is None:
        return Grade("missing", found.problem)
    if found.problem:
        return Grade("not yet", found.problem)
    if found.to_do and found.source.split() == exercise.stub.split():
        return Grade("to do")
    return None


def _note(incident: Incident, graded: Graded, task: Task) -> None:
    """Grade what an incident happened in, and leave out its cell from now on."""
    if incident.check is not None:
        graded.grades[incident.check] = incident.grade
    elif incident.cell is not None:
        task.skip.add(incident.cell)
        what = f"code cell {incident.cell + 1} {incident.grade.state}: {incident.grade.detail}"
        graded.notes.append(f"{what}; it was left out")
        for exercise, found in task.left:
            if found.place == incident.cell:
                graded.grades[exercise.number] = incident.grade
