"""A day that is no part of the course, to try the machinery on: every kind of cell and exercise once."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sample_course import SAMPLE, Course

from workbook.build import build
from workbook.paths import ROOT


@pytest.fixture(scope="session", autouse=True)
def sample_exercises() -> Iterator[None]:
    """Make the exercises of the sample day known here and in the kernels that are started from here."""
    sys.path.insert(0, str(SAMPLE))
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(SAMPLE), before]))
    import sample_exercises  # noqa: F401

    yield
    sys.path.remove(str(SAMPLE))
    del sys.modules["workbook.exercises.day99"]
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """The sample day as written, in a path with a space, not built."""
    course = Course(tmp_path / "a course")
    course.source.mkdir(parents=True)
    shutil.copy(SAMPLE / "day99_a_sample.py", course.source)
    return course


@pytest.fixture(scope="session")
def _built_once(tmp_path_factory: pytest.TempPathFactory) -> Course:
    course = Course(tmp_path_factory.mktemp("built") / "a course")
    course.source.mkdir(parents=True)
    shutil.copy(SAMPLE / "day99_a_sample.py", course.source)
    build(course.source, course.target)
    return course


@pytest.fixture
def built(_built_once: Course, tmp_path: Path) -> Course:
    """The sample day, built; each test gets a copy to spoil."""
    return Course(Path(shutil.copytree(_built_once.folder, tmp_path / "a course")))


@pytest.fixture
def checkout_copy(tmp_path: Path) -> Path:
    """The files of this checkout as they are now, in a folder of their own: what a fresh clone would hold."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, encoding="utf-8")
    if listed.returncode != 0:
        pytest.skip("this folder is no Git checkout, so nobody says which files belong to it")
    copy = tmp_path / "a clone"
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    return copy
