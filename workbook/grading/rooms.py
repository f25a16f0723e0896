"""A place on the server for each copy that is graded: a role, and a database that only this role may enter.

All that a copy makes lies in this database, so dropping it clears everything away at once. Why not a schema in a
database that all share: `docs/decisions/classroom.md`.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from eventstore.database import in_our_words, open_connection
from eventstore.errors import EventStoreError
from workbook.classroom import (
    CONNECTIONS,
    RESERVE,
    SAFE,
    ClassroomError,
    drop_role_and_database,
    let_in,
    make_database,
    make_role,
    places,
    refuse_without_rights,
    set_password,
)

PREFIX = "workbook_grade_"
# Only roles with this comment, and the databases of the same name, are ever dropped. The database from which it was
# graded follows: there the lock is held that says whether the run is still alive.
MARK = "a copy graded by the event store workbook, from the database "
LOCK = 2026

LEFT = """
SELECT rolname
FROM pg_roles
WHERE starts_with(rolname, %s) AND shobj_description(oid, 'pg_authid') = %s || current_database()
ORDER BY rolname
"""

SIZE = "SELECT pg_database_size(oid) FROM pg_database WHERE datname = %s"

# A copy may lose all that it has, and so may the server for it. Nothing is kept.
SESSION = {"synchronous_commit": "off", "idle_in_transaction_session_timeout": "5min"}


@dataclass(frozen=True)
class Room:
    """A copy's place on the server: the name of its role and database, and the address with its password."""

    name: str
    url: str


class Rooms:
    """The rooms of one run.

    Opening it drops what earlier runs have left that were killed.

    Args:
        url: the server, as a role that may make roles and databases.
        run: what tells this run from others, e.g. `"4711_1a2b"`.
        disk: bytes that each process of a copy on the server may write to temporary files, e.g. to sort. Only a
            superuser can set that bound.

    Raises:
        ClassroomError: the role lacks a right; the text says which.
        StoreUnavailableError: the server cannot be reached.
    """

    def __init__(self, url: str, run: str, disk: int = 200_000_000) -> None:
        self._url, self._run = url, run
        self._one_at_a_time, self._one_looks = threading.Lock(), threading.Lock()
        self._count = 0
        address = make_conninfo(url, application_name="workbook grade")
        self._admin = open_connection(address, "public", **SAFE)
        try:
            self._superuser = refuse_without_rights(self._admin)
            # A room that is slow to make or to remove keeps nobody from looking at the others.
            self._looking = open_connection(address, "public", **SAFE)
        except (ClassroomError, EventStoreError):
            self._admin.close()
            raise
        self._settings = SESSION | ({"temp_file_limit": f"{disk // 1024}kB"} if self._superuser else {})
        self._mark = MARK + self._admin.info.dbname
        with in_our_words(self._admin):
            self._admin.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", (LOCK, run))
            self._clear_after_killed_runs()

    def at_once(self, wanted: int) -> int:
        """How many copies may be at work at a time: as many as wanted, or as the server has connections for."""
        return max(1, min(wanted, (places().allowed - RESERVE) // CONNECTIONS))

    def make(self) -> Room:
        """A new, empty one.

        Raises:
            StoreUnavailableError: its role cannot log in.
        """
        with self._one_at_a_time, in_our_words(self._admin):
            self._count += 1
            name = f"{PREFIX}{self._run}_{self._count}"
            password = secrets.token_urlsafe(18)
            make_role(self._admin, name, self._mark, self._superuser)
            set_password(self._admin, name, password)
            role = sql.Identifier(name)
            self._admin.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(role, CONNECTIONS))
            for setting, value in self._settings.items():
                self._admin.execute(
                    sql.SQL("ALTER ROLE {} SET {} = {}").format(role, sql.Identifier(setting), sql.Literal(value))
                )
            make_database(self._admin, name, self._mark)
            let_in(self._admin, name, self._url)
        room = Room(name, make_conninfo(self._url, user=name, password=password, dbname=name))
        # Where the server lets no new role in, that is no fault of the copy.
        open_connection(room.url, "public").close()
        return room

    def size(self, room: Room) -> int:
        """The bytes on the disk of the server."""
        with self._one_looks, in_our_words(self._looking):
            found = self._looking.execute(SIZE, (room.name,)).fetchone()
        return found[0] if found else 0

    def has_schema(self, room: Room, beginning: str) -> bool:
        """Whether there is a schema whose name begins like this."""
        with self._inside(room.name) as inside, in_our_words(inside):
            found = inside.execute("SELECT FROM pg_namespace WHERE starts_with(nspname, %s)", (beginning,))
            return found.rowcount > 0

    def remove(self, room: Room) -> None:
        """End its sessions and drop it, with all that is in it."""
        with self._one_at_a_time, in_our_words(self._admin):
            self._drop(room.name)

    def close(self) -> None:
        """Drop what is left of this run."""
        # Also where dropping fails, both connections are closed.
        with self._one_at_a_time, self._looking, self._admin, in_our_words(self._admin):
            for name in self._left(f"{PREFIX}{self._run}_"):
                self._drop(name)

    def _clear_after_killed_runs(self) -> None:
        for run in sorted({name.removeprefix(PREFIX).rpartition("_")[0] for name in self._left(PREFIX)} - {self._run}):
            # A run holds its lock as long as its process lives.
            if self._admin.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", (LOCK, run)).fetchone() == (True,):
                for name in self._left(f"{PREFIX}{run}_"):
                    self._drop(name)
                self._admin.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", (LOCK, run))

    def _left(self, beginning: str) -> list[str]:
        return [name for (name,) in self._admin.execute(LEFT, (beginning, MARK)).fetchall()]

    def _drop(self, name: str) -> None:
        drop_role_and_database(self._admin, name, self._url)

    def _inside(self, database: str) -> psycopg.Connection:
        return open_connection(make_conninfo(self._url, dbname=database), "public", **SAFE)
