"""What many tests need: an empty store on the throw-away server that the root conftest has started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

import eventstore


@pytest.fixture
def schema() -> Iterator[str]:
    """The name of a schema that nobody else uses; dropped afterwards. It does not exist yet."""
    name = f"test {uuid4().hex}"  # the space shows every place that forgets to quote
    yield name
    with psycopg.connect(os.environ["EVENTSTORE_URL"], autocommit=True) as connection:
        connection.execute("SET lock_timeout = '60s'")  # against a test that has left a transaction open
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))


@pytest.fixture
def store(schema: str) -> Iterator[eventstore.PostgresEventStore]:
    """An empty store on PostgreSQL. Its sessions bear the name of the schema, to be told from those of other tests."""
    url = make_conninfo(os.environ["EVENTSTORE_URL"], application_name=schema)
    with eventstore.connect(url, schema=schema) as store:
        yield store
