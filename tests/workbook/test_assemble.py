"""The learner's notebooks add up to a package that keeps its promises without the reference."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from workbook.assemble import AssembleError, _days, assemble, put_together
from workbook.cli import app
from workbook.contract import promises
from workbook.kept import Kept, KeptCell, find_kept, read_solutions
from workbook.modules import package_of
from workbook.paths import NOTEBOOKS

SOLVED = NOTEBOOKS / "solutions"
DAYS = [day for day in read_solutions(SOLVED) if day.models]
DAY_1 = "day01_what_is_an_event.ipynb"


class Copy:
    """A learner's folder. Day 1 is solved in it, until a test spoils it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.take(DAY_1)
        self.said: list[str] = []

    def take(self, name: str, source: Path = SOLVED) -> None:
        shutil.copy(source / name, self.folder)

    def change(self, edit: Callable[[list[Any]], object], name: str = DAY_1) -> None:
        """Change the cells of a notebook."""
        path = self.folder / name
        notebook = json.loads(path.read_text(encoding="utf-8"))
        edit(notebook["cells"])
        path.write_text(json.dumps(notebook), encoding="utf-8")

    def replace(self, number: str, old: str, new: str, name: str = DAY_1) -> None:
        """Change the text of the cell of one exercise."""

        def edit(cells: list[Any]) -> None:
            cell = cell_of(cells, number)
            text = "".join(cell["source"])
            assert old in text
            cell["source"] = text.replace(old, new)

        self.change(edit, name)

    def assemble(self, up_to: int | None = None, **limits: float) -> bool:
        self.said.clear()
        return assemble(up_to, copy=self.folder, say=self.said.append, **limits)

    def put_together(self, up_to: int | None = None) -> None:
        """Write the package without trying it."""
        self.said.clear()
        put_together(up_to, copy=self.folder, say=self.said.append)

    def problems(self, up_to: int | None = None) -> list[str]:
        with pytest.raises(AssembleError) as error:
            self.put_together(up_to)
        return str(error.value).splitlines()


def cell_of(cells: list[Any], number: str) -> Any:
    return next(cell for cell in cells if "".join(cell["source"]).startswith(f"# Exercise {number}"))


def code(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}


def in_words(numbers: list[int]) -> str:
    """Which days a package holds, as the command says it."""
    return _days(Kept([KeptCell(day=number, name=f"{number}.1", origin="x.ipynb", source="") for number in numbers]))


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([1], "Day 1"),
        ([1, 2], "Days 1 to 2"),
        ([1, 2, 3, 4, 5, 6], "Days 1 to 6"),
        ([1, 2, 3, 4, 5, 6, 8], "Days 1 to 6 and 8"),
        ([1, 2, 3, 5, 8, 9], "Days 1 to 3 and 5 and 8 to 9"),
    ],
)
def test_a_day_that_keeps_nothing_is_not_named(numbers: list[int], words: str) -> None:
    assert in_words(numbers) == words


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path / "my")


