"""A class on one server: everybody works in a place of their own, and nobody can get at another's."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from click.testing import Result
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from typer.testing import CliRunner

import eventstore
from eventstore.database import open_connection
from workbook import classroom
from workbook.classroom import ClassroomError
from workbook.cli import app
from workbook.roster import read_names


class Class:
    """A class of its own on the server of the tests.

    Args:
        folder: for its files.
    """

    def __init__(self, folder: Path) -> None:
        self.mark = uuid4().hex[:6]
        self.names = folder / "names.csv"
        self.out = folder / "classroom.csv"
        self.everybody: dict[str, str] = {}

    def role(self, name: str) -> str:
        return f"learner_{name}_{self.mark}"

    def write(self, *names: str) -> None:
        self.everybody |= {f"{name} {self.mark}": self.role(name) for name in names}
        self.names.write_text("\n".join(["name", *(f"{name} {self.mark}" for name in names)]), encoding="utf-8")

    def create(self, *names: str, **options: object) -> classroom.Made:
        self.write(*names)
        return classroom.create(self.names, self.out, **options)  # type: ignore[arg-type]

    def urls(self) -> dict[str, str]:
        """The address of each role, as the file says it."""
        with self.out.open(encoding="utf-8-sig", newline="") as file:
            return {row["role"]: row["EVENTSTORE_URL"] for row in csv.DictReader(file)}

    def url(self, name: str) -> str:
        return self.urls()[self.role(name)]

    def remove(self) -> list[str]:
        self.write(*(name.split()[0] for name in self.everybody))
        return classroom.remove(read_names(self.names))


@pytest.fixture
def admin() -> Iterator[psycopg.Connection]:
    with psycopg.connect(os.environ["EVENTSTORE_URL"], autocommit=True) as connection:
        yield connection


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Class]:
    group = Class(tmp_path)
    yield group
    if group.everybody:
        group.remove()


def event() -> eventstore.DomainEvent:
    return eventstore.DomainEvent(event_type="bet", aggregate_id="hand", version=1, event_data={"to": 40})


def test_everybody_has_a_place_where_days_and_commands_work(group: Class) -> None:
    made = group.create("anna", "ben", connections=12)
    assert (made.new, made.kept, made.locked_out) == ([group.role("anna"), group.role("ben")], [], [])
    for name in ("anna", "ben"):
        # The commands work in public, a notebook makes a schema.
        with eventstore.connect(group.url(name)) as store:
            store.append(event())
            assert store.get_event_count() == 1
        with eventstore.connect(group.url(name), schema="day03_my") as store:
            store.append(event())


def test_nobody_gets_at_what_belongs_to_another(group: Class, admin: psycopg.Connection) -> None:
    group.create("anna", "ben")
    with eventstore.connect(group.url("anna")) as store, open_connection(group.url("ben"), "public") as ben:
        store.append(event())
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(make_conninfo(group.url("ben"), dbname=group.role("anna")))
        anna = sql.Identifier(group.role("anna"))
        for statement in (
            "DROP DATABASE {}",
            "ALTER DATABASE {} CONNECTION LIMIT 0",
            "ALTER ROLE {} CONNECTION LIMIT 0",
            "GRANT {} TO CURRENT_USER",
            "SET ROLE {}",
            "DROP ROLE {}",
        ):
            with pytest.raises(psycopg.Error) as caught:
                ben.execute(sql.SQL(statement).format(anna))
            assert caught.value.sqlstate == "42501", statement
        # Her sessions are seen, since the server is one, but not what they do; and nobody else ends them.
        sessions = "SELECT pid, query FROM pg_stat_activity WHERE usename = %s"
        [(pid, query)] = ben.execute(sessions, (group.role("anna"),)).fetchall()
        assert query == "<insufficient privilege>"
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ben.execute("SELECT pg_terminate_backend(%s)", (pid,))
        # Every lock that he can think of is taken in his own database.
        ben.execute("SELECT pg_advisory_lock(key) FROM generate_series(1, 3000) AS key")
        ben.execute("BEGIN; LOCK TABLE pg_class IN ACCESS SHARE MODE")
        with eventstore.connect(group.url("anna"), schema="day09_my") as second:
            second.append(event())
        # Her own place can be emptied, and not thrown away.
        with open_connection(group.url("anna"), "public") as own, pytest.raises(psycopg.errors.InsufficientPrivilege):
            own.execute(sql.SQL("ALTER DATABASE {} RENAME TO gone").format(anna))
        assert store.get_event_count() == 1


def test_the_limits_hold(group: Class) -> None:
    group.create("anna", connections=3)
    held = [open_connection(group.url("anna"), "public") for _ in range(3)]
    with pytest.raises(eventstore.StoreUnavailableError, match="too many connections for role"):
        open_connection(group.url("anna"), "public")
    shown = {name: held[0].execute(f"SHOW {name}").fetchone() for name in classroom.SESSION}
    assert shown == {name: (value,) for name, value in classroom.SESSION.items()}
    for connection in held:
        connection.close()


def test_a_second_time_adds_who_is_new_and_changes_nothing_for_the_others(group: Class) -> None:
    group.create("anna")
    before = group.url("anna")
    with eventstore.connect(before) as store:
        store.append(event())
        made = group.create("ben", "anna", host="class.example.org", port=6000)
        assert (made.new, made.kept) == ([group.role("ben")], [group.role("anna")])
        assert store.get_event_count() == 1
    now = conninfo_to_dict(group.url("anna"))
    assert now["password"] == conninfo_to_dict(before)["password"]
    assert (now["host"], now["port"]) == ("class.example.org", "6000")
    group.create("caro")
    assert set(group.urls()) == {group.role(name) for name in ("anna", "ben", "caro")}


def test_a_lost_file_is_said_before_anything_is_changed_and_can_be_made_anew(group: Class) -> None:
    group.create("anna")
    before = group.url("anna")
    group.out.unlink()
    with pytest.raises(ClassroomError, match=rf"{group.role('anna')} exist already.*--new-passwords"):
        group.create("anna", "ben")
    assert not group.out.exists()
    with pytest.raises(eventstore.StoreUnavailableError):
        open_connection(make_conninfo(before, user=group.role("ben")), "public")
    assert group.create("anna", new_passwords=True).locked_out == []
    with pytest.raises(eventstore.StoreUnavailableError, match="password"):
        open_connection(before, "public")
    open_connection(group.url("anna"), "public").close()


@pytest.mark.parametrize(
    "step",
    [
        "COMMENT ON ROLE",
        "PASSWORD",
        "CONNECTION LIMIT",
        "CREATE DATABASE",
        "COMMENT ON DATABASE",
        "REVOKE",
        "GRANT USAGE",
    ],
)
@pytest.mark.parametrize("superuser", [True, False], ids=["superuser", "instructor"])
def test_what_was_broken_off_is_finished_the_next_time(
    group: Class, step: str, superuser: bool, request: pytest.FixtureRequest
) -> None:
    if not superuser:
        request.getfixturevalue("instructor")
    execute = psycopg.Connection.execute

    def broken_off(self: psycopg.Connection, query: Any, *given: Any, **more: Any) -> Any:
        text = query.as_string() if isinstance(query, sql.Composable) else str(query)
        if step in text and group.role("ben") in text:
            raise KeyboardInterrupt
        return execute(self, query, *given, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Connection, "execute", broken_off)
        with pytest.raises(KeyboardInterrupt):
            group.create("anna", "ben", "caro")
    assert group.create("anna", "ben", "caro").locked_out == []
    with eventstore.connect(group.url("ben")) as store:
        store.append(event())
    assert group.remove() == [group.role(name) for name in ("anna", "ben", "caro")]
    group.everybody.clear()


def test_nobody_enters_a_database_that_is_not_closed_to_others_yet(group: Class) -> None:
    group.create("ben")
    execute = psycopg.Connection.execute
    tried: list[str] = []

    def look(self: psycopg.Connection, query: Any, *given: Any, **more: Any) -> Any:
        text = query.as_string() if isinstance(query, sql.Composable) else str(query)
        if text.startswith("REVOKE ALL ON DATABASE") and group.role("anna") in text:
            with pytest.raises(psycopg.OperationalError, match="not currently accepting connections") as caught:
                psycopg.connect(make_conninfo(group.url("ben"), dbname=group.role("anna")))
            tried.append(str(caught.value))
        return execute(self, query, *given, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Connection, "execute", look)
        group.create("anna", "ben")
    assert len(tried) == 1


def test_who_cannot_log_in_is_named(group: Class, admin: psycopg.Connection) -> None:
    group.create("anna", "ben")
    admin.execute(sql.SQL("ALTER ROLE {} PASSWORD 'other'").format(sql.Identifier(group.role("ben"))))
    [problem] = group.create("anna", "ben").locked_out
    assert problem.startswith(group.role("ben"))
    assert "password authentication failed" in problem


@pytest.mark.parametrize("kind", ["ROLE", "DATABASE"])
def test_what_others_made_is_left_alone(group: Class, admin: psycopg.Connection, kind: str) -> None:
    group.write("anna")
    name = sql.Identifier(group.role("anna"))
    admin.execute(sql.SQL(f"CREATE {kind} {{}}").format(name))
    try:
        for attempt in (group.remove, lambda: group.create("anna", "ben")):
            with pytest.raises(ClassroomError, match=f"a {kind.lower()} of the name .* was not made for this learner"):
                attempt()
        assert not group.out.exists()
    finally:
        admin.execute(sql.SQL(f"DROP {kind} {{}}").format(name))


@pytest.fixture
def instructor(admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A role that is no superuser and may make roles and databases; the commands work as this one."""
    name = f"instructor {uuid4().hex}"
    role = sql.Identifier(name)
    admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'p' CREATEROLE CREATEDB").format(role))
    before = os.environ["EVENTSTORE_URL"]
    with monkeypatch.context() as patch:
        patch.setenv("EVENTSTORE_URL", make_conninfo(before, user=name, password="p"))
        yield name
    admin.execute(sql.SQL("DROP ROLE {}").format(role))


