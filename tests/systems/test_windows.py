"""What differs on Windows, tried where there is none: the code's own branch for it, on a machine that claims to be one.

What Windows itself would do is played: a file that another process holds, a signal in the place of Ctrl-Break.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import psutil
import pytest
from waiting import wait_until

import eventstore
import poker.workers
from eventstore.embedded import binaries, cluster
from eventstore.embedded import host as host_here
from eventstore.subscription import Subscription
from workbook.grading import processes
from workbook.paths import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows need not be played here")

NO_WINDOW, NEW_GROUP = 0x08000000, 0x00000200


class Held:
    """Stands for `msvcrt`: a byte of a file that another process has locked, for two looks at it."""

    LK_NBLCK = 2

    def __init__(self, *answers: Exception) -> None:
        self.answers = list(answers)
        self.locked = False

    def locking(self, descriptor: int, mode: int, size: int) -> None:
        assert (mode, size) == (self.LK_NBLCK, 1)
        os.fstat(descriptor)  # an open file
        if self.answers:
            raise self.answers.pop(0)
        self.locked = True


@pytest.fixture
def held() -> Held:
    return Held(PermissionError(), PermissionError())


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, held: Held) -> ModuleType:
    """`eventstore.embedded.host`, as it is on Windows."""
    monkeypatch.setitem(sys.modules, "msvcrt", held)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(subprocess, "CREATE_NO_WINDOW", NO_WINDOW, raising=False)
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", NEW_GROUP, raising=False)
    # A signal that does no harm if nobody waits for it.
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGURG, raising=False)
    assert host_here.__file__ is not None
    spec = importlib.util.spec_from_file_location("host_on_windows", host_here.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    return module


def test_a_lock_that_another_process_holds_is_waited_for(host: ModuleType, held: Held, tmp_path: Path) -> None:
    with host.exclusive(tmp_path / "lock"):
        assert held.locked


def test_a_disk_that_knows_no_locks_is_an_error_and_no_endless_wait(
    host: ModuleType, held: Held, tmp_path: Path
) -> None:
    held.answers = [OSError(22, "Invalid argument")]
    with pytest.raises(OSError, match="Invalid argument"), host.exclusive(tmp_path / "lock"):
        pass


def test_postgresql_gets_neither_a_window_nor_the_ctrl_c_that_is_meant_for_us(
    host: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(host.subprocess, "call", lambda command, **options: given.update(options) or 0)
    assert host.run(Path("pg_ctl.exe"), ["start"]) == (0, "")
    assert given["creationflags"] == NO_WINDOW | NEW_GROUP
    assert not {"user", "group", "cwd"} & set(given)


def test_the_processes_of_an_import_do_not_hear_ctrl_c(host: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def start(command: list[str], **options: Any) -> None:
        given.update(options)
        raise InterruptedError

    monkeypatch.setattr(poker.workers, "host", host)
    monkeypatch.setattr(poker.workers.subprocess, "Popen", start)
    with pytest.raises(InterruptedError):
        poker.workers.Workers(SimpleNamespace(), 1)  # type: ignore[arg-type]
    assert given["creationflags"] == NEW_GROUP
    assert not {"process_group", "start_new_session"} & set(given), "each is an error there, or does nothing"


def test_what_a_copy_has_started_is_ended_one_by_one_where_there_are_no_groups(
    host: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (processes.WORK, processes.HOME):
        (tmp_path / folder).mkdir()
    # Only a process of the real Windows can be started with its flags.
    monkeypatch.setattr(processes, "host", SimpleNamespace(APART={}, end_group=host.end_group))
    program = """
import subprocess, sys, time
asleep = [sys.executable, "-c", "import time; time.sleep(600)"]
print(subprocess.Popen(asleep).pid, subprocess.Popen(asleep, start_new_session=True).pid, flush=True)
time.sleep(600)
"""
    copy = f"{processes.new_run()}_1"
    process = processes.start([sys.executable, "-c", program], tmp_path, processes.environment(copy, tmp_path))
    assert process.stdout is not None
    started = [psutil.Process(int(number)) for number in process.stdout.readline().split()]
    assert len(started) == 2
    processes.kill_all(process, copy)
    process.stdout.close()
    assert process.poll() is not None
    wait_until(lambda: not any(_runs(one) for one in started), "the processes to be gone")


def test_where_nothing_bounds_a_process_it_goes_on(host: ModuleType) -> None:
    host.bound_this_process(1, 1)
    assert bytes(1_000_000)


def _runs(process: psutil.Process) -> bool:
    try:
        # In a container nobody may ask what became of an orphan.
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_nobody_is_root_and_no_folder_changes_hands(
    host: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "geteuid")
    monkeypatch.delattr(os, "chown")
    assert not host.running_as_root()
    assert host.account_for(tmp_path) is None
    assert host.reachable(tmp_path / "home", "pg18") == tmp_path / "home"
    host.hand_over(tmp_path, None)


def test_there_are_neither_groups_to_end_nor_bounds_to_set(host: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "killpg")
    monkeypatch.delattr(signal, "SIGKILL")
    host.end_group(os.getpid())
    assert not hasattr(host, "resource"), "a module that is not there"
    host.bound_this_process(2**40, 2**40)


def test_the_folder_of_a_new_cluster_lets_postgresql_in_where_an_administrator_makes_it(
    host: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    monkeypatch.setattr(Path, "mkdir", lambda folder, mode=0o777, **_: modes.append(mode))
    host.private_folder(tmp_path / "scratch")
    # The one mode that Python turns into rights on Windows, and only for the group that PostgreSQL leaves.
    assert modes != [0o700]


def test_here_it_is_closed_to_others(tmp_path: Path) -> None:
    host_here.private_folder(tmp_path / "scratch")
    assert (tmp_path / "scratch").stat().st_mode & 0o777 == 0o700


@pytest.fixture
def virus_scanner(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Holds what is to be renamed, for so many tries."""
    rename = Path.replace

    def hold(tries: int) -> None:
        left = iter(range(tries))

        def refuse(path: Path, target: Path) -> Path:
            if next(left, None) is not None:
                raise PermissionError(13, "The process cannot access the file", str(path))
            return rename(path, target)

        monkeypatch.setattr(Path, "replace", refuse)

    return hold