@pytest.mark.parametrize("day", DAYS, ids=lambda day: f"day{day.number}")
def test_after_each_day_the_solutions_keep_every_promise_up_to_it(
    day: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if day not in (DAYS[0], DAYS[-1]) and not request.config.getoption("--long"):
        pytest.skip("the days in between are tried with --long: the last one holds what they gave")
    copy = Copy(tmp_path / "a copy ü")
    for other in DAYS:
        if other.number <= day.number:
            copy.take(other.name)
    assert copy.assemble(), "\n".join(copy.said)
    holds, *tallies, use = copy.said
    assert use == "A notebook in a copy ü/ can use it: import mystore"
    count = sum(model.exercise for other in DAYS[: DAYS.index(day) + 1] for model in other.models)
    numbers = [other.number for other in DAYS if other.number <= day.number]
    days = in_words(numbers)
    assert holds == f"a copy ü/mystore holds {days}: {count} of {count} exercises are your own."
    asked = sum(int(tally.split()[-3]) for tally in tallies if not tally.startswith("Day 1, in memory"))
    if day.number >= 3:
        assert asked == len(promises(day.number)) + 1, "every promise, and that connect works twice"


def test_half_of_the_exercises_is_filled_from_the_solution_and_named(copy: Copy) -> None:
    copy.take(DAY_1, NOTEBOOKS)
    solved = {}
    copy.change(lambda cells: solved.update(stub="".join(cell_of(cells, "1.2")["source"])))
    copy.replace("1.2", solved["stub"], DAYS[0].models[2].source)
    assert copy.assemble()
    assert copy.said == [
        "1.3 and 1.4 are still to do: the solution stands in for them.",
        "my/mystore holds Day 1: 1 of 3 exercises are your own.",
        "Day 1, in memory: 31 of 31 promises kept",
        "A notebook in my/ can use it: import mystore",
    ]


def test_the_last_day_is_the_last_one_begun(copy: Copy) -> None:
    for day in DAYS[1:]:
        copy.take(day.name, NOTEBOOKS)
    copy.put_together()
    assert not any("Days" in line for line in copy.said)


def test_with_nothing_solved_the_first_day_is_all_solution(copy: Copy) -> None:
    copy.take(DAY_1, NOTEBOOKS)
    copy.put_together()
    assert "my/mystore holds Day 1: 0 of 3 exercises are your own." in copy.said


def test_a_missing_notebook_is_filled_in_and_named(tmp_path: Path) -> None:
    copy = Copy(tmp_path / "my")
    (copy.folder / DAY_1).unlink()
    copy.put_together(1)
    assert copy.said[0] == f"{DAY_1} is not in my/: the solution stands in for it."


def test_a_wrong_answer_is_named_with_what_was_expected_and_got(copy: Copy) -> None:
    copy.replace("1.4", "            del self._log[length:]\n", "")
    assert not copy.assemble()
    assert (
        "  broken: append many is all or nothing: got [1, 2] from the versions of hand-1, expected []" in copy.said
    ), copy.said
    assert copy.said[1].startswith("Day 1, in memory: ")


def test_an_error_is_named_with_its_cell_and_its_line(copy: Copy) -> None:
    copy.replace("1.3", "        return [\n", "        self.log\n        return [\n")
    assert not copy.assemble()
    assert any(
        line.endswith(f"has no attribute 'log' (1.3, from {DAY_1}, in the line `self.log`)") for line in copy.said
    ), copy.said


def test_a_name_that_only_the_notebook_has_is_named_with_its_exercise(copy: Copy) -> None:
    copy.change(lambda cells: cells.insert(3, code("conn = day.connection()")))
    copy.replace("1.3", "        return [\n", "        conn.execute('SELECT 1')\n        return [\n")
    assert copy.problems() == ["1.3 uses `conn`, which only the notebook has: take it as an argument."]
    assert not (copy.folder / "mystore").exists()


def test_a_helper_in_a_cell_of_its_own_is_asked_for(copy: Copy) -> None:
    copy.change(lambda cells: cells.insert(3, code("def check_it(event):\n    return event\n")))
    copy.replace("1.3", "        return [\n", "        check_it(None)\n        return [\n")
    assert copy.problems() == [
        "1.3 uses `check_it`, which another cell of the notebook defines: move it into this one."
    ]


def test_what_is_tried_out_in_a_kept_cell_is_sent_to_a_cell_of_its_own(copy: Copy) -> None:
    copy.change(lambda cells: cells.insert(3, code("hand = []\n\n\ndef paid():\n    pass")))
    copy.replace("1.3", "# Exercise 1.3, kept\n", "# Exercise 1.3, kept\nprint(hand)\npaid()\n")
    copy.replace("1.4", "class InMemoryEventStore(", 'check("1.3", MemoryLog)\n\n\nclass InMemoryEventStore(')
    assert copy.problems() == [
        "1.3 uses `hand` outside of any function, and only the notebook has it: try things out in a cell of their own.",
        "1.3 uses `paid` outside of any function, and only the notebook has it: try things out in a cell of their own.",
        "1.4 uses `check`, which is for notebooks alone: move it into a cell of its own.",
    ]


def test_a_part_of_the_store_that_uses_the_notebooks_day_is_told_how_to_connect(copy: Copy) -> None:
    copy.replace("1.3", "        return [\n", "        day.connection()\n        return [\n")
    assert copy.problems() == [
        "1.3 uses `day`, which only the notebook has: take a connection from `self.connection()`."
    ]


def test_an_import_from_elsewhere_in_the_notebook_is_asked_for(copy: Copy) -> None:
    copy.change(lambda cells: cells.insert(3, code("import pandas as pd")))
    copy.replace("1.3", "        return [\n", "        pd.DataFrame()\n        return [\n")
    assert copy.problems() == ["1.3 uses `pd`, which another cell imports: import it in this one, too."]


def test_a_name_that_nobody_defines_is_named(copy: Copy) -> None:
    copy.replace("1.3", "        return [\n", "        nonsense()\n        return [\n")
    assert copy.problems() == ["1.3 uses `nonsense`, which nothing defines."]


def test_what_the_notebook_imports_on_top_comes_along(copy: Copy) -> None:
    copy.change(lambda cells: cells.insert(3, code("import json as j, math\nfrom collections import Counter")))
    copy.replace("1.3", "        return [\n", "        Counter(), j.dumps(math.pi), json.dumps(1)\n        return [\n")
    copy.put_together()
    text = (copy.folder / "mystore" / "events.py").read_text(encoding="utf-8")
    for statement in ("import json as j", "import math", "from collections import Counter"):
        assert f"\n{statement}\n" in text


def test_lost_tags_and_identities_do_not_matter(copy: Copy) -> None:
    def lose(cells: list[Any]) -> None:
        for cell in cells:
            cell["metadata"] = {}
            cell.pop("id", None)

    copy.change(lose)
    copy.put_together()
    assert "my/mystore holds Day 1: 3 of 3 exercises are your own." in copy.said


def test_a_lost_first_line_does_not_matter(copy: Copy) -> None:
    copy.replace("1.3", "# Exercise 1.3, kept\n", "")
    copy.put_together()
    assert "my/mystore holds Day 1: 3 of 3 exercises are your own." in copy.said


def test_a_cell_that_is_gone_is_filled_in_and_named(copy: Copy) -> None:
    copy.change(lambda cells: cells.remove(cell_of(cells, "1.4")))
    copy.put_together()
    assert copy.said[0] == f"1.4 is missing in {DAY_1}: the solution stands in for it."


def test_the_last_of_several_tries_counts_wherever_it_stands(copy: Copy) -> None:
    copy.change(
        lambda cells: cells.insert(3, code("# Exercise 1.4\nclass InMemoryEventStore(MemoryLog):\n    first = True"))
    )
    shutil.copy(copy.folder / DAY_1, copy.folder / "my copy.ipynb")
    copy.put_together()
    assert copy.said[0] == f"1.4 is written 2 times in {DAY_1}: the last one is taken."
    assert "first = True" not in (copy.folder / "mystore" / "events.py").read_text(encoding="utf-8")
    # In the notebook of the day it is open again, but the copy has it.
    copy.take(DAY_1, NOTEBOOKS)
    copy.put_together()
    assert "my/mystore holds Day 1: 3 of 3 exercises are your own." in copy.said


def test_two_cells_merged_into_one_are_taken_once(copy: Copy) -> None:
    def merge(cells: list[Any]) -> None:
        first, second = cell_of(cells, "1.3"), cell_of(cells, "1.4")
        first["source"] = "".join(first["source"]) + "\n\n" + "".join(second["source"])
        cells.remove(second)

    copy.change(merge)
    copy.put_together()
    assert (copy.folder / "mystore" / "events.py").read_text(encoding="utf-8").count("class MemoryLog") == 1
    assert "my/mystore holds Day 1: 3 of 3 exercises are your own." in copy.said


def test_a_cell_that_does_not_parse_is_named_with_notebook_and_line(copy: Copy) -> None:
    copy.replace("1.4", "    def append_many(self, events):", "    def append_many(self, events)")
    copy.put_together()
    [note] = [line for line in copy.said if line.startswith("1.4 does not parse")]
    assert f"of its cell in {DAY_1}): the solution stands in for it." in note
    line = DAYS[0].models[-1].source.splitlines().index("    def append_many(self, events):") + 1
    assert f" in line {line} of " in note


@pytest.mark.parametrize("broken", ["", "no notebook at all", "<<<<<<< HEAD\n{}", "[]", '{"cells": [{}]}', '"text"'])
def test_a_broken_notebook_is_filled_in_and_named(copy: Copy, broken: str) -> None:
    (copy.folder / DAY_1).write_text(broken, encoding="utf-8")
    copy.put_together(1)
    assert copy.said[0].startswith(f"{DAY_1} cannot be read as a notebook (")
    assert copy.said[0].endswith("): the solution stands in for it.")
    assert not any("is not in my/" in line for line in copy.said), "it is there"
    assert "my/mystore holds Day 1: 0 of 3 exercises are your own." in copy.said


def test_a_class_of_another_name_is_named(copy: Copy) -> None:
    copy.replace("1.4", "class InMemoryEventStore(", "class MyStore(")
    copy.put_together()
    assert copy.said[0] == "1.4 does not define `InMemoryEventStore`: the solution stands in for it."


def test_magics_are_left_out_and_sql_that_looks_like_them_is_not(copy: Copy) -> None:
    copy.replace("1.4", "# Exercise 1.4, kept\n", "%%time\n# Exercise 1.4, kept\n!ls\nMemoryLog?\n")
    copy.replace("1.3", "# Exercise 1.3, kept\n", '# Exercise 1.3, kept\nSQL = """SELECT\n%s::int\n"""\n')
    assert copy.assemble()
    assert "my/mystore holds Day 1: 3 of 3 exercises are your own." in copy.said
    text = (copy.folder / "mystore" / "events.py").read_text(encoding="utf-8")
    assert "\n%s::int\n" in text
    assert "!ls" not in text


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("from eventstore import PostgresEventStore", "`PostgresEventStore` from eventstore, which you have not kept"),
        (
            "from eventstore.appending import Appending",
            "`Appending` from eventstore.appending, which you have not kept",
        ),
        ("from eventstore import *", "`*` from eventstore, which you have not kept"),
        ("import eventstore.postgres as mine", "eventstore.postgres"),
        ("from workbook.workspace import scratch", "workbook.workspace"),
    ],
)
def test_the_reference_does_not_count(copy: Copy, line: str, problem: str) -> None:
    copy.replace("1.4", "# Exercise 1.4, kept\n", f"# Exercise 1.4, kept\n{line}\n")
    assert copy.problems()[0] == (
        f"1.4 imports {problem}: from eventstore import only what you have kept on this day or before."
    )


