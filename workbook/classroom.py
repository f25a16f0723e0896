"""One PostgreSQL for a class: for each learner a login role, and a database that only this role can enter.

Why it is a database each and not only a schema, and where the limits come from: `docs/decisions/classroom.md`.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import LiteralString
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import class_row

from eventstore.database import in_our_words, open_connection, server_url
from eventstore.errors import EventStoreError
from workbook.roster import Learner, read_names, read_passwords, write_addresses

# What one kernel needs at its peak, on the day that needs most, with all exercises solved.
ONE_KERNEL = 13
# With what is left to the kernels of other notebooks, which JupyterLab keeps running after they were closed.
CONNECTIONS = ONE_KERNEL + 7
# For the instructor, a backup, a monitor.
RESERVE = 10

# Only roles and databases with this comment are ever changed or dropped. The name of the learner follows.
MARK = "learner of the event store workbook: "

# What holds for a role's sessions unless they say otherwise. The notebooks set shorter limits for themselves.
SESSION = {
    "statement_timeout": "5min",
    # Long enough to read on, or to have lunch, between two cells.
    "idle_in_transaction_session_timeout": "2h",
    "idle_session_timeout": "8h",
    # A laptop that was closed or has changed its network is noticed after some minutes; until then it counts.
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
}

RIGHTS = """
SELECT rolsuper, rolcreaterole, rolcreatedb, rolname
FROM pg_roles
WHERE rolname = current_user
"""

MARKED = """
SELECT rolname, shobj_description(oid, 'pg_authid')
FROM pg_roles
"""

# Stands for the comment of a database that a broken off `create` has left: made, not yet signed, and closed to all.
UNSIGNED = "not signed yet"

DATABASES = f"""
SELECT datname, coalesce(shobj_description(oid, 'pg_database'), CASE WHEN NOT datallowconn THEN '{UNSIGNED}' END)
FROM pg_database
"""

END_SESSIONS = """
SELECT pg_terminate_backend(pid, 5000)
FROM pg_stat_activity
WHERE usename = %s
"""

# For the sessions of an admin: functions of anybody in a schema public would run with more rights.
SAFE = {"search_path": "pg_catalog"}

# Where a role owns something, or has given rights for what it makes. Everybody may enter the databases that were there
# before the class, and leave e.g. a large object there.
OWNS_IN = """
SELECT DISTINCT datname
FROM pg_shdepend
JOIN pg_database ON pg_database.oid = dbid
WHERE refclassid = 'pg_authid'::regclass AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = %s)
"""

PLACES = """
SELECT
    current_setting('max_connections')::int,
    current_setting('superuser_reserved_connections')::int
        + coalesce(current_setting('reserved_connections', true)::int, 0),
    (
        SELECT coalesce(sum(rolconnlimit), 0)
        FROM pg_roles
        WHERE starts_with(shobj_description(oid, 'pg_authid'), %s)
    )::int
"""

PRESENT = """
SELECT
    substr(shobj_description(role.oid, 'pg_authid'), length(%(mark)s) + 1) AS name,
    rolname AS role,
    rolconnlimit AS limit,
    count(session.pid)::int AS connections,
    min(backend_start) AS since,
    max(state_change) AS last
