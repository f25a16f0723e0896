"""What several commands for events share: their options, the store that has to be there, and the way to print."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import chain
from typing import Annotated

import typer

from eventstore import database
from eventstore.cli.printing import EventTable, parse_moment, print_json
from eventstore.errors import InvalidEventError, SchemaError
from eventstore.events import DomainEvent
from eventstore.postgres import PostgresEventStore, connect

INSTALLED = "SELECT to_regclass('eventstore_schema') IS NOT NULL"


def _moment(text: str) -> datetime:
    try:
        return parse_moment(repr(text), text)
    except InvalidEventError as error:
        raise typer.BadParameter(str(error)) from None


Schema = Annotated[str, typer.Option("--schema", help="The schema of the store; it has to be there.")]
AsJson = Annotated[bool, typer.Option("--json", help="One line of JSON for each, whole and in UTC.")]
Types = Annotated[
    list[str] | None, typer.Option("--type", metavar="T", help="Only events of this type; may be repeated.")
]
MOMENT = {"parser": _moment, "metavar": "TIME"}


@contextmanager
def installed(schema: str) -> Iterator[PostgresEventStore]:
    """The store of a schema, for a command that only reads: a slip in the name must not make a new one.

    The server is found once, and started if it is the private one. Whoever stops it later has a reason.

    Raises:
        SchemaError: there is no event store in this schema.
    """
    url = database.server_url()
    with closing(database.open_connection(url, schema)) as connection, database.in_our_words(connection):
        there = connection.execute(INSTALLED).fetchone() == (True,)
    if not there:
        raise SchemaError(
            f"the event store is not installed in schema {schema!r}: name another one with --schema,"
            " make it with a first append, or grant USAGE on it to this role"
        )
    with connect(url, schema=schema) as store:
        yield store


def printer(as_json: bool) -> Callable[[Iterable[DomainEvent]], None]:
    """What prints events, again and again, in one of the two forms."""
    return print_json if as_json else EventTable().print


def show(events: Iterable[DomainEvent], as_json: bool) -> None:
    """Print an answer. To a person, nothing at all would look like a mistake of theirs."""
    rest = iter(events)
    first = next(rest, None)
    if first is not None:
        printer(as_json)(chain([first], rest))
    elif sys.stdout.isatty():
        print("no events", file=sys.stderr)
