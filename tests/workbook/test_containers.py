"""The files for those who install nothing: Codespaces and other dev containers, and Binder."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import typer
import yaml
from psycopg.conninfo import conninfo_to_dict

from eventstore.embedded import Cluster, binaries, host
from workbook.cli import app
from workbook.paths import NOTEBOOKS, ROOT

DEVCONTAINER = ROOT / ".devcontainer" / "devcontainer.json"
BINDER = ROOT / ".binder"


@pytest.fixture(scope="module")
def container() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(DEVCONTAINER.read_text(encoding="utf-8"))
    return read


@pytest.fixture(scope="module")
def services(container: dict[str, Any]) -> dict[str, Any]:
    """All services of the files that it names, with every variable at its default."""
    found: dict[str, Any] = {}
    for name in container["dockerComposeFile"]:
        text = (DEVCONTAINER.parent / name).read_text(encoding="utf-8")
        found |= yaml.safe_load(re.sub(r"\$\{\w+:-([\w.]+)\}", r"\1", text))["services"]
    return found


def test_the_container_finds_postgresql_ready(container: dict[str, Any], services: dict[str, Any]) -> None:
    course = services[container["service"]]
    address = conninfo_to_dict(course["environment"]["EVENTSTORE_URL"])
    server = services[str(address["host"])]
    assert server["image"] == "postgres:18"
    assert address["port"] == "5432", "beside the server, it is its own port that counts"
    assert server["environment"]["POSTGRES_USER"] == address["user"]
    assert server["environment"]["POSTGRES_PASSWORD"] == address["password"]
    assert server["environment"]["POSTGRES_DB"] == address["dbname"]
    assert course["depends_on"][address["host"]] == {"condition": "service_healthy"}
    assert server["healthcheck"]["test"]


def test_postgresql_takes_what_the_container_hands_to_initdb(services: dict[str, Any]) -> None:
    """The image calls initdb with these arguments and a name for the superuser, and with nothing else that counts."""
    found = binaries.find()
    folder = Path(tempfile.gettempdir(), f"eventstore-tests-{uuid4().hex}")
    account = host.account_for(folder / "data")
    if found.major < 17 or not host.may_enter(found.folder, account):
        pytest.skip("no PostgreSQL here that knows this order of text and that an account other than root can reach")
    environment = services["postgres"]["environment"]
    given = shlex.split(environment["POSTGRES_INITDB_ARGS"])
    named = [f"--username={environment['POSTGRES_USER']}", f"--pgdata={folder / 'data'}", "--no-sync"]
    folder.mkdir()
    host.hand_over(folder, account)
    try:
        code, text = host.run(host.program(found.folder, "initdb"), [*named, *given], account)
    finally:
        host.delete_folder(folder)
    assert code == 0, text


def test_the_container_has_the_checkout_where_it_looks_for_it(
    container: dict[str, Any], services: dict[str, Any]
) -> None:
    # Paths in these files count from the folder of the first, which is the checkout: `..` is the folder that holds it.
    assert (DEVCONTAINER.parent / container["dockerComposeFile"][0]).resolve().parent == ROOT
    assert services[container["service"]]["volumes"] == ["..:/workspaces:cached"]
    assert container["workspaceFolder"] == "/workspaces/${localWorkspaceFolderBasename}"


def test_what_the_container_types_and_opens_exists(container: dict[str, Any]) -> None:
    typed = [part.split() for part in container["postCreateCommand"].split(";")]
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    assert [words[:3] for words in typed] == [["python3", "-m", "workbook"]] * len(typed)
    assert {words[3] for words in typed} <= known
    for name in container["customizations"]["codespaces"]["openFiles"]:
        assert (NOTEBOOKS / Path(name).name).exists()
        assert Path(name).parent == Path("my")


@pytest.mark.parametrize("image", ["binder", "devcontainer"])
def test_its_python_is_new_enough(image: str, services: dict[str, Any], container: dict[str, Any]) -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    text = (BINDER / "runtime.txt").read_text(encoding="utf-8").removeprefix("python-")
    if image == "devcontainer":
        text = services[container["service"]]["image"].split(":")[1]
    from packaging.specifiers import SpecifierSet

    assert text.strip() in SpecifierSet(wanted)


def test_binder_takes_the_pinned_packages() -> None:
    lines = (BINDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted, *more = [line.removeprefix("-r ") for line in lines if not line.startswith("#")]
    assert (BINDER / wanted).resolve() == ROOT / "requirements.txt"
    assert more == ["notebook"]


@pytest.mark.skipif(sys.platform == "win32", reason="Binder runs its script with bash on Linux")
def test_what_binder_runs_makes_the_copies_and_a_server(checkout_copy: Path, request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--long"):
        pytest.skip("makes a data folder of PostgreSQL in a copy of the checkout: part of the long run")
    environment = {name: value for name, value in os.environ.items() if name != "EVENTSTORE_URL"} | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(checkout_copy),
    }
    command = ["bash", ".binder/postBuild"]
    try:
        done = subprocess.run(command, cwd=checkout_copy, env=environment, capture_output=True, encoding="utf-8")
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(r"PostgreSQL 1[5-8]\.\d+ runs on 127\.0\.0\.1", done.stdout)
        assert done.stdout.endswith("PostgreSQL is stopped.\n")
        made = sorted(path.name for path in (checkout_copy / "my").iterdir())
        assert made == sorted(path.name for path in NOTEBOOKS.glob("day*.ipynb"))
    finally:
        Cluster(checkout_copy / ".localpg").remove()
