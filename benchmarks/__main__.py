"""Speed, side by side: python -m benchmarks

Measures P1 to P9, the figures to reach, against the bare driver and against other event stores, and writes
`results.md`, `results.png` and `results.json` beside this file. A figure that is measured again takes the place of the
old one; the others stay. Needs `pip install -r benchmarks/requirements.txt`, and npm for message-db.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status

from benchmarks.figures import FIGURES, QUICK, Run, Sizes
from benchmarks.report import show, show_curve, write_curves, write_page, write_plot
from benchmarks.results import Figure, Results
from benchmarks.scale import CURVES, QUICK_REACH, Reach
from benchmarks.work import described

HERE = Path(__file__).parent
SILENCE = 30.0  # seconds between two lines in a file

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
console = Console(log_path=False)


def _number(text: str) -> int:
    try:
        return int(float(text.replace("_", "").replace(",", "")))
    except ValueError:
        raise typer.BadParameter(f"{text} is no number") from None


@app.callback(invoke_without_command=True)
def figures(
    context: typer.Context,
    only: Annotated[str, typer.Option(metavar="P1,P5", help="Only these figures.")] = "",
    quick: Annotated[
        bool, typer.Option("--quick", help="As little as possible, to see that it runs. The figures mean nothing.")
    ] = False,
    events: Annotated[
        int | None, typer.Option(parser=_number, metavar="N", help="The log of P7; 10,000,000 without it.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder for the results; without it, benchmarks/, and with --quick none.")
    ] = None,
) -> None:
    """Measure the figures to reach against the bare driver and against other event stores."""
    if context.invoked_subcommand is not None:
        return
    names = [name.strip().upper() for name in only.split(",") if name.strip()] or list(FIGURES)
    if unknown := set(names) - set(FIGURES):
        raise typer.BadParameter(f"no such figure: {', '.join(unknown)}; there are {', '.join(FIGURES)}")
    sizes = QUICK if quick else Sizes()
    if events is not None:
        sizes = replace(sizes, counted=events)
    out = _folder(out, quick)
    results = Results() if out is None else Results.load(out / "results.json")
    measured = []
    for name in (name for name in FIGURES if name in names):
        figure = _measure(name, sizes)
        measured.append(figure)
        results.figures[name] = figure
        results.figures = {name: results.figures[name] for name in FIGURES if name in results.figures}
        if out is not None:  # after each figure, so that nothing is lost if a later one ends it all
            _write(results, out)
    show(console, measured)
    if out is not None:
        console.print(f"Written: {out / 'results.md'}, {out / 'results.png'}", soft_wrap=True)
    if any(figure.problems for figure in measured):
        raise typer.Exit(1)


def _measure(name: str, sizes: Sizes) -> Figure:
    title, measure = FIGURES[name]
    figure = Figure(name, title, measured=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    start = time.monotonic()
    console.log(f"{name}: {title}")
    with console.status(name) as status:
        run = Run(figure, sizes, _sayer(status, name, start))
        try:
            measure(run)
        except Exception as error:  # the other figures are still worth measuring
            figure.problems[name] = described(error)
    figure.seconds = time.monotonic() - start
    for who, problem in figure.absent.items():
        console.log(f"{name}: {who}: {problem}", markup=False)
    console.log(f"{name}: done in {figure.seconds:.0f} s")
    return figure


@app.command("scale")
def measure_scale(
    only: Annotated[str, typer.Option(metavar="writers,log", help="Only these: writers, batches, streams, log.")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="As little as possible, to see that it runs.")] = False,
    events: Annotated[
        int | None, typer.Option(parser=_number, metavar="N", help="The longest log; 10,000,000 without it.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="After so many, no longer log is begun.")] = Reach.minutes,
    out: Annotated[
        Path | None, typer.Option(help="The folder for the results; without it, benchmarks/, and with --quick none.")
    ] = None,
) -> None:
    """Measure how the cost grows: with the log, the writers, the batch and the stream."""
    names = [name.strip() for name in only.split(",") if name.strip()] or list(CURVES)
    if unknown := set(names) - set(CURVES):
        raise typer.BadParameter(f"no such curve: {', '.join(unknown)}; there are {', '.join(CURVES)}")
    reach = replace(QUICK_REACH if quick else Reach(), minutes=minutes)
    if events is not None:
        reach = replace(reach, logs=(*(size for size in reach.logs if size < events), events))
    out = _folder(out, quick)
    results = Results() if out is None else Results.load(out / "results.json")
    failed = False
    for name in (name for name in CURVES if name in names):
        when, start = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", time.monotonic()
        console.log(f"scale: {name}")
        try:
            with console.status(name) as status:
                curves = CURVES[name](reach, _sayer(status, name, start))
        except Exception as error:  # the other curves are still worth measuring
            console.log(f"scale: {name}: {described(error)}", markup=False)
            failed = True
            continue
        for curve in curves:
            curve.measured, curve.seconds = when, time.monotonic() - start
            results.curves[curve.name] = curve
            show_curve(console, curve)
        if out is not None:
            _write(results, out)
    if failed:
        raise typer.Exit(1)


def _folder(out: Path | None, quick: bool) -> Path | None:
    if out is None and not quick:
        out = HERE
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    return out


def _sayer(status: Status, name: str, start: float) -> Callable[[str], object]:
    """Shows what is being done: at once on a terminal, now and then in a file."""
    told = start

    def say(text: str) -> None:
        nonlocal told
        status.update(f"{name}: {text}, {time.monotonic() - start:.0f} s")
        if not console.is_terminal and time.monotonic() - told > SILENCE:
            told = time.monotonic()
            console.log(f"{name}: {text}")

    return say


def _write(results: Results, out: Path) -> None:
    results.save(out / "results.json")
    write_page(results, out / "results.md")
    write_plot(results, out / "results.png")
    if results.curves:
        write_curves(results, out / "scale.png")


if __name__ == "__main__":
    app(prog_name="python -m benchmarks")
