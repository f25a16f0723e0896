"""A class is graded: each answer as what it is, whatever the notebooks print, break or take."""

from __future__ import annotations

import csv
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree

import psutil
import psycopg
import pytest
from handed_in import CHEATING_ANSWERS, DROP_ALL, HandedIn
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sample_course import SAMPLE
from typer.testing import CliRunner
from waiting import wait_until

from workbook import notebooks
from workbook.answers import read_course
from workbook.classroom import ClassroomError
from workbook.cli import app
from workbook.compose import compose
from workbook.grading import processes, report
from workbook.grading.grades import Graded, Limits
from workbook.grading.rooms import PREFIX, Room, Rooms
from workbook.grading.run import OwnChecksError, Result, grade, read_checks
from workbook.grading.submissions import Copy, NothingToGradeError, find_learners
from workbook.paths import NOTEBOOKS, ROOT
from workbook.source import read_day, read_days, solved

DAY = read_day(SAMPLE / "day99_a_sample.py")
FILE = f"{DAY.name}.ipynb"
SMALL = Limits(seconds=60, check=3, memory=700_000_000, disk=20_000_000)

GUIDE = (ROOT / "docs" / "instructor" / "grading.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The notebooks of the sample day, as they are before they run."""
    folder = tmp_path_factory.mktemp("course")
    for variant, place in (("learner", folder), ("solutions", folder / "solutions")):
        place.mkdir(exist_ok=True)
        (place / FILE).write_text(notebooks.text_of(compose(DAY, variant, [DAY])), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def the_sample_is_known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The processes of the grader know the exercises of the sample day, as those of a real day."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text("import sample_exercises\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ["PYTHONPATH"]]))
        yield


def pot(body: str) -> str:
    return "# Exercise 99.1\nimport os, sys, time\ndef pot(bets):\n" + "\n".join(
        f"    {line}" for line in body.split("\n")
    )


