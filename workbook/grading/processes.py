"""The processes of copies: how they are started, measured, ended, and found again after a killed run."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from eventstore.embedded import host
from workbook.grading import folders

PREFIX = "workbook-grade-"
# Every process of a copy inherits this variable, so that it is found even if it has left its group.
VARIABLE = "WORKBOOK_GRADE"
# In the folder of a copy: where it runs, and what it keeps for itself.
WORK, HOME = "work", "home"
# What a process needs to work. The others may hold what concerns no copy, e.g. keys and passwords.
PASSED_ON = (
    # Where the server is, as far as EVENTSTORE_URL leaves it open.
    *("PGHOST", "PGHOSTADDR", "PGPORT", "PGSSLMODE", "PGSSLROOTCERT"),
    *("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONPATH"),
    *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE"),
)
# So often it is looked for processes of a copy that were just being started while the others were ended.
LOOKS = 10
ENDING = 5.0  # seconds


def new_run() -> str:
    """A name for a run that tells, also later, whether its process is alive."""
    return f"{os.getpid()}_{_age(psutil.Process())}_{secrets.token_hex(4)}"


def is_alive(run: str) -> bool:
    """Whether the process that gave itself this name still runs.

    Raises:
        ValueError: that is no name of a run.
    """
    pid, age = (int(part) for part in run.split("_")[:2])
    try:
        # The clock of the machine may have been set meanwhile.
        return abs(_age(psutil.Process(pid)) - age) < 60
    except psutil.Error:
        return False


def _age(process: psutil.Process) -> int:
    return int(process.create_time())


def clear_after_killed_runs() -> None:
    """End the processes and remove the folders of runs whose own process is gone."""
    for process, copy in marked():
        # A copy may write anything into the environment of what it starts.
        with contextlib.suppress(ValueError, psutil.Error):
            if not is_alive(copy.rpartition("_")[0]):
                process.kill()
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*_*_*"):
        with contextlib.suppress(ValueError, OSError):
            if not is_alive(folder.name.removeprefix(PREFIX)) and folder.is_dir() and not folder.is_symlink():
                folders.remove(folder)


def marked() -> Iterator[tuple[psutil.Process, str]]:
    """Each process of a copy, and the name of the copy, which begins with that of the run."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if copy := process.environ().get(VARIABLE):
                yield process, copy


def environment(copy: str, folder: Path, **more: str) -> dict[str, str]:
    """The environment of a copy: all that it keeps for itself lies in its folder."""
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    places = ("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "IPYTHONDIR", "MPLCONFIGDIR", "APPDATA", "LOCALAPPDATA")
    # One thread each: several copies run at a time, and every thread takes address space.
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "ARROW_NUM_THREADS"), "1")
    settings = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "MPLBACKEND": "Agg", VARIABLE: copy}
    return passed_on | dict.fromkeys(places, str(folder / HOME)) | threads | settings | more


def start(command: list[str], folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a program in the folder of a copy, apart from all others, with pipes to and from it."""
    return subprocess.Popen(
        command,
        cwd=folder / WORK,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        **host.APART,
    )


def kill_all(process: subprocess.Popen[bytes], copy: str) -> None:
    """End a process with all that it has started, whether it is still in its group or not."""
    # First of all: once their parent has ended, nothing tells whose they are, if they have dropped the mark.
    ours = _children(process)
    host.end_group(process.pid)
    process.kill()
    process.wait()
    for _ in range(LOOKS):
        for one in ours:
            with contextlib.suppress(psutil.Error):
                one.kill()
        # Until they have ended, they may write and start others.
        psutil.wait_procs(ours, timeout=ENDING)
        ours = [other for other, name in marked() if name == copy]
        if not ours:
            return


def _children(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    # Once the process has been waited for, its number may be that of a stranger.
    if process.poll() is None:
        with contextlib.suppress(psutil.Error):
            return psutil.Process(process.pid).children(recursive=True)
    return []


def memory_and_processes(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    """The bytes that a process and all it has started hold in memory, and how many these are."""
    # What has lost its parent is still in the group.
    group = {pid for pid in psutil.pids() if host.is_in_group(pid, process.pid)}
    total = count = 0
    for pid in group | {process.pid} | {child.pid for child in _children(process)}:
        with contextlib.suppress(psutil.Error):
            total += psutil.Process(pid).memory_info().rss
            count += 1
    return total, count


def ended(code: int) -> str:
    """What the exit code of a process says, in words."""
    if code >= 0:
        return f"ended the process (exit code {code})"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"
