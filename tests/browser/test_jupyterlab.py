"""The first evening, in a real browser: the one command opens Day 0, cells run, an answer is typed in, and it is kept.

All of it happens in a copy of the checkout: `my/` belongs to whoever runs the tests.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import psutil
import pytest
from waiting import wait_until

from eventstore.embedded import Cluster
from workbook import __main__ as bootstrap
from workbook.paths import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="ends JupyterLab with a POSIX signal"),
    pytest.mark.skipif(
        Path(sys.prefix) != bootstrap.VENV or not bootstrap.is_ready(),
        reason="the copy of the checkout borrows the environment of python3 -m workbook; this is another one",
    ),
]

# What the command needs to be in the checkout. Not `my`, which it makes, and not `.venv`, which is linked.
CHECKOUT = ("eventstore", "notebooks", "poker", "sql", "workbook", "pyproject.toml", "requirements.txt")

# The BROWSER of this test. It writes down what it is asked to open.
BROWSER = """
import sys
from pathlib import Path
new = Path(sys.argv[1] + ".new")
new.write_text(sys.argv[2], encoding="utf-8")
new.rename(sys.argv[1])
"""

DAY_0 = "my/day00_what_are_we_building.ipynb"
DAY_5 = "my/day05_what_happened_exactly.ipynb"

# The indicator in the toolbar says "idle" before the kernel can be spoken to.
KERNEL_IS_READY = """path => {
    const notebook = window.jupyterapp?.shell.currentWidget
    const kernel = notebook?.sessionContext?.session?.kernel
    return notebook?.context?.path === path && notebook.context.isReady
        && kernel?.connectionStatus === "connected" && kernel.status === "idle"
}"""
ALL_CELLS_HAVE_RUN = """() => {
    const notebook = window.jupyterapp.shell.currentWidget
    const cells = notebook.content.model.sharedModel.cells.filter(cell => cell.cell_type === "code")
    return cells.every(cell => cell.execution_count) && notebook.sessionContext.session.kernel.status === "idle"
}"""
HAS_RUN = """place => {
    const notebook = window.jupyterapp.shell.currentWidget
    const count = notebook.content.model.cells.get(place).executionCount
    return count && notebook.sessionContext.session.kernel.status === "idle"
}"""
# Cells are read from the notebook's model, because JupyterLab draws only those in sight.
CODE_CELLS = """() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells.flatMap(
    (cell, place) => cell.cell_type === "code" ? [{...cell.toJSON(), place}] : []
)"""


@dataclass(frozen=True)
class Lab:
    """JupyterLab as the first command has started it: the copy it works in, and the address that it opened.

    That is the address of a file which leads to JupyterLab, so that the token is in no list of processes.
    """

    checkout: Path
    opened: str

    def open(self, page: Page, notebook: str) -> None:
        """Open a notebook and no other, and wait for its kernel."""
        file = Path(url2pathname(urlsplit(self.opened).path)).read_text(encoding="utf-8")
        leads_to = re.findall(r'href="(http[^"]+)"', file)[0]
        page.goto(leads_to.replace(DAY_0, notebook) + "&reset")
        page.wait_for_function(KERNEL_IS_READY, arg=notebook)


@pytest.fixture(scope="module")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The first command, typed in a fresh checkout. `browser` comes first: without one, nothing is started."""
    folder = tmp_path_factory.mktemp("an evening")
    checkout, opened = folder / "check out", folder / "opened"
    checkout.mkdir()
    for name in CHECKOUT:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, checkout / name)
    (checkout / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    # `.venv` knows the package in its own checkout; the kernels are to find that of the copy.
    environment = {name: value for name, value in os.environ.items() if name != "EVENTSTORE_URL"}
    environment |= {"PYTHONPATH": str(checkout), "EVENTSTORE_HOME": str(folder / "home")}
    environment |= {"BROWSER": f"{shlex.join([sys.executable, '-c', BROWSER, str(opened)])} %s"}
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        environment[name] = str(folder / name)
    for name in ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"):
        environment[name] = str(folder / name)
    # So that a test can ask the page for its kernel and its cells.
    config = Path(environment["JUPYTER_CONFIG_DIR"]) / "jupyter_lab_config.json"
    config.parent.mkdir()
    config.write_text(json.dumps({"LabApp": {"expose_app_in_browser": True}}), encoding="utf-8")
    cluster = Cluster(folder / "home")
    with (folder / "log").open("w+", encoding="utf-8") as log:
        command = subprocess.Popen(
            [sys.executable, "-m", "workbook"], cwd=checkout, env=environment, stdout=log, stderr=log
        )
        try:
            wait_until(lambda: opened.exists() or command.poll() is not None, "the call of the browser")
            log.seek(0)
            assert command.poll() is None, log.read()
            yield Lab(checkout, opened.read_text(encoding="utf-8"))
        finally:
            left = end(command)
            cluster.remove()
        assert not left, "JupyterLab ended without its kernels"


def end(command: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """End the command as a system does that shuts down. Returns those of its processes that did not end with it."""
    if command.poll() is not None:
        return []
    family = psutil.Process(command.pid).children(recursive=True)
    command.send_signal(signal.SIGTERM)
    command.wait()
    left: list[psutil.Process] = psutil.wait_procs(family, timeout=10)[1]
    for process in left:
        process.kill()
    return left


def cells(page: Page) -> list[dict[str, Any]]:
    """The code cells of the notebook as they are at this moment; `place` counts all cells, from 0."""
    found: list[dict[str, Any]] = page.evaluate(CODE_CELLS)
    return found


def place_of(page: Page, begins: str) -> int:
    """The place of the one code cell that begins with this text."""
    [place] = [cell["place"] for cell in cells(page) if cell["source"].startswith(begins)]
    return int(place)


def cell_at(page: Page, place: int) -> Locator:
    """A cell, drawn and in sight."""
    page.evaluate("place => window.jupyterapp.shell.currentWidget.content.scrollToItem(place)", place)
    return page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{place}"]')


def run(page: Page, begins: str) -> str:
    """Click into a cell, press Shift + Enter, and read what is printed below it."""
    place = place_of(page, begins)
    page.evaluate(
        "place => window.jupyterapp.shell.currentWidget.content.model.cells.get(place).clearExecution()", place
    )
    cell_at(page, place).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    page.wait_for_function(HAS_RUN, arg=place)
    [cell] = [cell for cell in cells(page) if cell["place"] == place]
    assert errors(cell) == []
    return "".join(output.get("text", "") for output in cell["outputs"])


def errors(cell: dict[str, Any]) -> list[str]:
    return [output["ename"] for output in cell["outputs"] if output["output_type"] == "error"]


def type_over(page: Page, begins: str, line: str, text: str) -> None:
    """In a cell, put other lines in the place of the one with this text, by mouse and keyboard."""
    cell_at(page, place_of(page, begins)).locator(".cm-line", has_text=line).click()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+End")
    page.keyboard.type(text)


def test_the_first_command_opens_day_0_and_a_cell_runs(page: Page, lab: Lab) -> None:
    page.goto(lab.opened)
    page.wait_for_function(KERNEL_IS_READY, arg=DAY_0)
    assert urlsplit(page.url).path == f"/lab/tree/{DAY_0}"
    assert page.get_by_role("heading", name="What are we building?").is_visible()
    assert run(page, "from workbook.day import") == "Day 0 is open: an empty event store, all your own.\n"


@pytest.mark.parametrize("notebook", [DAY_0, DAY_5])
def test_restart_and_run_all(page: Page, lab: Lab, notebook: str) -> None:
    lab.open(page, notebook)
    page.locator('[data-command="notebook:restart-run-all"]').click()
    page.locator(".jp-Dialog .jp-mod-accept").click()
    page.wait_for_function(ALL_CELLS_HAVE_RUN)
    ran = cells(page)
    assert [cell["execution_count"] for cell in ran] == list(range(1, len(ran) + 1))
    failed = [cell["source"] for cell in ran if errors(cell)]
    assert failed == [cell["source"] for cell in ran if "raises-exception" in cell["metadata"].get("tags", [])]
    picture = next(cell for cell in ran if any("image/png" in output.get("data", {}) for output in cell["outputs"]))
    image = cell_at(page, picture["place"]).locator("img").first
    image.wait_for()
    assert image.evaluate("image => image.complete && image.naturalWidth") > 400


def test_an_answer_is_typed_in_checked_and_kept(page: Page, lab: Lab) -> None:
    lab.open(page, DAY_0)
    run(page, "from workbook.day import")
    run(page, "# Exercise 0.1")
    assert run(page, 'check("0.1"') == "0.1 to do\n"

    wrong = 'return sum(event.event_data.get("amount", 0) for event in events[:version])'
    type_over(page, "# Exercise 0.1", "raise NotImplementedError", wrong)
    run(page, "# Exercise 0.1")
    said = run(page, 'check("0.1"')
    assert said.startswith("0.1 not yet")
    assert " Hint: " in said

    first, second = "created = events[0].event_data", wrong.replace("return", 'return sum(created["blinds"]) +')
    right = f'{first}\n{second} + sum(created["antes"])'
    type_over(page, "# Exercise 0.1", wrong, right)
    run(page, "# Exercise 0.1")
    assert run(page, 'check("0.1"') == "0.1 done (6 checks)\n"

    page.keyboard.press("ControlOrMeta+s")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    lab.open(page, DAY_0)
    answer = next(cell["source"] for cell in cells(page) if cell["source"].startswith("# Exercise 0.1"))
    assert answer.endswith(":\n    # YOUR CODE HERE\n    " + right.replace("\n", "\n    "))
    cell_at(page, place_of(page, 'check("0.1"')).get_by_text("0.1 done (6 checks)").wait_for()
    assert "0.1 done" in (lab.checkout / DAY_0).read_text(encoding="utf-8")
