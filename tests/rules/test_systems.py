"""What Linux forgives and other systems do not: text without an encoding, and what one system alone has."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("eventstore", "poker", "workbook")
SOURCES = [path for folder in (*PACKAGES, "benchmarks", "tests") for path in sorted((CHECKOUT / folder).rglob("*.py"))]

# Where everything stands that differs between systems, each with a test that plays the other systems. The second one
# runs before the first one is installed.
HOMES = ("eventstore/embedded/host.py", "workbook/__main__.py")

SOME_SYSTEMS = {
    "os": [
        *("chown", "fork", "forkpty", "getegid", "geteuid", "getgid", "getpgid", "getuid", "kill", "killpg", "mkfifo"),
        *("name", "setpgid", "setsid", "startfile", "execv", "execve", "execvp", "execvpe"),
    ],
    "signal": [
        *("CTRL_BREAK_EVENT", "CTRL_C_EVENT", "SIGALRM", "SIGBREAK", "SIGHUP", "SIGKILL", "SIGTERM", "SIGUSR1"),
        *("SIGUSR2", "alarm", "setitimer"),
    ],
    "sys": ["platform", "getwindowsversion"],
    "asyncio": ["set_event_loop_policy", "WindowsSelectorEventLoopPolicy"],
}
SOME_SYSTEMS_MODULES = {"_winapi", "fcntl", "grp", "msvcrt", "pty", "pwd", "resource", "termios", "tty", "winreg"}
SOME_SYSTEMS_OPTIONS = {"creationflags", "preexec_fn", "process_group", "start_new_session", "startupinfo"}
PLACES = ("/tmp", "/var/", "/usr/", "/dev/", "/etc/", "/proc/", "C:\\")


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_the_types_are_right_on_every_system(system: str) -> None:
    # A cache for each, because mypy empties one that another system has left.
    command = [sys.executable, "-m", "mypy", "--platform", system, "--cache-dir", f".mypy_cache/{system}"]
    command += [option for package in PACKAGES for option in ("-p", package)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


def test_text_has_an_encoding() -> None:
    # Windows would take that of an old code page. The rule is not called stable by ruff yet, and works.
    command = [sys.executable, "-m", "ruff", "check", "--preview", "--select", "PLW1514", "."]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [place for path in SOURCES for place in _pipes_without_encoding(path)] == []


def test_what_differs_between_systems_has_one_home() -> None:
    elsewhere = [path for path in SOURCES if path.relative_to(CHECKOUT).parts[0] in PACKAGES]
    found = [place for path in elsewhere for place in _special(path)]
    assert [place for place in found if not place.startswith(HOMES)] == []
    assert {home for home in HOMES if any(place.startswith(home) for place in found)} == set(HOMES)


def _pipes_without_encoding(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            options = {option.arg: option.value for option in node.keywords}
            asked_for = [options.get(name) for name in ("text", "universal_newlines")]
            if any(isinstance(value, ast.Constant) and value.value is True for value in asked_for) and (
                "encoding" not in options
            ):
                yield f"{path.relative_to(CHECKOUT).as_posix()}:{node.lineno}: text without encoding"


def _special(path: Path) -> Iterator[str]:
    """The places in a file where something stands that not every system has."""
    docstrings = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        what = None
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            docstrings.add(node.body[0].value)  # type: ignore[attr-defined]
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in SOME_SYSTEMS.get(node.value.id, ()):
                what = f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Import):
            what = next((alias.name for alias in node.names if alias.name in SOME_SYSTEMS_MODULES), None)
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names if alias.name in SOME_SYSTEMS.get(node.module or "", ())]
            what = node.module if node.module in SOME_SYSTEMS_MODULES else ", ".join(names) or None
        elif isinstance(node, ast.keyword) and node.arg in SOME_SYSTEMS_OPTIONS:
            what = f"{node.arg}="
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            what = node.value if node.value.startswith(PLACES) else None
        if what:
            yield f"{path.relative_to(CHECKOUT).as_posix()}:{node.lineno}: {what}"
