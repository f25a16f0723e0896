"""Watch over one copy while it runs, end it where it goes too far, and note how each answer stands.

The copy runs in a process of its own (`workbook.grading.sitting`). Where that hangs, crashes or takes too much, it is
ended, and another one goes on behind the place where it happened, in a fresh folder and a fresh database.
"""

from __future__ import annotations

import contextlib
import json
import queue
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from psycopg.conninfo import make_conninfo

from workbook.answers import Asked, Found
from workbook.grading import folders, processes
from workbook.grading.channel import LONGEST, Receiver
from workbook.grading.rooms import Room, Rooms
from workbook.grading.submissions import Copy
from workbook.notebooks import REAL_HANDS

LOOK = 0.25  # seconds
# To start Python, import what the checks need, and get ready, on a busy machine.
STARTING = 120.0
# A check ends by itself after its time. Only what cannot be ended from inside needs longer.
GRACE = 5.0
# What a process has written last may arrive after its end.
LAST_WORDS = 5.0
# The time for a copy as a whole, in times of that for one cell.
WHOLE = 15
# After so many incidents the rest of a copy is not tried any more.
MOST_INCIDENTS = 6
# Day 9 runs three processes at a time.
MOST_PROCESSES = 50
# Address space that the packages of a notebook reserve without using it.
RESERVED = 4_000_000_000
# Errors of an answer that would have ended a process of its own, or nearly.
CRASHES = {"RecursionError", "MemoryError", "SystemExit", "KeyboardInterrupt"}


@dataclass(frozen=True)
class Limits:
    """What one copy may take.

    Args:
        seconds: for one cell; the copy as a whole has 15 times as long.
        check: the seconds for the checks of one exercise; in the notebook, where somebody waits for them, it is less.
        memory: bytes of memory, with all processes that it starts.
        disk: bytes in its folder, and as many in its database.
    """

    seconds: float = 60.0
    check: float = 60.0
    memory: int = 1_000_000_000
    disk: int = 200_000_000


@dataclass(frozen=True)
class Grade:
    """How one answer stands.

    Args:
        state: `"done"`, `"not yet"`, `"to do"`, `"missing"`, `"unreadable"`, `"timed out"`, `"crashed"` or
            `"over limit"`.
        detail: the first failing case and what is wrong, or what happened; empty where all is well.
    """

    state: str
    detail: str = ""


@dataclass
class Graded:
    """How a copy stands.

    Args:
        copy: which one.
        grades: one for each exercise, by its number.
        notes: what else was noticed.
        failed: which cells failed, and how.
    """

    copy: Copy
    grades: dict[str, Grade]
    notes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Incident:
    """Why a process had to be ended, or ended by itself, and where it was then."""

    grade: Grade
    cell: int | None = None
    check: str | None = None


