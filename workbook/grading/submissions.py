"""What was handed in: whose folders there are, and what each holds of each day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workbook.answers import (
    NAME,
    Asked,
    AskedDay,
    Found,
    UnreadableError,
    WrittenCell,
    find_answer,
    find_notebook,
    read_cells,
)
from workbook.copies import ASIDE


class NothingToGradeError(Exception):
    """There is nothing there that could be graded. The text says what was looked for."""


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One learner's notebook of one day.

    Args:
        learner: the name of the folder.
        folder: where the notebook lies.
        day: what is asked.
        path: the notebook, None where there is none.
        cells: its code cells.
        answers: for each exercise where its answer was found.
        problem: why the notebook cannot be run, or empty.
        notes: what is odd about it.
    """

    learner: str
    folder: Path
    day: AskedDay
    path: Path | None
    cells: list[WrittenCell]
    answers: list[tuple[Asked, Found]]
    problem: str
    notes: list[str]


def find_learners(folders: Iterable[Path]) -> tuple[dict[str, Path], list[str]]:
    """Whose folders these are.

    A folder with notebooks in it, or in `my/` in it, is one learner's. Any other is a folder of such folders.

    Returns:
        Where each learner's notebooks lie, by name and in its order; and a sentence for each entry that is none.

    Raises:
        NothingToGradeError: a folder does not exist, or nothing was handed in.
    """
    found: list[Path] = []
    notes: list[str] = []
    for folder in folders:
        folder = folder.resolve()
        if not folder.is_dir():
            raise NothingToGradeError(f"{folder} is no folder: name a learner's folder, or a folder of such folders")
        if _notebooks_in(folder):
            found.append(folder)
            continue
        for entry in sorted(folder.iterdir()):
            if entry.name.startswith((".", "__")):
                continue
            if entry.is_dir():
                found.append(entry)
            elif entry.suffix in (".zip", ".gz", ".ipynb"):
                reason = "unpack it first" if entry.suffix != ".ipynb" else "name it like the day, dayNN_...ipynb"
                notes.append(f"{folder.name}/{entry.name} is nobody's folder: {reason}")
    found = list(dict.fromkeys(found))
    if not any(map(_notebooks_in, found)):
        raise NothingToGradeError(
            "nothing was handed in: there is no notebook dayNN_...ipynb in "
            + ", ".join(str(folder.resolve()) for folder in folders)
        )
    return dict(sorted(_named(found).items(), key=lambda entry: (entry[0].casefold(), entry[0]))), notes


def _notebooks_in(folder: Path) -> Path | None:
    """The folder that holds a learner's notebooks: this one, or `my/`, or the only one below that has any."""

    def holds(place: Path) -> bool:
        return place.is_dir() and any(NAME.fullmatch(path.name) for path in place.glob("*.ipynb"))

    return next((place for place in (folder, folder / "my") if holds(place)), None)


def _named(folders: list[Path]) -> dict[str, Path]:
    """Each folder by its name; where two have the same, the folder above is a part of it."""
    names = [printable(folder.name) for folder in folders]
    double = {name for name, count in Counter(names).items() if count > 1}
    named: dict[str, Path] = {}
    for name, folder in zip(names, folders, strict=True):
        name = f"{printable(folder.parent.name)}/{name}" if name in double else name
        tries = [name, *(f"{name} ({count})" for count in range(2, len(folders) + 2))]
        named[next(name for name in tries if name not in named)] = folder
    return named


def printable(text: str) -> str:
    """One line of text that can be shown and written everywhere."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def read_copy(learner: str, folder: Path, day: AskedDay) -> Copy:
    """What a learner has handed in for a day."""
    place = _notebooks_in(folder) or _only_below(folder) or folder
    path, notes = find_notebook(place, day)
    cells: list[WrittenCell] = []
    problem = "" if path else f"there is no notebook of Day {day.number}"
    if path:
        try:
            cells = read_cells(path)
        except UnreadableError as error:
            problem = f"{path.name} {error}"
    answers = [(asked, find_answer(cells, asked)) for asked in day.exercises]
    if not problem:
        notes += [note for _, found in answers for note in found.notes]
    return Copy(
        learner=learner,
        folder=place,
        day=day,
        path=path,
        cells=cells,
        answers=answers,
        problem=problem,
        notes=notes,
    )


def _only_below(folder: Path) -> Path | None:
    below = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and entry.name != ASIDE]
    places = [place for entry in below if (place := _notebooks_in(entry))]
    return places[0] if len(places) == 1 else None
