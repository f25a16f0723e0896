"""Put a notebook together from a day: the cells as written, and everything that is generated around them."""

from __future__ import annotations

import ast
import math
import re
from typing import Any, Literal

from workbook import exercise
from workbook.show import sql_file
from workbook.source import Cell, Day, solved, unsolved

Variant = Literal["learner", "solutions"]

WORDS_A_MINUTE = 180
SECONDS_A_CODE_CELL = 30


def compose(day: Day, variant: Variant, days: list[Day]) -> Any:
    """The notebook of one day, not yet run.

    Args:
        day: the day as written.
        variant: `"learner"` with open exercises, or `"solutions"`.
        days: every day of the course in order, for the links.

    Returns:
        An nbformat notebook. Both variants of a day use the same id for the same cell.
    """
    from nbformat import v4

    notebook = v4.new_notebook(
        metadata={
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    notebook.cells = [_markdown("title", _title(day, variant, days)), _markdown("at-a-glance", _at_a_glance(day))]
    for index, cell in enumerate(day.cells):
        if "instructor" in cell.tags or ("solution" in cell.tags and variant == "learner"):
            continue
        following = day.cells[index + 1] if index + 1 < len(day.cells) else None
        notebook.cells.append(_written(cell, variant, following))
        if "check" in cell.tags:
            number = str(cell.exercise)
            notebook.cells.append(_markdown(f"hints-{number.replace('.', '-')}", _hints(number)))
    after = next((other for other in days if other.number > day.number), None)
    if after:
        notebook.cells.append(_markdown("next-day", f"**Next:** [{_heading(after)}]({after.name}.ipynb)"))
    return notebook


def word_count(day: Day) -> int:
    """The words of the text that a learner reads on one day, without what is generated."""
    hidden = {"instructor", "solution"}
    text = " ".join(cell.source for cell in day.cells if cell.kind == "markdown" and not hidden & set(cell.tags))
    return len(re.findall(r"\w[\w'-]*", text))


def code_cells(day: Day) -> int:
    """The number of code cells in the learner's notebook."""
    return sum(cell.kind == "code" and "solution" not in cell.tags for cell in day.cells)


def minutes(day: Day) -> tuple[int, int]:
    """The minutes that a day takes, to read and to practise, each rounded up to five."""
    reading = word_count(day) / WORDS_A_MINUTE + code_cells(day) * SECONDS_A_CODE_CELL / 60
    numbers = [str(cell.exercise) for cell in day.cells if "check" in cell.tags]
    return _fives(reading), _fives(sum(exercise.find(number).minutes for number in numbers))


def _markdown(cell_id: str, source: str) -> Any:
    from nbformat import v4

    return v4.new_markdown_cell(source, id=cell_id)


def _written(cell: Cell, variant: Variant, following: Cell | None) -> Any:
    from nbformat import v4

    metadata: dict[str, Any] = dict(cell.metadata)
    if cell.tags:
        metadata["tags"] = list(cell.tags)
    if cell.kind == "markdown":
        text = _folded("Answer", cell.source) if "answer" in cell.tags else cell.source
        return v4.new_markdown_cell(text, id=cell.id, metadata=metadata)
    source = cell.source
    if "exercise" in cell.tags:
        source = solved(source) if variant == "solutions" else unsolved(source, str(cell.exercise))
    if "figure" in cell.tags and following is not None and following.kind == "markdown":
        metadata["mystnb"] = {"image": {"alt": _plain(following.source)}}
    return v4.new_code_cell(source, id=cell.id, metadata=metadata)


def _heading(day: Day) -> str:
    return f"Day {day.number}: {day.title}"


def _title(day: Day, variant: Variant, days: list[Day]) -> str:
    before = next((other for other in reversed(days) if other.number < day.number), None)
    after = next((other for other in days if other.number > day.number), None)
    links = [f"[← {_heading(before)}]({before.name}.ipynb)"] if before else []
    if variant == "learner":
        links.append(f"[Solutions of this day](solutions/{day.name}.ipynb)")
    else:
        links.append(f"[This day without the solutions](../{day.name}.ipynb)")
    links += [f"[{_heading(after)} →]({after.name}.ipynb)"] if after else []
    solved_word = " (solved)" if variant == "solutions" else ""
    return f"# {_heading(day)}{solved_word}\n\n{day.promise}\n\n{' · '.join(links)}"


def _at_a_glance(day: Day) -> str:
    reading, practice = minutes(day)
    names, files = _met(day)
    rows = [
        ("Time", f"about {reading} minutes to read, {practice} to practise"),
        ("You need", "; ".join(day.needs)),
        ("You will be able to", "; ".join(day.able)),
        ("You meet", ", ".join(f"`{name}`" for name in [*names, *files])),
    ]
    table = "\n".join(f"| **{name}** | {text} |" for name, text in rows if text)
    return f"## At a glance\n\n| | |\n|---|---|\n{table}"


def _fives(minutes: float) -> int:
    return math.ceil(minutes / 5) * 5


def _met(day: Day) -> tuple[list[str], list[str]]:
    """The names of `eventstore` and the SQL files that the code cells of a day use, in order of appearance."""
    names: dict[str, None] = {}
    files: dict[str, None] = {}
    for cell in day.cells:
        for node in ast.walk(parsed(cell)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "eventstore":
                names |= {alias.name: None for alias in node.names}
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "eventstore":
                names[node.attr] = None
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "show_sql":
                files |= {f"sql/{sql_file(ast.literal_eval(arg)).name}.sql": None for arg in node.args}
    return list(names), list(files)


def parsed(cell: Cell) -> ast.Module:
    """The syntax tree of a code cell, magics left out. Empty for text, and for code that does not parse."""
    if cell.kind != "code":
        return ast.Module(body=[], type_ignores=[])
    lines = ("pass" if line.lstrip().startswith(("%", "!")) else line for line in cell.source.splitlines())
    try:
        return ast.parse("\n".join(lines))
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def _hints(number: str) -> str:
    hints = exercise.find(number).hints
    return "\n\n".join(_folded(f"Hint {place} for {number}", hint) for place, hint in enumerate(hints, start=1))


def _folded(summary: str, text: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def _plain(markdown: str) -> str:
    """The first paragraph of a text as plain words."""
    paragraph = " ".join(markdown.strip().split("\n\n")[0].split())
    return re.sub(r"\[([^]]*)]\([^)]*\)|[*`]+", lambda found: found[1] or "", paragraph)
