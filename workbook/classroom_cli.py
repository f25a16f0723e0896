"""`python3 -m workbook classroom create | list | remove`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

# Git ignores it. It lies in the checkout, where the commands run.
ADDRESSES = Path("classroom.csv")
LOCAL = ("127.0.0.1", "localhost", "::1")

Names = Annotated[Path, typer.Argument(metavar="NAMES.csv", help="A list with the column name; more columns are kept.")]

app = typer.Typer(
    help="One PostgreSQL for a class. EVENTSTORE_URL names the server and a role that may make roles and databases.",
    no_args_is_help=True,
)


@app.command()
def create(
    names: Names,
    out: Annotated[Path, typer.Option(metavar="FILE.csv", help="Where everybody's address goes.")] = ADDRESSES,
    host: Annotated[str | None, typer.Option(help="The name or number under which learners reach the server.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Its port, if it is another one for them.")
    ] = None,
    connections: Annotated[int | None, typer.Option(min=1, help="How many each learner may have at once.")] = None,
    new_passwords: Annotated[bool, typer.Option("--new-passwords", help="New ones for all on the list.")] = False,
) -> None:
    """Make a role and a database for each learner, and a file with their addresses. Again: only what is missing."""
    from workbook import classroom

    with _errors_in_one_line():
        made = classroom.create(
            names,
            out,
            host=host,
            port=port,
            connections=connections or classroom.CONNECTIONS,
            new_passwords=new_passwords,
        )
        places = classroom.places()
    print(f"{len(made.new)} learners made, {len(made.kept)} were there.")
    print(f"{out} has an address with a password for each. Give each learner their own line only.")
    if made.host in LOCAL:
        print(
            f"The addresses point to {made.host}, which means this machine. For others, say --host NAME, same command."
        )
    for line in made.locked_out:
        print(f"Cannot log in: {line}", file=sys.stderr)
    if places.allowed < places.needed:
        print(
            f"All learners together may need {places.needed} connections, and the server allows {places.allowed}."
            f" With docker-compose.yml, write EVENTSTORE_MAX_CONNECTIONS={places.needed} into .env, and type"
            " docker compose up -d --wait. On another server, as superuser:"
            f" ALTER SYSTEM SET max_connections = {places.needed}, and restart it. Or give each learner fewer:"
            " --connections.",
            file=sys.stderr,
        )
    if made.locked_out:
        raise typer.Exit(1)


@app.command("list")
def show() -> None:
    """Who is connected, with how many connections, and since when."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from workbook import classroom

    with _errors_in_one_line():
        learners, places = classroom.present(), classroom.places()
    if not learners:
        print("No learners on this server: type python3 -m workbook classroom create NAMES.csv")
        return
    table = Table("name", "role", "connections", "since", "last statement", box=box.SIMPLE_HEAD)
    for learner in learners:
        times = (f"{time.astimezone():%a %H:%M}" if time else "" for time in (learner.since, learner.last))
        table.add_row(escape(learner.name), learner.role, f"{learner.connections} of {learner.limit}", *times)
    Console().print(table)
    here = [learner.connections for learner in learners if learner.connections]
    print(
        f"{len(here)} of {len(learners)} learners are connected, with {sum(here)} connections;"
        f" the server allows {places.allowed}, the class may need {places.needed}."
    )


@app.command()
def remove(
    names: Names,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """End the sessions of these learners and drop their databases and roles, with all that they have stored."""
    from workbook import classroom
    from workbook.roster import read_names

    with _errors_in_one_line():
        learners = read_names(names)
        if not yes:
            typer.confirm(f"Drop all that {len(learners)} learners have stored?", abort=True)
        gone = classroom.remove(learners)
    print(f"{len(gone)} learners removed, {len(learners) - len(gone)} were not there.")


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    from eventstore.errors import EventStoreError
    from workbook.classroom import ClassroomError
    from workbook.roster import RosterError

    try:
        yield
    except (ClassroomError, EventStoreError, OSError, RosterError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
