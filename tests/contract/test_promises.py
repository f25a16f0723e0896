"""Every promise, kept by both stores of the package."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest

import eventstore
from workbook.contract import Promise, promises
from workbook.workspace import Workspace


@pytest.fixture
def new_memory_store() -> Callable[[], Any]:
    return eventstore.InMemoryEventStore


@pytest.fixture
def new_postgres_store() -> Iterator[Callable[[], Any]]:
    with ExitStack() as stack:

        def new_store() -> Any:
            workspace = Workspace(f"promise {uuid4().hex}")
            stack.callback(workspace.remove)
            return workspace.store

        yield new_store


@pytest.mark.parametrize("promise", promises(), ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("kind", ["memory", "postgres"])
def test_the_package_keeps_every_promise(promise: Promise, kind: str, request: pytest.FixtureRequest) -> None:
    promise(eventstore, request.getfixturevalue(f"new_{kind}_store"))
