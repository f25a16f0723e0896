"""A role that owns nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from roles import Guest


@pytest.fixture
def guest() -> Iterator[Guest]:
    """A role that may connect, and nothing else. Its objects and rights go with it; ask for it after the store."""
    name, password = f"guest {uuid4().hex}", uuid4().hex
    url, role = os.environ["EVENTSTORE_URL"], sql.Identifier(name)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password)))
        yield Guest(name, make_conninfo(url, user=name, password=password))
        connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(role))
