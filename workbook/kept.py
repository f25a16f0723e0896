"""Find the cells that a learner keeps: in the learner's own notebooks, or else in the solved ones."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Editors lose tags when a cell is copied, so a kept cell is known by this line.
EXERCISE = re.compile(r"^#[ \t]*Exercise[ \t]+(\d+\.\d+)", re.MULTILINE)
_GIVEN = re.compile(r"^#[ \t]*Kept:[ \t]*(.+?)[ \t]*$", re.MULTILINE)
TITLE = re.compile(r"^# Day \d+: (.+?)(?: \(solved\))?$", re.MULTILINE)
TO_DO = "is still to do"
_MAGIC = re.compile(r"^\s*[%!?].*$|^.*\?\s*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class KeptCell:
    """One cell on its way into the learner's package.

    Args:
        day: the day it belongs to.
        name: the number of its exercise, e.g. `"3.1"`, or what it is called after `# Kept:`.
        origin: where it was taken from: the name of a notebook, or `"the solution"`.
        source: its text.
    """

    day: int
    name: str
    origin: str
    source: str

    @property
    def mark(self) -> str:
        """The line that stands above the cell in the package, so that an error can name the cell."""
        return f"# ---- {self.title}, from {self.origin} ----"

    @property
    def title(self) -> str:
        return self.name if self.name[0].isdigit() else f"the cell '# Kept: {self.name}'"


@dataclass
class Kept:
    """What was found.

    Args:
        cells: all kept cells up to some day, in order.
        solved: the numbers of the exercises that are the learner's own.
        notes: one sentence for each cell that stands in for one of the learner's, and why.
        around: for each day all code of its notebook, kept or not, to tell where a name comes from.
    """

    cells: list[KeptCell] = field(default_factory=list)
    solved: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    around: dict[int, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """A kept cell as the solved notebook has it.

    Args:
        name: see `KeptCell`.
        exercise: whether it is an exercise; else it is given.
        cell_id: of the cell; the same in the learner's notebook.
        source: its text.
    """

    name: str
    exercise: bool
    cell_id: str | None
    source: str


@dataclass(frozen=True)
class Solution:
    """A solved notebook.

    Args:
        number: of the day.
        name: of the file, as that of the learner's notebook.
        title: of the day.
        models: the cells to keep.
        code: the text of all code cells.
    """

    number: int
    name: str
    title: str
    models: list[Model]
    code: list[str]


def read_solutions(folder: Path) -> list[Solution]:
    """The solved notebooks of a folder, in order. Only those have tags that nobody has lost."""
    return [_solution(path) for path in sorted(folder.glob("day[0-9][0-9]_*.ipynb"))]


def _solution(path: Path) -> Solution:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    title = TITLE.search("".join(cells[0]["source"]))
    models, code = [], []
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code":
            continue
        code.append(source)
        if "keep" in cell["metadata"].get("tags", []):
            exercise, given = EXERCISE.match(source), _GIVEN.match(source)
            found = exercise or given
            name = found[1] if found else source.splitlines()[0]
            models.append(Model(name, exercise is not None, cell.get("id"), source))
    return Solution(int(path.name[3:5]), path.name, title[1] if title else path.stem, models, code)


def find_kept(solutions: list[Solution], copy: Path, up_to: int | None = None) -> tuple[Kept, int]:
    """The kept cells of the learner's notebooks; what is not solved there is taken from the solution.

    Args:
        solutions: every day, solved.
        copy: the folder of the learner's notebooks.
        up_to: the last day to take; None for the last one of which the learner has solved anything to keep.

    Returns:
        What was found, and the last day.
    """
    kept = Kept()
    shelf = _Shelf(copy, kept.notes)
    found = {day.number: [_own_or_solution(day, model, shelf) for model in day.models] for day in solutions}
    own = [day for day, cells in found.items() for model, _, why in cells if model.exercise and not why]
    last = max(own, default=1) if up_to is None else up_to
    to_do: list[str] = []
    taken: set[tuple[str, str]] = set()
    for day in solutions:
        if day.number > last or not day.models:
            continue
        if not shelf.has(day.name) and day.name not in shelf.broken:
            kept.notes.append(f"{day.name} is not in {copy.name}/: the solution stands in for it")
        for model, chosen, why in found[day.number]:
            if model.exercise and not why:
                kept.solved.append(model.name)
                if (tries := shelf.tries(day.name, model)) > 1:
                    kept.notes.append(f"{model.name} is written {tries} times in {day.name}: the last one is taken")
            elif why == TO_DO:
                to_do.append(model.name)
            elif why and shelf.has(day.name):
                kept.notes.append(f"{chosen.title} {why}: the solution stands in for it")
            # Two cells that were merged into one are taken once.
            if (chosen.origin, chosen.source) not in taken:
                kept.cells.append(chosen)
            taken.add((chosen.origin, chosen.source))
        kept.around[day.number] = [source for _, source in shelf.cells(day.name)] + day.code
    if to_do:
        are, them = ("are", "them") if len(to_do) > 1 else ("is", "it")
        named = " and ".join(filter(None, [", ".join(to_do[:-1]), to_do[-1]]))
        kept.notes.append(f"{named} {are} still to do: the solution stands in for {them}")
    return kept, last


class _Shelf:
    """The learner's notebooks, read once. One that cannot be read is as good as missing, and is named."""

    def __init__(self, copy: Path, notes: list[str]) -> None:
        self._cells: dict[str, list[tuple[str | None, str]]] = {}
        self.broken: set[str] = set()
        for path in sorted(copy.glob("*.ipynb")):
            try:
                self._cells[path.name] = list(code_cells(path))
            except (ValueError, LookupError, TypeError, AttributeError, OSError) as error:
                problem = f"{type(error).__name__}: {error}".splitlines()[0]
                notes.append(f"{path.name} cannot be read as a notebook ({problem}): the solution stands in for it")
                self.broken.add(path.name)

    def has(self, name: str) -> bool:
        return name in self._cells

    def cells(self, name: str) -> list[tuple[str | None, str]]:
        return self._cells.get(name, [])

    def tries(self, home: str, model: Model) -> int:
        """How many different answers of the day's notebook could be taken."""
        answers = {text for notebook, text in self.candidates(home, model) if notebook == home}
        return sum(not _problem(text, model, home) for text in answers)

    def candidates(self, home: str, model: Model) -> Iterator[tuple[str, str]]:
        """The cells that may be this one: first those of the day's notebook, the last one first; then all others.

        A copy of a notebook under another name counts for exercises only: their numbers are unique in the course.
        """
        pattern = EXERCISE if model.exercise else _GIVEN
        others = [other for other in self._cells if other != home] if model.exercise else []
        for notebook in (home, *others):
            for _, source in reversed(self.cells(notebook)):
                if model.name in pattern.findall(source):
                    yield notebook, source
        # Whoever has rewritten the cell from its first line on has still left its identity.
        for cell_id, source in self.cells(home):
            if cell_id == model.cell_id and not EXERCISE.search(source) and not _GIVEN.search(source):
                yield home, source


