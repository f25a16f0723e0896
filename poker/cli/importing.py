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
from poker.quarantine import printable

# The rest is in the quarantine, where nothing is lost.
LISTED_REFUSALS = 20


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
            task = bar.add_task("import", total=size, hands=0, rate=0.0)

            def advance(read: int) -> None:
                hands = bar.tasks[task].fields["hands"] + 1
                bar.update(task, advance=read, hands=hands, rate=hands / (bar.tasks[task].elapsed or 1))

            summary = poker.import_hands(store, path, advance)
    _print_summary(summary)
    if strict and summary.refused_count:
        raise typer.Exit(1)


def _progress_bar() -> Progress:
    columns = (
        TextColumn("{task.fields[hands]:,} hands, {task.fields[rate]:,.0f} a second"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def _print_summary(summary: poker.Summary) -> None:
    for refusal in summary.refused[:LISTED_REFUSALS]:
        out.print(f"refused: {printable(str(refusal))}")
    if summary.refused_count > LISTED_REFUSALS:
        out.print(f"and {summary.refused_count - LISTED_REFUSALS:,} more: python -m poker quarantine")
    out.print(
        f"{summary.seen:,} hands seen: {summary.added:,} added ({summary.events_added:,} events),"
        f" {summary.already_there:,} already there, {summary.refused_count:,} refused"
    )
    if summary.other_mapping:
        out.print(
            f"{summary.other_mapping:,} hands were left alone, because another version of this package has written"
            " their events. They stay as they are, without what this version tells beside (since version 3, the rake):"
            " to have them in the new form, import into a schema of its own with --schema NAME"
        )
