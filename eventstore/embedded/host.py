"""What differs from one operating system to the next. All code that is special to Windows or to root is here, for
the packages above, too. (What runs before anything is installed has its own: `workbook/__main__.py`.)
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from eventstore.errors import StoreUnavailableError

# For Popen: a program at the head of a process group of its own. A terminal sends Ctrl-C to all processes of its group.
# But on Windows it has no terminal either: it can neither write there nor wait for somebody to type.
APART: dict[str, Any]

if sys.platform == "win32":
    import msvcrt

    SHARED_MEMORY = "windows"
    SYSTEM_FOLDERS = ["Program Files/PostgreSQL/*/bin"]
    APART = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    # No other process can send SIGTERM here: it ends the program at once. Ctrl-Break is what a program can hear.
    _END = signal.SIGBREAK
    # A file that another program holds open can be neither renamed nor deleted.
    _HELD_BY_OTHERS: tuple[type[OSError], ...] = (PermissionError,)
    # The server gets no console window, and a Ctrl-C meant for the caller does not reach it.
    _CREATION_FLAGS = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP

    def _lock(file: IO[bytes]) -> None:
        while True:
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
                return
            except PermissionError:  # another process holds it
                time.sleep(0.05)

    def _account(key: str | int) -> Account | None:
        return None

else:
    import fcntl
    import pwd
    import resource

    # Containers often have only 64 MB of POSIX shared memory, too little for a parallel query.
    SHARED_MEMORY = "mmap"
    SYSTEM_FOLDERS = [
        "usr/lib/postgresql/*/bin",  # Debian, Ubuntu
        "usr/pgsql-*/bin",  # Fedora, Red Hat
        "usr/libexec/postgresql*",  # Alpine
        "opt/homebrew/opt/postgresql@*/bin",  # Homebrew
        "usr/local/opt/postgresql@*/bin",
        "Applications/Postgres.app/Contents/Versions/*/bin",
        "Library/PostgreSQL/*/bin",
    ]
    APART = {"start_new_session": True}
    _END = signal.SIGTERM
    _HELD_BY_OTHERS = ()
    _CREATION_FLAGS = 0

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)

    def _account(key: str | int) -> Account | None:
        try:
            entry = pwd.getpwnam(key) if isinstance(key, str) else pwd.getpwuid(key)
        except KeyError:
            return None
        return None if entry.pw_uid == 0 else Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


@dataclass(frozen=True)
class Account:
    """An account of this machine that runs the server in place of root."""

    name: str
    uid: int
    gid: int


def program(folder: Path, name: str) -> Path:
    """The path of a program in a folder: `initdb` or, on Windows, `initdb.exe`."""
    return folder / (f"{name}.exe" if sys.platform == "win32" else name)


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock that one process of this machine can have at a time; the end of the process frees it, too."""
    with path.open("ab") as file:
        _lock(file)
        try:
            yield
        finally:
            if sys.platform != "win32":
                # Closing the file is not enough: if another thread has forked meanwhile, the child has it open as well.
                fcntl.flock(file, fcntl.LOCK_UN)


def running_as_root() -> bool:
    """Whether this process is root, as which PostgreSQL refuses to run. Never on Windows."""
    return sys.platform != "win32" and os.geteuid() == 0


def account_for(data: Path) -> Account | None:
    """The account that must run the server on a data folder.

    Args:
        data: the data folder; it need not exist yet.

    Returns:
        None for the account of this process, which is right for everybody but root. For root: the owner of the data
        folder, or, before there is one, an account without rights that every system has. None is made for this.

    Raises:
        StoreUnavailableError: the data folder belongs to somebody else, or root finds no other account.
    """
    if sys.platform == "win32":
        return None
    try:
        owner = data.stat().st_uid
    except FileNotFoundError:
        owner = None
    if not running_as_root():
        if owner is not None and owner != os.geteuid():
            raise StoreUnavailableError(
                f"{data} belongs to another account (number {owner}): "
                f"remove {data.parent} as that account, or set EVENTSTORE_HOME to a folder of your own"
            )
        return None
    for key in ("nobody", "postgres") if owner is None else (owner,):
        if account := _account(key):
            return account
    if owner is not None:
        raise StoreUnavailableError(
            f"PostgreSQL cannot run as the owner of {data} (account number {owner}): "
            f"type 'chown -R nobody {shlex.quote(str(data))}', or set EVENTSTORE_HOME to another folder"
        )
    raise StoreUnavailableError(
        "PostgreSQL refuses to run as root, and there is no account 'nobody' or 'postgres' to run it as: "
        "work as an ordinary user, or set EVENTSTORE_URL to a server that runs already"
    )


def may_enter(folder: Path, account: Account | None) -> bool:
    """Whether an account can reach what lies in a folder: it needs the right to pass through every folder above."""
    return account is None or run(Path("/usr/bin/env"), ["test", "-x", str(folder)], account)[0] == 0


