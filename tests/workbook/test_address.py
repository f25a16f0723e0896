"""The address of the repository stands in pyproject.toml, and wherever else it is needed it comes from there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from workbook.address import main, repository, with_address
from workbook.paths import ROOT

ADDRESS = "https://github.com/some-school/event-store"
SET = f'[project]\nname = "x"\n[project.urls]\nRepository = "{ADDRESS}"\n'
# Where a link leads that needs to know the repository, and what people write who do not know it yet.
NEEDS_IT = ("mybinder.org/v2", "codespaces.new/", "badge.svg", "your-org", "your-user")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_readme_and_citation_are_what_the_address_gives() -> None:
    address = repository(text("pyproject.toml"))
    assert (text("README.md"), text("CITATION.cff")) == with_address(text("README.md"), text("CITATION.cff"), address)


def test_no_other_file_knows_the_address() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, encoding="utf-8")
    if listed.returncode != 0:
        pytest.skip("this folder is no Git checkout, so nobody says which files belong to it")
    written_here = {"pyproject.toml", "README.md", "CITATION.cff", "workbook/address.py"}
    written_here.add(Path(__file__).relative_to(ROOT).as_posix())
    address = repository(text("pyproject.toml"))
    wanted = (*NEEDS_IT, *([address.lower()] if address else []))
    found = []
    for name in set(listed.stdout.split("\0")) - written_here - {""}:
        path = ROOT / name
        if path.is_file() and b"\0" not in (content := path.read_bytes()):
            found += [f"{name}: {needle}" for needle in wanted if needle in content.decode("utf-8").lower()]
    assert found == []


def test_once_it_is_set_one_command_writes_the_links_and_without_it_they_go(tmp_path: Path) -> None:
    for name in ("README.md", "CITATION.cff"):
        (tmp_path / name).write_text(text(name), encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(SET, encoding="utf-8")
    main(tmp_path)
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "https://codespaces.new/some-school/event-store)" in readme
    assert "/v2/gh/some-school/event-store/HEAD?urlpath=lab/tree/my/day00_what_are_we_building.ipynb)" in readme
    citation = yaml.safe_load((tmp_path / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["repository-code"] == ADDRESS

    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n', encoding="utf-8")
    main(tmp_path)
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert not any(needle in readme for needle in NEEDS_IT)
    assert "repository-code" not in (tmp_path / "CITATION.cff").read_text(encoding="utf-8")


@pytest.mark.parametrize("address", ["github.com/a/b", "https://github.com/a", "https://github.com/a/b/", "OWNER/NAME"])
def test_what_is_no_address_is_named(address: str) -> None:
    with pytest.raises(ValueError, match=r"write https://github\.com/OWNER/NAME"):
        repository(SET.replace(ADDRESS, address))
