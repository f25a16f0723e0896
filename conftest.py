"""For the tests and both trees of notebooks: one throw-away server, and no notebook that nbval would pass unseen."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from eventstore.embedded import Cluster
from workbook.notebooks import REAL_HANDS, unrun_cells

_server = pytest.StashKey[Cluster]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="the same tests with larger counts")


def pytest_configure(config: pytest.Config) -> None:
    """Start the server once for the whole run. Workers of xdist and kernels of nbval find it in the environment."""
    os.environ["PYTHONHASHSEED"] = "0"  # so that kernels print a set in the same order every time
    if hasattr(config, "workerinput"):
        return
    # Tests drop schemas and kill backends: never on the server that somebody works with.
    if url := os.environ.get("EVENTSTORE_TEST_URL"):
        os.environ["EVENTSTORE_URL"] = url
        return
    # Not by tempfile: what it makes on Windows, PostgreSQL may not enter where the tests run as an Administrator.
    cluster = Cluster(Path(tempfile.gettempdir(), f"eventstore-tests-{uuid4().hex}"), durable=False)
    os.environ["EVENTSTORE_URL"] = cluster.start()
    config.stash[_server] = cluster


def pytest_unconfigure(config: pytest.Config) -> None:
    if _server in config.stash:
        config.stash[_server].remove()


def pytest_collect_file(file_path: Path) -> None:
    """nbval compares nothing where a cell was never run, and calls that a pass. So such a notebook is an error."""
    if file_path.suffix == ".ipynb" and (cells := unrun_cells(file_path)):
        raise pytest.UsageError(
            f"{file_path.name}: cells {cells} were not run in order: choose Kernel, Restart Kernel and Run All Cells, "
            "and save (a notebook of the course: build it again)"
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """nbval compares with outputs of the hands that ship: kernels, which start with the first cell, find no others."""
    hands = os.environ.pop(REAL_HANDS, None) if item.path.suffix == ".ipynb" else None
    try:
        return (yield)
    finally:
        if hands is not None:
            os.environ[REAL_HANDS] = hands