FROM pg_roles AS role
LEFT JOIN pg_stat_activity AS session ON usesysid = role.oid
WHERE starts_with(shobj_description(role.oid, 'pg_authid'), %(mark)s)
GROUP BY role.oid, rolname, rolconnlimit
ORDER BY rolname
"""


class ClassroomError(Exception):
    """The server cannot be prepared. The text says what is missing, and what to type."""


@dataclass(frozen=True)
class Made:
    """What `create` did.

    Args:
        new: the roles that were made.
        kept: the roles that were there before.
        host: where the addresses point to.
        locked_out: one line for each learner who cannot log in with the address, and why.
    """

    new: list[str]
    kept: list[str]
    host: str
    locked_out: list[str]


@dataclass(frozen=True)
class Presence:
    """One learner as the server sees it.

    Args:
        name, role: of the learner.
        limit: the connections that the role may have.
        connections: those that it has.
        since: the beginning of the oldest; None for nobody, or where this may not be seen.
        last: the last time that one of them began or ended a statement.
    """

    name: str
    role: str
    limit: int
    connections: int
    since: datetime | None
    last: datetime | None


@dataclass(frozen=True)
class Places:
    """The connections of a server.

    Args:
        allowed: its `max_connections`.
        needed: what the class may take together, and the reserve.
    """

    allowed: int
    needed: int


def create(
    names: Path,
    out: Path,
    *,
    host: str | None = None,
    port: int | None = None,
    connections: int = CONNECTIONS,
    new_passwords: bool = False,
) -> Made:
    """Make what is missing for a class: roles, databases, and a file with everybody's address.

    Doing it again changes no password and no data, and finishes what was broken off.

    Args:
        names: a CSV file, see `workbook.roster.read_names`.
        out: the CSV file with the addresses; those that it holds already are kept.
        host, port: where the learners reach the server; without them, as it is reached from here.
        connections: how many each learner may have at once.
        new_passwords: give everybody on the list a new one.

    Raises:
        RosterError: the list cannot be used. Nothing was changed.
        ClassroomError: no server is named, a right is missing, or a role of this name belongs to somebody else. Nothing
            was changed.
        StoreUnavailableError: the server cannot be reached.
    """
    learners = read_names(names)
    passwords = read_passwords(out)
    url = _server_of_the_class()
    with open_connection(url, "public") as admin, in_our_words(admin):
        superuser = refuse_without_rights(admin)
        there = _ours(admin, learners, "role", MARKED)
        databases = _ours(admin, learners, "database", DATABASES)
        lost = [learner.role for learner in learners if learner.role in there and learner.role not in passwords]
        if lost and not new_passwords:
            raise ClassroomError(
                f"{_some(lost)} exist already, and {out} does not hold their passwords, which nobody can read back from"
                " the server: name the file that does with --out, or give the whole list new ones with --new-passwords"
            )
        kept = {} if new_passwords else passwords
        passwords = {one.role: kept.get(one.role) or secrets.token_urlsafe(18) for one in learners}
        here = admin.info.host, admin.info.port
        goal = host or here[0], port or here[1]
        if goal[0].startswith("/"):
            raise ClassroomError("this server was reached without the network: say with --host how learners reach it")
        # Before the roles: a password that was set and not written down would be lost.
        write_addresses(
            out, learners, {role: _address(url, role, password, *goal) for role, password in passwords.items()}
        )
        for learner in learners:
            # Both or neither: next time, a role that is there counts as one that has its password.
            with admin.transaction():
                if learner.role not in there:
                    make_role(admin, learner.role, MARK + learner.name, superuser)
                if learner.role not in there or new_passwords:
                    set_password(admin, learner.role, passwords[learner.role])
            _limit(admin, learner.role, connections)
            if learner.role not in databases:
                make_database(admin, learner.role, MARK + learner.name)
            _sign_database(admin, learner.role, MARK + learner.name)
            let_in(admin, learner.role, url)
        locked_out = _locked_out(url, passwords)
    return Made(
        new=[learner.role for learner in learners if learner.role not in there],
        kept=[learner.role for learner in learners if learner.role in there],
        host=goal[0],
        locked_out=locked_out,
    )


def remove(learners: Iterable[Learner]) -> list[str]:
    """End the sessions of these learners, and drop their databases and roles, whatever is in them.

    Returns:
        The roles that were there.

    Raises:
        ClassroomError: no server is named, a right is missing, or a role of this name belongs to somebody else. Nothing
            was dropped.
        StoreUnavailableError: the server cannot be reached.
    """
    learners = list(learners)
    url = _server_of_the_class()
    with open_connection(url, "public") as admin, in_our_words(admin):
        refuse_without_rights(admin)
        there = _ours(admin, learners, "role", MARKED)
        databases = _ours(admin, learners, "database", DATABASES)
        for learner in learners:
            if learner.role in there:
                drop_role_and_database(admin, learner.role, url)
            elif learner.role in databases:
                drop_database(admin, learner.role)
    return sorted(there | databases)


def present() -> list[Presence]:
    """Everybody for whom there is a role, with the connections of this moment.

    Raises:
        ClassroomError: no server is named.
        StoreUnavailableError: the server cannot be reached.
    """
    with open_connection(_server_of_the_class(), "public") as admin, in_our_words(admin):
        return admin.cursor(row_factory=class_row(Presence)).execute(PRESENT, {"mark": MARK}).fetchall()


def places() -> Places:
    """How many connections the server allows, and how many the class may need.

    Raises:
        StoreUnavailableError: the server cannot be reached.
    """
    with open_connection(server_url(), "public") as admin, in_our_words(admin):
        allowed, reserved, limits = admin.execute(PLACES, (MARK,)).fetchall()[0]
    return Places(allowed, limits + reserved + RESERVE)


def _server_of_the_class() -> str:
    # The private server would do as well as any, and nobody could reach it from another machine.
    if not os.environ.get("EVENTSTORE_URL"):
        raise ClassroomError(
            "EVENTSTORE_URL is not set in this terminal: set it to the address of the server of the class,"
            " postgresql://user:password@host:port/database, for a role that may make roles and databases"
        )
    return server_url()


def refuse_without_rights(admin: psycopg.Connection) -> bool:
    """Whether this is a superuser, who needs no other right."""
    superuser, roles, databases, name = admin.execute(RIGHTS).fetchall()[0]
    missing = [right for right, has in (("CREATEROLE", roles), ("CREATEDB", databases)) if not (superuser or has)]
    if missing:
        raise ClassroomError(
            f"the role {name} of EVENTSTORE_URL lacks {' and '.join(missing)}: use a superuser, or type as one:"
            f" ALTER ROLE {sql.Identifier(name).as_string()} {' '.join(missing)}"
        )
    return bool(superuser)


def _ours(admin: psycopg.Connection, learners: Iterable[Learner], kind: str, query: LiteralString) -> set[str]:
    """Which of these roles or databases are there. Whatever has the name of one and is not ours, is refused."""
    comments: dict[str, str | None] = dict(admin.execute(query).fetchall())
    found = {}
    for learner in learners:
        if learner.role in comments:
            found[learner.role] = comments[learner.role] in (MARK + learner.name, UNSIGNED)
    strangers = [name for name, ours in found.items() if not ours]
    if strangers:
        raise ClassroomError(
            f"a {kind} of the name {_some(strangers)} is on the server and was not made for this learner:"
            " write the name in the list another way, or rename what is there"
        )
    return set(found)


def make_role(admin: psycopg.Connection, role: str, comment: str, superuser: bool) -> None:
    """A role that may log in, and in the hands of whoever made it. The comment says whose it is."""
    name = sql.Identifier(role)
    with admin.transaction():
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        admin.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(name, sql.Literal(comment)))
        if not superuser:
            # To see this role's sessions, and to end them.
            admin.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(name))


def set_password(admin: psycopg.Connection, role: str, password: str) -> None:
    # The server gets what it would keep, so that the password is in none of its logs.
    verifier = admin.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))


def _limit(admin: psycopg.Connection, role: str, connections: int) -> None:
    name = sql.Identifier(role)
    # A `remove` that was broken off may have left it without the right to log in.
    admin.execute(sql.SQL("ALTER ROLE {} LOGIN CONNECTION LIMIT {}").format(name, sql.Literal(connections)))
    for setting, value in SESSION.items():
        admin.execute(sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), sql.Literal(value)))


def make_database(admin: psycopg.Connection, role: str, comment: str) -> None:
    """A database that has the name of a role. Nobody can enter it before `let_in`."""
    # From template0, which nobody can be connected to, and with the order of text of the private server: outputs that
    # are sorted by name look as they do in the committed notebooks, whatever the language of this server is.
    order = "LOCALE_PROVIDER libc LOCALE 'C'"
    if admin.info.server_version >= 170_000:
        order = "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
    name = sql.Identifier(role)
    make = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' ALLOW_CONNECTIONS false {}"
    admin.execute(sql.SQL(make).format(name, sql.SQL(order)))
    _sign_database(admin, role, comment)


def _sign_database(admin: psycopg.Connection, role: str, comment: str) -> None:
    admin.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(role), sql.Literal(comment)))


def drop_role_and_database(admin: psycopg.Connection, role: str, url: str) -> None:
    """Drop all that a role has on the server, and the role.

    Args:
        admin: in autocommit mode.
        role: the name of the role, and of its database, which may be gone already.
        url: the server, by which the other databases are entered where the role has left something.
    """
    name = sql.Identifier(role)
    admin.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(name))
    admin.execute(END_SESSIONS, (role,))
    drop_database(admin, role)
    for (database,) in admin.execute(OWNS_IN, (role,)).fetchall():
        with open_connection(make_conninfo(url, dbname=database), "public", **SAFE) as inside, in_our_words(inside):
            inside.execute(sql.SQL("DROP OWNED BY {}").format(name))
    admin.execute(sql.SQL("DROP ROLE {}").format(name))


def drop_database(admin: psycopg.Connection, name: str) -> None:
    """Drop a database, whoever is connected to it, unless it is gone already."""
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def let_in(admin: psycopg.Connection, role: str, url: str) -> None:
    """The role may work in its database, all others may not enter. It does not own it, so it cannot drop it."""
    name = sql.Identifier(role)
    admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    admin.execute(sql.SQL("GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {0} TO {0}").format(name))
    admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))
    with open_connection(make_conninfo(url, dbname=role), "public") as inside, in_our_words(inside):
        # The commands of the package work in the schema public.
        inside.execute(sql.SQL("GRANT USAGE, CREATE ON SCHEMA public TO {}").format(name))


def _locked_out(url: str, passwords: Mapping[str, str]) -> list[str]:
    """Log in as everybody, the way the learners will."""
    problems = []
    for role, password in passwords.items():
        try:
            open_connection(make_conninfo(url, user=role, password=password, dbname=role), "public").close()
        except EventStoreError as error:
            problems.append(f"{role}: {str(error).strip().splitlines()[-1]}")
    return problems


def _address(url: str, role: str, password: str, host: str, port: int) -> str:
    given = conninfo_to_dict(url)
    # How the connection is protected is a matter of the server; all else in the instructor's address concerns nobody.
    options = urlencode({"sslmode": given["sslmode"]}) if given.get("sslmode") else ""
    place = f"[{host}]" if ":" in host else quote(host)
    return f"postgresql://{role}:{password}@{place}:{port}/{role}" + (f"?{options}" if options else "")


def _some(names: list[str]) -> str:
    """A few names, and how many more there are."""
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
