"""Read a day as it was written by hand: the header and the cells of `dayNN_slug.py`."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"

_NAME = re.compile(r"day(\d\d)_\w+")
_EXERCISE = re.compile(r"# Exercise (\d+\.\d+)")
_CHECK = re.compile(r"""\bcheck\(\s*["'](\d+\.\d+)["']""")
_HEADER = {"title": str, "promise": str, "needs": list, "able": list}


class SourceError(Exception):
    """A day that cannot be built. The text names the file, the place and the fix."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell as written.

    Args:
        kind: `"markdown"` or `"code"`.
        source: its text.
        id: made from kind and text, so that it stays the same while other cells change.
        tags: the tags written, and `exercise` or `check` where the cell is one.
        metadata: what else stood in the cell marker.
    """

    kind: str
    source: str
    id: str
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def exercise(self) -> str | None:
        """The number of the exercise that this cell states or checks, e.g. `"1.1"`."""
        if self.kind != "code":
            return None
        found = _EXERCISE.match(self.source) or _CHECK.search(self.source)
        return found and found[1]


@dataclass(frozen=True, kw_only=True)
class Day:
    """A day as written: its number, its file name without suffix, the fields of its header, and its cells."""

    number: int
    name: str
    title: str
    promise: str
    needs: list[str]
    able: list[str]
    cells: list[Cell]


def read_day(path: Path) -> Day:
    """Read one `dayNN_slug.py`.

    Raises:
        SourceError: the file name or the header is not as `workbook/build.py` describes.
    """
    import jupytext

    named = _NAME.fullmatch(path.stem)
    if not named:
        raise SourceError(f"{path.name}: name it dayNN_slug.py, e.g. day01_what_is_an_event.py")
    notebook = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    header = notebook.metadata.get("workbook", {})
    for key, kind in _HEADER.items():
        if not isinstance(header.get(key), kind):
            raise SourceError(f"{path.name}: the header needs jupyter: workbook: {key}: as {kind.__name__}")
    seen: Counter[str] = Counter()
    cells = [_cell(raw, seen) for raw in notebook.cells]
    return Day(number=int(named[1]), name=path.stem, cells=cells, **{key: header[key] for key in _HEADER})


def read_days(folder: Path) -> list[Day]:
    """Every day of a folder, in order."""
    return [read_day(path) for path in sorted(folder.glob("day*.py"))]


def _cell(raw: Any, seen: Counter[str]) -> Cell:
    # jupytext notes the blank lines between cells, which say nothing about the notebook.
    metadata = {key: value for key, value in raw.metadata.items() if not key.startswith("lines_to_")}
    tags = list(metadata.pop("tags", []))
    source = raw.source.rstrip()
    if raw.cell_type == "code":
        if _EXERCISE.match(source):
            tags.append("exercise")
        elif _CHECK.search(source):
            tags.append("check")
    digest = hashlib.sha256(f"{raw.cell_type}\n{source}".encode()).hexdigest()[:12]
    seen[digest] += 1
    # Two cells with the same text are told apart by their order.
    cell_id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    return Cell(kind=raw.cell_type, source=source, id=cell_id, tags=tuple(tags), metadata=metadata)


def solved(source: str) -> str:
    """An exercise cell with its solution, without the markers."""
    return "\n".join(line for line in source.splitlines() if line.strip() not in (BEGIN, END))


def unsolved(source: str, number: str) -> str:
    """An exercise cell with each solution replaced by a stub that says which exercise it belongs to.

    Raises:
        SourceError: no solution is marked, or a marker lacks its partner.
    """
    lines: list[str] = []
    inside, found = False, False
    for line in source.splitlines():
        marker = line.strip()
        if marker in (BEGIN, END):
            if inside == (marker == BEGIN):
                raise SourceError(f"exercise {number}: {BEGIN} and {END} must take turns")
            inside, found = not inside, True
            if inside:
                indent = line[: len(line) - len(line.lstrip())]
                lines += [f"{indent}# YOUR CODE HERE", f'{indent}raise NotImplementedError("exercise {number}")']
        elif not inside:
            lines.append(line)
    if inside or not found:
        raise SourceError(f"exercise {number}: put the solution between {BEGIN} and {END}")
    return "\n".join(lines)
