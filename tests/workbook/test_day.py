"""Opening a day gives the same fresh place every time, and touches nothing that is not its own."""

import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

import eventstore
from eventstore import DomainEvent
from eventstore.database import open_connection, server_url
from eventstore.embedded import Cluster
from workbook.day import Day, open_day
from workbook.workspace import Workspace, schema_name


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the notebook lies; its name becomes a part of the schema's."""
    folder = tmp_path / f"{tmp_path.name[-40:]} ü"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def day(folder: Path) -> Iterator[Day]:
    day = open_day(98)
    yield day
    open_day(98).remove()


def fact(day: Day, version: int = 1) -> DomainEvent:
    return DomainEvent(event_type="t", aggregate_id="a", version=version, event_data={}, id=day.new_id())


def test_a_day_opened_again_is_empty_and_its_clock_and_ids_start_over(day: Day) -> None:
    first = (day.now(), day.now(), day.new_id(), day.new_id())
    day.store.append(fact(day))
    connection = day.connection()
    again = open_day(98)
    assert connection.closed
    assert again.schema == day.schema
    assert not again.store.exists("a")
    assert (again.now(), again.now(), again.new_id(), again.new_id()) == first
    assert (first[1] - first[0]).total_seconds() == 1
    assert len(set(first)) == 4


def test_another_day_has_other_times_and_ids(day: Day) -> None:
    other = open_day(97)
    assert other.now() != day.now()
    assert other.new_id() != day.new_id()
    assert other.schema != day.schema
    other.remove()


def test_it_prints_one_line_that_never_changes(day: Day, capsys: pytest.CaptureFixture[str]) -> None:
    open_day(98)
    open_day(98, install=False)
    assert capsys.readouterr().out == (
        "Day 98 is open: an empty event store, all your own.\nDay 98 is open: an empty schema, all your own.\n"
    )


def test_without_installing_the_schema_is_empty(day: Day) -> None:
    bare = open_day(98, install=False)
    count = bare.q("SELECT count(*) AS n FROM pg_class WHERE relnamespace = %s::regnamespace", [f'"{bare.schema}"'])
    assert count["n"].tolist() == [0]
    bare.q("CREATE TABLE mine (id int)")
    assert bare.q("SELECT id FROM mine").empty


def test_sql_gives_a_table_none_or_the_error_of_the_server(day: Day) -> None:
    day.store.append(fact(day))
    table = day.q("SELECT aggregate_id, version FROM domain_events WHERE version = %s", [1])
    assert table.to_dict("records") == [{"aggregate_id": "a", "version": 1}]
    assert day.q("CREATE TABLE mine (id int)") is None
    with pytest.raises(psycopg.errors.UndefinedTable, match="no_such_table"):
        day.q("SELECT * FROM no_such_table")
    with pytest.raises(TypeError, match="this is NoneType, not SQL as text"):
        day.q(None)  # type: ignore[arg-type]
    assert day.q("SHOW timezone")["TimeZone"].tolist() == ["UTC"]
    assert day.q("SELECT '100%' AS text")["text"].tolist() == ["100%"]


def test_connections_are_separate_sessions_with_limits(day: Day) -> None:
    one, other = day.connection(), day.connection()
    day.q("CREATE TABLE mine (id int)")
    with one.transaction():
        one.execute("INSERT INTO mine VALUES (1)")
        assert other.execute("SELECT count(*) FROM mine").fetchone() == (0,)
    assert other.execute("SELECT count(*) FROM mine").fetchone() == (1,)
    assert one.execute("SHOW lock_timeout").fetchone() == ("10s",)
    assert one.execute("SHOW statement_timeout").fetchone() == ("1min",)


def test_a_session_left_over_by_a_killed_notebook_is_ended(day: Day) -> None:
    code = (
        "from workbook.day import open_day\n"
        "day = open_day(98)\n"
        "connection = day.connection()\n"
        "connection.execute('BEGIN')\n"
        "connection.execute('LOCK domain_events')\n"
        "print('locked', flush=True)\n"
        "input()\n"
    )
    day.close()
    left = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert left.stdout is not None
    assert [left.stdout.readline(), left.stdout.readline()][1] == "locked\n"
    open_day(98)
    left.kill()
    left.wait()
    left.stdout.close()
    assert left.stdin is not None
    left.stdin.close()


def test_a_schema_of_somebody_else_is_not_dropped(folder: Path) -> None:
    name = schema_name("day96")
    with open_connection(server_url(), "public") as connection:
        connection.execute(f'CREATE SCHEMA "{name}"')
        try:
            with pytest.raises(eventstore.SchemaError, match=f"'{name}' was not made by the workbook"):
                open_day(96)
        finally:
            connection.execute(f'DROP SCHEMA "{name}"')


def test_learner_and_solved_notebook_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    names = []
    for name in ("notebooks", "solutions", "my"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        names.append(schema_name("day03"))
    assert [name[:-9] for name in names] == ["day03_learner", "day03_solutions", "day03_my"]
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw1")
    assert schema_name("day03") == f"{names[-1]}_gw1"


def test_two_learners_on_one_server_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = set()
    for learner in ("one", "other"):
        (tmp_path / learner / "my").mkdir(parents=True)
        monkeypatch.chdir(tmp_path / learner / "my")
        names.add(schema_name("day03"))
    monkeypatch.setattr(platform, "node", lambda: "another machine")
    names.add(schema_name("day03"))
    assert len(names) == 3


def test_a_workspace_keeps_the_options_of_the_url(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = server_url()
    monkeypatch.setenv("EVENTSTORE_URL", f"{url}{'&' if '?' in url else '?'}options=-c%20work_mem%3D5MB")
    workspace = Workspace(schema_name("options"))
    assert workspace.q("SHOW work_mem")["work_mem"].tolist() == ["5MB"]
    workspace.remove()


def kill_server(cluster: Cluster) -> None:
    """Kill the server as `kill -9` does, and wait until all of its processes have noticed."""
    pid = int((cluster.status().data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
    server = psutil.Process(pid)
    processes = [server, *server.children()]
    server.kill()
    psutil.wait_procs(processes, timeout=30)


def test_after_the_server_was_killed_the_cell_works_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVENTSTORE_URL")
    monkeypatch.setenv("EVENTSTORE_HOME", str(tmp_path / "home"))
    cluster = Cluster(durable=False)
    cluster.start()
    try:
        day = open_day(95)
        day.store.append(fact(day))
        day.q("SELECT 1 AS one")
        kill_server(cluster)
        again = open_day(95)
        again.store.append(fact(again))
        assert again.q("SELECT count(*) AS n FROM domain_events")["n"].tolist() == [1]
        # Without opening the day again, SQL fails once and then works again.
        kill_server(cluster)
        cluster.start()
        with pytest.raises(psycopg.OperationalError):
            again.q("SELECT 1 AS one")
        assert again.q("SELECT 1 AS one")["one"].tolist() == [1]
        again.remove()
    finally:
        cluster.remove()
