"""A built notebook is what its source gives, holds nothing of this machine, and stays the same."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from nbformat import v4
from sample_course import Course

from workbook import notebooks
from workbook.build import build, stale
from workbook.notebooks import BrokenCellError
from workbook.source import SourceError

HEADER = (
    "# ---\n# jupyter:\n#   workbook:\n#     title: T\n#     promise: P\n#     needs: []\n#     able: []\n# ---\n\n"
)


def test_both_versions_ran_and_say_how_the_exercises_stand(built: Course) -> None:
    outcomes = []
    for path in built.files():
        assert notebooks.unrun_cells(path) == []
        cells = notebooks.read(path).cells
        checks = [cell for cell in cells if "check" in cell.metadata.get("tags", [])]
        outcomes.append([notebooks.texts(cell)[0] for cell in checks])
    assert outcomes == [
        ["99.1 to do\n", "99.2 to do\n", "99.3 to do\n"],
        ["99.1 done (2 checks)\n", "99.2 done (1 check)\n", "99.3 done (1 check)\n"],
    ]


def test_a_figure_carries_the_text_after_it(built: Course) -> None:
    for path in built.files():
        [alt] = [cell.metadata.mystnb.image.alt for cell in notebooks.read(path).cells if "mystnb" in cell.metadata]
        assert alt == "The pot doubles with every bet."


def test_nothing_of_this_machine_is_stored(built: Course) -> None:
    for path in built.files():
        text = path.read_text(encoding="utf-8")
        assert str(built.folder.parent) not in text
        assert sys.prefix not in text
        assert set(notebooks.read(path).metadata.language_info) == {"name"}


def test_building_again_leaves_the_files_alone(built: Course) -> None:
    for path in built.files():
        # Another picture and nothing else: as it happens between versions of the plotting library.
        notebook = notebooks.read(path)
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                if "image/png" in output.get("data", {}):
                    output.data["image/png"] = "b3RoZXI="
        path.write_text(notebooks.text_of(notebook), encoding="utf-8", newline="\n")
    before = [path.read_bytes() for path in built.files()]
    said: list[str] = []
    build(built.source, built.target, say=said.append)
    assert [line.rsplit(": ")[1] for line in said] == ["unchanged", "unchanged"]
    assert [path.read_bytes() for path in built.files()] == before


def test_a_change_of_source_makes_both_versions_stale(built: Course) -> None:
    assert stale(built.source, built.target) == []
    text = built.day.read_text(encoding="utf-8")
    built.day.write_text(text.replace("The stored event.", "The event as stored."), encoding="utf-8")
    problems = stale(built.source, built.target)
    assert [problem.split(":")[0] for problem in problems] == [
        "notebooks/day99_a_sample.ipynb",
        "solutions/day99_a_sample.ipynb",
    ]
    assert all("python3 -m workbook build 99" in problem for problem in problems)


def test_a_notebook_edited_by_hand_is_stale(built: Course) -> None:
    path = built.files()[0]
    path.write_text(path.read_text(encoding="utf-8").replace("Add up.", "Add up!"), encoding="utf-8")
    [problem] = stale(built.source, built.target)
    assert problem.startswith("notebooks/day99_a_sample.ipynb: is not what its source gives")


def test_a_notebook_that_is_none_any_more_is_named_and_built_anew(built: Course) -> None:
    for path in built.files():
        path.write_text("<<<<<<< HEAD\n", encoding="utf-8")
    problems = stale(built.source, built.target)
    assert [problem.rsplit(": ", 1)[1] for problem in problems] == ["type python3 -m workbook build 99"] * 2
    build(built.source, built.target)
    assert stale(built.source, built.target) == []


def test_missing_and_left_over_notebooks_are_named(built: Course) -> None:
    built.files()[0].rename(built.target / "day98_gone.ipynb")
    gone, missing = stale(built.source, built.target)
    assert gone == "notebooks/day98_gone.ipynb: has no source: delete it"
    assert missing.startswith("notebooks/day99_a_sample.ipynb: missing")


def test_strict_nbval_agrees_with_what_was_stored_and_with_nothing_else(built: Course) -> None:
    (built.folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    learner, _ = built.files()
    text = learner.read_text(encoding="utf-8")
    assert text.count('"99.2 to do\\n"') == 1
    learner.write_text(text.replace('"99.2 to do\\n"', '"99.2 to doo\\n"'), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-c", "pytest.ini", "-q", "--color=no", "--nbval", "--nbval-current-env"]
    run = subprocess.run(
        [*command, *map(str, built.files())], cwd=built.folder, capture_output=True, encoding="utf-8", check=False
    )
    assert re.findall(r"^FAILED (.*)::Cell (\d+)", run.stdout, re.MULTILINE) == [
        ("notebooks/day99_a_sample.ipynb", "7")
    ]


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        ("# %%\n1 / 0\n", "ZeroDivisionError: division by zero"),
        ('# %% tags=["raises-exception"]\nx = 1\n', "did not fail"),
        ("# %%\nimport os\nos._exit(1)\n", "did not end"),
    ],
)
def test_a_cell_that_goes_wrong_stops_the_build(course: Course, cell: str, complaint: str) -> None:
    course.day.write_text(HEADER + cell, encoding="utf-8")
    with pytest.raises(BrokenCellError, match=r"notebooks/day99_a_sample\.ipynb") as caught:
        build(course.source, course.target)
    assert complaint in str(caught.value)
    assert not course.files()[0].exists()


def test_a_broken_rule_stops_the_build_before_anything_runs(course: Course) -> None:
    course.day.write_text(HEADER + "# %%\nraise SystemExit;\n", encoding="utf-8")
    with pytest.raises(SourceError, match="';'"):
        build(course.source, course.target)


def test_a_day_that_does_not_exist_is_refused(course: Course) -> None:
    with pytest.raises(SourceError, match=r"no day 7 .* there are 99"):
        build(course.source, course.target, only=7)


def test_cells_run_as_nbval_runs_them(tmp_path: Path) -> None:
    # With history, a semicolon hides the value. nbval runs without, so it would see a value that was never stored.
    notebook = v4.new_notebook(cells=[v4.new_code_cell("7;")])
    notebooks.execute(notebook, tmp_path)
    assert notebooks.texts(notebook.cells[0]) == ["7"]
