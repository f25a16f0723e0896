"""The server that the tests of appends kill and start again; one for each file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from durable_server import DurableServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DurableServer]:
    server = DurableServer(tmp_path_factory.mktemp("server"))
    yield server
    server.remove()