def test_inheriting_from_the_imported_package_is_refused(copy: Copy) -> None:
    copy.replace(
        "1.4", "class InMemoryEventStore(MemoryLog)", "class InMemoryEventStore(eventstore.InMemoryEventStore)"
    )
    assert copy.problems() == [
        "1.4 uses `eventstore`, the package itself: "
        "from eventstore import only what you have kept on this day or before."
    ]


def test_there_is_no_way_around_it_either(copy: Copy) -> None:
    copy.replace("1.4", "# Exercise 1.4, kept\n", "# Exercise 1.4, kept\n__import__('eventstore')\n")
    assert not copy.assemble()
    assert copy.said[-1] == (
        "  broken: it can be imported: ModuleNotFoundError: a store of your own does without the package eventstore"
        f" (1.4, from {DAY_1}, in the line `__import__('eventstore')`)"
    )


def test_a_cell_that_does_not_finish_is_named_with_its_line(copy: Copy) -> None:
    copy.replace("1.4", "# Exercise 1.4, kept\n", "# Exercise 1.4, kept\nwhile True:\n    x = 1\n")
    assert not copy.assemble(seconds=2)
    assert copy.said[-1].startswith("  broken: it can be imported: still running after 2 s (1.4, from day01")


def test_a_promise_that_does_not_finish_leaves_the_others_their_turn(copy: Copy) -> None:
    # In the first promise that asks it, and in no other.
    hangs = "        MemoryLog.asked = getattr(MemoryLog, 'asked', self)\n        while MemoryLog.asked is self: pass\n"
    copy.replace("1.3", "    def exists(self, aggregate_id):\n", f"    def exists(self, aggregate_id):\n{hangs}")
    assert not copy.assemble(seconds=1)
    tally = next(line for line in copy.said if line.startswith("Day 1, in memory: "))
    assert int(tally.split()[4]) == 30
    assert any("still running after 1 s (1.3, from" in line for line in copy.said)
    assert not any("not tried" in line for line in copy.said)


