"""The committed notebooks: what their sources give, and usable whether or not the exercises are solved."""

import ast
from typing import Any

import pytest
from nbformat import v4

import eventstore.statistics
from workbook import notebooks
from workbook.build import stale
from workbook.compose import parsed
from workbook.paths import GUIDES, NOTEBOOKS
from workbook.source import Day, read_days

DAYS = read_days(NOTEBOOKS / "src")
each_day = pytest.mark.parametrize("day", DAYS, ids=lambda day: day.name)


def test_notebooks_and_pages_are_what_their_sources_give() -> None:
    assert stale(NOTEBOOKS / "src", NOTEBOOKS, guides=GUIDES) == []


@each_day
def test_unsolved_exercises_change_nothing_else(day: Day) -> None:
    learner, solved = (notebooks.read(NOTEBOOKS / place / f"{day.name}.ipynb") for place in ("", "solutions"))
    assert blocked(learner, solved) == []


def test_a_cell_that_needs_a_solution_is_found() -> None:
    def notebook(answer: str) -> Any:
        printed = [v4.new_output("stream", name="stdout", text=answer)]
        check = v4.new_code_cell("check", id="a", outputs=printed, metadata={"tags": ["check"]})
        return v4.new_notebook(cells=[check, v4.new_code_cell("print(pot([]))", id="b", outputs=printed)])

    assert blocked(notebook("0"), notebook("0")) == []
    assert blocked(notebook("to do"), notebook("0")) == ["print(pot([]))"]


@each_day
def test_lessons_use_public_names_only(day: Day) -> None:
    imported = {
        f"{node.module}.{alias.name}"
        for cell in day.cells
        for node in ast.walk(parsed(cell))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "eventstore"
        for alias in node.names
    }
    public = (eventstore, eventstore.statistics)
    assert imported <= {f"{module.__name__}.{name}" for module in public for name in module.__all__}


def blocked(learner: Any, solved: Any) -> list[str]:
    """The cells of the text whose outputs depend on whether the exercises are solved."""
    with_solutions = {cell.id: cell for cell in solved.cells}
    return [
        cell.source
        for cell in learner.cells
        if cell.cell_type == "code"
        and not {"exercise", "check", "nbval-ignore-output"} & set(cell.metadata.get("tags", []))
        and notebooks.texts(cell) != notebooks.texts(with_solutions[cell.id])
    ]
