"""A day of one's own: begun once, begun again with the old copy kept, compared, and counted as it stands."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nbformat import v4
from sample_course import Course

from workbook import notebooks
from workbook.answers import find_answer, read_cells, read_course
from workbook.compose import compose
from workbook.copies import CopyError, difference, progress, reset_day, start_day
from workbook.paths import NOTEBOOKS
from workbook.source import read_day

NAME = "day99_a_sample.ipynb"


@pytest.fixture
def built(course: Course) -> Course:
    """The sample day as if it had been run: each check has said what it says of a solution."""
    day = read_day(course.day)
    for path, variant in zip(course.files(), ("learner", "solutions"), strict=True):
        notebook = compose(day, variant, [day])
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for count, cell in enumerate(code, start=1):
            cell.execution_count = count
            number = re.match(r'check\("(.+?)"', cell.source)
            said = (
                f"{number[1]} {'done (2 checks)' if variant == 'solutions' else 'to do'}\n" if number else "so it is\n"
            )
            cell.outputs = [v4.new_output("stream", name="stdout", text=said)]
        path.parent.mkdir(exist_ok=True)
        path.write_text(notebooks.text_of(notebook), encoding="utf-8")
    return course


@pytest.fixture
def my(built: Course) -> Path:
    return built.folder / "my"


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change each code cell of a notebook."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["source"] = "".join(cell["source"])
            change(cell)
    path.write_text(json.dumps(notebook), encoding="utf-8")


def solve(path: Path, course: Course) -> None:
    path.write_bytes(course.files()[1].read_bytes())


def states(course: Course, my: Path) -> Any:
    [(_, states)] = progress(notebooks=course.target, copy=my)
    return states if isinstance(states, str) else [state for _, state in states]


def compared(course: Course, my: Path) -> dict[str, list[str]]:
    return dict(difference(99, notebooks=course.target, copy=my))


def test_a_fresh_copy_has_no_outputs_and_overwrites_nothing(built: Course, my: Path) -> None:
    path = start_day(99, notebooks=built.target, copy=my)
    assert path == my / NAME
    assert not any(cell.get("outputs") for cell in notebooks.read(path).cells)
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(CopyError, match="is there already, and stays as it is"):
        start_day(99, notebooks=built.target, copy=my)
    assert path.read_text(encoding="utf-8") == "mine"


def test_reset_puts_each_old_copy_aside(built: Course, my: Path) -> None:
    path, aside = reset_day(99, notebooks=built.target, copy=my)
    assert aside is None
    kept = []
    for text in ("first", "second"):
        path.write_text(text, encoding="utf-8")
        path, aside = reset_day(99, notebooks=built.target, copy=my)
        assert aside is not None
        kept.append(aside)
    assert [old.read_text(encoding="utf-8") for old in kept] == ["first", "second"]
    assert not any(cell.get("outputs") for cell in notebooks.read(path).cells)
    assert [entry.name for entry in my.glob("*.ipynb")] == [NAME], "what was put aside is no answer any more"


def test_a_day_that_does_not_exist_is_named_with_those_that_do(built: Course, my: Path) -> None:
    for call in (start_day, reset_day):
        with pytest.raises(CopyError, match="there is no day 3: there are 99"):
            call(3, notebooks=built.target, copy=my)
    assert not my.exists()


def test_the_difference_shows_my_line_and_that_of_the_solution(built: Course, my: Path) -> None:
    solve(start_day(99, notebooks=built.target, copy=my), built)

    def spoil(cell: dict[str, Any]) -> None:
        cell["source"] = cell["source"].replace("sum(bets)", "len(bets)").replace("\n", "\r\n")

    edit(my / NAME, spoil)
    found = compared(built, my)
    assert [line for line in found["99.1:"] if line[:1] in "+-"][2:] == [
        "-    return len(bets)",
        "+    return sum(bets)",
    ]
    assert found["99.2: the same as the solution."] == [], "line ends of another system are no difference"


def test_the_difference_does_not_give_an_answer_away(built: Course, my: Path) -> None:
    start_day(99, notebooks=built.target, copy=my)
    assert compared(built, my) == {f"99.{n}: still to do, so its solution is not shown.": [] for n in (1, 2, 3)}


def test_without_a_copy_there_is_a_plain_reason(built: Course, my: Path) -> None:
    with pytest.raises(CopyError, match=r"There is no copy of Day 99 in my/"):
        compared(built, my)
    my.mkdir()
    (my / NAME).write_text("{", encoding="utf-8")
    with pytest.raises(CopyError, match=r"my/day99_a_sample.ipynb is no notebook that can be read \(is not JSON\)"):
        compared(built, my)
    assert states(built, my) == f"{NAME} is no notebook that can be read (is not JSON)."


def cut_out(path: Path) -> None:
    """What somebody does to a notebook of the course who takes it for their copy."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"] = [cell for cell in notebook["cells"] if "# Exercise 99.1" not in "".join(cell["source"])]
    path.write_text(json.dumps(notebook), encoding="utf-8")