def test_who_hangs_again_and_again_is_not_waited_for_all_night(copy: Copy) -> None:
    copy.replace("1.3", "        return [\n", "        while True: pass\n        return [\n")
    assert not copy.assemble(seconds=0.5)
    tally = next(line for line in copy.said if line.startswith("Day 1, in memory: "))
    broken = [line for line in copy.said if "still running after 0.5 s (1.3, from" in line]
    assert len(broken) == 3
    untried = 31 - int(tally.split()[6])
    assert untried > 0
    assert copy.said[-1] == f"  not tried: {untried} more promises. First mend what does not finish."


def test_a_process_that_ends_is_reported(copy: Copy) -> None:
    copy.replace("1.3", "# Exercise 1.3, kept\n", "# Exercise 1.3, kept\nimport os\nprint('bye', flush=True)\n")
    copy.replace("1.3", "        return [\n", "        os._exit(3)\n        return [\n")
    assert not copy.assemble()
    assert copy.said[-1].endswith("ended the process (bye)")


def test_a_trial_that_breaks_off_is_no_success(copy: Copy) -> None:
    copy.replace("1.3", "# Exercise 1.3, kept\n", "# Exercise 1.3, kept\nimport sys, threading\n")
    thread = "threading.Timer(0, lambda: sys.modules['os']._exit(0))"
    copy.replace("1.3", "        return [\n", f"        {thread}.start()\n        return [\n")
    assert not copy.assemble()
    assert copy.said[-1].endswith(": ended the process")


