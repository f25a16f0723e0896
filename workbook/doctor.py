"""Look at everything that the course needs on this machine, and say for each fault what to type.

What it prints is also what a report of a problem needs: versions, the system, where the server comes from. It never
prints a password.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import zoneinfo
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from eventstore.database import open_connection, server_url
from eventstore.embedded import Cluster
from eventstore.errors import EventStoreError
from workbook.paths import NOTEBOOKS, ROOT

NEWEST_SERVER = 18
FREE_MEGABYTES = 500
# The folders of programs that keep a copy elsewhere, and may hold a file open that PostgreSQL wants to rename.
SYNCED = ("OneDrive", "Dropbox", "Google Drive", "GoogleDrive", "Mobile Documents")
SET_UP_AGAIN = "delete the folder .venv and type python3 -m workbook"


@dataclass(frozen=True)
class Finding:
    """The outcome of one look.

    Args:
        what: was looked at.
        found: in a few words.
        fix: what to type or do next; empty where all is well.
    """

    what: str
    found: str
    fix: str = ""


def examine_machine(root: Path = ROOT) -> Iterator[Finding]:
    """Look at one thing after the other. No look ends the others: an unexpected error is a finding too."""
    looks: list[tuple[str, Callable[[], Finding]]] = [
        ("workbook", lambda: _workbook(root)),
        ("Python", _python),
        ("packages", lambda: packages(root / "requirements.txt")),
        ("PostgreSQL", _server),
        ("schema", _schema),
        ("time zones", _time_zones),
        ("disk", lambda: disk(root)),
        ("kernel", _kernel),
        ("notebooks", _notebooks),
    ]
    for what, look in looks:
        try:
            yield look()
        except Exception as error:
            yield Finding(what, f"{type(error).__name__}: {error}", SET_UP_AGAIN)


def _workbook(root: Path) -> Finding:
    version = importlib.metadata.version("eventstore-workbook")
    # Without Git, or in a folder that was downloaded as an archive, the version has to do.
    try:
        command = ["git", "-C", str(root), "show", "--no-patch", "--format=%h of %cs", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    except OSError:
        return Finding("workbook", version)
    return Finding("workbook", f"{version}, commit {commit.stdout.strip()}" if commit.returncode == 0 else version)


def _python() -> Finding:
    found = f"{platform.python_version()} on {platform.platform()}"
    if sys.prefix == sys.base_prefix:
        return Finding("Python", f"{found}, outside .venv", "type python3 -m workbook doctor")
    return Finding("Python", found)


def packages(requirements: Path) -> Finding:
    """Compare what is installed with a pinned requirements file."""
    from packaging.requirements import Requirement

    wrong, right = [], 0
    for line in requirements.read_text(encoding="utf-8").splitlines():
        pin = line.split("#")[0].strip()
        if not pin or pin.startswith("-"):
            continue
        wanted = Requirement(pin)
        if wanted.marker and not wanted.marker.evaluate():
            continue
        try:
            version = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{wanted.name} is missing")
            continue
        if wanted.specifier.contains(version, prereleases=True):
            right += 1
        else:
            wrong.append(f"{wanted.name} is {version}, not {wanted.specifier}")
    if wrong:
        return Finding("packages", "; ".join(wrong), SET_UP_AGAIN)
    return Finding("packages", f"{right} at their pinned versions")


def _server() -> Finding:
    try:
        with open_connection(server_url(), "public") as connection:
            version = connection.info.server_version
            encoding = connection.info.parameter_status("server_encoding")
            place = f"{connection.info.user} at {connection.info.host}"
    except EventStoreError as error:
        return Finding(
            "PostgreSQL", str(error), "type python3 -m workbook run eventstore up, or set EVENTSTORE_URL to a server"
        )
    named = os.environ.get("EVENTSTORE_URL")
    source = "as EVENTSTORE_URL says" if named else f"private server, from {Cluster().status().provider}"
    found = f"{version // 10_000}.{version % 10_000}, {encoding}, {place}, {source}"
    if version // 10_000 > NEWEST_SERVER:
        return Finding("PostgreSQL", found, f"use PostgreSQL 15 to {NEWEST_SERVER}: newer ones are not tested yet")
    if encoding != "UTF8":
        return Finding("PostgreSQL", found, "use a database with ENCODING 'UTF8' in EVENTSTORE_URL")
    return Finding("PostgreSQL", found)


def _schema() -> Finding:
    from workbook.workspace import scratch

    try:
        with scratch():
            pass
    except Exception as error:
        fix = "as the owner of the database: GRANT CREATE ON DATABASE ... TO the user in EVENTSTORE_URL"
        return Finding("schema", f"{error}".splitlines()[0], fix)
    return Finding("schema", "one made, filled and dropped")


def _time_zones() -> Finding:
    try:
        zoneinfo.ZoneInfo("America/New_York")
    except zoneinfo.ZoneInfoNotFoundError:
        return Finding("time zones", "unknown to this Python", SET_UP_AGAIN)
    return Finding("time zones", "known; sessions work in UTC")


def disk(root: Path) -> Finding:
    """Look at the place where the data go."""
    free = shutil.disk_usage(root).free // 1_000_000
    synced = [part for part in root.parts if part.startswith(SYNCED)]
    if synced and not (os.environ.get("EVENTSTORE_URL") or os.environ.get("EVENTSTORE_HOME")):
        return Finding(
            "disk",
            f"{free:,} MB free, in the folder {synced[0]!r}, which is copied elsewhere while PostgreSQL writes to it",
            "set EVENTSTORE_HOME to a folder outside of it, where the private PostgreSQL may keep its data",
        )
    enough = free >= FREE_MEGABYTES
    return Finding("disk", f"{free:,} MB free", "" if enough else f"make room for {FREE_MEGABYTES} MB")


def _kernel() -> Finding:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return Finding("kernel", "JupyterLab knows no python3", SET_UP_AGAIN)
    return Finding("kernel", "python3")


def _notebooks() -> Finding:
    from workbook.build import stale

    problems = stale(NOTEBOOKS / "src", NOTEBOOKS)
    if problems:
        return Finding(
            "notebooks",
            f"{len(problems)} not as their sources give them",
            "copy what you have written in notebooks/ to another folder, then type python3 -m workbook build",
        )
    return Finding("notebooks", f"{len(list((NOTEBOOKS / 'src').glob('day*.py')))} days, as their sources give them")


def report(findings: Iterator[Finding]) -> int:
    """Print a table of the findings as they come.

    Returns:
        The exit code: 0 if all is well, 1 otherwise.
    """
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    # On a console without UTF-8, rich draws the lines in ASCII by itself.
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("what", no_wrap=True)
    table.add_column("")
    table.add_column("found", overflow="fold")
    failed = 0
    for finding in findings:
        failed += bool(finding.fix)
        fix = f"\n[bold]Next: {escape(finding.fix)}[/bold]" if finding.fix else ""
        state = "[red]wrong[/red]" if finding.fix else "[green]ok[/green]"
        table.add_row(finding.what, state, escape(finding.found) + fix)
    console.print(table)
    console.print(f"{failed} of these need you." if failed else "All is well.")
    return 1 if failed else 0
