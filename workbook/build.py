"""Build the notebooks: `notebooks/src/dayNN_slug.py` becomes the learner's notebook and the solved one.

    notebooks/src/day01_what_is_an_event.py        written by hand, the only source
    notebooks/day01_what_is_an_event.ipynb         the learner's version, exercises open
    notebooks/solutions/day01_what_is_an_event.ipynb   the same, solved and explained

How to write a day
------------------
The file is a script in jupytext's percent format. It opens with a header:

    # ---
    # jupyter:
    #   workbook:
    #     title: What is an event?
    #     promise: After this day you can tell a fact from a state, and keep facts in a store of your own.
    #     needs: [Python functions and classes]
    #     able: [name an event, write one down so that it cannot change, find the version of the next one]
    # ---

and goes on with cells, `# %% [markdown]` for text and `# %%` for code, tags in the marker: `# %% tags=["keep"]`.

    the title, the links, "At a glance",    nothing: they are generated
    the hints, the link to the next day
    a folded answer                         a markdown cell with the tag `answer`
    an exercise                             a code cell that starts with the line `# Exercise 1.1`; the body of a
                                            function or method stands between the lines `### BEGIN SOLUTION` and
                                            `### END SOLUTION`, as often as needed
    its check                               a code cell with `check("1.1", f)`; the folded hints come after it
    why the solution works                  a cell with the tag `solution`: only in the solved notebook
    an error on purpose                     the tag `raises-exception`; a cell that does not fail stops the build
    a plot                                  the tag `figure`; the cell also prints the data it draws, and the first
                                            paragraph of the markdown cell right after it says what the plot shows:
                                            it becomes the alternative text
    an output that may differ               the tag `nbval-ignore-output`
    what the instructor needs to know       one markdown cell with the tag `instructor`, in neither notebook:
                                            `workbook/guide.py` says what stands in it
    a cell for the learner's own package    the tag `keep`, and the first line `# Kept: name` or `# Exercise 1.1, kept`
    a magic                                 a comment, `# %pip list`, which jupytext turns into the magic

Text may link to other days of the same folder by file name. No cell of the text may use what an exercise cell
defines. The rules that hold for every day are in `workbook/lint.py`; each one that is broken is named with its cell.

Exercises live in `workbook/exercises/dayNN.py`: the hints, the cases that the answer must pass, typical wrong answers
and the minutes it takes. How to write them is told in `workbook/exercise.py`.

How the notebooks stay the same
-------------------------------
Cells run as nbval runs them, without history. Ids come from the source of each cell, counts are 1, 2, 3, and nothing
is kept that depends on the machine. Where neither the cells nor their text outputs changed, the file stays untouched:
pictures differ by a byte now and then.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from workbook import guide, notebooks
from workbook.compose import Variant, compose
from workbook.lint import lint_day, lint_outputs
from workbook.source import Day, SourceError, read_days


def build(
    source: Path,
    target: Path,
    *,
    guides: Path | None = None,
    only: int | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Build the notebooks of all days, or of one, and run them.

    Args:
        source: the folder of the `dayNN_slug.py` files.
        target: the folder of the learner's notebooks; the solved ones go to `solutions/` below it.
        guides: the folder of the instructor's pages; None for none.
        only: the number of the one day to build; None for all.
        say: takes one line for each notebook.

    Raises:
        SourceError: a day breaks a rule, or there is no such day. Nothing of that day was written.
        BrokenCellError: a cell failed that should not have.
    """
    days = read_days(source)
    for day in _chosen(source, days, only):
        _stop_at(lint_day(day))
        if guides:
            _write_page(day, days, guides, say)
        for path, variant in _files(day, target):
            notebook = compose(day, variant, days)
            try:
                notebooks.execute(notebook, path.parent)
            except notebooks.BrokenCellError as error:
                raise notebooks.BrokenCellError(f"{path.parent.name}/{path.name}: {error}") from None
            _stop_at(lint_outputs(f"{path.parent.name}/{path.name}", notebook))
            stored = notebooks.read_or_none(path) if path.exists() else None
            if stored is not None and notebooks.same_but_for_pictures(notebook, stored):
                say(f"{path.parent.name}/{path.name}: unchanged")
                continue
            path.write_text(notebooks.text_of(notebook), encoding="utf-8", newline="\n")
            say(f"{path.parent.name}/{path.name}: written")


def build_pages(source: Path, guides: Path, *, only: int | None = None, say: Callable[[str], None] = print) -> None:
    """Make the instructor's pages of all days, or of one. Nothing is run. See `build`."""
    days = read_days(source)
    for day in _chosen(source, days, only):
        _write_page(day, days, guides, say)


def stale(source: Path, target: Path, *, guides: Path | None = None, only: int | None = None) -> list[str]:
    """Compare the notebooks with what the sources would give now. Nothing is run, no server is needed.

    Args:
        source, target, guides, only: see `build`.

    Returns:
        One line for each notebook or page that is missing, out of date or not known; for each broken rule, too.

    Raises:
        SourceError: a source cannot be read.
    """
    days = read_days(source)
    problems: list[str] = []
    known = {path for day in days for path, _ in _files(day, target)}
    for path in sorted({*target.glob("*.ipynb"), *target.glob("solutions/*.ipynb")} - known):
        problems.append(f"{path.parent.name}/{path.name}: has no source: delete it")
    for day in days:
        if only not in (None, day.number):
            continue
        problems += lint_day(day)
        if guides:
            problems += _stale_page(day, days, guides)
        for path, variant in _files(day, target):
            name = f"{path.parent.name}/{path.name}"
            if not path.exists():
                problems.append(f"{name}: missing: type python3 -m workbook build {day.number}")
                continue
            stored = notebooks.read_or_none(path)
            fresh = notebooks.text_of(compose(day, variant, days))
            if stored is None or notebooks.text_of(notebooks.without_outputs(stored)) != fresh:
                problems.append(f"{name}: is not what its source gives: type python3 -m workbook build {day.number}")
            else:
                problems += lint_outputs(name, stored)
    return problems


def _chosen(source: Path, days: list[Day], only: int | None) -> list[Day]:
    chosen = [day for day in days if only in (None, day.number)]
    if not chosen:
        raise SourceError(f"no day {'' if only is None else f'{only} '}in {source}: there are {_listed(days)}")
    return chosen


def _write_page(day: Day, days: list[Day], guides: Path, say: Callable[[str], None]) -> None:
    text, path = guide.page(day, days), guides / f"day{day.number:02d}.md"
    if text is None:
        return
    guides.mkdir(parents=True, exist_ok=True)
    same = path.exists() and path.read_text(encoding="utf-8") == text
    if not same:
        path.write_text(text, encoding="utf-8", newline="\n")
    say(f"{guides.name}/{path.name}: {'unchanged' if same else 'written'}")


def _stale_page(day: Day, days: list[Day], guides: Path) -> list[str]:
    text, path = guide.page(day, days), guides / f"day{day.number:02d}.md"
    if (path.read_text(encoding="utf-8") if path.exists() else None) == text:
        return []
    return [
        f"{guides.name}/{path.name}: is not what its source gives: type python3 -m workbook build --pages {day.number}"
    ]


def _files(day: Day, target: Path) -> list[tuple[Path, Variant]]:
    return [
        (target / f"{day.name}.ipynb", "learner"),
        (target / "solutions" / f"{day.name}.ipynb", "solutions"),
    ]


def _stop_at(problems: list[str]) -> None:
    if problems:
        raise SourceError("\n".join(problems))


def _listed(days: list[Day]) -> str:
    return ", ".join(str(day.number) for day in days) or "none"
