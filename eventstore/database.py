"""Where the server comes from, how a connection to it is opened, and how the tables get there."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from eventstore.embedded import Cluster
from eventstore.errors import EventStoreError, SchemaError, StoreUnavailableError, from_driver

# One constant names the lock space of installing, so that it meets no other advisory lock of this package. It lies
# below 16384, where no table's oid is: the locks of `sql/100_order.sql` bear the oid of a table.
INSTALL_LOCK = 2025
OLDEST_SERVER = 150_000  # as libpq counts: 15.0
URL_FORM = "write postgresql://user:password@host:port/database"

# What a session of the store relies on, whatever the defaults of the server are: a day of history that looks the same
# on every machine, and statements that each see what was committed before them. And what the planner cannot know: the
# log only grows, so the rows of one type or one user lie in the table in the order of their index. With the default of
# 4 it would rather fetch them anyhow and sort.
SESSION = {"timezone": "UTC", "default_transaction_isolation": "read committed", "random_page_cost": "1.1"}

# A cable that was cut says nothing. Without these, a call would wait for its answer for hours. With them it gives up
# after a minute in which nobody at the other end has shown any sign of life; a server that only takes its time does.
LOST_CABLE = {
    "keepalives_idle": 30,  # seconds
    "keepalives_interval": 10,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds
}

SET_ALL = """
SELECT set_config(name, value, false)
FROM unnest(%s::text[], %s::text[]) AS setting (name, value)
"""


def server_url(url: str | None = None) -> str:
    """The server to use: the argument, else `EVENTSTORE_URL`, else the private server, which is started if need be.

    Raises:
        StoreUnavailableError: the argument is no text, or there is no PostgreSQL on this machine that could be started.
    """
    if not isinstance(url, str | None):
        raise StoreUnavailableError(f"that is no PostgreSQL URL but {type(url).__name__}: {URL_FORM}")
    return url or os.environ.get("EVENTSTORE_URL") or Cluster().start()


def open_connection(url: str, schema: str, **settings: str) -> psycopg.Connection:
    """A new autocommit connection that finds the tables of `schema` by their plain names.

    Args:
        url: a PostgreSQL connection URL.
        schema: the schema that the tables are in; it need not exist yet.
        settings: more settings of the session, e.g. `lock_timeout="5s"`.

    Raises:
        StoreUnavailableError: nobody answers there, or the server refuses the user, is too old, or has a database whose
            text is not UTF-8.
        SchemaError: no schema can have this name.
    """
    check_schema_name(schema)
    given: dict[str, Any] | None = None
    # The driver's error shows the URL, and with it the password. So ours is raised outside, and does not remember it.
    with suppress(psycopg.ProgrammingError, UnicodeEncodeError):
        given = conninfo_to_dict(url)
    if given is None:
        raise StoreUnavailableError(f"that is no PostgreSQL URL: {URL_FORM}")
    # A slash or an @ in a password, written as it is, ends it. The driver would show the rest as the host or the port.
    two_ends = re.match("postgres(ql)?://[^?]*@[^?]*@", url)
    if two_ends or not re.fullmatch("[0-9, ]*", str(given.get("port", ""))):
        raise StoreUnavailableError(
            f"the host or the port in that URL cannot be right: {URL_FORM}, with %2F for a slash in the password,"
            " %3A for a colon and %40 for an @"
        )
    defaults: dict[str, Any] = {"connect_timeout": 10, "application_name": "eventstore"} | LOST_CABLE
    session = SESSION | {"search_path": sql.Identifier(schema).as_string()} | settings
    try:
        connection = psycopg.connect(make_conninfo(**defaults | given | {"client_encoding": "utf8"}), autocommit=True)
        _refuse_unfit(connection)
        connection.execute(SET_ALL, (list(session), list(session.values())))
    except psycopg.Error as error:
        raise StoreUnavailableError(f"no connection to PostgreSQL: {error}") from None
    return connection


def check_schema_name(schema: object) -> None:
    """Refuse what cannot name the schema of a store.

    Raises:
        SchemaError: the text says what is allowed.
    """
    # PostgreSQL cuts a longer name off without an error, and two schemas would become one. "$user" stands for another.
    fits = isinstance(schema, str) and schema.isprintable() and 1 <= len(schema.encode()) <= 63
    if not fits or str(schema).startswith("pg_") or schema == "$user":
        name = repr(schema) if isinstance(schema, str) else f"named by {type(schema).__name__}"
        raise SchemaError(f"the schema {name} cannot be made: use 1 to 63 bytes of printable text without pg_ in front")


def _refuse_unfit(connection: psycopg.Connection) -> None:
    problem = ""
    if connection.info.server_version < OLDEST_SERVER:
        problem = "the server is older than PostgreSQL 15: use 15, 16, 17 or 18"
    elif connection.info.parameter_status("server_encoding") != "UTF8":
        problem = "the database does not keep text as UTF-8: make one with CREATE DATABASE ... ENCODING 'UTF8'"
    if problem:
        connection.close()
        raise StoreUnavailableError(problem)


@contextmanager
def in_our_words(connection: psycopg.Connection) -> Iterator[None]:
    """Turn the driver's errors into ours, for the work that is done on a connection within this `with` statement.

    Raises:
        StoreUnavailableError: the connection broke, or the server ended the call.
        EventStoreError: whatever else the server refused.
    """
    try:
        yield
    except psycopg.Error as error:
        raise our_word_for(error, connection) from None


def our_word_for(error: psycopg.Error, connection: psycopg.Connection) -> EventStoreError:
    """What we call an error of the driver."""
    lost = connection.closed or isinstance(error, psycopg.OperationalError)
    return from_driver(error.sqlstate, str(error), lost)


MAKE_LEDGER = """
CREATE TABLE IF NOT EXISTS eventstore_schema (
    file       text        PRIMARY KEY,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
-- Whoever may use the schema may see that it is installed.
GRANT SELECT ON eventstore_schema TO PUBLIC;
"""

NOTE_IN_LEDGER = """
INSERT INTO eventstore_schema (file, checksum) VALUES (%s, %s)
ON CONFLICT (file) DO UPDATE SET checksum = excluded.checksum, applied_at = excluded.applied_at
"""


@dataclass(frozen=True)
class SqlFile:
    """One file of the schema: its path in `sql/` without the suffix, and its text.

    A file numbered below 100 makes tables: it is applied once and never again. A file from 100 on makes functions,
    views and triggers: it is applied again whenever its text has changed.
    """

    name: str
    text: str

    @property
    def makes_tables(self) -> bool:
        return int(self.name.rpartition("/")[2][:3]) < 100

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@cache
def sql_files(folder: str = "") -> tuple[SqlFile, ...]:
    """The files of the schema in the order of their numbers, from the wheel or from the checkout's `sql/`.

    Args:
        folder: a folder in `sql/` that builds on the store, e.g. `"poker"`; without one, the store itself.
    """
    paths = sorted((_folder() / folder).glob("[0-9]*.sql"))
    names = [path.relative_to(_folder()).with_suffix("").as_posix() for path in paths]
    return tuple(SqlFile(name, path.read_text(encoding="utf-8")) for name, path in zip(names, paths, strict=True))


def _folder() -> Path:
    package = Path(__file__).parent
    return package / "sql" if (package / "sql").is_dir() else package.parent / "sql"


def install(
    connection: psycopg.Connection, schema: str, folder: str = "", *, remedy: str = "connect once"
) -> list[str]:
    """Make the tables, functions and triggers of the store, or bring them up to date.

    Safe to call at every start and by many processes at once. Where there is nothing to do, this reads one small
    table, takes no lock and needs no right to create anything.

    Args:
        connection: an idle autocommit connection made by `open_connection` for this schema.
        schema: the schema to install into; it is made if it does not exist.
        folder: a folder in `sql/` to install on top of the store, e.g. `"poker"`; without one, the store itself.
        remedy: what the owner of the database has to do where this role may not, in words for the error.

    Returns:
        The names of the files that were applied.

    Raises:
        SchemaError: the role may not create what is missing, or a table file is not the one that was applied.
    """
    files = sql_files(folder)
    applied = _applied(connection)
    if not _outdated(files, applied):
        return []
    try:
        with connection.transaction():
            # The tables do not exist yet, so the lock is taken on the schema's name.
            connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (INSTALL_LOCK, schema))
            # A trigger can be made again only when nobody is writing, and while this waits, all writers wait behind it.
            connection.execute("SET LOCAL lock_timeout = '5s'")
            # CREATE SCHEMA IF NOT EXISTS would want the right to create even where there is nothing to create.
            if connection.execute("SELECT to_regnamespace(quote_ident(%s))", (schema,)).fetchone() == (None,):
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
            connection.execute(MAKE_LEDGER)
            outdated = _outdated(files, _applied(connection))
            for file in outdated:
                # The text comes from the package's own files, never from a caller.
                connection.execute(file.text)
                connection.execute(NOTE_IN_LEDGER, (file.name, file.checksum))
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName) as error:
        what = f"what sql/{folder} adds to the event store" if folder else "the event store"
        state = "of another version" if any(file.name in applied for file in files) else "not installed"
        raise SchemaError(
            f"{what} is {state} in schema {schema!r} and this role may not change that"
            f" ({error.diag.message_primary}): {remedy} as the owner of the database, and grant this role"
            " USAGE on the schema"
        ) from None
    return [file.name for file in outdated]


def _applied(connection: psycopg.Connection) -> dict[str, str]:
    """The checksum of each file that was applied, read from the ledger in the schema."""
    found = connection.execute("SELECT to_regclass('eventstore_schema') IS NOT NULL").fetchone()
    if found != (True,):
        return {}
    return dict(connection.execute("SELECT file, checksum FROM eventstore_schema").fetchall())


def _outdated(files: Iterable[SqlFile], applied: dict[str, str]) -> list[SqlFile]:
    outdated = [file for file in files if applied.get(file.name) != file.checksum]
    for file in outdated:
        if file.makes_tables and file.name in applied:
            raise SchemaError(
                f"the tables of {file.name} were made by another version of this package:"
                " use a new schema, or the version that made this one"
            )
    return outdated


# The definition of each object of a schema, by its kind, the table that it belongs to, and its name.
Objects = dict[tuple[str, str | None, str], str]


def check_schema(connection: psycopg.Connection, schema: str) -> list[str]:
    """Say in what an installed schema differs from what this version of the package would make.

    To know what that is, the files are applied to a scratch schema in a transaction that is rolled back. So nothing
    changes, and no list of names can fall behind. Your own tables, views, functions and indexes are not looked at.
    What was added to a table of the store and may change or refuse what the store writes is: a column, a constraint, a
    unique index, a trigger, a rule.

    Args:
        connection: an idle autocommit connection made by `open_connection` for this schema.
        schema: the schema to look at.

    Returns:
        One sentence for each difference, e.g. `"index domain_events_type_idx of domain_events is missing"`; an empty
        list if all is well.

    Raises:
        SchemaError: the role may not make a scratch schema.
    """
    with in_our_words(connection), connection.transaction(force_rollback=True):
        found = _describe(connection, schema)
        applied = _applied(connection)
        scratch = f"eventstore_scratch_{secrets.token_hex(8)}"
        try:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(scratch)))
        except psycopg.errors.InsufficientPrivilege:
            raise SchemaError(
                "the check makes a scratch schema for a moment, and this role may not: check as the owner of the"
                " database, or grant CREATE on the database"
            ) from None
        _look_into(connection, scratch)
        connection.execute(MAKE_LEDGER)
        files = sql_files() + tuple(file for file in sql_files("notify") if file.name in applied)
        for file in files:
            connection.execute(file.text)
        wanted = _describe(connection, scratch)
    if not found:
        return [f"the event store is not installed in schema {schema!r}"]
    outdated = [file.name for file in files if applied.get(file.name) != file.checksum]
    return _differences(wanted, found) + [f"the ledger does not name the present text of {name}" for name in outdated]


def _look_into(connection: psycopg.Connection, schema: str) -> None:
    connection.execute("SELECT set_config('search_path', quote_ident(%s), true)", (schema,))


def _describe(connection: psycopg.Connection, schema: str) -> Objects:
    _look_into(connection, schema)
    rows = connection.execute((_folder() / "describe_schema.sql").read_text(encoding="utf-8"))
    return {(kind, table, name): definition for kind, table, name, definition in rows}


def _differences(wanted: Objects, found: Objects) -> list[str]:
    lines = []
    for (kind, table, name), definition in wanted.items():
        there = found.get((kind, table, name))
        if there is None and (table is None or ("table", None, table) in found):
            lines.append(f"{_label(kind, table, name)} is missing")
        elif there is not None and there != definition:
            text = "" if "\n" in there + definition else f": it is '{there}', not '{definition}'"
            lines.append(f"{_label(kind, table, name)} was changed{text}")
    for (kind, table, name), there in found.items():
        ours = ("table", None, table) in wanted and (kind != "index" or there.startswith("CREATE UNIQUE"))
        if ours and (kind, table, name) not in wanted:
            lines.append(f"{_label(kind, table, name)} is not part of the store")
    return lines


def _label(kind: str, table: str | None, name: str) -> str:
    return f"{kind} {name}" if table is None else f"{kind} {name} of {table}"
