"""Find the answers in somebody's notebook: for each exercise of the course the cell that holds it.

Cells are found by the number in their first line. Where that was changed, the identity of the cell or the names that
it defines tell which one it is: what counts is the answer, not the label on it.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbook.kept import EXERCISE, TITLE, defined, is_stub, parsed

NAME = re.compile(r"day[ _-]?(\d\d?)(?!\d).*\.ipynb", re.IGNORECASE)
# A notebook of the course has less than a megabyte. One that is larger than this has printed without end.
LARGEST = 100_000_000
CALL = "check"


class UnreadableError(Exception):
    """A file that is no notebook. The text says why."""


class CourseError(Exception):
    """A notebook of the course itself is damaged. The text says which, and what to type."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An exercise as the course asks it.

    Args:
        number: e.g. `"3.1"`.
        cell_id: the identity of its cell.
        stub: the text of the cell, unsolved.
        solution: the same, solved.
        arguments: what is handed to `check`, as Python writes it.
    """

    number: str
    cell_id: str | None
    stub: str
    solution: str
    arguments: tuple[str, ...]

    @property
    def names(self) -> set[str]:
        """What the cell must define."""
        return defined(ast.parse(self.solution))


@dataclass(frozen=True, kw_only=True)
class AskedDay:
    """A day of the course: its number, its title, the name of its file, and its exercises in order."""

    number: int
    title: str
    name: str
    exercises: tuple[Asked, ...]


@dataclass(frozen=True, kw_only=True)
class WrittenCell:
    """A code cell of somebody's notebook.

    Args:
        id: its identity, if it has one.
        source: its text, lines ended as Python ends them.
        tags: its tags.
        outputs: what the file says came out, as text.
        count: the number that it got when it was last run, or None.
    """

    id: str | None
    source: str
    tags: tuple[str, ...]
    outputs: str
    count: int | None


@dataclass(frozen=True, kw_only=True)
class Found:
    """Where the answer to an exercise stands.

    Args:
        place: of the cell among the code cells, counted from 0; None where there is none.
        source: its text, or empty.
        to_do: whether nothing has been written yet.
        problem: why it cannot be tried, or empty.
        notes: what is odd about it, one sentence each.
    """

    place: int | None = None
    source: str = ""
    to_do: bool = False
    problem: str = ""
    notes: tuple[str, ...] = field(default=())


def read_course(notebooks: Path) -> list[AskedDay]:
    """What each day asks, read from the committed notebooks.

    Args:
        notebooks: the folder of the learner's versions, with the solved ones in `solutions/` below it.

    Raises:
        CourseError: a notebook is missing or damaged, e.g. because somebody has worked in it and not in the copy.
    """
    days = []
    for path in sorted((notebooks / "solutions").glob("day*.ipynb")):
        try:
            days.append(_asked(path, notebooks / path.name))
        except (UnreadableError, LookupError):
            number = int(path.name[3:5])
            raise CourseError(
                f"{notebooks.name}/{path.name}, or its solved version, is not as the course has it. If you have worked"
                f" in it, copy it to another folder first. Then type python3 -m workbook build {number}: that writes"
                " both anew."
            ) from None
    return days


def _asked(solved: Path, open_: Path) -> AskedDay:
    stubs = {cell.id: cell.source for cell in read_cells(open_)}
    cells = read_cells(solved)
    title = TITLE.search("".join(json.loads(solved.read_text(encoding="utf-8-sig"))["cells"][0]["source"]))
    handed_in = {}
    for cell in cells:
        for call in _calls_of_check(cell.source):
            number, *given = call.args
            handed_in[ast.literal_eval(number)] = tuple(map(ast.unparse, given))
    exercises = tuple(
        Asked(
            number=found[1],
            cell_id=cell.id,
            stub=stubs[cell.id],
            solution=cell.source,
            arguments=handed_in[found[1]],
        )
        for cell in cells
        if "exercise" in cell.tags and (found := EXERCISE.match(cell.source))
    )
    return AskedDay(
        number=int(solved.name[3:5]), title=title[1] if title else solved.stem, name=solved.name, exercises=exercises
    )


def _calls_of_check(source: str) -> Iterator[ast.Call]:
    tree = _tree(source)
    for node in ast.walk(tree) if isinstance(tree, ast.Module) else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == CALL and node.args:
            yield node


def read_cells(path: Path) -> list[WrittenCell]:
    """The code cells of a notebook file, whoever or whatever wrote it.

    Raises:
        UnreadableError: it is no notebook.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise UnreadableError(f"is larger than {LARGEST // 1_000_000} MB: clear its outputs and save it")
        # Some editors put a byte-order mark in front.
        notebook = json.loads(path.read_text(encoding="utf-8-sig"))
        return [_cell(cell) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError) as error:
        reason = "is not JSON" if isinstance(error, ValueError) else f"{type(error).__name__}"
        raise UnreadableError(f"is no notebook that can be read ({reason})") from None


