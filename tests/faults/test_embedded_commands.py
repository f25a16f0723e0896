"""`python -m eventstore up | down | status | psql | url`, run as a person runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from eventstore.embedded import Cluster

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="eventstore-faults-") as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        yield home
        Cluster(home).remove()


@pytest.fixture(scope="module")
def environment(home: Path) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "EVENTSTORE_URL"} | {
        "EVENTSTORE_HOME": str(home)
    }


@pytest.fixture(scope="module")
def command(environment: dict[str, str]) -> Command:
    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "eventstore", *arguments],
            env=environment | more,
            capture_output=True,
            encoding="utf-8",
        )

    return run


def test_up_and_down(command: Command) -> None:
    assert command("down").stdout == "PostgreSQL was not running.\n"
    stopped = command("status")
    assert stopped.returncode == 1
    assert "python -m eventstore up" in stopped.stdout
    first = command("up")
    assert re.fullmatch(r"PostgreSQL \d+\.\d+ runs on 127\.0\.0\.1, port \d+\.\n", first.stdout)
    assert command("up").stdout == first.stdout
    assert command("status").returncode == 0
    assert command("down").stdout == "PostgreSQL is stopped.\n"
    assert command("status").returncode == 1


def test_url_is_the_only_command_that_prints_the_password(command: Command) -> None:
    url = command("url").stdout.strip()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    password = str(conninfo_to_dict(url)["password"])
    for environment in ({}, {"EVENTSTORE_URL": url}):
        for arguments in (["status"], ["psql", "-c", r"\conninfo", "-c", "broken"]):
            answer = command(*arguments, **environment)
            assert password not in answer.stdout + answer.stderr
    assert password not in command("up").stdout


def test_the_doctor_says_where_the_server_comes_from_and_not_its_password(
    command: Command, environment: dict[str, str]
) -> None:
    password = str(conninfo_to_dict(command("url").stdout.strip())["password"])
    doctor = [sys.executable, "-m", "workbook.cli", "doctor"]
    answer = subprocess.run(doctor, env=environment | {"COLUMNS": "200"}, capture_output=True, encoding="utf-8")
    assert "UTF8, postgres at 127.0.0.1, private server, from " in answer.stdout
    assert password not in answer.stdout + answer.stderr


def test_psql_gets_its_arguments_and_its_exit_code_comes_back(command: Command, tmp_path: Path) -> None:
    assert command("psql", "-Atc", "select 6 * 7").stdout == "42\n"
    assert command("psql", "--", "-At", "-c", "select 6 * 7").stdout == "42\n"
    assert command("psql", "-f", "no such file").returncode == 1
    script = tmp_path / "broken.sql"
    script.write_text("select 1 / 0;", encoding="utf-8")
    # psql's own code for an error in a script
    assert command("psql", "-v", "ON_ERROR_STOP=1", "-f", str(script)).returncode == 3


def test_psql_shows_the_password_to_nobody(command: Command, environment: dict[str, str]) -> None:
    url = command("url").stdout.strip()
    password = str(conninfo_to_dict(url)["password"])
    process = subprocess.Popen(
        [sys.executable, "-m", "eventstore", "psql", "-c", "select pg_sleep(600)"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    ours = "FROM pg_stat_activity WHERE application_name = 'psql' AND query ~ '^select pg_sleep'"
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(f"SELECT pid {ours}").fetchone() is None:
            assert process.poll() is None
            time.sleep(0.02)
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        commands = [" ".join(member.cmdline()) for member in family]
        connection.execute(f"SELECT pg_terminate_backend(pid) {ours}")
    assert process.wait() == 2  # psql: the connection was lost
    assert any("pg_sleep" in line and "psql" in line for line in commands)
    assert not any(password in line for line in commands)


def test_with_eventstore_url_the_commands_speak_of_that_server(command: Command) -> None:
    url = command("url").stdout.strip()
    status = command("status", EVENTSTORE_URL=url)
    assert "named by EVENTSTORE_URL" in status.stdout
    assert f"port {conninfo_to_dict(url)['port']}" in status.stdout
    assert command("url", EVENTSTORE_URL="postgresql://elsewhere/x").stdout == "postgresql://elsewhere/x\n"
    other = url.removesuffix("/postgres") + "/template1"
    assert command("psql", "-Atc", "select current_database()", EVENTSTORE_URL=other).stdout == "template1\n"
    for name in ("up", "down"):
        assert "manages only the private one" in command(name, EVENTSTORE_URL=url).stderr


@pytest.mark.parametrize(
    ("arguments", "settings", "says"),
    [
        (["up"], {"EVENTSTORE_PG_BINDIR": "nowhere"}, "EVENTSTORE_PG_BINDIR"),
        (["status"], {"EVENTSTORE_URL": "postgresql://u:secret@127.0.0.1:1/x"}, "Connection refused"),
        (["psql"], {"EVENTSTORE_URL": "postgresql:/u:secret@127.0.0.1:1/x"}, "postgresql://user:password@host"),
    ],
)
def test_an_error_is_one_line_without_a_password(
    command: Command, arguments: list[str], settings: dict[str, str], says: str
) -> None:
    answer = command(*arguments, **settings)
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.startswith("error: ")
    assert answer.stderr.count("\n") == 1
    assert says.lower() in answer.stderr.lower()
    assert "secret" not in answer.stderr
