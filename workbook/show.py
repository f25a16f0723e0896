"""Print the real code in a lesson. A lesson never retypes it, so it cannot tell of code that is no longer there."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from eventstore.database import SqlFile, sql_files


def show(thing: type | Callable[..., Any]) -> None:
    """Print the source of a class, a function or a method, as it stands in its file.

    Args:
        thing: e.g. `eventstore.PostgresEventStore.append`.

    Raises:
        TypeError: the thing has no source, e.g. because it is a value or a part of Python.
    """
    print(textwrap.dedent(inspect.getsource(thing)).rstrip())


def show_sql(name: str | int) -> None:
    """Print one file of `sql/`.

    Args:
        name: its name without suffix, `"010_domain_events"`, or its number, `10`.

    Raises:
        LookupError: there is no such file; the error lists those that exist.
    """
    print(sql_file(name).text.rstrip())


def sql_file(name: str | int) -> SqlFile:
    """One file of `sql/` by its name or number. Raises LookupError, see `show_sql`."""
    wanted = str(name).removesuffix(".sql")
    for file in sql_files():
        if wanted == file.name or (wanted.isdigit() and int(wanted) == int(file.name[:3])):
            return file
    raise LookupError(f"sql/ has no {wanted!r}: choose one of {', '.join(file.name for file in sql_files())}")