def test_a_folder_that_a_virus_scanner_looks_into_is_renamed_a_moment_later(
    host: ModuleType, virus_scanner: Callable[[int], None], tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    virus_scanner(3)
    host.rename(tmp_path / "new", tmp_path / "data")
    assert (tmp_path / "data").is_dir()


def test_a_folder_that_may_not_be_renamed_is_an_error_in_the_end(
    host: ModuleType, virus_scanner: Callable[[int], None], tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    virus_scanner(100)
    with pytest.raises(PermissionError):
        host.rename(tmp_path / "new", tmp_path / "data")


def test_a_folder_whose_server_has_just_ended_is_deleted_a_moment_later(
    host: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "server.log").touch()
    delete, held = os.unlink, [PermissionError(13, "The process cannot access the file")] * 2

    def refuse(path: str, **options: Any) -> None:
        if held:
            raise held.pop()
        delete(path, **options)

    monkeypatch.setattr(os, "unlink", refuse)
    host.delete_folder(tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_elsewhere_that_is_an_error_at_once(virus_scanner: Callable[[int], None], tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    virus_scanner(1)
    with pytest.raises(PermissionError):
        host_here.rename(tmp_path / "new", tmp_path / "data")


def test_a_postgresql_that_is_installed_there_is_found(
    host: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "Program Files" / "PostgreSQL" / "17" / "bin"
    folder.mkdir(parents=True)
    for name in ("initdb.exe", "pg_ctl.exe", "postgres.exe"):
        (folder / name).touch()
    monkeypatch.setattr(host, "run", lambda program, arguments: (0, f"postgres (PostgreSQL) 17.6 {program.name}"))
    monkeypatch.setattr(binaries, "host", host)
    monkeypatch.setattr(binaries, "find_spec", lambda name: None)
    monkeypatch.setattr(binaries.shutil, "which", lambda name: None)
    monkeypatch.delenv("EVENTSTORE_PG_BINDIR", raising=False)
    monkeypatch.setenv("SYSTEMDRIVE", str(tmp_path))
    assert binaries.find() == binaries.Binaries(folder, "this system", "17.6")
    monkeypatch.setattr(cluster, "host", host)
    assert cluster.Cluster(tmp_path / "home").psql() is None
    (folder / "psql.exe").touch()
    assert cluster.Cluster(tmp_path / "home").psql() == folder / "psql.exe"


def test_ctrl_break_ends_a_subscription_in_good_order(
    host: ModuleType, store: eventstore.PostgresEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.subscription.host", host)
    store.append(eventstore.DomainEvent(event_type="bet", aggregate_id="hand", version=1, event_data={}))
    handled = []

    def handler(event: eventstore.DomainEvent, connection: object) -> None:
        signal.raise_signal(signal.SIGURG)
        handled.append(event.version)

    follower = Subscription(store, "follower", handler)
    follower.run()
    assert handled == [1]
    assert follower.status().position == 1, "the event at work was finished and noted"
    assert signal.getsignal(signal.SIGURG) is signal.SIG_DFL


PLAYED = """
import runpy, shutil, subprocess, sys, types, urllib.request  # they look which system it is
from pathlib import Path

stamp = sys.argv.pop(1)

def locking(descriptor, mode, size, looks=[]):
    looks.append(mode)
    if len(looks) < 3:
        raise PermissionError(13, "Permission denied")
    Path(".venv/workbook-stamp").write_text(stamp, encoding="utf-8")  # the other set-up is done, and frees its lock

sys.modules["msvcrt"] = types.SimpleNamespace(locking=locking, LK_NBLCK=2)
sys.platform = "win32"
runpy.run_path("workbook/__main__.py", run_name="__main__")
"""

# It takes Ctrl-C as the console gives it: the process that waits for it gets it as well.
PYTHON_EXE = """#!/bin/sh
kill -INT $PPID
echo "$@"
echo "$PATH"
exit 7
"""


def test_the_first_command_waits_for_another_set_up_and_for_what_it_hands_over_to(tmp_path: Path) -> None:
    (tmp_path / "workbook").mkdir()
    shutil.copy(ROOT / "workbook" / "__main__.py", tmp_path / "workbook")
    for name in ("requirements.txt", "pyproject.toml"):
        (tmp_path / name).touch()
    programs = tmp_path / ".venv" / "Scripts"
    programs.mkdir(parents=True)
    (programs / "python.exe").write_text(PYTHON_EXE, encoding="utf-8")
    (programs / "python.exe").chmod(0o755)
    stamp = f"{sys.version_info[0]}.{sys.version_info[1]} {hashlib.sha256(b'').hexdigest()}"
    command = [sys.executable, "-c", PLAYED, stamp, "run", "poker", "two words"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=60)
    assert done.returncode == 7, done.stdout + done.stderr
    waits, arguments, path = done.stdout.splitlines()
    assert waits == "Another set-up is at work here: waiting for it."
    assert arguments == "-m workbook.cli run poker two words"
    assert path.split(os.pathsep)[0] == str(programs)