def test_an_instructor_needs_no_superuser(group: Class, instructor: str) -> None:
    assert group.create("anna", "ben").locked_out == []
    with eventstore.connect(group.url("anna")) as store:
        store.append(event())
        [anna] = [learner for learner in classroom.present() if learner.role == group.role("anna")]
        assert (anna.name, anna.connections) == (f"anna {group.mark}", 1)
        assert anna.since is not None
        # With her session open, and with the table that she owns.
        assert group.remove() == [group.role("anna"), group.role("ben")]
    group.everybody.clear()


@pytest.mark.parametrize("right", ["CREATEROLE", "CREATEDB"])
def test_a_missing_right_is_named(group: Class, instructor: str, admin: psycopg.Connection, right: str) -> None:
    group.write("anna")
    admin.execute(sql.SQL(f"ALTER ROLE {{}} NO{right}").format(sql.Identifier(instructor)))
    with pytest.raises(ClassroomError, match=rf'lacks {right}: .* ALTER ROLE "{instructor}" {right}$'):
        classroom.create(group.names, group.out)
    assert not group.out.exists()
    group.everybody.clear()


def test_the_list_shows_who_is_there(group: Class) -> None:
    group.create("anna", "ben", connections=7)
    with open_connection(group.url("anna"), "public"), open_connection(group.url("anna"), "public"):
        found = {one.name: one for one in classroom.present() if one.name.endswith(group.mark)}
    assert [(one.role, one.connections, one.limit) for one in found.values()] == [
        (group.role("anna"), 2, 7),
        (group.role("ben"), 0, 7),
    ]
    # Other tests have classes on this server, too.
    assert classroom.places().needed >= 2 * 7 + classroom.RESERVE


