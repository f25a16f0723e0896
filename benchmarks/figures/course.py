"""P9: the course itself, as its readers and their CI run it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures.running import Run
from benchmarks.machine import describe_machine
from benchmarks.results import Goal

CHECKOUT = Path(__file__).parents[2]
PATIENCE = 1_200  # seconds
NOT_COPIED = (".git", ".venv", ".localpg", "my", "hands", "__pycache__", ".*_cache")


def run_course(run: Run) -> None:
    figure = run.figure
    figure.machine = describe_machine()
    figure.work = f"Strict nbval over {', '.join(run.sizes.course)}: open and solved; then a set-up from nothing."
    workers = min(os.cpu_count() or 1, 8)  # as `python3 -m workbook test` does it
    run.say("running the course under nbval")
    pytest = ["-m", "pytest", "--quiet", f"--numprocesses={workers}", "--dist=loadfile", *run.sizes.course]
    minutes = _minutes([sys.executable, *pytest], CHECKOUT)
    text = f"the course under strict nbval, both variants, in at most 4 minutes ({workers} at a time)"
    figure.goals.append(Goal(text, 4, minutes, at_most=True, unit="min"))
    if not run.sizes.set_up:
        return
    run.say("setting up from nothing")
    with tempfile.TemporaryDirectory(prefix="eventstore set-up ", ignore_cleanup_errors=True) as folder:
        copy = Path(folder, "checkout")
        shutil.copytree(CHECKOUT, copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
        python = getattr(sys, "_base_executable", sys.executable)
        minutes = _minutes([python, "-m", "workbook", "run", "eventstore", "--help"], copy)
    figure.goals.append(Goal("fresh set-up in at most 2 minutes", 2, minutes, at_most=True, unit="min"))
    figure.notes.append("The set-up takes its packages from the network, or from what pip or uv keep of earlier times.")


def _minutes(command: list[str], folder: Path) -> float:
    """How long a program takes that has to succeed.

    Raises:
        RuntimeError: it does not.
    """
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=PATIENCE,
    )
    took = time.perf_counter() - start
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[1:4])} failed: " + " / ".join(done.stdout.strip().splitlines()[-3:]))
    return took / 60
