"""The private server: who gets in, who shares it, and what it survives. Real servers, real processes, real kills."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from eventstore.embedded import Cluster
from eventstore.errors import StoreUnavailableError

POSIX = os.name == "posix"
ROOT = POSIX and os.geteuid() == 0

START = "import sys; from pathlib import Path; from eventstore.embedded import Cluster; c = Cluster(Path(sys.argv[1]));"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that every account can reach, as one in a home directory often is not; with a space and an umlaut."""
    outer = Path(tempfile.mkdtemp(prefix="eventstore-faults-"))
    outer.chmod(0o755)
    inner = outer / "my küche"
    inner.mkdir(mode=0o755)
    yield inner
    shutil.rmtree(outer)


@pytest.fixture(scope="module")
def shared(folder: Path) -> Iterator[Cluster]:
    """One server for all tests that leave it as they found it."""
    cluster = Cluster(folder / "shared")
    cluster.start()
    yield cluster
    cluster.remove()


@pytest.fixture
def home(folder: Path) -> Iterator[Path]:
    """An empty home; whatever server a test leaves there is stopped and deleted."""
    home = Path(tempfile.mkdtemp(dir=folder, prefix="home "))
    home.chmod(0o755)
    yield home
    Cluster(home).remove()


def child(code: str, home: Path, **popen: object) -> subprocess.Popen[str]:
    """A Python process of its own, with the home as its argument."""
    return subprocess.Popen(
        [sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True, encoding="utf-8", **popen
    )


def wait_for(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate()
    assert process.returncode == 0
    return output.strip()


def postmaster(cluster: Cluster) -> psutil.Process:
    return psutil.Process(int((cluster.status().data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0]))


def kill_9(cluster: Cluster) -> None:
    postmaster(cluster).kill()
    while cluster.status().running:  # the kernel takes a moment to end it
        pass


def works_in(home: Path, process: psutil.Process) -> bool:
    """Whether a process is an initdb for a home."""
    command = process.info["cmdline"] or [""]
    return Path(command[0]).stem == "initdb" and any(str(home) in argument for argument in command)


def one(url: str, statement: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement).fetchone()
        assert row is not None
        return row[0]


def test_a_wrong_password_and_none_are_refused(shared: Cluster) -> None:
    address = conninfo_to_dict(shared.url()) | {"passfile": os.devnull}
    right = address.pop("password")
    psycopg.connect(**address, password=right).close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**address, password="wrong")
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(**address)


def test_every_way_in_asks_for_the_password(shared: Cluster) -> None:
    with psycopg.connect(shared.url()) as connection:
        methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
    assert methods == [("scram-sha-256",)]


@pytest.mark.skipif(not POSIX, reason="on Windows the rights of the folder decide, not those of the file")
def test_only_the_owner_reads_the_password(shared: Cluster) -> None:
    data = shared.status().data
    password = data.with_name(f"{data.name}.password")
    assert password.stat().st_mode & 0o777 == 0o600
    assert password.stat().st_uid == os.geteuid()
    assert password.read_text(encoding="utf-8") in shared.url()


def test_it_listens_on_this_machine_only(shared: Cluster) -> None:
    sockets = postmaster(shared).net_connections("all")
    listening = {tuple(found.laddr) for found in sockets if found.status == psutil.CONN_LISTEN}
    assert listening == {("127.0.0.1", shared.status().port)}
    assert one(shared.url(), "SHOW unix_socket_directories") == ""


def test_settings_that_lessons_rely_on(shared: Cluster) -> None:
    for setting, value in {
        "timezone": "UTC",
        "max_connections": "100",
        "fsync": "on",
        "server_encoding": "UTF8",
    }.items():
        assert one(shared.url(), f"SHOW {setting}") == value
    # The order of text is that of the code points on every machine, not that of some language.
    assert one(shared.url(), "SELECT 'Z' < 'a' AND 'z' < 'ä'") is True


def test_processes_share_one_server(shared: Cluster) -> None:
    server = postmaster(shared)
    answers = {wait_for(child(START + "print(c.start())", shared.status().data.parent)) for _ in range(2)}
    assert answers == {shared.url()}
    assert postmaster(shared) == server


def test_settings_of_another_server_in_the_environment_do_no_harm(home: Path) -> None:
    # A server takes the default encoding of all its clients from its own environment.
    foreign = {"PGPORT": "1", "PGDATA": "/nowhere", "PGHOST": "nowhere", "PGUSER": "x", "PGCLIENTENCODING": "LATIN1"}
    url = wait_for(child(START + "print(c.start())", home, env=os.environ | foreign))
    assert one(url, "SHOW client_encoding") == "UTF8"


def test_it_survives_the_process_that_started_it(home: Path) -> None:
    starter = child(
        START + "print(c.start(), flush=True); input()", home, stdin=subprocess.PIPE, start_new_session=True
    )
    assert starter.stdout is not None
    url = starter.stdout.readline().strip()
    server = postmaster(Cluster(home))
    if POSIX:
        # What a closed terminal does: everything that belongs to the starter dies with it.
        os.killpg(starter.pid, signal.SIGKILL)
    else:
        starter.kill()
    starter.communicate()
    assert one(url, "SELECT 1") == 1
    assert Cluster(home).start() == url
    assert postmaster(Cluster(home)) == server


def test_it_survives_killed_clients(shared: Cluster) -> None:
    code = (
        "import sys, psycopg; c = psycopg.connect(sys.argv[1]); c.execute('SELECT pg_backend_pid()');"
        "print('connected', flush=True); input()"
    )
    client = child(code, shared.url(), stdin=subprocess.PIPE)  # type: ignore[arg-type]
    assert client.stdout is not None
    assert client.stdout.readline() == "connected\n"
    server = postmaster(shared)
    client.kill()
    client.communicate()
    assert one(shared.url(), "SELECT 1") == 1
    assert postmaster(shared) == server


def test_it_recovers_from_kill_9_with_every_acknowledged_row(home: Path) -> None:
    cluster = Cluster(home)
    url = cluster.start()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE fact (n int)")
    acknowledged: list[int] = []
    enough = threading.Event()

    def write() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            for n in range(1_000_000):
                try:
                    connection.execute("INSERT INTO fact VALUES (%s)", (n,))
                except psycopg.OperationalError:
                    return
                acknowledged.append(n)
                if n == 50:
                    enough.set()

    writer = threading.Thread(target=write)
    writer.start()
    idle = psycopg.connect(url)  # an open notebook
    assert enough.wait(60)
    kill_9(cluster)
    assert cluster.start() == url
    writer.join()
    idle.close()
    with psycopg.connect(url) as connection:
        kept = {n for (n,) in connection.execute("SELECT n FROM fact")}
    assert set(acknowledged) <= kept
    # The one row whose answer was lost may be there or not, nothing else.
    assert len(kept) <= len(acknowledged) + 1


def test_a_busy_session_of_a_killed_server_does_not_hold_up_the_next(home: Path) -> None:
    cluster = Cluster(home)
    url = cluster.start()

    def count() -> None:
        with pytest.raises(psycopg.OperationalError), psycopg.connect(url, application_name="busy") as connection:
            connection.execute("SELECT count(*) FROM generate_series(1, 10000000000)")

    client = threading.Thread(target=count)
    client.start()
    with psycopg.connect(url, autocommit=True) as connection:
        busy = "SELECT pid FROM pg_stat_activity WHERE application_name = 'busy' AND state = 'active'"
        while (row := connection.execute(busy).fetchone()) is None:
            pass
        kill_9(cluster)
    assert psutil.pid_exists(row[0])
    assert cluster.start() == url
    client.join()


def test_a_stop_keeps_data_and_port(home: Path) -> None:
    cluster = Cluster(home)
    url = cluster.start()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE fact AS SELECT 42 AS n")
    assert cluster.stop() is True
    assert cluster.stop() is False
    assert not cluster.status().running
    with pytest.raises(StoreUnavailableError, match="python -m eventstore up"):
        cluster.url()
    assert cluster.start() == url
    assert one(url, "SELECT n FROM fact") == 42


def test_another_port_is_used_when_the_old_one_is_taken(home: Path) -> None:
    cluster = Cluster(home)
    cluster.start()
    port = cluster.status().port
    cluster.stop()
    with socket.create_server(("127.0.0.1", port or 0)):
        assert one(cluster.start(), "SELECT 1") == 1
        assert cluster.status().port != port


def test_four_cold_starts_at_once_make_one_server(home: Path) -> None:
    starters = [child(START + "input(); print(c.start())", home, stdin=subprocess.PIPE) for _ in range(4)]
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("\n")
        starter.stdin.flush()
    urls = {wait_for(starter) for starter in starters}
    assert len(urls) == 1
    assert one(urls.pop(), "SELECT 1") == 1


def test_a_start_that_was_killed_halfway_is_made_again(home: Path) -> None:
    starter = child(START + "c.start()", home)
    while not any(home.glob("*.new-*/data/*")):
        assert starter.poll() is None
    starter.kill()
    starter.communicate()
    cluster = Cluster(home)
    assert not cluster.status().data.exists()
    assert one(cluster.start(), "SELECT 1") == 1
    # The orphaned initdb went on for a while; the next start clears what it wrote since.
    psutil.wait_procs([process for process in psutil.process_iter(["cmdline"]) if works_in(home, process)])
    cluster.start()
    assert not list(home.glob("*.new-*"))


@pytest.mark.parametrize("reuse", [True, False], ids=["number in use again", "torn"])
def test_a_stale_pid_file_is_seen_through(home: Path, reuse: bool) -> None:
    cluster = Cluster(home)
    cluster.start()
    data = cluster.status().data
    pid_file = data / "postmaster.pid"
    text = pid_file.read_text(encoding="utf-8")
    cluster.stop()
    # Like a shell that somebody opened in the data folder. It runs as the account of the server, because PostgreSQL
    # itself sees through a number that belongs to another account.
    account = {"user": data.stat().st_uid} if ROOT else {}
    foreign = subprocess.Popen(["sleep", "600"] if POSIX else ["timeout", "600"], cwd=data, **account)
    try:
        pid_file.write_text("\n".join([str(foreign.pid), *text.splitlines()[1:]]) if reuse else "", encoding="utf-8")
        assert not cluster.status().running
        assert one(cluster.start(), "SELECT 1") == 1
        assert foreign.poll() is None
    finally:
        foreign.kill()
        foreign.wait()


@pytest.mark.skipif(not POSIX, reason="Windows does not rename a folder that a server works in")
def test_a_moved_folder_keeps_its_running_server(folder: Path) -> None:
    before, after = folder / "before", folder / "after"
    url = Cluster(before).start()
    server = postmaster(Cluster(before))
    before.rename(after)
    try:
        assert Cluster(after).start() == url
        assert postmaster(Cluster(after)) == server
    finally:
        Cluster(after).remove()


@pytest.mark.skipif(not POSIX, reason="Windows does not copy the files of a running server")
def test_a_copied_folder_gets_a_server_of_its_own(shared: Cluster, folder: Path) -> None:
    copy = folder / "copy"
    with psycopg.connect(shared.url(), autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    subprocess.run(["cp", "-a", shared.status().data.parent, copy], check=True)
    try:
        assert not Cluster(copy).status().running
        url = Cluster(copy).start()
        assert url != shared.url()
        assert one(url, "SHOW data_directory") == str(Cluster(copy).status().data)
        assert one(shared.url(), "SHOW data_directory") == str(shared.status().data)
    finally:
        Cluster(copy).remove()


def test_a_folder_that_cannot_be_used_is_named(folder: Path) -> None:
    file = folder / "file"
    file.write_text("", encoding="utf-8")
    with pytest.raises(StoreUnavailableError, match="EVENTSTORE_HOME"):
        Cluster(file / "home")


def test_a_server_that_does_not_start_says_why(home: Path) -> None:
    cluster = Cluster(home)
    cluster.start()
    cluster.stop()
    with (cluster.status().data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("max_connections = -5\n")
    with pytest.raises(StoreUnavailableError, match=r"did not start, see .*server\.log.*FATAL") as caught:
        cluster.start()
    assert "\n" not in str(caught.value)