def test_after_a_class_nothing_is_left(group: Class, admin: psycopg.Connection) -> None:
    group.create("anna", "ben")
    with eventstore.connect(group.url("anna"), schema="day03_my") as store:
        store.append(event())
        assert group.remove() == [group.role("anna"), group.role("ben")]
    assert group.remove() == []
    for table, name in (("pg_roles", "rolname"), ("pg_database", "datname")):
        found = admin.execute(f"SELECT FROM {table} WHERE {name} LIKE %s", (f"%{group.mark}",)).fetchall()  # type: ignore[arg-type]
        assert found == []


@pytest.mark.parametrize("superuser", [True, False], ids=["superuser", "instructor"])
def test_what_a_learner_has_left_in_another_database_does_not_stop_the_end(
    group: Class, admin: psycopg.Connection, superuser: bool, request: pytest.FixtureRequest
) -> None:
    if not superuser:
        request.getfixturevalue("instructor")
    group.create("anna", "ben")
    # PostgreSQL lets everybody into the databases that were there before.
    elsewhere = make_conninfo(group.url("anna"), dbname=admin.info.dbname)
    with psycopg.connect(elsewhere, autocommit=True) as session:
        session.execute("SELECT lo_create(0)")
        session.execute("CREATE TEMPORARY TABLE mine (chips int)")
        assert group.remove() == [group.role("anna"), group.role("ben")]
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    group.everybody.clear()


