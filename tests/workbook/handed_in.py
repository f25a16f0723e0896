"""Notebooks as a class hands them in: right and wrong ones, and such as do harm."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from workbook import notebooks
from workbook.compose import compose
from workbook.source import Day


@dataclass
class HandedIn:
    """The folders of a class.

    Args:
        folder: holds a folder for each learner.
    """

    folder: Path

    def solved(self, name: str, day: Day, days: list[Day], **changes: str) -> Path:
        """A solved notebook.

        Args:
            name: of the learner.
            day, days: see `workbook.compose.compose`.
            changes: the text of an exercise cell that is another one, by its number, e.g. `ex99_1="..."`.
        """
        notebook = compose(day, "solutions", days)
        for cell in notebook.cells:
            for number, text in changes.items():
                if cell.source.startswith(f"# Exercise {number.removeprefix('ex').replace('_', '.')}"):
                    cell.source = text
        return self.write(name, f"{day.name}.ipynb", notebooks.text_of(notebook))

    def cells(self, name: str, file: str, *sources: str) -> Path:
        """A notebook of these code cells, without identities."""
        cells = [
            {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
            for source in sources
        ]
        return self.write(name, file, json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))

    def write(self, name: str, file: str, text: str) -> Path:
        (self.folder / name).mkdir(parents=True, exist_ok=True)
        path = self.folder / name / file
        path.write_text(text, encoding="utf-8", newline="")
        return path


# Says in every way a cell can think of that all is well.
CHEAT = """
import builtins, os, sys, threading
import workbook.check, workbook.contract, workbook.exercise, workbook.exercises, workbook.expect, workbook.limits

workbook.check.check = workbook.check.examine = lambda *given, **more: print("99.1 done (2 checks)")
workbook.check._Trial._try = lambda trial, case: ""
workbook.check.judge = lambda *given, **more: workbook.check.Verdict("done")
workbook.expect.expect = lambda *given: None
workbook.expect.NotKept = ZeroDivisionError
workbook.exercise.find = lambda number: None
builtins.print("99.1 done (2 checks)\\n99.2 done (1 check)\\n99.3 done (1 check)")
builtins.print = lambda *given: None
for line in range(64):
    try:
        os.write(line, b'0 {"check": "99.1"}\\n0 {"verdict": {"state": "done"}}\\n0 {"over": true}\\n')
    except OSError:
        pass
"""
CHEATING_ANSWERS = {
    "ex99_1": f"# Exercise 99.1{CHEAT}\nfrom unittest.mock import ANY\ndef pot(bets):\n    return ANY",
    "ex99_2": "# Exercise 99.2\nfrom workbook.limits import TimeIsUp\ndef event_types():\n    sys.exit(0)",
    "ex99_3": (
        "# Exercise 99.3\nclass MemoryStore(InMemoryEventStore):\n    def exists(self, aggregate_id):\n"
        "        threading.Thread.join = lambda *given: None\n        raise ZeroDivisionError('99.3 done (1 check)')"
    ),
}

DROP_ALL = """
import os, psycopg
with psycopg.connect(os.environ["EVENTSTORE_URL"], autocommit=True) as connection:
    for (name,) in connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'day%'").fetchall():
        connection.execute(f'DROP SCHEMA "{name}" CASCADE')
    for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall():
        for statement in (f'DROP DATABASE "{name}" WITH (FORCE)', f'ALTER DATABASE "{name}" CONNECTION LIMIT 0'):
            try:
                connection.execute(statement)
            except psycopg.Error:
                pass
    connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user")
"""