def code_cells(path: Path) -> Iterator[tuple[str | None, str]]:
    """Identity and text of each code cell of a notebook file."""
    # Some editors on Windows put a mark in front, and carriage returns behind the lines of a cell.
    for cell in json.loads(path.read_text(encoding="utf-8-sig"))["cells"]:
        if cell["cell_type"] == "code":
            yield cell.get("id"), "".join(cell["source"]).replace("\r\n", "\n")


def _own_or_solution(day: Solution, model: Model, shelf: _Shelf) -> tuple[Model, KeptCell, str]:
    """The model, the cell to take, and why it is not the learner's (empty if it is)."""
    first_problem = ""
    for notebook, text in shelf.candidates(day.name, model):
        problem = _problem(text, model, notebook)
        if not problem:
            source, _ = parsed(text)
            return model, KeptCell(day=day.number, name=model.name, origin=notebook, source=source), ""
        first_problem = first_problem or problem
    chosen = KeptCell(day=day.number, name=model.name, origin="the solution", source=model.source)
    return model, chosen, first_problem or f"is missing in {day.name}"


def _problem(text: str, model: Model, notebook: str) -> str:
    """Why a cell cannot be taken, empty if it can."""
    try:
        _, tree = parsed(text)
    except SyntaxError as error:
        return f"does not parse ({error.msg} in line {error.lineno} of its cell in {notebook})"
    return _unsolved(tree, model.source)


def parsed(source: str) -> tuple[str, ast.Module]:
    """The text and its tree. A line of SQL may begin with a percent sign, so magics are looked for only if need be."""
    try:
        return source, ast.parse(source)
    except SyntaxError as error:
        bare = _MAGIC.sub("", source)
        try:
            return bare, ast.parse(bare)
        except SyntaxError:
            raise error from None


def _unsolved(tree: ast.Module, solution: str) -> str:
    """What is missing in a cell, empty if nothing is."""
    if any(is_stub(node) for node in ast.walk(tree)):
        return TO_DO
    missing = sorted(defined(ast.parse(solution)) - defined(tree))
    return f"does not define {' and '.join(f'`{name}`' for name in missing)}" if missing else ""


def is_stub(node: ast.AST) -> bool:
    error: Any = node.exc if isinstance(node, ast.Raise) else None
    return (
        isinstance(error, ast.Call)
        and isinstance(error.func, ast.Name)
        and error.func.id == "NotImplementedError"
        and any(isinstance(given, ast.Constant) and str(given.value).startswith("exercise ") for given in error.args)
    )


def defined(tree: ast.Module) -> set[str]:
    """The names of the classes, functions and values that a cell defines, without those that it imports."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                names |= {leaf.id for leaf in ast.walk(target) if isinstance(leaf, ast.Name)}
    return names
