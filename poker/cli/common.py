"""What the commands share: where the store is, how to print, and how to say that something went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from eventstore import EventStoreError

out = Console(soft_wrap=True, highlight=False, markup=False)
err = Console(soft_wrap=True, highlight=False, markup=False, stderr=True)

Url = Annotated[
    str | None,
    typer.Option(help="The PostgreSQL server; else EVENTSTORE_URL, else a private server.", show_default=False),
]
Schema = Annotated[str, typer.Option(help="The schema that holds the event store.")]


@contextmanager
def plain_errors(stopped: str = "stopped") -> Iterator[None]:
    """What a person can mend is said in one line, without a traceback.

    Args:
        stopped: what to say after Ctrl-C.
    """
    try:
        yield
    except (EventStoreError, OSError) as error:
        err.print(f"error: {error}")
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        err.print(stopped)
        raise typer.Exit(130) from None
