"""One page with figures and tables: `python -m poker report`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

from eventstore import connect
from eventstore.embedded import host
from poker.cli.common import Schema, Url, err, out, plain_errors

SUFFIXES = (".html", ".htm")


def report_command(
    page: Annotated[Path, typer.Argument(metavar="OUT.html", help="The page; one that is there is replaced.")],
    title: Annotated[str, typer.Option(help="What stands above.")] = "Poker hands",
    url: Url = None,
    schema: Schema = "public",
) -> None:
    """Write one page about the hands in the store: figures, tables, warnings.

    The page is one file that needs no network. Open it in any browser, or send
    it to somebody. The same hands in the same store give the same page.
    """
    if page.suffix.lower() not in SUFFIXES:
        raise typer.BadParameter(f"{page} is no page: write a name that ends in {' or '.join(SUFFIXES)}")
    if not page.parent.is_dir():
        err.print(f"error: {page.parent} is no folder: make it, or write the page elsewhere")
        raise typer.Exit(2)
    # Loading pandas and matplotlib takes a while, which the other commands should not wait for.
    from poker.plots import NothingToPlot
    from poker.report import report

    with plain_errors("stopped: nothing was written"):
        try:
            with connect(url, schema=schema) as store, err.status("drawing"):
                html = report(store, title)
        except NothingToPlot as error:
            err.print(f"error: {error}")
            raise typer.Exit(2) from None
        size = _write(page, html)
    out.print(f"{page}: {decimal(size)}")


def _write(page: Path, html: str) -> int:
    """Write the page beside its place first, so that nobody ever opens half of it. Returns its size in bytes."""
    part = page.with_name(f".{page.name}.{os.getpid()}.part")
    try:
        part.write_bytes(html.encode(errors="replace"))  # a title may hold anything
        host.rename(part, page)
    finally:
        part.unlink(missing_ok=True)
    return page.stat().st_size
