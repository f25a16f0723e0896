"""Notebook files: read, run, normalise, compare, write."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

SECONDS_A_CELL = 120
# What is stored in a notebook, and compared, are the hands that ship. Real ones belong to others.
REAL_HANDS = "POKER_HANDS"


class BrokenCellError(Exception):
    """A cell that failed although nobody meant it to, or that did not fail although it should."""


def read(path: Path) -> Any:
    """Read a notebook file as an nbformat notebook."""
    import nbformat

    return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)


def read_or_none(path: Path) -> Any | None:
    """The same, or None for a file that is no notebook, e.g. one with the marks of a merge in it."""
    try:
        return read(path)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def text_of(notebook: Any) -> str:
    """A notebook as the text of its file: the same bytes on every system."""
    import nbformat

    return nbformat.writes(notebook, version=4).rstrip() + "\n"


def unrun_cells(path: Path) -> list[int]:
    """The code cells that have not run, or not in their place.

    nbval passes a cell without looking if it has no execution count, so a test run must refuse such a notebook. Empty
    cells do not count: JupyterLab leaves one at the end, and never runs it.

    Args:
        path: a notebook file.

    Returns:
        The places of these cells among the code cells, counted from 1. Empty if the counts are 1, 2, 3 and so on.
    """
    code = [cell for cell in read(path).cells if cell.cell_type == "code" and cell.source.strip()]
    return [place for place, cell in enumerate(code, start=1) if cell.execution_count != place]


def execute(
    notebook: Any,
    folder: Path,
    *,
    hands: Path | None = None,
    server: str | None = None,
    seconds: int = SECONDS_A_CELL,
) -> None:
    """Run all cells in a new kernel and put the outputs into the notebook.

    The cells run without history, as nbval runs them, so that what is stored is what nbval will see.

    Args:
        notebook: an nbformat notebook; it is changed in place.
        folder: where the kernel runs: the folder that the notebook is for.
        hands: the folder of real hands that the notebook shall find; None for none.
        server: the URL of the server that the notebook shall find; None for the one that is found from here.
        seconds: how long one cell may take, and the kernel to start.

    Raises:
        BrokenCellError: a cell failed without the tag `raises-exception`, or has the tag and did not fail.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    folder.mkdir(parents=True, exist_ok=True)
    client = NotebookClient(
        notebook,
        timeout=seconds,
        startup_timeout=seconds,
        coalesce_streams=True,
        record_timing=False,
        # Without this, each kernel warns on the terminal that it talks to its own machine without encryption.
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    )
    # The order of a set of texts is the same in every run only if its seed is.
    environment = os.environ | {"PYTHONHASHSEED": "0", REAL_HANDS: "" if hands is None else str(hands)}
    if server is not None:
        environment["EVENTSTORE_URL"] = server
    with client.setup_kernel(env=environment):
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            try:
                client.execute_cell(cell, index, store_history=False)
            except CellExecutionError as error:
                raise BrokenCellError(f"this cell failed:\n\n{cell.source}\n\n{error.ename}: {error.evalue}") from None
            except (CellTimeoutError, DeadKernelError) as error:
                raise BrokenCellError(f"this cell did not end:\n\n{cell.source}\n\n{type(error).__name__}") from None
            failed = any(output.output_type == "error" for output in cell.outputs)
            if "raises-exception" in cell.metadata.get("tags", []) and not failed:
                raise BrokenCellError(f"this cell has the tag raises-exception, but did not fail:\n\n{cell.source}")
    normalise(notebook)


def normalise(notebook: Any) -> None:
    """Number the code cells 1, 2, 3, and drop what depends on the machine and the moment."""
    count = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.metadata.pop("execution", None)
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count
    notebook.metadata.language_info = {"name": "python"}


def without_outputs(notebook: Any) -> Any:
    """A copy of a notebook as it is before it runs."""
    from copy import deepcopy

    bare = deepcopy(notebook)
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return bare


def same_but_for_pictures(one: Any, other: Any) -> bool:
    """Whether two notebooks have the same cells and the same text outputs.

    Outputs of cells that may differ from run to run (`nbval-ignore-output`) are not compared.
    """
    return text_of(_without_pictures(one)) == text_of(_without_pictures(other))


def _without_pictures(notebook: Any) -> Any:
    from copy import deepcopy

    bare = deepcopy(notebook)
    for cell in bare.cells:
        if cell.cell_type != "code":
            continue
        if "nbval-ignore-output" in cell.metadata.get("tags", []):
            cell.outputs = []
        for output in cell.outputs:
            for kind in [kind for kind in output.get("data", {}) if kind.startswith("image/")]:
                output.data[kind] = ""
    return bare


def texts(cell: Any) -> list[str]:
    """The text outputs of a code cell: printed text, values, tables and errors, without pictures."""
    found: list[str] = []
    for output in cell.outputs:
        if output.output_type == "stream":
            found.append(output.text)
        elif output.output_type == "error":
            found += [f"{output.ename}: {output.evalue}", *output.traceback]
        else:
            found += [str(data) for kind, data in sorted(output.data.items()) if not kind.startswith("image/")]
    return found
