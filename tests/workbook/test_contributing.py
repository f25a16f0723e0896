"""CONTRIBUTING tells the truth: its commands exist, its links lead somewhere, its exercise can be added as it says."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from workbook.cli import app
from workbook.paths import ROOT

PAGES = [ROOT / "CONTRIBUTING.md", ROOT / "CHANGES.md", *(ROOT / "docs" / "instructor").glob("*.md")]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLE = dict(re.findall(r"<!-- example: (\w+) -->\n```text\n(.*?)```\n", TEXT, re.DOTALL))
DAY = Path("notebooks", "src", "day01_what_is_an_event.py")
EXERCISES = Path("workbook", "exercises", "day01.py")


def test_the_commands_exist_and_so_do_the_files_they_name() -> None:
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    wrong = []
    for page in PAGES:
        for line in re.findall(r"python3 -m workbook ([^`|\n]+)", page.read_text(encoding="utf-8")):
            command, *arguments = shlex.split(line)
            missing = [
                name for name in arguments if name.startswith(("tests/", "notebooks")) and not (ROOT / name).exists()
            ]
            wrong += [f"{page.name}: {line}"] if command not in known or missing else []
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def add_the_exercise(checkout: Path) -> None:
    """What steps 1 to 3 say, letter by letter."""
    day, exercises = checkout / DAY, checkout / EXERCISES
    marker, heading = "# %% [markdown]\n", "# ## Meet the package\n"
    before, after = day.read_text(encoding="utf-8").split(marker + heading)
    day.write_text(before + EXAMPLE["day"] + marker + heading + after, encoding="utf-8")
    before, after = exercises.read_text(encoding="utf-8").split("EXERCISES = (\n")
    assert after.endswith(",\n)\n")
    entries = after.removesuffix(")\n") + EXAMPLE["exercise"]
    exercises.write_text(f"{before}{EXAMPLE['cases']}EXERCISES = (\n{entries})\n", encoding="utf-8")


def test_the_places_that_it_names_are_there_and_the_number_is_free(tmp_path: Path) -> None:
    for name in (DAY, EXERCISES):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copy(ROOT / name, tmp_path / name)
    add_the_exercise(tmp_path)
    [number] = set(re.findall(r"# Exercise (\d\.\d)", EXAMPLE["day"]))
    assert (tmp_path / DAY).read_text(encoding="utf-8").count(f"# Exercise {number}\n") == 1
    compile((tmp_path / EXERCISES).read_text(encoding="utf-8"), EXERCISES.name, "exec")


def test_the_exercise_is_added_as_it_says(checkout_copy: Path, request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--long"):
        pytest.skip("builds and proves a whole day: part of the long run")
    add_the_exercise(checkout_copy)
    steps = re.findall(r"^python3 -m workbook ((?:build 1|test tests/workbook).*)$", TEXT, re.MULTILINE)
    assert [step.split()[0] for step in steps] == ["build", "test"]
    # Kernels run elsewhere and must find the copy, not the checkout that is installed.
    environment = os.environ | {
        "EVENTSTORE_TEST_URL": os.environ["EVENTSTORE_URL"],
        "PYTHONPATH": os.pathsep.join([str(checkout_copy), os.environ.get("PYTHONPATH", "")]),
    }
    for step in [*steps, "run ruff check .", "run ruff format --check ."]:
        command = [sys.executable, "-m", "workbook.cli", *shlex.split(step)]
        done = subprocess.run(command, cwd=checkout_copy, env=environment, capture_output=True, encoding="utf-8")
        assert done.returncode == 0, f"{step}:\n{done.stdout}{done.stderr}"
