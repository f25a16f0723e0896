"""The commands: `python -m poker import FOLDER_OR_FILE` and `python -m poker pots`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

import poker
from eventstore import EventStoreError, connect
from poker.phh import find_files

app = typer.Typer(
    help="Poker hands into an event store, and pots out of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they would show the password of a URL
)
FIGURE_SUFFIXES = (".png", ".svg", ".pdf")

out = Console(soft_wrap=True, highlight=False, markup=False)
err = Console(soft_wrap=True, highlight=False, markup=False, stderr=True)

Url = Annotated[
    str | None,
    typer.Option(help="The PostgreSQL server; else EVENTSTORE_URL, else a private server.", show_default=False),
]
Schema = Annotated[str, typer.Option(help="The schema that holds the event store.")]


@app.command("import")
def import_command(
    path: Annotated[
        Path, typer.Argument(metavar="FOLDER_OR_FILE", help="Where the .phh and .phhs files are.", show_default=False)
    ],
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where a hand was refused.")] = False,
    url: Url = None,
    schema: Schema = "public",
) -> None:
    """Write recorded hands into the store. Hands that are there already are left alone."""
    with _plain_errors():
        size = sum(file.stat().st_size for file in find_files(path))
        with connect(url, schema=schema) as store, _progress_bar() as bar:
            task = bar.add_task("import", total=size, hands=0)

            def advance(read: int) -> None:
                bar.update(task, advance=read, hands=bar.tasks[task].fields["hands"] + 1)

            summary = poker.import_hands(store, path, advance)
    _print_summary(summary)
    if strict and summary.refused:
        raise typer.Exit(1)


@app.command("pots")
def pots_command(
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw the distribution of pots.", show_default=False)
    ] = None,
    url: Url = None,
    schema: Schema = "public",
) -> None:
    """Print how big the pots are: before rake, without the uncalled bet."""
    if plot is not None and plot.suffix.lower() not in FIGURE_SUFFIXES:
        raise typer.BadParameter(f"{plot} is no picture: write a name that ends in {' or '.join(FIGURE_SUFFIXES)}")
    with _plain_errors():
        with connect(url, schema=schema) as store:
            frame = poker.pots(store)
        if frame.empty:
            out.print("There are no hands in this store yet. Bring some in: python -m poker import FOLDER")
            return
        for row in poker.pot_summary(frame).itertuples():
            _print_pots(row)
        if plot is not None:
            # Loading matplotlib takes a while, which nobody else should wait for.
            from poker.plots import plot_pots

            plot_pots(frame).savefig(plot)
            out.print(f"The distribution of pots is drawn in {plot}")


@contextmanager
def _plain_errors() -> Iterator[None]:
    """What a person can mend is said in one line, without a traceback."""
    try:
        yield
    except (EventStoreError, OSError) as error:
        err.print(f"error: {error}")
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        err.print("stopped: what was written stays, and the same command goes on from there")
        raise typer.Exit(130) from None


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


def _print_pots(row: Any) -> None:
    names = [row.collection, row.currency or "chips", f"{row.chip_unit} units per chip" if row.chip_unit > 1 else ""]
    out.print(", ".join(name for name in names if name))
    out.print(f"  hands    {row.hands:>14,}")
    for name in ("sum", "mean", "median", "p90", "p99", "largest"):
        out.print(f"  {name:8} {_chips(getattr(row, name)):>14}")
    out.print(f"  median   {row.median_bb:>14,.1f} big blinds")


def _chips(amount: float) -> str:
    return f"{amount:,.2f}".removesuffix(".00")


if __name__ == "__main__":
    app(prog_name="python -m poker")
