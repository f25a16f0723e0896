"""The page of a day for the instructor, made from the same source as the notebooks.

Most of it is worked out: the minutes of each section, the goals, what each check tries, the typical mistakes and the
hint that each of them meets. What cannot be worked out stands in the source of the day, in one markdown cell with the
tag `instructor` that is left out of both notebooks. It has three parts, with these headings:

    ### What they see failing
    ### Questions for discussion     at least three, each a line in bold that ends with ?, the answer below it
    ### When time is short           sections in *italics*, by their headings, and exercises by their numbers
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from workbook import exercise
from workbook.compose import SECONDS_A_CODE_CELL, WORDS_A_MINUTE, code_cells, minutes, word_count
from workbook.source import Cell, Day, SourceError

FAILING, QUESTIONS, SHORT = "What they see failing", "Questions for discussion", "When time is short"
FEWEST_QUESTIONS = 3

_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_EXERCISE = re.compile(r"Exercise (\d+\.\d+)(?: \((\w+)\))?: (.+)")
_QUESTION = re.compile(r"^\*\*[^*]+\?\*\*$", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """A part of a day, from one heading of the second level to the next.

    Args:
        title: the heading.
        cells: what a learner gets to see of it.
        exercises: the numbers of those that are checked in it.
    """

    title: str
    cells: list[Cell] = field(default_factory=list)
    exercises: list[str] = field(default_factory=list)


def page(day: Day, days: list[Day]) -> str | None:
    """The page of one day as Markdown, or None if the day has no cell for the instructor.

    Args:
        day: the day as written.
        days: every day of the course in order, for the links.

    Raises:
        SourceError: the cell lacks a part, or names a section or an exercise that the day does not have.
    """
    notes = _notes(day)
    if notes is None:
        return None
    reading, practice = minutes(day)
    before = next((other for other in reversed(days) if other.number < day.number), None)
    after = next((other for other in days if other.number > day.number), None)
    links = [f"[Day {before.number}](day{before.number:02d}.md)"] if before else []
    links += [f"[the learners' notebook](../../notebooks/{day.name}.ipynb)"]
    links += [f"[the solved one](../../notebooks/solutions/{day.name}.ipynb)"]
    links += [f"[Day {after.number}](day{after.number:02d}.md)"] if after else []
    parts = [
        f"# Day {day.number}, for the instructor: {day.title}",
        f"<!-- Made from notebooks/src/{day.name}.py. Edit that, then: python3 -m workbook build {day.number} -->",
        " · ".join(links),
        f"{day.promise} About {reading} minutes to read and to predict, {practice} to practise.",
        f"**They need:** {'; '.join(day.needs)}.",
        "**Afterwards they can:**",
        "\n".join(f"- {goal}" for goal in day.able),
        f"## {FAILING}",
        notes[FAILING],
        "## Minutes",
        _timing(day),
        "## The exercises",
        _exercises_in_words(day),
        f"## {QUESTIONS}",
        notes[QUESTIONS],
        f"## {SHORT}",
        notes[SHORT],
    ]
    return "\n\n".join(parts) + "\n"


def _notes(day: Day) -> dict[str, str] | None:
    """The three parts that were written by hand."""
    cells = [cell for cell in day.cells if "instructor" in cell.tags]
    if not cells:
        return None
    if len(cells) > 1:
        raise SourceError(f"{day.name}: has {len(cells)} cells with the tag instructor: make one of them")
    # What stands before the first heading, then heading and text by turns.
    _, *pieces = re.split(r"^### (.+)$", cells[0].source, flags=re.MULTILINE)
    notes = {title: text.strip() for title, text in zip(pieces[::2], pieces[1::2], strict=True)}
    if list(notes) != [FAILING, QUESTIONS, SHORT] or not all(notes.values()):
        raise SourceError(f"{day.name}: the cell for the instructor needs three parts: {FAILING}, {QUESTIONS}, {SHORT}")
    if len(_QUESTION.findall(notes[QUESTIONS])) < FEWEST_QUESTIONS:
        raise SourceError(f"{day.name}: write at least {FEWEST_QUESTIONS} questions, each a line **in bold?**")
    titles = {_EXERCISE.sub(r"\3", title) for cell in day.cells for _, title in _HEADING.findall(cell.source)}
    known = titles | {number for number, _, _ in _exercises(day)}
    named = re.findall(r"\*([^*]+)\*|\b(\d+\.\d)\b", notes[SHORT])
    unknown = [title or number for title, number in named if (title or number) not in known]
    if unknown:
        raise SourceError(f"{day.name}: {SHORT} names what the day does not have: {', '.join(unknown)}")
    return notes


def _seen(day: Day) -> list[Cell]:
    return [cell for cell in day.cells if not {"instructor", "solution"} & set(cell.tags)]


def _sections(day: Day) -> list[Section]:
    sections = [Section("To begin with")]
    for cell in _seen(day):
        heading = _HEADING.match(cell.source) if cell.kind == "markdown" else None
        if heading and heading[1] == "##":
            sections.append(Section(heading[2]))
        sections[-1].cells.append(cell)
        if "check" in cell.tags:
            sections[-1].exercises.append(str(cell.exercise))
    return sections


def _exercises(day: Day) -> list[tuple[str, str, str]]:
    """Number, kind (empty or `stretch`) and title of each exercise, from the headings."""
    text = "\n".join(cell.source for cell in _seen(day) if cell.kind == "markdown")
    exercises = [found for _, title in _HEADING.findall(text) for found in _EXERCISE.findall(title)]
    untold = {str(cell.exercise) for cell in day.cells if "check" in cell.tags} - {number for number, _, _ in exercises}
    if untold:
        raise SourceError(f"{day.name}: no heading like '### Exercise N.M: what' for {', '.join(sorted(untold))}")
    return exercises


def _timing(day: Day) -> str:
    lines = ["| from | minutes | part |", "|---|---|---|"]
    titles = {number: (title, kind) for number, kind, title in _exercises(day)}
    clock = 0
    for section in _sections(day):
        part = replace(day, cells=section.cells)
        reading = word_count(part) / WORDS_A_MINUTE + code_cells(part) * SECONDS_A_CODE_CELL / 60
        rows = [(max(1, round(reading)), section.title)]
        for number in section.exercises:
            title, kind = titles[number]
            rows.append((exercise.find(number).minutes, f"Exercise {number}: {title}{f' ({kind})' if kind else ''}"))
        for took, what in rows:
            lines.append(f"| {clock // 60}:{clock % 60:02d} | {took} | {what} |")
            clock += took
    return "\n".join([*lines, f"| {clock // 60}:{clock % 60:02d} | | the end, without breaks |"])


def _exercises_in_words(day: Day) -> str:
    parts = [
        "A check tries one thing after the other, and shows the hint that helps with the first that fails. Here are the"
        " hints, each with the mistakes that it answers."
    ]
    tried: set[str] = set()
    for number, kind, title in _exercises(day):
        about = exercise.find(number)
        new = [case.name for case in about.cases if case.name not in tried]
        tried |= set(new)
        again = len(about.cases) - len(new)
        also = f"; and {again} of those above" if again else ""
        mistakes = [
            f"{place}. {hint}" + "".join(f"\n   - {wrong.mistake}" for wrong in about.wrong if wrong.hint == place)
            for place, hint in enumerate(about.hints, start=1)
        ]
        parts.append(f"### {number}: {title}, {about.minutes} minutes{f', {kind}' if kind else ''}")
        parts.append(f"The check tries: {'; '.join(new)}{also}.")
        parts.append("\n".join(mistakes))
    return "\n\n".join(parts)
