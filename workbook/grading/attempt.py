"""One process that runs a copy (`workbook.grading.sitting`): follow it, and end it where it goes too far."""

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
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from workbook.answers import Asked, Found
from workbook.grading import folders, processes
from workbook.grading.channel import LONGEST, Receiver
from workbook.grading.grades import Grade, Graded, Limits
from workbook.grading.rooms import Room, Rooms
from workbook.notebooks import REAL_HANDS

LOOK = 0.25  # seconds
# To start Python, import what the checks need, and get ready, on a busy machine.
STARTING = 120.0
# A check ends by itself after its time. Only what cannot be ended from inside needs longer.
GRACE = 5.0
# What a process has written last may arrive after its end.
LAST_WORDS = 5.0
# Day 9 runs three processes at a time.
MOST_PROCESSES = 50
# Address space that the packages of a notebook reserve without using it.
RESERVED = 4_000_000_000
# Errors of an answer that would have ended a process of its own, or nearly.
CRASHES = {"RecursionError", "MemoryError", "SystemExit", "KeyboardInterrupt"}


@dataclass(frozen=True)
class Task:
    """What a process is to do.

    Args:
        left: the exercises to ask, and where their answers are.
        skip: the cells that are left out.
        whole: whether also those behind the last answer are run, which cannot change it any more.
        checks: the instructor's own checks of this day, by the names of the files.
        end: when the time for the copy is over, by the monotonic clock.
    """

    left: list[tuple[Asked, Found]]
    skip: set[int]
    whole: bool
    checks: Mapping[str, str]
    end: float


@dataclass(frozen=True)
class Place:
    """Where a process works.

    Args:
        name: what its processes are known by, see `processes.VARIABLE`.
        room: on the server.
        folder: on the disk.
    """

    name: str
    room: Room
    folder: Path


@dataclass(frozen=True)
class Incident:
    """Why a process had to be ended, or ended by itself, and in which cell or check it was then."""

    grade: Grade
    cell: int | None = None
    check: str | None = None


class CannotStartError(Exception):
    """The process for a copy does not even begin. That is no fault of the copy."""


class Attempt:
    """One process on its way through a copy.

    Args:
        graded: the copy; what comes out is noted here.
        task, place, limits: what the process does, where, and within what.
        rooms: that of its place is one of them.
        stop: set when the run is to end.
    """

    def __init__(
        self, graded: Graded, task: Task, place: Place, limits: Limits, rooms: Rooms, stop: threading.Event
    ) -> None:
        self._graded, self._place, self._limits, self._rooms, self._stop = graded, place, limits, rooms, stop
        secret = secrets.token_hex(32)
        self._receiver = Receiver(secret)
        cells = graded.copy.cells
        last = max(found.place for _, found in task.left if found.place is not None)
        self._order = {
            "secret": secret,
            "cells": [(number, cell.source) for number, cell in enumerate(cells) if task.whole or number <= last],
            "ask": [(exercise.number, found.place, exercise.arguments) for exercise, found in task.left],
            "skip": sorted(task.skip),
            "checks": dict(task.checks),
            "seconds": limits.check,
            "memory": limits.memory + RESERVED,
            "disk": limits.disk,
        }
        self._may_fail = {number for number, cell in enumerate(cells) if "raises-exception" in cell.tags}
        self._opens_a_day = any("open_day(" in cell.source for cell in cells)
        self._cell: int | None = None
        self._check: str | None = None
        self._case = ""
        self._end = task.end
        self._until = time.monotonic() + STARTING
        self._ready = self._over = False
        self._empty = rooms.size(place.room)
        self._ended = threading.Event()

    def run(self) -> Incident | None:
        """Run to the end, or to an incident."""
        name, folder, url = self._place.name, self._place.folder, self._place.room.url
        surroundings = processes.environment(name, folder, EVENTSTORE_URL=url, **{REAL_HANDS: ""})
        process = processes.start([sys.executable, "-P", "-m", "workbook.grading.sitting"], folder, surroundings)
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
            processes.kill_all(process, name)
            with contextlib.suppress(OSError):
                process.stdin.close()
        if incident is None and self._over:
            self._look_back()
        return incident

    def _follow(self, lines: queue.Queue[bytes | None], process: subprocess.Popen[bytes]) -> Incident | None:
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
                return self._late(now)
            if now - looked > LOOK:
                looked = now
                if too_much := self._too_much(process):
                    return self._incident("over limit", too_much)
        return None

    def _late(self, now: float) -> Incident:
        if not self._ready:
            raise CannotStartError(
                f"no process for a copy was ready within {STARTING:g} s: where this machine is busy, try --at-once 1"
            )
        if now > self._end:
            return self._incident("timed out", f"the copy as a whole ran longer than {self._limits.whole:g} s")
        return self._incident("timed out", f"still running after {self._patience:g} s")

    def _take(self, message: dict[str, Any]) -> Incident | None:
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

    def _judge(self, verdict: dict[str, Any]) -> Incident | None:
        number, self._check = self._check, None
        assert number is not None
        state = "crashed" if verdict["error"] in CRASHES else verdict["state"]
        detail = ": ".join(filter(None, [verdict["case"], verdict["problem"]])) if state != "to do" else ""
        grade = Grade(state, detail)
        if verdict["stuck"]:
            # What could not be ended still runs in there, and could disturb the next exercise.
            return Incident(grade, check=number)
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
        used, files = folders.size(self._place.folder)
        if used >= self._limits.disk:
            return f"more than {self._limits.disk // 1_000_000} MB in its folder"
        if files > folders.MOST_FILES:
            return f"more than {folders.MOST_FILES:,} files and folders"
        if self._rooms.size(self._place.room) - self._empty > self._limits.disk:
            return f"more than {self._limits.disk // 1_000_000} MB in its database"
        return ""

    def _incident(self, state: str, detail: str) -> Incident:
        if self._check is not None:
            return Incident(Grade(state, ": ".join(filter(None, [self._case, detail]))), check=self._check)
        return Incident(Grade(state, detail), cell=self._cell)

    def _gone(self, process: subprocess.Popen[bytes]) -> Incident:
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
        schema = f"day{self._graded.copy.day.number:02d}_"
        if self._opens_a_day and not self._rooms.has_schema(self._place.room, schema):
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
