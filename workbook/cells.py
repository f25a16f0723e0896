"""Errors in a notebook: what went wrong and in which line of the cell, without the inside of the packages."""

from __future__ import annotations

import linecache
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any


def line_of_cell(error: BaseException) -> str:
    """Where in the notebook an error happened, or an empty text.

    The last line of a cell that the error went through is what its author can change. Cells are the only code whose
    text is known but lies in no file.
    """
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        line = linecache.getline(frame.filename, frame.lineno or 0).strip()
        if line and not Path(frame.filename).exists() and not frame.filename.startswith("<frozen"):
            return f"in line {frame.lineno} of the cell: {line}"
    return ""


def short_errors() -> None:
    """From now on, show errors in this notebook as the message and the line of the cell.

    Where a lesson fails on purpose, that is what matters. A notebook that is committed must not hold the paths of the
    machine on which it was run either.
    """
    from IPython import get_ipython

    shell = get_ipython()
    if shell is not None:
        shell.InteractiveTB.set_mode(mode="Minimal")
        shell.set_custom_exc((Exception,), _show)


def _show(
    shell: Any, kind: type[Exception], error: Exception, trace: TracebackType, tb_offset: int | None = None
) -> None:
    lines = [line.rstrip() for line in shell.InteractiveTB.structured_traceback(kind, error, trace)]
    # What IPython itself calls at this point: it sends the lines to the notebook.
    shell._showtraceback(kind, error, [*lines, *filter(None, [line_of_cell(error)])])
