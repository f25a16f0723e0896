"""A day that is no part of the course, to try the machinery on: every kind of cell and exercise once."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sample_course import SAMPLE, Course

from workbook.build import build


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