def reachable(home: Path, name: str) -> Path:
    """Make the folder that the server's account can reach.

    Args:
        home: the folder that is wanted.
        name: the name of the data folder in it, whose owner is the server's account.

    Returns:
        The folder itself, or its stand-in where root works and the account of the server cannot get there. To let it
        in, the rights of folders above would have to be loosened.

    Raises:
        StoreUnavailableError: the folder cannot be made.
    """
    home = home.absolute()
    try:
        home.mkdir(parents=True, exist_ok=True)
        if may_enter(home, account_for(home / name)):
            return home
        stand_in = Path("/var/tmp") / f"eventstore-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"
        stand_in.mkdir(mode=0o755, exist_ok=True)
    except OSError as error:
        raise StoreUnavailableError(
            f"cannot make a folder for the private PostgreSQL at {error.filename} ({error.strerror}): "
            "set EVENTSTORE_HOME to a folder that you can write to, or EVENTSTORE_URL to a server that runs already"
        ) from None
    # Anybody can make folders in /var/tmp, also one that waits for us under this name.
    if stand_in.is_symlink() or stand_in.stat().st_uid != 0:
        raise StoreUnavailableError(f"{stand_in} belongs to somebody else: remove it, or set EVENTSTORE_HOME")
    stand_in.chmod(0o755)
    return stand_in


def hand_over(path: Path, account: Account | None) -> None:
    """Make an account the owner of a file or folder that this process has just made."""
    if account is not None and sys.platform != "win32":
        os.chown(path, account.uid, account.gid)


def write_private(path: Path, text: str) -> None:
    """Write a new file that its owner alone can read. On Windows the rights of the folder decide."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def private_folder(path: Path) -> None:
    """Make a folder that its owner alone can enter. On Windows the rights of the folder above decide.

    There, 0o700 would let in Administrators and the owner, which for an Administrator is that group: and PostgreSQL
    gives up its membership before it starts (source: `CreateRestrictedProcess` in PostgreSQL, issue 118486 of CPython).
    """
    path.mkdir(mode=0o777 if sys.platform == "win32" else 0o700)


def rename(path: Path, target: Path) -> None:
    """Rename a file or folder that was just written, also where a scanner of viruses still looks into it.

    Args:
        path: the file or folder.
        target: its new path. A file that is there is replaced.
    """
    _patiently(lambda: path.replace(target))


def delete_folder(folder: Path) -> None:
    """Delete a folder with all that is in it, also where a program that has just ended still holds a file open."""
    _patiently(lambda: shutil.rmtree(folder))


def _patiently(work: Callable[[], object]) -> None:
    for pause in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0):
        try:
            work()
            return
        except _HELD_BY_OTHERS:
            time.sleep(pause)
    work()


def in_each_child(then: Callable[[], object]) -> None:
    """From now on, do something in the child of each fork before anything else there. Windows has no fork."""
    if sys.platform != "win32":
        os.register_at_fork(after_in_child=then)


@contextlib.contextmanager
def asked_to_end(then: Callable[[], object]) -> Iterator[None]:
    """Do something when the system asks this program to end: by SIGTERM, on Windows by Ctrl-Break.

    Nothing is done in another thread than the main one, which hears no signals, nor where the program has made other
    plans for that.

    Args:
        then: what to do, between two steps of the main thread.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(_END) is not signal.SIG_DFL:
        yield
        return
    signal.signal(_END, lambda *_: then())
    try:
        yield
    finally:
        signal.signal(_END, signal.SIG_DFL)


def end_group(leader: int) -> None:
    """End all processes of a group (`APART`) at once.

    Windows has no such groups: there nothing happens, and whoever started them must look for them one by one.

    Args:
        leader: the number of the process that the group began with; 0 for the group of this process.
    """
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)


def is_in_group(process: int, leader: int) -> bool:
    """Whether a process belongs to a group (`APART`). On Windows, where there are none, it never does.

    Args:
        process: its number.
        leader: see `end_group`.
    """
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            return os.getpgid(process) == leader
    return False


def bound_this_process(memory: int, file: int) -> None:
    """From now on, this process and those that it starts cannot take more. On Windows, and where else a system knows
    no such bound, nothing happens.

    Args:
        memory: the address space of one process, in bytes.
        file: the size of one file, in bytes.
    """
    if sys.platform != "win32":
        for kind, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, file), (resource.RLIMIT_CORE, 0)):
            _, hard = resource.getrlimit(kind)
            limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(kind, (limit, limit))


def print_what_the_console_cannot_show() -> None:
    """From now on, write a character that the console or pipe has no code for as an escape, rather than to fail.

    On Windows, a pipe and a file behind `>` take the 256 characters of an old code page.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    """Whether a server may listen on a port of 127.0.0.1."""
    with socket.socket() as probe:
        if sys.platform != "win32":
            # As PostgreSQL itself does: connections that merely have not timed out yet do not hold a port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def run(executable: Path, arguments: Sequence[str], account: Account | None = None) -> tuple[int, str]:
    """Run a program to its end.

    Args:
        executable: the program.
        arguments: passed as they are, no shell in between.
        account: who runs it; None for the account of this process.

    Returns:
        The exit code, and what it wrote to stdout and stderr.

    Raises:
        OSError: it cannot be started.
    """
    # What PG... variables say is meant for another server. On macOS a server without LC_ALL does not start.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
    # From "/", because the account may not have the right to be in the folder where root is.
    identity: dict[str, Any] = {}
    if account is not None:
        identity = {"user": account.uid, "group": account.gid, "extra_groups": [], "cwd": "/"}
    # A file, not a pipe: the server inherits its stdout from pg_ctl and would keep a pipe open for ever.
    with tempfile.TemporaryFile() as output:
        code = subprocess.call(
            [str(executable), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            creationflags=_CREATION_FLAGS,
            **identity,
        )
        output.seek(0)
        return code, output.read().decode(errors="replace")