def _cell(cell: dict[str, Any]) -> WrittenCell:
    outputs = [
        text for output in cell.get("outputs", []) if output.get("name") == "stdout" for text in output.get("text", "")
    ]
    count = cell.get("execution_count")
    return WrittenCell(
        id=cell.get("id"),
        source="".join(cell["source"]).replace("\r\n", "\n"),
        tags=tuple(map(str, cell.get("metadata", {}).get("tags", []))),
        outputs="".join(outputs),
        count=count if isinstance(count, int) else None,
    )


def find_notebook(folder: Path, day: AskedDay) -> tuple[Path | None, list[str]]:
    """The notebook of a day in somebody's folder, under its own name or one that begins like it.

    Returns:
        The file or None, and a sentence where there are several.
    """
    named = sorted(
        path
        for path in folder.glob("*.ipynb")
        if path.is_file() and (found := NAME.fullmatch(path.name)) and int(found[1]) == day.number
    )
    if not named:
        return None, []
    chosen = next((path for path in named if path.name == day.name), named[-1])
    others = [path.name for path in named if path != chosen]
    notes = [f"there are several notebooks of Day {day.number}: {chosen.name} counts, {', '.join(others)} does not"]
    if others:
        return chosen, notes
    return chosen, [] if chosen.name == day.name else [f"Day {day.number} was found as {chosen.name}"]


def find_answer(cells: list[WrittenCell], asked: Asked) -> Found:
    """The cell that holds the answer to an exercise.

    Args:
        cells: the code cells of the notebook.
        asked: the exercise.
    """
    marked = [place for place, cell in enumerate(cells) if asked.number in EXERCISE.findall(cell.source)]
    same = [
        place
        for place, cell in enumerate(cells)
        if cell.id == asked.cell_id and asked.cell_id and not EXERCISE.search(cell.source)
    ]
    named = [place for place, cell in enumerate(cells) if asked.names <= _defined(cell.source)]
    # From the first answer that can be tried; the last one written has the first word.
    for places, odd in ((marked, ""), (same, ""), (named, _by_name(asked))):
        solved = [place for place in places if not _problem(cells[place].source, asked)]
        if solved:
            notes = [odd] if odd else []
            if len({cells[place].source for place in solved}) > 1:
                notes.append(f"{asked.number} is written {len(solved)} times: the last one counts")
            return Found(place=solved[-1], source=cells[solved[-1]].source, notes=tuple(notes))
    for place in reversed([*named, *same, *marked]):
        problem = _problem(cells[place].source, asked)
        to_do = "still to do" in problem
        return Found(place=place, source=cells[place].source, to_do=to_do, problem="" if to_do else problem)
    return Found(problem="the notebook has no cell for it")


def _by_name(asked: Asked) -> str:
    return f"{asked.number} was found by {_listed(asked.names)}, since no cell has its number"


def _listed(names: set[str]) -> str:
    return " and ".join(f"`{name}`" for name in sorted(names))


def _problem(source: str, asked: Asked) -> str:
    tree = _tree(source)
    if isinstance(tree, str):
        return f"the cell does not parse ({tree})"
    if any(is_stub(node) for node in ast.walk(tree)):
        return "still to do"
    missing = asked.names - defined(tree)
    return f"the cell does not define {_listed(missing)}" if missing else ""


def _defined(source: str) -> set[str]:
    tree = _tree(source)
    return defined(tree) if isinstance(tree, ast.Module) else set()


def _tree(source: str) -> ast.Module | str:
    """The tree of a cell, or why there is none."""
    try:
        return parsed(source)[1]
    except SyntaxError as error:
        return f"{error.msg} in its line {error.lineno}"
    except (ValueError, RecursionError, MemoryError) as error:
        return type(error).__name__
