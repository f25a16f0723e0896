"""The first steps come first; and a caller of the store who has a transaction of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest

from eventstore import PostgresEventStore


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where the first steps fail, nothing after them is worth reading."""
    items.sort(key=lambda item: item.path.name != "test_first_steps.py")


@pytest.fixture
def caller(store: PostgresEventStore, schema: str) -> Iterator[psycopg.Connection]:
    """A connection of a program's own, as psycopg makes it: without autocommit, and it knows nothing of the store.

    The program keeps its accounts in a table of its own.
    """
    with store.connection() as connection:
        connection.execute("CREATE TABLE accounts (player text PRIMARY KEY, chips int)")
    connection = psycopg.connect(os.environ["EVENTSTORE_URL"], application_name=schema)
    yield connection
    connection.close()
