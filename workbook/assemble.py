"""The package that a learner's notebooks add up to, and how many promises of the contract it keeps.

    my/mystore/events.py       the kept cells of Day 1
    my/mystore/database.py     those of Day 2, and so on
    my/mystore/store.py        PostgresEventStore, made of the parts that are there, and connect
    my/mystore/sql/            the schema, copied

Cells are found by the number of their exercise (`workbook.kept`) and become modules (`workbook.modules`). The contract
is tried in a process that cannot import the reference (`workbook.trial`).
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE
from tempfile import TemporaryFile
from textwrap import shorten
from typing import IO

from psycopg import sql
from psycopg.conninfo import make_conninfo

from eventstore.database import open_connection, server_url
from workbook.kept import Kept, Solution, find_kept, read_solutions
from workbook.modules import Package, cell_at, package_of
from workbook.paths import MY, NOTEBOOKS, ROOT
from workbook.workspace import END_SESSIONS, MARK, schema_name

NAME = "mystore"
# The part of a trial that is worth a word only if it fails.
LOADING = "The package"
# For one promise. Eight writers with eighty appends, each with connections of its own, take their time on a small
# machine.
SECONDS = 60.0
LEDGER = ".made-by-assemble.json"

OUR_SCHEMAS = """
SELECT nspname
FROM pg_namespace
WHERE starts_with(nspname, %s) AND obj_description(oid, 'pg_namespace') = %s
ORDER BY nspname
"""


class AssembleError(Exception):
    """The package cannot be put together. The text says what to do."""


@dataclass
class Tally:
    """How one part of the contract went."""

    about: str
    untried: int = 0
    kept: int = 0
    broken: list[tuple[str, str]] = field(default_factory=list)


def assemble(
    up_to: int | None = None,
    *,
    solved: Path = NOTEBOOKS / "solutions",
    copy: Path = MY,
    say: Callable[[str], None] = print,
    seconds: float = SECONDS,
) -> bool:
    """Put the learner's package together and try it.

    Args:
        up_to, solved, copy, say: see `put_together`.
        seconds: how long one promise may take.

    Returns:
        Whether every promise up to that day is kept.

    Raises:
        AssembleError: see `put_together`.
        StoreUnavailableError: no server can be reached or started.
    """
    package, last = put_together(up_to, solved=solved, copy=copy, say=say)
    all_kept = True
    for tally in try_out(copy / NAME, package, last, seconds):
        say(f"{tally.about}: {tally.kept} of {tally.kept + len(tally.broken)} promises kept")
        for name, problem in tally.broken:
            say(f"  broken: {name}: {problem}")
            all_kept = False
        if tally.untried:
            say(f"  not tried: {tally.untried} more promises. First mend what does not finish.")
    if all_kept:
        say(f"A notebook in {copy.name}/ can use it: import {NAME}")
    return all_kept


def put_together(
    up_to: int | None = None,
    *,
    solved: Path = NOTEBOOKS / "solutions",
    copy: Path = MY,
    say: Callable[[str], None] = print,
) -> tuple[Package, int]:
    """Write the learner's package.

    Args:
        up_to: the last day to take; None for the last one of which something is solved.
        solved: the folder of the solved notebooks.
        copy: the folder of the learner's notebooks. The package is written to `mystore/` in it, and nothing elsewhere.
        say: takes one line of the report.

    Returns:
        The package and its last day.

    Raises:
        AssembleError: there is no such day, a cell uses what the package will not have, or the folder is not ours.
    """
    days = read_solutions(solved)
    if up_to is not None and up_to not in {day.number for day in days if day.models}:
        raise AssembleError(f"no day {up_to} that keeps anything: there are {_listed(days)}")
    kept, last = find_kept(days, copy, up_to)
    package = package_of(kept, {day.number: day.title for day in days})
    for note in kept.notes:
        say(note + ".")
    if package.problems:
        raise AssembleError("\n".join(f"{problem}." for problem in package.problems))
    for edited in write(package, copy / NAME):
        say(f"{NAME}/{edited} had been changed by hand: that version is now {NAME}/{edited}.changed.")
    exercises = sum(model.exercise for day in days if day.number <= last for model in day.models)
    say(f"{copy.name}/{NAME} holds {_days(kept)}: {len(kept.solved)} of {exercises} exercises are your own.")
    return package, last


def _listed(days: list[Solution]) -> str:
    return ", ".join(str(day.number) for day in days if day.models)


def _days(kept: Kept) -> str:
    """The days in words. Not every day keeps something, so there may be gaps: `Days 1 to 6 and 8`."""
    runs: list[list[int]] = []
    for number in sorted({cell.day for cell in kept.cells}):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    return f"{'Day' if words == [str(runs[0][0])] else 'Days'} {' and '.join(words)}"


def write(package: Package, folder: Path) -> list[str]:
    """Write the package. What somebody has changed by hand is put aside, what is no longer needed is removed.

    Returns:
        The files that had been changed by hand.

    Raises:
        AssembleError: the folder is there and was not made by this command.
    """
    texts = dict(package.files)
    if package.parts:
        for path in sorted((ROOT / "sql").glob("[0-9]*.sql")):
            texts[f"sql/{path.name}"] = path.read_text(encoding="utf-8")
    ledger = folder / LEDGER
    if folder.exists() and not ledger.exists() and any(folder.iterdir()):
        raise AssembleError(f"{folder.parent.name}/{folder.name} was not made by this command: give it another name")
    made: dict[str, str] = json.loads(ledger.read_text(encoding="utf-8")) if ledger.exists() else {}
    (folder / "sql" if package.parts else folder).mkdir(parents=True, exist_ok=True)
    changed = []
    for name in sorted(made.keys() | texts.keys()):
        path = folder / name
        if not path.exists():
            continue
        if _digest(path.read_text(encoding="utf-8")) not in (made.get(name), _digest(texts.get(name, ""))):
            path.replace(path.with_name(f"{path.name}.changed"))
            changed.append(name)
        elif name not in texts:
            path.unlink()
    if not package.parts and (folder / "sql").is_dir() and not any((folder / "sql").iterdir()):
        (folder / "sql").rmdir()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    digests = {name: _digest(text) for name, text in sorted(texts.items())}
    ledger.write_text(json.dumps(digests, indent=1) + "\n", encoding="utf-8", newline="\n")
    return changed


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def try_out(folder: Path, package: Package, last: int, seconds: float = SECONDS) -> Iterator[Tally]:
    """Try every promise up to a day on the package that lies in a folder.

    Args:
        folder: the package.
        package: what was written there.
        last: the day.
        seconds: how long one promise may take.

    Yields:
        How each part of the contract went, as soon as it is over.

    Raises:
        StoreUnavailableError: no server can be reached or started.
    """
    url = server_url()
    schema = schema_name("assemble")
    limits = "-c lock_timeout=10s -c statement_timeout=60s"
    order = {
        "folder": str(folder.resolve()),
        "up_to": last,
        "parts": package.parts,
        "url": make_conninfo(url, application_name=f"workbook {schema}", options=limits),
        "schema": schema,
        "mark": MARK,
        "seconds": seconds,
    }
    clear(url, schema)
    command = [sys.executable, "-m", "workbook.trial"]
    try:
        with (
            TemporaryFile("w+", encoding="utf-8", errors="replace") as printed,
            subprocess.Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=printed, encoding="utf-8") as process,
        ):
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(order))
            process.stdin.close()
            yield from _tallies(process.stdout, printed, folder, package)
    finally:
        clear(url, schema)


def clear(url: str, schema: str) -> None:
    """Drop the schemas that a trial of this name has left, and end its sessions."""
    with open_connection(url, "public") as connection:
        connection.execute(END_SESSIONS, (f"workbook {schema}",))
        for (name,) in connection.execute(OUR_SCHEMAS, (f"{schema}_", MARK)).fetchall():
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


def _tallies(lines: Iterable[str], printed: IO[str], folder: Path, package: Package) -> Iterator[Tally]:
    tally = Tally(LOADING)
    asked: dict[str, str] = {"promise": "the trial begins"}
    for line in lines:
        said = json.loads(line)
        if "over" in said:
            tally.untried = said["untried"]
            yield tally
            return
        if "promise" not in said:
            _count(tally, asked["promise"], _in_cells(said["problem"], package))
            asked = {"promise": "the trial goes on"}
            continue
        asked = said
        if asked["about"] != tally.about:
            if tally.about != LOADING or tally.broken:
                yield tally
            tally = Tally(asked["about"])
    printed.seek(0)
    _count(tally, asked["promise"], _in_cells(_last_words(printed.read(), folder), package))
    yield tally


def _count(tally: Tally, promise: str, problem: str) -> None:
    if problem:
        tally.broken.append((promise, problem))
    else:
        tally.kept += 1


def _last_words(text: str, folder: Path) -> str:
    """Where a process was that ended in the middle, as `faulthandler` tells it; else the last line it has printed."""
    for path, line in re.findall(r'File "(.+)", line (\d+)', text):
        if Path(path).parent == folder.resolve():
            return f"was still running at {Path(path).name}:{line}: "
    lines = text.strip().splitlines()
    return f"ended the process ({lines[-1]})" if lines else "ended the process"


def _in_cells(problem: str, package: Package) -> str:
    """A problem with the cell that it comes from in place of the line of a module."""
    found = re.search(r" at (\w+\.py):(\d+): (.*)$", problem)
    if not found or not (cell := cell_at(package.files.get(found[1], ""), int(found[2]))):
        return problem
    line = shorten(package.files[found[1]].splitlines()[int(found[2]) - 1], 60, placeholder="...")
    return f"{problem[: found.start()]} ({cell}, in the line `{line}`)"
