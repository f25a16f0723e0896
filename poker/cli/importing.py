"""Recorded hands into the store: `python -m poker import FOLDER_OR_FILE`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

import poker
from eventstore import connect
from poker.cli.common import Schema, Url, err, out, plain_errors
from poker.phh import find_files


def import_command(
    path: Annotated[
        Path, typer.Argument(metavar="FOLDER_OR_FILE", help="Where the .phh and .phhs files are.", show_default=False)
    ],
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where a hand was refused.")] = False,
    url: Url = None,
    schema: Schema = "public",
) -> None:
    """Write recorded hands into the store. Hands that are there already are left alone."""
    with plain_errors("stopped: what was written stays, and the same command goes on from there"):
        size = sum(file.stat().st_size for file in find_files(path))
        with connect(url, schema=schema) as store, _progress_bar() as bar:
            task = bar.add_task("import", total=size, hands=0)

            def advance(read: int) -> None:
                bar.update(task, advance=read, hands=bar.tasks[task].fields["hands"] + 1)

            summary = poker.import_hands(store, path, advance)
    _print_summary(summary)
    if strict and summary.refused:
        raise typer.Exit(1)


def _progress_bar() -> Progress:
    columns = (
        TextColumn("{task.fields[hands]:,} hands"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def _print_summary(summary: poker.Summary) -> None:
    for refusal in summary.refused:
        out.print(f"refused: {refusal}")
    out.print(
        f"{summary.seen:,} hands seen: {summary.added:,} added ({summary.events_added:,} events),"
        f" {summary.already_there:,} already there, {len(summary.refused):,} refused"
    )
