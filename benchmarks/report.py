"""The results as a table in the terminal, as a page, and as a plot."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.results import Figure, Goal, Results, Timing

HEAD = """# Figures

Made by `python -m benchmarks`; do not edit. Each figure was measured on a fresh PostgreSQL of its own, where all
contenders took turns, in an order that was drawn anew for each round. So a ratio says more than a time. "Reached" is
the median over pairs of calls of the same round; "between" is where the medians of ten parts of the run lie. No value
is rounded to the better side.

All contenders begin with the same payload, a dict of six values, and end with what they give back: for reads that is
objects, or tuples, with decoded JSON. Those that are called ready are handed what they need before the clock starts.
Durability is the same for all: each call is committed and flushed.
"""


def _bounds(goal: Goal) -> str:
    if goal.low is None or goal.high is None or goal.low == goal.high:
        return ""
    return f"{goal.low:.3g} to {goal.high:.3g}"


def _milliseconds(seconds: float) -> str:
    value = seconds * 1e3
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def _rate(timing: Timing) -> str:
    return f"{timing.rate:,.0f}" if timing.rate >= 10 else f"{timing.rate:.2g}"


def show(console: Console, figures: Iterable[Figure]) -> None:
    """Print the figures: goals first, then who took how long."""
    goals = Table(title="Figures to reach", title_justify="left")
    for name in ("figure", "to reach", "reached", "between", ""):
        goals.add_column(name, overflow="fold")
    timings = Table(title="Time of one call in milliseconds", title_justify="left")
    timings.add_column("figure")
    timings.add_column("contender", overflow="fold")
    for name in ("calls", "p50", "p95", "p99", "events/s"):
        timings.add_column(name, justify="right")
    for figure in figures:
        for goal in figure.goals:
            colour = {True: "green", False: "red", None: "yellow"}[goal.met]
            verdict = f"[{colour}]{goal.verdict}[/]"
            goals.add_row(figure.name, goal.text, goal.show(goal.reached), _bounds(goal) or goal.note, verdict)
        for timing in figure.timings:
            cells = [_milliseconds(each) for each in (timing.p50, timing.p95, timing.p99)]
            timings.add_row(figure.name, timing.name, f"{timing.calls:,}", *cells, _rate(timing))
        for table in (goals, timings):
            table.add_section()
    console.print(timings)
    console.print(goals)
    for figure in figures:
        for text in [*figure.notes, *(f"{name}: {problem}" for name, problem in figure.absent.items())]:
            console.print(f"{figure.name}: {text}", highlight=False, markup=False)


def write_page(results: Results, path: Path) -> None:
    """The page with all that is known."""
    parts = [HEAD, *_machine(results), "## Reached?\n", *_summary(results)]
    for figure in results.figures.values():
        parts += [f"## {figure.name}: {figure.title}\n", figure.work + "\n", *_timings(figure), *_goals([figure])]
        for text in figure.notes:
            parts.append(f"- {text}")
        for name, problem in figure.absent.items():
            parts.append(f"- Not measured: {name}: {problem}")
        parts.append(f"\nMeasured {figure.measured}, in {figure.seconds:.0f} s.{_other_machine(figure, results)}\n")
    path.write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")


def _machine(results: Results) -> list[str]:
    latest = _latest(results)
    if latest is None:
        return []
    return [f"- {name}: {text}" for name, text in latest.machine.items()] + [f"- date: {latest.measured}\n"]


def _latest(results: Results) -> Figure | None:
    """The figure that was measured last; P9 alone has no server to tell of."""
    return max(results.figures.values(), key=lambda figure: ("server" in figure.machine, figure.measured), default=None)


def _other_machine(figure: Figure, results: Results) -> str:
    latest = _latest(results)
    differ = [text for name, text in figure.machine.items() if latest and latest.machine.get(name) != text]
    return f" There and then: {'; '.join(differ)}." if differ else ""


def _summary(results: Results) -> list[str]:
    return _goals(results.figures.values())


def _goals(figures: Iterable[Figure]) -> list[str]:
    lines = ["| figure | to reach | reached | between | reached? |", "|---|---|---|---|---|"]
    for figure in figures:
        for goal in figure.goals:
            between = _bounds(goal) or goal.note
            lines.append(
                f"| {figure.name} | {goal.text} | {goal.show(goal.reached)} | {between} | **{goal.verdict}** |"
            )
    return [*lines, ""]


def _timings(figure: Figure) -> list[str]:
    if not figure.timings:
        return []
    lines = ["| contender | calls | p50, ms | p95, ms | p99, ms | events a second |", "|---|---|---|---|---|---|"]
    for timing in figure.timings:
        cells = " | ".join(_milliseconds(each) for each in (timing.p50, timing.p95, timing.p99))
        lines.append(f"| {timing.name} | {timing.calls:,} | {cells} | {_rate(timing)} |")
    return [*lines, ""]


def write_plot(results: Results, path: Path) -> None:
    """One panel for each figure: the events a second of each contender, by the median call."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [figure for figure in results.figures.values() if figure.timings]
    latest = _latest(results)
    if not shown or latest is None:
        return
    heights = [len(figure.timings) + 2 for figure in shown]
    canvas, panels = pyplot.subplots(
        len(shown),
        1,
        figsize=(10, 0.32 * sum(heights) + 1.5),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    for figure, panel in zip(shown, panels[:, 0], strict=True):
        names = [timing.name for timing in figure.timings]
        rates = [timing.rate for timing in figure.timings]
        colours = ["#b3541e" if "eventstore" in name else "#7d8ca3" for name in names]
        bars = panel.barh(names, rates, color=colours)
        panel.bar_label(bars, labels=[_rate(timing) for timing in figure.timings], padding=3, fontsize=8)
        panel.invert_yaxis()
        panel.margins(x=0.15)
        panel.set_title(f"{figure.name}: {figure.title}", loc="left", fontsize=10)
        panel.set_xlabel("events a second", fontsize=8)
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    caption = "\n".join([*(text for name, text in latest.machine.items() if name != "load"), latest.measured])
    canvas.supxlabel(caption, fontsize=6, wrap=True)
    canvas.savefig(path, dpi=110)
    pyplot.close(canvas)
