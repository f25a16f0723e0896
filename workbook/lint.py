"""The rules that every day keeps. Each broken one is named with its cell and the fix."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from workbook.compose import code_cells, parsed, word_count
from workbook.notebooks import texts
from workbook.source import Cell, Day

MAX_CODE_CELLS = 40
MAX_WORDS = 2_500

# What either fails under nbval, passes without being run, or makes a notebook differ from run to run.
_BANNED = [
    (re.compile(r";\s*$", re.MULTILINE), "a line ends with ';'", "write `_ = ...`, or end a plot with plt.show()"),
    (re.compile(r"^%load\b", re.MULTILINE), "%load replaces the cell", "import the code, or use show(...)"),
    (re.compile(r"^%%writefile\b", re.MULTILINE), "%%writefile writes a file", "keep the code in the notebook"),
    (re.compile(r"\bclear_output\b"), "clear_output differs under nbval", "print once, at the end"),
    (re.compile(r"\binput\("), "input( waits for ever in a test run", "put the value into the cell"),
    (re.compile(r"^%time(it)?\b|^%%time(it)?\b", re.MULTILINE), "times differ", "count the work instead"),
]

_PATH = re.compile(r"""(?:^|[\s"'(=>])((?:/[\w.+-]+){2,}/?|[A-Za-z]:\\[^\s"']+)""", re.MULTILINE)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_AGGREGATE = re.compile(r"^select\s+(count|sum|min|max|avg|bool_and|bool_or)\s*\(", re.IGNORECASE)


def lint_day(day: Day) -> list[str]:
    """The rules about what is written.

    Returns:
        One line for each broken rule: the cell, what is wrong, what to do. Empty if all is well.
    """
    problems = []
    if (count := code_cells(day)) > MAX_CODE_CELLS:
        problems.append(f"{day.name}: {count} code cells: at most {MAX_CODE_CELLS}, so move something to another day")
    if (words := word_count(day)) > MAX_WORDS:
        problems.append(f"{day.name}: {words:,} words: at most {MAX_WORDS:,}, so cut")
    checked = {cell.exercise for cell in day.cells if "check" in cell.tags}
    for index, cell in enumerate(day.cells):
        following = day.cells[index + 1] if index + 1 < len(day.cells) else None
        for problem in _lint_cell(cell, following, checked, day.number):
            problems.append(f"{day.name}, cell {_first_line(cell.source)!r}: {problem}")
    return problems


def _lint_cell(cell: Cell, following: Cell | None, checked: set[str | None], day: int) -> Iterator[str]:
    if cell.kind == "raw":
        yield "is a raw cell: make it markdown or code"
    if cell.kind != "code":
        return
    for pattern, problem, fix in _BANNED:
        if pattern.search(cell.source):
            yield f"{problem}: {fix}"
    if "exercise" in cell.tags and cell.exercise not in checked:
        yield f'exercise {cell.exercise} is never checked: add a cell with check("{cell.exercise}", ...)'
    if "SOLUTION" in cell.source and "exercise" not in cell.tags:
        yield "holds a solution, but is no exercise: begin the cell with '# Exercise N.M'"
    if cell.exercise and not cell.exercise.startswith(f"{day}."):
        yield f"exercise {cell.exercise} belongs to another day: number it {day}.1, {day}.2, ..."
    if "figure" in cell.tags and (following is None or following.kind != "markdown"):
        yield "a figure needs a markdown cell right after it that says what it shows"
    for node in ast.walk(parsed(cell)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _unordered(node.value):
            yield f"{_first_line(node.value)!r} returns rows in any order: add ORDER BY"


def _unordered(text: str) -> bool:
    statement = " ".join(text.lower().split())
    if not statement.startswith(("select ", "with ")) or " from " not in statement or " order by " in statement:
        return False
    one_row = _AGGREGATE.match(statement) and " group by " not in statement
    # What a statement locks is taken, not shown.
    return not (one_row or " for update" in statement)


def lint_outputs(name: str, notebook: Any) -> list[str]:
    """The rules about what came out when a notebook was run.

    Args:
        name: of the notebook, for the messages.
        notebook: an nbformat notebook.

    Returns:
        One line for each broken rule, see `lint_day`.
    """
    problems = []
    count = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        count += 1
        for problem in _lint_ran(cell, count):
            problems.append(f"{name}, cell {_first_line(cell.source)!r}: {problem}")
    return problems


def _lint_ran(cell: Any, place: int) -> Iterator[str]:
    if cell.execution_count != place:
        yield f"has the count {cell.execution_count}, not {place}: run the build again"
    plain = _ANSI.sub("", "\n".join(texts(cell)))
    if found := _PATH.search(plain):
        yield f"shows the path {found[1]!r} of one machine: print something else"
    if any(output.get("name") == "stderr" for output in cell.outputs):
        yield "prints to stderr, which differs from machine to machine: remove the cause of the warning"
    pictures = [output for output in cell.outputs if any(key.startswith("image/") for key in output.get("data", {}))]
    if pictures and not cell.metadata.get("mystnb", {}).get("image", {}).get("alt"):
        yield "draws a picture without an alternative text: give the cell the tag figure, and a text after it"
    if pictures and len(cell.outputs) == len(pictures):
        yield "draws a picture without its data: print the data in the same cell"
    if "figure" in cell.metadata.get("tags", []) and not pictures:
        yield "has the tag figure, but draws nothing: remove the tag, or end with plt.show()"


def _first_line(source: str) -> str:
    line = source.strip().splitlines()[0] if source.strip() else ""
    return line if len(line) <= 60 else f"{line[:57]}..."
