"""The programs psql and pg_dump, run against the server of the tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from eventstore.embedded import Cluster


def run(program: str, *arguments: str, url: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `psql` or `pg_dump`. The test is skipped where there is none of the server's own major version.

    Args:
        program: its name.
        arguments: what else it gets.
        url: the database; None for that of the tests.
    """
    address = conninfo_to_dict(url or os.environ["EVENTSTORE_URL"])
    password = {"PGPASSWORD": str(address.pop("password"))} if "password" in address else {}
    return subprocess.run(
        [_find(program), f"--dbname={make_conninfo('', **address)}", *arguments],
        env=os.environ | password | {"PGCLIENTENCODING": "utf8"},
        capture_output=True,
        encoding="utf-8",
    )


def psql(*arguments: str, url: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run psql without anybody's settings file."""
    return run("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", *arguments, url=url)


def _find(program: str) -> str:
    with psycopg.connect(os.environ["EVENTSTORE_URL"]) as connection:
        wanted = connection.info.server_version // 10_000
    beside_server = Cluster().psql()
    folders = [beside_server.parent] if beside_server else []
    for candidate in [*(shutil.which(program, path=folder) for folder in folders), shutil.which(program)]:
        if candidate and _major(Path(candidate)) == wanted:
            return candidate
    pytest.skip(f"there is no {program} of PostgreSQL {wanted} on this machine")


def _major(path: Path) -> int:
    text = subprocess.run([path, "--version"], capture_output=True, encoding="utf-8", check=True).stdout
    found = re.search(r"\d+", text)
    assert found, text
    return int(found[0])
