"""What came out of grading: tables to read, JUnit XML for a CI, CSV for a spreadsheet."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from workbook.grading.grades import Graded
from workbook.grading.run import Result
from workbook.grading.submissions import printable

STYLES = {"done": "green", "not yet": "yellow", "to do": "dim", "missing": "dim"}
COLUMNS = ("learner", "day", "exercise", "state", "detail")
# Of a copy in which one thing has gone wrong, many cells may fail.
MOST_FAILED = 3


def print_result(result: Result) -> None:
    """Show a table of learners by exercises for each day, and below it what was wrong."""
    console = Console(highlight=False)
    for day in result.days:
        console.print(f"Day {day.number}: {day.title}", style="bold", soft_wrap=True)
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("learner")
        for exercise in day.exercises:
            table.add_column(exercise.number)
        copies = [graded for graded in result.graded if graded.copy.day.number == day.number]
        for graded in copies:
            states = (Text(grade.state, style=STYLES.get(grade.state, "red")) for grade in graded.grades.values())
            table.add_row(Text(graded.copy.learner), *states)
        console.print(table)
        for graded in copies:
            for line in remarks(graded):
                console.print(Text(f"  {graded.copy.learner}: {line}"), soft_wrap=True)
        console.print()
    for note in result.notes:
        console.print(Text(printable(f"{note}.")), soft_wrap=True)
    count = Counter(grade.state for graded in result.graded for grade in graded.grades.values())
    counted = ", ".join(f"{number} {state}" for state, number in count.most_common())
    learners = f"{len(result.learners)} learner{'s' if len(result.learners) > 1 else ''}"
    graded_copies = f"{len(result.graded)} {'copies' if len(result.graded) > 1 else 'copy'}"
    console.print(f"{learners}, {graded_copies}, {count.total()} answers: {counted}.", soft_wrap=True)


def remarks(graded: Graded) -> list[str]:
    """What is to be said about a copy, one sentence a line: first the answers, then what was noticed besides.

    An error's text and a file's name may hold what moves the cursor of a terminal, and what no file can be written in.
    """
    details = [f"{number} {grade.state}: {grade.detail}" for number, grade in graded.grades.items() if grade.detail]
    if graded.copy.problem:
        details = [graded.copy.problem]
    more = len(graded.failed) - MOST_FAILED
    rest = [f"{more} more cells failed"] if more > 0 else []
    return list(map(printable, [*details, *graded.notes, *graded.failed[:MOST_FAILED], *rest]))


def write_csv(result: Result, path: Path) -> None:
    """One line for each answer: learner, day, exercise, state, and the first failing case or what happened."""
    # Excel reads a file as UTF-8 only with a mark in front.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for graded in result.graded:
            for number, grade in graded.grades.items():
                detail = printable(grade.detail)
                learner = _no_formula(graded.copy.learner)
                writer.writerow((learner, graded.copy.day.number, number, grade.state, _no_formula(detail)))


def _no_formula(text: str) -> str:
    # A spreadsheet would work out what a learner has called a folder: =1+1. Source: OWASP, "CSV injection".
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def write_junit(result: Result, path: Path) -> None:
    """A suite for each day, a test case for each answer.

    Done is a pass, to do and missing are skipped, not yet is a failure, and all that did not come to an end an error.
    """
    suites = ElementTree.Element("testsuites", name="workbook")
    for day in result.days:
        copies = [graded for graded in result.graded if graded.copy.day.number == day.number]
        suite = ElementTree.SubElement(suites, "testsuite", name=f"Day {day.number}: {day.title}")
        count: Counter[str] = Counter()
        for graded in copies:
            for number, grade in graded.grades.items():
                case = ElementTree.SubElement(suite, "testcase", classname=graded.copy.learner, name=number)
                kind = _kind(grade.state)
                count.update(["tests", kind])
                if kind:
                    message = printable(f"{grade.state}: {grade.detail}" if grade.detail else grade.state)
                    outcome = ElementTree.SubElement(case, kind, message=message)
                    if kind != "skipped":
                        outcome.set("type", grade.state)
                        outcome.text = "\n".join(remarks(graded))
        for attribute, kind in (
            ("tests", "tests"),
            ("failures", "failure"),
            ("errors", "error"),
            ("skipped", "skipped"),
        ):
            suite.set(attribute, str(count[kind]))
    ElementTree.indent(suites)
    ElementTree.ElementTree(suites).write(path, encoding="utf-8", xml_declaration=True)


def _kind(state: str) -> str:
    return {"done": "", "to do": "skipped", "missing": "skipped", "not yet": "failure"}.get(state, "error")
