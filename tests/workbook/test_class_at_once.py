"""A class works at the same time on one server, and nobody notices the others."""

from __future__ import annotations

import csv
import os
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from eventstore.embedded import Cluster
from workbook import classroom, notebooks
from workbook.paths import NOTEBOOKS
from workbook.roster import read_names

# One machine plays all of theirs, so that a cell may take many times as long.
PATIENCE = 900

SESSIONS = """
SELECT usename, count(*) FROM pg_stat_activity WHERE usename = ANY(%s::text[]) GROUP BY usename
"""
OWNED = """
SELECT nspname, nspowner::regrole::text FROM pg_namespace WHERE nspname LIKE 'day%' ORDER BY nspname
"""


@dataclass
class Peaks:
    """The most connections at a time that were seen.

    Args:
        together: of the whole class.
        each: of each role.
    """

    together: int = 0
    each: Counter[str] = field(default_factory=Counter)


@contextmanager
def watched(server: str, roles: list[str]) -> Iterator[Peaks]:
    """Count the connections of these roles, again and again."""
    peaks, over = Peaks(), threading.Event()

    def watch() -> None:
        with psycopg.connect(server, autocommit=True) as connection:
            while not over.wait(0.01):
                seen = dict(connection.execute(SESSIONS, (roles,)).fetchall())
                peaks.together = max(peaks.together, sum(seen.values()))
                peaks.each |= Counter(seen)  # the larger of the two

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peaks
    finally:
        over.set()
        watcher.join()


@contextmanager
def class_of(size: int, folder: Path) -> Iterator[dict[str, str]]:
    """The addresses of so many learners, by role, on the server of `EVENTSTORE_URL`."""
    names, out, mark = folder / "names.csv", folder / "classroom.csv", uuid4().hex[:6]
    names.write_text("\n".join(["name", *(f"{mark} {place}" for place in range(size))]), encoding="utf-8")
    try:
        assert classroom.create(names, out).locked_out == []
        with out.open(encoding="utf-8-sig", newline="") as file:
            yield {row["role"]: row["EVENTSTORE_URL"] for row in csv.DictReader(file)}
    finally:
        classroom.remove(read_names(names))


def moved(path: Path, folder: Path, url: str) -> list[str]:
    """Run a notebook as one learner, and name the cells that do not show what they showed."""
    before = notebooks.read(path)
    fresh = notebooks.without_outputs(before)
    try:
        notebooks.execute(fresh, folder, server=url, seconds=PATIENCE)
    except notebooks.BrokenCellError as error:
        return [f"{path.name}: {error}"]
    return [
        f"{path.name}: {cell.source[:60]!r} shows {notebooks.texts(cell)}, not {notebooks.texts(shown)}"
        for cell, shown in zip(fresh.cells, before.cells, strict=True)
        if cell.cell_type == "code"
        and "nbval-ignore-output" not in cell.metadata.get("tags", [])
        and notebooks.texts(cell) != notebooks.texts(shown)
    ]


def work(paths: list[Path], urls: dict[str, str], folder: Path, at_once: int) -> Peaks:
    """Let each learner run a notebook, so many at a time, and see that all did so in a place of their own."""
    desks = [(path, folder / role / "my", url) for path, (role, url) in zip(paths, urls.items(), strict=True)]
    roles = list(urls)
    with watched(os.environ["EVENTSTORE_URL"], roles) as peaks, ThreadPoolExecutor(at_once) as pool:
        lines = [line for found in pool.map(lambda desk: moved(*desk), desks) for line in found]
    assert not lines, "\n".join(lines)
    for role, neighbour in zip(roles, [*roles[1:], roles[0]], strict=True):
        with psycopg.connect(urls[role]) as connection:
            owners = {owner for _, owner in connection.execute(OWNED).fetchall()}
        assert owners == {role}, "the schema that the notebook has left, and no other"
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(make_conninfo(urls[role], dbname=neighbour))
    return peaks


def test_two_learners_work_at_once(tmp_path: Path) -> None:
    """The long run does the same with thirty."""
    [day] = NOTEBOOKS.glob("day01_*.ipynb")
    with class_of(2, tmp_path) as urls:
        peaks = work([day, day], urls, tmp_path, at_once=2)
    assert all(peaks.each[role] for role in urls)


class Room:
    """A server for thirty, since that of the tests does not allow as many connections."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cluster = Cluster(folder, durable=False)
        self._monkeypatch = monkeypatch
        self._monkeypatch.setenv("EVENTSTORE_URL", self.cluster.start())

    def allow_what_the_class_needs(self, urls: dict[str, str]) -> dict[str, str]:
        """Do what `classroom create` says about a server that allows too little. Gives the addresses after that."""
        before = classroom.places()
        kept_for_superusers = 3
        assert before.needed == len(urls) * classroom.CONNECTIONS + classroom.RESERVE + kept_for_superusers
        assert before.needed > before.allowed
        with psycopg.connect(self.cluster.start(), autocommit=True) as admin:
            admin.execute(sql.SQL("ALTER SYSTEM SET max_connections = {}").format(sql.Literal(before.needed)))
        self.cluster.stop()
        url = self.cluster.start()
        self._monkeypatch.setenv("EVENTSTORE_URL", url)
        assert classroom.places() == classroom.Places(before.needed, before.needed)
        return {role: make_conninfo(one, port=conninfo_to_dict(url)["port"]) for role, one in urls.items()}


@pytest.fixture
def room(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    if not request.config.getoption("--long"):
        pytest.skip("a class of thirty: part of the long run")
    room = Room(tmp_path / "server", monkeypatch)
    yield room
    room.cluster.remove()


@pytest.mark.timeout(1800)
def test_thirty_learners_work_at_once(room: Room, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On Day 3, with its races. The exercises are open: thirty checks at once would need the processors of thirty."""
    [day] = NOTEBOOKS.glob("day03_*.ipynb")
    with class_of(30, tmp_path) as urls:
        urls = room.allow_what_the_class_needs(urls)
        peaks = work([day] * 30, urls, tmp_path, at_once=30)
        allowed = classroom.places().allowed
    most = max(peaks.each.values())
    with capsys.disabled():
        print(f"\nthirty learners on {day.stem}: at most {peaks.together} connections together, {most} of one learner")
        print(f"allowed: {classroom.CONNECTIONS} for each learner, {allowed} by the server")
    assert most <= classroom.ONE_KERNEL


def test_nobody_can_take_a_place_that_another_needs(room: Room, tmp_path: Path) -> None:
    with class_of(30, tmp_path) as urls, ExitStack() as held:
        urls = room.allow_what_the_class_needs(urls)
        for _ in range(classroom.CONNECTIONS):
            for url in urls.values():
                held.enter_context(psycopg.connect(url))
        for url in urls.values():
            with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
                psycopg.connect(url)
        for _ in range(classroom.RESERVE):
            held.enter_context(psycopg.connect(os.environ["EVENTSTORE_URL"]))


@pytest.mark.timeout(1800)
def test_every_day_can_be_solved_within_the_limits(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Where connections are missing, a check says "not yet" to a right answer, so the outputs would differ."""
    if not request.config.getoption("--long"):
        pytest.skip("all days, solved: part of the long run")
    days = sorted(NOTEBOOKS.glob("solutions/day*.ipynb"))
    with class_of(len(days), tmp_path) as urls:
        work(days, urls, tmp_path, at_once=2)
