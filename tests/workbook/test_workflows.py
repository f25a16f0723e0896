"""The workflows of CI: their commands exist, they may do no more than they need, and those for others work."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
import yaml
from nbformat import v4
from psycopg.conninfo import conninfo_to_dict

from workbook import notebooks
from workbook.cli import app
from workbook.learner import update_copy
from workbook.paths import NOTEBOOKS, ROOT

TEMPLATE = ROOT / "docs" / "instructor" / "class-ci.yml"
OURS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
each_workflow = pytest.mark.parametrize("path", [TEMPLATE, *OURS], ids=lambda path: path.stem)


def workflow(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return read


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in workflow(path)["jobs"].values():
        yield from job["steps"]


def commands(path: Path) -> list[str]:
    """The lines that a workflow runs, in order."""
    return [line for step in steps(path) for line in step.get("run", "").splitlines()]


@each_workflow
def test_the_commands_exist_and_so_do_the_files_they_name(path: Path) -> None:
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    for line in commands(path):
        if found := re.match(r"\s*python3? -m workbook (\S+)(.*)", line):
            assert found[1] in known, line
            named = [word for word in shlex.split(found[2]) if word.startswith(("tests", "notebooks"))]
            assert [word for word in named if not (ROOT / word).exists()] == [], line
        elif found := re.match(r"\s*python3? (\S+\.py)", line):
            assert (ROOT / found[1]).exists(), line


@each_workflow
def test_it_may_read_and_hardly_more(path: Path) -> None:
    allowed = {"contents": "read"}
    assert workflow(path)["permissions"] == allowed
    for name, job in workflow(path)["jobs"].items():
        given = job.get("permissions", allowed)
        if "write" in given.values():
            runs = " ".join(step.get("run", "") for step in job["steps"])
            assert "python" not in runs, f"{path.name}: {name} may write, and runs code of others"
            assert not any(step.get("uses", "").startswith("actions/checkout") for step in job["steps"]), name


@each_workflow
def test_actions_bear_a_version_and_the_template_has_the_same_as_we(path: Path) -> None:
    used = {step["uses"] for step in steps(path) if "uses" in step}
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+|docker://\S+:\d+\.\d+\.\d+", action) for action in used), used
    if path == TEMPLATE:
        assert used <= {step["uses"] for other in OURS for step in steps(other) if "uses" in step}


def test_the_server_of_the_template_is_the_one_it_names() -> None:
    [job] = workflow(TEMPLATE)["jobs"].values()
    service = job["services"]["postgres"]
    for name in ("EVENTSTORE_URL", "EVENTSTORE_TEST_URL"):
        address = conninfo_to_dict(job["env"][name])
        assert service["ports"] == [f"{address['port']}:5432"]
        assert service["env"] == {
            "POSTGRES_USER": address["user"],
            "POSTGRES_PASSWORD": address["password"],
            "POSTGRES_DB": address["dbname"],
        }


def test_an_empty_cell_at_the_end_is_not_one_that_was_not_run(tmp_path: Path) -> None:
    run = v4.new_code_cell("1", execution_count=1)
    for cells, unrun in [([run, v4.new_code_cell("")], []), ([run, v4.new_code_cell("2"), v4.new_code_cell(" ")], [2])]:
        path = tmp_path / "a.ipynb"
        path.write_text(notebooks.text_of(v4.new_notebook(cells=cells)), encoding="utf-8")
        assert notebooks.unrun_cells(path) == unrun


@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform == "win32", reason="GitHub runs these lines with bash on Linux")
def test_the_template_tells_a_true_copy_from_one_that_is_not(checkout_copy: Path, request: Any) -> None:
    if not request.config.getoption("--long"):
        pytest.skip("runs the steps of the template in a copy of the checkout: part of the long run")
    # Verbatim but for two things: the set-up has been done, and one day stands for all.
    (checkout_copy / ".venv").symlink_to(sys.prefix)
    environment = os.environ | {
        "EVENTSTORE_TEST_URL": os.environ["EVENTSTORE_URL"],
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTEST_ADDOPTS": "-k day00 -n0",
    }

    def run(line: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", "-e", "-o", "pipefail", "-c", line.replace("python -m workbook", "python -m workbook.cli")]
        return subprocess.run(command, cwd=checkout_copy, env=environment, capture_output=True, encoding="utf-8")

    doctor, build, course, handed_in, progress = commands(TEMPLATE)
    for line in (doctor, build, course):
        done = run(line)
        assert done.returncode == 0, f"{line}:\n{done.stdout}{done.stderr}"

    [own, *_], _ = update_copy(NOTEBOOKS, checkout_copy / "my")
    for other in (checkout_copy / "my").glob("day*.ipynb"):
        if other != own:
            other.unlink()
    unrun = run(handed_in)
    assert "were not run in order" in unrun.stdout + unrun.stderr
    assert unrun.returncode != 0

    notebook = notebooks.read(own)
    solution = notebooks.read(NOTEBOOKS / "solutions" / own.name)
    [place] = [at for at, cell in enumerate(notebook.cells) if cell.source.startswith("# Exercise 0.1")]
    notebook.cells[place].source = next(c.source for c in solution.cells if c.source.startswith("# Exercise 0.1"))
    notebooks.execute(notebook, own.parent)
    own.write_text(notebooks.text_of(notebook), encoding="utf-8")
    done = run(handed_in)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\bdone\b.*\bto do\b.*\bto do\b", run(progress).stdout)

    own.write_text(own.read_text(encoding="utf-8").replace("0.2 to do", "0.2 done (9 checks)"), encoding="utf-8")
    pretended = run(handed_in)
    assert pretended.returncode != 0
    assert "0.2 done (9 checks)" in pretended.stdout
    assert "0.2 to do" in pretended.stdout


@pytest.fixture(scope="module")
def newest() -> ModuleType:
    """The script behind the weekly run. It is no part of a package, so it is loaded by its path."""
    spec = importlib.util.spec_from_file_location("newest", ROOT / ".ci" / "newest.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BEFORE = """
