"""What a learner sees when a cell fails: the message and the own line, not the inside of the packages."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import v4

from workbook.notebooks import execute

DEFINES = """
def pot(bets):
    return sum(bets) / len(bets)
"""


def run(tmp_path: Path, *sources: str) -> list[nbformat.NotebookNode]:
    notebook = v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])
    for cell in notebook.cells:
        cell.metadata["tags"] = ["raises-exception"] if cell is notebook.cells[-1] else []
    execute(notebook, tmp_path)
    return [output for cell in notebook.cells for output in cell.outputs if output.output_type == "error"]


def test_the_error_names_the_line_of_the_cell_that_raised_it(tmp_path: Path) -> None:
    [error] = run(tmp_path, "from workbook.cells import short_errors\nshort_errors()", DEFINES.strip(), "1\npot([])")
    assert (error.ename, error.evalue) == ("ZeroDivisionError", "division by zero")
    assert error.traceback[-1] == "in line 2 of the cell: return sum(bets) / len(bets)"


def test_the_inside_of_a_package_is_left_out(tmp_path: Path) -> None:
    [error] = run(
        tmp_path,
        "from workbook.cells import short_errors\nshort_errors()\nimport eventstore",
        'eventstore.DomainEvent(event_type="", aggregate_id="a", version=1, event_data={})',
    )
    text = "\n".join(error.traceback)
    assert error.ename == "InvalidEventError"
    assert text.count("\n") == 1
    assert "events.py" not in text
