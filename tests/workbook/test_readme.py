"""What the README says is true: its code runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")

HAND = """
variant = "NT"
antes = [0, 0, 0]
blinds_or_straddles = [50, 100, 0]
min_bet = 100
starting_stacks = [10000, 10000, 10000]
actions = ["d dh p1 ????", "d dh p2 ????", "d dh p3 ????", "p3 cbr 300", "p1 f", "p2 f"]
"""


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of an empty database, since the README's code works in the schema public."""
    url, name = os.environ["EVENTSTORE_URL"], f"readme_{uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield make_conninfo(**conninfo_to_dict(url) | {"dbname": name})
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.DOTALL), ids=["analyst", "package"])
def test_the_code_runs(code: str, database: str, tmp_path: Path) -> None:
    (tmp_path / "FOLDER").mkdir()
    (tmp_path / "FOLDER" / "hand.phh").write_text(HAND, encoding="utf-8")
    environment = os.environ | {"EVENTSTORE_URL": database}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("module", ["eventstore", "poker", "workbook"])
def test_the_commands_exist(module: str) -> None:
    named = set(re.findall(rf"python3? -m (?:workbook run )?{module} (\w[\w-]*)", README)) - {"run"}
    named |= {"down", "status"} if module == "eventstore" else set()
    runnable = f"{module}.cli" if module == "workbook" else module
    for command in named:
        done = subprocess.run(
            [sys.executable, "-m", runnable, command, "--help"], capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, f"{module} {command}: {done.stderr}"
    assert named


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!https?:)([^)]+)\)", README))))
def test_the_links_lead_somewhere(link: str) -> None:
    assert (CHECKOUT / link).exists()


def test_the_map_of_days_is_the_days_that_exist() -> None:
    listed = re.findall(r"\(notebooks/(day\w+)\.ipynb\)", README)
    assert listed == sorted(path.stem for path in (CHECKOUT / "notebooks" / "src").glob("day*.py"))
