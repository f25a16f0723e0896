"""The results as a table in the terminal, as a page, and as a plot."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from rich.console import Console
from rich.table import Table

from benchmarks.results import Curve, Figure, Goal, Results, Timing

REASONS = Path(__file__).parent / "reasons.md"

HEAD = """# Figures

Made by `python -m benchmarks`; do not edit. Each figure was measured on a fresh PostgreSQL of its own, where all
contenders took turns, in an order that was drawn anew for each round. So a ratio says more than a time. "Reached" is
the median over pairs of calls of the same round; "between" is where the medians of ten parts of the run lie. No value
is rounded to the better side.

All contenders begin with the same payload, a dict of six values, and end with what they give back: for reads that is
objects, or tuples, with decoded JSON. Those that say "ready" or "made before" are handed that before the clock
starts.
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


def show_curve(console: Console, curve: Curve) -> None:
    """Print a curve as a table."""
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in _curve(curve) if line)
    table = Table(*head, title=f"{curve.title}, {curve.unit}", title_justify="left")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print(curve.note, highlight=False, markup=False)


def write_page(results: Results, path: Path) -> None:
    """The page with all that is known."""
    parts = [HEAD, *_machine(results), "## Reached?\n", *_summary(results)]
    for figure in results.figures.values():
        parts += [f"## {figure.name}: {figure.title}\n", figure.work + "\n", *_timings(figure), *_goals([figure])]
        if any(goal.met is False for goal in figure.goals):
            parts.append(f"Why not: {_reasons().get(figure.name, 'not known yet.')}\n")
        for text in figure.notes:
            parts.append(f"- {text}")
        for name, problem in figure.absent.items():
            parts.append(f"- Not measured: {name}: {problem}")
        parts.append(f"\nMeasured {figure.measured}, in {figure.seconds:.0f} s.{_other_machine(figure, results)}\n")
    if results.curves:
        parts += ["## How the cost grows\n", "![The curves](scale.png)\n"]
    for curve in results.curves.values():
        parts += [f"### {curve.title}, {curve.unit}\n", *_curve(curve), *([curve.note + "\n"] if curve.note else [])]
        parts.append(f"Measured {curve.measured}, in {curve.seconds:.0f} s.{_other_machine(curve, results)}\n")
    path.write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")


def _reasons() -> dict[str, str]:
    """What profiling has shown of figures that were not reached: the sections of `reasons.md`, written by hand."""
    if not REASONS.exists():
        return {}
    sections = REASONS.read_text(encoding="utf-8").split("\n## ")[1:]
    return {name: text.strip() for name, _, text in (section.partition("\n") for section in sections)}


def _curve(curve: Curve) -> list[str]:
    """A row for each place on the axis; at the end, by how much all of it grew."""
    places = sorted({at for points in curve.lines.values() for at, _ in points})
    lines = [f"| {curve.grows} | {' | '.join(curve.lines)} |", "|---" * (len(curve.lines) + 1) + "|"]
    for place in places:
        values = [next((value for at, value in points if at == place), None) for points in curve.lines.values()]
        lines.append(f"| {place:,.0f} | {' | '.join('-' if value is None else _short(value) for value in values)} |")
    grown = [points[-1][1] / points[0][1] for points in curve.lines.values()]
    lines.append(f"| x {places[-1] / places[0]:,.0f} | {' | '.join(f'x {_short(each)}' for each in grown)} |")
    return [*lines, ""]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _machine(results: Results) -> list[str]:
    latest = _latest(results)
    if latest is None:
        return []
    return [f"- {name}: {text}" for name, text in latest.machine.items()] + [f"- date: {latest.measured}\n"]


def _latest(results: Results) -> Figure | Curve | None:
    """What was measured last; P9 alone has no server to tell of."""
    everything: list[Figure | Curve] = [*results.figures.values(), *results.curves.values()]
    return max(everything, key=lambda each: ("server" in each.machine, each.measured), default=None)


def _other_machine(figure: Figure | Curve, results: Results) -> str:
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
    pyplot = _pyplot()
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
        panel.xaxis.set_major_formatter("{x:,.0f}")
        panel.set_title(f"{figure.name}: {figure.title}", loc="left", fontsize=10)
        panel.set_xlabel("events a second", fontsize=8)
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    canvas.supxlabel(_caption(latest), fontsize=6, wrap=True)
    canvas.savefig(path, dpi=110)
    pyplot.close(canvas)


def write_curves(results: Results, path: Path) -> None:
    """One panel for each curve, with logarithmic axes."""
    pyplot = _pyplot()
    latest = max(results.curves.values(), key=lambda curve: curve.measured)
    rows = -(-len(results.curves) // 2)
    canvas, panels = pyplot.subplots(rows, 2, figsize=(12, 4 * rows + 0.8), squeeze=False, layout="constrained")
    for panel in panels.flat[len(results.curves) :]:
        panel.set_visible(False)
    for curve, panel in zip(results.curves.values(), panels.flat, strict=False):
        for name, points in curve.lines.items():
            panel.loglog(*zip(*points, strict=True), marker="o", markersize=4, label=name)
        panel.set_title(curve.title, loc="left", fontsize=10, y=1.0)
        panel.set_xlabel(curve.grows, fontsize=8)
        panel.set_ylabel(curve.unit, fontsize=8)
        panel.tick_params(labelsize=8)
        panel.grid(alpha=0.3)
        # Some of these axes span less than from one power of ten to the next.
        panel.yaxis.set_major_locator(pyplot.LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_minor_locator(pyplot.NullLocator())
        panel.xaxis.set_major_formatter("{x:,.0f}")
        panel.yaxis.set_major_formatter("{x:,g}")
        panel.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.06), ncols=2, frameon=False)
        panel.spines[["top", "right"]].set_visible(False)
    canvas.supxlabel(_caption(latest), fontsize=6, wrap=True)
    canvas.savefig(path, dpi=110)
    pyplot.close(canvas)


def _caption(latest: Figure | Curve) -> str:
    return "\n".join([*(text for name, text in latest.machine.items() if name != "load"), latest.measured])


def _pyplot() -> ModuleType:
    import matplotlib

    matplotlib.use("Agg")  # no window is needed, and there may be none to be had
    from matplotlib import pyplot

    return pyplot