def test_what_cells_print_is_not_taken_for_the_report(copy: Copy) -> None:
    copy.replace("1.3", "# Exercise 1.3, kept\n", '# Exercise 1.3, kept\nprint(\'{"about": "x", "promise": "y"}\')\n')
    assert copy.assemble()


def test_nothing_is_written_beside_the_package_and_nothing_stale_stays_in_it(copy: Copy) -> None:
    own = copy.folder / "notes.py"
    own.write_text("mine", encoding="utf-8")
    before = {path: path.read_bytes() for path in copy.folder.rglob("*") if path.is_file()}
    copy.put_together(1)
    package = copy.folder / "mystore"
    (package / "my own notes.txt").write_text("mine", encoding="utf-8")
    files = {path.name for path in package.iterdir()}
    assert files == {".made-by-assemble.json", "__init__.py", "events.py", "my own notes.txt"}
    if len(DAYS) > 2:
        copy.put_together(3)
        assert {path.name for path in package.glob("*.py")} == {
            *("__init__.py", "events.py", "database.py", "appending.py", "store.py")
        }
        assert list((package / "sql").iterdir())
        copy.put_together(1)
    assert {path.name for path in package.iterdir()} == files
    outside = [path for path in copy.folder.rglob("*") if path.is_file() and package not in path.parents]
    assert {path: path.read_bytes() for path in outside} == before


def test_what_was_changed_by_hand_is_put_aside_and_named(copy: Copy) -> None:
    copy.put_together()
    module = copy.folder / "mystore" / "events.py"
    made = module.read_text(encoding="utf-8")
    module.write_text("# mine\n", encoding="utf-8")
    copy.put_together()
    assert module.read_text(encoding="utf-8") == made
    assert module.with_name("events.py.changed").read_text(encoding="utf-8") == "# mine\n"
    assert copy.said[0] == (
        "mystore/events.py had been changed by hand: that version is now mystore/events.py.changed."
    )
    copy.put_together()
    assert "changed by hand" not in copy.said[0]


def test_a_folder_of_somebody_else_is_left_alone(copy: Copy) -> None:
    folder = copy.folder / "mystore"
    folder.mkdir()
    (folder / "events.py").write_text("mine", encoding="utf-8")
    assert copy.problems() == ["my/mystore was not made by this command: give it another name"]
    assert [path.name for path in folder.iterdir()] == ["events.py"]


def test_a_day_that_does_not_exist_is_refused(copy: Copy) -> None:
    assert copy.problems(77)[0].startswith("no day 77 that keeps anything: there are 1")


