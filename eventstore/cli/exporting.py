"""The command that writes the log to files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from eventstore.cli.common import MOMENT, Schema, Types, installed
from eventstore.events import EventQueryFilter
from eventstore.exporting import export as export_events


def export(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to make.", show_default=False)],
    format: Annotated[Literal["parquet", "csv", "jsonl"], typer.Option(help="What to write.")] = "parquet",
    types: Types = None,
    from_timestamp: Annotated[datetime | None, typer.Option("--from", **MOMENT, help="Only from this time on.")] = None,
    to_timestamp: Annotated[datetime | None, typer.Option("--to", **MOMENT, help="Only up to this time.")] = None,
    schema: Schema = "public",
) -> None:
    """Write the events to files, one for each day: OUT/day=2030-01-31/events.parquet.

    All are read as of one moment, and OUT is there whole or not at all. The
    log may be larger than the memory. The day is that of event_timestamp in
    UTC. jsonl is what append --file reads.

    python -m eventstore export hands
    python -m eventstore export won --format csv --type game.won
    """
    wanted = EventQueryFilter(event_type=types or None, from_timestamp=from_timestamp, to_timestamp=to_timestamp)
    with installed(schema) as store, _progress_bar() as bar:
        # How many a filter leaves is not known before.
        total = store.get_event_count() if wanted == EventQueryFilter() else None
        task = bar.add_task("export", total=total, rate=0.0)

        def advance(events: int) -> None:
            bar.advance(task, events)
            bar.update(task, rate=bar.tasks[task].completed / (bar.tasks[task].elapsed or 1))

        written = export_events(store, out, format, filter=wanted, advance=advance)
    days = sum(1 for _ in out.iterdir())
    print(f"{written:,} events of {days:,} {'day' if days == 1 else 'days'} are in {out}")


def _progress_bar() -> Progress:
    columns = (
        TextColumn("{task.completed:,} events, {task.fields[rate]:,.0f} a second"),
        BarColumn(),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
