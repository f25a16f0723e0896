"""Thirty copies of a real day, right, wrong, and doing harm, graded in one go. Only under --long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from handed_in import CHEAT, DROP_ALL, HandedIn
from waiting import wait_until

from workbook.exercise import of_day
from workbook.grading import processes, report
from workbook.grading.grades import Limits
from workbook.grading.rooms import PREFIX
from workbook.grading.run import grade
from workbook.paths import NOTEBOOKS, ROOT
from workbook.source import read_days, solved

DAYS = read_days(NOTEBOOKS / "src")
DAY = next(day for day in DAYS if day.number == 3)
# Patience for the checks, because other tests run beside. What hangs here hangs in a cell.
LIMITS = Limits(seconds=60, check=300, memory=700_000_000, disk=40_000_000)
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs the processes and signals of POSIX")

# What stands in the cell of Exercise 3.2 in a copy that is right otherwise, how 3.2 then stands, and what is said.
HARM = {
    "ends itself": ("import os; os._exit(0)", "crashed", "ended the process (exit code 0)"),
    "segfault": ("import ctypes; ctypes.string_at(0)", "crashed", "ended by SIGSEGV"),
    "kills its group": ("import os, signal; os.killpg(0, signal.SIGKILL)", "crashed", "ended by SIGKILL"),
    "endless loop": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "timed out",
        "still",
    ),
    "memory": ("big = []\nwhile True: big.append(bytes(range(256)) * 400_000)", "over limit", "more than 700 MB"),
    "files": (
        "for n in range(100): open(str(n), 'wb').write(bytes(10 ** 6))\nwhile True: pass",
        "over limit",
        "40 MB in",
    ),
    "many files": ("for n in range(20_000): open(str(n), 'w').close()\nwhile True: pass", "over limit", "10,000 files"),
    "processes": (
        "import os, time\nfor _ in range(60):\n    if os.fork() == 0: time.sleep(600)\ntime.sleep(600)",
        "over limit",
        "more than",
    ),
    "database": (
        "with day.connection() as c:\n    c.execute('CREATE TABLE flood (t text)')\n    while True:\n"
        '        c.execute("INSERT INTO flood SELECT repeat(md5(n::text), 30) FROM generate_series(1, 5000) AS n")',
        "over limit",
        "40 MB in its database",
    ),
}
# What does harm to nobody, not even to the answers.
HARMLESS = {
    "cheat": CHEAT,
    "drop all": DROP_ALL,
    "daemon": (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(600)\n    os._exit(0)"
    ),
    "prints": "for _ in range(100_000): print('done ' * 20)",
    "removes its home": "import os, shutil; shutil.rmtree(os.path.expanduser('~'), ignore_errors=True)",
    "exits": "import sys; sys.exit(0)",
}


@posix_only
@pytest.mark.timeout(3_000)
def test_a_class_of_thirty(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if not request.config.getoption("--long"):
        pytest.skip("a class of thirty takes some minutes: it is graded under --long")
    group = HandedIn(tmp_path / "class")
    expected: dict[str, dict[str, tuple[str, str]]] = {}
    done = {f"3.{place}": ("done", "") for place in (1, 2, 3, 4)}
    solutions = {cell.exercise: solved(cell.source) for cell in DAY.cells if "exercise" in cell.tags}
    for exercise in of_day(3):
        for place, wrong in enumerate(exercise.wrong):
            name = f"wrong {exercise.number} {place}"
            answer = wrong.cell(solutions[exercise.number])
            group.solved(name, DAY, DAYS, **{f"ex{exercise.number.replace('.', '_')}": answer})
            # Exercises that build on this one may fail with it, as they do in the notebook.
            expected[name] = {exercise.number: ("not yet", ":")}
    for name, (harm, state, detail) in HARM.items():
        # The harm stands in the cell of the exercise, so this is the answer that is lost, and only this one.
        group.solved(name, DAY, DAYS, ex3_2=f"# Exercise 3.2\n{harm}\n{solutions['3.2']}")
        expected[name] = done | {"3.2": (state, detail)}
    for name, cell in HARMLESS.items():
        group.solved(name, DAY, DAYS, ex3_2=f"{solutions['3.2']}\n{cell}")
        expected[name] = done
    for name in ("right", "right too"):
        group.solved(name, DAY, DAYS)
        expected[name] = done
    result = grade([group.folder], limits=LIMITS)
    report.print_result(result)
    assert len(result.graded) >= 30
    for graded in result.graded:
        for number, (state, detail) in expected[graded.copy.learner].items():
            found = graded.grades[number]
            assert found.state == state, f"{graded.copy.learner}: {number} {found}, {graded.notes}"
            assert detail in found.detail, f"{graded.copy.learner}: {number} {found}"
    notes = {graded.copy.learner: graded.notes for graded in result.graded}
    assert "dropped the schema of its day" in notes["drop all"]
    assert not [copy for _, copy in processes.marked() if copy.startswith(f"{os.getpid()}_")]


@posix_only
@pytest.mark.parametrize("asked", ["SIGINT", "SIGTERM"])
def test_whoever_asks_it_to_end_finds_nothing_left(request: pytest.FixtureRequest, tmp_path: Path, asked: str) -> None:
    if not request.config.getoption("--long"):
        pytest.skip("waits for copies to start: tried under --long")
    group = HandedIn(tmp_path)
    for name in ("anna", "ben"):
        group.cells(name, f"{DAY.name}.ipynb", "# Exercise 3.2\nimport time\ndef act(): 1\ntime.sleep(600)")
    command = [sys.executable, "-m", "workbook.cli", "grade", str(tmp_path), "--at-once", "2"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    mine = f"{process.pid}_"
    wait_until(
        lambda: len([copy for _, copy in processes.marked() if copy.startswith(mine)]) == 2, "two copies at work"
    )
    process.send_signal(signal.Signals[asked])
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "Stopped. All that was running has been ended and cleared away.\n"
    assert not [copy for _, copy in processes.marked() if copy.startswith(mine)]
    with psycopg.connect(os.environ["EVENTSTORE_URL"]) as connection:
        left = connection.execute("SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)", (f"{PREFIX}{mine}",))
        assert left.fetchall() == []
