"""`python -m benchmarks`: it runs, it says what it could not measure, and it rounds nothing to the better side."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.results import Figure, Goal, Results
from benchmarks.work import in_turns, ratio

CHECKOUT = Path(__file__).parents[2]


def test_the_command_measures_and_writes_what_it_found(tmp_path: Path) -> None:
    if find_spec("eventsourcing") is None:
        pytest.skip("the other event stores are not installed: pip install -r benchmarks/requirements.txt")
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "p5,P1", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, encoding="utf-8", timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    found = Results.load(tmp_path / "results.json")
    assert list(found.figures) == ["P1", "P5"]
    for figure in found.figures.values():
        assert not figure.problems
        assert all(goal.reached is not None for goal in figure.goals)
        names = {timing.name for timing in figure.timings} | set(figure.missing)
        assert {"eventstore", "bare driver, same objects", "eventsourcing", "message-db", "eventsource-py"} <= names
        assert "fsync on" in figure.machine["server"]
    page = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "## P5: read one stream" in page
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")


def test_the_curves_are_measured_and_drawn(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if not request.config.getoption("--long"):
        pytest.skip("takes a quarter of a minute: with --long")
    command = [sys.executable, "-m", "benchmarks", "scale", "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, encoding="utf-8", timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    curves = Results.load(tmp_path / "results.json").curves
    assert list(curves) == ["writers", "batches", "stream", "append", "read", "statistics"]
    for curve in curves.values():
        assert {at for points in curve.lines.values() for at, _ in points} in (
            {1, 2},
            {1, 10},
            {10, 100},
            {1_000, 3_000},
        )
    assert "| x 10 |" in (tmp_path / "results.md").read_text(encoding="utf-8")
    assert (tmp_path / "scale.png").read_bytes().startswith(b"\x89PNG")


def test_an_unknown_figure_is_refused() -> None:
    command = [sys.executable, "-m", "benchmarks", "--only", "P1,P99"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, encoding="utf-8", timeout=60)
    assert done.returncode == 2
    assert "P99" in done.stderr


@pytest.mark.parametrize(
    ("goal", "shown", "verdict"),
    [
        (Goal("", 0.88, 0.8799), "0.87 x", "no"),
        (Goal("", 0.88, 0.88), "0.88 x", "yes"),
        (Goal("", 50, 49.99), "49.9 x", "no"),
        (Goal("", 100, 99.999), "99.9 x", "no"),
        (Goal("", 5, 5.001, at_most=True, unit="%"), "5.01 %", "no"),
        (Goal("", 4, 3.2, at_most=True, unit="min"), "3.20 min", "yes"),
        (Goal("", 2, note="npm is not installed"), "-", "not measured"),
    ],
)
def test_no_figure_is_rounded_to_the_better_side(goal: Goal, shown: str, verdict: str) -> None:
    assert (goal.show(goal.reached), goal.verdict) == (shown, verdict)


def test_a_contender_that_fails_leaves_the_others_in_the_race() -> None:
    def broken() -> None:
        raise ValueError("no table")

    times, problems = in_turns({"one": lambda: lambda: None, "broken": lambda: broken, "two": lambda: list}, 5)
    assert {name: len(each) for name, each in times.items()} == {"one": 5, "two": 5}
    assert problems == {"broken": "ValueError: no table"}
    figure = Figure("P1", "a race", problems=problems)
    figure.compare(times, "one", "broken", 2, "twice as fast as the broken one")
    assert figure.goals == [Goal("twice as fast as the broken one", 2, note="broken: ValueError: no table")]


def test_a_slow_machine_measures_fewer_rounds() -> None:
    times, _ = in_turns({"one": lambda: lambda: None, "two": lambda: lambda: None}, 1_000, seconds=0)
    assert {name: len(each) for name, each in times.items()} == {"one": 2, "two": 2}


def test_calls_are_compared_with_those_of_the_same_round() -> None:
    # The machine was ten times as slow in the second half, for both.
    found = ratio([2.0] * 50 + [20.0] * 50, [1.0] * 50 + [10.0] * 50)
    assert (found.median, found.low, found.high) == (2, 2, 2)
