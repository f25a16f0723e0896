"""Files to import, processes that import them, and what these leave in the store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
from waiting import wait_until
from written_hands import phh

from eventstore import PostgresEventStore

EVENTS_PER_HAND = """
SELECT aggregate_id, count(*) FROM domain_events GROUP BY aggregate_id
"""

# A program as anybody would write it, without `if __name__ == "__main__"`.
SCRIPT = """
import sys
import eventstore, poker

with eventstore.connect(schema=sys.argv[1]) as store:
    print(poker.import_hands(store, sys.argv[2], workers=2).added)
"""


def write_hands(file: Path, count: int, start: int = 0) -> None:
    """Write hands that differ in their number alone."""
    hand = phh([100, 80], "p2 cbr 6, p1 f")
    sections = (f"[{number}]\n{hand}hand = {number}\n" for number in range(start, start + count))
    file.write_text("\n".join(sections), encoding="utf-8")


def command(schema: str, path: Path, **options: object) -> subprocess.Popen[str]:
    """Start `python -m poker import`, with its two streams to be read."""
    arguments = [sys.executable, "-m", "poker", "import", str(path), "--schema", schema]
    return subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", **options
    )


def script(schema: str, path: Path, folder: Path) -> subprocess.Popen[str]:
    """Start a script that imports with two workers, whatever the machine has."""
    file = folder / "script.py"
    file.write_text(SCRIPT, encoding="utf-8")
    arguments = [sys.executable, str(file), schema, str(path)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8")


def hands_in(store: PostgresEventStore) -> dict[str, int]:
    """How many events each hand has."""
    with store.connection() as connection:
        return dict(connection.execute(EVENTS_PER_HAND).fetchall())


def wait_for_hands(store: PostgresEventStore, process: subprocess.Popen[str]) -> None:
    """Until the first hands are there, and the process still at work."""
    wait_until(lambda: hands_in(store) or process.poll() is not None, "the first hands")
    assert process.poll() is None, process.communicate()


def wait_until_gone(processes: list[psutil.Process]) -> None:
    """Until none of these processes runs any more."""
    wait_until(lambda: not any(map(_runs, processes)), "the end of the workers")


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