@pytest.fixture(scope="module")
def result(course: Path, the_sample_is_known: None, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A small class in which much goes wrong, graded once."""
    group = HandedIn(tmp_path_factory.mktemp("class"))
    group.solved("anna", DAY, [DAY])
    group.solved(
        "ben",
        DAY,
        [DAY],
        ex99_1=pot("return len(bets)"),
        ex99_2='# Exercise 99.2\ndef event_types():\n    names = []\n    raise NotImplementedError("exercise 99.2")',
        ex99_3="# Exercise 99.3\nclass MemoryStore(:",
    )
    group.solved("cleo", DAY, [DAY], **CHEATING_ANSWERS)
    dropped = f"{pot('return sum(bets)')}\n{DROP_ALL}"
    group.cells("dora", FILE, "from workbook.day import open_day\nday = open_day(99)", dropped)
    group.cells("emil", FILE, pot("time.sleep(1_000_000)"))
    group.cells(
        "finn", FILE, pot("for n in range(40):\n    open(f'{n}', 'wb').write(bytes(1_000_000))\ntime.sleep(60)")
    )
    group.cells("gina", FILE, pot("os._exit(0)"))
    group.cells("hugo", FILE, pot("return sum(bets) + len(bytearray(10 ** 12))"))
    group.write("ivo", FILE, '{"cells": [')
    (group.folder / "jana").mkdir()
    (group.folder / "karl.zip").write_bytes(b"PK")
    (group.folder / "lea" / "my").mkdir(parents=True)
    shutil.copy(course / FILE, group.folder / "lea" / "my")
    return grade([group.folder], limits=SMALL, notebooks=course)


ORPHANS = 'os.system("for i in $(seq 60); do sleep 100 & done")\ntime.sleep(100)'
# In a folder nested this deep, no path is short enough, and no function may call itself so often.
DEEP = "for n in range(5_000):\n    os.mkdir('d')\n    os.chdir('d')\ntime.sleep(100)"
ODD = r"raise ValueError('\x1b[2J\ud800')"


@pytest.fixture(scope="module")
def second(course: Path, the_sample_is_known: None, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A class whose copies could stop the grader itself, graded once."""
    group = HandedIn(tmp_path_factory.mktemp("second"))
    group.cells("adam", FILE, pot(DEEP))
    group.cells("bela", FILE, pot(ODD))
    for module in ("code", "cmd", "pdb", "IPython"):
        group.write("carl", f"{module}.py", "raise ValueError('this is no module of Python')")
    group.cells("carl", FILE, pot("return sum(bets)"))
    group.write("dina", "mystore.py", "def total(bets): return sum(bets)")
    group.write("dina/.git", "pack", "x" * SMALL.disk)
    group.write("dina", "old.ipynb", "x" * SMALL.disk)
    group.cells("dina", FILE, pot("import mystore\nreturn mystore.total(bets)"))
    if sys.platform != "win32":
        group.cells("egon", FILE, pot(ORPHANS))
    return grade([group.folder], limits=SMALL, notebooks=course)


def of(result: Result, learner: str) -> Graded:
    return next(graded for graded in result.graded if graded.copy.learner == learner)


def states(result: Result, learner: str) -> list[str]:
    return [grade.state for grade in of(result, learner).grades.values()]


def test_a_right_copy_is_done_and_there_is_nothing_to_say_about_it(result: Result) -> None:
    assert states(result, "anna") == ["done"] * 3
    assert report.remarks(of(result, "anna")) == []


def test_a_wrong_answer_is_named_with_its_first_failing_case(result: Result) -> None:
    grades = of(result, "ben").grades
    assert grades["99.1"].state == "not yet"
    assert grades["99.1"].detail == "two bets: got 2 from pot([10, 20]), expected 30"
    assert grades["99.2"].state == "to do"
    assert grades["99.3"].state == "not yet"
    assert "does not parse" in grades["99.3"].detail


def test_what_a_copy_prints_patches_and_claims_counts_for_nothing(result: Result) -> None:
    assert states(result, "cleo") == ["not yet", "crashed", "not yet"]
    assert "SystemExit" in of(result, "cleo").grades["99.2"].detail
    assert "wrote onto the grader's own channel: that counts for nothing" in of(result, "cleo").notes


def test_a_dropped_schema_is_noticed_and_harms_nobody(result: Result) -> None:
    assert states(result, "dora")[0] == "done"
    assert "dropped the schema of its day" in of(result, "dora").notes


@pytest.mark.parametrize(
    ("learner", "state", "detail"),
    [
        ("emil", "timed out", "no bets: still running after 3 s"),
        ("finn", "over limit", "no bets: more than 20 MB in its folder"),
        ("gina", "crashed", "no bets: ended the process (exit code 0)"),
        pytest.param(
            *("hugo", "crashed", "no bets: MemoryError"),
            marks=pytest.mark.skipif(sys.platform == "darwin", reason="macOS sets no limit to the address space"),
        ),
    ],
)
def test_what_goes_too_far_is_called_by_its_name(result: Result, learner: str, state: str, detail: str) -> None:
    found = of(result, learner).grades["99.1"]
    assert found.state == state
    assert found.detail.startswith(detail)


def test_what_cannot_be_read_or_is_not_there_is_said(result: Result) -> None:
    assert states(result, "ivo") == ["unreadable"] * 3
    assert report.remarks(of(result, "ivo")) == [f"{FILE} is no notebook that can be read (is not JSON)"]
    assert states(result, "jana") == ["missing"] * 3
    assert states(result, "lea") == ["to do"] * 3, "a folder of one's own in the learner's folder is found"
    assert [note.split("/")[1] for note in result.notes] == ["karl.zip is nobody's folder: unpack it first"]


def test_the_order_is_that_of_the_names(result: Result) -> None:
    names = ["anna", "ben", "cleo", "dora", "emil", "finn", "gina", "hugo", "ivo", "jana", "lea"]
    assert result.learners == names
    assert [graded.copy.learner for graded in result.graded] == names


def test_nothing_is_left_behind(result: Result) -> None:
    with psycopg.connect(os.environ["EVENTSTORE_URL"]) as connection:
        mine = f"{PREFIX}{os.getpid()}_%"
        assert connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE %s", (mine,)).fetchall() == []
        assert connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", (mine,)).fetchall() == []
    assert not list(Path(tempfile.gettempdir()).glob(f"{processes.PREFIX}{os.getpid()}_*"))
    assert not [copy for _, copy in processes.marked() if copy.startswith(f"{os.getpid()}_")]


def test_junit_and_csv_say_the_same_as_the_table(
    result: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report.write_junit(result, tmp_path / "out.xml")
    report.write_csv(result, tmp_path / "out.csv")
    suite = ElementTree.parse(tmp_path / "out.xml").getroot()[0]
    cases = {(case.get("classname"), case.get("name")): [child.tag for child in case] for case in suite}
    assert cases["anna", "99.1"] == []
    assert cases["ben", "99.1"] == ["failure"]
    assert cases["emil", "99.1"] == ["error"]
    assert cases["lea", "99.1"] == ["skipped"]
    count = {name: int(suite.get(name, "")) for name in ("tests", "failures", "errors", "skipped")}
    tags = [tag for tags in cases.values() for tag in tags]
    assert count == {
        "tests": 33,
        "failures": tags.count("failure"),
        "errors": tags.count("error"),
        "skipped": tags.count("skipped"),
    }
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[3] == {
        "learner": "ben",
        "day": "99",
        "exercise": "99.1",
        "state": "not yet",
        "detail": "two bets: got 2 from pot([10, 20]), expected 30",
    }
    report.print_result(result)
    shown = capsys.readouterr().out
    assert "11 learners, 11 copies, 33 answers" in shown
    assert "gina: 99.1 crashed: no bets: ended the process (exit code 0)" in shown


def test_a_module_beside_a_notebook_does_not_stand_in_for_one_that_the_grader_needs(second: Result) -> None:
    assert states(second, "carl")[0] == "done"


def test_what_is_left_behind_does_not_count_among_what_is_brought_along(second: Result) -> None:
    assert states(second, "dina")[0] == "done", report.remarks(of(second, "dina"))


def test_folders_without_end_are_over_the_limit_and_are_removed(second: Result) -> None:
    found = of(second, "adam").grades["99.1"]
    assert (found.state, found.detail) == ("over limit", "no bets: more than 10,000 files and folders")
    assert not list(Path(tempfile.gettempdir()).glob(f"{processes.PREFIX}{os.getpid()}_*"))


@pytest.mark.skipif(sys.platform == "win32", reason="there a process whose parent has ended is found only afterwards")
def test_processes_whose_parent_has_ended_count_too(second: Result) -> None:
    found = of(second, "egon").grades["99.1"]
    assert (found.state, found.detail) == ("over limit", "no bets: more than 50 processes")


def test_a_spreadsheet_finds_no_formula_in_the_csv(second: Result, tmp_path: Path) -> None:
    egon = of(second, "egon")
    own = replace(egon, copy=replace(egon.copy, learner="=1+1"))
    report.write_csv(replace(second, graded=[own]), tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        assert {row["learner"] for row in csv.DictReader(file)} == {"'=1+1"}


def test_an_error_text_writes_nothing_but_text(
    second: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report.print_result(second)
    report.write_csv(second, tmp_path / "out.csv")
    report.write_junit(second, tmp_path / "out.xml")
    shown = capsys.readouterr().out
    assert "bela: 99.1 not yet: no bets: ValueError: ?[2J?" in shown
    assert "ValueError: ?[2J?" in (tmp_path / "out.csv").read_text(encoding="utf-8-sig")
    assert "ValueError: ?[2J?" in (tmp_path / "out.xml").read_text(encoding="utf-8")


def one_copy(course: Path, folder: Path, limits: Limits = SMALL, **changes: str) -> Graded:
    group = HandedIn(folder / "class")
    group.solved("anna", DAY, [DAY], **changes)
    return grade([group.folder], limits=limits, notebooks=course).graded[0]


def test_a_grader_that_is_held_up_holds_it_against_nobody(
    course: Path, the_sample_is_known: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(seconds=4, check=4)
    begun, size = tmp_path / "begun", Rooms.size
    held_up: list[Room] = []

    def slow(rooms: Rooms, room: Room) -> int:
        if begun.exists() and not held_up:
            held_up.append(room)
            time.sleep(10)
        return size(rooms, room)

    monkeypatch.setattr(Rooms, "size", slow)
    at_work = pot(f"open({str(begun)!r}, 'w').close()\ntime.sleep(0.5)\nreturn sum(bets)")
    graded = one_copy(course, tmp_path, limits, ex99_1=at_work)
    assert held_up
    assert [(grade.state, grade.detail) for grade in graded.grades.values()] == [("done", "")] * 3


def test_what_a_copy_said_last_is_heard_after_its_end(
    course: Path, the_sample_is_known: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(queue.Queue[Any]):
        def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
            time.sleep(0.5)
            super().put(item, block, timeout)

    monkeypatch.setattr("queue.Queue", Slow)
    # The process ends by itself long before the grader has heard of the first answer.
    graded = one_copy(course, tmp_path)
    assert [(grade.state, grade.detail) for grade in graded.grades.values()] == [("done", "")] * 3


def test_an_interrupt_while_the_copies_are_handed_out_ends_those_that_run(
    course: Path, the_sample_is_known: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = HandedIn(tmp_path)
    for name in ("anna", "ben"):
        group.cells(name, FILE, pot("time.sleep(1_000_000)"))
    submit = ThreadPoolExecutor.submit

    def interrupted(pool: ThreadPoolExecutor, work: Any, copy: Copy) -> Any:
        if copy.learner == "ben":
            wait_until(_copies, "the first copy to run")
            raise KeyboardInterrupt
        return submit(pool, work, copy)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        grade([group.folder], limits=SMALL, notebooks=course)
    assert _copies() == []


def test_a_server_that_is_named_by_variables_is_found_by_the_copies_too(
    course: Path, the_sample_is_known: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = conninfo_to_dict(os.environ["EVENTSTORE_URL"])
    monkeypatch.setenv("EVENTSTORE_URL", f"postgresql:///{given['dbname']}")
    for name, key in (("PGHOST", "host"), ("PGPORT", "port"), ("PGUSER", "user"), ("PGPASSWORD", "password")):
        monkeypatch.setenv(name, str(given.get(key) or ""))
    graded = one_copy(course, tmp_path)
    assert graded.failed == []
    assert [grade.state for grade in graded.grades.values()] == ["done"] * 3


def _copies() -> list[str]:
    return [copy for _, copy in processes.marked() if copy.startswith(f"{os.getpid()}_")]


def test_own_checks_ask_more_as_the_guide_says(tmp_path: Path) -> None:
    [example] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "day01.py").write_text(example, encoding="utf-8")
    day = next(day for day in read_days(NOTEBOOKS / "src") if day.number == 1)
    right = next(solved(cell.source) for cell in day.cells if cell.exercise == "1.1")
    nearly = f"{right}\nright = units\ndef units(text):\n    return right(text) if text[:2] != '00' else 0"
    group = HandedIn(tmp_path / "class")
    group.cells("mona", f"{day.name}.ipynb", nearly)
    found = grade([group.folder], checks=tmp_path / "own").graded[0].grades["1.1"]
    said = 'zeros in front change nothing: got 0 from units("007.5"), expected 750'
    assert (found.state, found.detail) == ("not yet", said)


def test_own_checks_that_cannot_be_used_are_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(OwnChecksError, match=r"holds no checks: name them day03.py"):
        read_checks(tmp_path, [])
    example = GUIDE.split("```python\n")[1].split("```")[0]
    (tmp_path / "day01.py").write_text(example, encoding="utf-8")
    with pytest.raises(OwnChecksError, match=r"day01.py checks 1.1, and the course has no such exercise"):
        read_checks(tmp_path, [])
    (tmp_path / "day01.py").write_text("EXERCISES = (", encoding="utf-8")
    with pytest.raises(OwnChecksError, match=r"day01.py cannot be used: SyntaxError"):
        read_checks(tmp_path, [])


def test_folders_are_told_apart(tmp_path: Path) -> None:
    group = HandedIn(tmp_path)
    for name in ("monday/anna", "tuesday/anna", "tuesday/[b]ö\x07"):
        group.cells(name, FILE, "")
    named, _ = find_learners([tmp_path / "monday", tmp_path / "tuesday"])
    assert list(named) == ["[b]ö?", "monday/anna", "tuesday/anna"]
    assert list(find_learners([tmp_path / "monday" / "anna"])[0]) == ["anna"]
    with pytest.raises(NothingToGradeError, match="nothing was handed in"):
        find_learners([tmp_path])
    with pytest.raises(NothingToGradeError, match="is no folder"):
        find_learners([tmp_path / "nowhere"])


def test_a_day_that_does_not_exist_is_refused(course: Path, tmp_path: Path) -> None:
    HandedIn(tmp_path).cells("anna", FILE, "")
    with pytest.raises(NothingToGradeError, match="there is no day 7: there are 99"):
        grade([tmp_path], days={7}, notebooks=course)


def test_a_role_that_may_not_make_roles_is_told_which_right_it_lacks() -> None:
    url = os.environ["EVENTSTORE_URL"]
    rooms = Rooms(url, processes.new_run())
    try:
        poor = rooms.make()
        with pytest.raises(ClassroomError, match="lacks CREATEROLE and CREATEDB"):
            Rooms(poor.url, processes.new_run())
    finally:
        rooms.close()


def test_a_damaged_notebook_of_the_course_ends_the_command_with_what_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    solved = next((NOTEBOOKS / "solutions").glob("day03*.ipynb"))
    (tmp_path / "solutions").mkdir()
    shutil.copy(solved, tmp_path / "solutions")
    (tmp_path / solved.name).write_text("<<<<<<< HEAD", encoding="utf-8")
    monkeypatch.setattr("workbook.grading.run.read_course", lambda _: read_course(tmp_path))
    refused = CliRunner().invoke(app, ["grade", str(tmp_path)])
    assert refused.exit_code == 1
    assert "python3 -m workbook build 3" in refused.output


def test_the_command_says_with_its_exit_code_whether_it_could_grade(tmp_path: Path) -> None:
    (tmp_path / "stub").mkdir()
    shutil.copy(next(NOTEBOOKS.glob("day00*.ipynb")), tmp_path / "stub")
    graded = CliRunner().invoke(app, ["grade", str(tmp_path), "--csv", str(tmp_path / "out.csv")])
    assert graded.exit_code == 0, graded.output
    assert "1 learner, 1 copy, 3 answers: 3 to do." in graded.output
    assert (tmp_path / "out.csv").exists()
    for wrong, said in (
        ([str(tmp_path / "nowhere")], "is no folder: name a learner's folder"),
        ([str(tmp_path), "--days", "two"], "--days two says no days: write 3, or 1-3, or 2,5"),
        ([str(tmp_path), "--days", "5-3"], "--days 5-3 says no days: write 3, or 1-3, or 2,5"),
        ([str(tmp_path), "--csv", str(tmp_path / "no" / "out.csv")], "cannot be written: there is no folder"),
        ([str(tmp_path), "--checks", str(tmp_path)], "holds no checks: name them day03.py"),
    ):
        refused = CliRunner().invoke(app, ["grade", *wrong])
        assert refused.exit_code == 1
        assert said in refused.output


def test_a_role_need_not_be_a_superuser_to_grade() -> None:
    url, name = os.environ["EVENTSTORE_URL"], f"grader {uuid4().hex[:8]}"
    role = sql.Identifier(name)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE CREATEDB PASSWORD 'x'").format(role))
        try:
            rooms = Rooms(make_conninfo(url, user=name, password="x"), processes.new_run())
            room = rooms.make()
            with psycopg.connect(room.url, autocommit=True) as copy:
                copy.execute("CREATE SCHEMA day99_")
                assert rooms.has_schema(room, "day99_")
                rooms.remove(room)
                with pytest.raises(psycopg.OperationalError):
                    copy.execute("SELECT 1")
            assert not _role_exists(room.name)
            rooms.close()
        finally:
            admin.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.fixture
def rooms() -> Iterator[Rooms]:
    rooms = Rooms(os.environ["EVENTSTORE_URL"], processes.new_run())
    yield rooms
    rooms.close()


def test_a_copy_cannot_put_its_own_function_into_what_the_grader_asks_with_more_rights(rooms: Rooms) -> None:
    room = rooms.make()
    with psycopg.connect(room.url, autocommit=True) as copy:
        copy.execute(
            """
            CREATE FUNCTION public.starts_with(name, text) RETURNS boolean LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'this ran as %', current_user;
            END
            $$
            """
        )
    assert not rooms.has_schema(room, "day99_")


def test_a_role_that_owns_something_in_another_database_is_dropped_too(rooms: Rooms) -> None:
    room = rooms.make()
    with psycopg.connect(os.environ["EVENTSTORE_URL"]) as admin:
        other = f"{PREFIX}other_{uuid4().hex[:8]}"
        admin.autocommit = True
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(other)))
        try:
            with psycopg.connect(make_conninfo(room.url, dbname=other)) as copy:
                copy.execute("SELECT lo_create(0)")
            rooms.remove(room)
            assert not _role_exists(room.name)
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(other)))


def test_a_room_that_is_slow_to_remove_keeps_nobody_from_looking_at_the_others(rooms: Rooms) -> None:
    slow, other = rooms.make(), rooms.make()
    with ThreadPoolExecutor() as pool, psycopg.connect(os.environ["EVENTSTORE_URL"]) as holds:
        holds.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(slow.name)))
        removed = pool.submit(rooms.remove, slow)
        try:
            wait_until(lambda: _somebody_waits_for(holds.info.backend_pid), "the removal to wait")
            assert pool.submit(rooms.size, other).result(timeout=10) > 0
            assert not removed.done()
        finally:
            holds.rollback()
        removed.result()


def _somebody_waits_for(session: int) -> bool:
    with psycopg.connect(os.environ["EVENTSTORE_URL"]) as connection:
        return bool(
            connection.execute(
                """
                SELECT
                FROM pg_stat_activity
                WHERE %s = ANY (pg_blocking_pids(pid))
                """,
                (session,),
            ).rowcount
        )


def test_what_a_statement_writes_aside_has_a_bound() -> None:
    rooms = Rooms(os.environ["EVENTSTORE_URL"], processes.new_run(), disk=1_000_000)
    try:
        with (
            psycopg.connect(rooms.make().url) as copy,
            pytest.raises(psycopg.errors.ConfigurationLimitExceeded, match="temp_file_limit"),
        ):
            copy.execute("SELECT n FROM generate_series(1, 1_000_000) AS n ORDER BY n DESC")
    finally:
        rooms.close()


APART = """
import os, subprocess, sys, time
asleep = [sys.executable, "-c", "import time; time.sleep(600)"]
print(subprocess.Popen(asleep, start_new_session=True, env={"PATH": os.environ["PATH"]}).pid, flush=True)
time.sleep(600)
"""


def test_a_process_in_a_session_and_with_an_environment_of_its_own_is_ended_too(tmp_path: Path) -> None:
    for folder in (processes.WORK, processes.HOME):
        (tmp_path / folder).mkdir()
    copy = f"{processes.new_run()}_1"
    process = processes.start([sys.executable, "-c", APART], tmp_path, processes.environment(copy, tmp_path))
    assert process.stdout is not None
    apart = psutil.Process(int(process.stdout.readline()))
    processes.kill_all(process, copy)
    process.stdout.close()
    try:
        wait_until(lambda: not _runs(apart.pid), "the process to be gone")
    finally:
        if apart.is_running():
            apart.kill()


NO_TERMINAL = """
import sys
from dataclasses import replace
from pathlib import Path
from workbook.grading import processes
folder = Path(sys.argv[1])
look = "import sys\\ntry:\\n    open('/dev/tty', 'w')\\nexcept OSError:\\n    print('none')\\nelse:\\n    print('one')"
process = processes.start([sys.executable, "-c", look], folder, processes.environment("1_1_1_1", folder))
(folder / "seen").write_bytes(process.communicate()[0])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no terminals of this kind")
def test_a_copy_cannot_write_onto_the_terminal_of_the_grader(tmp_path: Path) -> None:
    import pty

    for folder in (processes.WORK, processes.HOME):
        (tmp_path / folder).mkdir()
    grader, terminal = pty.fork()
    if grader == 0:
        os.execv(sys.executable, [sys.executable, "-c", NO_TERMINAL, str(tmp_path)])
    try:
        os.waitpid(grader, 0)
    finally:
        os.close(terminal)
    assert (tmp_path / "seen").read_text(encoding="utf-8") == "none\n"


def test_a_process_with_a_mark_that_is_none_of_ours_is_left_alone() -> None:
    asleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    strangers = [
        subprocess.Popen(asleep, env=dict(os.environ, **{processes.VARIABLE: mark})) for mark in ("1", "a_b_c")
    ]
    try:
        processes.clear_after_killed_runs()
        assert all(_runs(stranger.pid) for stranger in strangers)
    finally:
        for stranger in strangers:
            stranger.kill()
            stranger.wait()


LEFT_BEHIND = """
import os, subprocess, sys, tempfile, time
from workbook.grading import processes
from workbook.grading.rooms import Rooms
run = processes.new_run()
rooms = Rooms(os.environ["EVENTSTORE_URL"], run)
room = rooms.make()
folder = tempfile.mkdtemp(prefix=f"{processes.PREFIX}{run}_")
command = [sys.executable, "-c", "import time; time.sleep(600)"]
process = subprocess.Popen(command, env=dict(os.environ, **{processes.VARIABLE: f"{run}_1"}))
print(room.name, folder, process.pid, flush=True)
time.sleep(600)
"""


def test_what_a_killed_run_has_left_is_cleared_away_by_the_next() -> None:
    killed = subprocess.Popen([sys.executable, "-c", LEFT_BEHIND], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8")
    assert killed.stdout is not None
    name, folder, pid = killed.stdout.readline().split()
    processes.clear_after_killed_runs()
    rooms = Rooms(os.environ["EVENTSTORE_URL"], processes.new_run())
    rooms.close()
    assert _runs(int(pid)), "a run that is alive is left alone"
    assert Path(folder).exists()
    assert _role_exists(name)
    killed.kill()
    killed.wait()
    killed.stdout.close()
    wait_until(lambda: _clear() and not _role_exists(name), "the role to be dropped")
    assert not Path(folder).exists()
    wait_until(lambda: not _runs(int(pid)), "the process to be gone")


def _runs(pid: int) -> bool:
    try:
        # In a container nobody may ask what became of an orphan.
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _clear() -> bool:
    processes.clear_after_killed_runs()
    Rooms(os.environ["EVENTSTORE_URL"], processes.new_run()).close()
    return True


def _role_exists(name: str) -> bool:
    with psycopg.connect(os.environ["EVENTSTORE_URL"]) as connection:
        return connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,)).rowcount == 1
