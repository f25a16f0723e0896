"""The package as others install it: a wheel, used from an empty folder, far from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

APPEND_AND_READ = """
import eventstore
with eventstore.connect() as store:
    lent = eventstore.DomainEvent(event_type="book.lent", aggregate_id="book-1", version=1, event_data={"to": "you"})
    store.append(lent)
    (event,) = store.get_by_aggregate("book-1")
print(eventstore.__file__, event.event_data["to"], sep="\\n")
"""


def install(wheel: Path, into: Path) -> None:
    """What `pip install --no-deps --target` does with a wheel of pure Python."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(into)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    install(wheel, folder)
    return folder


@pytest.fixture
def elsewhere(installed: Path, tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """An empty folder, and an environment in which the installed package is found."""
    folder = tmp_path / "an empty folder"
    folder.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "EVENTSTORE_URL"}
    environment |= {"PYTHONPATH": str(installed), "EVENTSTORE_HOME": str(tmp_path / "home")}
    yield folder, environment
    code = "from eventstore.embedded import Cluster; Cluster().remove()"
    subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, check=True)


def test_it_holds_the_two_packages_and_the_schema_and_nothing_else(installed: Path) -> None:
    assert {path.name for path in installed.iterdir() if path.suffix != ".dist-info"} == {"eventstore", "poker"}
    in_wheel = {str(path.relative_to(installed / "eventstore" / "sql")) for path in installed.rglob("*.sql")}
    in_checkout = {str(path.relative_to(ROOT / "sql")) for path in (ROOT / "sql").rglob("*.sql")}
    assert in_wheel == in_checkout != set()


def test_it_works_from_an_empty_folder(elsewhere: tuple[Path, dict[str, str]], installed: Path) -> None:
    folder, environment = elsewhere

    def python(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "runs on 127.0.0.1" in python("-m", "eventstore", "up")
    file, answer = python("-c", APPEND_AND_READ).splitlines()
    assert Path(file).is_relative_to(installed)
    assert answer == "you"
    assert python("-m", "eventstore", "down") == "PostgreSQL is stopped.\n"
    assert list(folder.iterdir()) == []