def test_the_package_can_be_imported_and_used(copy: Copy) -> None:
    assert copy.assemble()
    program = (
        "import mystore\n"
        "store = mystore.InMemoryEventStore()\n"
        "store.append(mystore.DomainEvent(event_type='game.created', aggregate_id='a', version=1, event_data={}))\n"
        "print(store.get_latest_version('a'), mystore.__all__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=copy.folder, capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.startswith("1 ['DomainEvent', 'EventMetadata', ")


def test_day_1_shows_what_the_command_says(copy: Copy) -> None:
    assert copy.assemble()
    lesson = (NOTEBOOKS / DAY_1).read_text(encoding="utf-8")
    for line in copy.said:
        assert line in lesson


@pytest.mark.parametrize("kept", [True, False])
def test_the_command_tells_by_its_exit_code(kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int | None] = []
    monkeypatch.setattr("workbook.assemble.assemble", lambda day: asked.append(day) or kept)
    assert CliRunner().invoke(app, ["assemble", "3"]).exit_code == (0 if kept else 1)
    assert CliRunner().invoke(app, ["assemble"]).exit_code == (0 if kept else 1)
    assert asked == [3, None]


def test_the_command_reports_what_is_wrong_in_short(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(day: int | None) -> bool:
        raise AssembleError("1.3 uses `conn`.")

    monkeypatch.setattr("workbook.assemble.assemble", refuse)
    done = CliRunner().invoke(app, ["assemble"])
    assert (done.exit_code, done.stderr) == (1, "1.3 uses `conn`.\n")


def package(*cells: tuple[int, str]) -> Any:
    """Modules of a few cells, without notebooks."""
    kept = Kept([KeptCell(day=day, name=f"{day}.1", origin="x.ipynb", source=source) for day, source in cells])
    return package_of(kept, {day: "A day" for day, _ in cells})


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ("from eventstore import A\nx = A", "from .events import A\nx = A"),
        (
            "from eventstore import A as Z, B\nx = A_ = Z, B",
            "from .events import A as Z; from .events import B\nx = A_ = Z, B",
        ),
        (
            "from eventstore import (\n    A,  # one\n    B,\n)\nx = A, B",
            "from .events import A; from .events import B\nx = A, B",
        ),
        ("import json; from eventstore import A; x = A", "import json; from .events import A; x = A"),
        ("s = 'ü'; from eventstore import A; x = A", "s = 'ü'; from .events import A; x = A"),
        ("def f():\n    from eventstore import A\n    return A", "def f():\n    from .events import A\n    return A"),
        ("def C():\n    pass\nfrom eventstore import C\nx = C", "def C():\n    pass\nx = C"),
        ("def C():\n    pass\nfrom eventstore import C as D\nx = D", "def C():\n    pass\nD = C\nx = D"),
        ("def C():\n    from eventstore import C", "def C():\n    pass"),
        ("from eventstore.errors import A\nx = A", "from .events import A\nx = A"),
        ("x = B", "x = B"),
    ],
)
def test_imports_from_the_package_become_imports_from_earlier_modules(written: str, becomes: str) -> None:
    made = package((1, "class A:\n    pass\n\n\nB = 1\n"), (3, written))
    assert made.problems == []
    assert made.files["appending.py"].rstrip().endswith(f"----\n{becomes}")
    for text in made.files.values():
        compile(text, "module", "exec")


def test_the_future_comes_first() -> None:
    made = package(
        (1, "from __future__ import annotations\n\n\ndef f(x: Later):\n    pass\n\n\nclass Later:\n    pass\n")
    )
    assert made.problems == []
    compile(made.files["events.py"], "module", "exec")
    assert made.files["events.py"].count("from __future__") == 1


def test_a_name_that_is_kept_only_later_is_not_there_yet() -> None:
    made = package((1, "from eventstore import Late\n"), (3, "class Late:\n    pass\n"))
    assert made.problems == [
        "1.1 imports `Late` from eventstore, which you have not kept: "
        "from eventstore import only what you have kept on this day or before"
    ]


def test_the_store_is_made_of_the_parts_that_are_there() -> None:
    parts = {2: "Database", 3: "Appending", 4: "Reading", 6: "Snapshots"}
    cells = [(day, f"class {part}:\n    pass\n") for day, part in parts.items()]
    for count, bases in enumerate(("Database", "Appending, Database", "Reading, Appending, Database"), start=1):
        assert f"class PostgresEventStore({bases}):" in package(*cells[:count]).files["store.py"]
    made = package(*cells)
    assert "class PostgresEventStore(Snapshots, Reading, Appending, Database):" in made.files["store.py"]
    assert '"PostgresEventStore"' in made.files["__init__.py"]
    assert made.parts == ("Snapshots", "Reading", "Appending", "Database")
    assert "bus" not in made.files["store.py"]


def test_a_store_that_publishes_takes_a_bus() -> None:
    made = package((2, "class Database:\n    pass\n"), (8, "class Publishing:\n    pass\n"))
    store = made.files["store.py"]
    assert "from .bus import Publishing\n" in store
    assert "class PostgresEventStore(Publishing, Database):" in store
    assert "def connect(url, *, schema, bus=None):" in store
    assert "    store.bus = bus\n    return store\n" in store
    compile(store, "store.py", "exec")


def test_the_solutions_need_nothing_from_around_their_cells(tmp_path: Path) -> None:
    kept, _ = find_kept(read_solutions(SOLVED), tmp_path, 99)
    kept.around.clear()
    made = package_of(kept, {day.number: day.title for day in DAYS})
    assert made.problems == []
