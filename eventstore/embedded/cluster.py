"""Make, start and stop the private server. "Cluster" is PostgreSQL's own word for one data folder with its server."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psutil

from eventstore.embedded import binaries, host
from eventstore.errors import StoreUnavailableError

# Seconds that a server may take to start, recover or stop.
PATIENCE = 60.0

# What PostgreSQL says when another program took the port a moment ago, and when after a `kill -9` of the server some
# of its sessions have not noticed yet and still hold its memory.
WORTH_ANOTHER_TRY = "could not create any TCP/IP sockets|shared memory block .*is still in use"

SETTINGS = """\
# Written anew at every start.
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 100
dynamic_shared_memory_type = {shared_memory}
timezone = 'UTC'
log_timezone = 'UTC'
random_page_cost = 1.1  # as in the sessions of the store
"""

# For tests only: a crash of the machine, not of the server, would lose data.
NOT_DURABLE = """\
fsync = off
synchronous_commit = off
full_page_writes = off
"""


@dataclass(frozen=True, kw_only=True)
class ClusterStatus:
    """The state of the private server.

    Args:
        running: whether it accepts connections.
        version: the release of its programs, e.g. `"18.6"`.
        provider: where these come from, in words.
        port: the TCP port on 127.0.0.1, None while it does not run.
        data: the data folder; it may not exist yet.
        log: the file that the server writes its messages to.
    """

    running: bool
    version: str
    provider: str
    port: int | None
    data: Path
    log: Path


@dataclass(frozen=True)
class _Postmaster:
    """The server process, as its pid file describes it."""

    pid: int
    port: int
    state: str


class Cluster:
    """The private server of one folder. Any number of processes may hold one for the same folder, and share it.

    Args:
        home: the folder for the data, the password and the settings. If None: the environment variable
            `EVENTSTORE_HOME`; without it `.localpg` in the checkout that this package lies in; without a checkout
            `.eventstore` in the home directory. If root works in a folder that no other account can reach, a folder in
            `/var/tmp` stands in for it, because PostgreSQL does not run as root.
        durable: False trades safety against a power cut for speed. For tests whose data nobody misses.

    Raises:
        StoreUnavailableError: no PostgreSQL on this machine, or no folder for it; the error says what to do.
    """

    def __init__(self, home: Path | None = None, *, durable: bool = True) -> None:
        self._durable = durable
        self._binaries = binaries.find()
        name = f"pg{self._binaries.major}"
        self._home = host.reachable(home or _default_home(), name)
        self._data = self._home / name
        self._account = host.account_for(self._data)
        self._log = self._data / "server.log"
        self._settings = self._home / f"{name}.conf"
        self._password = self._home / f"{name}.password"

    def start(self) -> str:
        """Make the server if there is none yet, and start it if it does not run.

        Returns:
            Its URL: database and user `postgres`, with the password.

        Raises:
            StoreUnavailableError: it does not start. The error names the reason and the log; its notes hold more.
        """
        with self._exclusive():
            self._sweep()
            if not self._data.exists():
                self._initialise()
            self._wait_while_changing()
            if self._postmaster() is None:
                self._launch()
            return self.url()

    def stop(self) -> bool:
        """Stop the server: open transactions are rolled back, everything acknowledged is kept.

        Returns:
            Whether it was running.

        Raises:
            StoreUnavailableError: it does not stop within a minute.
        """
        with self._exclusive():
            if self._postmaster() is None:
                return False
            code, text = self._run("pg_ctl", "stop", "-D", str(self._data), "-m", "fast", "-w", "-t", f"{PATIENCE:.0f}")
            if code != 0 and self._postmaster() is not None:
                raise _failure("PostgreSQL did not stop", text)
            return True

    def remove(self) -> None:
        """Stop the server and delete its folder with all data. There is no way back."""
        self.stop()
        host.delete_folder(self._home)

    def status(self) -> ClusterStatus:
        """The state of the server at this moment. Nothing is started or changed."""
        server = self._postmaster()
        running = server is not None and server.state == "ready"
        return ClusterStatus(
            running=running,
            version=self._binaries.version,
            provider=self._binaries.provider,
            port=server.port if server and running else None,
            data=self._data,
            log=self._log,
        )

    def url(self) -> str:
        """The URL of the running server, with the password.

        Raises:
            StoreUnavailableError: it does not run, or its password is lost.
        """
        server = self._postmaster()
        if server is None:
            raise StoreUnavailableError("the private PostgreSQL does not run: type 'python -m eventstore up'")
        try:
            password = self._password.read_text(encoding="utf-8")
        except OSError as error:
            raise StoreUnavailableError(
                f"cannot read the password in {self._password} ({error.strerror}): put the file back, or, to begin "
                f"with an empty database, type 'python -m eventstore down' and delete {self._home}"
            ) from None
        return f"postgresql://postgres:{password}@127.0.0.1:{server.port}/postgres"

    def psql(self) -> Path | None:
        """The client program that came with the server, or None where it was left out."""
        client = host.program(self._binaries.folder, "psql")
        return client if client.exists() else None

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Let one process at a time change the server."""
        try:
            with host.exclusive(self._home / "lock"):
                yield
        except OSError as error:
            raise StoreUnavailableError(f"cannot work in {self._home}: {error}") from error

    def _sweep(self) -> None:
        """Delete what a start that was killed halfway has left behind."""
        for scratch in self._home.glob("*.new-*"):
            shutil.rmtree(scratch, ignore_errors=True)

    def _initialise(self) -> None:
        """Make the data folder under another name and rename it at the end: it is there whole, or not at all."""
        password = secrets.token_urlsafe(24)
        host.write_private(self._password, password)
        scratch = self._home / f"{self._data.name}.new-{secrets.token_hex(4)}"
        host.private_folder(scratch)
        password_copy = scratch / "password"
        host.write_private(password_copy, password)
        host.hand_over(password_copy, self._account)
        host.hand_over(scratch, self._account)
        locale = ["--locale=C"]
        if self._binaries.major >= 17:
            # The same order of text on every machine, like C, but upper and lower case beyond ASCII, too.
            locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        # Thousands of rounds of hashing protect a password that somebody could guess. Nobody guesses this one, and they
        # are half the time that a connection takes.
        rounds = ["--set=scram_iterations=1"] if self._binaries.major >= 16 else []
        code, text = self._run(
            "initdb",
            f"--pgdata={scratch / 'data'}",
            f"--pwfile={password_copy}",
            "--username=postgres",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            *locale,
            *rounds,
            *([] if self._durable else ["--no-sync"]),
        )
        if code != 0:
            raise _failure(f"PostgreSQL could not make its data folder in {self._home}", text)
        with (scratch / "data" / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(f"\ninclude_if_exists '../{self._settings.name}'\n")
        host.rename(scratch / "data", self._data)
        host.delete_folder(scratch)

    def _launch(self) -> None:
        self._clear_foreign_pid_file()
        port = self._remembered_port()
        for pause in (0.1, 0.5, 1.0, 2.0, 4.0, None):
            if port is None or not host.port_is_free(port):
                port = host.free_port()
            self._configure(port)
            read_so_far = self._log.stat().st_size if self._log.exists() else 0
            command = ["pg_ctl", "start", "-D", str(self._data), "-l", str(self._log), "-w", "-t", f"{PATIENCE:.0f}"]
            code, text = self._run(*command)
            if code == 0:
                return
            text += self._log_from(read_so_far)
            if pause is None or not re.search(WORTH_ANOTHER_TRY, text):
                raise _failure(f"PostgreSQL did not start, see {self._log}", text)
            self._end_orphans()
            time.sleep(pause)

    def _configure(self, port: int) -> None:
        settings = SETTINGS.format(port=port, shared_memory=host.SHARED_MEMORY)
        self._settings.write_text(settings + ("" if self._durable else NOT_DURABLE), encoding="utf-8")
        # Nothing in it is secret, and the account that runs the server must be able to read it.
        self._settings.chmod(0o644)

    def _remembered_port(self) -> int | None:
        """The port of the last start, so that addresses that people wrote down stay right."""
        with contextlib.suppress(OSError, ValueError):
            for line in self._settings.read_text(encoding="utf-8").splitlines():
                if line.startswith("port = "):
                    return int(line.removeprefix("port = "))
        return None

    def _postmaster(self) -> _Postmaster | None:
        """The server process of this data folder, None if it does not live.

        The pid file alone proves nothing: after a crash it stays behind, and its number may belong to another program
        by now.
        """
        try:
            lines = (self._data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
            pid, port = int(lines[0]), int(lines[3])
            ours = self._works_here(psutil.Process(pid))
        except (OSError, ValueError, IndexError, psutil.Error):
            return None
        return _Postmaster(pid, port, lines[7].strip() if len(lines) > 7 else "starting") if ours else None

    def _works_here(self, process: psutil.Process) -> bool:
        """Whether a process is a living PostgreSQL, and this data folder is the one that it works in."""
        return (
            process.status() != psutil.STATUS_ZOMBIE
            and process.name().startswith("postgres")
            and self._data.samefile(process.cwd())
        )

    def _end_orphans(self) -> None:
        """End sessions whose server was killed. One in the middle of a long query would not notice until its end."""
        for process in psutil.process_iter():
            with contextlib.suppress(OSError, psutil.Error):
                if self._works_here(process):
                    process.kill()

    def _wait_while_changing(self) -> None:
        """Let a server that is starting, recovering or stopping come to rest."""
        deadline = time.monotonic() + PATIENCE
        while (server := self._postmaster()) and server.state != "ready":
            if time.monotonic() > deadline:
                raise StoreUnavailableError(
                    f"PostgreSQL (process {server.pid}) is {server.state} for more than a minute, see {self._log}"
                )
            time.sleep(0.05)

    def _clear_foreign_pid_file(self) -> None:
        """Remove a pid file that PostgreSQL would take for that of a living server: torn, or of a reused number."""
        pid_file = self._data / "postmaster.pid"
        try:
            in_use = psutil.pid_exists(int(pid_file.read_text(encoding="utf-8", errors="replace").splitlines()[0]))
        except FileNotFoundError:
            return
        except (ValueError, IndexError, OverflowError):
            in_use = True
        if in_use:
            pid_file.unlink()

    def _log_from(self, place: int) -> str:
        with contextlib.suppress(OSError), self._log.open("rb") as file:
            file.seek(place)
            return file.read().decode(errors="replace")
        return ""

    @cached_property
    def _programs(self) -> Path:
        """The folder of the programs, or of their copy where the server's account cannot reach them."""
        found = self._binaries.folder
        if host.may_enter(found, self._account):
            return found
        if self._binaries.provider == binaries.WHEEL:
            return binaries.copy_wheel(self._binaries, self._home)
        raise StoreUnavailableError(
            f"the account {self._account.name if self._account else ''!r} that runs PostgreSQL for root "
            f"cannot reach {found}: install PostgreSQL where every account can, or work as an ordinary user"
        )

    def _run(self, name: str, *arguments: str) -> tuple[int, str]:
        return host.run(host.program(self._programs, name), arguments, self._account)


def _default_home() -> Path:
    if home := os.environ.get("EVENTSTORE_HOME"):
        return Path(home).expanduser()
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").exists() and (checkout / "sql").is_dir():
        return checkout / ".localpg"
    return Path.home() / ".eventstore"


def _failure(what: str, text: str) -> StoreUnavailableError:
    """An error of one line, with the last complaint in what a program or the log says; the whole text is its note."""
    complaints = [line for line in text.splitlines() if re.search("error:|FATAL:|PANIC:", line)]
    error = StoreUnavailableError(": ".join([what, *complaints[-1:]]))
    error.add_note(text.strip())
    return error
