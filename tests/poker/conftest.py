"""Each test has a schema of its own on the server of the test run."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from eventstore import PostgresEventStore, connect


@pytest.fixture
def schema() -> Iterator[str]:
    name = f"poker_{uuid.uuid4().hex[:12]}"
    yield name
    with psycopg.connect(os.environ["EVENTSTORE_URL"], autocommit=True) as connection:
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))


@pytest.fixture
def store(schema: str) -> Iterator[PostgresEventStore]:
    with connect(schema=schema) as store:
        yield store


@pytest.fixture(scope="session")
def real_hands() -> Path:
    """The folder with recorded hands, which are not part of the project."""
    folder = os.environ.get("POKER_HANDS")
    if not folder:
        pytest.skip("POKER_HANDS does not name a folder with recorded hands")
    return Path(folder)
