"""`python3 -m workbook grade`."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from workbook.answers import Asked, AskedDay
    from workbook.grading.run import Result

Folders = Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="A learner's folder, or a folder of such.")]
Seconds = Annotated[float, typer.Option(metavar="SECONDS", min=1, help="For one cell, and for one exercise's checks.")]
Memory = Annotated[int, typer.Option(metavar="MB", min=300, help="How much memory one copy may take.")]


def grade(
    folders: Folders,
    days: Annotated[str | None, typer.Option(metavar="DAYS", help="E.g. 1-3 or 2,5; without it all handed in.")] = None,
    checks: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="More checks, of your own: day03.py ...")
    ] = None,
    junitxml: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the result as JUnit XML.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the result as CSV.")] = None,
    timeout: Seconds = 60,
    memory: Memory = 1_000,
    at_once: Annotated[int | None, typer.Option(min=1, help="How many copies run at a time.")] = None,
) -> None:
    """Run each copy that was handed in, and check its answers. What the notebooks print counts for nothing.

    The exit code is 0 when all was graded, whatever came out, and 1 when grading itself was not possible.
    This is no sandbox: see docs/instructor/grading.md before you grade what strangers wrote.
    """
    from workbook.grading import report
    from workbook.grading.grades import Limits

    for out in (junitxml, csv):
        if out and not out.resolve().parent.is_dir():
            _stop(f"{out} cannot be written: there is no folder {out.resolve().parent}")
    limits = Limits(seconds=timeout, check=timeout, memory=memory * 1_000_000)
    result = _graded(folders, days=_days(days), checks=checks, limits=limits, at_once=at_once)
    report.print_result(result)
    try:
        if junitxml:
            report.write_junit(result, junitxml)
        if csv:
            report.write_csv(result, csv)
    except OSError as error:
        _stop(f"The result cannot be written: {error}")


def check_own(copy: Path, days: Sequence[tuple[AskedDay, list[tuple[Asked, str]] | str]]) -> None:
    """Run a learner's own notebooks and show how each exercise stands.

    Args:
        copy: the learner's folder.
        days: every day, as `workbook.copies.progress` gives it.
    """
    from workbook.grading.report import remarks
    from workbook.tables import print_progress

    graded = {one.copy.day.number: one for one in _graded([copy]).graded if one.copy.path}
    stand: list[tuple[AskedDay, list[tuple[Asked, str]] | str]] = []
    for day, saved in days:
        one = graded.get(day.number)
        found = [(asked, one.grades[asked.number].state) for asked in day.exercises] if one else saved
        stand.append((day, found))
    print_progress(stand, "This is what the checks said just now. What you have not saved was not seen.")
    for number, one in sorted(graded.items()):
        for line in remarks(one):
            print(f"Day {number}: {line}")


def _graded(folders: list[Path], **options: Any) -> Result:
    """Grade with a bar that shows how far it has come. What makes grading impossible ends the command."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from eventstore.embedded import host
    from eventstore.errors import EventStoreError
    from workbook.answers import CourseError
    from workbook.classroom import ClassroomError
    from workbook.grading import run
    from workbook.grading.attempt import CannotStartError
    from workbook.grading.submissions import NothingToGradeError

    columns = (TextColumn("Running"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    console = Console(stderr=True)
    try:
        bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        # A CI that is cancelled asks to end; that is answered like Ctrl-C.
        with host.asked_to_end(_interrupt), bar:
            task = bar.add_task("", total=None)

            def tell(done: int, of: int, what: str) -> None:
                bar.update(task, completed=done, total=of, description=escape(what))

            return run.grade(folders, tell=tell, **options)
    except ClassroomError as error:
        _stop(f"Each notebook is run in a database of its own. {error}")
    except (CourseError, NothingToGradeError, run.OwnChecksError, CannotStartError, EventStoreError, OSError) as error:
        _stop(str(error))
    except KeyboardInterrupt:
        print("Stopped. All that was running has been ended and cleared away.", file=sys.stderr)
        raise typer.Exit(130) from None


def _interrupt() -> NoReturn:
    raise KeyboardInterrupt


def _days(text: str | None) -> set[int] | None:
    if text is None:
        return None
    chosen: set[int] = set()
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d\d?)\s*(?:-\s*(\d\d?)\s*)?", part)
        days = range(int(found[1]), int(found[2] or found[1]) + 1) if found else range(0)
        if not days:
            _stop(f"--days {text} says no days: write 3, or 1-3, or 2,5")
        chosen |= set(days)
    return chosen


def _stop(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise typer.Exit(1)
