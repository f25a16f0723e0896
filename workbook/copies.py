"""One day of the learner's copy: begin it, begin it again, compare it with the solution, see how far it has come."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

from workbook.answers import (
    Asked,
    AskedDay,
    CourseError,
    Found,
    UnreadableError,
    WrittenCell,
    find_answer,
    find_notebook,
    read_cells,
    read_course,
)
from workbook.learner import copy_day
from workbook.paths import MY, NOTEBOOKS

# What a reset puts aside. In a folder of its own, so that neither `assemble` nor `progress` takes it for an answer.
ASIDE = "before-reset"


class CopyError(Exception):
    """It cannot be done with the copy as it is. The text says why and what to type."""


def start_day(number: int, *, notebooks: Path = NOTEBOOKS, copy: Path = MY) -> Path:
    """Put a fresh copy of a day into the learner's folder, without outputs.

    Args:
        number: the day.
        notebooks: the folder of the learner's versions.
        copy: the learner's folder; it is made if need be.

    Returns:
        The new file.

    Raises:
        CopyError: there is no such day, a copy is there already, or the course itself is damaged.
    """
    source = notebooks / asked_day(number, notebooks).name
    own = copy / source.name
    if own.exists():
        raise CopyError(
            f"{copy.name}/{own.name} is there already, and stays as it is.\n"
            f"To begin it again, type python3 -m workbook reset {number}: that keeps a copy of it."
        )
    copy.mkdir(exist_ok=True)
    copy_day(source, own)
    return own


def reset_day(number: int, *, notebooks: Path = NOTEBOOKS, copy: Path = MY) -> tuple[Path, Path | None]:
    """Put what is there aside, and a fresh copy in its place.

    Args:
        number, notebooks, copy: see `start_day`.

    Returns:
        The new file, and where the old one is now; None where there was none.

    Raises:
        CopyError: there is no such day, or the course itself is damaged. The copy is where it was.
    """
    own = copy / asked_day(number, notebooks).name
    aside = None
    if own.exists():
        (copy / ASIDE).mkdir(exist_ok=True)
        numbered = (copy / ASIDE / f"{own.stem}-{count}.ipynb" for count in itertools.count(1))
        aside = next(path for path in numbered if not path.exists())
        # A rename never leaves half a file behind.
        own.rename(aside)
    return start_day(number, notebooks=notebooks, copy=copy), aside


def asked_day(number: int, notebooks: Path = NOTEBOOKS) -> AskedDay:
    """What a day asks.

    Raises:
        CopyError: there is no such day, or the course itself is damaged.
    """
    course = _course(notebooks)
    for day in course:
        if day.number == number:
            return day
    raise CopyError(f"there is no day {number}: there are {', '.join(str(day.number) for day in course)}")


def _course(notebooks: Path) -> list[AskedDay]:
    try:
        return read_course(notebooks)
    except CourseError as error:
        raise CopyError(str(error)) from None


def difference(number: int, *, notebooks: Path = NOTEBOOKS, copy: Path = MY) -> Iterator[tuple[str, list[str]]]:
    """Compare the exercises of a day with their solutions, one after the other.

    Args:
        number, notebooks, copy: see `start_day`.

    Yields:
        For each exercise one line that says how it stands, and the lines of a unified difference, if there is one:
        what begins with `-` is the learner's, what begins with `+` the solution's.

    Raises:
        CopyError: there is no such day, no copy of it that can be read, or the course itself is damaged.
    """
    day = asked_day(number, notebooks)
    own, notes = find_notebook(copy, day)
    if own is None:
        raise CopyError(
            f"There is no copy of Day {number} in {copy.name}/, so there is nothing to compare.\n"
            f"Type python3 -m workbook start {number} to begin it."
        )
    cells = _cells(own, copy)
    for note in notes:
        yield f"{note}.", []
    for asked in day.exercises:
        found = find_answer(cells, asked)
        yield _compared(asked, found)


def _cells(own: Path, copy: Path) -> list[WrittenCell]:
    try:
        return read_cells(own)
    except UnreadableError as error:
        raise CopyError(f"{copy.name}/{own.name} {error}.") from None


def _compared(asked: Asked, found: Found) -> tuple[str, list[str]]:
    if found.place is None:
        return f"{asked.number}: {found.problem}.", []
    if found.to_do:
        # Whoever has not tried yet shall not meet the answer here by accident.
        return f"{asked.number}: still to do, so its solution is not shown.", []
    lines = list(
        unified_diff(
            found.source.rstrip().splitlines(),
            asked.solution.rstrip().splitlines(),
            "mine",
            "solution",
            lineterm="",
        )
    )
    if not lines:
        return f"{asked.number}: the same as the solution.", []
    return f"{asked.number}:" + (f" {found.problem}." if found.problem else ""), lines


def last_said(cells: list[WrittenCell], asked: Asked, found: Found) -> str:
    """How an exercise stands by what the saved notebook says, without running anything.

    Returns:
        `"to do"`, `"missing"`, `"does not parse"` and the like from the cell itself; `"done"` or `"not yet"` where the
        check says so that was run after the cell; `"written"` where something is there that no check has seen.
    """
    if found.to_do:
        return "to do"
    if found.place is None:
        return "missing"
    if found.problem:
        return "not yet"
    verdict = re.compile(rf"^{re.escape(asked.number)} (done|not yet)\b", re.MULTILINE)
    written = cells[found.place].count
    for cell in reversed(cells):
        seen = verdict.search(cell.outputs)
        if seen and cell.count is not None and written is not None and cell.count > written:
            return seen[1]
    return "written"


def progress(
    *, notebooks: Path = NOTEBOOKS, copy: Path = MY
) -> Iterator[tuple[AskedDay, list[tuple[Asked, str]] | str]]:
    """How far the learner has come, as the saved notebooks say.

    Yields:
        Each day, with the state of each exercise (see `last_said`), or with the reason why there is none; the reason is
        empty where the day was not begun.

    Raises:
        CopyError: the course itself is damaged.
    """
    for day in _course(notebooks):
        own, _ = find_notebook(copy, day)
        if own is None:
            yield day, ""
            continue
        try:
            cells = read_cells(own)
        except UnreadableError as error:
            yield day, f"{own.name} {error}."
            continue
        yield day, [(asked, last_said(cells, asked, find_answer(cells, asked))) for asked in day.exercises]
