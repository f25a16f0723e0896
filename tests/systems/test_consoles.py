"""Consoles, pipes and files that are not UTF-8, as they are on Windows: nothing fails, and nothing is spoilt."""

from __future__ import annotations

import codecs
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import eventstore
import poker

Run = Callable[..., subprocess.CompletedProcess[bytes]]

# Greek is not among the 256 characters of Windows' code page for the west of Europe.
FOREIGN = "Δημήτρης"


@pytest.fixture
def run(schema: str) -> Run:
    def run(module: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        old_code_page = {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0", "COLUMNS": "200"}
        command = [sys.executable, "-m", module, *arguments, "--schema", schema]
        return subprocess.run(command, env=os.environ | old_code_page, capture_output=True)

    return run


def event(version: int) -> eventstore.DomainEvent:
    data = {"name": FOREIGN}
    return eventstore.DomainEvent(event_type="seated", aggregate_id=FOREIGN, version=version, event_data=data)


def test_events_are_printed(store: eventstore.PostgresEventStore, run: Run) -> None:
    store.append(event(1))
    done = run("eventstore", "query")
    assert done.returncode == 0, done.stderr
    assert rb"\u0394" in done.stdout


def test_the_name_of_a_file_is_printed(store: eventstore.PostgresEventStore, run: Run, tmp_path: Path) -> None:
    (tmp_path / f"{FOREIGN}.phh").write_text("variant = 'XX'\n", encoding="utf-8")
    poker.import_hands(store, tmp_path)
    done = run("poker", "quarantine")
    assert done.returncode == 0, done.stderr
    assert rb"\u0394" in done.stdout


@pytest.mark.parametrize(
    ("mark", "encoding"), [(codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")], ids=["LE", "BE"]
)
def test_what_windows_powershell_writes_behind_an_arrow_can_be_read(
    store: eventstore.PostgresEventStore, run: Run, tmp_path: Path, mark: bytes, encoding: str
) -> None:
    sent = [event(version) for version in range(1, 4)]
    store.append_many(sent)
    lines = run("eventstore", "stream", FOREIGN, "--json").stdout.decode("ascii").replace("hand", "copy")
    again = lines.replace('"id"', '"causation_id": null, "id"')  # the same events, in other lines
    (tmp_path / "events.jsonl").write_bytes(mark + again.replace("\n", "\r\n").encode(encoding))
    done = run("eventstore", "append", "--json", "--file", str(tmp_path / "events.jsonl"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode("ascii").splitlines() == lines.splitlines(), "a second try adds nothing"


def test_quotes_that_powershell_has_taken_away_are_missed(run: Run) -> None:
    done = run("eventstore", "append", "hand-1", "game.created", "{blinds: [50, 100]}")
    assert done.returncode == 1
    assert b'if the shell has taken the quotes away, write \\" for each of them' in done.stderr


def test_half_a_file_of_that_kind_is_refused_in_words(run: Run, tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(codecs.BOM_UTF16_LE + "{}".encode("utf-16-le")[:-1])
    done = run("eventstore", "append", "--file", str(tmp_path / "events.jsonl"))
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: it begins like UTF-16, but cannot be read")
