"""Every promise, kept by both stores of the package; those of a subscription need PostgreSQL."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest

import eventstore
from workbook.contract import Promise, is_kept_in_memory, promises
from workbook.workspace import Workspace


@pytest.fixture
def new_memory_store() -> Callable[[], Any]:
    return eventstore.InMemoryEventStore


@pytest.fixture
def new_postgres_store() -> Iterator[Callable[[], Any]]:
    with ExitStack() as stack:

        def new_store(bus: Any = None) -> Any:
            workspace = Workspace(f"promise {uuid4().hex}")
            stack.callback(workspace.remove)
            if bus is None:
                return workspace.store
            return stack.enter_context(eventstore.connect(workspace.url, schema=workspace.schema, bus=bus))

        yield new_store


KINDS = [(promise, "postgres") for promise in promises()]
KINDS += [(promise, "memory") for promise in promises() if is_kept_in_memory(promise)]


@pytest.mark.parametrize(("promise", "kind"), KINDS, ids=[f"{kind}-{promise.__name__}" for promise, kind in KINDS])
def test_the_package_keeps_every_promise(promise: Promise, kind: str, request: pytest.FixtureRequest) -> None:
    promise(eventstore, request.getfixturevalue(f"new_{kind}_store"))
