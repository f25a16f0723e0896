"""The commands do what they say, with the right exit code, on every console."""

import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from workbook.doctor import SET_UP_AGAIN, disk, examine_machine, packages
from workbook.paths import ROOT


def workbook(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "workbook.cli", *arguments],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "100"} | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_help_names_the_commands() -> None:
    text = workbook("--help").stdout
    assert all(f"  {command} " in text for command in ("lab", "test", "build", "doctor", "run"))


def test_run_hands_everything_over_and_gives_the_exit_code_back(tmp_path: Path) -> None:
    (tmp_path / "given.py").write_text("import sys; print(sys.argv[1:]); sys.exit(7)", encoding="utf-8")
    done = workbook("run", "given", "import", "a folder", "--strict", "--help", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (7, "['import', 'a folder', '--strict', '--help']\n")


def test_test_runs_pytest_with_what_was_asked_for() -> None:
    asked_for = ["-n0", "--collect-only", "tests/workbook/test_show.py", "-k", "no_such_test"]
    done = workbook("test", *asked_for, EVENTSTORE_TEST_URL=os.environ["EVENTSTORE_URL"])
    assert "deselected" in done.stdout
    assert done.returncode == 5, "pytest's own code for: no tests"


def test_build_of_a_day_that_does_not_exist_is_a_short_error() -> None:
    done = workbook("build", "77")
    assert done.returncode == 1
    assert done.stderr.startswith("no day 77 in ")
    assert "Traceback" not in done.stderr


def test_doctor_is_content_with_this_machine_and_tells_what_a_report_needs() -> None:
    done = workbook("doctor")
    assert "All is well." in done.stdout, done.stdout
    assert done.returncode == 0
    found = " ".join(done.stdout.split())
    assert f"workbook ok {version('eventstore-workbook')}" in found
    assert f"Python ok {platform.python_version()} on " in found
    assert re.search(r"PostgreSQL ok 1[5-8]\.\d+, UTF8, \S+ at \S+, as EVENTSTORE_URL says", found)


def test_doctor_can_be_read_on_a_narrow_console_without_utf8() -> None:
    done = workbook("doctor", COLUMNS="40", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert "PostgreSQL" in done.stdout
    assert done.stdout.isascii()
    assert max(map(len, done.stdout.splitlines())) <= 40


def test_doctor_says_what_to_do_about_a_server_that_is_away_without_showing_the_password() -> None:
    done = workbook("doctor", EVENTSTORE_URL="postgresql://me:topsecret@127.0.0.1:1/db")
    assert done.returncode == 1
    assert "Next: type python3 -m workbook run eventstore up" in " ".join(done.stdout.split())
    assert "topsecret" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:topsecret@127.0.0.1:port/db",
        "postgres:/me:topsecret",
        "postgresql://me:in@topsecret@127.0.0.1/db",
    ],
)
def test_doctor_shows_no_password_of_an_address_that_is_none(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTSTORE_URL", url)
    server = next(finding for finding in examine_machine() if finding.what == "PostgreSQL")
    assert server.fix
    assert "topsecret" not in server.found + server.fix


@pytest.mark.parametrize(
    ("pin", "found"),
    [
        ("pytest==0.0.1", "pytest is "),
        ("no-such-package-anywhere==1.0", "no-such-package-anywhere is missing"),
    ],
)
def test_doctor_names_a_package_that_is_not_as_pinned(tmp_path: Path, pin: str, found: str) -> None:
    pins = tmp_path / "requirements.txt"
    pins.write_text(f"# made by a tool\n-e .\n{pin}\n    # via nothing\n", encoding="utf-8")
    finding = packages(pins)
    assert finding.found.startswith(found)
    assert finding.fix == SET_UP_AGAIN


def test_doctor_warns_of_a_folder_that_is_copied_while_postgresql_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = tmp_path / "OneDrive - A School" / "course"
    course.mkdir(parents=True)
    monkeypatch.setenv("EVENTSTORE_URL", "")  # as good as not set
    monkeypatch.delenv("EVENTSTORE_HOME", raising=False)
    assert "EVENTSTORE_HOME" in disk(course).fix
    assert disk(tmp_path).fix == ""
    monkeypatch.setenv("EVENTSTORE_HOME", str(tmp_path))
    assert disk(course).fix == ""


def test_doctor_skips_packages_of_other_systems(tmp_path: Path) -> None:
    pins = tmp_path / "requirements.txt"
    pins.write_text("no-such-package==1.0 ; sys_platform == 'plan9'\n", encoding="utf-8")
    assert packages(pins).fix == ""
