"""A read model built anew: `python -m poker rebuild NAME`."""

from __future__ import annotations

from typing import Annotated

import typer

from eventstore import connect, rebuild
from poker.cli.common import Schema, Url, out, plain_errors
from poker.projections import PROJECTIONS


def rebuild_command(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(PROJECTIONS)}.", show_default=False)],
    url: Url = None,
    schema: Schema = "public",
) -> None:
    """Build a read model anew from the start of the log, while the old one serves.

    `python -m eventstore subscriptions` shows how far it is. Whoever keeps the
    read model, as `python -m poker follow` does, may go on meanwhile.
    """
    if name not in PROJECTIONS:
        raise typer.BadParameter(f"{name!r} is no read model: use one of {', '.join(PROJECTIONS)}")
    with plain_errors("stopped: the old one stays"), connect(url, schema=schema) as store:
        position = rebuild(store, PROJECTIONS[name])
    out.print(f"{name} is built anew, up to event {position:,}")
