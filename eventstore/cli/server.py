"""The commands for the private server: start it, stop it, look into it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import Annotated

import typer
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from eventstore.database import open_connection, server_url
from eventstore.embedded import Cluster
from eventstore.errors import StoreUnavailableError


def up() -> None:
    """Start the private PostgreSQL, unless it runs already."""
    _warn_of_other_server()
    cluster = Cluster()
    cluster.start()
    status = cluster.status()
    print(f"PostgreSQL {status.version} runs on 127.0.0.1, port {status.port}.")


def down() -> None:
    """Stop the private PostgreSQL. Its data stay."""
    _warn_of_other_server()
    print("PostgreSQL is stopped." if Cluster().stop() else "PostgreSQL was not running.")


def status() -> None:
    """Say whether the server runs, and where it keeps what. The exit code is 1 if the private one does not run."""
    if server := os.environ.get("EVENTSTORE_URL"):
        with open_connection(server, "public") as connection:
            info = connection.info
            _print_table(
                server="named by EVENTSTORE_URL",
                running="yes",
                version=info.parameter_status("server_version"),
                address=f"{info.host}, port {info.port}, database {info.dbname}, user {info.user}",
            )
        return
    private = Cluster().status()
    _print_table(
        server="private to this folder",
        running="yes" if private.running else "no, start it with: python -m eventstore up",
        version=f"{private.version}, from {private.provider}",
        address=f"127.0.0.1, port {private.port}, database postgres, user postgres" if private.running else "none",
        data=private.data,
        log=private.log,
    )
    if not private.running:
        raise typer.Exit(1)


def psql(arguments: Annotated[list[str] | None, typer.Argument(help="Passed on to psql.")] = None) -> None:
    """Open psql on the server. Example: python -m eventstore psql -c "select 1" """
    # The private server brings a psql of its own release; for another server, that of the system is the better guess.
    if os.environ.get("EVENTSTORE_URL"):
        client = shutil.which("psql") or Cluster().psql()
    else:
        client = Cluster().psql() or shutil.which("psql")
    if client is None:
        raise StoreUnavailableError(
            "the program psql is not on this machine: install it (on Debian and Ubuntu 'sudo apt install "
            "postgresql-client'), or give the address that 'python -m eventstore url' prints to another tool"
        )
    server = server_url()
    open_connection(server, "public").close()  # what is wrong with the address is told here, without the password
    address = conninfo_to_dict(server)
    # Everybody on the machine may list the arguments of a process, but not its environment.
    password = {"PGPASSWORD": str(address.pop("password"))} if "password" in address else {}
    command = [client, f"--dbname={make_conninfo('', **address)}", *(arguments or [])]
    process = subprocess.Popen(command, env=os.environ | password)
    # Ctrl-C is for psql alone, where it ends a query.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    code = process.wait()
    # A process that a signal ended has a negative code here, and 128 + signal in every shell.
    raise typer.Exit(code if code >= 0 else 128 - code)


def url() -> None:
    """Print the URL of the server for other tools. It holds the password. The private server is started if need be."""
    print(server_url())


def _warn_of_other_server() -> None:
    if os.environ.get("EVENTSTORE_URL"):
        print(
            "note: EVENTSTORE_URL names another server, which the event store uses; this command manages only the "
            "private one",
            file=sys.stderr,
        )


def _print_table(**rows: object) -> None:
    for name, value in rows.items():
        print(f"{name:<8} {value}")
