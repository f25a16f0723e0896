"""The public address of this repository, and the links that need it.

The address stands in one place, pyproject.toml:

    [project.urls]
    Repository = "https://github.com/OWNER/NAME"

While it is not there, no link needs it. Once it is, `python3 -m workbook run workbook.address` writes the links into
README.md, between two comments, and the address into CITATION.cff. A test compares.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from workbook.paths import NOTEBOOKS, ROOT

FORM = re.compile(r"https://github\.com/([\w-]+/[\w.-]+)")

_PLACE = re.compile(r"(<!-- links that need the address[^>]*-->\n)(.*?)(<!-- end of these links -->\n)", re.DOTALL)
_CITED = re.compile(r"^repository-code: .*\n", re.MULTILINE)


def repository(pyproject: str) -> str:
    """The address, empty where there is none yet.

    Args:
        pyproject: the text of pyproject.toml.

    Raises:
        ValueError: it is not written like an address on GitHub.
    """
    address: str = tomllib.loads(pyproject)["project"].get("urls", {}).get("Repository", "")
    if address and not FORM.fullmatch(address):
        raise ValueError(f"Repository in pyproject.toml is {address!r}: write https://github.com/OWNER/NAME")
    return address


def links(address: str) -> str:
    """The lines of README.md that need the address: run the course without installing anything, and the state of CI."""
    if not address:
        return ""
    name = address.removeprefix("https://github.com/")
    first = min(path.name for path in NOTEBOOKS.glob("day*.ipynb"))
    return (
        f"Without installing anything: [in Codespaces](https://codespaces.new/{name}), which keeps your work, or\n"
        f"[on Binder](https://mybinder.org/v2/gh/{name}/HEAD?urlpath=lab/tree/my/{first}), which does not.\n"
        "\n"
        f"![State of the tests]({address}/actions/workflows/ci.yml/badge.svg?branch=main)\n"
    )


def with_address(readme: str, citation: str, address: str) -> tuple[str, str]:
    """README.md and CITATION.cff as they are with this address, or with none.

    Raises:
        ValueError: README.md has lost the two comments.
    """
    if not _PLACE.search(readme):
        raise ValueError("README.md has no place for links: put the two comments back")
    cited = _CITED.sub("", citation)
    if address:
        cited = cited.replace("authors:\n", f"repository-code: {address}\nauthors:\n", 1)
    return _PLACE.sub(lambda found: found[1] + links(address) + found[3], readme), cited


def main(root: Path = ROOT) -> None:
    """Write both files anew where the address in pyproject.toml wants it."""
    address = repository((root / "pyproject.toml").read_text(encoding="utf-8"))
    paths = [root / "README.md", root / "CITATION.cff"]
    before = [path.read_text(encoding="utf-8") for path in paths]
    for path, old, new in zip(paths, before, with_address(before[0], before[1], address), strict=True):
        if new != old:
            path.write_text(new, encoding="utf-8", newline="\n")
            print(f"{path.name}: written")


if __name__ == "__main__":
    main()
