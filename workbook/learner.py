"""The learner's own copy of the notebooks, and JupyterLab on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from eventstore.embedded import Cluster, host
from workbook import notebooks
from workbook.paths import MY, NOTEBOOKS, ROOT

# JupyterLab reads this file from its own environment. It spares everybody the question about news at the first start.
LAB_SETTINGS = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}

# What `python -m jupyterlab` does, without one optional package. It can check internationalised web addresses in
# JupyterLab's log of events, where none occur, and building its grammar takes a second: half of the whole start.
START_LAB = """
import sys
sys.modules["rfc3987_syntax"] = None
from jupyterlab.labapp import main
sys.exit(main())
"""


def update_copy(source: Path = NOTEBOOKS, copy: Path = MY) -> tuple[list[Path], list[Path]]:
    """Copy the days that the learner does not have yet. What is there stays as it is, whatever is in it.

    The copy comes without outputs, so that nobody reads an answer before the question. A notebook of the course that is
    damaged, e.g. by the marks of a merge, keeps nobody from the others.

    Args:
        source: the folder of the learner's versions.
        copy: the learner's own folder; it is made if need be.

    Returns:
        The files that were added, and the files of the course that could not be copied because they are damaged.
    """
    copy.mkdir(exist_ok=True)
    added, damaged = [], []
    for path in sorted(source.glob("day*.ipynb")):
        own = copy / path.name
        if own.exists():
            continue
        if notebooks.read_or_none(path) is None:
            damaged.append(path)
        else:
            copy_day(path, own)
            added.append(own)
    return added, damaged


def copy_day(path: Path, own: Path) -> None:
    """Copy one notebook without its outputs.

    Args:
        path: the learner's version.
        own: the file to write; it must not exist.
    """
    text = notebooks.text_of(notebooks.without_outputs(notebooks.read(path)))
    # The solutions stay where they are; from the copy they are one folder further away.
    text = text.replace("](solutions/", f"](../{path.parent.name}/solutions/")
    with own.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)


def open_lab(arguments: Sequence[str] = ()) -> int:
    """Run JupyterLab on the first day of the learner's copy, until it ends.

    If the private server was not running before, it is stopped afterwards.

    Args:
        arguments: more arguments for JupyterLab.

    Returns:
        The exit code of JupyterLab.

    Raises:
        StoreUnavailableError: there is no PostgreSQL that could be started.
    """
    cluster = None
    if not os.environ.get("EVENTSTORE_URL"):
        cluster = Cluster()
        if cluster.status().running:
            cluster = None
        else:
            cluster.start()
    print("JupyterLab opens in your browser. To end it, press Ctrl-C here.", flush=True)
    try:
        return run_to_the_end(_lab_command(arguments))
    finally:
        if cluster:
            cluster.stop()


def _lab_command(arguments: Sequence[str]) -> list[str]:
    settings = Path(sys.prefix, "share", "jupyter", "lab", "settings", "overrides.json")
    if not settings.exists():
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(json.dumps(LAB_SETTINGS), encoding="utf-8")
    first = min(MY.glob("day*.ipynb"), default=None)
    # Warnings only: of the many lines of a start, the address is the one that matters, and it is printed anyway.
    command = [sys.executable, "-c", START_LAB, f"--ServerApp.root_dir={ROOT}", "--log-level=WARN"]
    if first:
        command.append(f"--LabApp.default_url=/lab/tree/{first.parent.name}/{first.name}")
    # JupyterLab asks for this flag, and only on POSIX is there a root. Its token stays on.
    if host.running_as_root():
        command.append("--allow-root")
    return [*command, *arguments]


def run_to_the_end(command: Sequence[str], **environment: str) -> int:
    """Run a program in the checkout and wait for it, through Ctrl-C too: it gets that itself and may ask first.

    Args:
        command: the program and its arguments.
        environment: variables to set for it.

    Returns:
        Its exit code.
    """
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment)
    with host.asked_to_end(process.terminate):
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue
