"""A schema of its own on the server, made fresh, for one notebook or one check."""

from __future__ import annotations

import atexit
import hashlib
import os
import platform
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import eventstore
from eventstore.database import open_connection, server_url

# Only schemas that carry this comment are ever dropped.
MARK = "made by the workbook, which may drop it"

END_SESSIONS = """
SELECT pg_terminate_backend(pid, 5000)
FROM pg_stat_activity
WHERE datname = current_database() AND application_name = %s AND pid <> pg_backend_pid()
"""

# What a scratch schema is for. Two notebooks may check at the same time, so each exercise has a name of its own.
purpose: ContextVar[str] = ContextVar("purpose", default="check")

FIND_MARK = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s"


class Workspace:
    """A fresh schema with an event store in it.

    What an earlier workspace of the same name left behind is cleared away first: its sessions are ended, its schema
    is dropped.

    Args:
        name: the name of the schema.
        install: whether to make the tables. Without them, `store` is None.
        lock_timeout: how long a statement may wait for a lock, as PostgreSQL writes it.
        statement_timeout: how long a statement may take.

    Raises:
        StoreUnavailableError: no server can be reached or started.
        SchemaError: a schema of this name exists and was not made by the workbook.
    """

    store: eventstore.PostgresEventStore
    url: str
    """The server, with the limits: for code that opens connections of its own."""

    def __init__(
        self, name: str, *, install: bool = True, lock_timeout: str = "10s", statement_timeout: str = "60s"
    ) -> None:
        self.schema = name
        self._session = f"workbook {name}"
        url = server_url()
        limits = f"-c lock_timeout={lock_timeout} -c statement_timeout={statement_timeout}"
        options = " ".join([str(conninfo_to_dict(url).get("options", "")), limits])
        self.url = make_conninfo(url, application_name=self._session, options=options)
        self._connections: list[psycopg.Connection] = []
        self._typing: psycopg.Connection | None = None
        with open_connection(self.url, name) as connection:
            connection.execute(END_SESSIONS, (self._session,))
            drop(connection, name)
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
            connection.execute(sql.SQL("COMMENT ON SCHEMA {} IS {}").format(sql.Identifier(name), MARK))
        if install:
            self.store = eventstore.connect(self.url, schema=name)

    def connection(self) -> psycopg.Connection:
        """A new connection, autocommit, in UTC, that finds the tables of this schema. It is closed with the workspace.

        Raises:
            StoreUnavailableError: the server is away.
        """
        connection = open_connection(self.url, self.schema)
        self._connections.append(connection)
        return connection

    def q(self, statement: str, parameters: Any = None) -> Any:
        """Run one SQL statement.

        Args:
            statement: the SQL; parameters are written as `%s` or `%(name)s`.
            parameters: a list or a dict of values, or None.

        Returns:
            A pandas DataFrame, or None where the statement returns no rows.

        Raises:
            TypeError: the statement is no text, e.g. because a function forgot to return it.
            psycopg.Error: what PostgreSQL says, with its `sqlstate`.
        """
        if not isinstance(statement, str):
            raise TypeError(f"this is {type(statement).__name__}, not SQL as text")
        if self._typing is None or self._typing.closed:
            self._typing = self.connection()
        cursor = self._typing.execute(statement, parameters)
        if cursor.description is None:
            return None
        import pandas

        return pandas.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description])

    def close(self) -> None:
        """Close all connections. The schema stays, to be looked at."""
        for connection in self._connections:
            connection.close()
        if "store" in vars(self):
            self.store.close()

    def remove(self) -> None:
        """Close all connections, those that somebody forgot too, and drop the schema."""
        self.close()
        with open_connection(self.url, self.schema) as connection:
            connection.execute(END_SESSIONS, (self._session,))
            drop(connection, self.schema)


def drop(connection: psycopg.Connection, schema: str) -> None:
    """Drop a schema that the workbook made, if it exists.

    Raises:
        SchemaError: it was made by somebody else.
    """
    found = connection.execute(FIND_MARK, (schema,)).fetchone()
    if found is None:
        return
    if found != (MARK,):
        raise eventstore.SchemaError(
            f"the schema {schema!r} was not made by the workbook, so it is not dropped: rename it, or drop it yourself"
        )
    connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


def schema_name(what_for: str) -> str:
    """The name of the schema for something, e.g. `"day01"`, in this notebook.

    The learner's copy, the two committed versions and the parallel workers of a test run must not meet, nor must two
    learners who share a server. So the folder of the notebook, the machine and the worker are part of the name.
    """
    folder = Path.cwd()
    variant = {"notebooks": "learner"}.get(folder.name, folder.name)
    place = hashlib.sha256(f"{platform.node()} {folder}".encode(errors="surrogateescape")).hexdigest()[:8]
    parts = [what_for, variant[:20], place, os.environ.get("PYTEST_XDIST_WORKER", "")]
    return "_".join(re.sub(r"\W", "_", part.lower(), flags=re.ASCII) for part in parts if part)


@contextmanager
def scratch(*, install: bool = True) -> Iterator[Workspace]:
    """A workspace for one check, dropped afterwards, where nothing waits for a lock for more than 5 seconds."""
    with _scratch(schema_name(purpose.get()), install) as workspace:
        yield workspace


@contextmanager
def _scratch(name: str, install: bool = True) -> Iterator[Workspace]:
    # A statement may take a second more: whoever waits for a lock shall hear of the lock.
    workspace = Workspace(name, install=install, lock_timeout="5s", statement_timeout="6s")
    try:
        yield workspace
    finally:
        workspace.remove()


class Room(ExitStack):
    """What is made for one case and cleared away after it: as many workspaces as the case asks for."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def workspace(self) -> Workspace:
        """One more, see `scratch`."""
        self._count += 1
        place = "" if self._count == 1 else f"_{self._count}"
        return self.enter_context(_scratch(schema_name(f"{purpose.get()}{place}")))


_room: ContextVar[Room | None] = ContextVar("room", default=None)


@contextmanager
def one_case() -> Iterator[None]:
    """Within this, `with_the_case` gives one room, which is cleared at the end."""
    with Room() as room:
        token = _room.set(room)
        try:
            yield
        finally:
            _room.reset(token)


def with_the_case() -> Room:
    """The room of the case that is being tried. Where there is none, one that is cleared at the end of the process."""
    room = _room.get()
    if room is None:
        room = Room()
        _room.set(room)
        atexit.register(room.close)
    return room
