"""Print the real code in a lesson. A lesson never retypes it, so it cannot tell of code that is no longer there."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Callable
from typing import Any

from eventstore.database import SqlFile, sql_files


def show(thing: str | type | Callable[..., Any]) -> None:
    """Print the source of a class, a function, a method or a constant, as it stands in its file.

    Args:
        thing: e.g. `eventstore.PostgresEventStore.append`; or, for what a package does not offer to everybody, its
            place as text: `"eventstore.appending.APPEND_ONE"`.

    Raises:
        LookupError: there is no such place.
        TypeError: the thing has no source, e.g. because it is a value or a part of Python.
    """
    source = _source_at(thing) if isinstance(thing, str) else inspect.getsource(thing)
    print(textwrap.dedent(source).rstrip())


def _source_at(place: str) -> str:
    module, _, name = place.rpartition(".")
    try:
        found = pkgutil.resolve_name(place)
    except (ImportError, AttributeError, ValueError) as error:
        raise LookupError(f"there is no {place}: {error}") from None
    if not isinstance(found, str):
        return inspect.getsource(found)
    # A text does not know where it was written, so it is looked up in its module by its name.
    text = inspect.getsource(importlib.import_module(module))
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and [ast.unparse(target) for target in statement.targets] == [name]:
            return ast.get_source_segment(text, statement) or ""
    raise LookupError(f"{place} is not written in {module} itself")


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