# compiled
-e .
numpy==2.4.6 ; python_full_version < '3.12'
numpy==2.5.1 ; python_full_version >= '3.12'
pytest==9.2.0
    # via -r requirements.in
psycopg[binary]==3.3.9
gone==1.0
"""
AFTER = BEFORE.replace("numpy==2.5.1", "numpy==2.6.0").replace("gone==1.0", "come==0.1")


def test_the_weekly_run_says_which_versions_are_new(newest: ModuleType) -> None:
    assert newest.pins(BEFORE)["psycopg"] == "3.3.9"
    assert newest.news(BEFORE, AFTER) == [
        ("come", "", "0.1"),
        ("gone", "1.0", ""),
        ("numpy (python_full_version >= '3.12')", "2.5.1", "2.6.0"),
    ]
    assert "No package is newer" in newest.summary("here", BEFORE, BEFORE, None)


def test_the_weekly_run_says_what_broke(newest: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert 1 == 2, 'the `sum` of @somebody'\n"
        "@pytest.fixture\n"
        "def away(): raise OSError('no server')\n"
        "def test_ugly(away): pass\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", ".", "--junitxml=report.xml"]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    subprocess.run([*command, "test_it.py"], cwd=tmp_path, env=environment, capture_output=True)
    report = (tmp_path / "report.xml").read_text(encoding="utf-8")
    told = newest.summary("Linux, Python 3.14", BEFORE, AFTER, report)
    assert told.startswith("## Linux, Python 3.14\n\n2 failed:\n")
    assert "- `test_it::test_bad`: `AssertionError: the 'sum' of @somebody" in told
    assert "- `test_it::test_ugly`: " in told
    assert "no server" in told
    assert "test_good" not in told
    assert "| numpy (python_full_version >= '3.12') | 2.5.1 | 2.6.0 |" in told
    assert len(newest.summary("here", BEFORE, AFTER, report.replace("no server", "x" * 100_000))) < 16_000


GH = """#!/usr/bin/env bash
printf '%s\\n' "$*" >>calls
case "$1 $2" in "issue list") cat open ;; esac
"""


@pytest.mark.skipif(shutil.which("bash") is None or sys.platform == "win32", reason="GitHub runs these lines with bash")
@pytest.mark.parametrize(
    ("result", "opened", "called"),
    [
        ("failure", "", ["label create", "issue create"]),
        ("failure", "7", ["issue edit 7"]),
        ("success", "7", ["issue close 7"]),
        ("success", "", []),
    ],
)
def test_the_weekly_run_opens_one_issue_and_closes_it_again(
    tmp_path: Path, result: str, opened: str, called: list[str]
) -> None:
    """With a `gh` that only writes down what it was asked for: there is no GitHub here."""
    job = workflow(ROOT / ".github" / "workflows" / "newest.yml")["jobs"]["report"]
    assert job["permissions"] == {"issues": "write"}
    [script] = [step["run"] for step in job["steps"] if "run" in step]
    (tmp_path / "gh").write_text(GH, encoding="utf-8")
    (tmp_path / "gh").chmod(0o755)
    (tmp_path / "open").write_text(opened and f"{opened}\n", encoding="utf-8")
    (tmp_path / "found" / "newest-here").mkdir(parents=True)
    (tmp_path / "found" / "newest-here" / "newest.md").write_text("## here\n", encoding="utf-8")
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "RESULT": result, "GH_REPO": "school/course"}
    environment |= {"GITHUB_SERVER_URL": "https://example.org", "GITHUB_RUN_ID": "12"}
    command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    calls = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert calls[0].startswith("issue list --label newest-packages")
    assert [call[: len(begin)] for call, begin in zip(calls[1:], called, strict=True)] == called
    if result == "failure":
        assert "## here" in (tmp_path / "report.md").read_text(encoding="utf-8")
