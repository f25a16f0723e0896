"""What holds for every day: it runs alone, in any order and beside others, and names only what exists."""

import ast
import importlib
import random
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from eventstore.database import sql_files
from workbook import notebooks
from workbook.kept import read_solutions
from workbook.paths import NOTEBOOKS, ROOT

LEARNER = sorted(NOTEBOOKS.glob("day*.ipynb"))
each_day = pytest.mark.parametrize("path", LEARNER, ids=lambda path: path.stem[:5])

# The day on which a lesson shows a file of the schema, where that day may not exist yet.
MET_ON = {
    "040_subscriptions": 9,
    "050_event_totals": 7,
    "100_order": 9,
    "140_recent_events": 7,
    "150_event_statistics": 7,
    "160_subscription_status": 9,
    "application_role": 12,
}

_CREATED = re.compile(
    r"^CREATE (?:OR REPLACE )?(?:UNIQUE )?(?:TABLE|INDEX|FUNCTION|VIEW|TRIGGER)(?: IF NOT EXISTS)? (\w+)", re.MULTILINE
)
_NAMED = re.compile(r"`eventstore((?:\.\w+)+)")
_SQL_FILE = re.compile(r"\bsql/((?:poker/)?\w+)\.sql")


@cache
def notebook(path: Path) -> Any:
    return notebooks.read(path)


@cache
def words(path: Path) -> str:
    """All that a day says, in text and in code."""
    return "\n".join(cell.source for cell in notebook(path).cells)


def syntax(path: Path) -> Iterator[ast.AST]:
    for cell in notebook(path).cells:
        if cell.cell_type == "code":
            bare = "\n".join("pass" if line.startswith(("%", "!")) else line for line in cell.source.splitlines())
            yield from ast.walk(ast.parse(bare))


def test_days_run_in_any_order_and_beside_each_other(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Several learners on one server: two on each day, who begin it together, and two more on another day."""
    everything = request.config.getoption("--long")
    seed = random.randrange(1_000)
    days = random.Random(seed).sample(LEARNER, len(LEARNER) if everything else min(2, len(LEARNER)))
    desks = [(path, tmp_path / f"desk {place}" / "my") for place, path in enumerate(twice(days))]
    with ThreadPoolExecutor(max_workers=4) as pool:
        moved = [line for lines in pool.map(lambda desk: run_again(*desk), desks) for line in lines]
    assert not moved, f"with the seed {seed}:\n" + "\n".join(moved)


def twice(days: list[Path]) -> Iterator[Path]:
    for day in days:
        yield from (day, day)


def run_again(path: Path, folder: Path) -> list[str]:
    """Run a notebook somewhere else and name the cells that do not show what they showed."""
    fresh = notebooks.without_outputs(notebook(path))
    notebooks.execute(fresh, folder)
    return [
        f"{path.name}: {cell.source[:60]!r} shows {notebooks.texts(cell)}, not {notebooks.texts(before)}"
        for cell, before in zip(fresh.cells, notebook(path).cells, strict=True)
        if cell.cell_type == "code"
        and "nbval-ignore-output" not in cell.metadata.get("tags", [])
        and notebooks.texts(cell) != notebooks.texts(before)
    ]


@each_day
def test_every_name_of_the_package_that_a_day_mentions_exists(path: Path) -> None:
    text = words(path) + words(path.parent / "solutions" / path.name)
    mentioned = {dotted.strip(".") for dotted in _NAMED.findall(text)}
    for node in syntax(path):
        if isinstance(node, ast.Attribute) and re.fullmatch(r"eventstore(\.\w+)+", ast.unparse(node)):
            mentioned.add(ast.unparse(node).removeprefix("eventstore."))
    missing = sorted(name for name in mentioned if not exists(name))
    assert not missing, f"{path.name} mentions what eventstore does not have: {', '.join(missing)}"


def exists(dotted: str) -> bool:
    """Whether `eventstore.<dotted>` is a name of the package, or the attribute of one."""
    found: Any = importlib.import_module("eventstore")
    for place, name in enumerate(dotted.split(".")):
        if hasattr(found, name) or name in getattr(found, "__annotations__", {}):
            found = getattr(found, name, None)
            continue
        try:
            found = importlib.import_module(".".join(["eventstore", *dotted.split(".")[: place + 1]]))
        except ImportError:
            return False
    return True


@each_day
def test_every_file_of_the_schema_that_a_day_mentions_exists(path: Path) -> None:
    missing = [name for name in _SQL_FILE.findall(words(path)) if not (ROOT / "sql" / f"{name}.sql").exists()]
    assert not missing, f"{path.name} mentions files that are not there: {', '.join(missing)}"


def test_every_object_of_the_schema_is_met_on_some_day() -> None:
    days = {int(path.name[3:5]) for path in LEARNER}
    if max(days) < 6:
        pytest.skip("the days that meet most of the schema are not all there")
    text = "\n".join(map(words, LEARNER))
    files = {file.name: file.text for file in sql_files()}
    files |= {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "sql").glob("[!0-9]*.sql")}
    unmet = []
    for name, statements in sorted(files.items()):
        if MET_ON.get(name, 0) not in days or is_shown(name, text):
            continue
        objects = [found for found in _CREATED.findall(statements) if not re.search(rf"\b{found}\b", text)]
        if objects or not re.search(rf"\b{name}\b", text):
            unmet.append(f"{name}: {', '.join(objects) or 'the file'}")
    assert not unmet, "met on no day:\n" + "\n".join(unmet)


def is_shown(name: str, text: str) -> bool:
    """Whether some day prints the whole file: its name stands there, or its number."""
    given = rf'"{name}(?:\.sql)?"|{int(name[:3])}' if name[:3].isdigit() else f'"{name}"'
    return re.search(rf"show_sql\((?:{given})\)", text) is not None


def test_kept_cells_can_be_found_again_and_need_only_python_and_psycopg() -> None:
    seen: set[tuple[int, str]] = set()
    for day in read_solutions(NOTEBOOKS / "solutions"):
        for model in day.models:
            where = f"{day.name}: {model.source[:60]!r}"
            assert re.match(r"# (Exercise \d+\.\d+, kept|Kept: .+)\n", model.source), where
            assert (day.number, model.name) not in seen, f"{where} has the name of another cell"
            seen.add((day.number, model.name))
            for node in ast.walk(ast.parse(model.source)):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
                for name in names:
                    root = name.split(".")[0]
                    assert root in {"eventstore", "psycopg", *sys.stdlib_module_names}, f"{where} imports {name}"