def test_who_was_to_be_removed_and_was_not_can_log_in_again(group: Class, admin: psycopg.Connection) -> None:
    group.create("anna")
    # As far as a removal came that was broken off.
    admin.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(group.role("anna"))))
    assert group.create("anna").locked_out == []


def command(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "100"}).invoke(app, ["classroom", *arguments])


def test_the_commands_never_show_a_password(group: Class) -> None:
    group.write("anna", "ben")
    files = [str(group.names), "--out", str(group.out)]
    made, listed = command("create", *files), command("list")
    assert (made.exit_code, listed.exit_code) == (0, 0), made.stderr + listed.stderr
    assert made.stdout.startswith("2 learners made, 0 were there.\n")
    assert f"anna {group.mark}" in listed.stdout
    gone = command("remove", str(group.names), "--yes")
    assert gone.stdout == "2 learners removed, 0 were not there.\n"
    passwords = [str(conninfo_to_dict(url)["password"]) for url in group.urls().values()]
    passwords.append(str(conninfo_to_dict(os.environ["EVENTSTORE_URL"])["password"]))
    for done in (made, listed, gone):
        assert not any(password in done.stdout + done.stderr for password in passwords)
    group.everybody.clear()


def test_a_server_with_too_few_connections_is_said_with_the_cure(group: Class) -> None:
    group.write("anna")
    done = command("create", str(group.names), "--out", str(group.out), "--connections", "5000")
    assert done.exit_code == 0
    assert "EVENTSTORE_MAX_CONNECTIONS=50" in done.stderr
    assert "ALTER SYSTEM SET max_connections = 50" in done.stderr


def test_removing_asks_first(group: Class) -> None:
    group.create("anna")
    done = command("remove", str(group.names))
    assert done.exit_code == 1
    open_connection(group.url("anna"), "public").close()


@pytest.mark.parametrize("what", ["create", "list", "remove"])
def test_a_class_is_never_made_on_the_private_server(group: Class, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.delenv("EVENTSTORE_URL")
    started: list[object] = []
    monkeypatch.setattr("eventstore.database.Cluster.start", lambda cluster: started.append(cluster))
    group.names.write_text("name\nanna\n", encoding="utf-8")
    files = {"create": [str(group.names), "--out", str(group.out)], "list": [], "remove": [str(group.names), "--yes"]}
    done = command(what, *files[what])
    assert (done.exit_code, done.stdout, started) == (1, "", [])
    assert done.stderr.startswith("EVENTSTORE_URL is not set in this terminal")
    assert not group.out.exists()


@pytest.mark.parametrize("address", ["postgresql://anna:top%secret@host/db", "postgresql://anna@host/db"])
def test_a_file_with_a_broken_address_is_said_without_showing_it(group: Class, address: str) -> None:
    group.names.write_text("name\nanna\n", encoding="utf-8")
    group.out.write_text(f"name,role,EVENTSTORE_URL\nanna,learner_anna,{address}\n", encoding="utf-8")
    done = command("create", str(group.names), "--out", str(group.out))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "the address of learner_anna has no password that can be read" in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_list_changes_nothing(group: Class) -> None:
    group.names.write_text("name\nanna\nanna\n", encoding="utf-8")
    done = command("create", str(group.names), "--out", str(group.out))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "line 3: 'anna' is there twice, see line 2" in done.stderr
    assert not group.out.exists()