class CannotStartError(Exception):
    """The process for a copy does not even begin. That is no fault of the copy."""


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
        end = time.monotonic() + WHOLE * self._limits.seconds
        for place in range(MOST_INCIDENTS):
            left = [(exercise, found) for exercise, found in asked if exercise.number not in graded.grades]
            if not left or self._stop.is_set() or time.monotonic() > end:
                break
            incident = self._run_once(graded, left, skip, end, whole=place == 0)
            if incident is None:
                break
            self._note(incident, graded, left, skip)
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

    def _note(self, incident: _Incident, graded: Graded, left: list[tuple[Asked, Found]], skip: set[int]) -> None:
        if incident.check is not None:
            graded.grades[incident.check] = incident.grade
        elif incident.cell is not None:
            skip.add(incident.cell)
            what = f"code cell {incident.cell + 1} {incident.grade.state}: {incident.grade.detail}"
            graded.notes.append(f"{what}; it was left out")
            for exercise, found in left:
                if found.place == incident.cell:
                    graded.grades[exercise.number] = incident.grade

    def _run_once(
        self, graded: Graded, left: list[tuple[Asked, Found]], skip: set[int], end: float, *, whole: bool
    ) -> _Incident | None:
        room = self._rooms.make()
        name = f"{self._run}_{room.name.rpartition('_')[2]}"
        folder = self._folder / f"copy-{room.name.rpartition('_')[2]}"
        try:
            (folder / processes.WORK).mkdir(parents=True)
            (folder / processes.HOME).mkdir()
            graded.notes += folders.bring_along(graded.copy.folder, folder / processes.WORK, self._limits.disk // 2)
            return _Sitting(self, name, room, folder, graded, left, skip, end, whole=whole).run()
        finally:
            self._rooms.remove(room)
            folders.remove(folder)


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


class _Sitting:
    """One process on its way through a copy."""

    def __init__(
        self,
        watch: Watch,
        name: str,
        room: Room,
        folder: Path,
        graded: Graded,
        left: list[tuple[Asked, Found]],
        skip: set[int],
        end: float,
        *,
        whole: bool,
    ) -> None:
        self._rooms, self._limits, self._stop = watch._rooms, watch._limits, watch._stop
        self._name, self._room, self._folder, self._graded = name, room, folder, graded
        secret = secrets.token_hex(32)
        self._receiver = Receiver(secret)
        cells = graded.copy.cells
        last = max(found.place for _, found in left if found.place is not None)
        self._order = {
            "secret": secret,
            # What comes behind the last answer cannot change it any more. It is run once, by the first process.
            "cells": [(place, cell.source) for place, cell in enumerate(cells) if whole or place <= last],
            "ask": [(exercise.number, found.place, exercise.arguments) for exercise, found in left],
            "skip": sorted(skip),
            "checks": watch._checks.get(graded.copy.day.number, {}),
            "seconds": self._limits.check,
            "memory": self._limits.memory + RESERVED,
            "disk": self._limits.disk,
        }
        self._may_fail = {place for place, cell in enumerate(cells) if "raises-exception" in cell.tags}
        self._opens_a_day = any("open_day(" in cell.source for cell in cells)
        self._cell: int | None = None
        self._check: str | None = None
        self._case = ""
        self._end = end
        self._until = time.monotonic() + STARTING
        self._ready = self._over = False
        self._empty = self._rooms.size(room)
        self._ended = threading.Event()

    def run(self) -> _Incident | None:
        """Run to the end, or to an incident."""
        surroundings = processes.environment(
            self._name, self._folder, EVENTSTORE_URL=make_conninfo(self._room.url), **{REAL_HANDS: ""}
        )
        command = [sys.executable, "-P", "-m", "workbook.grading.sitting"]
        process = processes.start(command, self._folder, surroundings)
        assert process.stdin is not None
        assert process.stdout is not None
        lines: queue.Queue[bytes | None] = queue.Queue(maxsize=1_000)
        reader = threading.Thread(target=_read, args=(process.stdout, lines, self._ended), daemon=True)
        try:
            reader.start()
            with contextlib.suppress(OSError):
                process.stdin.write(json.dumps(self._order).encode() + b"\n")
                process.stdin.flush()
            incident = self._follow(lines, process)
        finally:
            self._ended.set()
            processes.kill_all(process, self._name)
            with contextlib.suppress(OSError):
                process.stdin.close()
        if incident is None and self._over:
            self._look_back()
        return incident

    def _follow(self, lines: queue.Queue[bytes | None], process: subprocess.Popen[bytes]) -> _Incident | None:
        looked = time.monotonic()
        while not self._over:
            if self._stop.is_set():
                return None
            # Asked before the waiting: after that, its last words may still be on their way.
            ended = process.poll() is not None
            try:
                line = lines.get(timeout=LAST_WORDS if ended else LOOK)
            except queue.Empty:
                line = None if ended else b""
            if line is None:
                return self._gone(process)
            message = self._receiver.read(line) if line else None
            if message and (incident := self._take(message)):
                return incident
            if self._receiver.strange > LONGEST:
                return self._incident("over limit", "wrote onto the grader's own channel without end")
            now = time.monotonic()
            # Where the grader itself was held up, what has been written meanwhile must be read first.
            if not message and now > self._until:
                if not self._ready:
                    raise CannotStartError(
                        f"no process for a copy was ready within {STARTING:g} s: where this machine is busy,"
                        " try --at-once 1"
                    )
                if now > self._end:
                    return self._incident(
                        "timed out", f"the copy as a whole ran longer than {WHOLE * self._limits.seconds:g} s"
                    )
                return self._incident("timed out", f"still running after {self._patience:g} s")
            if now - looked > LOOK:
                looked = now
                if too_much := self._too_much(process):
                    return self._incident("over limit", too_much)
        return None

    def _take(self, message: dict[str, Any]) -> _Incident | None:
        """What a message means. Each one that begins something sets the time until which it must end."""
        if "ready" in message:
            self._ready = True
            self._allow(self._limits.seconds)
        elif "cell" in message:
            self._cell = message["cell"]
            self._allow(self._limits.seconds)
        elif "ran" in message:
            if message["error"] and message["ran"] not in self._may_fail:
                self._graded.failed.append(f"code cell {message['ran'] + 1} failed: {message['error']}")
        elif "check" in message:
            self._check, self._case = message["check"], ""
            self._allow(self._limits.check + GRACE)
        elif "case" in message:
            self._case = message["case"]
        elif "verdict" in message:
            return self._judge(message["verdict"])
        elif "over" in message:
            self._over = True
        return None

    def _judge(self, verdict: dict[str, Any]) -> _Incident | None:
        number, self._check = self._check, None
        assert number is not None
        state = "crashed" if verdict["error"] in CRASHES else verdict["state"]
        detail = ": ".join(filter(None, [verdict["case"], verdict["problem"]])) if state != "to do" else ""
        grade = Grade(state, detail)
        if verdict["stuck"]:
            # What could not be ended still runs in there, and could disturb the next exercise.
            return _Incident(grade, check=number)
        self._graded.grades[number] = grade
        self._allow(self._limits.seconds)
        return None

    def _allow(self, seconds: float) -> None:
        self._patience = seconds
        self._until = min(time.monotonic() + seconds, self._end)

    def _too_much(self, process: subprocess.Popen[bytes]) -> str:
        limits = self._limits
        memory, count = processes.memory_and_processes(process)
        if memory > limits.memory:
            return f"more than {limits.memory // 1_000_000} MB of memory"
        if count > MOST_PROCESSES:
            return f"more than {MOST_PROCESSES} processes"
        return self._too_much_on_disk()

    def _too_much_on_disk(self) -> str:
        used, files = folders.size(self._folder)
        if used >= self._limits.disk:
            return f"more than {self._limits.disk // 1_000_000} MB in its folder"
        if files > folders.MOST_FILES:
            return f"more than {folders.MOST_FILES:,} files and folders"
        if self._rooms.size(self._room) - self._empty > self._limits.disk:
            return f"more than {self._limits.disk // 1_000_000} MB in its database"
        return ""

    def _incident(self, state: str, detail: str) -> _Incident:
        if self._check is not None:
            return _Incident(Grade(state, ": ".join(filter(None, [self._case, detail]))), check=self._check)
        return _Incident(Grade(state, detail), cell=self._cell)

    def _gone(self, process: subprocess.Popen[bytes]) -> _Incident:
        try:
            code = process.wait(timeout=LAST_WORDS)
        except subprocess.TimeoutExpired:
            return self._incident("crashed", "cut the line to the grader")
        if not self._ready:
            raise CannotStartError(
                f"the process for a copy {processes.ended(code)} before the first cell:"
                " `python3 -m workbook doctor` says what is wrong here"
            )
        if too_much := self._too_much_on_disk():
            return self._incident("over limit", too_much)
        return self._incident("crashed", processes.ended(code))

    def _look_back(self) -> None:
        """What can be seen only when the copy has run to its end."""
        notes = self._graded.notes
        if self._receiver.strange:
            notes.append("wrote onto the grader's own channel: that counts for nothing")
        if too_much := self._too_much_on_disk():
            notes.append(f"wrote {too_much}")
        if self._opens_a_day and not self._rooms.has_schema(self._room, f"day{self._graded.copy.day.number:02d}_"):
            notes.append("dropped the schema of its day")


def _read(file: IO[bytes], lines: queue.Queue[bytes | None], ended: threading.Event) -> None:
    """Pass on what comes, line by line. A line that does not end is cut."""
    line: bytes | None = b"."
    while line and not ended.is_set():
        try:
            line = file.readline(LONGEST)
        except (OSError, ValueError):
            line = b""
        _put(lines, line or None, ended)


def _put(lines: queue.Queue[bytes | None], line: bytes | None, ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            lines.put(line, timeout=1)
            return
        except queue.Full:
            continue
