"""The rules of the house that a machine can hold: style, types, the direction of imports, small modules."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
MODULES = sorted(path for path in (CHECKOUT / "eventstore").glob("*.py") if path.name != "__init__.py")


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["importlinter.cli", "lint"],
    ],
    ids=lambda command: " ".join(command),
)
def test_linters_are_content(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=CHECKOUT, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


def test_eventstore_stays_small() -> None:
    # `__main__.py` is the entrance to the commands in `cli/`, which do not count; the folder `embedded/` counts as one.
    modules = [path for path in MODULES if path.name != "__main__.py"]
    assert len(modules) + 1 <= 20


@pytest.mark.parametrize("path", sorted((CHECKOUT / "eventstore").rglob("*.py")), ids=lambda path: path.stem)
def test_each_module_can_be_read_in_one_sitting(path: Path) -> None:
    assert lines_of_code(path.read_text(encoding="utf-8")) <= 250


def lines_of_code(source: str) -> int:
    """Lines that hold code: no docstrings, comments or blank lines."""
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in skipped
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            text = node.body[0]
            lines -= set(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    return len(lines)


def test_every_public_name_is_documented() -> None:
    import eventstore

    undocumented = [name for name in eventstore.__all__ if not getattr(eventstore, name).__doc__]
    assert not undocumented