def merge(path: Path) -> None:
    path.write_text("<<<<<<< HEAD\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("which", "damage"),
    [(0, cut_out), (0, merge), (0, Path.unlink), (1, merge)],
    ids=["a cell gone", "marks of a merge", "missing", "solved one with marks"],
)
def test_a_damaged_notebook_of_the_course_is_named_with_what_mends_it(
    built: Course, my: Path, which: int, damage: Callable[[Path], None]
) -> None:
    path = start_day(99, notebooks=built.target, copy=my)
    path.write_text("mine", encoding="utf-8")
    damage(built.files()[which])
    for call in (start_day, reset_day, lambda number, **folders: list(difference(number, **folders))):
        with pytest.raises(CopyError, match=rf"{NAME}, or its .* python3 -m workbook build 99"):
            call(99, notebooks=built.target, copy=my)  # type: ignore[operator]
    with pytest.raises(CopyError, match="python3 -m workbook build 99"):
        list(progress(notebooks=built.target, copy=my))
    assert path.read_text(encoding="utf-8") == "mine"


def test_progress_tells_what_a_check_has_seen_from_what_none_has(built: Course, my: Path) -> None:
    assert states(built, my) == ""
    path = start_day(99, notebooks=built.target, copy=my)
    assert states(built, my) == ["to do"] * 3
    solve(path, built)
    assert states(built, my) == ["done"] * 3

    def run_again(cell: dict[str, Any]) -> None:
        if cell["source"].startswith("# Exercise 99.1"):
            cell["execution_count"] = 1_000

    edit(path, run_again)
    assert states(built, my) == ["written", "done", "done"], "the cell was run after its check"


def test_a_printed_done_does_not_make_a_stub_done(built: Course, my: Path) -> None:
    path = start_day(99, notebooks=built.target, copy=my)

    def claim(cell: dict[str, Any]) -> None:
        cell["execution_count"] = 7
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["99.1 done (2 checks)\n"]}]

    edit(path, claim)
    assert states(built, my) == ["to do"] * 3


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda text: text.replace("# Exercise 99.1\n", ""), "done"),
        (lambda text: text.replace("# Exercise 99.1", "# Exercise 98.1"), "done"),
        (lambda text: text.replace("def pot", "def pott"), "not yet"),
        (lambda text: "" if text.startswith("# Exercise 99.1") else text, "not yet"),
        (lambda text: text.replace("return sum(bets)", "return sum((bets)"), "not yet"),
    ],
    ids=["label gone", "renumbered", "renamed", "emptied", "does not parse"],
)
def test_an_answer_is_found_whatever_its_label_says(
    built: Course, my: Path, change: Callable[[str], str], expected: str
) -> None:
    path = start_day(99, notebooks=built.target, copy=my)
    solve(path, built)

    def edit_source(cell: dict[str, Any]) -> None:
        cell["source"] = change(cell["source"])

    edit(path, edit_source)
    assert states(built, my) == [expected, "done", "done"]


def test_odd_files_are_read_too(built: Course, my: Path) -> None:
    my.mkdir()
    text = built.files()[1].read_text(encoding="utf-8")
    (my / "Day99_a_sample (1).ipynb").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert states(built, my) == ["done"] * 3


@pytest.mark.parametrize("tree", ["open", "solved"])
def test_every_exercise_of_the_course_is_found(tree: str) -> None:
    folder = NOTEBOOKS if tree == "open" else NOTEBOOKS / "solutions"
    for day in read_course(NOTEBOOKS):
        cells = read_cells(folder / day.name)
        assert day.exercises
        for asked in day.exercises:
            found = find_answer(cells, asked)
            assert (found.to_do, found.problem, found.notes) == (tree == "open", "", ()), asked.number
            assert asked.arguments
