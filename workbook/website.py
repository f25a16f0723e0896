"""Build the site with Sphinx, from the notebooks as they are stored and from the docstrings."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from workbook.__main__ import install_more
from workbook.address import repository
from workbook.pages import stage
from workbook.paths import ROOT

BUILD = ROOT / "build" / "site"


def is_installed() -> bool:
    """Whether Sphinx is there, with its theme and its reader of notebooks."""
    return all(find_spec(name) for name in ("sphinx", "furo", "myst_nb"))


def install_sphinx() -> None:
    """Install what the site needs into `.venv`.

    Raises:
        SetUpError: it cannot be had. The text says why.
    """
    install_more(ROOT / "docs" / "requirements.txt")


def build_site(target: Path = BUILD) -> Path | None:
    """Build every page. No server, no kernel and no network is needed; a warning is an error.

    Args:
        target: the folder to build in.

    Returns:
        The first page, or None where Sphinx has found a fault, which it has printed.

    Raises:
        ValueError: the address of the repository in pyproject.toml is none.
    """
    if target.exists():  # what was left of another build would be published as well
        shutil.rmtree(target)
    address = repository((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    stage(ROOT, target / "source", address)
    pages = target / "html"
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "--conf-dir", str(ROOT / "docs")]
    done = subprocess.run([*command, str(target / "source"), str(pages)], cwd=ROOT)
    return pages / "index.html" if done.returncode == 0 else None
